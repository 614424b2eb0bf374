// Builds dist/: the command, the library, the programs of testbed and boards, and the bundle that boards run.

import { execFileSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { type BuildOptions, build } from 'esbuild';
import { boardBundle } from './bundle.ts';
import { BOOT_FILE, DRIVER_FILE, espruinoBoot, espruinoDriver } from './espruino.ts';
import { root } from './root.ts';

/** By name in dist/: what is built of which file in host/. */
const ENTRIES: Record<string, string> = {
  understudy: 'understudy.ts',
  index: 'index.ts',
  hil: 'hil.ts',
  demo: 'demo.ts',
  'daemon-main': 'testbed/daemon-main.ts',
};

/** Each boot of a virtual board starts this one: a file of its own, with nothing in it that a board does not need. */
const BOARD = { 'board-process': 'testbed/board-process.ts' };

const dist = join(root(), 'dist');

function present(entries: Record<string, string>): Record<string, string> {
  const out: Record<string, string> = {};
  for (const [name, file] of Object.entries(entries)) {
    const source = join(root(), 'host', file);
    if (existsSync(source)) out[name] = source;
    else console.error(`prepare: no host/${file} yet, so no dist/${name}.js`);
  }
  return out;
}

const HOST: BuildOptions = {
  bundle: true,
  platform: 'node',
  format: 'esm',
  target: 'node20',
  packages: 'external',
  outdir: dist,
  absWorkingDir: root(),
  logLevel: 'warning',
};

/** Declarations of what the package exports; `npm run check` is what checks types. */
function declare(sources: string[]): void {
  if (sources.length === 0) return;
  const typescript = createRequire(import.meta.url).resolve('typescript/package.json');
  const { bin } = JSON.parse(readFileSync(typescript, 'utf8')) as { bin: { tsc: string } };
  const options =
    '--ignoreConfig --noCheck --declaration --emitDeclarationOnly --strict --skipLibCheck --target es2022 --lib es2023 ' +
    '--types node --module esnext --moduleResolution bundler --allowImportingTsExtensions --resolveJsonModule';
  const folders = ['--rootDir', root(), '--outDir', join(dist, 'types')];
  execFileSync(process.execPath, [join(dirname(typescript), bin.tsc), ...options.split(' '), ...folders, ...sources], {
    stdio: ['ignore', 'inherit', 'inherit'],
  });
}

const entries = present(ENTRIES);
rmSync(dist, { recursive: true, force: true });
mkdirSync(dist, { recursive: true });
await Promise.all([
  build({ ...HOST, entryPoints: entries, splitting: true, chunkNames: 'chunk-[hash]' }),
  build({ ...HOST, entryPoints: present(BOARD) }),
  boardBundle().then(({ text }) => writeFileSync(join(dist, 'board.js'), text)),
  espruinoDriver().then((text) => writeFileSync(join(dist, DRIVER_FILE), text)),
  espruinoBoot().then((text) => writeFileSync(join(dist, BOOT_FILE), text)),
]);
if (entries.understudy) {
  const command = join(dist, 'understudy.js');
  writeFileSync(command, `#!/usr/bin/env node\n${readFileSync(command, 'utf8')}`);
  chmodSync(command, 0o755);
}
declare([entries.index, entries.hil].filter((source) => source !== undefined));
