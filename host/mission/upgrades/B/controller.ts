// The new controller with a mistake that no short test shows: it forgets that q and -q are one attitude. The estimator
// sends the one with w above zero, the command's w falls below zero beyond 180° of yaw: from there on it turns the
// craft the long way round.

import { commanded, DAMPING, feedForward, GAIN, TORQUE_MAX } from '../../components/craft.ts';
import { add, angleBetween, difference, limited, scale, subtract, vectorPart } from '../../components/math.ts';
import type { Vector } from '../../components/math.ts';
import type { Event, Io, Momentum, QuaternionAttitude } from '../../components/types.ts';

export { accept, initial, inputs, migrate } from '../A/controller.ts';

interface State {
  rates: Vector;
  momentum: Vector;
  steps: number;
}

export const on = {
  Attitude: function (state: State, event: Event<QuaternionAttitude>, io: Io): void {
    const attitude = event.data;
    const command = commanded(attitude.time);
    const error = difference(command.q, attitude.q);
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
