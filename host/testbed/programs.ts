// The programs that boards on this machine run which are not virtual: built from boards/native, or given by their path.

import { accessSync, constants } from 'node:fs';
import { findTool } from '../build/engine-parts.ts';
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
    const next = `build it (BOARD=LINUX RELEASE=1 make) and give its path: ${ESPRUINO}=/path/to/espruino`;
    throw new Failure('E_TOOL', EXIT.refused, cause, next);
  }
}

/** Finds or builds what each board needs. Throws Failure E_TOOL, which names the package or the variable. */
export async function withPrograms(boards: TestbedBoard[]): Promise<TestbedBoard[]> {
  const made = new Map<string, Promise<string>>();
  const make = async ({ kind, engine }: TestbedBoard): Promise<string> => {
    if (engine === 'espruino') return espruino();
    // asked first: a build takes its time
    if (kind === 'emulated') findTool(QEMU, QEMU_PACKAGE);
    return (await buildNative({ target: kind === 'emulated' ? 'mps2-an385' : 'linux', engine: engine ?? '' })).program;
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
