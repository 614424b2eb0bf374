// A world of real cores in one process: channels that keep order and take their time, boards whose processes die,
// devices with drivers. Its whole state is plain data, so that it can be copied, compared and gone back to. It writes
// the same trace as a testbed. Durability is off here: a board that loses power has lost its processes.

import * as realCore from '../../firmware/core/rules.ts';
import type { Process, Setup } from '../../firmware/core/core.ts';
import type { Application, Effect, Event, Message, Operation, Pid } from '../../firmware/core/types.ts';
import * as realDriver from '../../firmware/driver.ts';
import type { Driver } from '../../firmware/driver.ts';
import type { TraceEffect, TraceEvent, TraceLine, TraceNote, Violation } from '../check/types.ts';
import type { Hooks } from './app.ts';
import { createApp } from './app.ts';
import type { Budget, Shape } from './shape.ts';
import { NO_POLICY, NOTHING_LEFT, processName } from './shape.ts';

/** The protocol core and the counting of drivers; a planted mistake replaces them. */
export type Core = Pick<typeof realCore, 'create' | 'step' | 'gate' | 'heartbeat'> &
  Pick<typeof realDriver, 'createDriver' | 'admit' | 'closeToLow' | 'doneBy' | 'renewDriver'>;

export const CORE: Core = { ...realCore, ...realDriver };

interface Output {
  pid: Pid;
  e: number;
  /** epoch of the low process it comes from, or -1 */
  low: number;
}

export interface DeviceState {
  driver: Driver;
  queue: Output[];
  /** inputs so far */
  inputs: number;
  /** what the device's board knows of the system */
  epoch: number;
  readers: Pid[];
}

export interface State {
  processes: (Process | null)[];
  /** by `from>to`: what is under way */
  wires: Record<string, Message[]>;
  /** by process: device inputs under way */
  inputs: Record<number, Message[]>;
  /** by process and component: highest `q` acknowledged */
  acked: number[][];
  devices: DeviceState[];
  /** processes whose board is gone */
  dead: boolean[];
  /** by `from>to`: the heartbeat under way */
  beats: Record<string, Event>;
  left: Budget;
  t: number;
  /** digests of the states whose tests passed in this operation: what is vouched for, for the comparison of states */
  passed: number[];
  operations: number;
}

export interface World {
  shape: Shape;
  core: Core;
  state: State;
  lines: TraceLine[];
  apps: Application[];
  hooks: Hooks;
}

function wire(from: Pid, to: Pid): string {
  return `${from}>${to}`;
}

export function ends(key: string): [Pid, Pid] {
  const at = key.indexOf('>');
  return [Number(key.slice(0, at)), Number(key.slice(at + 1))];
}

export function processAt(world: World, pid: Pid): Process | null {
  return world.state.processes[pid] ?? null;
}

export function mustHave(world: World, pid: Pid): Process {
  const self = processAt(world, pid);
  if (!self) throw new Error(`no process ${pid}`);
  return self;
}

export function boardOf(world: World, pid: Pid): string {
  return world.shape.boards[pid] as string;
}

function setup(world: World, pid: Pid, role: Setup['role'], epoch: number, operation: Operation | null): Setup {
  const { shape } = world;
  return {
    rules: shape.rules,
    pid,
    epoch,
    live: shape.live,
    devices: shape.devices.length,
    latest: shape.devices.map((d) => d.latest),
    operation,
    role,
  };
}

export function createWorld(shape: Shape, left: Partial<Budget> = {}, core: Core = CORE): World {
  const state: State = {
    processes: [],
    wires: {},
    inputs: {},
    acked: [],
    devices: [],
    dead: [],
    beats: {},
    left: { ...NOTHING_LEFT, ...left },
    t: 0,
    passed: [],
    operations: 1,
  };
  const hooks: Hooks = {
    failMigrate: false,
    passed(h) {
      if (!world.state.passed.includes(h)) world.state.passed = [...world.state.passed, h].sort((a, b) => a - b);
    },
  };
  const world: World = { shape, core, state, lines: [], apps: [], hooks };
  const op = shape.operation;
  const roles: [number, string][] = [];
  shape.boards.forEach((_, pid) => {
    world.apps.push(createApp(shape, pid, hooks));
    state.dead.push(false);
    state.acked.push(shape.live.map(() => 0));
    state.processes.push(null);
    const live = shape.live[pid >> 1] === pid;
    const inside = op?.cluster.includes(pid >> 1) ?? false;
    const role = live ? (inside ? 'shadow' : 'active') : op?.lows.includes(pid) ? 'low' : null;
    if (!role) return;
    roles.push([pid, role]);
    const app = world.apps[pid] as Application;
    state.processes[pid] = core.create(setup(world, pid, role, 0, op && structuredClone(op)), app);
  });
  shape.devices.forEach((device) => {
    state.devices.push({ driver: core.createDriver(), queue: [], inputs: 0, epoch: 0, readers: [] });
    const readers = (state.devices[state.devices.length - 1] as DeviceState).readers;
    if (device.reads < 0) return;
    for (const [pid] of roles) if (pid >> 1 === device.reads) readers.push(pid);
  });
  const processes = shape.boards.map((board, pid): [number, string, string] => [pid, processName(shape, pid), board]);
  const header: TraceLine = { v: 1, trace: 'understudy', processes };
  if (op) {
    header.roles = roles;
    header.operation = { cluster: op.cluster, lows: op.lows, added: op.added };
  } else header.roles = roles;
  world.lines.push(header);
  return world;
}

export function note(world: World, board: string, what: TraceNote): void {
  world.lines.push({ v: 1, t: world.state.t, board, note: what });
}

/** Gives an event to a process, and carries out what follows. */
export function give(world: World, pid: Pid, event: Event): Effect[] {
  const self = mustHave(world, pid);
  const effects: Effect[] = [];
  const epoch = self.epoch;
  // the core keeps the event; the trace keeps what it was
  const copy = structuredCloneFast(event);
  event.t = world.state.t;
  world.core.step(self, event, effects, world.apps[pid] as Application);
  copy.t = world.state.t;
  world.lines.push({
    v: 1,
    t: world.state.t,
    board: boardOf(world, pid),
    process: processName(world.shape, pid),
    epoch,
    n: self.n,
    event: copy as unknown as TraceEvent,
    effects: effects as unknown as TraceEffect[],
  });
  for (const effect of effects) perform(world, self, effect, epoch);
  return effects;
}

/** A copy of plain data. */
export function structuredCloneFast<T>(value: T): T {
  if (Array.isArray(value)) return value.map(structuredCloneFast) as T;
  if (value === null || typeof value !== 'object') return value;
  const out: Record<string, unknown> = {};
  for (const key in value) out[key] = structuredCloneFast(value[key]);
  return out as T;
}

function perform(world: World, self: Process, effect: Effect, epoch: number): void {
  const { state } = world;
  if (effect.kind === 'send') {
    const message = structuredCloneFast(effect.message as Message);
    const to = effect.to as Pid;
    if (message.kind === 'input') {
      const list = state.inputs[to] ?? [];
      state.inputs[to] = list;
      list.push(message);
    } else {
      const key = wire(self.pid, to);
      // a channel that begins again leaves its old life behind, as the link does
      const list = message.n === 1 ? [] : (state.wires[key] ?? []);
      state.wires[key] = list;
      list.push(message);
    }
  } else if (effect.kind === 'output') {
    const device = state.devices[effect.device as number] as DeviceState;
    device.queue.push({ pid: self.pid, e: effect.e as number, low: self.role === 'low' ? epoch : -1 });
    if (world.shape.prompt) putOut(world, effect.device as number);
  } else if (effect.kind === 'decide') decided(world, self, effect);
}

/** The driver does the next output in its hands, or drops it. */
export function putOut(world: World, d: number): void {
  const device = world.state.devices[d] as DeviceState;
  const shape = world.shape.devices[d];
  const { pid, e, low } = device.queue.shift() as Output;
  const latest = shape?.latest ?? false;
  const done = world.core.admit(device.driver, pid >> 1, e, latest, low < 0 ? undefined : low);
  note(world, shape?.board ?? '', { kind: 'driver', device: d, e, component: pid >> 1, done });
}

/** What the runtime of a board does when a process of its has decided a cut. */
function decided(world: World, self: Process, effect: Effect): void {
  const { state, shape } = world;
  const board = boardOf(world, self.pid);
  const epoch = effect.epoch as number;
  const survivor = self.role === 'active' || self.role === 'shadow';
  shape.devices.forEach((device, d) => {
    if (device.board !== board) return;
    const known = state.devices[d] as DeviceState;
    if (effect.cut === 'recovery' && survivor) world.core.closeToLow(known.driver, epoch);
    if (epoch <= known.epoch || self.role === 'seat') return;
    known.epoch = epoch;
    self.live.forEach((pid, c) => {
      if (pid < 0 && !self.guarded) world.core.renewDriver(known.driver, c);
    });
    if (device.reads < 0) return;
    const old = self.live[device.reads] as Pid;
    known.readers = old >= 0 ? [old] : [];
    const low = self.guarded && self.op ? self.op.lows.find((pid) => pid >> 1 === device.reads) : undefined;
    if (low !== undefined) known.readers.push(low);
  });
  if (effect.cut !== 'recovery' || !survivor) return;
  for (const other of state.processes) {
    if (!other || boardOf(world, other.pid) !== board || state.dead[other.pid]) continue;
    if (other.role !== 'low' && !(other.role === 'seat' && other.seat && other.epoch < epoch)) continue;
    give(world, other.pid, { kind: 'stop', t: 0, seed: 0 });
  }
}

/** The head of a channel, if its receiver takes it now. What nobody will take any more goes. */
export function headOf(world: World, key: string): Message | null {
  const { state } = world;
  const list = state.wires[key] ?? [];
  const [from, to] = ends(key);
  const self = state.processes[to];
  for (;;) {
    const head = list[0];
    if (!head) {
      delete state.wires[key];
      return null;
    }
    if (!self || state.dead[to]) {
      list.shift();
      continue;
    }
    const verdict = world.core.gate(self, from, head);
    if (verdict === 'take') return head;
    if (verdict === 'wait') return null;
    if (verdict === 'repeat') acknowledge(world, from, to, head);
    list.shift();
  }
}

function acknowledge(world: World, from: Pid, to: Pid, message: Message): void {
  const acked = world.state.acked[from] as number[];
  if (message.kind === 'app' && (message.q ?? 0) > (acked[to >> 1] ?? 0)) acked[to >> 1] = message.q as number;
}

/** Takes the head of a channel; `seed` is the receiver's. */
export function deliver(world: World, key: string, seed: number): Effect[] {
  const [from, to] = ends(key);
  const head = headOf(world, key);
  if (!head) throw new Error(`nothing to take on ${key}`);
  (world.state.wires[key] as Message[]).shift();
  if (world.state.wires[key]?.length === 0) delete world.state.wires[key];
  acknowledge(world, from, to, head);
  return give(world, to, { ...head, from, seed, t: 0 });
}

/** Inputs that a process takes now. What it will never take goes. */
export function takeable(world: World, pid: Pid): number[] {
  const { state } = world;
  const list = state.inputs[pid];
  const self = state.processes[pid];
  if (!list) return [];
  const out: number[] = [];
  for (let i = 0; i < list.length; i++) {
    const verdict = self && !state.dead[pid] ? world.core.gate(self, -1, list[i] as Message) : 'refuse';
    if (verdict === 'take') out.push(i);
    else if (verdict !== 'wait') list.splice(i--, 1);
  }
  if (list.length === 0) delete state.inputs[pid];
  return out;
}

export function takeInput(world: World, pid: Pid, place: number, seed: number): Effect[] {
  const list = world.state.inputs[pid] as Message[];
  const [message] = list.splice(place, 1) as [Message];
  if (list.length === 0) delete world.state.inputs[pid];
  return give(world, pid, { ...message, seed, t: 0 });
}

/** A device has a new input. */
export function input(world: World, d: number): void {
  const device = world.state.devices[d] as DeviceState;
  device.inputs++;
  for (const pid of device.readers) {
    const list = world.state.inputs[pid] ?? [];
    world.state.inputs[pid] = list;
    list.push({ kind: 'input', n: 0, epoch: device.epoch, device: d, i: device.inputs, data: { i: device.inputs } });
  }
}

/** The board of a process is gone; of what it sent, `lose` says how much on each channel goes with it. */
export function crash(world: World, pid: Pid, lose: (key: string, length: number) => number): void {
  const { state } = world;
  state.dead[pid] = true;
  for (const key of Object.keys(state.wires)) {
    const [from, to] = ends(key);
    const list = state.wires[key] as Message[];
    if (from === pid) list.splice(list.length - lose(key, list.length));
    if (to === pid || list.length === 0) delete state.wires[key];
  }
  delete state.inputs[pid];
  note(world, boardOf(world, pid), { kind: 'gone', pid });
}

/** The heartbeat that a process would send now. */
export function beat(world: World, pid: Pid): Event {
  const { state } = world;
  const done = state.devices.map((device) => world.core.doneBy(device.driver, pid >> 1));
  return world.core.heartbeat(mustHave(world, pid), state.acked[pid] as number[], done);
}

/** An upgrade of these components, staged on every board: seats are made for the new versions. */
export function stage(
  world: World,
  cluster: number[],
  id: string,
  change: Partial<Operation> = {},
  only?: Pid[],
): void {
  const { state } = world;
  const live = liveOf(world);
  const lows = cluster.map((c) => ((live[c] as Pid) < 0 ? 2 * c : (live[c] as Pid) ^ 1));
  const added = cluster.filter((c) => (live[c] as Pid) < 0);
  const operation: Operation = { id, cluster, lows, added, policy: NO_POLICY, ...change };
  for (const pid of operation.lows) if (state.processes[pid]?.role !== 'seat') makeSeat(world, pid, live);
  for (const self of state.processes) {
    if (!self || self.role === 'stopped' || state.dead[self.pid] || (only && !only.includes(self.pid))) continue;
    if (self.role === 'seat' && !operation.lows.includes(self.pid)) continue;
    const own = structuredCloneFast(operation);
    give(world, self.pid, { kind: 'word', t: 0, seed: 0, word: 'stage', operation: own });
  }
}

function makeSeat(world: World, pid: Pid, live: Pid[]): void {
  const { state } = world;
  const made = setup(world, pid, 'seat', 0, null);
  made.live = live;
  state.processes[pid] = world.core.create(made, world.apps[pid] as Application);
  state.dead[pid] = false;
  state.acked[pid] = live.map(() => 0);
  for (const key of Object.keys(state.wires)) if (ends(key).includes(pid)) delete state.wires[key];
  delete state.inputs[pid];
  for (const key of Object.keys(state.beats)) if (ends(key).includes(pid)) delete state.beats[key];
}

/** By component: the process that is live, as the survivors see it. */
export function liveOf(world: World): Pid[] {
  for (const self of world.state.processes) {
    if (self && (self.role === 'active' || self.role === 'shadow')) return self.live;
  }
  return world.shape.live;
}

/** What is still under way to processes that live, where nothing more can happen: it will never arrive. */
export function stuck(world: World): Violation[] {
  const { state, shape } = world;
  const out: Violation[] = [];
  const say = (pid: Pid, why: string) => {
    out.push({ rule: 'progress', process: processName(shape, pid), n: 0, t: state.t, why });
  };
  for (const key of Object.keys(state.wires)) {
    const [from, to] = ends(key);
    const role = state.processes[to]?.role;
    if (role === 'seat' || role === 'stopped' || !state.wires[key]?.length) continue;
    say(to, `${state.wires[key]?.[0]?.kind} from ${processName(shape, from)} is never taken`);
  }
  for (const pid of Object.keys(state.inputs).map(Number)) {
    const role = state.processes[pid]?.role;
    if (role !== 'seat' && role !== 'stopped') say(pid, `input ${state.inputs[pid]?.[0]?.i} is never taken`);
  }
  return out;
}
