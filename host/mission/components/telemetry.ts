// Sends a frame down each second. A frame whose numbers cannot be right goes out marked as not valid (the
// compensation) rather than cost an upgrade: pointing is judged where the torque leaves, in wheels.

import { MOMENTUM_MAX } from './craft.ts';
import { within } from './math.ts';
import type { Event, Frame, Health, Io, Momentum, Pointing } from './types.ts';

const PERIOD_MS = 1000;

interface State {
  frame: Frame;
}

export function initial(): State {
  return { frame: { count: 0, time: 0, error: 0, residual: 0, momentum: [0, 0, 0], valid: true } };
}

export function start(_state: State, _event: Event<null>, io: Io): void {
  io.after('downlink', PERIOD_MS);
}

export const on = {
  Pointing: function (state: State, event: Event<Pointing>): void {
    state.frame.time = event.data.time;
    state.frame.error = event.data.error;
  },
  Health: function (state: State, event: Event<Health>): void {
    state.frame.residual = event.data.residual;
  },
  Momentum: function (state: State, event: Event<Momentum>): void {
    state.frame.momentum = event.data.momentum;
  },
};

export const timers = {
  downlink: function (state: State, _event: Event<null>, io: Io): void {
    state.frame.count++;
    io.output('radio', state.frame);
    io.after('downlink', PERIOD_MS);
  },
};

export const accept = {
  radio: function (_state: State, output: Frame): boolean {
    if (!output.valid) return true;
    return output.error >= 0 && output.error <= 0.4 && output.residual <= 0.2 && within(output.momentum, MOMENTUM_MAX);
  },
};

export const compensate = {
  radio: function (_state: State, output: Frame): Frame {
    return { count: output.count, time: output.time, error: 0, residual: 0, momentum: [0, 0, 0], valid: false };
  },
};
