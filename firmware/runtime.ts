// One board's processes: brings events to the core one at a time, and makes the effects happen in their order. An
// event is durable before any of its effects leaves the board (PROTOCOL 6).

import { createApplication } from './application.ts';
import type { Module } from './application.ts';
import {
  acknowledge,
  acknowledged,
  clear,
  dropOld,
  enqueue,
  forget,
  full,
  numberOf,
  outgoingOf,
  sendAcks,
  transmitAll,
} from './channel.ts';
import { contaminated, create, gate, isSurvivor, step } from './core/core.ts';
import type { Process } from './core/core.ts';
import type { Application, Effect, Event, Message, Operation, Pid, Role } from './core/types.ts';
import { driveDevices, queueOutput } from './device.ts';
import { closeToLow } from './driver.ts';
import { digestOf, packEvent, seedOf } from './entry.ts';
import { PENDING_MAX, QUARANTINE_MAX, STASH_MAX, STEPS_MAX } from './limits.ts';
import type { Modules } from './image.ts';
import { textOf } from './link/cbor.ts';
import type { BoardPlan, ComponentPlan, UpgradePlan } from './plan.ts';
import { saveRecord } from './record.ts';
import type { Local, Runtime } from './state.ts';
import { boardOf, boardTime, localOf, note } from './state.ts';
import { rebase, rebaseAll, recordEvent, stamp } from './store.ts';

/** What the core must know of an upgrade. */
export function operationOf(rt: Runtime, plan: BoardPlan, hash: string): Operation {
  const upgrade = plan.upgrade as UpgradePlan;
  const lows: Pid[] = [];
  for (let i = 0; i < upgrade.cluster.length; i++) {
    const component = upgrade.cluster[i];
    if (upgrade.removed.indexOf(component) >= 0) continue;
    const live = component < rt.live.length ? rt.live[component] : -1;
    lows.push(live < 0 ? 2 * component : live ^ 1);
  }
  return {
    id: hash,
    cluster: upgrade.cluster,
    lows: lows,
    added: upgrade.added,
    policy: {
      commitAfterMs: plan.policy.commitAfterMs,
      validated: plan.policy.validated,
      lead: plan.policy.lead,
    },
  };
}

/**
 * True where the process may hang on the new version's account: it is new, or what it acts on depends on what is; or
 * it does again in a recovery what may have been the cause. Then its calls are interruptible, where the board can do that
 * (PROTOCOL 4.1, 4.2, 7). It is not free.
 */
function risky(self: Process): boolean {
  return self.role === 'seat' || self.redo || contaminated(self);
}

/** Evaluates a module. */
function loadModule(rt: Runtime, place: [number, number]): { module: Module; crc: number } {
  const bytes = rt.hal.flash.read(place[0], place[1]);
  return { crc: rt.crc(bytes, 0, bytes.length, 0), module: rt.hal.load(textOf(bytes)) as Module };
}

/** In a function of its own, for on Espruino a closure keeps all that is known where it is made: here no old plan. */
function applicationOf(rt: Runtime, local: Local, module: Module): Application {
  const planOf = function (): BoardPlan {
    return local.plan;
  };
  const call = function (fn: () => void): void {
    if (local.self && !risky(local.self)) fn();
    else rt.hal.call(fn);
  };
  return createApplication(module, planOf, local.pid >> 1, call);
}

/** A process of this board, not yet among the others; throws where its module cannot be evaluated. */
export function makeProcess(rt: Runtime, pid: Pid, role: Role, plan: BoardPlan, modules: Modules): Local {
  const component = pid >> 1;
  const entry = plan.components[component] as ComponentPlan | null;
  if (!entry) throw new Error('component ' + component + ' is not in the plan');
  const place = modules[entry.module];
  if (!place) throw new Error('the image lacks the module of ' + entry.name);
  const loaded = loadModule(rt, place);
  const local = {
    pid: pid,
    name: entry.name + '/' + (pid & 1),
    plan: plan,
    module: entry.module,
    crc: loaded.crc,
    frozenAt: -1,
    waitingAt: -1,
    seed: rt.hal.random() | 0,
    begun: false,
    based: false,
  } as Local;
  local.app = applicationOf(rt, local, loaded.module);
  const latest: boolean[] = [];
  for (let d = 0; d < plan.devices.length; d++) latest.push(plan.devices[d].latest);
  local.self = create(
    {
      rules: 'corrected',
      pid: pid,
      epoch: role === 'seat' ? 0 : rt.epoch,
      live: rt.live,
      devices: plan.devices.length,
      latest: latest,
      operation: null,
      role: role,
    },
    local.app,
  );
  return local;
}

/** A process begins; `saved`, where it has an old base, is what it begins with instead of its initial state. */
export function addProcess(
  rt: Runtime,
  pid: Pid,
  role: Role,
  plan: BoardPlan,
  modules: Modules,
  saved: Uint8Array | null,
): Local {
  const local = makeProcess(rt, pid, role, plan, modules);
  if (saved) {
    const state = local.app.load(saved) as { app: unknown; timers: [string, number][] };
    local.self.state.app = state.app;
    for (let i = 0; i < state.timers.length; i++) {
      local.self.state.timers.push({ name: state.timers[i][0], at: stamp(rt) / 1000 + state.timers[i][1], T: [] });
    }
    local.begun = true;
  }
  forget(rt, pid, true);
  rt.locals.push(local);
  // with its first line's epoch, all that a replay of its events must know
  note(rt, {
    kind: 'process',
    process: local.name,
    pid: pid,
    role: role,
    plan: role === 'seat' && rt.staged ? rt.staged.hash : rt.active.hash,
    live: rt.live,
    crc: local.crc,
    saved: saved || undefined,
  });
  return local;
}

export function withoutStopped(rt: Runtime): void {
  const list = rt.locals;
  let stopped = 0;
  for (let i = 0; i < list.length; i++) if (list[i].self.role === 'stopped') stopped++;
  if (stopped === 0) return;
  const kept: Local[] = [];
  for (let i = 0; i < list.length; i++) if (list[i].self.role !== 'stopped') kept.push(list[i]);
  rt.locals = kept;
  rt.store.due = true;
}

/** Seats go with the upgrade they were made for. */
export function dropSeats(rt: Runtime): void {
  const kept: Local[] = [];
  for (let i = 0; i < rt.locals.length; i++) if (rt.locals[i].self.role !== 'seat') kept.push(rt.locals[i]);
  rt.locals = kept;
  rt.store.due = true;
}

/** The staged version becomes the running one (PROTOCOL 5.2). */
export function followCommit(rt: Runtime): void {
  const staged = rt.staged;
  const op = rt.op;
  if (!staged || !op) return;
  for (let i = 0; i < op.cluster.length; i++) rt.live[op.cluster[i]] = -1;
  for (let i = 0; i < op.lows.length; i++) rt.live[op.lows[i] >> 1] = op.lows[i];
  rt.previous = rt.active.hash;
  rt.other = rt.active;
  rt.active = staged;
  rt.staged = null;
  rt.op = null;
  rt.guarded = false;
  const value = rt.records.value;
  value.active = value.staged;
  value.staged = -1;
  value.guarded = '';
  value.sides = [];
  for (let c = 0; c < rt.live.length; c++) value.sides.push(rt.live[c] < 0 ? 0 : rt.live[c] & 1);
}

/** The upgrade is taken back; its hash stays in quarantine, so that nobody loops (PROTOCOL 5.1). */
export function followRecovery(rt: Runtime): void {
  const value = rt.records.value;
  if (rt.staged && value.quarantined.indexOf(rt.staged.hash) < 0) value.quarantined.push(rt.staged.hash);
  while (value.quarantined.length > QUARANTINE_MAX) value.quarantined.splice(0, 1);
  value.staged = -1;
  value.guarded = '';
  rt.staged = null;
  rt.op = null;
  rt.guarded = false;
  dropSeats(rt);
}

export function followStart(rt: Runtime): void {
  rt.guarded = true;
  rt.records.value.guarded = rt.staged ? rt.staged.hash : '';
}

export function enterEpoch(rt: Runtime, epoch: number): void {
  rt.epoch = epoch;
  rt.records.value.epoch = epoch;
  rt.recordDue = true;
  // a cut ends with a base (PROTOCOL 6.1)
  rebaseAll(rt);
}

function decided(rt: Runtime, local: Local, effect: Effect): void {
  local.frozenAt = -1;
  local.waitingAt = -1;
  // one after the other the processes end a cut, and each with a base: it no longer needs the version before (PROTOCOL 6.1)
  rebase(rt, local.pid);
  // the board's own base has it already
  if (rt.replaying === 1) return;
  const epoch = effect.epoch as number;
  const survivor = isSurvivor(local.self);
  if (epoch > rt.epoch) {
    if (effect.cut === 'start') followStart(rt);
    else if (effect.cut === 'commit') followCommit(rt);
    else if (effect.cut === 'recovery') followRecovery(rt);
    enterEpoch(rt, epoch);
  }
  if (effect.cut === 'commit' && local.self.role === 'active') local.plan = rt.active.plan;
  if (effect.cut !== 'recovery' || !survivor) return;
  for (let d = 0; d < rt.devices.length; d++) {
    const state = rt.devices[d];
    if (state) closeToLow(state.driver, epoch);
  }
  if (rt.replaying === 0) stopLows(rt);
}

/** PROTOCOL 5.4, 7: on a survivor's decision of a recovery a low process beside it stops at once. */
export function stopLows(rt: Runtime): void {
  for (let i = 0; i < rt.locals.length; i++) {
    const other = rt.locals[i];
    if (other.self.role === 'low') deliver(rt, other, { kind: 'stop', t: 0, seed: 0 });
  }
}

function perform(rt: Runtime, local: Local, low: number, t: number, effect: Effect): void {
  if (effect.kind === 'send') {
    const message = effect.message as Message;
    const to = effect.to as Pid;
    const channel =
      message.kind === 'input' ? outgoingOf(rt, -1, message.device as number, to) : outgoingOf(rt, local.pid, -1, to);
    enqueue(rt, channel, message);
  } else if (effect.kind === 'output') queueOutput(rt, local.pid, low, t, effect);
  else if (effect.kind === 'freeze') local.frozenAt = boardTime(rt);
  else if (effect.kind === 'decide') decided(rt, local, effect);
}

/** The step itself. What the step does to the process is all that a replay has to do again. */
export function stepLocal(rt: Runtime, local: Local, event: Event): Effect[] {
  const effects: Effect[] = [];
  const epoch = local.self.epoch;
  // a reset in here is its own doing (PROTOCOL 6)
  const mark = rt.hal.mark && risky(local.self);
  if (mark && rt.hal.mark) rt.hal.mark(local.pid);
  step(local.self, event, effects, local.app);
  if (event.kind === 'start') local.begun = true;
  if (mark && rt.hal.mark) rt.hal.mark(-1);
  if (rt.trace) {
    rt.trace({
      v: 1,
      t: Math.round(event.t * 1000),
      board: rt.hal.board,
      process: local.name,
      epoch: epoch,
      n: local.self.n,
      event: event,
      effects: effects,
    });
  }
  return effects;
}

/** Carries out what follows from an event, as far as it stays on the board. */
export function performAll(rt: Runtime, local: Local, epoch: number, event: Event, effects: Effect[]): void {
  const low = local.self.role === 'low' ? epoch : -1;
  for (let i = 0; i < effects.length; i++) perform(rt, local, low, event.t, effects[i]);
}

/** One event of one process: recorded, then carried out. Returns the effects. */
export function deliver(rt: Runtime, local: Local, event: Event): Effect[] {
  const us = stamp(rt);
  event.t = us / 1000;
  event.seed = seedOf(local);
  const epoch = local.self.epoch;
  const known = event.kind === 'input' && rt.store.facts[event.device as number] === event.i;
  const packed = rt.store.on ? packEvent(event, known) : null;
  const effects = stepLocal(rt, local, event);
  rt.stirred = true;
  rt.acted = true;
  if (packed) recordEvent(rt, local, us, digestOf(effects, rt.crc), packed);
  performAll(rt, local, epoch, event, effects);
  return effects;
}

/** Lets out what has happened, now that it is durable (PROTOCOL 6). */
export function release(rt: Runtime): void {
  rt.stirred = false;
  if (rt.recordDue) {
    rt.recordDue = false;
    saveRecord(rt.records);
  }
  driveDevices(rt);
  transmitAll(rt);
  sendAcks(rt);
}

/** PROTOCOL 6: events are durable in guarded operation and in cuts, or at all times. */
export function logs(rt: Runtime): boolean {
  const durability = rt.active.plan.durability;
  if (durability === 'off' || rt.interrupted !== '' || rt.lost !== '') return false;
  if (durability === 'always' || rt.guarded) return true;
  for (let i = 0; i < rt.locals.length; i++) {
    const self = rt.locals[i].self;
    if (self.guarded || self.cut || self.seat) return true;
  }
  return false;
}

function eventOf(from: Pid, message: Message): Event {
  const event: { [key: string]: unknown } = { kind: message.kind, t: 0, seed: 0 };
  if (message.kind !== 'input') event.from = from;
  const fields = message as unknown as { [key: string]: unknown };
  for (const name in fields) event[name] = fields[name];
  return event as unknown as Event;
}

/** A cut is under way on this board: markers stand behind messages that were sent before them, and those must be taken. */
function ending(rt: Runtime): boolean {
  for (let i = 0; i < rt.locals.length; i++) if (rt.locals[i].self.cut) return true;
  return false;
}

/** Asks the receiver's gate, and gives it the message if it may have it. */
function offer(rt: Runtime, from: Pid, to: Pid, message: Message): 'take' | 'wait' | 'repeat' | 'refuse' {
  const local = localOf(rt, to);
  if (!local) return 'refuse';
  const asks = message.kind === 'app' || message.kind === 'input';
  // a full journal keeps what is left for the cut that is to end the guard (PROTOCOL 6)
  if (asks && (!rt.started || (rt.store.full && !ending(rt)))) return 'wait';
  const verdict = gate(local.self, from, message);
  if (verdict !== 'take') return verdict;
  if (asks && !local.self.cut && full(rt, to, message.kind === 'input')) return 'wait';
  deliver(rt, local, eventOf(from, message));
  return 'take';
}

/** A message from another board. */
export function arrive(rt: Runtime, from: Pid, to: Pid, message: Message): void {
  const verdict = offer(rt, from, to, message);
  if (verdict === 'take' || verdict === 'repeat') {
    const d = message.kind === 'input' ? (message.device as number) : -1;
    let number = (d < 0 ? message.n : message.i) as number;
    if (verdict === 'repeat') {
      const self = (localOf(rt, to) as Local).self;
      // all that it has taken since is of its epoch too, if this one is
      if (d >= 0) number = self.gotI[d];
      else if (message.epoch === self.epoch) number = self.gotN[from];
    }
    acknowledge(rt, d < 0 ? from : -1 - d, to, number, d < 0 ? message.epoch : -1);
  } else if (verdict === 'wait' && rt.stash.length < STASH_MAX) {
    for (let i = 0; i < rt.stash.length; i++) {
      const known = rt.stash[i];
      const same = message.kind === 'input' ? known.message.i === message.i : known.message.n === message.n;
      if (known.from === from && known.to === to && known.message.device === message.device && same) return;
    }
    rt.stash.push({ from: from, to: to, message: message });
  }
}

/** Channels within the board: taken straight from the sender's queue. Returns the steps done. */
function moveLocal(rt: Runtime): number {
  let steps = 0;
  const list = rt.busy;
  for (let i = 0; i < list.length && rt.busy === list; i++) {
    const outgoing = list[i];
    if (outgoing.queue.length === 0 || boardOf(rt, outgoing.to) !== rt.board) continue;
    if (!localOf(rt, outgoing.to)) {
      clear(outgoing);
      continue;
    }
    while (outgoing.queue.length > 0 && steps < STEPS_MAX && rt.store.pendingBytes < PENDING_MAX) {
      const message = outgoing.queue[0];
      const verdict = offer(rt, outgoing.from, outgoing.to, message);
      if (verdict === 'refuse' && outgoing.device < 0 && !localOf(rt, outgoing.from)) {
        dropOld(outgoing, (localOf(rt, outgoing.to) as Local).self.epoch);
        break;
      }
      if (verdict === 'wait' || verdict === 'refuse') break;
      steps++;
      acknowledged(rt, outgoing, numberOf(outgoing, message), message.epoch);
    }
  }
  return steps;
}

function retryStash(rt: Runtime): number {
  let steps = 0;
  const list = rt.stash;
  rt.stash = [];
  for (let i = 0; i < list.length; i++) {
    const before = rt.stash.length;
    arrive(rt, list[i].from, list[i].to, list[i].message);
    if (rt.stash.length === before) steps++;
  }
  return steps;
}

/** The timer that is due first, or null. */
function dueTimer(self: Process, now: number): string | null {
  const timers = self.state.timers;
  let found = -1;
  for (let i = 0; i < timers.length; i++) {
    if (timers[i].at <= now && (found < 0 || timers[i].at < timers[found].at)) found = i;
  }
  return found < 0 ? null : timers[found].name;
}

function ticking(rt: Runtime, local: Local): boolean {
  const role = local.self.role;
  return (
    rt.started &&
    !rt.store.full &&
    !local.self.cut &&
    role !== 'seat' &&
    role !== 'stopped' &&
    !full(rt, local.pid, true)
  );
}

function fireTimers(rt: Runtime): number {
  let steps = 0;
  const now = boardTime(rt);
  for (let i = 0; i < rt.locals.length; i++) {
    const local = rt.locals[i];
    while (steps < STEPS_MAX && rt.store.pendingBytes < PENDING_MAX) {
      const name = dueTimer(local.self, now);
      // whether it may fire takes longer to tell than whether it is due
      if (name === null || !ticking(rt, local)) break;
      deliver(rt, local, { kind: 'timer', t: 0, seed: 0, name: name });
      steps++;
    }
  }
  return steps;
}

/** When the next timer is due, ms; -1: none is armed. One that is due and may not fire yet waits for something else. */
export function nextTimer(rt: Runtime, now: number): number {
  let next = -1;
  for (let i = 0; i < rt.locals.length; i++) {
    const local = rt.locals[i];
    const timers = local.self.state.timers;
    for (let j = 0; j < timers.length; j++) {
      const at = timers[j].at;
      if ((next < 0 || at < next) && (at > now || ticking(rt, local))) next = at;
    }
  }
  return next;
}

/** Goes on until nothing on this board can go on by itself. True: there is more, call again soon. */
export function pump(rt: Runtime): boolean {
  let steps = 0;
  for (;;) {
    const moved = moveLocal(rt) + retryStash(rt) + fireTimers(rt);
    withoutStopped(rt);
    steps += moved;
    if (moved === 0) return false;
    if (steps >= STEPS_MAX || rt.store.pendingBytes >= PENDING_MAX) return true;
  }
}

function copyOf(event: Event): Event {
  const out: { [key: string]: unknown } = {};
  const fields = event as unknown as { [key: string]: unknown };
  for (const name in fields) out[name] = fields[name];
  return out as unknown as Event;
}

/** Gives an event to every process of this board; to seats only where they are asked for. */
export function tellAll(rt: Runtime, event: Event, seatsToo: boolean): void {
  const list = rt.locals;
  for (let i = 0; i < list.length; i++) {
    const role = list[i].self.role;
    if (role !== 'stopped' && (seatsToo || role !== 'seat')) deliver(rt, list[i], copyOf(event));
  }
}

/** The operator's word to one process of this board; the core's reason where it is refused, else null. */
export function say(rt: Runtime, word: 'start' | 'commit' | 'abort', op: string): string | null {
  if (rt.lost !== '' && word !== 'abort') return rt.lost;
  for (let i = 0; i < rt.locals.length; i++) {
    const local = rt.locals[i];
    if (!isSurvivor(local.self)) continue;
    const effects = deliver(rt, local, { kind: 'word', t: 0, seed: 0, word: word, op: op });
    for (let j = 0; j < effects.length; j++) {
      if (effects[j].kind === 'refused') return effects[j].why || 'refused';
    }
    return null;
  }
  return 'no live process on this board';
}

export function reportError(rt: Runtime, process: string, error: unknown): void {
  note(rt, { kind: 'error', process: process, why: String((error && (error as Error).message) || error) });
}
