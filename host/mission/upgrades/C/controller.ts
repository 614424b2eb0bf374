// The new controller with a crash in it: it notes the last attitudes in a table and never starts over at its end.

import { on as controller, initial as empty, migrate as carry } from '../A/controller.ts';
import type { Vector } from '../../components/math.ts';
import type { Event, Io, QuaternionAttitude } from '../../components/types.ts';

export { accept, inputs } from '../A/controller.ts';

/** 15 s of attitudes */
const ROWS = 150;

interface Row {
  time: number;
}

interface State {
  rates: Vector;
  momentum: Vector;
  field: Vector | null;
  steps: number;
  fields: number;
  table?: Row[];
  used?: number;
}

interface Pending {
  type: string;
  data: unknown;
}

function withTable(state: State): State {
  const table: Row[] = [];
  for (let i = 0; i < ROWS; i++) table.push({ time: 0 });
  state.table = table;
  state.used = 0;
  return state;
}

export function initial(): State {
  return withTable(empty());
}

export const on = {
  Attitude: function (state: State, event: Event<QuaternionAttitude>, io: Io): void {
    const used = state.used as number;
    const row = (state.table as Row[])[used] as Row;
    // throws at the 151st attitude, where there is no row
    row.time = event.data.time;
    state.used = used + 1;
    controller.Attitude(state, event, io);
  },
  Momentum: controller.Momentum,
};

export function migrate(old: State, pending: Pending[]): { state: State; pending: Pending[] } {
  const carried = carry(old, pending);
  return { state: withTable(carried.state), pending: carried.pending };
}
