// Where the two programs of a board with the official Espruino interpreter stand (hal/BOOT.md), and what flash they leave
// for the system: records, slots and journal.

import { SLOT_UNITS } from '../../hal/espruino-boot.ts';
import type { BoardType, FlashPart } from '../describe/board.ts';

/** The part of the flash that is the interpreter's own file system. */
const STORAGE = 'Storage';
/** Beside two programs: boot code, headers, and room for what the next version has more. */
const STORAGE_REST = 12 * 1024;
const GROWTH = 1.1;

export interface Programs {
  /** sectors of each, the last of the flash; 0: both are files of Storage */
  sectors: number;
  unitBytes: number;
  /** of Storage */
  storageBytes: number;
}

/** `bytes`: of a program. Null: such a board holds none, for its engine is another. */
export function programsOf({ engine, flash }: BoardType, bytes: number): Programs | null {
  if (engine !== 'espruino') return null;
  const unitBytes = Math.max(16, flash.programBytes);
  const storageBytes = flash.others.find(({ what }) => what === STORAGE)?.bytes ?? 0;
  const stored = storageBytes >= 2 * GROWTH * bytes + STORAGE_REST;
  const sectors = stored ? 0 : Math.ceil((GROWTH * bytes + SLOT_UNITS * unitBytes) / flash.sectorBytes);
  return { sectors, unitBytes, storageBytes };
}

/** Sectors that its programs take of the flash, both together. */
export function programSectors(type: BoardType, bytes: number): number {
  return 2 * (programsOf(type, bytes)?.sectors ?? 0);
}

/** The flash that so many sectors of programs leave to the system. */
export function besidePrograms(flash: FlashPart, taken: number): FlashPart {
  return { ...flash, sectors: Math.max(0, flash.sectors - taken) };
}

/** Bytes of the program of today, which is built for it; 0 where none of these types holds one. */
export async function programBytes(types: Pick<BoardType, 'engine'>[]): Promise<number> {
  if (!types.some(({ engine }) => engine === 'espruino')) return 0;
  const { espruinoProgram } = await import('../build/espruino.ts');
  return (await espruinoProgram()).length;
}
