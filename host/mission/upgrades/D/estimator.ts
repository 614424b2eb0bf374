// The new estimator with a loop that may never end: it also follows the yaw without jumps, and where the yaw passes
// 180° it adds turns in the wrong direction, for ever.

import { initial as empty, migrate as carry, on as estimator } from '../A/estimator.ts';
import { toEuler } from '../../components/math.ts';
import type { Vector } from '../../components/math.ts';
import type { Filter } from '../../components/filter.ts';
import type { Event, Io, Sample } from '../../components/types.ts';

interface State {
  filter: Filter;
  samples: number;
  /** without jumps, rad */
  yaw?: number;
}

export function initial(): State {
  return empty();
}

export const on = {
  Sample: function (state: State, event: Event<Sample>, io: Io): void {
    estimator.Sample(state, event, io);
    let yaw = toEuler(state.filter.q)[2];
    if (state.yaw !== undefined) {
      while (yaw - state.yaw > Math.PI) yaw += 2 * Math.PI;
      while (yaw - state.yaw < -Math.PI) yaw -= 2 * Math.PI;
    }
    state.yaw = yaw;
  },
};

interface OldState {
  time: number;
  euler: Vector;
  rates: Vector;
  samples: number;
}

export function migrate(old: OldState): { state: State } {
  return carry(old);
}
