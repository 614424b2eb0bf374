// What is drawn from a seed: the system, its flash and its bus, the upgrades, and where power is to go.

import type { LockstepOptions } from '../testbed/lockstep.ts';
import type { Cut, Geometry, Torn } from '../testbed/nor.ts';
import { CUTS, TORN } from '../testbed/nor.ts';
import { createRandom } from '../testbed/random.ts';
import type { Phase } from './boards-phase.ts';
import {
  ACTUATOR,
  BOARDS,
  COMPUTE,
  CONTROL,
  CONTROLLER,
  ESTIMATOR,
  SENSOR,
  SENSORS,
  SPARE,
  TELEMETRY,
} from './boards-system.ts';

/** One power cut, where and when: armed once the phase has come, and so many trace lines or ms later. */
export interface Aim {
  phase: Phase;
  /** index into BOARDS */
  board: number;
  /** lines of a cut, ms of any other phase */
  later: number;
  at: 'call' | 'flash' | 'mark';
  more: number;
  how: Cut;
  seed: number;
  offMs: number;
  /** power goes again while the board boots, so many times; each after so many more of the same */
  again: number[];
  /** not before the board has told of such an effect, in a cut; or of what is staged */
  upon?: 'freeze' | 'report' | 'decide' | 'stage';
  /** armed when this one has come about */
  next?: Aim;
}

/** `outlast`: a board with nothing but new versions stays off for too long. `reset`: a watchdog, within a new version. */
export const FATES = ['good', 'good', 'wrong', 'crash', 'diverge', 'outlast', 'reset'] as const;
export type Fate = (typeof FATES)[number];
export type End = 'commit' | 'abort' | 'policy';

export interface Round {
  /** components of the upgrade */
  cluster: number[];
  /** the message Attitude gets a field more */
  changed: boolean;
  fate: Fate;
  /** messages after which a bad version shows what it is */
  after: number;
  /** how a good one ends */
  end: End;
  /** board that hears the operator's words */
  word: number;
  aims: Aim[];
}

/** What is drawn from less than all: for a mistake that only some of it can show. */
export interface Wanted {
  phases?: Phase[];
  fates?: Fate[];
  ends?: End[];
  clusters?: number[][];
  boards?: number[];
  /** from so many to so many lines or ms */
  later?: [number, number];
  offMs?: number[];
  /** from so many to so many operations of the flash; of nothing else */
  operations?: [number, number];
  /** share of power cuts after which power goes again in the boot */
  again?: number;
  /** power cuts aimed at in each round */
  aims?: number;
  rounds?: number;
}

export interface Draw {
  seed: number;
  wanted: Wanted;
  durability: 'guard' | 'always';
  /** board of the gyro */
  gyro: number;
  /** board of the new estimator */
  side: number;
  periodMs: number;
  /** the wheel's outputs are to be done once at least */
  atLeastOnce: boolean;
  bus: Partial<LockstepOptions>;
  flash: Geometry;
  /** boards' clocks begin at 0 with each boot */
  freshClocks: boolean;
  /** power may go where a board keeps nothing: its channels begin anew then */
  loose: boolean;
  rounds: Round[];
}

const BUSES: Partial<LockstepOptions>[] = [
  {},
  {},
  { loss: 0.05 },
  { loss: 0.12 },
  { jitterMs: 12 },
  { damage: 0.03, repeat: 0.1, loss: 0.03 },
];

const FLASHES: Omit<Geometry, 'torn'>[] = [
  { sectorBytes: 4096, sectors: 64, programBytes: 4 },
  { sectorBytes: 4096, sectors: 64, programBytes: 1 },
  { sectorBytes: 4096, sectors: 64, programBytes: 8 },
  { sectorBytes: 4096, sectors: 64, programBytes: 256 },
  { sectorBytes: 2048, sectors: 100, programBytes: 8 },
  { sectorBytes: 1024, sectors: 160, programBytes: 4 },
];

/** Phases with a log in either durability; the others have one where it is `always`. */
const GUARDED: Phase[] = ['start', 'start', 'guard', 'guard', 'recovery', 'commit', 'recovery', 'commit'];
const ALL: Phase[] = [...GUARDED, 'idle', 'staging', 'staged', 'after', 'after'];

/** Short ones: counted in lines. */
export const CUT_PHASES: Phase[] = ['start', 'recovery', 'commit'];

/** Time after which a board without power is given up, ms; where it must be: */
export const ABSENT_MS = 8000;
export const OUTLAST_MS = 1500;

const ENDS: End[] = ['commit', 'abort', 'policy'];

const CLUSTERS: number[][] = [
  [ESTIMATOR, CONTROLLER],
  [SENSOR, ESTIMATOR, CONTROLLER],
  [SENSOR],
  [TELEMETRY],
  [CONTROLLER],
  [ESTIMATOR, CONTROLLER, ACTUATOR],
];

export function draw(seed: number, set: Partial<Draw> = {}): Draw {
  const random = createRandom(seed, 'boards');
  const pick = <T>(list: readonly T[]): T => list[Math.floor(random.next() * list.length)] as T;
  const below = (n: number): number => Math.floor(random.next() * n);
  const durability = set.durability ?? pick(['guard', 'guard', 'always'] as const);
  const loose = set.loose ?? (durability === 'guard' && random.next() < 0.2);
  const gyro = pick([SENSORS, SENSORS, SPARE, CONTROL]);
  const side = pick([SPARE, SPARE, COMPUTE]);
  const wanted = set.wanted ?? {};
  const phases = wanted.phases ?? (loose || durability === 'always' ? ALL : GUARDED);

  const aim = (phase: Phase): Aim => ({
    phase,
    board: wanted.boards ? pick(wanted.boards) : below(BOARDS.length),
    later: wanted.later
      ? wanted.later[0] + below(wanted.later[1] - wanted.later[0])
      : below(pick(CUT_PHASES.includes(phase) ? [3, 25] : [3, 40, 900])),
    at: wanted.operations
      ? 'flash'
      : phase === 'guard'
        ? pick(['call', 'flash', 'flash', 'mark'])
        : pick(['call', 'flash', 'flash']),
    more: wanted.operations
      ? wanted.operations[0] + below(wanted.operations[1] - wanted.operations[0])
      : below(pick([2, 8, 30])),
    how: pick(CUTS),
    seed: 1 + below(1 << 20),
    offMs: pick(wanted.offMs ?? [1, 5, 100, 700]),
    again: random.next() < (wanted.again ?? 0.25) ? [below(9), ...(random.next() < 0.3 ? [below(9)] : [])] : [],
  });

  /** Nothing else may be taken for what is to happen. */
  const planned = (fate: Fate, aims: Aim[]): Aim[] => {
    if (fate !== 'outlast' && fate !== 'reset') return aims;
    const before = aims.filter(({ phase }) => phase !== 'guard');
    // a board that is missed in a start calls it off
    return fate === 'reset' ? before : before.map((aim) => ({ ...aim, offMs: Math.min(aim.offMs, 100), again: [] }));
  };

  const round = (): Round => {
    let fate: Fate = pick(wanted.fates ?? FATES);
    let cluster = pick(wanted.clusters ?? CLUSTERS);
    // the misbehaviour is the controller's
    if (fate !== 'good' && fate !== 'outlast' && !cluster.includes(CONTROLLER)) cluster = [CONTROLLER];
    // to be seen from outside
    if (fate === 'diverge' && cluster.includes(ACTUATOR)) cluster = [ESTIMATOR, CONTROLLER];
    // a board with new versions and nothing else: the spare one, which has the new sensor
    if (fate === 'outlast' && (gyro === SPARE || !cluster.includes(SENSOR))) {
      if (gyro === SPARE) fate = 'good';
      else cluster = [SENSOR];
    }
    const aims: Aim[] = [];
    for (let i = wanted.aims ?? 3 + below(3); i > 0; i--) aims.push(aim(pick(phases)));
    return {
      cluster,
      changed: cluster.includes(ESTIMATOR) && random.next() < 0.5,
      fate,
      after: 3 + below(25),
      end: pick(wanted.ends ?? ENDS),
      word: pick([SENSORS, COMPUTE, CONTROL]),
      aims: planned(fate, aims),
    };
  };

  const made: Draw = {
    seed,
    wanted,
    durability,
    gyro,
    side,
    periodMs: pick([100, 37, 211]),
    atLeastOnce: random.next() < 0.5,
    bus: pick(BUSES),
    flash: { ...pick(FLASHES), torn: pick<Torn>(TORN) },
    freshClocks: durability === 'always' && random.next() < 0.3,
    loose,
    rounds: Array.from({ length: wanted.rounds ?? 2 }, round),
  };
  return { ...made, ...set };
}
