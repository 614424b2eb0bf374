// What the native board is made of beside its own sources: an engine, and tools of this machine.

import { accessSync, constants, existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { EXIT, Failure } from '../failure.ts';

export type NativeTarget = 'mps2-an385' | 'linux';

/** What an engine adds to a build. */
export interface EngineParts {
  /** C files, absolute */
  sources: string[];
  /** C files that are not ours, absolute: their warnings are not to be mended here */
  foreign: string[];
  /** -I, -D and the like */
  flags: string[];
  libraries: string[];
  /** files that its objects are made of beside all that */
  depends: string[];
}

/** What an engine is told: where files of its own may be put. */
export interface EngineContext {
  target: NativeTarget;
  folder: string;
  native: string;
}

export function missingTool(what: string, packages: string): Failure {
  return new Failure('E_TOOL', EXIT.refused, `${what} is not on this machine`, `sudo apt-get install ${packages}`);
}

/** Absolute path of a program, or the Failure that names the package which has it. */
export function findTool(name: string, packages: string): string {
  for (const folder of (process.env.PATH ?? '').split(delimiter)) {
    const file = join(folder, name);
    try {
      accessSync(file, constants.X_OK);
      return file;
    } catch {
      // the next one
    }
  }
  throw missingTool(name, packages);
}

/** Writes it where no half of it is ever seen; two builds at once do no harm. */
export async function made(file: string, make: (temporary: string) => Promise<void> | void): Promise<void> {
  const temporary = `${file}.${process.pid}.${Math.random().toString(36).slice(2)}`;
  await make(temporary);
  renameSync(temporary, file);
}

/** Where files from elsewhere stand beside each other, as a compiler wants them: copied when they have changed. */
export async function placeFile(from: string | { text: string }, to: string): Promise<void> {
  const text = typeof from === 'string' ? readFileSync(from) : Buffer.from(from.text);
  if (existsSync(to) && readFileSync(to).equals(text)) return;
  await made(to, (temporary) => writeFileSync(temporary, text));
}
