// What stands at the bundle's place of a native board. Duktape compiles the ES5 text. For JerryScript an image is made of
// that text (boards/native/jerryscript/image.h): its code runs where it stands, where a text is compiled into the heap.

import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { EXIT, Failure } from '../failure.ts';
import { BUNDLE_AT } from './bundle-at.ts';
import { made, type NativeTarget } from './engine-parts.ts';
import { withIntegers } from './integers.ts';
import { installation, JERRY } from './jerryscript.ts';
import { buildTool } from './native.ts';

const run = promisify(execFile);

export interface BundleUser {
  engine: string;
  target: NativeTarget;
}

const SAVE = 'JERRY_SNAPSHOT_SAVE';
const EXEC = 'JERRY_SNAPSHOT_EXEC';

/** Does its engine run images? */
export function hasImages({ engine }: BundleUser): boolean {
  return engine === 'jerryscript';
}

/** Null: images can be made for it; else what a user would have to do for that, and what for. */
export function whyNoImage({ engine, target }: BundleUser): string | null {
  if (!hasImages({ engine, target })) return null;
  const gain = 'so it compiles the bundle into its heap: 112 KB, where an image takes 23 (boards/native/PORTING.md)';
  const board = installation(target);
  if (!board.has(EXEC)) return `JerryScript for ${target} was built without ${EXEC}, ${gain}`;
  let host: ReturnType<typeof installation>;
  try {
    host = installation('linux');
  } catch {
    return `${JERRY} has no JerryScript for linux, which would make an image of the bundle, ${gain}`;
  }
  if (!host.has(SAVE)) return `JerryScript for linux was built without ${SAVE}, ${gain}`;
  const other =
    board.shape.find((line) => !host.shape.includes(line)) ?? host.shape.find((line) => !board.shape.includes(line));
  if (other) return `JerryScript was not built alike for linux and ${target} (${other}), ${gain}`;
  return null;
}

let tool: Promise<[program: string, folder: string]> | null = null;

/** The program that makes images, of our source and JerryScript for this machine. */
function snapshotTool(): Promise<[program: string, folder: string]> {
  tool ??= buildTool('jerryscript-snapshot', (native) => {
    const { flags, libraries, depends } = installation('linux');
    const own = (name: string): string => join(native, 'jerryscript', name);
    const sources = [own('snapshot.c'), own('no-port.c'), join(native, 'crc32.c')];
    return { sources, foreign: [], flags, libraries, depends: [...depends, own('image.h')] };
  });
  return tool;
}

async function snapshot(program: string, words: string[]): Promise<void> {
  try {
    await run(program, words);
  } catch (error) {
    const said = (error as { stderr?: string }).stderr?.trim() || (error as Error).message;
    const cause = `JerryScript makes no image of the bundle: ${said}`;
    throw new Failure('E_BUILD', EXIT.refused, cause, 'mend what it names in the source and build again');
  }
}

/** What is to stand there for this text. Throws Failure E_BUILD where the text cannot be one. */
export async function bundleFor(user: BundleUser, text: string): Promise<Uint8Array> {
  if (!hasImages(user) || whyNoImage(user) !== null) return Buffer.from(text);
  const [program, folder] = await snapshotTool();
  const address = String(BUNDLE_AT[user.target]);
  const key = createHash('sha256').update(`${program} ${address} `).update(text).digest('hex').slice(0, 16);
  const file = join(folder, `${key}.image`);
  if (!existsSync(file)) {
    const source = `${file}.${process.pid}.js`;
    writeFileSync(source, withIntegers(text));
    try {
      await made(file, (temporary) => snapshot(program, [source, temporary, address]));
    } finally {
      rmSync(source, { force: true });
    }
  }
  return readFileSync(file);
}
