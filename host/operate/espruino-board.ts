// What a type of board with the official Espruino interpreter means for its boot code: ports, pins, where programs stand.

import type { EspruinoBoard, EspruinoWire } from '../build/espruino.ts';
import type { BoardType } from '../describe/board.ts';
import { SECTORS_LEAST } from '../describe/board.ts';
import { EXIT, Failure } from '../failure.ts';
import { programsOf } from './programs.ts';

/** Time that an interpreter takes to notice a byte decides how long a slot of the shared wire must be (hal/BUS.md). */
const SLOT_MS = 20;
const WATCHDOG_MS = 8000;
/** A new board can be held back on its console for so long. */
const WAIT_MS = 400;
const BITS_PER_BYTE = 10;

export interface Placed {
  board: EspruinoBoard;
  slots: { at: [number, number]; unitBytes: number; bytes: number } | null;
}

function wireOf(given: { uart: string; tx: string | null; rx: string | null; baud: number }): EspruinoWire {
  const options = { ...(given.tx ? { tx: given.tx } : {}), ...(given.rx ? { rx: given.rx } : {}) };
  return { uart: given.uart, baud: given.uart === 'USB' ? 0 : given.baud, options };
}

/** `programBytes` of the program; `boards`: all of the system, in an order that is the same for each. Throws Failure. */
export function placeEspruino(name: string, type: BoardType, programBytes: number, boards: string[]): Placed {
  const refuse = (cause: string, next: string): never => {
    throw new Failure('E_BOARD_TYPE', EXIT.refused, `board ${name}: ${cause}`, next);
  };
  const { flash, console, bus } = type;
  const programs = programsOf(type, programBytes);
  if (!programs) return refuse(`${type.name} does not run Espruino but ${type.engine}`, 'see npx understudy board');
  if (flash.base === null || !console) {
    return refuse(
      `${type.name} does not say where its flash begins, or what its console is`,
      'complete its description',
    );
  }
  const { sectors: each, unitBytes } = programs;
  let { sectors } = flash;
  let slots: Placed['slots'] = null;
  if (each > 0) {
    sectors -= 2 * each;
    if (sectors < SECTORS_LEAST) {
      const cause = `two programs of ${programBytes} bytes take ${2 * each} of its ${flash.sectors} sectors; what is left holds no system`;
      refuse(cause, 'npx understudy board shows which boards have more');
    }
    const bytes = each * flash.sectorBytes;
    const first = flash.base + sectors * flash.sectorBytes;
    slots = { at: [first, first + bytes], unitBytes, bytes };
  }
  const address = boards.indexOf(name);
  return {
    board: {
      board: name,
      flash: { base: flash.base, sectorBytes: flash.sectorBytes, sectors, programBytes: flash.programBytes },
      link: wireOf(console),
      console: true,
      bus: bus ? wireOf(bus) : null,
      shared:
        bus && address >= 0
          ? {
              address,
              boards: boards.length,
              slotMs: bus.slotMs > 0 ? bus.slotMs : SLOT_MS,
              byteMs: (BITS_PER_BYTE * 1000) / bus.baud,
            }
          : null,
      memoryBytes: type.memoryBytes,
      traces: false,
      watchdogMs: type.watchdog ? type.watchdogMs || WATCHDOG_MS : 0,
      kept: type.keptAt ?? 0,
      slots: slots && { at: slots.at, unitBytes: slots.unitBytes },
      devices: '',
      copy: false,
      waitMs: WAIT_MS,
    },
    slots,
  };
}
