// What a run is made of: its size, and what may happen in it. All of it follows from the seed, unless it is said.

import { randomOf, seededChoose } from '../explore/random.ts';
import type { Act } from '../explore/shape.ts';
import { shapeOf } from '../explore/shape.ts';
import { menuFor } from '../explore/simulate.ts';
import type { Setting } from './parts.ts';

export interface Plan {
  seed: number;
  rules: 'corrected' | 'paper';
  components: number;
  /** components of the cluster, at most */
  cluster: number;
  /** events of processes before faults end */
  events: number;
  durability: 'always' | 'guard';
  /** how often each may happen */
  powerCuts: number;
  partitions: number;
  crashes: number;
  fails: number;
  upgrades: number;
  /** components in a hundred whose handlers may emit what fails its test, or throw */
  unlucky: number;
  /** the operator's words: starts at several processes at once, commits, aborts */
  words: number;
  /** handovers in a hundred whose `migrate` fails */
  migrateFails: number;
  /** lost, repeated, corrupted, late frames in a thousand */
  lost: number;
  twice: number;
  corrupted: number;
  late: number;
}

export const COMPONENTS = 32;
export const CLUSTER = 6;

export function planOf(seed: number, change: Partial<Plan> = {}): Plan {
  const random = randomOf(Math.imul(seed, 0x9e3779b1) ^ 0x5bd1e995);
  const upTo = (most: number) => Math.floor(random() * (most + 1));
  // most systems are of middling size, some of the largest
  const components = change.components ?? 2 + Math.floor(random() ** 1.7 * (COMPONENTS - 1));
  const plan: Plan = {
    seed,
    rules: 'corrected',
    components,
    cluster: 1 + upTo(Math.min(CLUSTER, components - 1) - 1),
    // a cut takes n² events and more; the largest systems must get through several, too
    events: 1500 + upTo(1800) + upTo(4) * components * components,
    durability: random() < 0.6 ? 'always' : 'guard',
    powerCuts: random() < 0.75 ? 1 + upTo(9) : 0,
    partitions: upTo(3),
    crashes: random() < 0.2 ? 1 : 0,
    fails: upTo(2),
    upgrades: 2 + upTo(4),
    unlucky: random() < 0.5 ? 0 : 10 + upTo(90),
    words: 8 + upTo(16),
    migrateFails: random() < 0.3 ? 30 : 0,
    lost: random() < 0.7 ? upTo(80) : 0,
    twice: random() < 0.7 ? upTo(80) : 0,
    corrupted: random() < 0.5 ? upTo(30) : 0,
    late: random() < 0.7 ? upTo(80) : 0,
    ...change,
  };
  plan.cluster = Math.max(1, Math.min(plan.cluster, components - 1));
  return plan;
}

function isBad(act: Act): boolean {
  return 'throws' in act || ('test' in act && act.test === 'fail');
}

/** Boards, devices and what handlers may do. */
export function settingOf(plan: Plan): Setting {
  const choose = seededChoose(plan.seed ^ 0x3c6ef372);
  const n = plan.components;
  const shape = shapeOf(1, n - 1, { rules: plan.rules, mixed: true, operation: null, prompt: false });
  shape.components = shape.components.map((_, c) => `c${c}`);
  const homes = 1 + choose(Math.min(n, 12), 'boards');
  shape.menu = [];
  for (let c = 0; c < n; c++) {
    const home = `board${c < homes ? c : choose(homes, 'home')}`;
    let menu = menuFor(c, n, choose);
    if (choose(100, 'unlucky') >= plan.unlucky) menu = menu.filter((acts) => !acts.some(isBad));
    const speaks = choose(3, 'outputs') > 0;
    // without outputs the new version may run anywhere
    if (!speaks) menu = menu.map((acts) => acts.filter((act) => !('device' in act)));
    shape.menu.push(menu);
    const where = speaks ? 0 : choose(3, 'placement');
    shape.boards[2 * c] = home;
    shape.boards[2 * c + 1] = where === 0 ? home : where === 1 ? `board${choose(homes, 'other')}` : `spare${c}`;
    shape.devices[c] = { board: home, reads: c, latest: choose(6, 'latest') === 0 };
  }
  if (n > 2 && choose(2, 'one to add') === 0) shape.live[n - 1] = -1;
  return {
    shape,
    atLeastOnce: shape.devices.map(() => choose(3, 'at least once') === 0),
    durability: plan.durability,
    baseEvery: 4 + choose(60, 'base'),
    writeMs: choose(2, 'shared writes') === 0 ? 0 : 1 + choose(6, 'write'),
    driverMs: choose(2, 'driver') === 0 ? 2 : 20,
    beatMs: 40,
    absentMs: 240,
    patienceMs: 4000,
    ownBases: [0, 0.05, 0.4][choose(3, 'own bases')] as number,
    lateBases: choose(2, 'late bases') === 0 ? 0 : 0.5,
    eager: choose(4, 'eager') > 0,
  };
}
