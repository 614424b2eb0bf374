// The owner of a ring: appends, gives up, starts again, and knows what must be there. What a ring promises: every
// record that was acknowledged and not given up is there, byte for byte, in order; of a batch that was not
// acknowledged a prefix may be, and then stays; nothing else is, ever.

import { crc32 } from '../../firmware/link/crc.ts';
import { BATCH_MAX } from '../../hal/ring.ts';
import type * as ringModule from '../../hal/ring.ts';
import type { Placed, Ring, RingRecord } from '../../hal/ring.ts';
import { openNor } from '../testbed/nor.ts';
import type { Random } from '../testbed/random.ts';
import type { Bench } from './fork.ts';
import { checkRules } from './fork.ts';
import { Complaint } from './tally.ts';

/** hal/ring.ts, or the same with a mistake planted in it. */
export type RingCode = Pick<
  typeof ringModule,
  'openRing' | 'append' | 'reclaim' | 'roomOf' | 'readRecord' | 'firstRecord' | 'nextRecord' | 'eraseAhead'
>;

interface Known extends RingRecord {
  at: number;
  /** false: bits of it may be in doubt, and so it may be there or not */
  sure: boolean;
}

export interface RingModel {
  /** what was seen or acknowledged, by address */
  known: Known[];
  /** address from which on all is needed */
  kept: number;
  /** the batch that is on its way to flash */
  pending: RingRecord[] | null;
  /** of batches that power has cut: what is not seen, and may be seen later where bits are in doubt, until one is appended */
  maybe: RingRecord[];
  /** of the next record */
  serial: number;
  salt: number;
}

/** The ring's region begins here, and another sector is left behind it: what is beside it is not its own. */
const FIRST = 1;
export const BESIDE = 2;
const WALK_MAX = 5000;
/** Before the bytes of a record. */
const RECORD_HEADER = 8;
/** That a record takes beside its bytes, at most: header and blanks up to the next. */
const HEADER = 12;

export function ringModel(): RingModel {
  return { known: [], kept: 0, pending: null, maybe: [], serial: 1, salt: 7 };
}

export function copyRingModel(model: RingModel): RingModel {
  return { ...model, known: model.known.slice(), maybe: model.maybe.slice() };
}

function same(a: RingRecord, b: RingRecord): boolean {
  if (a.kind !== b.kind || a.bytes.length !== b.bytes.length) return false;
  for (let i = 0; i < a.bytes.length; i++) if (a.bytes[i] !== b.bytes[i]) return false;
  return true;
}

function told(record: { at?: number; kind: number; bytes: Uint8Array }): string {
  return `kind ${record.kind}, ${record.bytes.length} B${record.at === undefined ? '' : ` at ${record.at}`}`;
}

/** The region of a flash that the ring may touch. */
export function sectorsOf(bench: { flash: { sectors: number } }): number {
  return bench.flash.sectors - BESIDE;
}

export class RingOwner {
  readonly bench: Bench<RingModel>;
  readonly random: Random;
  readonly #code: RingCode;
  #ring: Ring;

  /** Starts from what is on flash, and checks it. */
  constructor(code: RingCode, bench: Bench<RingModel>, random: Random) {
    this.#code = code;
    this.bench = bench;
    this.random = random;
    this.#ring = this.mount();
  }

  get ring(): Ring {
    return this.#ring;
  }

  /** As after a boot, all that was in memory forgotten. */
  mount(): Ring {
    const { bench } = this;
    bench.tally.mounts++;
    bench.readOnly = true;
    this.#ring = this.#code.openRing(bench.flash, crc32, FIRST, sectorsOf(bench), bench.model.salt);
    this.#check();
    bench.readOnly = false;
    return this.#ring;
  }

  /** All records that the ring has, in its order. */
  walk(): Placed[] {
    const out: Placed[] = [];
    for (let r = this.#code.firstRecord(this.#ring); r; r = this.#code.nextRecord(this.#ring, r)) {
      out.push(r);
      if (out.length > WALK_MAX) throw new Complaint('its records have no end');
    }
    return out;
  }

  #check(): void {
    const { model, left, torn } = this.bench;
    const { known, kept } = model;
    /** bits of what power cut may be in doubt */
    const doubtful = torn === 'unstable' && left?.how === 'random';
    const pending = model.pending ?? [];
    let taken = 0;
    let next = 0;
    let before = -1;
    const late: Known[] = [];
    /** there before, its bits in doubt, and not now */
    const away: RingRecord[] = [];
    for (const record of this.walk()) {
      if (record.at <= before) throw new Complaint(`after ${before} comes a record at ${record.at}`);
      before = record.at;
      for (; next < known.length && (known[next] as Known).at < record.at; next++) {
        this.#missing(known[next] as Known, away);
      }
      const expected = known[next];
      if (expected?.at === record.at) {
        next++;
        if (!same(expected, record))
          throw new Complaint(`a record has changed: ${told(record)}, was ${told(expected)}`);
        continue;
      }
      const wanted = pending[taken];
      if (wanted && same(wanted, record) && next === known.length) {
        taken++;
        late.push({ at: record.at, kind: record.kind, bytes: wanted.bytes, sure: !doubtful });
        continue;
      }
      const other = pending.findIndex((one) => same(one, record));
      if (other > taken) throw new Complaint(`record ${other} of a batch is there without record ${taken}`);
      if (model.maybe.some((one) => same(one, record))) {
        if (record.at < kept) continue;
        known.splice(next++, 0, { at: record.at, kind: record.kind, bytes: record.bytes, sure: false });
        continue;
      }
      throw new Complaint(`nobody has appended this record: ${told(record)}, number ${record.number}`);
    }
    for (; next < known.length; next++) this.#missing(known[next] as Known, away);
    model.maybe.push(...away);
    if (away.length > 0) model.known = known.filter((one) => !away.includes(one));
    if (doubtful) model.maybe.push(...pending);
    model.known.push(...late);
    model.pending = null;
    this.#forget();
    const lost = (this.#ring as { lost?: number }).lost ?? 0;
    if (lost > 0) throw new Complaint(`it says that ${lost} records are lost`);
    this.#spot();
  }

  #missing(record: Known, maybe: RingRecord[]): void {
    if (!record.sure) maybe.push(record);
    else if (record.at >= this.bench.model.kept) throw new Complaint(`a record is lost: ${told(record)}`);
  }

  /** One record by its address. */
  #spot(): void {
    const { known, kept } = this.bench.model;
    const needed = known.filter((one) => one.sure && one.at >= kept);
    const one = needed[this.random.bits() % Math.max(1, needed.length)];
    if (!one) return;
    const there = this.#code.readRecord(this.#ring, one.at);
    if (!there || !same(there, one)) throw new Complaint(`by its address a record is not there: ${told(one)}`);
  }

  /** What can no longer be on flash. */
  #forget(): void {
    const { model, flash } = this.bench;
    const last = model.known[model.known.length - 1];
    if (!last) return;
    const oldest = Math.min(model.kept, last.at - flash.sectors * flash.sectorBytes);
    if ((model.known[0] as Known).at < oldest) model.known = model.known.filter((one) => one.at >= oldest);
  }

  /** Records of these lengths, each unlike any other if it has four bytes. */
  records(lengths: number[]): RingRecord[] {
    return lengths.map((length) => {
      const bytes = new Uint8Array(length);
      const fill = this.random.bits() & 7;
      for (let i = 0; i < length; i++) bytes[i] = fill === 0 ? 0xff : fill === 1 ? 0 : this.random.bits();
      const serial = this.bench.model.serial++;
      for (let i = 0; i < 4 && i < length; i++) bytes[i] = serial >>> (8 * i);
      return { kind: this.random.bits() % 15, bytes };
    });
  }

  /**
   * A record that holds what this ring would write next, header, number and all: where the record is torn, and what is
   * in it is whole, nobody may take that for a record.
   */
  pressEcho(): void {
    const { nor, torn, model } = this.bench;
    const { sectorBytes, sectors, programBytes } = nor;
    const twin = openNor({ sectorBytes, sectors, programBytes, torn });
    twin.restore(nor.save());
    let written = new Uint8Array(0);
    const flash = {
      ...twin,
      program(at: number, bytes: Uint8Array) {
        written = bytes.slice();
        twin.program(at, bytes);
      },
    };
    const { openRing, append } = this.#code;
    const ring = openRing(flash, crc32, FIRST, sectorsOf(this.bench), model.salt);
    for (let i = 0; i < 2; i++) append(ring, this.records([20]));
    // at the next place where a batch might begin
    const unit = Math.max(4, programBytes);
    const before = (unit - (RECORD_HEADER % unit)) % unit;
    const bytes = new Uint8Array(before + written.length);
    bytes.set(written, before);
    this.#appendAll([{ kind: 3, bytes }]);
  }

  /** One batch; false: there is no room for it. */
  append(lengths: number[]): boolean {
    return this.#appendAll(this.records(lengths));
  }

  #appendAll(batch: RingRecord[]): boolean {
    const { model } = this.bench;
    model.pending = batch;
    const at = this.#code.append(this.#ring, batch);
    model.pending = null;
    checkRules(this.bench.nor);
    if (at === null) return false;
    // what this start has seen before it is certain from now on, and what it has not seen is gone
    if (model.known.some((one) => !one.sure)) model.known = model.known.map((one) => ({ ...one, sure: true }));
    model.maybe = [];
    if (at.length !== batch.length) throw new Complaint(`${batch.length} records were appended at ${at.length} places`);
    for (let i = 0; i < batch.length; i++) {
      const last = model.known[model.known.length - 1];
      const place = at[i] as number;
      if (last && place <= last.at) throw new Complaint(`a record is at ${place}, after one at ${last.at}`);
      model.known.push({ ...(batch[i] as RingRecord), at: place, sure: true });
    }
    return true;
  }

  /** Gives up all but so many of the newest records. */
  keep(records: number): void {
    const { model } = this.bench;
    const from = model.known[Math.max(0, model.known.length - records)];
    if (!from) return;
    model.kept = Math.max(model.kept, from.at);
    // a ring that was started anew may not know any more what was given up before
    this.#code.reclaim(this.#ring, model.kept);
    checkRules(this.bench.nor);
  }

  /** How many records are needed. */
  needed(): number {
    const { known, kept } = this.bench.model;
    return known.filter((one) => one.at >= kept).length;
  }

  /** One batch, for which whatever is needed is given up. */
  press(lengths: number[]): void {
    if (this.append(lengths)) return;
    this.keep(Math.ceil(this.needed() / 2));
    if (this.append(lengths)) return;
    this.keep(1);
    if (this.append(lengths) || !this.#mustFit(lengths)) return;
    const what = `${lengths.reduce((sum, n) => sum + n, 0)} B in ${lengths.length} records`;
    const room = this.#code.roomOf(this.#ring, BATCH_MAX);
    throw new Complaint(`there is no room for ${what} though all but one record is given up: room ${room}`);
  }

  /**
   * Enough is free for certain: the last record may begin at the end of its sector, and be copied to the next one; the
   * batch follows it; and for a copy of the batch there must be place in another sector.
   */
  #mustFit(lengths: number[]): boolean {
    const { model, flash } = this.bench;
    const unit = Math.max(4, flash.programBytes);
    const round = (bytes: number) => Math.ceil(bytes / unit) * unit;
    const data = flash.sectorBytes - round(HEADER);
    const batch = round(lengths.reduce((sum, n) => sum + n + HEADER, 0));
    const last = round((model.known[model.known.length - 1]?.bytes.length ?? 0) + HEADER);
    return 2 * (last + batch) + 3 * data + 4 * round(HEADER) <= (flash.sectors - BESIDE) * data;
  }

  /** The flash beside its region is as it was. */
  checkBeside(): void {
    const { bytes, sectorBytes } = this.bench.nor;
    for (let i = 0; i < sectorBytes; i++) {
      if (bytes[i] !== 0xff || bytes[bytes.length - 1 - i] !== 0xff)
        throw new Complaint('it has written outside its region');
    }
  }

  ahead(): boolean {
    const erased = this.#code.eraseAhead(this.#ring);
    checkRules(this.bench.nor);
    return erased;
  }
}
