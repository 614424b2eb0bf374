// understudy init: the sample mission as the start of a system of one's own.

import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import type { Command } from 'commander';
import { root } from '../build/root.ts';
import { FORMATS, schemaOf } from '../describe/formats.ts';
import { EXIT, Failure } from '../failure.ts';
import { createOutput } from './output.ts';

/** What the mission is made of; what flies it for our tests stays here. */
const PARTS = ['system.json', 'testbed.json', 'components', 'upgrades', 'plant.ts', 'recording.ts'];
const SCHEMAS = 'schema';

/** recording.ts throws it; a device world runs in the testbed's process, and stands alone. */
const FAILURE = `// An error of the device world: a code, the cause, and what to do next.

export const EXIT = { usage: 2 } as const;

export class Failure extends Error {
  readonly code: string;
  readonly exit: number;
  readonly next: string;

  constructor(code: string, exit: number, cause: string, next = '') {
    super(cause);
    this.code = code;
    this.exit = exit;
    this.next = next;
  }
}
`;

function filesOf(folder: string, path: string): string[] {
  const at = join(folder, path);
  if (!statSync(at).isDirectory()) return [path];
  return readdirSync(at)
    .sort()
    .flatMap((name) => filesOf(folder, join(path, name)));
}

/** As it stands in a folder of its own: types come from the package, schemas lie beside the files. */
function detached(text: string, file: string): string {
  if (!file.endsWith('.json')) {
    return text.replaceAll("'../lab.ts'", "'understudy'").replaceAll("'../failure.ts'", "'./failure.ts'");
  }
  const depth = file.split(/[\\/]/).length - 1;
  return text.replace(/"\$schema": "[^"]*\/(\w+\.json)"/, `"$schema": "${'../'.repeat(depth) || './'}${SCHEMAS}/$1"`);
}

/** Writes the mission into a folder that is new or empty; returns what was written. Throws Failure. */
export function createMission(folder: string): string[] {
  if (existsSync(folder) && (!statSync(folder).isDirectory() || readdirSync(folder).length > 0)) {
    throw new Failure('E_EXISTS', EXIT.usage, `${folder} is there already, and not empty`, 'name a new folder');
  }
  const mission = join(root(), 'host', 'mission');
  const files: Record<string, string> = { 'failure.ts': FAILURE, '.gitignore': '.understudy/\nnode_modules/\n' };
  for (const file of PARTS.flatMap((part) => filesOf(mission, part))) {
    files[file] = detached(readFileSync(join(mission, file), 'utf8'), file);
  }
  for (const format of Object.keys(FORMATS)) {
    files[join(SCHEMAS, `${format}.json`)] = `${JSON.stringify(schemaOf(format), null, 2)}\n`;
  }
  try {
    for (const [file, text] of Object.entries(files)) {
      mkdirSync(join(folder, file, '..'), { recursive: true });
      writeFileSync(join(folder, file), text);
    }
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    const exit = code === 'EACCES' || code === 'EROFS' ? EXIT.permission : EXIT.usage;
    throw new Failure('E_WRITE', exit, `cannot write ${folder}: ${(error as Error).message}`, 'name another folder');
  }
  return Object.keys(files).sort();
}

function nextSteps(folder: string): string {
  return `next:
  cd ${relative('.', folder) || '.'}
  npx understudy testbed up                        boards on this machine
  npx understudy flash                             the system onto them
  npx understudy stage upgrades/A/upgrade.json     an upgrade, while they keep working
  npx understudy start --wait 120                  under guard; A commits, B is reverted
  npx understudy testbed down
your own: components/ has the modules, system.json who sends what to whom, plant.ts the device world`;
}

export function register(program: Command): void {
  program
    .command('init')
    .argument('<folder>', 'a folder that is new or empty')
    .description('copy the sample mission, as the start of a system of your own')
    .option('--json', 'data on stdout and errors on stderr as JSON')
    .action((path, options) => {
      const out = createOutput(options.json === true);
      const folder = resolve(path);
      const files = createMission(folder);
      out.data({ folder, files }, () => `${folder}: ${files.length} files`);
      out.say(nextSteps(folder));
    });
}
