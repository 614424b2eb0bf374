// The rule set `paper`: Figures 2 to 4 of the paper read literally, with its scalar counter, and the recovery of the
// prose after Figure 4, each process alone when it hears of the failure (PROTOCOL 9). It is here to be compared with
// the corrected rules, and never runs on a board. Where the figures cannot be meant as they stand, the kinder
// reading is taken: a message that triggers a checkpoint is delivered (figure 3 forgets to), a checkpoint is indexed
// by the message that triggers it, messages between shadows are delivered, and the receiver's log is not re-sent.
// A guarded operation is there from the beginning: of its start and its commit the paper says nothing.

import type { Process, Setup } from './process.ts';
import type { Application, Effect, Emission, Event, LogEntry, Message, Opaque, Operation, Pid, Role } from './types.ts';
import { zeros } from './vector.ts';

interface PaperState {
  app: Opaque;
  q: number[];
  e: number[];
  timers: { name: string; at: number }[];
}

interface Indexed {
  index: number;
  n: number;
  saved?: Opaque;
  event?: Event;
}

interface PaperProcess {
  rules: 'paper';
  pid: Pid;
  component: number;
  role: Role;
  epoch: number;
  n: number;
  live: Pid[];
  latest: boolean[];
  op: Operation | null;
  /** int_mSN_Glow */
  sn: number;
  /** int_mSN_Gsdw: shared by the shadows, who broadcast it; figure 4 */
  sdw: number;
  dirty: boolean;
  /** prgt_bit of figure 3 */
  propagates: boolean;
  /** iVRlow: last valid message of the cluster */
  valid: number;
  state: PaperState;
  /** ckpt_array and the receiver's msg_log */
  checkpoints: Indexed[];
  received: Indexed[];
  /** the shadow's int_msg_log and ext_msg_log, in one order */
  log: (LogEntry & { index: number })[];
  sentN: number[];
  gotN: number[];
  gotI: number[];
  closed: Pid[];
  /** an acceptance test failed in this step, with no compensation */
  failed: string | null;
  /** taken over, and still behind the last valid message: suppresses on (prose after figure 4) */
  behind: boolean;
  counters: Process['counters'];
}

export function createPaper(setup: Setup, app: Application): PaperProcess {
  const components = setup.live.length;
  const gotI: number[] = [];
  for (let d = 0; d < setup.devices; d++) gotI.push(-1);
  return {
    rules: 'paper',
    pid: setup.pid,
    component: setup.pid >> 1,
    role: setup.role,
    epoch: setup.epoch,
    n: 0,
    live: setup.live.slice(),
    latest: setup.latest,
    op: setup.operation,
    sn: 0,
    sdw: 0,
    dirty: setup.role === 'low',
    propagates: false,
    valid: 0,
    state: { app: app.initial(), q: zeros(components), e: zeros(setup.devices), timers: [] },
    checkpoints: [],
    received: [],
    log: [],
    sentN: zeros(2 * components),
    gotN: zeros(2 * components),
    gotI: gotI,
    closed: [],
    failed: null,
    behind: false,
    counters: {
      testsPassed: 0,
      testsFailed: 0,
      compensated: 0,
      withheld: 0,
      errors: 0,
      repeats: 0,
      rollbacks: 0,
    },
  };
}

/** Channels are reliable and in order; what still comes from the cluster after its recovery is ignored. */
export function gatePaper(self: PaperProcess, from: Pid, message: Message): 'take' | 'wait' | 'repeat' | 'refuse' {
  if (self.role === 'stopped' || self.role === 'seat') return 'refuse';
  if (message.kind === 'input') {
    const i = message.i as number;
    const got = self.gotI[message.device as number];
    if (i <= got) return 'repeat';
    return got >= 0 && i > got + 1 ? 'wait' : 'take';
  }
  if (message.n <= self.gotN[from]) return 'repeat';
  if (self.closed.indexOf(from) >= 0) return 'refuse';
  return message.n === self.gotN[from] + 1 ? 'take' : 'wait';
}

/** The paper knows no epochs: its messages carry none. */
function transmit(self: PaperProcess, to: Pid, message: Message, effects: Effect[]): void {
  message.n = ++self.sentN[to];
  effects.push({ kind: 'send', to: to, message: message });
}

function make(kind: Message['kind']): Message {
  return { kind: kind, n: 0 } as Message;
}

function lowFor(op: Operation, component: number): Pid {
  for (let i = 0; i < op.lows.length; i++) if (op.lows[i] >> 1 === component) return op.lows[i];
  return -1;
}

/** All processes but this one: the live ones, and the low ones if asked. */
function rest(self: PaperProcess, lows: boolean): Pid[] {
  const out: Pid[] = [];
  for (let c = 0; c < self.live.length; c++) if (self.live[c] !== self.pid) out.push(self.live[c]);
  if (lows && self.op) {
    for (let i = 0; i < self.op.lows.length; i++) if (self.op.lows[i] !== self.pid) out.push(self.op.lows[i]);
  }
  return out;
}

function inside(self: PaperProcess, component: number): boolean {
  return self.op !== null && self.op.cluster.indexOf(component) >= 0;
}

/** memory_reclamation: drops what has an index up to `sn`; clean where no checkpoint is left. */
function reclaimTo(self: PaperProcess, sn: number, effects: Effect[]): void {
  const before = self.checkpoints.length + self.received.length;
  const checkpoints: Indexed[] = [];
  const received: Indexed[] = [];
  for (let i = 0; i < self.checkpoints.length; i++) {
    if (self.checkpoints[i].index > sn) checkpoints.push(self.checkpoints[i]);
  }
  for (let i = 0; i < self.received.length; i++) if (self.received[i].index > sn) received.push(self.received[i]);
  self.checkpoints = checkpoints;
  self.received = received;
  self.dirty = self.role === 'low' || checkpoints.length >= 1;
  const left = checkpoints.length + received.length;
  if (left < before) effects.push({ kind: 'reclaim', records: before - left, left: left });
}

function announce(self: PaperProcess, effects: Effect[]): void {
  const all = rest(self, false);
  for (let i = 0; i < all.length; i++) {
    const message = make('passed');
    message.sn = self.sn;
    transmit(self, all[i], message, effects);
  }
}

function sendTo(self: PaperProcess, to: Pid, q: number, emission: Emission, effects: Effect[]): void {
  const message = make('app');
  message.q = q;
  message.dirty = self.dirty;
  message.sn = self.sn;
  message.type = emission.type || 0;
  message.data = emission.data;
  transmit(self, to, message, effects);
}

function shareCounter(self: PaperProcess, pids: Pid[], sn: number, effects: Effect[]): void {
  for (let i = 0; i < pids.length; i++) {
    if (pids[i] === self.pid || pids[i] < 0) continue;
    const message = make('counter');
    message.sn = sn;
    transmit(self, pids[i], message, effects);
  }
}

/** Figure 4: a boundary message or an output goes to the log, indexed by the shadows' counter. */
function logOut(self: PaperProcess, entry: LogEntry, internal: boolean, effects: Effect[]): void {
  if (internal) self.sdw++;
  if (internal) effects.push({ kind: 'suppressed', to: entry.to, q: entry.q });
  else effects.push({ kind: 'suppressed', device: entry.device, e: entry.e });
  const mirror: Pid[] = [];
  if (self.op) for (let i = 0; i < self.op.cluster.length; i++) mirror.push(self.live[self.op.cluster[i]]);
  shareCounter(self, mirror, self.sdw, effects);
  if (self.behind) {
    if (self.sdw >= self.valid) self.behind = false;
    return;
  }
  const kept = entry as LogEntry & { index: number };
  kept.index = self.sdw;
  self.log.push(kept);
}

function sendInternal(self: PaperProcess, emission: Emission, effects: Effect[]): void {
  const to = emission.to as number;
  const q = ++self.state.q[to];
  if (self.role === 'shadow' || self.behind) {
    if (self.role === 'shadow' && inside(self, to)) sendTo(self, self.live[to], q, emission, effects);
    else logOut(self, { to: to, q: q, type: emission.type || 0, data: emission.data }, true, effects);
    return;
  }
  if (self.role === 'low' && self.op) {
    if (inside(self, to)) {
      sendTo(self, lowFor(self.op, to), q, emission, effects);
      return;
    }
    self.sn++;
    shareCounter(self, self.op.lows, self.sn, effects);
    sendTo(self, self.live[to], q, emission, effects);
    return;
  }
  if (self.op && !inside(self, to)) self.propagates = self.dirty;
  sendTo(self, self.live[to], q, emission, effects);
  if (self.op && inside(self, to)) {
    const low = lowFor(self.op, to);
    if (low >= 0) sendTo(self, low, q, emission, effects);
  }
}

function test(
  self: PaperProcess,
  device: number,
  data: Opaque,
  app: Application,
  compensated: boolean,
  effects: Effect[],
): boolean {
  const ok = app.accept(self.state.app, device, data) === true;
  effects.push(
    compensated
      ? { kind: 'tested', device: device, ok: ok, compensated: true }
      : { kind: 'tested', device: device, ok: ok },
  );
  if (ok) self.counters.testsPassed++;
  else self.counters.testsFailed++;
  return ok;
}

function putOut(self: PaperProcess, device: number, data: Opaque, effects: Effect[]): void {
  effects.push({ kind: 'output', device: device, e: self.latest[device] ? 0 : ++self.state.e[device], data: data });
}

function sendExternal(self: PaperProcess, emission: Emission, effects: Effect[], app: Application): void {
  const device = emission.device as number;
  if (self.role === 'shadow' || self.behind) {
    logOut(self, { device: device, e: ++self.state.e[device], data: emission.data }, false, effects);
    return;
  }
  if (!self.dirty) {
    putOut(self, device, emission.data, effects);
    return;
  }
  if (test(self, device, emission.data, app, false, effects)) {
    reclaimTo(self, self.sn, effects);
    putOut(self, device, emission.data, effects);
    announce(self, effects);
    return;
  }
  const other = app.compensate(self.state.app, device, emission.data);
  if (other !== null && other !== undefined && test(self, device, other, app, true, effects)) {
    self.counters.compensated++;
    putOut(self, device, other, effects);
  } else self.failed = 'acceptance test failed';
}

function disarm(self: PaperProcess, name: string): void {
  const timers = self.state.timers;
  for (let i = timers.length - 1; i >= 0; i--) if (timers[i].name === name) timers.splice(i, 1);
}

function emitOne(self: PaperProcess, emission: Emission, effects: Effect[], app: Application): void {
  if (emission.timer !== undefined) {
    disarm(self, emission.timer);
    if (emission.at === undefined || emission.at < 0) return;
    self.state.timers.push({ name: emission.timer, at: emission.at });
    effects.push({ kind: 'armed', name: emission.timer });
  } else if (emission.device !== undefined) sendExternal(self, emission, effects, app);
  else sendInternal(self, emission, effects);
}

/** application_msg_reception */
function reception(self: PaperProcess, event: Event, n: number, effects: Effect[], app: Application): void {
  const out: Emission[] = [];
  effects.push({ kind: 'deliver', event: n });
  if (event.kind === 'timer') disarm(self, event.name as string);
  try {
    app.handle(self.state.app, event, out);
  } catch (error) {
    if (self.op && self.dirty) self.failed = String((error && (error as Error).message) || error);
    else {
      self.counters.errors++;
      effects.push({ kind: 'error', why: String((error && (error as Error).message) || error) });
    }
    return;
  }
  for (let i = 0; i < out.length; i++) emitOne(self, out[i], effects, app);
}

function checkpointing(self: PaperProcess, index: number, effects: Effect[], app: Application): void {
  const saved = app.save(self.state);
  self.checkpoints.push({ index: index, n: self.n, saved: saved });
  effects.push({ kind: 'checkpoint', bytes: app.bytes(saved) });
  self.dirty = true;
}

function logIn(self: PaperProcess, event: Event, index: number, effects: Effect[]): void {
  self.received.push({ index: index, n: self.n, event: event });
  effects.push({ kind: 'journal', bytes: 32 });
}

/** The lower half of figures 2, 3 and 4. Timers and device inputs count as messages from a clean process. */
function receiveMessage(self: PaperProcess, event: Event, effects: Effect[], app: Application): void {
  const dirty = event.dirty === true;
  const sn = event.sn === undefined ? 0 : event.sn;
  if (self.op && self.role === 'active') {
    if (dirty && sn > self.sn && (!self.dirty || self.propagates)) {
      checkpointing(self, sn, effects, app);
      self.propagates = self.op.lows.indexOf(event.from as Pid) < 0;
    } else if (!dirty && self.dirty) logIn(self, event, self.sn, effects);
  } else if (self.op && self.role === 'shadow') {
    if (dirty && sn > self.sn) checkpointing(self, sn, effects, app);
    else if (!dirty && self.dirty) logIn(self, event, self.sdw, effects);
  }
  // what a handler sends is sent after its message was received, as in the figures
  if (self.role !== 'low' && sn > self.sn) self.sn = sn;
  reception(self, event, self.n, effects, app);
}

/** What is left of the log goes out, in order; then the process is active, or suppresses on until it has caught up. */
function takeOverPaper(self: PaperProcess, effects: Effect[]): void {
  const log = self.log;
  effects.push({ kind: 'takeover', count: log.length });
  for (let i = 0; i < log.length; i++) {
    const entry = log[i];
    if (entry.to !== undefined) {
      const message = make('app');
      message.q = entry.q;
      message.type = entry.type;
      message.data = entry.data;
      transmit(self, self.live[entry.to], message, effects);
    } else effects.push({ kind: 'output', device: entry.device, e: entry.e, data: entry.data });
  }
  self.log = [];
  self.behind = self.valid > self.sdw;
  self.role = 'active';
  effects.push({ kind: 'role', role: 'active' });
}

/** The prose after figure 4. */
function recoverAlone(self: PaperProcess, why: string, effects: Effect[], app: Application): void {
  effects.push({ kind: 'decide', cut: 'recovery', why: why, epoch: self.epoch + 1 });
  self.epoch++;
  if (self.role === 'low') {
    self.role = 'stopped';
    effects.push({ kind: 'role', role: 'stopped' });
    return;
  }
  const received = self.received;
  if (self.dirty) {
    const first = self.checkpoints[0];
    effects.push({ kind: 'rollback', event: first.n });
    self.counters.rollbacks++;
    self.state = app.load(first.saved) as PaperState;
  }
  if (self.op) self.closed = self.op.lows.slice();
  self.checkpoints = [];
  self.received = [];
  const rolled = self.dirty;
  self.dirty = false;
  self.propagates = false;
  const shadow = self.role === 'shadow';
  if (shadow) takeOverPaper(self, effects);
  self.op = null;
  for (let i = 0; rolled && i < received.length; i++) {
    effects.push({ kind: 'replay', event: received[i].n });
    reception(self, received[i].event as Event, received[i].n, effects, app);
  }
}

function errorRecovery(self: PaperProcess, why: string, effects: Effect[], app: Application): void {
  self.failed = null;
  effects.push({ kind: 'failure', why: why });
  const all = rest(self, true);
  for (let i = 0; i < all.length; i++) {
    const message = make('freeze');
    message.cut = 'recovery';
    message.why = why;
    transmit(self, all[i], message, effects);
  }
  recoverAlone(self, why, effects, app);
}

export function stepPaper(self: PaperProcess, event: Event, effects: Effect[], app: Application): void {
  self.n++;
  if (event.from !== undefined && event.n !== undefined && event.kind !== 'input') self.gotN[event.from] = event.n;
  if (self.role === 'stopped') return;
  const kind = event.kind;
  if (kind === 'app' || kind === 'input' || kind === 'timer' || kind === 'start') {
    if (kind === 'input') self.gotI[event.device as number] = event.i as number;
    receiveMessage(self, event, effects, app);
  } else if (kind === 'passed') {
    if (self.op && self.role !== 'low') {
      const sn = event.sn as number;
      reclaimTo(self, sn, effects);
      if (self.role === 'shadow') {
        const kept: PaperProcess['log'] = [];
        for (let i = 0; i < self.log.length; i++) if (self.log[i].index > sn) kept.push(self.log[i]);
        if (kept.length < self.log.length) effects.push({ kind: 'trim', count: self.log.length - kept.length });
        self.log = kept;
        if (sn > self.valid) self.valid = sn;
      }
    }
  } else if (kind === 'counter') {
    const sn = event.sn as number;
    if (self.role === 'low') {
      if (sn > self.sn) self.sn = sn;
    } else if (sn > self.sdw) self.sdw = sn;
  } else if (kind === 'freeze') {
    if (self.op) recoverAlone(self, event.why || '', effects, app);
  } else if (kind === 'absent') {
    if (self.op && self.role !== 'low') errorRecovery(self, event.why || 'silent', effects, app);
  } else if (kind === 'fail') {
    if (self.op && self.dirty) self.failed = event.why || 'failed';
  } else if (kind === 'word' && event.word === 'abort') {
    if (self.op) self.failed = 'aborted by the operator';
  } else if (kind === 'stop' && self.role === 'low') {
    self.role = 'stopped';
    effects.push({ kind: 'role', role: 'stopped' });
  }
  if (self.failed !== null && self.op) errorRecovery(self, self.failed, effects, app);
}
