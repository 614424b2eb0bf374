// The ring at work on a flash that counts. All figures but the time are exact, and the same in every run.

import type { Flash } from '../../hal/hal.ts';
import type { Ring } from '../../hal/ring.ts';
import { append, eraseAhead, firstRecord, nextRecord, openRing, readRecord, reclaim } from '../../hal/ring.ts';
import { crc32 } from '../../firmware/link/crc.ts';
import type { Nor, NorCounts } from '../testbed/nor.ts';
import { openNor } from '../testbed/nor.ts';
import type { Work } from './work.ts';
import { KIND_CHECKPOINT, KIND_LOG, PROGRAM_BYTES, SECTOR_BYTES, payloadOf, recordsOf, steps } from './work.ts';

export interface Options {
  programBytes?: number;
  /** sectors are erased between appends, as a board does in idle time */
  ahead?: boolean;
  /** a checkpoint and its logs share one write */
  together?: boolean;
  /** what the ring is given, around the flash that counts */
  around?: (flash: Flash) => Flash;
}

export interface Counted {
  records: number;
  payloadBytes: number;
  programs: number;
  programmedBytes: number;
  erases: number;
  sectorErases: number[];
  /** read by appends and reclaims */
  readBytes: number;
  /** erases that an append had to wait for */
  waited: number;
  /** the longest append and the longest reclaim, in the time that the flash would have taken, ms */
  appendMs: number;
  reclaimMs: number;
}

export interface Looked {
  mounts: number;
  /** bytes read by the mount that reads most, and by all of them on average */
  mostBytes: number;
  meanBytes: number;
  /** programs and erases of all mounts */
  writes: number;
  /** bytes read until the newest checkpoint is there: by its address, and from the oldest record on */
  findBytes: number;
  scanBytes: number;
  /** kept in memory in operation; and after a mount, until the first append */
  ramBytes: number;
  mountedRamBytes: number;
  /** what the first append after a mount programs beyond its record, most */
  firstBytes: number;
}

const SALT = 0x5eed;
const RECORD_KINDS = [KIND_CHECKPOINT, KIND_LOG] as const;

/** The ring and a workload on it, step by step. */
export class Course {
  readonly nor: Nor;
  readonly ring: Ring;
  readonly counted: Counted;
  /** address of the newest checkpoint */
  newest = -1;
  private readonly work: Work;
  private readonly options: Options;
  private readonly flash: Flash;
  /** addresses of the checkpoints that are needed, by record number */
  private readonly addresses = new Map<number, number>();

  constructor(work: Work, options: Options = {}) {
    const programBytes = options.programBytes ?? PROGRAM_BYTES;
    this.work = work;
    this.options = options;
    this.nor = openNor({ sectorBytes: SECTOR_BYTES, sectors: work.regionBytes / SECTOR_BYTES, programBytes });
    this.flash = options.around?.(this.nor) ?? this.nor;
    this.ring = this.mount();
    this.counted = {
      records: recordsOf(work),
      payloadBytes: payloadOf(work),
      programs: 0,
      programmedBytes: 0,
      erases: 0,
      sectorErases: [],
      readBytes: 0,
      waited: 0,
      appendMs: 0,
      reclaimMs: 0,
    };
  }

  /** Another ring on the same flash, as after a boot. */
  mount(): Ring {
    return openRing(this.flash, crc32, 0, this.nor.sectors, SALT);
  }

  /** What `act` does to the flash. */
  spent(act: () => void): NorCounts {
    const before = { ...this.nor.counts };
    act();
    const after = { ...this.nor.counts };
    for (const key of ['reads', 'readBytes', 'programs', 'programmedBytes', 'erases', 'microseconds'] as const) {
      after[key] -= before[key];
    }
    return after;
  }

  /** Does the work; `after` is called after each step, in time that does not count. */
  go(after: () => void = () => {}): void {
    const { counted, options, work, ring } = this;
    const idle = (): void => {
      while (options.ahead && eraseAhead(ring));
    };
    idle();
    for (const step of steps(work, options.together)) {
      if ('before' in step) {
        const at = this.addresses.get(step.before) as number;
        for (const number of this.addresses.keys()) if (number < step.before) this.addresses.delete(number);
        const { microseconds, readBytes } = this.spent(() => reclaim(ring, at));
        counted.reclaimMs = Math.max(counted.reclaimMs, microseconds / 1000);
        counted.readBytes += readBytes;
      } else this.append(step.records, step.first);
      idle();
      after();
    }
    const { programs, programmedBytes, erases, sectorErases } = this.nor.counts;
    Object.assign(counted, { programs, programmedBytes, erases, sectorErases: [...sectorErases] });
  }

  private append(records: Uint8Array[], first: number): void {
    const { counted, work } = this;
    const whole = records.map((bytes, i) => {
      const checkpoint = (first + i) % (1 + work.logs) === 0;
      return { kind: RECORD_KINDS[checkpoint ? 0 : 1], bytes };
    });
    let placed: number[] | null = null;
    const spent = this.spent(() => {
      placed = append(this.ring, whole);
    });
    const [at] = (placed ?? []) as number[];
    if (at === undefined) throw new Error(`${work.name}: no room for record ${first} in ${work.regionBytes} B`);
    if (whole[0]?.kind === KIND_CHECKPOINT) {
      this.newest = at;
      this.addresses.set(first, at);
    }
    counted.readBytes += spent.readBytes;
    counted.waited += spent.erases;
    counted.appendMs = Math.max(counted.appendMs, spent.microseconds / 1000);
  }
}

export function count(work: Work, options: Options = {}): Counted {
  const course = new Course(work, options);
  course.go();
  return course.counted;
}

/** How often the shorter run goes round the region. */
const PASSES = 2.5;
/** Each so many mounts the board goes on. */
const TRIED = 7;

/** Boards that boot after each step of a shorter run, and look for the newest checkpoint. */
export function look(work: Work, options: Options = {}): Looked {
  const perRound = payloadOf({ ...work, rounds: 1 });
  const rounds = Math.ceil((PASSES * work.regionBytes) / perRound);
  const course = new Course({ ...work, rounds }, { ...options, ahead: true });
  const looked: Looked = {
    mounts: 0,
    mostBytes: 0,
    meanBytes: 0,
    writes: 0,
    findBytes: 0,
    scanBytes: 0,
    ramBytes: 0,
    mountedRamBytes: 0,
    firstBytes: 0,
  };
  const one = { kind: KIND_LOG, bytes: new Uint8Array(work.log) };
  // what was there before the ring had gone round is no measure
  const round = course.nor.sectors;
  course.go(() => {
    if (course.nor.counts.erases <= round) return;
    let ring = course.ring;
    const mounted = course.spent(() => {
      ring = course.mount();
    });
    looked.mounts++;
    looked.meanBytes += mounted.readBytes;
    looked.mostBytes = Math.max(looked.mostBytes, mounted.readBytes);
    looked.writes += mounted.programs + mounted.erases;
    looked.ramBytes = Math.max(looked.ramBytes, footprint(course.ring));
    looked.mountedRamBytes = Math.max(looked.mountedRamBytes, footprint(ring));
    let found = false;
    const byAddress = course.spent(() => {
      found = readRecord(ring, course.newest)?.kind === KIND_CHECKPOINT;
    });
    let at = -1;
    const byScan = course.spent(() => {
      for (let record = firstRecord(ring); record && at !== course.newest; record = nextRecord(ring, record)) {
        at = record.at;
      }
    });
    if (!found || at !== course.newest)
      throw new Error(`${work.name}: the checkpoint at ${course.newest} is not found`);
    looked.findBytes = Math.max(looked.findBytes, byAddress.readBytes);
    looked.scanBytes = Math.max(looked.scanBytes, byScan.readBytes);
    if (looked.mounts % TRIED !== 0) return;
    // this board goes on; the other one finds the flash as it was
    const state = course.nor.save();
    while (eraseAhead(ring));
    const first = course.spent(() => append(ring, [one]));
    course.nor.restore(state);
    looked.firstBytes = Math.max(looked.firstBytes, first.programmedBytes - work.log);
  });
  looked.meanBytes /= looked.mounts;
  return looked;
}

const REFERENCE_BYTES = 4;
const NUMBER_BYTES = 8;

/**
 * What a ring keeps in memory between two calls, as a board of 32 bits would have to hold it: 8 B for a number, 4 B for
 * a reference or a boolean, and the elements of its arrays. The flash driver and the CRC are the board's own; they count
 * as the references to them. What an engine adds for each field is not in it.
 */
export function footprint(ring: Ring): number {
  return fieldsOf(ring, new Set<unknown>([ring, ring.flash, ring.crc]));
}

function fieldsOf(value: object, seen: Set<unknown>): number {
  let sum = 0;
  for (const field of Object.values(value) as unknown[]) {
    sum += typeof field === 'number' ? NUMBER_BYTES : REFERENCE_BYTES;
    if (typeof field === 'string') sum += field.length;
    if (typeof field !== 'object' || field === null || seen.has(field)) continue;
    seen.add(field);
    sum += ArrayBuffer.isView(field) ? field.byteLength : fieldsOf(field, seen);
  }
  return sum;
}
