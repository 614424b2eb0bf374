// The new controller: acts on the quaternion that is left between command and attitude, which has no singularity.

import { commanded, DAMPING, feedForward, GAIN, TORQUE_MAX, wholeMomentum } from '../../components/craft.ts';
import { dumpingMoment, takesOut } from '../../components/dumping.ts';
import {
  add,
  angleBetween,
  difference,
  fromEuler,
  limited,
  positive,
  scale,
  subtract,
  vectorPart,
} from '../../components/math.ts';
import type { Vector } from '../../components/math.ts';
import type { EulerAttitude, Event, Field, Io, Momentum, QuaternionAttitude } from '../../components/types.ts';

/** As the original controller's. */
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

export const on = {
  Attitude: function (state: State, event: Event<QuaternionAttitude>, io: Io): void {
    const attitude = event.data;
    const command = commanded(attitude.time);
    // q and -q are one attitude: take the short way round
    const error = positive(difference(command.q, attitude.q));
    const ahead = feedForward(command, attitude.rates, state.momentum);
    const restoring = scale(vectorPart(error), GAIN);
    const damping = scale(subtract(attitude.rates, command.rates), DAMPING);
    const torque = subtract(ahead, add(restoring, damping));
    state.rates = attitude.rates;
    state.steps++;
    io.send('Torque', { time: attitude.time, torque: limited(torque, TORQUE_MAX) });
    if (state.steps % 10 === 0) {
      io.send('Pointing', { time: attitude.time, error: angleBetween(command.q, attitude.q) });
    }
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

interface Pending {
  type: string;
  data: unknown;
}

/** The state needs no change; attitudes under way in Euler angles become quaternions. */
export function migrate(old: State, pending: Pending[]): { state: State; pending: Pending[] } {
  const out: Pending[] = [];
  for (let i = 0; i < pending.length; i++) {
    const attitude = (pending[i] as Pending).data as EulerAttitude;
    const q = positive(fromEuler(attitude.euler));
    out.push({ type: 'Attitude', data: { time: attitude.time, q: q, rates: attitude.rates } });
  }
  return { state: old, pending: out };
}
