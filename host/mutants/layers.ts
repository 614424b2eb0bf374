// The layers that a changed core goes through: scenes, golden traces, small systems gone through whole, seeded runs.
// Everything is bounded, and the core itself passes all of it.

import { exploreAll } from '../explore/explore.ts';
import { SHAPES, SMALL, smallWorld } from '../explore/shapes.ts';
import { simulate } from '../explore/simulate.ts';
import type { Mistakes } from '../explore/storage.ts';
import type { Core } from '../explore/world.ts';
import { CORE } from '../explore/world.ts';
import type { Plan } from '../sim/plan.ts';
import { planOf } from '../sim/plan.ts';
import { simulateLarge } from '../sim/run.ts';
import type { Found, Layer } from './found.ts';
import { crash, stronger } from './found.ts';
import { GOLDEN, keptText } from './golden.ts';
import { compareGolden, ORDERS, playScene, sceneNamed } from './play.ts';
import { SCENES } from './scenes/all.ts';

export interface Bounds {
  /** of each shape that is explored */
  states: number;
  /** of runs of small systems without power cuts */
  small: number;
  /** of runs of systems with boards, power cuts, a bus that fails */
  large: number;
  /** the first thing found will do; otherwise a check is looked for where only an expectation has noticed */
  hasty: boolean;
}

export const BOUNDS: Bounds = { states: 60_000, small: 100, large: 20, hasty: false };

/** For a mistake of stable storage, which needs a power cut at the right moment. */
const LARGE_STORAGE = 400;
const STATES_STORAGE = 60_000;

export interface Subject {
  core: Core;
  mistakes?: Mistakes;
  /** the scene that comes first */
  scene?: string;
}

function scenes({ core, scene }: Subject, { hasty }: Bounds): Found | null {
  const begun = performance.now();
  let weak: Found | null = null;
  const first = scene ? [sceneNamed(scene)] : [];
  for (let order = 0; order < ORDERS; order++) {
    for (const one of [...first, ...SCENES]) {
      if (one.long && (order > 0 || weak)) continue;
      for (const found of playScene(one, core, order)) {
        if (found.strength === 'check' || (hasty && found.strength === 'hand')) return found;
        weak = stronger(weak, { ...found, ms: performance.now() - begun });
      }
    }
    if (hasty && weak) return weak;
  }
  return weak;
}

function golden({ core }: Subject, { hasty }: Bounds): Found | null {
  const begun = performance.now();
  let weak: Found | null = null;
  for (const one of GOLDEN) {
    for (const found of compareGolden(one, keptText(one), core)) {
      if (found.strength === 'check' || hasty) return found;
      weak = stronger(weak, { ...found, ms: performance.now() - begun });
    }
  }
  return weak;
}

function exploration({ core, mistakes }: Subject, { states }: Bounds): Found | null {
  const bound = mistakes ? Math.max(states, STATES_STORAGE) : states;
  for (const small of [...SMALL, ...SHAPES]) {
    // without power cuts nobody needs what is stored
    if (mistakes && !small.name.startsWith('power-')) continue;
    try {
      const [first] = exploreAll(smallWorld(small, core), { states: bound, mistakes }).wrongs;
      if (first) return { strength: 'check', checker: first.rule, where: small.name, why: first.why };
    } catch (error) {
      return crash(error, small.name);
    }
  }
  return null;
}

/** Small systems that lose power often; every second one is of any size instead, where the core is to blame. */
function largePlan(seed: number, storage: boolean): Plan {
  if (seed % 2 === 0 && !storage) return planOf(seed);
  return planOf(seed, { components: 2 + (seed % 5), events: 800, powerCuts: 10 });
}

function seeded({ core, mistakes }: Subject, bounds: Bounds): Found | null {
  const runs: [string, () => { rule: string; why: string }[]][] = [];
  for (let seed = 1; !mistakes && seed <= bounds.small; seed++) {
    runs.push([`small, seed ${seed}`, () => simulate(seed, {}, core).violations]);
  }
  for (let seed = 1; seed <= (mistakes ? LARGE_STORAGE : bounds.large); seed++) {
    const plan = () => largePlan(seed, mistakes !== undefined);
    runs.push([`large, seed ${seed}`, () => simulateLarge(plan(), core, mistakes).violations]);
  }
  for (const [where, run] of runs) {
    try {
      const [first] = run();
      if (first) return { strength: 'check', checker: first.rule, where, why: first.why };
    } catch (error) {
      return crash(error, where);
    }
  }
  return null;
}

const RUN: Record<Layer, (subject: Subject, bounds: Bounds) => Found | null> = {
  scenes,
  golden,
  exploration,
  seeded,
};

/** Scenes and golden traces know no power cuts; in the exploration an event and its record are one. */
export function applies(layer: Layer, subject: { mistakes?: Mistakes }): boolean {
  if (layer === 'exploration' && subject.mistakes?.ownLogs) return false;
  return layer === 'exploration' || layer === 'seeded' || !subject.mistakes;
}

export function runLayer(layer: Layer, subject: Subject, bounds: Bounds): Found | null {
  return RUN[layer](subject, bounds);
}

export const TRUE_CORE: Subject = { core: CORE };
