// What a board with the official Espruino interpreter runs: the firmware, and the driver that gives it what Espruino
// has; one text, for it is evaluated where it stands in flash.

import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { boardBundle, boardScript } from './bundle.ts';
import { root } from './root.ts';

/** The driver as an ES5 script that defines the global `understudyDrive` (hal/espruino.ts). */
export async function espruinoDriver(): Promise<string> {
  if (!existsSync(join(root(), 'hal', 'espruino.ts'))) {
    return readFileSync(join(root(), 'dist', 'espruino.js'), 'utf8');
  }
  return (await boardScript("import { drive } from './espruino.ts';", 'understudyDrive', 'drive', 'hal')).text;
}

/** The text of a slot (hal/BOOT.md). */
export async function espruinoProgram(): Promise<string> {
  return `${(await boardBundle()).text}\n${await espruinoDriver()}`;
}
