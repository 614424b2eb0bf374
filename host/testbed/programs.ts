// The programs that boards on this machine run which are not virtual: built from boards/native, or given by their path.

import { accessSync, constants, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { findTool } from '../build/engine-parts.ts';
import { type BundleUser, bundleFor, hasImages, whyNoImage } from '../build/image.ts';
import { buildNative } from '../build/native.ts';
import { EXIT, Failure } from '../failure.ts';
import type { TestbedBoard } from './config.ts';
import { QEMU, QEMU_PACKAGE } from './emulated.ts';

/** Where no package has an interpreter that runs as it is. */
const ESPRUINO = 'UNDERSTUDY_ESPRUINO';

/** The official interpreter, built for Linux. Throws Failure E_TOOL (exit 7). */
function espruino(): string {
  const path = process.env[ESPRUINO] ?? '';
  try {
    accessSync(path, constants.X_OK);
    return path;
  } catch {
    const cause = path === '' ? 'no package has Espruino for Linux' : `${ESPRUINO}: ${path} is no program`;
    const next = `build it (BOARD=LINUX RELEASE=1 OPTIMIZEFLAGS=-O2 make) and give its path: ${ESPRUINO}=/path/to/espruino`;
    throw new Failure('E_TOOL', EXIT.refused, cause, next);
  }
}

function userOf({ kind, engine }: TestbedBoard): BundleUser | null {
  if ((kind !== 'engine' && kind !== 'emulated') || engine === 'espruino') return null;
  return { engine: engine ?? '', target: kind === 'emulated' ? 'mps2-an385' : 'linux' };
}

/**
 * Makes the images that boards run in place of the bundle's text, as files of this folder. `note` is told why a board
 * has to do with the text.
 */
export async function withImages(
  boards: TestbedBoard[],
  text: string,
  folder: string,
  note: (text: string) => void,
): Promise<TestbedBoard[]> {
  const files = new Map<string, string | null>();
  const make = async (user: BundleUser): Promise<string | null> => {
    const why = whyNoImage(user);
    if (why !== null) note(why);
    if (why !== null || !hasImages(user)) return null;
    const file = join(folder, `board-${user.target}.image`);
    writeFileSync(file, await bundleFor(user, text));
    return file;
  };
  const out: TestbedBoard[] = [];
  for (const board of boards) {
    const user = userOf(board);
    const key = user ? `${user.target} ${user.engine}` : '';
    if (user && !files.has(key)) files.set(key, await make(user));
    const image = files.get(key);
    out.push(image ? { ...board, image } : board);
  }
  return out;
}

/** Finds or builds what each board needs. Throws Failure E_TOOL, which names the package or the variable. */
export async function withPrograms(boards: TestbedBoard[]): Promise<TestbedBoard[]> {
  const made = new Map<string, Promise<string>>();
  const make = async (board: TestbedBoard): Promise<string> => {
    const user = userOf(board);
    if (!user) return espruino();
    // asked first: a build takes its time
    if (board.kind === 'emulated') findTool(QEMU, QEMU_PACKAGE);
    return (await buildNative(user)).program;
  };
  return Promise.all(
    boards.map(async (board) => {
      if (board.kind !== 'engine' && board.kind !== 'emulated') return board;
      const key = `${board.kind} ${board.engine}`;
      const known = made.get(key) ?? make(board);
      made.set(key, known);
      return { ...board, program: await known };
    }),
  );
}
