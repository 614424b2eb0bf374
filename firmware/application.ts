// A component's module as the core sees it: the core's numbers become the names and objects that a user wrote,
// and what a handler emits is checked at the border before it becomes a message (PROTOCOL 4.1).

import type { Application, Emission, Event, Migrated, Opaque } from './core/types.ts';
import { decode, encode, encodedBytes } from './link/cbor.ts';
import { pack, unpack } from './link/pack.ts';
import type { BoardPlan, ComponentPlan, DevicePlan, Field, TypePlan } from './plan.ts';

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

/** A channel may carry at once what its rate allows in so long, s; */
const BURST_S = 2;
/** a new one, or one that was silent for more than `SILENT_MS`, in so long: what waited in a cut is done in one go. */
const LATE_S = 5;
const SILENT_MS = 500;

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

/** So many messages of this channel are already in what a handler sends. */
function countSent(out: Emission[], type: number, to: number): number {
  let count = 0;
  for (let i = 0; i < out.length; i++) if (out[i].type === type && out[i].to === to) count++;
  return count;
}

/** Takes one message from the channel's bucket of `perSecond`; false: the rate is exceeded. `out`: of this event so far. */
function withinRate(
  state: AppState,
  type: number,
  to: number,
  perSecond: number,
  now: number,
  out: Emission[],
): boolean {
  if (perSecond <= 0) return true;
  const steady = perSecond * BURST_S;
  // what waited came with events of its own: one alone may not send more, and on a slow board would else pass as late
  if (out.length >= steady && countSent(out, type, to) >= steady) return false;
  let rate: AppState['rates'][0] | null = null;
  for (let i = 0; i < state.rates.length; i++) {
    if (state.rates[i][0] === type && state.rates[i][1] === to) rate = state.rates[i];
  }
  if (!rate) {
    rate = [type, to, now, perSecond * LATE_S];
    state.rates.push(rate);
  }
  const elapsed = now > rate[2] ? now - rate[2] : 0;
  const more = (elapsed * perSecond) / 1000;
  if (elapsed > SILENT_MS) rate[3] = Math.min(perSecond * LATE_S, rate[3] + more);
  else if (rate[3] < steady) rate[3] = Math.min(steady, rate[3] + more);
  // who is late catches up soon; what is left then goes by, or a flood would be noticed late
  else rate[3] = Math.max(steady, rate[3] - more);
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

/** Which component of which version a process is. */
interface Adapter {
  module: Module;
  plan: () => BoardPlan;
  number: number;
  /** runs its handlers (PROTOCOL 7: interrupting a call) */
  call: Call;
}

function componentOf(adapter: Adapter): ComponentPlan {
  return adapter.plan().components[adapter.number] as ComponentPlan;
}

function deviceOf(adapter: Adapter, index: number): DevicePlan {
  return adapter.plan().devices[index] as DevicePlan;
}

/**
 * The handler that runs; there is one at a time. So one `io` does for all processes: on Espruino each function that is made
 * for a process takes ten variables or so.
 */
let current: { adapter: Adapter; out: Emission[]; state: AppState; time: number; seed: { at: number } } | null = null;

const io: Io = {
  send: function (name, data) {
    if (!current) return;
    const plan = current.adapter.plan();
    const component = componentOf(current.adapter);
    let route: [number, number[]] | null = null;
    for (let i = component.sends.length - 1; i >= 0; i--) {
      if (typeOf(plan, component.sends[i][0]).name === name) route = component.sends[i];
    }
    if (!route) throw new Error(component.name + ' may not send ' + name);
    const type = typeOf(plan, route[0]);
    const bytes = pack(type.fields, data, name);
    for (let i = 0; i < route[1].length; i++) {
      if (!withinRate(current.state, route[0], route[1][i], type.perSecond, current.time, current.out)) {
        throw new Error('flood: ' + name + ' above ' + type.perSecond + ' per second');
      }
      current.out.push({ to: route[1][i], type: route[0], data: bytes });
    }
  },
  output: function (name, data) {
    if (!current) return;
    const device = indexOfName(current.adapter.plan().devices as DevicePlan[], name);
    const component = componentOf(current.adapter);
    if (device < 0 || component.drives.indexOf(device) < 0) throw new Error(component.name + ' may not drive ' + name);
    current.out.push({ device: device, data: pack(deviceOf(current.adapter, device).out as Field[], data, name) });
  },
  after: function (timer, ms) {
    if (!current) return;
    const timers = current.adapter.module.timers;
    if (!timers || !timers[timer]) throw new Error('no timer named ' + timer);
    if (!(ms >= 0)) throw new Error('timer ' + timer + ': ' + ms + ' is no time in ms');
    // at least a millisecond: a timer that arms itself anew must let time pass
    current.out.push({ timer: timer, at: current.time + (ms < 1 ? 1 : ms) });
  },
  cancel: function (timer) {
    if (current) current.out.push({ timer: timer, at: -1 });
  },
  random: function () {
    return current ? draw(current.seed) : 0;
  },
};

function run(
  adapter: Adapter,
  handler: Handler | undefined,
  what: string,
  state: AppState,
  event: Event,
  data: unknown,
  out: Emission[],
): void {
  if (!handler) throw new Error('no handler for ' + what);
  current = { adapter: adapter, out: out, state: state, time: event.t, seed: { at: event.seed | 0 } };
  try {
    adapter.call(function () {
      handler(state.user, { time: event.t, name: what, data: data }, io);
    });
  } finally {
    current = null;
  }
}

function initialState(module: Module): AppState {
  return { user: module.initial ? module.initial() : {}, rates: [] };
}

/** PROTOCOL 5.3: the old state and the pending messages of the old format, in the hands of the new version. */
function migrate(adapter: Adapter, old: AppState | null, pending: Event[]): Migrated {
  const plan = adapter.plan();
  const types = plan.allTypes ? plan.allTypes() : (plan.types as TypePlan[]);
  const renew = adapter.module.migrate;
  if (!renew || !old) {
    for (let i = 0; i < pending.length; i++) {
      const type = types[pending[i].type as number];
      if (indexOfName(types, type.name) !== pending[i].type) {
        throw new Error(
          componentOf(adapter).name + ' has no migrate for a pending ' + type.name + ' of the old format',
        );
      }
    }
    return { state: initialState(adapter.module), pending: pending, timers: [], fresh: true };
  }
  const before: Pending[] = [];
  for (let i = 0; i < pending.length; i++) {
    const type = types[pending[i].type as number];
    before.push({ type: type.name, data: unpack(type.fields, pending[i].data as Uint8Array) });
  }
  let made: ReturnType<NonNullable<Module['migrate']>> | null = null;
  adapter.call(function () {
    made = renew(old.user, before);
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

/**
 * The adapter of one process. `plan` and `number` say which component of which version it is; `call` runs its
 * handlers (PROTOCOL 7: interrupting a call).
 */
export function createApplication(module: Module, plan: () => BoardPlan, number: number, call: Call): Application {
  const adapter: Adapter = { module: module, plan: plan, number: number, call: call };
  return {
    initial: function (): Opaque {
      return initialState(module);
    },
    handle: function (state, event, out) {
      const app = state as AppState;
      if (event.kind === 'app') {
        const type = typeOf(plan(), event.type as number);
        const data = unpack(type.fields, event.data as Uint8Array);
        run(adapter, module.on && module.on[type.name], type.name, app, event, data, out);
      } else if (event.kind === 'input') {
        const from = deviceOf(adapter, event.device as number);
        const data = unpack(from.in as Field[], event.data as Uint8Array);
        run(adapter, module.inputs && module.inputs[from.name], from.name, app, event, data, out);
      } else if (event.kind === 'timer') {
        const name = event.name as string;
        run(adapter, module.timers && module.timers[name], name, app, event, null, out);
      } else if (module.start) run(adapter, module.start, 'start', app, event, null, out);
    },
    accept: function (state, index, data) {
      const device = deviceOf(adapter, index);
      let ok = false;
      call(function () {
        ok = (module.accept as NonNullable<Module['accept']>)[device.name](
          (state as AppState).user,
          unpack(device.out as Field[], data as Uint8Array),
        );
      });
      return ok;
    },
    compensate: function (state, index, data) {
      const device = deviceOf(adapter, index);
      const fields = device.out as Field[];
      const fn = module.compensate && module.compensate[device.name];
      if (!fn) return null;
      let other: unknown = null;
      call(function () {
        other = fn((state as AppState).user, unpack(fields, data as Uint8Array));
      });
      return other === null || other === undefined ? null : pack(fields, other, device.name);
    },
    migrate: function (old, pending): Migrated {
      return migrate(adapter, old as AppState | null, pending);
    },
    save: encode,
    load: decode as Application['load'],
    bytes: encodedBytes,
  };
}
