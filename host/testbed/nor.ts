// NOR flash of a virtual board, in a file or in memory only. What a call has done is in the file when it returns, so
// that killing the board's process is a power cut and nothing less.

import {
  closeSync,
  existsSync,
  fstatSync,
  mkdirSync,
  openSync,
  readSync,
  renameSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { EXIT, Failure } from '../failure.ts';
import type { Cells, Geometry, NorState } from './cells.ts';
import { createCells, FlashViolation, marksOf } from './cells.ts';

export type { Cut, Geometry, NorCounts, NorState, Torn } from './cells.ts';
export { CUTS, FlashFault, FlashViolation, PowerCut, TORN } from './cells.ts';

export interface NorOptions extends Geometry {
  /** where the cells live; none: in memory only */
  file?: string;
}

export interface Nor extends Cells {
  close(): void;
}

/** Opens the flash; a file that does not exist is made, all erased. Throws Failure E_FLASH_FILE (exit 9). */
export function openNor(options: NorOptions): Nor {
  const cells = createCells(options);
  if (options.file === undefined) return Object.assign(cells, { close() {} });
  const { bytes, sectorBytes, program, erase, rot, restore } = cells;
  let fd = openCells(options.file, bytes);
  cells.restore({ ...cells.save(), marks: marksOf(bytes, cells.programBytes) });

  function keep(at: number, length: number): void {
    let done = 0;
    while (fd >= 0 && done < length) done += writeSync(fd, bytes, at + done, length - done, at + done);
  }

  /** Does it, and has the file follow, however far it came. */
  function kept(at: number, length: number, work: () => void): void {
    try {
      work();
    } catch (error) {
      // refused: nothing has changed, and the place may not even be there
      if (!(error instanceof FlashViolation)) keep(at, length);
      throw error;
    }
    keep(at, length);
  }

  return Object.assign(cells, {
    program(at: number, data: Uint8Array) {
      kept(at, data.length, () => program(at, data));
    },
    erase(sector: number) {
      kept(sector * sectorBytes, sectorBytes, () => erase(sector));
    },
    rot(at: number, mask: number) {
      kept(at, 1, () => rot(at, mask));
    },
    restore(state: NorState) {
      kept(0, bytes.length, () => restore(state));
    },
    close() {
      if (fd >= 0) closeSync(fd);
      fd = -1;
    },
  });
}

/** Reads the file into `bytes`, or makes it from them; returns its descriptor. */
function openCells(file: string, bytes: Uint8Array): number {
  if (!existsSync(file)) {
    // Under another name first, so that a kill in between does not leave half a flash.
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(`${file}.new`, bytes);
    renameSync(`${file}.new`, file);
  }
  const fd = openSync(file, 'r+');
  try {
    const size = fstatSync(fd).size;
    if (size !== bytes.length) {
      throw new Failure(
        'E_FLASH_FILE',
        EXIT.boardFault,
        `flash file ${file} holds ${size} B, but this type of board has ${bytes.length} B`,
        'delete the file (the board then starts with an empty flash), or give the board its former type again',
      );
    }
    let got = 0;
    while (got < size) {
      const n = readSync(fd, bytes, got, size - got, got);
      if (n === 0) throw new Failure('E_FLASH_FILE', EXIT.boardFault, `flash file ${file} ends early`, 'delete it');
      got += n;
    }
    return fd;
  } catch (error) {
    closeSync(fd);
    throw error;
  }
}
