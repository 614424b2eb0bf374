// How fast the ring is, beside the least that any store has to do: copy the bytes and take their CRC. Both in turns, so
// that what else the machine does hits both; the middle one of several ratios counts.

import { append, eraseAhead, openRing, reclaim } from '../../hal/ring.ts';
import type { Flash } from '../../hal/hal.ts';
import { crc32 } from '../../firmware/link/crc.ts';
import type { Step, Work } from './work.ts';
import { PROGRAM_BYTES, SECTOR_BYTES, recordsOf, steps } from './work.ts';

export interface Speed {
  /** records a second of the ring over those of copy and CRC */
  ratio: number;
  perSecond: number;
  basePerSecond: number;
}

const TURNS = 7;
const ROUNDS = 1000;

/** Flash without rules or counts: what is measured is the ring. */
function plainFlash(sectors: number): Flash {
  const bytes = new Uint8Array(sectors * SECTOR_BYTES).fill(0xff);
  return {
    sectorBytes: SECTOR_BYTES,
    sectors,
    programBytes: PROGRAM_BYTES,
    read: (at, length) => bytes.slice(at, at + length),
    program: (at, data) => bytes.set(data, at),
    erase: (sector) => bytes.fill(0xff, sector * SECTOR_BYTES, (sector + 1) * SECTOR_BYTES),
  };
}

function base(all: Step[]): number {
  let sum = 0;
  for (const step of all) {
    if ('before' in step) continue;
    for (const record of step.records) {
      const copy = new Uint8Array(record.length);
      copy.set(record);
      sum ^= crc32(copy, 0, copy.length, 0);
    }
  }
  return sum;
}

function onRing(all: Step[], work: Work): void {
  const sectors = work.regionBytes / SECTOR_BYTES;
  const ring = openRing(plainFlash(sectors), crc32, 0, sectors, 1);
  const addresses: number[] = [];
  for (const step of all) {
    if ('before' in step) reclaim(ring, addresses[step.before] as number);
    else {
      const placed = append(
        ring,
        step.records.map((bytes) => ({ kind: 1, bytes })),
      );
      if (!placed) throw new Error(`${work.name}: no room`);
      addresses.push(...placed);
    }
    while (eraseAhead(ring));
  }
}

function seconds(act: () => void): number {
  const began = process.hrtime.bigint();
  act();
  return Number(process.hrtime.bigint() - began) / 1e9;
}

export function speed(work: Work): Speed {
  const short = { ...work, rounds: Math.min(work.rounds, ROUNDS) };
  const all = [...steps(short)];
  const turns: [number, number][] = [];
  // the first turn is for the compiler
  for (let turn = 0; turn <= TURNS; turn++) {
    const pair: [number, number] = [seconds(() => base(all)), seconds(() => onRing(all, short))];
    if (turn > 0) turns.push(pair);
  }
  turns.sort((a, b) => a[0] / a[1] - b[0] / b[1]);
  const [alone, ring] = turns[TURNS >> 1] as [number, number];
  const records = recordsOf(short);
  return { ratio: alone / ring, perSecond: records / ring, basePerSecond: records / alone };
}
