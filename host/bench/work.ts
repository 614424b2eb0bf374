// The work that every store is given: checkpoints and the logs between them, the old ones reclaimed from time to time.

import { createRandom } from '../testbed/random.ts';

export interface Work {
  name: string;
  regionBytes: number;
  /** a round: one checkpoint and the logs behind it */
  rounds: number;
  checkpoint: number;
  logs: number;
  log: number;
  /** every so many rounds all but the last two checkpoints, and what is behind them, is reclaimed */
  every: number;
}

export const SECTOR_BYTES = 4096;
export const PROGRAM_BYTES = 4;
const KEEP = 2;

export const WORKS: Work[] = [
  { name: 'W0', regionBytes: 64 * 1024, rounds: 10_000, checkpoint: 64, logs: 8, log: 16, every: 8 },
  { name: 'W1', regionBytes: 64 * 1024, rounds: 10_000, checkpoint: 512, logs: 4, log: 48, every: 8 },
  { name: 'W2', regionBytes: 256 * 1024, rounds: 10_000, checkpoint: 4096, logs: 2, log: 96, every: 4 },
];

export function quick(work: Work): Work {
  return { ...work, rounds: work.rounds / 4 };
}

export function recordsOf(work: Work): number {
  return work.rounds * (1 + work.logs);
}

export function payloadOf(work: Work): number {
  return work.rounds * (work.checkpoint + work.logs * work.log);
}

/** What a step asks for: records to be made durable, numbered from `first` on; or that none before `before` is needed. */
export type Step = { records: Uint8Array[]; first: number } | { before: number };

export const KIND_CHECKPOINT = 1;
export const KIND_LOG = 2;

/** Bytes that do not compress, the same in every run. */
function contents(): (length: number) => Uint8Array {
  const random = createRandom(1, 'bench');
  const pool = new Uint8Array(1 << 20);
  const words = new Uint32Array(pool.buffer);
  for (let i = 0; i < words.length; i++) words[i] = random.bits();
  return (length) => {
    // never the same bytes twice in a row, and no copy: nobody writes to them
    const from = random.bits() % (pool.length - length);
    return pool.subarray(from, from + length);
  };
}

/** `together`: a checkpoint and its logs are one step, durable with one write; otherwise each record is. */
export function* steps(work: Work, together = false): Generator<Step> {
  const bytes = contents();
  const perRound = 1 + work.logs;
  for (let round = 0; round < work.rounds; round++) {
    const first = round * perRound;
    const records: Uint8Array[] = [];
    for (let i = 0; i < perRound; i++) records.push(bytes(i === 0 ? work.checkpoint : work.log));
    if (together) yield { records, first };
    else for (const [i, record] of records.entries()) yield { records: [record], first: first + i };
    if ((round + 1) % work.every === 0) yield { before: (round + 1 - KEEP) * perRound };
  }
}
