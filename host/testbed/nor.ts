// NOR flash of a virtual board, in a file or in memory, with the rules of real parts: programming only takes bits
// from 1 to 0, in whole program units; only erasing a whole sector brings them back. What a call has done is in the
// file when it returns, so that killing the board's process is a power cut and nothing less.

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
import type { Flash } from '../../hal/hal.ts';
import { EXIT, Failure } from '../failure.ts';

export interface NorOptions {
  /** where the cells live; none: in memory only */
  file?: string;
  sectorBytes: number;
  sectors: number;
  /** must divide sectorBytes */
  programBytes: number;
}

export interface NorCounts {
  reads: number;
  programs: number;
  programmedBytes: number;
  erases: number;
  /** erases of each sector since it was opened */
  sectorErases: number[];
}

export interface Nor extends Flash {
  /** every cell, as it is now; not a copy */
  bytes: Uint8Array;
  counts: NorCounts;
  close(): void;
}

const ERASED = 0xff;

/** Opens the flash; a file that does not exist is made, all erased. Throws Failure E_FLASH_FILE (exit 9). */
export function openNor(options: NorOptions): Nor {
  const { sectorBytes, sectors, programBytes } = options;
  if (!(programBytes > 0) || !(sectors > 0) || !(sectorBytes > 0) || sectorBytes % programBytes !== 0) {
    throw new RangeError(`flash geometry: ${sectors} sectors of ${sectorBytes} B, programmed by ${programBytes} B`);
  }
  const total = sectorBytes * sectors;
  const bytes = new Uint8Array(total).fill(ERASED);
  const counts: NorCounts = {
    reads: 0,
    programs: 0,
    programmedBytes: 0,
    erases: 0,
    sectorErases: new Array<number>(sectors).fill(0),
  };
  let fd = options.file === undefined ? -1 : openCells(options.file, bytes);

  function save(at: number, length: number): void {
    if (fd < 0) return;
    let done = 0;
    while (done < length) done += writeSync(fd, bytes, at + done, length - done, at + done);
  }

  function within(at: number, length: number, what: string): void {
    if (!Number.isInteger(at) || !Number.isInteger(length) || at < 0 || length < 0 || at + length > total) {
      throw new RangeError(`flash: ${what} of ${length} B at ${hex(at)} is outside its ${total} B`);
    }
  }

  return {
    sectorBytes,
    sectors,
    programBytes,
    bytes,
    counts,
    read(at, length) {
      within(at, length, 'read');
      counts.reads++;
      return bytes.slice(at, at + length);
    },
    program(at, data) {
      within(at, data.length, 'program');
      if (at % programBytes !== 0 || data.length % programBytes !== 0) {
        throw new RangeError(
          `flash: program of ${data.length} B at ${hex(at)} is not in whole units of ${programBytes} B`,
        );
      }
      // All is checked before the first cell changes: a refused program leaves the flash as it was.
      for (let i = 0; i < data.length; i++) {
        const old = bytes[at + i] as number;
        const wanted = data[i] as number;
        if ((old & wanted) !== wanted) {
          throw new Error(`flash: at ${hex(at + i)} programming ${hex(wanted)} over ${hex(old)} would raise a bit`);
        }
      }
      bytes.set(data, at);
      counts.programs++;
      counts.programmedBytes += data.length;
      save(at, data.length);
    },
    erase(sector) {
      if (!Number.isInteger(sector) || sector < 0 || sector >= sectors) {
        throw new RangeError(`flash: no sector ${sector}; there are ${sectors}`);
      }
      bytes.fill(ERASED, sector * sectorBytes, (sector + 1) * sectorBytes);
      counts.erases++;
      counts.sectorErases[sector] = (counts.sectorErases[sector] as number) + 1;
      save(sector * sectorBytes, sectorBytes);
    },
    close() {
      if (fd >= 0) closeSync(fd);
      fd = -1;
    },
  };
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

function hex(value: number): string {
  return `0x${value.toString(16).padStart(2, '0')}`;
}
