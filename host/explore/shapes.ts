// Small systems that are explored whole, or as far as the bound on states allows.

import type { Act, Budget, Shape } from './shape.ts';
import { shapeOf } from './shape.ts';
import type { Core, World } from './world.ts';
import { CORE, createWorld, stage } from './world.ts';

export interface Small {
  name: string;
  shape: () => Shape;
  budget: Partial<Budget>;
  /** components of the upgrade that is staged first, where the run begins before a start */
  staged?: number[];
}

/** Only the first component has a device to read: what starts a run. */
function small(lows: number, actives: number, menu: Act[][][], change: Partial<Shape> = {}): Shape {
  const shape = shapeOf(lows, actives, { menu, ...change });
  shape.devices = shape.devices.slice(0, 1);
  return shape;
}

const TEST: Act = { device: 0, test: 'pass' };

export const SMALL: Small[] = [
  {
    name: '1 low, 1 active: one message, a failure',
    shape: () => small(1, 1, [[[{ to: 1 }]], [[]]]),
    budget: { inputs: 1, fails: 1 },
  },
  {
    name: '1 low, 1 active: one message, commit or abort',
    shape: () => small(1, 1, [[[{ to: 1 }]], [[]]]),
    budget: { inputs: 1, commits: 1, aborts: 1 },
  },
  {
    name: '1 low, 1 active: one message, a crash that loses any suffix, a false verdict',
    shape: () => small(1, 1, [[[{ to: 1 }]], [[]]]),
    budget: { inputs: 1, crashes: 1, verdicts: 1 },
  },
  {
    name: '1 low, 1 active: a start whose migrate may fail',
    shape: () => small(1, 1, [[[{ to: 1 }]], [[]]], { operation: null }),
    budget: { inputs: 1, starts: 1, migrates: 1 },
    staged: [0],
  },
  {
    name: '1 low, 2 active: a message, its relay, a test, a failure',
    shape: () =>
      small(1, 2, [
        [[], [{ to: 1 }]],
        [[], [{ to: 2 }]],
        [[], [TEST]],
      ]),
    budget: { inputs: 1, fails: 1, acts: 3 },
  },
  {
    name: '1 low, 1 active: feedback into the cluster, commit against failure',
    shape: () =>
      small(1, 1, [
        [[], [{ to: 1 }]],
        [[], [{ to: 0 }], [TEST]],
      ]),
    budget: { inputs: 1, fails: 1, commits: 1, acts: 3 },
  },
  {
    name: '1 low, 1 active: crash that loses any suffix, false verdict, heartbeats',
    shape: () => small(1, 1, [[[{ to: 1 }, TEST]], [[]]]),
    budget: { inputs: 1, beats: 1, crashes: 1, verdicts: 1 },
  },
  {
    name: '2 low, 1 active: traffic inside cluster and mirror, a failure',
    shape: () => small(2, 1, [[[], [{ to: 1 }]], [[], [{ to: 2 }]], [[]]]),
    budget: { inputs: 1, fails: 1, acts: 4 },
  },
  {
    name: '1 low, 1 active: start with a migrate that fails or not, and an abort',
    shape: () => small(1, 1, [[[], [{ to: 1 }]], [[]]], { operation: null }),
    budget: { inputs: 1, starts: 1, migrates: 1, aborts: 1, acts: 2 },
    staged: [0],
  },
];

export function smallWorld(small: Small, core: Core = CORE): World {
  const world = createWorld(small.shape(), small.budget, core);
  if (small.staged) stage(world, small.staged, 'u1');
  return world;
}
