// One seeded run of a large system: what it is made of, what happens to it, quiet at the end, and what the checks say.

import type { Operation, Pid } from '../../firmware/core/types.ts';
import { causality } from '../check/causal.ts';
import { check } from '../check/check.ts';
import type { Tally, TraceLine, Violation } from '../check/types.ts';
import type { Act } from './shape.ts';
import { shapeOf } from './shape.ts';
import { randomOf, seededChoose } from './random.ts';
import { menuFor } from './simulate.ts';
import type { Faults, Happened, Setting } from './simworld.ts';
import { NO_FAULTS, SimWorld } from './simworld.ts';
import type { Mistakes } from './storage.ts';
import type { Core } from './world.ts';
import { CORE } from './world.ts';

/** The size of a run and what may happen in it. All of it follows from the seed, unless it is said. */
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

export interface SimRun {
  plan: Plan;
  violations: Violation[];
  counts: Tally;
  happened: Happened;
  /** processes rolled back, by how many of their events */
  rollbacks: Record<string, number>;
  /** simulated time, ms */
  ms: number;
  trace: TraceLine[];
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
    events: 1500 + upTo(1800),
    durability: random() < 0.6 ? 'always' : 'guard',
    powerCuts: random() < 0.75 ? 1 + upTo(9) : 0,
    partitions: upTo(3),
    crashes: random() < 0.2 ? 1 : 0,
    fails: upTo(2),
    upgrades: 1 + upTo(4),
    words: 4 + upTo(16),
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

function settingOf(plan: Plan): Setting {
  const choose = seededChoose(plan.seed ^ 0x3c6ef372);
  const n = plan.components;
  const shape = shapeOf(1, n - 1, { rules: plan.rules, mixed: true, operation: null, prompt: false });
  shape.components = shape.components.map((_, c) => `c${c}`);
  const homes = 1 + choose(Math.min(n, 12), 'boards');
  shape.menu = [];
  for (let c = 0; c < n; c++) {
    const home = `board${c < homes ? c : choose(homes, 'home')}`;
    let menu = menuFor(c, n, choose);
    const speaks = choose(3, 'outputs') > 0;
    // without outputs the new version may run anywhere
    if (!speaks) menu = menu.map((acts) => acts.filter((act: Act) => !('device' in act)));
    shape.menu.push(menu);
    const where = speaks ? 0 : choose(3, 'placement');
    shape.boards[2 * c] = home;
    shape.boards[2 * c + 1] = where === 0 ? home : where === 1 ? `board${choose(homes, 'other')}` : `spare${c}`;
    shape.devices[c] = { board: home, reads: c, latest: choose(6, 'latest') === 0 };
  }
  if (n > 2 && choose(3, 'one to add') === 0) shape.live[n - 1] = -1;
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
  };
}

/** Drives a run: decides what happens to the system, and when. */
class Driver {
  private readonly plan: Plan;
  private readonly world: SimWorld;
  private readonly random: () => number;
  private readonly left: Plan;
  private operations = 0;
  private over = false;

  constructor(plan: Plan, world: SimWorld) {
    this.plan = plan;
    this.left = { ...plan };
    this.world = world;
    this.random = randomOf(plan.seed ^ 0x6a09e667);
    world.onFreeze = (board) => {
      // a cut of power in the middle of a cut, at any of its steps
      if (!this.over && this.random() < 0.3)
        world.at(world.now + this.random() * 25, () => this.losePower(board.index));
    };
  }

  private pick<T>(list: T[]): T | undefined {
    return list[Math.floor(this.random() * list.length)];
  }

  private every(ms: number, run: () => void): void {
    const again = () => {
      if (this.over) return;
      run();
      this.world.at(this.world.now + ms * (0.2 + 1.6 * this.random()), again);
    };
    this.world.at(ms * this.random(), again);
  }

  run(): void {
    const { world, plan } = this;
    const faults: Faults = {
      loss: plan.lost / 1000,
      twice: plan.twice / 1000,
      corrupt: plan.corrupted / 1000,
      late: plan.late / 1000,
    };
    world.faults = faults;
    world.failMigrate = plan.migrateFails / 100;
    this.every(120 / plan.components, () => {
      const device = this.pick(world.devices);
      if (device) world.input(device);
    });
    this.every(60, () => this.word());
    this.every(250, () => {
      const board = this.pick(world.boards);
      if (board) this.losePower(board.index);
    });
    this.every(400, () => this.part());
    this.every(300, () => this.fail());
    this.every(500, () => this.crash());
    while (world.happened.events < plan.events && world.now < 60_000) world.step();
    this.over = true;
    world.faults = NO_FAULTS;
    world.failMigrate = 0;
    world.lively = 0;
    world.heal();
    // liveness: with everything whole again, what was begun ends
    const until = world.now + 30_000;
    let look = world.now + 2000;
    while (world.now < until) {
      world.step();
      if (world.now < look) continue;
      look = world.now + 300;
      if (!world.unsettled()) break;
    }
    world.finish();
  }

  private losePower(index: number): void {
    const { world, left } = this;
    const board = world.boards[index];
    if (this.over || left.powerCuts < 1 || !board || !world.mayLosePower(board)) return;
    left.powerCuts--;
    // some last longer than silence is borne
    world.cutPower(board, this.random() < 0.12 ? 250 + this.random() * 200 : 1 + this.random() * 60);
  }

  private part(): void {
    const { world, left } = this;
    if (left.partitions < 1) return;
    left.partitions--;
    const odds = 0.2 + 0.6 * this.random();
    world.partition(() => (this.random() < odds ? 1 : 0));
    world.at(world.now + 20 + this.random() * 400, () => world.heal());
  }

  private fail(): void {
    const { world, left } = this;
    const cell = this.pick(world.cells.filter((c) => world.running(c)?.role === 'low'));
    if (!cell || left.fails < 1 || this.random() < 0.5) return;
    left.fails--;
    world.give(cell, { kind: 'fail', t: 0, seed: 0, why: 'flood' });
  }

  private crash(): void {
    const { world, left } = this;
    if (left.crashes < 1) return;
    const gone = (c: (typeof world.cells)[number]) => !c.self || ['low', 'seat', 'stopped'].includes(c.self.role);
    const cell = this.pick(world.cells.filter((c) => world.running(c)?.role === 'low' && c.board.cells.every(gone)));
    if (!cell) return;
    left.crashes--;
    world.crash(cell);
  }

  private word(): void {
    const { world, left } = this;
    const live = world.cells.filter((c) => {
      const role = world.running(c)?.role;
      return role === 'active' || role === 'shadow';
    });
    const cell = this.pick(live);
    const self = cell?.self;
    if (!cell || !self || left.words < 1) return;
    if (self.guarded || self.cut) {
      if (this.random() < 0.85) return;
      left.words--;
      const word = this.random() < 0.75 ? 'commit' : 'abort';
      world.give(cell, { kind: 'word', t: 0, seed: 0, word });
      return;
    }
    if (self.staged) {
      left.words--;
      for (let times = this.random() < 0.3 ? 2 : 1; times > 0; times--) {
        const one = this.pick(live);
        if (!one?.self?.staged) continue;
        world.give(one, { kind: 'word', t: 0, seed: 0, word: 'start', op: one.self.staged.id });
      }
      return;
    }
    if (left.upgrades < 1 || !world.quiet()) return;
    left.upgrades--;
    const operation = this.operation();
    if (!operation) return;
    if (this.random() < 0.05) {
      // two operators: each stages another upgrade, on some of the boards
      const other: Operation = { ...operation, id: `${operation.id}b` };
      const split = Math.floor(this.random() * world.boards.length);
      world.stage(operation, (c) => c.board.index <= split);
      world.stage(other, (c) => c.board.index > split);
    } else world.stage(operation);
  }

  /** Another upgrade: of some of the components, which may add or remove one. */
  private operation(): Operation | null {
    const { world, plan } = this;
    const live = world.liveOf();
    const places = live.map((_, c) => c);
    const present = places.filter((c) => (live[c] as Pid) >= 0);
    const size = 1 + Math.floor(this.random() * plan.cluster);
    const chosen = new Set<number>();
    for (let tries = 0; tries < 50 && chosen.size < size; tries++) chosen.add(this.pick(places) as number);
    const cluster = [...chosen].sort((a, b) => a - b);
    const old = cluster.filter((c) => (live[c] as Pid) >= 0);
    if (old.length === 0 || old.length === present.length) return null;
    const lows = cluster.map((c) => ((live[c] as Pid) < 0 ? 2 * c : (live[c] as Pid) ^ 1));
    // one that a whole new side replaces can also be removed, where others stay
    if (old.length > 1 && present.length > 3 && this.random() < 0.15) {
      lows.splice(lows.indexOf((live[old[0] as number] as Pid) ^ 1), 1);
    }
    const policy =
      this.random() < 0.5
        ? { commitAfterMs: 100 + Math.floor(this.random() * 500), validated: Math.floor(this.random() * 6), lead: 1000 }
        : { commitAfterMs: 0, validated: 0, lead: 1000 };
    this.operations++;
    return { id: `u${this.operations}`, cluster, lows, added: cluster.filter((c) => (live[c] as Pid) < 0), policy };
  }
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

export function simulateLarge(plan: Plan, core: Core = CORE, mistakes: Mistakes = {}): SimRun {
  const world = new SimWorld(settingOf(plan), plan.seed, core, mistakes);
  new Driver(plan, world).run();
  const report = check(world.lines);
  return {
    plan,
    violations: report.violations.concat(world.violations),
    counts: report.counts,
    happened: world.happened,
    rollbacks: rollbacksOf(world.lines),
    ms: world.now,
    trace: world.lines,
  };
}
