// The core with a mistake planted in its source: text is replaced, and the result built and loaded anew. An anchor
// that does not stand in its file exactly once is an error: the mistake would not be there.

import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { build } from 'esbuild';
import type { Core } from '../host/explore/world.ts';

const FIRMWARE = path.join(import.meta.dirname, '..', 'firmware');

/** [file, text that stands in it once, text in its place]; files of firmware/core, or `driver.ts` */
export type Change = [file: string, anchor: string, by: string];

export async function withMistake(changes: Change[]): Promise<Core> {
  const texts = new Map<string, string>();
  for (const [file, anchor, by] of changes) {
    const name = path.join(FIRMWARE, file === 'driver.ts' ? '' : 'core', file);
    const text = texts.get(name) ?? (await readFile(name, 'utf8'));
    const times = text.split(anchor).length - 1;
    if (times !== 1) throw new Error(`anchor stands ${times} times in ${file}, not once: ${anchor}`);
    texts.set(
      name,
      text.replace(anchor, () => by),
    );
  }
  const result = await build({
    stdin: {
      contents: "export * from './core/core.ts'; export * from './driver.ts';",
      resolveDir: FIRMWARE,
      loader: 'ts',
    },
    bundle: true,
    write: false,
    format: 'cjs',
    plugins: [
      {
        name: 'mistake',
        setup(b) {
          b.onLoad({ filter: /\.ts$/ }, (args) => {
            const contents = texts.get(args.path);
            return contents === undefined ? null : { contents, loader: 'ts' };
          });
        },
      },
    ],
  });
  const module = { exports: {} };
  new Function('module', 'exports', (result.outputFiles[0] as { text: string }).text)(module, module.exports);
  return module.exports as Core;
}
