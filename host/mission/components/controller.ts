// The original controller: proportional to the Euler angles' errors, damped, with feed-forward from the profile.
// It drives the magnetorquers itself.

import { commanded, DAMPING, feedForward, GAIN, TORQUE_MAX, wholeMomentum } from './craft.ts';
import { dumpingMoment, takesOut } from './dumping.ts';
import { add, limited, norm, scale, subtract, wrap } from './math.ts';
import type { Vector } from './math.ts';
import type { EulerAttitude, Event, Field, Io, Momentum } from './types.ts';

interface State {
  rates: Vector;
  /** of the wheels, N m s */
  momentum: Vector;
  /** T; null: none seen yet */
  field: Vector | null;
  steps: number;
  fields: number;
}

export function initial(): State {
  return { rates: [0, 0, 0], momentum: [0, 0, 0], field: null, steps: 0, fields: 0 };
}

/** Small differences of roll, pitch, yaw as small turns about the body's axes. */
function bodyError(euler: Vector, command: Vector): Vector {
  const roll = wrap(euler[0] - command[0]);
  const pitch = wrap(euler[1] - command[1]);
  const yaw = wrap(euler[2] - command[2]);
  const sr = Math.sin(euler[0]);
  const cr = Math.cos(euler[0]);
  const sp = Math.sin(euler[1]);
  const cp = Math.cos(euler[1]);
  return [roll - yaw * sp, pitch * cr + yaw * cp * sr, yaw * cp * cr - pitch * sr];
}

export const on = {
  Attitude: function (state: State, event: Event<EulerAttitude>, io: Io): void {
    const attitude = event.data;
    const command = commanded(attitude.time);
    const error = bodyError(attitude.euler, command.euler);
    const ahead = feedForward(command, attitude.rates, state.momentum);
    const restoring = scale(error, GAIN / 2);
    const damping = scale(subtract(attitude.rates, command.rates), DAMPING);
    const torque = subtract(ahead, add(restoring, damping));
    state.rates = attitude.rates;
    state.steps++;
    io.send('Torque', { time: attitude.time, torque: limited(torque, TORQUE_MAX) });
    if (state.steps % 10 === 0) io.send('Pointing', { time: attitude.time, error: norm(error) });
  },
  Momentum: function (state: State, event: Event<Momentum>): void {
    state.momentum = event.data.momentum;
  },
};

export const inputs = {
  /** Once a second is enough for the magnetorquers. */
  field: function (state: State, event: Event<Field>, io: Io): void {
    state.field = event.data.vector;
    state.fields++;
    if (state.fields % 10 !== 0) return;
    io.output('magnetorquer', { moment: dumpingMoment(wholeMomentum(state.rates, state.momentum), state.field) });
  },
};

export const accept = {
  magnetorquer: function (state: State, output: { moment: Vector }): boolean {
    if (!state.field) return false;
    return takesOut(output.moment, wholeMomentum(state.rates, state.momentum), state.field);
  },
};
