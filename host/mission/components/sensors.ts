// Collects gyro, sun sensor and magnetometer into one sample with the time of the gyro's reading.

import type { Vector } from './math.ts';
import type { Event, Field, Gyro, Io, Sun } from './types.ts';

interface State {
  sun: Vector | null;
  field: Vector | null;
}

export function initial(): State {
  return { sun: null, field: null };
}

export const inputs = {
  sun: function (state: State, event: Event<Sun>): void {
    state.sun = event.data.vector;
  },
  field: function (state: State, event: Event<Field>): void {
    state.field = event.data.vector;
  },
  gyro: function (state: State, event: Event<Gyro>, io: Io): void {
    if (!state.sun || !state.field) return;
    io.send('Sample', { time: event.data.time, rates: event.data.rates, sun: state.sun, field: state.field });
  },
};
