// A component's module as the core sees it: the core's numbers become the names and objects that a user wrote,
// and what a handler emits is checked at the border before it becomes a message (PROTOCOL 4.1).

import type { Application, Emission, Event, Migrated, Opaque } from './core/types.ts';
import { decode, encode } from './link/cbor.ts';
import { pack, unpack } from './link/pack.ts';
import type { BoardPlan, ComponentPlan, DevicePlan, TypePlan } from './plan.ts';

/** What a component's module exports (README, "Write a component"). */
export interface Module {
  initial?: () => unknown;
  start?: Handler;
  on?: { [type: string]: Handler };
  inputs?: { [device: string]: Handler };
  timers?: { [name: string]: Handler };
  accept?: { [device: string]: (state: unknown, output: unknown) => boolean };
  compensate?: { [device: string]: (state: unknown, output: unknown) => unknown };
  migrate?: (
    old: unknown,
    pending: Pending[],
  ) => { state: unknown; pending?: Pending[]; timers?: { [name: string]: number } };
}

export interface Pending {
  type: string;
  data: unknown;
}

export type Handler = (state: unknown, event: HandlerEvent, io: Io) => void;

export interface HandlerEvent {
  /** ms on the board's clock */
  time: number;
  name: string;
  data: unknown;
}

export interface Io {
  send(type: string, data: unknown): void;
  output(device: string, data: unknown): void;
  after(timer: string, ms: number): void;
  cancel(timer: string): void;
  random(): number;
}

/** A channel may carry at once what its rate allows in so long, s: what waited in a cut, or for power, is done in one go. */
const BURST_S = 6;

/** Runs a handler; where the board can interrupt a call and `risky` holds, within `HANDLER_MS`. */
export type Call = (fn: () => void) => void;

/** State of the application as the core keeps it: the user's, and how much of each channel's rate is used up. */
interface AppState {
  user: unknown;
  /** [type, component, time of the last send in ms, messages left in the bucket] */
  rates: [number, number, number, number][];
}

function indexOfName(list: { name: string }[], name: string): number {
  for (let i = list.length - 1; i >= 0; i--) if (list[i].name === name) return i;
  return -1;
}

/** Takes one message from the channel's bucket of `perSecond`; false: the rate is exceeded. */
function withinRate(state: AppState, type: number, to: number, perSecond: number, now: number): boolean {
  if (perSecond <= 0) return true;
  let rate: AppState['rates'][0] | null = null;
  for (let i = 0; i < state.rates.length; i++) {
    if (state.rates[i][0] === type && state.rates[i][1] === to) rate = state.rates[i];
  }
  if (!rate) {
    rate = [type, to, now, perSecond * BURST_S];
    state.rates.push(rate);
  }
  const elapsed = now > rate[2] ? now - rate[2] : 0;
  rate[3] = Math.min(perSecond * BURST_S, rate[3] + (elapsed * perSecond) / 1000);
  rate[2] = now;
  if (rate[3] < 1) return false;
  rate[3] -= 1;
  return true;
}

/** A small generator for `io.random`: mulberry32, seeded by the event, so that a replay draws the same numbers. */
function draw(seed: { at: number }): number {
  seed.at = (seed.at + 0x6d2b79f5) | 0;
  let x = seed.at;
  x = imul(x ^ (x >>> 15), x | 1);
  x ^= x + imul(x ^ (x >>> 7), x | 61);
  return ((x ^ (x >>> 14)) >>> 0) / 4294967296;
}

export function imul(a: number, b: number): number {
  const high = (a >>> 16) & 0xffff;
  const low = a & 0xffff;
  return (low * (b & 0xffff) + (((high * (b & 0xffff) + low * ((b >>> 16) & 0xffff)) << 16) >>> 0)) | 0;
}

/** A type of message. One that the board has left out of the plan is looked up in flash, once. */
function typeOf(plan: BoardPlan, index: number): TypePlan {
  if (!plan.types[index] && plan.allTypes) plan.types[index] = plan.allTypes()[index];
  return plan.types[index] as TypePlan;
}

function sendsOf(component: ComponentPlan, plan: BoardPlan, name: string): [number, number[]] {
  for (let i = 0; i < component.sends.length; i++) {
    if (typeOf(plan, component.sends[i][0]).name === name) return component.sends[i];
  }
  throw new Error(component.name + ' may not send ' + name);
}

/**
 * The adapter of one process. `plan` and `number` say which component of which version it is; `call` runs its
 * handlers (PROTOCOL 7: interrupting a call).
 */
export function createApplication(module: Module, plan: () => BoardPlan, number: number, call: Call): Application {
  const component = function (): ComponentPlan {
    return plan().components[number] as ComponentPlan;
  };
  const deviceAt = function (index: number): DevicePlan {
    return plan().devices[index] as DevicePlan;
  };
  let current: { out: Emission[]; state: AppState; time: number; seed: { at: number } } | null = null;
  const io: Io = {
    send: function (name, data) {
      if (!current) return;
      const route = sendsOf(component(), plan(), name);
      const type = typeOf(plan(), route[0]);
      const bytes = pack(type.fields, data, name);
      for (let i = 0; i < route[1].length; i++) {
        if (!withinRate(current.state, route[0], route[1][i], type.perSecond, current.time)) {
          throw new Error('flood: ' + name + ' above ' + type.perSecond + ' per second');
        }
        current.out.push({ to: route[1][i], type: route[0], data: bytes });
      }
    },
    output: function (name, data) {
      if (!current) return;
      const device = indexOfName(plan().devices as DevicePlan[], name);
      if (device < 0 || component().drives.indexOf(device) < 0) {
        throw new Error(component().name + ' may not drive ' + name);
      }
      current.out.push({ device: device, data: pack(deviceAt(device).out as never, data, name) });
    },
    after: function (timer, ms) {
      if (!module.timers || !module.timers[timer]) throw new Error('no timer named ' + timer);
      if (!(ms >= 0)) throw new Error('timer ' + timer + ': ' + ms + ' is no time in ms');
      // at least a millisecond: a timer that arms itself anew must let time pass
      if (current) current.out.push({ timer: timer, at: current.time + (ms < 1 ? 1 : ms) });
    },
    cancel: function (timer) {
      if (current) current.out.push({ timer: timer, at: -1 });
    },
    random: function () {
      return current ? draw(current.seed) : 0;
    },
  };

  const run = function (
    handler: Handler | undefined,
    what: string,
    state: AppState,
    event: Event,
    data: unknown,
    out: Emission[],
  ): void {
    if (!handler) throw new Error('no handler for ' + what);
    const mine = { out: out, state: state, time: event.t, seed: { at: event.seed | 0 } };
    current = mine;
    try {
      call(function () {
        handler(state.user, { time: event.t, name: what, data: data }, io);
      });
    } finally {
      current = null;
    }
  };

  const device = function (index: number): { name: string; fields: never } {
    return { name: deviceAt(index).name, fields: deviceAt(index).out as never };
  };

  return {
    initial: function (): Opaque {
      return { user: module.initial ? module.initial() : {}, rates: [] };
    },
    handle: function (state, event, out) {
      const app = state as AppState;
      if (event.kind === 'app') {
        const type = typeOf(plan(), event.type as number);
        run(
          module.on && module.on[type.name],
          type.name,
          app,
          event,
          unpack(type.fields, event.data as Uint8Array),
          out,
        );
      } else if (event.kind === 'input') {
        const from = deviceAt(event.device as number);
        const data = unpack(from.in as never, event.data as Uint8Array);
        run(module.inputs && module.inputs[from.name], from.name, app, event, data, out);
      } else if (event.kind === 'timer') {
        const name = event.name as string;
        run(module.timers && module.timers[name], name, app, event, null, out);
      } else if (module.start) run(module.start, 'start', app, event, null, out);
    },
    accept: function (state, index, data) {
      const to = device(index);
      let ok = false;
      call(function () {
        ok = (module.accept as never as { [name: string]: (s: unknown, o: unknown) => boolean })[to.name](
          (state as AppState).user,
          unpack(to.fields, data as Uint8Array),
        );
      });
      return ok;
    },
    compensate: function (state, index, data) {
      const to = device(index);
      const fn = module.compensate && module.compensate[to.name];
      if (!fn) return null;
      let other: unknown = null;
      call(function () {
        other = fn((state as AppState).user, unpack(to.fields, data as Uint8Array));
      });
      return other === null || other === undefined ? null : pack(to.fields, other, to.name);
    },
    migrate: function (old, pending): Migrated {
      const all = plan().allTypes;
      const types = all ? all() : (plan().types as TypePlan[]);
      return migrateWith(module, types, component(), old as AppState | null, pending, call);
    },
    save: function (value) {
      return encode(value);
    },
    load: function (saved) {
      return decode(saved as Uint8Array);
    },
    bytes: function (saved) {
      return saved ? (saved as Uint8Array).length : 0;
    },
  };
}

/** PROTOCOL 5.3: the old state and the pending messages of the old format, in the hands of the new version. */
function migrateWith(
  module: Module,
  types: TypePlan[],
  component: ComponentPlan,
  old: AppState | null,
  pending: Event[],
  call: Call,
): Migrated {
  const migrate = module.migrate;
  if (!migrate || !old) {
    for (let i = 0; i < pending.length; i++) {
      const type = types[pending[i].type as number];
      if (indexOfName(types, type.name) !== pending[i].type) {
        throw new Error(component.name + ' has no migrate for a pending ' + type.name + ' of the old format');
      }
    }
    const state = { user: module.initial ? module.initial() : {}, rates: [] };
    return { state: state, pending: pending, timers: [], fresh: true };
  }
  const before: Pending[] = [];
  for (let i = 0; i < pending.length; i++) {
    const type = types[pending[i].type as number];
    before.push({ type: type.name, data: unpack(type.fields, pending[i].data as Uint8Array) });
  }
  let made: ReturnType<NonNullable<Module['migrate']>> | null = null;
  call(function () {
    made = migrate(old.user, before);
  });
  const answer = made as unknown as ReturnType<NonNullable<Module['migrate']>>;
  if (!answer || answer.state === undefined) throw new Error('migrate gave no state');
  const out: Event[] = [];
  const after = answer.pending || [];
  for (let i = 0; i < after.length; i++) {
    const type = indexOfName(types, after[i].type);
    if (type < 0) throw new Error('migrate gave a pending ' + after[i].type + ', which is no message type');
    const source = i < pending.length ? pending[i] : pending[pending.length - 1];
    out.push({
      kind: 'app',
      t: source ? source.t : 0,
      seed: source ? source.seed : 0,
      from: source ? source.from : undefined,
      type: type,
      T: [],
      V: [],
      data: pack(types[type].fields, after[i].data, after[i].type),
    });
  }
  const timers: [string, number][] = [];
  const names = answer.timers;
  if (names) for (const name in names) timers.push([name, names[name]]);
  return { state: { user: answer.state, rates: [] }, pending: out, timers: names ? timers : undefined };
}
