// One seeded run of a large system: what happens to it, quiet at the end, and what the checks say.

import { causality } from '../check/causal.ts';
import { check } from '../check/check.ts';
import type { Tally, TraceLine, TraceOperation, Violation } from '../check/types.ts';
import type { Core } from '../explore/world.ts';
import { CORE } from '../explore/world.ts';
import { advance, begin } from './advance.ts';
import type { Happened } from './parts.ts';
import { NO_FAULTS } from './parts.ts';
import type { Plan } from './plan.ts';
import { settingOf } from './plan.ts';
import { heal } from './power.ts';
import { finish, unsettled } from './rest.ts';
import type { Mistakes } from '../explore/storage.ts';
import { Story } from './story.ts';
import type { World } from './world.ts';
import { createWorld } from './world.ts';

/** A guarded operation of a run. */
export interface Upgrade {
  /** how many components at once */
  cluster: number;
  adds: boolean;
  removes: boolean;
  /** a commit of the run has changed the system before */
  changed: boolean;
  /** null: still guarded when the run ended */
  end: 'commit' | 'recovery' | null;
}

export interface SimRun {
  plan: Plan;
  violations: Violation[];
  counts: Tally;
  happened: Happened;
  /** processes rolled back, by how many of their events */
  rollbacks: Record<string, number>;
  /** the guarded operations, in their order */
  upgrades: Upgrade[];
  /** simulated time, ms */
  ms: number;
  trace: TraceLine[];
}

/** Simulated times, ms: of the faults at most, of quiet at least and at most, and between looks whether all has ended. */
const FAULTS_MS = 60_000;
const QUIET_MS = 2000;
const QUIET_MAX_MS = 30_000;
const LOOK_MS = 300;

function faultsAndAll(w: World, plan: Plan): void {
  w.faults = {
    loss: plan.lost / 1000,
    twice: plan.twice / 1000,
    corrupt: plan.corrupted / 1000,
    late: plan.late / 1000,
  };
  w.failMigrate = plan.migrateFails / 100;
  const story = new Story(plan, w);
  story.begin();
  while (w.happened.events < plan.events && w.now < FAULTS_MS) advance(w);
  story.over = true;
}

/** Liveness: with everything whole again, what was begun ends. */
function quiet(w: World): void {
  w.faults = NO_FAULTS;
  w.failMigrate = 0;
  w.lively = 0;
  heal(w);
  const until = w.now + QUIET_MAX_MS;
  let look = w.now + QUIET_MS;
  while (w.now < until) {
    advance(w);
    if (w.now < look) continue;
    look = w.now + LOOK_MS;
    if (!unsettled(w)) break;
  }
  finish(w);
}

function rollbacksOf(trace: TraceLine[]): Record<string, number> {
  const out: Record<string, number> = {};
  for (const step of causality(trace).steps) {
    for (const { fact } of step.facts) {
      if (fact.kind !== 'rollback' || !fact.undone) continue;
      const depth = String(fact.undone.length);
      out[depth] = (out[depth] ?? 0) + 1;
    }
  }
  return out;
}

function upgradesOf(trace: TraceLine[]): Upgrade[] {
  const known = new Map<string, TraceOperation>();
  const out: Upgrade[] = [];
  let newest = 0;
  let changed = false;
  for (const { event, effects } of trace) {
    const staged = event?.operation as (TraceOperation & { id: string }) | null | undefined;
    if (staged) known.set(staged.id, staged);
    for (const { kind, cut, op, epoch = 0 } of effects ?? []) {
      // the first process that decides speaks for all
      if (kind !== 'decide' || epoch <= newest) continue;
      newest = epoch;
      const last = out[out.length - 1];
      const begun = cut === 'start' ? known.get(op ?? '') : undefined;
      if (begun) {
        const { cluster, lows, added = [] } = begun;
        const removes = lows.length < cluster.length;
        out.push({ cluster: cluster.length, adds: added.length > 0, removes, changed, end: null });
      } else if (last && (cut === 'commit' || cut === 'recovery')) {
        last.end = cut;
        if (cut === 'commit') changed = true;
      }
    }
  }
  return out;
}

export function simulateLarge(plan: Plan, core: Core = CORE, mistakes: Mistakes = {}): SimRun {
  const w = createWorld(settingOf(plan), plan.seed, core, mistakes);
  begin(w);
  faultsAndAll(w, plan);
  quiet(w);
  const report = check(w.lines);
  return {
    plan,
    violations: report.violations.concat(w.violations),
    counts: report.counts,
    happened: w.happened,
    rollbacks: rollbacksOf(w.lines),
    upgrades: upgradesOf(w.lines),
    ms: w.now,
    trace: w.lines,
  };
}
