// What has come of all runs together, and what can be said of every one of them.

import type { Outcome } from './compare.ts';
import { compare } from './compare.ts';
import { planOf } from './plan.ts';
import type { Rolled } from './rollback.ts';
import type { Name, Variant } from './variants.ts';
import { TITLES } from './variants.ts';

/** Of one variant, over all runs. */
export interface Total {
  survivors: number;
  /** of each process that was rolled back: events taken back, of these executed again, gone for good; ms */
  back: number[];
  redone: number[];
  gone: number[];
  ms: number[];
  validGone: number;
  /** most rollbacks of a process in one recovery */
  most: number;
  left: number;
  leftRuns: number;
  failedRuns: number;
  /** by check: runs that failed it */
  failed: Record<string, number>;
  repeats: number;
  boundary: number;
  checkpoints: number;
  checkpointBytes: number;
  passed: number;
  counters: number;
  /** of each survivor: most that it kept at a time */
  records: number[];
  bytes: number[];
  journaled: number;
}

export interface Summary {
  seed: number;
  runs: number;
  seconds: number;
  failing: Record<string, number>;
  /** messages and inputs taken before the failures */
  deliveries: number;
  components: [number, number];
  clusters: [number, number];
  totals: Record<Name, Total>;
  holds: Hold[];
  /** how much further ours goes back than with a checkpoint before every message, at most, events */
  further: number;
}

/** A statement: how often it was looked at, and held; false: it need not always. */
export interface Hold {
  what: string;
  held: number;
  of: number;
  must: boolean;
}

function emptyTotal(): Total {
  return {
    survivors: 0,
    back: [],
    redone: [],
    gone: [],
    ms: [],
    validGone: 0,
    most: 0,
    left: 0,
    leftRuns: 0,
    failedRuns: 0,
    failed: {},
    repeats: 0,
    boundary: 0,
    checkpoints: 0,
    checkpointBytes: 0,
    passed: 0,
    counters: 0,
    records: [],
    bytes: [],
    journaled: 0,
  };
}

function add(total: Total, outcome: Outcome): void {
  const { meter } = outcome;
  for (const rolled of outcome.rolled) {
    total.survivors++;
    total.most = Math.max(total.most, rolled.rollbacks);
    total.validGone += rolled.validGone;
    if (rolled.left) total.left++;
    if (rolled.rollbacks === 0) continue;
    total.back.push(rolled.back);
    total.redone.push(rolled.redone);
    total.gone.push(rolled.undone);
    total.ms.push(rolled.ms);
  }
  if (outcome.rolled.some((rolled) => rolled.left)) total.leftRuns++;
  const rules = Object.keys(outcome.violations ?? {});
  if (rules.length > 0) total.failedRuns++;
  for (const rule of rules) total.failed[rule] = (total.failed[rule] ?? 0) + 1;
  total.repeats += outcome.repeats;
  total.boundary += meter.boundary;
  total.checkpoints += meter.checkpoints;
  total.checkpointBytes += meter.checkpointBytes;
  total.journaled += meter.records;
  total.passed += meter.passed;
  total.counters += meter.counters;
  for (const { pid } of outcome.rolled) {
    total.records.push(meter.peakRecords[pid] ?? 0);
    total.bytes.push(meter.peakBytes[pid] ?? 0);
  }
}

type Holds = (ours: Rolled, every: Rolled, restart: Rolled) => boolean;

/** Of each survivor. The last but one is a measure; the others must hold. */
const HOLDS: [string, Holds][] = [
  ['a process is rolled back at most once', (a, b, c) => Math.max(a.rollbacks, b.rollbacks, c.rollbacks) < 2],
  ['no survivor is left contaminated', (a, b, c) => !a.left && !b.left && !c.left],
  ['what is gone for good depends on something unvalidated', (a) => a.validGone === 0],
  [`the same events are gone with '${TITLES.every}'`, (a, b) => `${a.gone}` === `${b.gone}`],
  [`and with '${TITLES.restart}'`, (a, _, c) => `${a.gone}` === `${c.gone}`],
  ['it goes back at least as far as the one, and at most as far as the other', reaches],
  [`it goes back exactly as far as with '${TITLES.every}'`, (a, b) => a.back === b.back],
];

function reaches(ours: Rolled, every: Rolled, restart: Rolled): boolean {
  return every.back <= ours.back && ours.back <= restart.back;
}

export function compareAll(
  seed: number,
  runs: number,
  variants: Variant[],
  progress: (done: number) => void = () => {},
): Summary {
  const began = Date.now();
  const totals: Record<Name, Total> = {
    ours: emptyTotal(),
    every: emptyTotal(),
    restart: emptyTotal(),
    paper: emptyTotal(),
  };
  const holds = HOLDS.map(([what]): Hold => ({ what, held: 0, of: 0, must: !what.includes('exactly') }));
  const cheaper: Hold = {
    what: `it takes no more checkpoints than with '${TITLES.every}'`,
    held: 0,
    of: 0,
    must: true,
  };
  const same: Hold = {
    what: 'in the end all are in the same state, to the bit, in all three',
    held: 0,
    of: 0,
    must: true,
  };
  const out: Summary = {
    seed,
    runs,
    seconds: 0,
    failing: {},
    deliveries: 0,
    components: [Infinity, 0],
    clusters: [Infinity, 0],
    totals,
    holds: [...holds, cheaper, same],
    further: 0,
  };
  for (let i = 0; i < runs; i++) {
    const compared = compare(planOf(seed + i), variants);
    const { plan, ours, every, restart } = compared;
    for (const { name } of variants) add(totals[name], compared[name]);
    out.deliveries += compared.deliveries;
    out.failing[plan.failing ?? ''] = (out.failing[plan.failing ?? ''] ?? 0) + 1;
    out.components = [Math.min(out.components[0], plan.components), Math.max(out.components[1], plan.components)];
    out.clusters = [Math.min(out.clusters[0], plan.cluster), Math.max(out.clusters[1], plan.cluster)];
    const by = (list: Rolled[]) => new Map(list.map((rolled) => [rolled.pid, rolled]));
    const [b, c] = [by(every.rolled), by(restart.rolled)];
    for (const rolled of ours.rolled) {
      const others = [b.get(rolled.pid), c.get(rolled.pid)];
      HOLDS.forEach(([, holdsFor], place) => {
        const hold = holds[place];
        if (!hold) return;
        hold.of++;
        if (others[0] && others[1] && holdsFor(rolled, others[0], others[1])) hold.held++;
      });
      out.further = Math.max(out.further, rolled.back - (others[0]?.back ?? 0));
      cheaper.of++;
      if ((ours.meter.taken[rolled.pid] ?? 0) <= (every.meter.taken[rolled.pid] ?? 0)) cheaper.held++;
    }
    same.of++;
    if (ours.end === every.end && ours.end === restart.end) same.held++;
    progress(i + 1);
  }
  out.seconds = (Date.now() - began) / 1000;
  return out;
}
