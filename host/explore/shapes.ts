// Small systems that are explored whole, or as far as the bound on states allows.

import type { Pid } from '../../firmware/core/types.ts';
import type { Act, Budget, Shape } from './shape.ts';
import { shapeOf } from './shape.ts';
import type { Core, World } from './world.ts';
import { CORE, createWorld, input, stage } from './world.ts';

export interface Small {
  name: string;
  shape: () => Shape;
  budget: Partial<Budget>;
  /** components of the upgrade that is staged first, where the run begins before a start */
  staged?: number[];
  /** processes that have another upgrade of the same components staged */
  other?: Pid[];
  /**
   * Inputs of each device that are there from the beginning. Whoever reads them takes them when it likes, so that this
   * is the same as inputs that come at any time; but for a start, where it counts who reads a device when.
   */
  stock?: number;
  /** the same, device by device */
  stocks?: number[];
}

/** Only the first components have a device to read: what starts a run. */
function small(lows: number, actives: number, menu: Act[][][], change: Partial<Shape> = {}, devices = 1): Shape {
  const shape = shapeOf(lows, actives, { menu, ...change });
  shape.devices = shape.devices.slice(0, devices);
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

/** Boards that lose power: any of them, whenever it likes and as often, survivors too. Drivers take their time there. */
const POWERED: Partial<Shape> = { power: true, prompt: false };

/** Old and new version of the first component on one board. */
const SHARED = ['board0', 'board0', 'board1', 'board1'];

const FAILS: Act = { device: 0, test: 'fail' };
const AMENDS: Act = { device: 0, test: 'compensate' };

/** What `npm run explore` goes through. Each handler does nothing or one of the things listed, as long as acts are left. */
export const SHAPES: Small[] = [
  {
    name: 'relay',
    shape: () =>
      small(1, 2, [
        [[], [{ to: 1 }], [{ to: 2 }]],
        [[], [{ to: 2 }], [TEST]],
        [[], [{ to: 1 }], [TEST]],
      ]),
    budget: { fails: 1, acts: 4 },
    stock: 2,
  },
  {
    name: 'clean',
    shape: () => {
      const menu: Act[][][] = [[[], [{ to: 1 }], [{ to: 2 }]], [[]], [[], [{ to: 1 }], [TEST]]];
      return small(1, 2, menu, { own: { 0: [[]] } }, 3);
    },
    budget: { fails: 1, acts: 3 },
    stocks: [2, 0, 1],
  },
  {
    // what a handler does hangs on all that its process took before, so that a re-execution does something else
    name: 'differs',
    shape: () => {
      const menu: Act[][][] = [
        [[], [{ to: 1 }], [{ to: 2 }]],
        [[], [{ to: 2 }]],
        [[], [TEST]],
      ];
      return small(1, 2, menu, { own: { 0: [[]] }, mixed: true });
    },
    budget: { fails: 1 },
    stock: 2,
  },
  {
    name: 'tests',
    shape: () =>
      small(1, 2, [
        [[], [{ to: 1 }], [TEST], [AMENDS]],
        [[], [{ to: 2 }], [TEST], [FAILS]],
        [[], [TEST], [AMENDS], [FAILS]],
      ]),
    budget: { acts: 4 },
    stock: 2,
  },
  {
    name: 'feedback',
    shape: () =>
      small(1, 1, [
        [[], [{ to: 1 }], [TEST]],
        [[], [{ to: 0 }], [TEST]],
      ]),
    budget: { fails: 1, acts: 5 },
    stock: 2,
  },
  {
    name: 'mirror',
    shape: () =>
      small(2, 2, [
        [[], [{ to: 1 }], [{ to: 2 }]],
        [[], [{ to: 0 }], [{ to: 3 }]],
        [[], [{ to: 1 }], [TEST]],
        [[], [TEST]],
      ]),
    budget: { fails: 1, acts: 3 },
    stock: 1,
  },
  {
    name: 'initiators',
    shape: () =>
      small(1, 2, [
        [[], [{ to: 1 }]],
        [[], [{ to: 2 }]],
        [[], [TEST]],
      ]),
    budget: { fails: 1, verdicts: 2, aborts: 1, acts: 2 },
    stock: 1,
  },
  {
    name: 'crash',
    shape: () => small(1, 2, [[[], [{ to: 1 }, { to: 2 }]], [[], [TEST]], [[]]]),
    budget: { crashes: 1, verdicts: 1, acts: 3 },
    stock: 1,
  },
  {
    name: 'heartbeats',
    shape: () =>
      small(1, 1, [
        [[], [{ to: 1 }], [TEST]],
        [[], [TEST]],
      ]),
    budget: { crashes: 1, beats: 2, acts: 3 },
    stock: 2,
  },
  {
    name: 'late-beat',
    shape: () => small(1, 1, [[[]], [[], [{ to: 0 }]]], { own: { 0: [[]], 1: [[], [{ to: 1 }], [TEST]] } }),
    budget: { verdicts: 2, beats: 1, acts: 3 },
    stock: 2,
  },
  {
    name: 'late-ack',
    shape: () =>
      small(1, 1, [[[]], [[]]], { own: { 0: [[], [{ to: 1 }]], 1: [[], [{ to: 1 }], [TEST], [{ to: 1 }, TEST]] } }),
    budget: { verdicts: 2, beats: 1, acts: 2 },
    stock: 1,
  },
  {
    // as above, in fewer states: both send, and the new version is declared dead by mistake
    name: 'late-ack-one',
    shape: () => small(1, 1, [[[{ to: 1 }]], [[]]], { own: { 1: [[{ to: 1 }, TEST]] } }),
    budget: { verdicts: 2, beats: 1, acts: 0 },
    stock: 1,
  },
  {
    name: 'commit-mirror',
    shape: () => {
      const menu: Act[][][] = [[[], [{ to: 1 }]], [[], [{ to: 2 }]], [[]]];
      return small(2, 1, menu, { own: { 0: [[]], 2: [[]] } });
    },
    budget: { commits: 1, acts: 2 },
    stock: 1,
  },
  {
    name: 'commit',
    shape: () =>
      small(1, 2, [
        [[], [{ to: 1 }]],
        [[], [{ to: 2 }], [{ to: 0 }]],
        [[], [TEST]],
      ]),
    budget: { commits: 2, fails: 1, acts: 2 },
    stock: 1,
  },
  {
    name: 'commit-crash',
    shape: () => small(1, 2, [[[], [{ to: 1 }, { to: 2 }]], [[], [{ to: 0 }]], [[]]]),
    budget: { commits: 1, crashes: 1, acts: 2 },
    stock: 1,
  },
  {
    name: 'commit-crash-two',
    shape: () => small(2, 1, [[[{ to: 1 }]], [[]], [[]]]),
    budget: { commits: 1, crashes: 1, acts: 0 },
  },
  {
    name: 'commit-abort',
    shape: () =>
      small(1, 1, [
        [[], [{ to: 1 }], [TEST]],
        [[], [{ to: 0 }], [TEST]],
      ]),
    budget: { commits: 1, fails: 1, aborts: 1, acts: 3 },
    stock: 2,
  },
  {
    name: 'timer',
    shape: () =>
      small(1, 1, [
        [[], [{ to: 1 }]],
        [[], [{ timer: 'one' }], [TEST], [{ to: 0 }]],
      ]),
    budget: { timers: 2, fails: 1, commits: 1, acts: 4 },
    stock: 2,
  },
  {
    name: 'start',
    shape: () => small(1, 2, [[[], [{ to: 1 }]], [[], [{ to: 0 }]], [[]]], { operation: null }),
    budget: { starts: 2, migrates: 1, inputs: 1, aborts: 1, acts: 2 },
    staged: [0],
  },
  {
    name: 'start-two',
    shape: () => {
      const shape = small(
        2,
        1,
        [
          [[], [{ to: 1 }]],
          [[], [{ to: 2 }]],
          [[], [{ to: 0 }]],
        ],
        { operation: null },
      );
      shape.devices = [{ board: 'board2', reads: 2, latest: false }];
      return shape;
    },
    budget: { starts: 1, migrates: 1, inputs: 1, fails: 1, acts: 3 },
    staged: [0, 1],
  },
  {
    name: 'start-inputs',
    shape: () => small(1, 1, [[[], [{ to: 1 }]], [[]]], { operation: null }),
    budget: { starts: 1, migrates: 1, inputs: 3, aborts: 1, acts: 1 },
    staged: [0],
  },
  {
    name: 'start-crash',
    shape: () =>
      small(
        1,
        1,
        [
          [[], [{ to: 1 }]],
          [[], [{ to: 0 }]],
        ],
        { operation: null },
      ),
    budget: { starts: 1, crashes: 1, fails: 1, inputs: 1, acts: 2 },
    staged: [0],
  },
  {
    // two upgrades of the same component, each staged at some and started by somebody
    name: 'start-other',
    shape: () => small(1, 1, [[[{ to: 1 }]], [[]]], { operation: null }),
    budget: { starts: 2, migrates: 1, aborts: 1, inputs: 1, acts: 0 },
    staged: [0],
    other: [2],
  },
  {
    // one guarded operation after the other: after a commit, after a recovery
    name: 'again',
    shape: () =>
      small(1, 1, [
        [[], [{ to: 1 }]],
        [[], [{ to: 0 }]],
      ]),
    budget: { commits: 2, fails: 2, aborts: 1, stages: 1, starts: 1, migrates: 1, acts: 2 },
    stock: 1,
  },
  {
    // the same after a start that is cancelled: another upgrade of the same component
    name: 'again-cancel',
    shape: () =>
      small(
        1,
        1,
        [
          [[], [{ to: 1 }]],
          [[], [{ to: 0 }]],
        ],
        { operation: null },
      ),
    budget: { starts: 2, migrates: 1, aborts: 1, stages: 1, fails: 1, inputs: 1, acts: 1 },
    staged: [0],
  },
  {
    // inputs that come in a start while a seat may still wait for the end of the one before
    name: 'again-inputs',
    shape: () => small(1, 1, [[[]], [[]]], { operation: null }),
    budget: { starts: 2, migrates: 1, aborts: 1, inputs: 3 },
    staged: [0],
  },
  {
    // the new version sends in another order than the old one, and dies with a message under way
    name: 'order',
    shape: () =>
      small(1, 2, [[[]], [[]], [[]]], { own: { 0: [[{ to: 2 }, { to: 1 }]], 1: [[{ to: 1 }, TEST, { to: 2 }]] } }),
    budget: { crashes: 1, acts: 0 },
    stock: 1,
  },
  {
    // a timer that only a state with the upgrade in it has armed
    name: 'timer-past',
    shape: () => small(1, 1, [[[{ to: 1 }]], [[], [{ timer: 'one' }], [{ to: 0 }]]]),
    budget: { timers: 1, fails: 1, acts: 2 },
    stock: 1,
  },
  {
    // a timer armed under guard that fires when another upgrade is under guard
    name: 'again-timer',
    shape: () => small(1, 1, [[[{ to: 1 }]], [[], [{ timer: 'one' }]]]),
    budget: { timers: 1, commits: 1, stages: 1, starts: 1, fails: 1, acts: 1 },
    stock: 1,
  },
  {
    // an old version that takes over what it logged before, and sends more while it replays
    name: 'takeover',
    shape: () => small(1, 1, [[[]], [[], [{ to: 0 }]]], { own: { 0: [[{ to: 1 }]], 1: [[], [{ to: 1 }]] } }),
    budget: { fails: 1, acts: 2 },
    stock: 2,
  },
  {
    // outputs whose drivers take their time, with the numbers that heartbeats tell of them
    name: 'announced',
    shape: () => small(1, 1, [[[TEST]], [[]]], { prompt: false }),
    budget: { fails: 1, beats: 1, acts: 0 },
    stock: 2,
  },
  {
    // a low process that lives beside its old version, which has taken over
    name: 'late-output',
    shape: () => small(1, 1, [[[TEST]], [[]]], { prompt: false, boards: SHARED }),
    budget: { verdicts: 2, acts: 0 },
    stock: 2,
  },
  {
    name: 'power-one',
    shape: () => small(1, 1, [[[], [{ to: 1 }]], [[]]], { ...POWERED, own: { 0: [[]] } }),
    budget: { commits: 1, acts: 1 },
    stock: 1,
  },
  // bases at moments of their own: of any process, in any state of these systems, whatever it is in the middle of
  {
    name: 'power-bases',
    shape: () => small(1, 1, [[[], [{ to: 1 }]], [[]]], { ...POWERED, own: { 0: [[]] } }),
    budget: { commits: 1, acts: 1, bases: 3 },
    stock: 1,
  },
  {
    name: 'power-bases-start',
    shape: () => small(1, 1, [[[], [TEST]], [[]]], { ...POWERED, operation: null, boards: SHARED }),
    budget: { starts: 1, inputs: 1, acts: 1, bases: 2 },
    staged: [0],
  },
  {
    name: 'power-pair',
    shape: () =>
      small(
        1,
        1,
        [
          [[], [{ to: 1 }], [TEST]],
          [[], [{ to: 0 }]],
        ],
        POWERED,
      ),
    budget: { fails: 1, commits: 1, acts: 2 },
    stock: 1,
  },
  {
    name: 'power-recovery',
    shape: () =>
      small(
        1,
        2,
        [
          [[], [{ to: 1 }], [TEST]],
          [[], [{ to: 2 }], [TEST]],
          [[], [{ to: 0 }]],
        ],
        POWERED,
      ),
    budget: { fails: 1, acts: 3 },
    stock: 1,
  },
  {
    // low process and shadow on one board, which may be taken for dead while it is off
    name: 'power-shared',
    shape: () =>
      small(
        1,
        1,
        [
          [[], [{ to: 1 }], [TEST]],
          [[], [{ to: 0 }], [TEST]],
        ],
        { ...POWERED, boards: SHARED },
      ),
    budget: { fails: 1, verdicts: 1, acts: 3 },
    stock: 1,
  },
  {
    name: 'power-commit',
    shape: () =>
      small(
        1,
        2,
        [
          [[], [{ to: 1 }], [TEST]],
          [[], [{ to: 2 }], [{ to: 0 }]],
          [[], [TEST]],
        ],
        POWERED,
      ),
    budget: { commits: 1, fails: 1, acts: 2 },
    stock: 1,
  },
  {
    name: 'power-again',
    shape: () => small(1, 1, [[[], [{ to: 1 }, TEST]], [[]]], POWERED),
    budget: { commits: 1, fails: 1, stages: 1, starts: 1, acts: 1 },
    stock: 1,
  },
  {
    name: 'power-start',
    shape: () => small(1, 2, [[[], [{ to: 1 }], [TEST]], [[], [{ to: 0 }]], [[]]], { ...POWERED, operation: null }),
    budget: { starts: 1, migrates: 1, inputs: 1, aborts: 1, acts: 2 },
    staged: [0],
  },
  {
    // old and new version give their outputs to one driver, and their board loses power
    name: 'power-start-shared',
    shape: () =>
      small(1, 1, [[[], [TEST]], [[]]], {
        ...POWERED,
        operation: null,
        boards: SHARED,
      }),
    budget: { starts: 1, fails: 1, inputs: 2, acts: 2 },
    staged: [0],
  },
  {
    name: 'power-start-two',
    shape: () =>
      small(
        2,
        1,
        [
          [[], [{ to: 1 }]],
          [[], [{ to: 2 }]],
          [[], [{ to: 0 }]],
        ],
        { ...POWERED, operation: null },
      ),
    budget: { starts: 1, migrates: 1, inputs: 1, fails: 1, acts: 2 },
    staged: [0, 1],
  },
  {
    name: 'power-start-crash',
    shape: () =>
      small(
        1,
        1,
        [
          [[], [{ to: 1 }], [TEST]],
          [[], [{ to: 0 }]],
        ],
        { ...POWERED, operation: null },
      ),
    budget: { starts: 2, migrates: 1, crashes: 1, fails: 1, inputs: 1, acts: 2 },
    staged: [0],
  },
  {
    name: 'power-crash',
    shape: () => small(1, 2, [[[], [{ to: 1 }, { to: 2 }], [TEST]], [[], [TEST]], [[]]], POWERED),
    budget: { crashes: 1, verdicts: 1, acts: 3 },
    stock: 1,
  },
  {
    // two processes of one board, whose bases are of different moments
    name: 'power-bases-shared',
    shape: () =>
      small(
        1,
        1,
        [
          [[], [{ to: 1 }]],
          [[], [{ to: 0 }]],
        ],
        { ...POWERED, boards: SHARED },
      ),
    budget: { fails: 1, acts: 2, bases: 2 },
    stock: 1,
  },
  {
    name: 'power-bases-output',
    shape: () => small(1, 1, [[[], [{ to: 1 }, TEST]], [[]]], { ...POWERED, boards: SHARED }),
    budget: { fails: 1, acts: 1, bases: 2 },
    stock: 1,
  },
  {
    name: 'power-bases-relay',
    shape: () =>
      small(
        1,
        2,
        [
          [[], [{ to: 1 }]],
          [[], [{ to: 2 }]],
          [[], [TEST]],
        ],
        POWERED,
      ),
    budget: { fails: 1, acts: 3, bases: 1 },
    stock: 1,
  },
  {
    name: 'power-bases-commit',
    shape: () => small(1, 2, [[[], [{ to: 1 }]], [[], [{ to: 2 }]], [[]]], POWERED),
    budget: { commits: 1, acts: 2, bases: 1 },
    stock: 1,
  },
  {
    name: 'power-bases-timer',
    shape: () =>
      small(
        1,
        1,
        [
          [[], [{ to: 1 }]],
          [[], [{ timer: 't' }]],
        ],
        POWERED,
      ),
    budget: { fails: 1, timers: 1, acts: 2, bases: 1 },
    stock: 1,
  },
  {
    name: 'power-bases-migrate',
    shape: () => small(1, 1, [[[], [{ to: 1 }]], [[]]], { ...POWERED, operation: null }),
    budget: { starts: 1, migrates: 1, fails: 1, inputs: 1, acts: 1, bases: 1 },
    staged: [0],
  },
  {
    name: 'power-bases-again',
    shape: () => small(1, 1, [[[], [{ to: 1 }]], [[]]], POWERED),
    budget: { commits: 1, stages: 1, starts: 1, acts: 1, bases: 1 },
    stock: 1,
  },
];

export function smallWorld(small: Small, core: Core = CORE): World {
  const world = createWorld(small.shape(), small.budget, core);
  if (small.staged) {
    const other = small.other ?? [];
    const rest = world.state.processes.map((_, pid) => pid).filter((pid) => !other.includes(pid));
    stage(world, small.staged, 'u1', {}, rest);
    if (other.length > 0) stage(world, small.staged, 'u2', {}, other);
  }
  world.state.devices.forEach((_, d) => {
    for (let i = small.stocks?.[d] ?? small.stock ?? 0; i > 0; i--) input(world, d);
  });
  return world;
}
