// Attitude from gyro, sun and field: the gyro carries the attitude from sample to sample, and each sample's two
// vectors (TRIAD) pull it back a little.

import { FIELD, SUN } from './craft.ts';
import { angleBetween, blend, fromMatrix, scale, add, triad, turned } from './math.ts';
import type { Quaternion, Vector } from './math.ts';
import type { Sample } from './types.ts';

/** weight of the two vectors in each sample */
const PULL = 0.1;
/** s without a sample after which the vectors alone are believed */
const GAP = 2;

export interface Filter {
  /** negative: no sample yet */
  time: number;
  q: Quaternion;
  rates: Vector;
  /** rad between prediction and vectors */
  residual: number;
}

export function emptyFilter(): Filter {
  return { time: -1, q: [1, 0, 0, 0], rates: [0, 0, 0], residual: 0 };
}

export function filtered(old: Filter, sample: Sample): Filter {
  const seen = fromMatrix(triad(sample.sun, sample.field, SUN, FIELD));
  const seconds = sample.time - old.time;
  if (old.time < 0 || !(seconds >= 0 && seconds <= GAP)) {
    return { time: sample.time, q: seen, rates: sample.rates, residual: 0 };
  }
  const predicted = turned(old.q, scale(add(old.rates, sample.rates), 0.5), seconds);
  return {
    time: sample.time,
    q: blend(predicted, seen, PULL),
    rates: sample.rates,
    residual: angleBetween(predicted, seen),
  };
}
