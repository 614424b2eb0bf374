// Everything that power is cut in: which work on which flash, from which seed. One place for the command, the tests
// and the planted mistakes.

import * as record from '../../firmware/record.ts';
import * as ring from '../../hal/ring.ts';
import { EXIT, Failure } from '../failure.ts';
import type { Torn } from '../testbed/nor.ts';
import { TORN } from '../testbed/nor.ts';
import { BOARD_SHAPES, BOARD_WORKLOADS, boardCycles, boardWork } from './board-work.ts';
import { runCycles } from './cycles.ts';
import { mix, runForked } from './fork.ts';
import type { RecordCode } from './board-work.ts';
import type { RingCode } from './ring-owner.ts';
import type { Shape } from './ring-work.ts';
import { geometryOf, ringCycles, ringWork, SHAPES, WORKLOADS } from './ring-work.ts';
import { complaints } from './tally.ts';
import type { Tally } from './tally.ts';

export type Part = 'ring' | 'pairs' | 'cycles' | 'board' | 'board-pairs' | 'board-cycles';

/** What each part is, for its row. */
export const PARTS: Record<Part, string> = {
  ring: 'the ring: every program and erase',
  pairs: 'the ring: every pair of them',
  cycles: 'the ring: random cycles',
  board: 'records and slots: every program and erase',
  'board-pairs': 'records and slots: every pair of them',
  'board-cycles': 'records and slots: random cycles',
};

/** One piece of a part. */
export interface Piece {
  part: Part;
  workload: string;
  unit: number;
  torn: Torn;
  seed: number;
}

/** What power is cut in: the firmware's own, or with a mistake planted in it. */
export interface Subject {
  ring: RingCode;
  record: RecordCode;
}

export const FIRMWARE: Subject = { ring, record };

export interface Scale {
  /** how often each workload is run with other lengths and contents */
  seeds: Record<Part, number>;
  /** of each chain */
  cycles: number;
  /** program units for pairs, which are many */
  pairUnits: number[];
}

export const FULL: Scale = {
  seeds: { ring: 5, pairs: 2, cycles: 7, board: 2, 'board-pairs': 1, 'board-cycles': 3 },
  cycles: 100,
  pairUnits: [4, 8, 256],
};

/** What `npm test` runs. */
export const TEST: Scale = {
  seeds: { ring: 1, pairs: 1, cycles: 3, board: 1, 'board-pairs': 1, 'board-cycles': 3 },
  cycles: 120,
  pairUnits: [4],
};

export const QUICK: Scale = {
  seeds: { ring: 1, pairs: 1, cycles: 3, board: 1, 'board-pairs': 1, 'board-cycles': 3 },
  cycles: 120,
  pairUnits: [4, 256],
};

/** Bits in doubt that read right at first are rare: they are looked for. */
const TRIES: Record<Torn, number> = { bits: 2, unstable: 4, faults: 1 };

function workloadsOf(part: Part): string[] {
  if (part.endsWith('cycles')) return ['any'];
  if (part === 'pairs') return ['short', 'brim'];
  if (part === 'board-pairs') return ['short'];
  return Object.keys(part === 'board' ? BOARD_WORKLOADS : WORKLOADS).filter((name) => name !== 'short');
}

function shapesOf(part: Part): Shape[] {
  return part.startsWith('board') ? BOARD_SHAPES : SHAPES;
}

export function piecesOf(part: Part, scale: Scale, seed: number): Piece[] {
  const out: Piece[] = [];
  for (let i = 0; i < scale.seeds[part]; i++) {
    for (const { programBytes } of shapesOf(part)) {
      if (part.endsWith('pairs') && !scale.pairUnits.includes(programBytes)) continue;
      for (const torn of TORN) {
        for (const workload of workloadsOf(part)) {
          out.push({ part, workload, unit: programBytes, torn, seed: seed + i });
        }
      }
    }
  }
  return out;
}

export function pathOf({ part, workload, unit, torn, seed }: Piece): string {
  return [part, workload, unit, torn, seed].join('/');
}

export function runPiece(code: Subject, piece: Piece, cycles: number, tally: Tally, only?: string[]): void {
  const { part, workload, unit, torn } = piece;
  const shape = shapesOf(part).find(({ programBytes }) => programBytes === unit) as Shape;
  const board = part.startsWith('board');
  const geometry = board ? shape : geometryOf(shape);
  const common = { path: pathOf(piece), geometry, torn, seed: mix(piece.seed, unit, 0) };
  if (part === 'cycles') runCycles(ringCycles(code.ring), { ...common, cycles }, tally);
  else if (part === 'board-cycles') runCycles(boardCycles(code.record), { ...common, cycles }, tally);
  else {
    const depth = only ? only.length : part.endsWith('pairs') ? 2 : 1;
    const plan = { ...common, depth, only, tries: TRIES[torn] };
    if (board) runForked(boardWork(code.record, workload), plan, tally);
    else runForked(ringWork(code.ring, workload), plan, tally);
  }
}

export interface Row {
  part: Part;
  faults: number;
  mounts: number;
  complaints: number;
  seconds: number;
}

export function runPart(code: Subject, part: Part, scale: Scale, seed: number, tally: Tally): Row {
  const begun = performance.now();
  const before = { faults: tally.faults, mounts: tally.mounts, complaints: complaints(tally) };
  for (const piece of piecesOf(part, scale, seed)) runPiece(code, piece, scale.cycles, tally);
  return {
    part,
    faults: tally.faults - before.faults,
    mounts: tally.mounts - before.mounts,
    complaints: complaints(tally) - before.complaints,
    seconds: (performance.now() - begun) / 1000,
  };
}

/** What a complaint was told with: that alone again. Throws Failure E_USAGE. */
export function replay(code: Subject, path: string, tally: Tally): void {
  const [part = '', workload = '', unit = '', torn = '', seed = '', ...rest] = path.split('/');
  const known = part in PARTS ? (part as Part) : null;
  const reading = TORN.find((one) => one === torn);
  const shape = known && shapesOf(known).find(({ programBytes }) => String(programBytes) === unit);
  const there = known && reading && shape && workloadsOf(known).includes(workload);
  if (!there || !/^-?\d+$/.test(seed)) {
    throw new Failure(
      'E_USAGE',
      EXIT.usage,
      `${path} is no path of this campaign`,
      'copy it from what a complaint says',
    );
  }
  const piece: Piece = { part: known, workload, unit: Number(unit), torn: reading, seed: Number(seed) };
  if (known.endsWith('cycles')) runPiece(code, piece, Number(rest[0] ?? FULL.cycles) + 1, tally);
  else runPiece(code, piece, 0, tally, rest);
}
