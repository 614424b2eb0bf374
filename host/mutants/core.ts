// The core with a rule changed in its source: text is replaced, and the result built and loaded anew. An anchor that
// does not stand in its file exactly once is an error: the change would not be there.

import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { build } from 'esbuild';
import type { Core } from '../explore/world.ts';
import { EXIT, Failure } from '../failure.ts';

const FIRMWARE = path.join(import.meta.dirname, '..', '..', 'firmware');

/** [file, text that stands in it once, text in its place]; for `withMistake` files of firmware/core, or `driver.ts` */
export type Change = [file: string, anchor: string, by: string];

/** Everything that the core exports, of which a world needs a part. */
export type Mutated = Core & Pick<typeof import('../../firmware/core/rules.ts'), 'forgettable' | 'contaminated'>;

/** `name` is what the error calls it where an anchor has gone. */
export async function withMistake(changes: Change[], name = 'a planted mistake'): Promise<Mutated> {
  const placed = changes.map(
    ([file, anchor, by]): Change => [file === 'driver.ts' ? file : `core/${file}`, anchor, by],
  );
  return buildChanged<Mutated>("export * from './core/rules.ts'; export * from './driver.ts';", placed, name);
}

/** The same of any code that runs the firmware: `entry` is a module in its folder, and so are the files changed. */
export async function buildChanged<T>(entry: string, changes: Change[], name: string): Promise<T> {
  const module = { exports: {} };
  new Function('module', 'exports', await changedText(entry, changes, name, 'cjs'))(module, module.exports);
  return module.exports as T;
}

/** Its text alone: a script that a board may run, as an `iife`. */
export async function changedText(
  entry: string,
  changes: Change[],
  name: string,
  format: 'cjs' | 'iife',
): Promise<string> {
  const texts = new Map<string, string>();
  for (const [file, anchor, by] of changes) {
    const full = path.join(FIRMWARE, file);
    const text = texts.get(full) ?? (await readFile(full, 'utf8'));
    const times = text.split(anchor).length - 1;
    if (times !== 1) {
      const short = path.basename(file);
      const cause = `${name}: its anchor stands ${times} times in ${short}, not once: ${JSON.stringify(anchor)}`;
      throw new Failure('E_ANCHOR', EXIT.bug, cause, `write the change for ${short} as it is now`);
    }
    texts.set(
      full,
      text.replace(anchor, () => by),
    );
  }
  const result = await build({
    stdin: { contents: entry, resolveDir: FIRMWARE, loader: 'ts' },
    bundle: true,
    write: false,
    format,
    platform: 'node',
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
  return (result.outputFiles[0] as { text: string }).text;
}
