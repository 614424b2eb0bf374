// The cells of a NOR flash, with the rules of real parts: programming only takes bits from 1 to 0, in whole program
// units, each once between two erases; only erasing a whole sector brings the bits back. Whatever breaks a rule throws,
// and says what was done and where. Power can go in the middle of a program or an erase; parts can rot and wear out.

import type { Flash } from '../../hal/hal.ts';
import type { Random } from './random.ts';
import { createRandom } from './random.ts';

/**
 * How far an operation came at which power went: not begun, its first half, any of its bits, or all of it, of which
 * nobody heard any more.
 */
export type Cut = 'none' | 'half' | 'random' | 'done';

export const CUTS: Cut[] = ['none', 'half', 'random', 'done'];

/**
 * What a place reads as where power went in the middle: the bits that came about, for good; bits that are in doubt, and
 * differ from one reading to the next; or nothing, for the part's own check finds a fault.
 */
export type Torn = 'bits' | 'unstable' | 'faults';

export const TORN: Torn[] = ['bits', 'unstable', 'faults'];

export interface Geometry {
  sectorBytes: number;
  sectors: number;
  /** must divide sectorBytes */
  programBytes: number;
  /** false: a unit may be programmed again before it is erased, to clear more of its bits */
  programOnce?: boolean;
  /** `bits` by default */
  torn?: Torn;
  /** of the bits in doubt */
  seed?: number;
}

/** Since the flash was opened; what was refused is not counted, what was cut short is. */
export interface NorCounts {
  reads: number;
  readBytes: number;
  programs: number;
  programmedBytes: number;
  erases: number;
  /** erases of each sector */
  sectorErases: number[];
  /** that a typical part would have taken for the programs and erases, µs */
  microseconds: number;
  /** power cuts */
  cuts: number;
}

/** All that a part would keep; of one flash, for that one or another of the same geometry. */
export interface NorState {
  bytes: Uint8Array;
  marks: Uint8Array;
  halves: Uint8Array;
  doubts: Uint8Array | null;
}

export interface Cells extends Flash {
  /** every cell, as it is now; not a copy */
  bytes: Uint8Array;
  counts: NorCounts;
  /** the first thing done against the rules: the error may have been caught by who did it */
  violation: string | null;
  /** power goes at a program or erase to come, after `more` others; `seed` says which bits where any may be */
  cut(more: number, how: Cut, seed?: number): void;
  /** takes back a power cut that has not come about */
  calm(): void;
  /** turns the bits of the mask over, whatever they are */
  rot(at: number, mask: number): void;
  /** from so many erases of the sector on (counts.sectorErases), its erases or its programs fail */
  wear(sector: number, erases: number, what?: 'erase' | 'program'): void;
  save(): NorState;
  restore(state: NorState): void;
}

/** Power went. The next call finds the flash as it was left: whoever catches this starts the board. */
export class PowerCut extends Error {}

/** The part reports a fault; no rule was broken. */
export class FlashFault extends Error {}

/** A rule of the part was broken. */
export class FlashViolation extends RangeError {}

const ERASED = 0xff;
const BLANK = 0;
const WRITTEN = 1;
const TORN_UNIT = 2;

/** Bytes in which something may stand that tells of what follows. */
const HEADER = 16;

/** A typical part (data sheets of 4 KB sectors, bytes over a serial line), µs. */
const ERASE_US = 45_000;
const PROGRAM_US = 30;
const PROGRAM_BYTE_US = 2.5;

export function hex(value: number): string {
  return `0x${value.toString(16).padStart(2, '0')}`;
}

/** Flash that is all erased, in memory. */
export function createCells(geometry: Geometry): Cells {
  const { sectorBytes, sectors, programBytes } = geometry;
  const { programOnce = true, torn = 'bits' } = geometry;
  if (!(programBytes > 0) || !(sectors > 0) || !(sectorBytes > 0) || sectorBytes % programBytes !== 0) {
    throw new RangeError(`flash geometry: ${sectors} sectors of ${sectorBytes} B, programmed by ${programBytes} B`);
  }
  const total = sectorBytes * sectors;
  const bytes = new Uint8Array(total).fill(ERASED);
  /** by program unit */
  const marks = new Uint8Array(total / programBytes);
  /** by sector: an erase was cut short */
  const halves = new Uint8Array(sectors);
  /** by byte: bits that read one way or the other; made when there are any */
  let doubts: Uint8Array | null = null;
  /** there may be something torn: reads must look */
  let suspicious = false;
  let reading = createRandom(geometry.seed ?? 1, 'doubts');
  let cut: { more: number; how: Cut; seed: number } | null = null;
  const worn = new Map<number, { erases: number; what: 'erase' | 'program' }>();

  const counts: NorCounts = {
    reads: 0,
    readBytes: 0,
    programs: 0,
    programmedBytes: 0,
    erases: 0,
    sectorErases: new Array<number>(sectors).fill(0),
    microseconds: 0,
    cuts: 0,
  };

  function violated(text: string): FlashViolation {
    cells.violation ??= `flash: ${text}`;
    return new FlashViolation(`flash: ${text}`);
  }

  function within(at: number, length: number, what: string): void {
    if (!Number.isInteger(at) || !Number.isInteger(length) || at < 0 || length < 0 || at + length > total) {
      throw violated(`${what} of ${length} B at ${hex(at)} is outside its ${total} B`);
    }
  }

  /** Power goes at this operation, if so. */
  function due(): { how: Cut; seed: number } | null {
    if (!cut) return null;
    if (cut.more-- > 0) return null;
    const now = cut;
    cut = null;
    counts.cuts++;
    return now;
  }

  function doubtsOf(): Uint8Array {
    doubts ??= new Uint8Array(total);
    return doubts;
  }

  /** All is checked before the first cell changes: a refused program leaves the flash as it was. */
  function checkProgram(at: number, data: Uint8Array): void {
    within(at, data.length, 'program');
    const what = `program of ${data.length} B at ${hex(at)}`;
    if (at % programBytes !== 0 || data.length % programBytes !== 0) {
      throw violated(`${what} is not in whole units of ${programBytes} B`);
    }
    const end = at + data.length;
    for (let sector = Math.floor(at / sectorBytes); sector * sectorBytes < end; sector++) {
      if (halves[sector])
        throw violated(`${what}: the erase of sector ${sector} was cut short, it must be erased again`);
    }
    for (let unit = at / programBytes; unit * programBytes < end; unit++) {
      if (marks[unit] !== BLANK && programOnce) {
        const first = hex(unit * programBytes);
        throw violated(`${what}: the unit at ${first} was programmed already since its erase`);
      }
    }
    for (let i = 0; i < data.length; i++) {
      const old = bytes[at + i] as number;
      const wanted = data[i] as number;
      if ((old & wanted) === wanted) continue;
      const text = `at ${hex(at + i)} programming ${hex(wanted)} over ${hex(old)} would raise a bit`;
      // where nobody has programmed anything, it is the part's own doing
      if (marks[Math.floor((at + i) / programBytes)] === BLANK) throw new FlashFault(`flash: ${text}: the cell is bad`);
      throw violated(text);
    }
  }

  /** A bit that is to be programmed, by chance: [byte of the data, mask]; null: there is none. */
  function someBit(at: number, data: Uint8Array, random: Random): [number, number] | null {
    // often in what stands first: a header
    const from = random.bits() % Math.max(1, Math.min(data.length, random.bits() & 1 ? HEADER : data.length));
    for (let i = 0; i < data.length; i++) {
      const place = (from + i) % data.length;
      const wanted = (bytes[at + place] as number) & ~(data[place] as number);
      for (let bit = random.bits() & 7, n = 0; wanted && n < 8; bit = (bit + 1) & 7, n++) {
        if (wanted & (1 << bit)) return [place, 1 << bit];
      }
    }
    return null;
  }

  /**
   * The program comes about as far as it comes: arbitrary bits of what was asked. Sometimes almost all or almost none of
   * them, sometimes all but one or one alone, sometimes whole units, or not at all.
   */
  function tearProgram(at: number, data: Uint8Array, seed: number): void {
    const random = createRandom(seed, 'program');
    const shape = random.bits() % 6;
    const single = shape >= 4 ? someBit(at, data, random) : null;
    for (let from = 0; from < data.length; from += programBytes) {
      const unit = (at + from) / programBytes;
      const its = single !== null && single[0] >= from && single[0] < from + programBytes;
      let fate: 'torn' | 'none' | 'done' = 'torn';
      if (shape === 1) fate = (['torn', 'none', 'done'] as const)[random.bits() % 3] as typeof fate;
      if (shape === 4 && !its) fate = 'done';
      if (shape === 5 && !its) fate = 'none';
      if (fate === 'none') continue;
      if (fate === 'done') {
        bytes.set(data.subarray(from, from + programBytes), at + from);
        marks[unit] = WRITTEN;
        continue;
      }
      let asked = 0;
      let reached = 0;
      for (let i = from; i < from + programBytes; i++) {
        const old = bytes[at + i] as number;
        const wanted = old & ~(data[i] as number);
        const one = single && single[0] === i ? single[1] : 0;
        let doing = random.bits();
        if (shape === 2) doing |= random.bits() | random.bits() | random.bits();
        if (shape === 3) doing &= random.bits() & random.bits() & random.bits();
        if (shape === 4) doing = ~one;
        if (shape === 5) doing = one;
        doing &= wanted;
        let doubtful = 0;
        if (torn === 'unstable') {
          doubtful = wanted & random.bits();
          if (shape === 2 || shape === 4) doubtful = wanted & ~doing;
          // such a unit may look blank for once
          if (shape === 3 || shape === 5) doubtful = doing;
          if (doubtful) doubtsOf()[at + i] = (doubtsOf()[at + i] as number) | doubtful;
          doing &= ~doubtful;
        }
        asked |= wanted;
        reached |= doing | doubtful;
        bytes[at + i] = old & ~doing;
      }
      // a unit of which no cell was reached is as it was; whether one to which only blanks go was reached, nobody knows
      if (reached || !asked || torn === 'faults') marks[unit] = TORN_UNIT;
    }
    suspicious = true;
  }

  function halfProgram(at: number, data: Uint8Array): void {
    const half = data.length >> 1;
    bytes.set(data.subarray(0, half), at);
    for (let from = 0; from < half; from += programBytes) {
      marks[(at + from) / programBytes] = from + programBytes <= half ? WRITTEN : TORN_UNIT;
    }
    suspicious = true;
  }

  function halfErase(sector: number): void {
    const from = sector * sectorBytes;
    bytes.fill(ERASED, from, from + (sectorBytes >> 1));
    halves[sector] = 1;
    suspicious = true;
  }

  /** The erase comes about as far as it comes. What was there may be there still, blank, or turned into anything. */
  function tearErase(sector: number, seed: number): void {
    const random = createRandom(seed, 'erase');
    const shape = random.bits() % 5;
    const border = sector * sectorBytes + (random.bits() % sectorBytes);
    for (let at = sector * sectorBytes; at < (sector + 1) * sectorBytes; at++) {
      const old = bytes[at] as number;
      const bits = random.bits();
      let now = old | (bits & 0xff);
      if (shape === 1) now = bits & 0xff;
      if (shape === 2) now = ERASED;
      if (shape === 3) now = bits >>> 25 === 0 ? now : old;
      if (shape === 4) now = at < border ? old : ERASED;
      bytes[at] = now;
      if (torn === 'unstable') doubtsOf()[at] = (bits >>> 16) & random.bits() & 0xff;
    }
    halves[sector] = 1;
    suspicious = true;
  }

  function checkRead(at: number, length: number, out: Uint8Array): void {
    if (torn === 'faults') {
      for (let sector = Math.floor(at / sectorBytes); sector * sectorBytes < at + length; sector++) {
        if (halves[sector]) {
          throw new FlashFault(`flash: read of ${length} B at ${hex(at)}: the erase of sector ${sector} was cut short`);
        }
      }
      for (let unit = Math.floor(at / programBytes); unit * programBytes < at + length; unit++) {
        if (marks[unit] === TORN_UNIT) {
          const place = hex(unit * programBytes);
          throw new FlashFault(
            `flash: read of ${length} B at ${hex(at)}: the program of the unit at ${place} was cut short`,
          );
        }
      }
    }
    if (!doubts) return;
    for (let i = 0; i < length; i++) {
      const doubt = doubts[at + i] as number;
      if (doubt) out[i] = (out[i] as number) ^ (doubt & reading.bits());
    }
  }

  const cells: Cells = {
    sectorBytes,
    sectors,
    programBytes,
    bytes,
    counts,
    violation: null,
    read(at, length) {
      within(at, length, 'read');
      counts.reads++;
      counts.readBytes += length;
      const out = bytes.slice(at, at + length);
      if (suspicious) checkRead(at, length, out);
      return out;
    },
    program(at, data) {
      checkProgram(at, data);
      const power = due();
      if (power?.how === 'none') throw new PowerCut(`power went before a program at ${hex(at)}`);
      counts.programs++;
      counts.programmedBytes += data.length;
      counts.microseconds += PROGRAM_US + PROGRAM_BYTE_US * data.length;
      const sector = Math.floor(at / sectorBytes);
      const wear = worn.get(sector);
      if (wear?.what === 'program' && (counts.sectorErases[sector] as number) >= wear.erases) {
        tearProgram(at, data, counts.programs);
        throw new FlashFault(`flash: program of ${data.length} B at ${hex(at)} failed: the sector is worn out`);
      }
      if (power?.how === 'half') halfProgram(at, data);
      else if (power?.how === 'random') tearProgram(at, data, power.seed);
      else {
        bytes.set(data, at);
        marks.fill(WRITTEN, at / programBytes, (at + data.length) / programBytes);
      }
      if (power) throw new PowerCut(`power went at a program of ${data.length} B at ${hex(at)}, ${power.how}`);
    },
    erase(sector) {
      if (!Number.isInteger(sector) || sector < 0 || sector >= sectors) {
        throw violated(`erase: no sector ${sector}; there are ${sectors}`);
      }
      const power = due();
      if (power?.how === 'none') throw new PowerCut(`power went before the erase of sector ${sector}`);
      counts.erases++;
      counts.sectorErases[sector] = (counts.sectorErases[sector] as number) + 1;
      counts.microseconds += ERASE_US;
      const wear = worn.get(sector);
      if (wear?.what === 'erase' && (counts.sectorErases[sector] as number) >= wear.erases) {
        tearErase(sector, counts.erases);
        throw new FlashFault(`flash: erase of sector ${sector} failed: it is worn out`);
      }
      if (power?.how === 'half') halfErase(sector);
      else if (power?.how === 'random') tearErase(sector, power.seed);
      else {
        bytes.fill(ERASED, sector * sectorBytes, (sector + 1) * sectorBytes);
        marks.fill(BLANK, (sector * sectorBytes) / programBytes, ((sector + 1) * sectorBytes) / programBytes);
        doubts?.fill(0, sector * sectorBytes, (sector + 1) * sectorBytes);
        halves[sector] = 0;
      }
      if (power) throw new PowerCut(`power went at the erase of sector ${sector}, ${power.how}`);
    },
    cut(more, how, seed = 1) {
      cut = { more, how, seed };
      // what is in doubt after it is decided by its seed alone
      if (torn === 'unstable') reading = createRandom(seed, 'doubts');
    },
    calm() {
      cut = null;
    },
    rot(at, mask) {
      within(at, 1, 'rot');
      bytes[at] = (bytes[at] as number) ^ mask;
    },
    wear(sector, erases, what = 'erase') {
      worn.set(sector, { erases, what });
    },
    save() {
      return { bytes: bytes.slice(), marks: marks.slice(), halves: halves.slice(), doubts: doubts?.slice() ?? null };
    },
    restore(state) {
      bytes.set(state.bytes);
      marks.set(state.marks);
      halves.set(state.halves);
      if (state.doubts) doubtsOf().set(state.doubts);
      else doubts?.fill(0);
      suspicious = marks.includes(TORN_UNIT) || halves.includes(1) || state.doubts !== null;
      cut = null;
    },
  };
  return cells;
}

/** For cells that came from elsewhere: what is not blank was programmed. Of units programmed with blanks nobody knows. */
export function marksOf(bytes: Uint8Array, programBytes: number): Uint8Array {
  const marks = new Uint8Array(bytes.length / programBytes);
  for (let i = 0; i < bytes.length; i++) if (bytes[i] !== ERASED) marks[Math.floor(i / programBytes)] = WRITTEN;
  return marks;
}
