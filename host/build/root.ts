// Where the package lies, from its source and from dist alike.

import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

let found = '';

/** The package's own folder: the nearest one above this file whose package.json has our name. */
export function root(): string {
  if (found) return found;
  for (let at = dirname(fileURLToPath(import.meta.url)); ; at = dirname(at)) {
    const file = join(at, 'package.json');
    if (existsSync(file) && (JSON.parse(readFileSync(file, 'utf8')) as { name?: string }).name === 'understudy') {
      found = at;
      return at;
    }
    if (dirname(at) === at) throw new Error('the package.json of understudy is nowhere above its code');
  }
}
