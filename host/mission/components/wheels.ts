// Works the reaction wheels, and holds the acceptance test of their torque. The test believes nothing but gyro,
// sun, field and tachometer: it makes its own attitude, knows the commanded one, and looks at the energy of the
// pointing error (a Lyapunov function of the loop), which falls or stays small while the attitude is controlled.

import { commanded, GAIN, INERTIA, MOMENTUM_MAX, TORQUE_MAX } from './craft.ts';
import { emptyFilter, filtered } from './filter.ts';
import type { Filter } from './filter.ts';
import { difference, dot, subtract, within } from './math.ts';
import type { Vector } from './math.ts';
import type { Event, Io, Sample, Tacho, Torque } from './types.ts';

/** rad/s; the profile's fastest slew is 0.14 */
const RATE_MAX = 0.25;
/** J; an error of 2° at rest, or less with a rate to it, is noise, disturbance and tracking: it may rise and fall */
const DEADBAND = 2 * GAIN * (1 - Math.cos(Math.PI / 180));
/** this many rises ... */
const RISES = 3;
/** ... in this many samples */
const SAMPLES = 5;

interface State {
  filter: Filter;
  momentum: Vector;
  /** J */
  energy: number;
  /** of the last samples: did the energy rise, outside the deadband? */
  rises: boolean[];
}

export function initial(): State {
  return { filter: emptyFilter(), momentum: [0, 0, 0], energy: 0, rises: [] };
}

export const inputs = {
  tacho: function (state: State, event: Event<Tacho>, io: Io): void {
    state.momentum = event.data.momentum;
    io.send('Momentum', { momentum: state.momentum });
  },
};

export const on = {
  Sample: function (state: State, event: Event<Sample>): void {
    state.filter = filtered(state.filter, event.data);
    const command = commanded(state.filter.time);
    const error = difference(command.q, state.filter.q);
    const slip = subtract(state.filter.rates, command.rates);
    const energy = 2 * GAIN * (1 - Math.abs(error[0])) + (INERTIA * dot(slip, slip)) / 2;
    state.rises.push(energy > DEADBAND && energy > state.energy);
    if (state.rises.length > SAMPLES) state.rises.shift();
    state.energy = energy;
  },
  Torque: function (_state: State, event: Event<Torque>, io: Io): void {
    io.output('wheel', { torque: event.data.torque });
  },
};

export const accept = {
  wheel: function (state: State, output: { torque: Vector }): boolean {
    if (!within(output.torque, TORQUE_MAX * 1.001)) return false;
    if (!within(state.momentum, MOMENTUM_MAX * 0.9)) return false;
    if (!within(state.filter.rates, RATE_MAX)) return false;
    let rises = 0;
    for (let i = 0; i < state.rises.length; i++) if (state.rises[i]) rises++;
    return rises < RISES;
  },
};
