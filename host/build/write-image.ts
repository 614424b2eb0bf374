// npx tsx host/build/write-image.ts TARGET FILE: the firmware as JerryScript on that target runs it (boards/native/PORTING.md).

import { writeFileSync } from 'node:fs';
import { EXIT, Failure } from '../failure.ts';
import { boardBundle } from './bundle.ts';
import { BUNDLE_AT } from './bundle-at.ts';
import type { NativeTarget } from './engine-parts.ts';
import { bundleFor, whyNoImage } from './image.ts';

const [target = '', file] = process.argv.slice(2);
if (!(target in BUNDLE_AT) || file === undefined) {
  console.error(`usage: npx tsx host/build/write-image.ts ${Object.keys(BUNDLE_AT).join('|')} FILE`);
  process.exit(2);
}
try {
  const user = { engine: 'jerryscript', target: target as NativeTarget };
  const why = whyNoImage(user);
  if (why !== null) throw new Failure('E_ENGINE', EXIT.refused, why);
  writeFileSync(file, await bundleFor(user, (await boardBundle()).text));
} catch (error) {
  if (!(error instanceof Failure)) throw error;
  console.error(`${error.code}: ${error.message}${error.next === '' ? '' : `; ${error.next}`}`);
  process.exit(error.exit);
}
