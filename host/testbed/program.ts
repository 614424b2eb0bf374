// The program of a virtual board's process. From a checkout it is bundled once, so that a board boots in a tenth of a
// second and not through a compiler.

import { join } from 'node:path';
import { build } from 'esbuild';
import { entry } from './entry.ts';

/** Arguments for node. `folder`: for the bundled program. */
export async function boardProgram(folder: string): Promise<string[]> {
  const args = entry('board-process');
  const source = args[args.length - 1] as string;
  if (!source.endsWith('.ts')) return args;
  const outfile = join(folder, 'board-process.mjs');
  await build({
    entryPoints: [source],
    outfile,
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    logLevel: 'silent',
  });
  return [outfile];
}
