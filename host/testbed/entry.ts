// How to run another of our programs in a process of its own: from TypeScript in a checkout, from dist/ otherwise.

import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

/** Arguments for `process.execPath` that run `<name>.ts` of this folder, or `<name>.js` beside the built command. */
export function entry(name: string): string[] {
  const here = fileURLToPath(import.meta.url);
  if (!here.endsWith('.ts')) return [join(dirname(here), `${name}.js`)];
  const tsx = createRequire(import.meta.url).resolve('tsx');
  return ['--import', pathToFileURL(tsx).href, join(dirname(here), `${name}.ts`)];
}
