// What a decision does to a process (PROTOCOL 5.0.5, 5.1 to 5.3): every process on its own.

import { trim } from './border.ts';
import type { Decision } from './cut.ts';
import { apply, isRepeat, receive } from './deliver.ts';
import { reclaim, vectorOf } from './journal.ts';
import type { Held, Process } from './process.ts';
import { blank, renumber, send } from './process.ts';
import type { Application, Effect, Event, Operation, Role, State, Vector } from './types.ts';
import { covered, zeros } from './vector.ts';

/** At every cut `T`, that of armed timers too, `V`, `k` and the journal are void; `q`, `e` and the epoch go on. */
function enterEpoch(self: Process, slots: number): void {
  self.epoch++;
  self.cut = null;
  self.failed = null;
  self.V = zeros(slots);
  self.state.T = zeros(slots);
  self.state.k = 0;
  for (let i = 0; i < self.state.timers.length; i++) self.state.timers[i].T = [];
  self.journal = [];
  self.journalBytes = 0;
  self.emitted = false;
  self.marks = [];
  // a component that is gone may come back with a later upgrade, and begins at 1 then (PROTOCOL 5.2.4)
  for (let c = 0; c < self.live.length; c++) {
    if (self.live[c] >= 0) continue;
    self.state.q[c] = 0;
    self.state.r[c] = 0;
  }
}

function become(self: Process, role: Role, effects: Effect[]): void {
  self.role = role;
  effects.push({ kind: 'role', role: role });
}

function endOperation(self: Process): void {
  self.op = null;
  self.closed = [];
  self.staged = null;
}

/** Held messages that the cut delivers count as clean. A new failure freezes before the next: it stays held. */
function deliverHeld(self: Process, effects: Effect[], app: Application): void {
  while (self.held.length > 0 && !self.cut && !self.failed) {
    const next = self.held.shift() as Held;
    next.event.T = [];
    receive(self, next.event, next.n, effects, app);
  }
}

function replay(
  self: Process,
  event: Event,
  n: number,
  again: boolean,
  V: number[],
  effects: Effect[],
  app: Application,
): void {
  if (!covered(vectorOf(event), V) || isRepeat(self, event)) {
    effects.push({ kind: 'forget', event: n });
    return;
  }
  if (again) effects.push({ kind: 'replay', event: n });
  apply(self, event, n, effects, app);
}

/** The shadow's log, in order, under the numbers it has: receivers and drivers drop what they hold (PROTOCOL 5.1). */
function takeOver(self: Process, effects: Effect[]): void {
  effects.push({ kind: 'takeover', count: self.state.log.length });
  const log = self.state.log;
  for (let i = 0; i < log.length; i++) {
    const entry = log[i];
    if (entry.to !== undefined) {
      const message = blank('app');
      message.q = entry.q;
      message.k = 0;
      message.T = [];
      message.V = [];
      message.type = entry.type;
      message.data = entry.data;
      if (self.live[entry.to] >= 0) send(self, self.live[entry.to], message, effects);
    } else {
      effects.push({ kind: 'output', device: entry.device, e: entry.e, data: entry.data, T: [], tested: false });
    }
  }
  self.state.log = [];
}

/** PROTOCOL 5.1 (paper section 3.1): at most one step back, replay, takeover; then what was held. */
function recover(self: Process, decision: Decision, effects: Effect[], app: Application): void {
  self.V = decision.V;
  reclaim(self, decision.V, effects);
  const records = self.journal;
  const held = self.held;
  self.held = [];
  self.guarded = false;
  if (records.length > 0) {
    effects.push({ kind: 'rollback', event: records[0].n });
    self.counters.rollbacks++;
    self.state = app.load(records[0].saved) as State;
    trim(self, effects);
  }
  enterEpoch(self, 0);
  self.redo = true;
  for (let i = 1; i < records.length; i++) {
    const event = records[i].event;
    if (event) replay(self, event, records[i].n, true, decision.V, effects, app);
  }
  if (self.role === 'shadow') {
    takeOver(self, effects);
    become(self, 'active', effects);
  }
  endOperation(self);
  for (let i = 0; i < held.length; i++) replay(self, held[i].event, held[i].n, false, decision.V, effects, app);
  self.redo = false;
}

/** PROTOCOL 5.2: everything sent counts as valid; shadows go, low processes go on as ordinary active ones. */
function commit(self: Process, effects: Effect[], app: Application): void {
  const op = self.op as Operation;
  for (let i = 0; i < op.cluster.length; i++) self.live[op.cluster[i]] = -1;
  for (let i = 0; i < op.lows.length; i++) self.live[op.lows[i] >> 1] = op.lows[i];
  self.guarded = false;
  enterEpoch(self, 0);
  if (self.role === 'shadow') {
    self.held = [];
    become(self, 'stopped', effects);
  } else if (self.role === 'low') become(self, 'active', effects);
  endOperation(self);
  if (self.role !== 'stopped') deliverHeld(self, effects, app);
}

/** PROTOCOL 5.3: guarded operation begins with nothing contaminated. */
function start(self: Process, op: Operation, t: number, effects: Effect[], app: Application): void {
  const failed = self.role === 'low' ? self.failed : null;
  self.op = op;
  self.guarded = true;
  self.since = t;
  enterEpoch(self, op.cluster.length);
  self.failed = failed;
  for (let c = 0; c < self.live.length; c++) {
    self.lead[c] = [self.state.q[c], 0];
    self.safeQ[c] = 0;
    self.state.digest[c] = 0;
  }
  self.safeE = zeros(self.safeE.length);
  if (self.role === 'active' && op.cluster.indexOf(self.component) >= 0) become(self, 'shadow', effects);
  deliverHeld(self, effects, app);
}

function announceDecision(self: Process, decision: Decision, V: Vector, effects: Effect[]): void {
  const effect: Effect = { kind: 'decide', cut: decision.cut, V: V, why: decision.why, epoch: self.epoch + 1 };
  if (decision.cut === 'start' && self.staged) effect.op = self.staged.id;
  effects.push(effect);
}

/** A survivor follows the decision of its cut. */
export function resume(self: Process, decision: Decision, t: number, effects: Effect[], app: Application): void {
  announceDecision(self, decision, decision.V, effects);
  if (self.role === 'low' && decision.cut !== 'commit') {
    stop(self, effects);
  } else if (decision.cut === 'recovery') recover(self, decision, effects, app);
  else if (decision.cut === 'commit' && self.op) commit(self, effects, app);
  else if (decision.cut === 'start' && self.staged) start(self, self.staged, t, effects, app);
  else {
    enterEpoch(self, 0);
    deliverHeld(self, effects, app);
  }
}

/** A low process stops for good: at the decision, or when a survivor on its board has decided (PROTOCOL 5.4). */
export function stop(self: Process, effects: Effect[]): void {
  self.held = [];
  self.guarded = false;
  self.epoch++;
  self.cut = null;
  self.failed = null;
  become(self, 'stopped', effects);
}

/** The seat of a low process takes the old state, and answers (PROTOCOL 5.3). */
export function hearHandover(self: Process, event: Event, effects: Effect[], app: Application): void {
  const from = event.from as number;
  const answer = blank('migrated');
  self.epoch = event.epoch as number;
  answer.ok = false;
  self.seat = { state: null, first: [], ok: false };
  // an added component has no old version: whatever input comes first is its first
  if (event.got) self.gotI = event.got.slice();
  else for (let d = 0; d < self.gotI.length; d++) self.gotI[d] = -1;
  try {
    // a reset ended this before, inside `migrate` (PROTOCOL 6.10)
    if (self.failed !== null) throw new Error(self.failed);
    const state = event.state ? (app.load(event.state) as State) : self.state;
    const pending: Event[] = [];
    const handed = event.pending || [];
    for (let i = 0; i < handed.length; i++) {
      // of a sender that took over and lags behind what its new version had sent: the state has it already
      if (isRepeat({ state: state }, handed[i])) continue;
      state.r[(handed[i].from as number) >> 1] = handed[i].q as number;
      pending.push(handed[i]);
    }
    const migrated = app.migrate(event.state ? state.app : null, pending);
    state.app = migrated.state;
    state.log = [];
    if (migrated.timers) {
      state.timers = [];
      for (let i = 0; i < migrated.timers.length; i++) {
        state.timers.push({ name: migrated.timers[i][0], at: migrated.timers[i][1], T: [] });
      }
    }
    for (let i = 0; i < state.timers.length; i++) state.timers[i].at += event.t;
    const first: Event[] = migrated.fresh ? [{ kind: 'start', t: event.t, seed: event.seed }] : [];
    self.seat = { state: state, first: first.concat(migrated.pending, event.held || []), ok: true };
    answer.ok = true;
  } catch (error) {
    answer.why = 'migrate failed: ' + String((error && (error as Error).message) || error);
  }
  send(self, from, answer, effects);
}

/** The decision of a start reaches the seat: it becomes the low process, or is vacant again. */
export function settleSeat(self: Process, decision: Decision, t: number, effects: Effect[], app: Application): void {
  const seat = self.seat;
  const op = self.staged;
  const held = self.held;
  announceDecision(self, decision, [], effects);
  self.seat = null;
  self.held = [];
  if (decision.cut !== 'start' || !seat || !seat.state || !op) {
    self.epoch++;
    self.cut = null;
    self.failed = null;
    for (let p = 0; p < self.gotN.length; p++) renumber(self, p);
    return;
  }
  self.state = seat.state;
  become(self, 'low', effects);
  for (let i = 0; i < seat.first.length; i++) self.held.push({ n: self.n, event: seat.first[i] });
  for (let i = 0; i < held.length; i++) self.held.push(held[i]);
  start(self, op, t, effects, app);
}
