// Runs that a seed decides: a system of some size, things that happen to it, then quiet until all is done.

import { check } from '../check/check.ts';
import type { Tally, TraceLine, Violation } from '../check/types.ts';
import type { Choose } from './moves.ts';
import { move, settle } from './moves.ts';
import { seededChoose } from './random.ts';
import type { Act, Budget, Shape } from './shape.ts';
import { shapeOf } from './shape.ts';
import type { Core, World } from './world.ts';
import { CORE, createWorld, stage, stuck } from './world.ts';

export { randomOf, seededChoose } from './random.ts';

export interface Run {
  seed: number;
  moves: number;
  violations: Violation[];
  counts: Tally;
  trace: TraceLine[];
}

/** What a handler of a component of a system of this size may do. */
export function menuFor(component: number, components: number, choose: Choose): Act[][] {
  const menu: Act[][] = [[], []];
  for (let i = 0; i < 8; i++) {
    const acts: Act[] = [];
    const length = 1 + choose(3, 'acts');
    for (let j = 0; j < length; j++) {
      const what = choose(12, 'act');
      if (what < 7 && components > 1) {
        const to = (component + 1 + choose(components - 1, 'to')) % components;
        acts.push({ to });
      } else if (what < 9) acts.push({ device: component, test: 'pass' });
      else if (what === 9) acts.push({ device: component, test: choose(3, 'test') === 0 ? 'compensate' : 'pass' });
      else acts.push({ timer: choose(2, 'timer') === 0 ? 'one' : 'two' });
    }
    menu.push(acts);
  }
  if (choose(3, 'unlucky') === 0) menu.push([{ device: component, test: 'fail' }]);
  if (choose(4, 'throws') === 0) menu.push([{ throws: true }]);
  return menu;
}

export interface Size {
  lows?: number;
  actives?: number;
  steps?: number;
}

export function randomShape(choose: Choose, size: Size = {}): Shape {
  const lows = size.lows ?? 1 + choose(3, 'lows');
  const actives = size.actives ?? 1 + choose(3, 'actives');
  const shape = shapeOf(lows, actives, { mixed: true, prompt: choose(2, 'prompt') === 0 });
  shape.menu = shape.components.map((_, c) => menuFor(c, lows + actives, choose));
  shape.devices.forEach((device) => {
    device.latest = choose(5, 'latest') === 0;
  });
  // both versions of a component with outputs run on the board of the device (PROTOCOL 7)
  shape.boards = shape.boards.map((_, pid) => `board${choose(3, 'shared') === 0 ? 0 : pid >> 1}`);
  shape.devices.forEach((device, d) => {
    const board = shape.boards[2 * d] as string;
    shape.boards[2 * d + 1] = board;
    device.board = board;
  });
  return shape;
}

export function randomBudget(choose: Choose, steps: number): Partial<Budget> {
  const some = (most: number) => choose(most + 1, 'budget');
  return {
    inputs: Math.ceil(steps / 12),
    timers: Math.ceil(steps / 20),
    beats: Math.ceil(steps / 12),
    crashes: some(1),
    verdicts: some(1),
    fails: some(1),
    aborts: choose(4, 'aborts') === 0 ? 1 : 0,
    commits: some(1),
    starts: 3,
    stages: 2,
    ticks: choose(2, 'ticks') === 0 ? 10 : 0,
    migrates: choose(4, 'migrates') === 0 ? 1 : 0,
  };
}

export function simulate(seed: number, size: Size = {}, core: Core = CORE): Run {
  const choose = seededChoose(seed);
  const steps = size.steps ?? 150;
  const shape = randomShape(choose, size);
  const guarded = choose(2, 'guarded') === 0;
  const op = shape.operation;
  if (!guarded) shape.operation = null;
  const world = createWorld(shape, randomBudget(choose, steps), core);
  if (!guarded && op) stage(world, op.cluster, 'u1', { lows: op.lows.slice() });
  return runOn(world, seed, choose, steps);
}

export function runOn(world: World, seed: number, choose: Choose, steps: number): Run {
  let moves = 0;
  while (moves < steps && move(world, choose)) moves++;
  // whoever hears something while all comes to rest does nothing about it
  const quiet = settle(world, (count, why, weights) => (why === 'act' ? 0 : choose(count, why, weights)));
  const report = check(world.lines);
  const violations = report.violations.concat(stuck(world));
  if (!quiet) violations.push({ rule: 'progress', process: '', n: 0, t: 0, why: 'the run does not come to rest' });
  return { seed, moves, violations, counts: report.counts, trace: world.lines };
}
