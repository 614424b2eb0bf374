// What a run of the comparison is made of: a system of some size, its traffic, one failure. All of it follows from the
// seed, and nothing of it from the variant of the core that is run.

import { randomOf } from '../explore/random.ts';

/** What ends the guarded operation: a low process fails its test, its board dies, the operator aborts. */
export type Failing = 'test' | 'crash' | 'abort';

export const FAILINGS: Failing[] = ['test', 'crash', 'abort'];

export interface Plan {
  seed: number;
  components: number;
  /** components of the cluster: the first ones */
  cluster: number;
  /** to how many others a component sends */
  peers: number;
  /** these are its neighbours in a ring; or any, as the seed says */
  near: boolean;
  /** mean time between two inputs of a component, ms */
  inputMs: number;
  /** what a handler does, in a hundred: after an input it sends, puts out; after a message it sends, puts out */
  inputSends: number;
  inputPuts: number;
  messageSends: number;
  messagePuts: number;
  /** longest time on the bus, ms */
  delayMs: number;
  beatMs: number;
  failing: Failing | null;
  /** when that happens, ms; where nothing fails, when the run ends */
  endMs: number;
}

/** The traffic of the table of costs: every component does the same, however many there are. */
export function steadyPlan(seed: number, components: number, cluster: number, endMs: number): Plan {
  return {
    seed,
    components,
    cluster,
    peers: 3,
    near: true,
    inputMs: 50,
    inputSends: 60,
    inputPuts: 10,
    messageSends: 35,
    messagePuts: 10,
    delayMs: 10,
    beatMs: 100,
    failing: null,
    endMs,
  };
}

/** A run that ends in a recovery. */
export function planOf(seed: number): Plan {
  const random = randomOf(Math.imul(seed, 0x9e3779b1) ^ 0x1b873593);
  const upTo = (most: number) => Math.floor(random() * (most + 1));
  // most systems are small, some have the most components there may be
  const components = 2 + Math.floor(random() ** 2 * 31);
  return {
    ...steadyPlan(seed, components, 1 + upTo(Math.min(6, components - 1) - 1), 0),
    peers: 1 + upTo(4),
    near: false,
    inputMs: 20 + upTo(80),
    messageSends: 20 + upTo(30),
    inputPuts: 1 + upTo(11),
    messagePuts: 1 + upTo(11),
    delayMs: 2 + upTo(38),
    failing: FAILINGS[upTo(FAILINGS.length - 1)] as Failing,
    endMs: 300 + upTo(2200),
  };
}
