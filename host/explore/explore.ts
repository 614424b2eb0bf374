// Every state that a small system can reach, breadth first: the first violation met is one of the shortest.

import type { Action, Wrong } from './state-system.ts';
import type { Mistakes } from './storage.ts';
import { System } from './state-system.ts';
import { Rows } from './state.ts';
import type { World } from './world.ts';

export interface Limits {
  states: number;
  /** false: all orders, also where they come to the same */
  reduced?: boolean;
  /** which violations end the search; all by default. One that does not is passed over. */
  wanted?: (wrong: Wrong, path: () => Action[]) => boolean;
  /** planted in stable storage */
  mistakes?: Mistakes;
  /** told now and then */
  progress?: (so: { states: number; depth: number; seconds: number }) => void;
}

export interface Split {
  core: number;
  /** the independent ground truth: what each step truly depends on */
  truth: number;
  /** the core again, upon the state written down and read */
  replay: number;
  /** which moves there are: the gate among it */
  list: number;
  /** what comes of them, without the core and the truth */
  make: number;
  /** is the state known */
  table: number;
  power: number;
}

export interface Explored {
  states: number;
  /** moves made */
  edges: number;
  /** states in which nothing more can happen */
  ends: number;
  depth: number;
  complete: boolean;
  seconds: number;
  /** power cuts tried, each followed by a boot; those after which the state was another than before */
  cuts: number;
  changed: number;
  /** violations that the search went past */
  passed: number;
  wrongs: Wrong[];
  /** what leads to them */
  path: Action[];
  /** distinct states of single processes, steps of the core, seconds in it */
  locals: number;
  steps: number;
  core: number;
  bytes: number;
  /** where the time went, seconds; measured at every so-many-th state, and the core at every step */
  split: Split;
  /** paths to states, for samples */
  pathTo: (state: number) => Action[];
  system: System;
  rows: Rows;
}

/** one in so many states is timed; it is no power of two, so that it does not fall in with anything else */
const TIMED = 37;

export function exploreAll(world: World, limits: Limits): Explored {
  const system = new System(world, limits.reduced ?? true, limits.mistakes);
  const rows = new Rows(system.width);
  const row = new Int32Array(system.width);
  const next = new Int32Array(system.width);
  const begun = performance.now();
  const seconds = () => (performance.now() - begun) / 1000;

  const pathTo = (state: number): Action[] => {
    const path: Action[] = [];
    const there = new Int32Array(system.width);
    for (let at = state; rows.parent(at) >= 0; at = rows.parent(at)) {
      rows.read(rows.parent(at), there);
      system.list(there);
      path.push(system.action(there, rows.choice(at)));
    }
    return path.reverse();
  };

  rows.add(system.first, -1, 0);
  const out: Explored = {
    states: 0,
    edges: 0,
    ends: 0,
    depth: 0,
    complete: true,
    seconds: 0,
    cuts: 0,
    changed: 0,
    passed: 0,
    wrongs: [],
    path: [],
    locals: 0,
    steps: 0,
    core: 0,
    bytes: 0,
    split: { core: 0, truth: 0, replay: 0, list: 0, make: 0, table: 0, power: 0 },
    pathTo,
    system,
    rows,
  };
  let levelEnd = 1;
  let at = 0;
  /** Takes in what the last move or power cut came to. True: the search is over. */
  const arrive = (choice: number): boolean => {
    if (system.wrongs.length > 0) {
      const wrongs = system.wrongs;
      const path = () => {
        const before = pathTo(at);
        system.list(row);
        return [...before, system.action(row, choice)];
      };
      if (!limits.wanted || wrongs.some((wrong) => limits.wanted?.(wrong, path))) {
        out.wrongs = wrongs;
        out.path = path();
        return true;
      }
      out.passed++;
      system.list(row);
    }
    rows.add(next, at, choice);
    if (rows.count < limits.states) return false;
    out.complete = false;
    return true;
  };
  let t = 0;
  const lap = (): number => {
    const before = t;
    t = performance.now();
    return t - before;
  };
  search: for (; at < rows.count; at++) {
    if (at === levelEnd) {
      out.depth++;
      levelEnd = rows.count;
    }
    if ((at & 0x3fff) === 0) limits.progress?.({ states: rows.count, depth: out.depth, seconds: seconds() });
    rows.read(at, row);
    const timed = at % TIMED === 0;
    if (timed) lap();
    for (let place = 0; place < system.powerCuts; place++) {
      if (!system.mayCut(row, place)) continue;
      next.set(row);
      out.cuts++;
      const changed = system.cutPower(next, place);
      if (changed) out.changed++;
      if ((changed || system.wrongs.length > 0) && arrive(system.powerChoice(place))) break search;
    }
    if (timed) out.split.power += lap();
    const count = system.list(row);
    if (timed) out.split.list += lap();
    if (count === 0) {
      out.ends++;
      const wrongs = system.ended(row);
      if (wrongs.length > 0) {
        const path = () => pathTo(at);
        if (!limits.wanted || wrongs.some((wrong) => limits.wanted?.(wrong, path))) {
          out.wrongs = wrongs;
          out.path = path();
          break;
        }
        out.passed++;
      }
      continue;
    }
    for (let choice = 0; choice < count; choice++) {
      next.set(row);
      system.make(next, choice);
      out.edges++;
      if (timed) out.split.make += lap();
      if (arrive(choice)) break search;
      if (timed) out.split.table += lap();
      if (limits.mistakes?.lateLog && system.takeBack(row, next, choice)) {
        system.wrongs = [];
        if (arrive(system.undoneChoice(choice))) break search;
      }
    }
  }
  out.complete &&= out.wrongs.length === 0;
  out.states = rows.count;
  out.seconds = seconds();
  out.locals = system.locals.locals.values.length - 1;
  out.steps = system.locals.steps;
  out.core = system.locals.spent / 1000;
  const { split } = out;
  const all = split.list + split.make + split.table + split.power;
  // the shares of the states that were timed, of the time of all
  for (const what of ['list', 'make', 'table', 'power'] as const) split[what] *= all > 0 ? out.seconds / all : 0;
  split.core = out.core;
  split.truth = system.locals.told / 1000;
  split.replay = system.locals.redone / 1000;
  split.make = Math.max(0, split.make - split.core - split.truth - split.replay);
  out.bytes = rows.bytes;
  return out;
}
