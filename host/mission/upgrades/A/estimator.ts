// The new estimator: the same filter, told as a quaternion.

import { emptyFilter, filtered } from '../../components/filter.ts';
import type { Filter } from '../../components/filter.ts';
import { fromEuler, positive } from '../../components/math.ts';
import type { Vector } from '../../components/math.ts';
import type { Event, Io, Sample } from '../../components/types.ts';

interface State {
  filter: Filter;
  samples: number;
}

export function initial(): State {
  return { filter: emptyFilter(), samples: 0 };
}

export const on = {
  Sample: function (state: State, event: Event<Sample>, io: Io): void {
    const filter = filtered(state.filter, event.data);
    state.filter = filter;
    state.samples++;
    io.send('Attitude', { time: filter.time, q: positive(filter.q), rates: filter.rates });
    if (state.samples % 10 === 0) io.send('Health', { time: filter.time, residual: filter.residual });
  },
};

/** The state of the original estimator. */
interface OldState {
  time: number;
  euler: Vector;
  rates: Vector;
  samples: number;
}

export function migrate(old: OldState): { state: State } {
  const filter = { time: old.time, q: fromEuler(old.euler), rates: old.rates, residual: 0 };
  return { state: { filter: filter, samples: old.samples } };
}
