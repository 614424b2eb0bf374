// What the guard costs in systems of every size, each component with the same traffic of its own.

import { Meter } from './meter.ts';
import { steadyPlan } from './plan.ts';
import { run } from './run.ts';
import type { Rules } from './variants.ts';

export const SIZES = [2, 4, 8, 16, 32];
export const CLUSTERS = [1, 2, 3, 4, 6];

/** Costs of one size of system. For each boundary message, unless it is said otherwise. */
export interface Cost {
  components: number;
  cluster: number;
  /** boundary messages counted */
  boundary: number;
  tests: number;
  checkpoints: number;
  records: number;
  /** control messages on all channels: notifications, and under `paper` counters */
  passed: number;
  counters: number;
  /** notifications that one process hears */
  heard: number;
  /** bytes of `T` and `V` in an application message */
  vectorBytes: number;
  /** bytes of `V` in a heartbeat of a survivor; of that and its reports in one of a low process */
  beatBytes: number;
  lowBeatBytes: number;
  /** control messages of the recovery at the end */
  cut: number;
}

/** So many boundary messages, in a few systems that differ in their traffic. */
export interface Effort {
  boundary: number;
  systems: number;
}

/** Boundary messages of a low process in a ms, about. */
const RATE = 0.016;

export interface Size {
  components: number;
  cluster: number;
  /** a component's peers are its neighbours, or any */
  near: boolean;
}

export function costOf({ components, cluster, near }: Size, rules: Rules, seed: number, effort: Effort): Cost {
  const endMs = effort.boundary / effort.systems / (RATE * cluster);
  const all: Meter[] = [];
  for (let i = 0; i < effort.systems; i++) {
    const meter = new Meter(endMs);
    run({ ...steadyPlan(seed + i, components, cluster, endMs), near, failing: 'abort' }, rules, meter, false);
    all.push(meter);
  }
  const sum = (of: (meter: Meter) => number) => all.reduce((total, meter) => total + of(meter), 0);
  const boundary = sum((m) => m.boundary);
  // under the paper's rules low processes do not hear of passed tests
  const hearers = rules.rules === 'paper' ? components : components + cluster;
  const passed = sum((m) => m.passed) / boundary;
  return {
    components,
    cluster,
    boundary,
    tests: sum((m) => m.tests) / boundary,
    checkpoints: sum((m) => m.checkpoints) / boundary,
    records: sum((m) => m.records) / boundary,
    passed,
    counters: sum((m) => m.counters) / boundary,
    heard: passed / hearers,
    vectorBytes: sum((m) => m.vectorBytes) / sum((m) => m.app),
    beatBytes: sum((m) => m.beatBytes) / sum((m) => m.beats),
    lowBeatBytes: sum((m) => m.lowBeatBytes) / sum((m) => m.lowBeats),
    cut: sum((m) => m.cut) / effort.systems,
  };
}

export interface Row {
  ours: Cost;
  paper: Cost;
  /** ours, where every component sends to any, not to its neighbours; only of sizes whose growth is reported */
  anywhere: Cost | null;
  /** ours, where nobody is told of a passed test but by messages and heartbeats; only of some sizes */
  untold: Cost | null;
}

export interface Cores {
  ours: Rules;
  paper: Rules;
  untold: Rules;
}

export function sweep(
  cores: Cores,
  seed: number,
  effort: Effort,
  progress: (row: Row) => void = () => {},
  sizes = SIZES,
  clusters = CLUSTERS,
): Row[] {
  const out: Row[] = [];
  const largest = clusters[clusters.length - 1];
  for (const components of sizes) {
    for (const cluster of clusters) {
      if (cluster >= components) continue;
      const size = { components, cluster, near: true };
      const least = components >= 8;
      const corner = (components === 8 || components === 32) && (cluster === 1 || cluster === largest);
      const row = {
        ours: costOf(size, cores.ours, seed, effort),
        paper: costOf(size, cores.paper, seed, effort),
        anywhere: least ? costOf({ ...size, near: false }, cores.ours, seed, effort) : null,
        untold: corner ? costOf(size, cores.untold, seed, effort) : null,
      };
      out.push(row);
      progress(row);
    }
  }
  return out;
}

/**
 * By how much a figure grows: with the number of components, from 8 to 16 and from 16 to 32, clusters of up to 4; with
 * the cluster, from 1 to 6 in systems of 16 and 32.
 */
export interface Growth {
  first: number;
  second: number;
  cluster: number;
}

function mean(ratios: number[]): number {
  return Math.exp(ratios.reduce((sum, ratio) => sum + Math.log(ratio), 0) / ratios.length);
}

export function growth(costs: Cost[], of: (cost: Cost) => number): Growth {
  const at = (components: number, cluster: number) => {
    const cost = costs.find((c) => c.components === components && c.cluster === cluster);
    return cost ? of(cost) : Number.NaN;
  };
  const small = CLUSTERS.filter((cluster) => cluster <= 4);
  return {
    first: mean(small.map((cluster) => at(16, cluster) / at(8, cluster))),
    second: mean(small.map((cluster) => at(32, cluster) / at(16, cluster))),
    cluster: mean([16, 32].map((components) => at(components, 6) / at(components, 1))),
  };
}
