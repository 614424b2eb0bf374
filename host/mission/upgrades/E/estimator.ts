// The new estimator with a flood in it: during a slew it wants to be sure that its attitude arrives.

import { norm, positive } from '../../components/math.ts';
import { on as estimator } from '../A/estimator.ts';
import type { Filter } from '../../components/filter.ts';
import type { Event, Io, Sample } from '../../components/types.ts';

export { initial, migrate } from '../A/estimator.ts';

/** rad/s */
const FAST = 0.1;
const TIMES = 50;

interface State {
  filter: Filter;
  samples: number;
}

export const on = {
  Sample: function (state: State, event: Event<Sample>, io: Io): void {
    estimator.Sample(state, event, io);
    if (norm(state.filter.rates) < FAST) return;
    const attitude = { time: state.filter.time, q: positive(state.filter.q), rates: state.filter.rates };
    for (let i = 0; i < TIMES; i++) io.send('Attitude', attitude);
  },
};
