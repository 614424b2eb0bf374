// The original estimator: tells the controller roll, pitch and yaw.

import { emptyFilter, filtered } from './filter.ts';
import type { Filter } from './filter.ts';
import { fromEuler, toEuler } from './math.ts';
import type { Vector } from './math.ts';
import type { Event, Io, Sample } from './types.ts';

interface State {
  time: number;
  euler: Vector;
  rates: Vector;
  samples: number;
}

export function initial(): State {
  const empty = emptyFilter();
  return { time: empty.time, euler: [0, 0, 0], rates: empty.rates, samples: 0 };
}

export const on = {
  Sample: function (state: State, event: Event<Sample>, io: Io): void {
    const old: Filter = { time: state.time, q: fromEuler(state.euler), rates: state.rates, residual: 0 };
    const now = filtered(old, event.data);
    state.time = now.time;
    state.euler = toEuler(now.q);
    state.rates = now.rates;
    state.samples++;
    io.send('Attitude', { time: state.time, euler: state.euler, rates: state.rates });
    if (state.samples % 10 === 0) io.send('Health', { time: state.time, residual: now.residual });
  },
};
