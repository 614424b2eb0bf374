// A failing run made smaller: fewer processes, events, upgrades and faults, as long as it still fails the same check.

import type { Plan } from './plan.ts';
import { planOf } from './plan.ts';
import type { SimRun } from './run.ts';
import { simulateLarge } from './run.ts';
import type { Mistakes } from '../explore/storage.ts';
import type { Core } from '../explore/world.ts';
import { CORE } from '../explore/world.ts';

export interface Shrunk {
  set: Partial<Plan>;
  run: SimRun;
  tries: number;
}

/** What may be made less, in the order in which it is tried; `least` is the smallest that makes sense. */
const LESS: [name: Exclude<keyof Plan, 'seed' | 'rules' | 'durability'>, least: number][] = [
  ['components', 2],
  ['events', 20],
  ['cluster', 1],
  ['lost', 0],
  ['twice', 0],
  ['corrupted', 0],
  ['late', 0],
  ['partitions', 0],
  ['crashes', 0],
  ['fails', 0],
  ['unlucky', 0],
  ['migrateFails', 0],
  ['powerCuts', 0],
  ['upgrades', 0],
  ['words', 0],
];

/**
 * Another size is another run, so each smaller one is tried as it comes: what is found fails the same check, and need
 * not be the same failure. `given` is what was set for the failing run. `tries` bounds the work.
 */
export function shrink(
  failing: SimRun,
  given: Partial<Plan>,
  tries = 200,
  core: Core = CORE,
  mistakes: Mistakes = {},
): Shrunk {
  const { seed } = failing.plan;
  const rule = failing.violations[0]?.rule;
  let best: Shrunk = { set: given, run: failing, tries: 0 };
  let left = tries;
  const attempt = (change: Partial<Plan>): boolean => {
    if (left-- <= 0) return false;
    const set = { ...best.set, ...change };
    const run = simulateLarge(planOf(seed, set), core, mistakes);
    if (!run.violations.some((v) => v.rule === rule)) return false;
    best = { set, run, tries: tries - left };
    return true;
  };
  for (let again = true; again && left > 0; ) {
    again = false;
    for (const [name, least] of LESS) {
      for (let step = best.run.plan[name] - least; step >= 1; step = Math.floor(step / 2)) {
        while (best.run.plan[name] - step >= least && attempt({ [name]: best.run.plan[name] - step })) again = true;
        if (left <= 0) break;
      }
    }
  }
  return best;
}
