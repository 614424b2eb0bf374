// The one door of the protocol core: one event in, effects out (PROTOCOL 3). No clock, no random numbers, no I/O:
// everything undecided comes in as an event. The rules of the paper as printed stand behind a door of their own, rules.ts.

import { hearAcked, hearLow, inCluster } from './border.ts';
import {
  decide,
  flushed,
  freeze,
  hearAbsence,
  hearMarker,
  hearMigrated,
  hearReport,
  hold,
  report,
  turn,
} from './cut.ts';
import { armedTimer, misbehaves, receive } from './deliver.ts';
import { learn } from './journal.ts';
import { HELD_MAX } from './limits.ts';
import type { CutState, Process } from './process.ts';
import { blank, isSurvivor, lowOf, makeRoom, renumber, send } from './process.ts';
import { hearHandover, resume, settleSeat, stop } from './resume.ts';
import type { Application, Effect, Event, Message, Pid } from './types.ts';
import { sum } from './vector.ts';

export { forgettable, heartbeat } from './border.ts';
export { contaminated } from './journal.ts';
export { create, isSurvivor, others, survivors } from './process.ts';
export type { Process, Setup } from './process.ts';

/**
 * PROTOCOL 5.3.1: a seat belongs to one start. The first handover or report of a later one makes it forget the former;
 * what a low process of the epoch to come sends has to wait.
 */
function newStart(self: Process, message: Message): boolean {
  if (self.role !== 'seat' || message.epoch <= self.epoch || message.n !== 1) return false;
  return message.kind === 'handover' || message.kind === 'report';
}

/**
 * What a channel does with a frame (PROTOCOL 5.5): `take` it, leave it to `wait` with its sender, acknowledge a
 * `repeat` again, or `refuse` it: neither accepted nor acknowledged.
 */
export function gate(self: Process, from: Pid, message: Message): 'take' | 'wait' | 'repeat' | 'refuse' {
  const frozen = self.cut !== null || self.role === 'seat';
  if (message.kind === 'input') {
    const got = self.gotI[message.device as number];
    if (self.role === 'stopped') return 'refuse';
    // what its old version passes on in a later start is for that one: this one's end would forget it (PROTOCOL 5.3.3)
    if (self.role === 'seat' && (!self.seat || message.epoch > self.epoch)) return 'wait';
    if ((message.i as number) <= got) return 'repeat';
    if (got >= 0 && (message.i as number) > got + 1) return 'wait';
    // what comes on a channel stands before its marker: inputs leave room for it, or the cut would not end
    return frozen && self.held.length >= HELD_MAX / 2 ? 'wait' : 'take';
  }
  const got = from < self.gotN.length ? self.gotN[from] : 0;
  if (newStart(self, message)) return 'take';
  // nothing of a later epoch has been taken yet: a seat's channels begin again, at numbers that it has had (PROTOCOL 5.3.1)
  if (message.epoch > self.epoch && self.role === 'seat') return 'wait';
  if (message.n <= got) return 'repeat';
  if (self.role === 'stopped' || self.closed.indexOf(from) >= 0) return 'refuse';
  if (message.epoch < self.epoch) return 'refuse';
  if (message.epoch > self.epoch || message.n > got + 1) return 'wait';
  if (frozen && message.kind === 'app' && self.held.length >= HELD_MAX) return 'wait';
  return 'take';
}

/** A device input that its driver sent to the old version alone is passed on to the new one (PROTOCOL 3, 5.3). */
function forward(self: Process, event: Event, effects: Effect[]): void {
  const op = self.guarded ? self.op : self.cut && self.cut.waiting !== null ? self.staged : null;
  if (!op || !isSurvivor(self)) return;
  const low = lowOf(op, self.component);
  const before = self.guarded ? self.epoch : self.epoch + 1;
  if (low < 0 || (event.epoch as number) >= before) return;
  const message = blank('input');
  message.device = event.device;
  message.i = event.i;
  message.data = event.data;
  effects.push({ kind: 'send', to: low, message: message });
  // that of the start in which it is passed on, whenever the driver sent it
  message.epoch = self.epoch;
}

function hearSeat(self: Process, event: Event, effects: Effect[], app: Application): void {
  if (event.kind === 'handover' && self.staged && event.op === self.staged.id) {
    hearHandover(self, event, effects, app);
  } else if (event.kind === 'report') {
    if (!self.cut) {
      self.cut = { cut: 'start', op: event.op || '', why: '', ends: [], reports: [], reported: true, waiting: null };
    }
    hearReport(self, event);
  } else if (event.kind === 'fail') self.failed = event.why || 'failed'; // of the start that has come, or comes again
}

function hearWord(self: Process, event: Event, effects: Effect[]): void {
  const refuse = function (why: string): void {
    effects.push({ kind: 'refused', word: event.word, why: why });
  };
  if (event.word === 'stage') {
    if (!self.guarded && !self.cut) {
      self.staged = event.operation || null;
      if (self.staged) makeRoom(self, self.staged.cluster);
    } else refuse('a guarded operation or a cut is under way');
  } else if (event.word === 'start') {
    if (self.guarded || self.cut) refuse('a guarded operation or a cut is under way');
    else if (!self.staged || self.staged.id !== event.op) refuse('this upgrade is not staged');
    else if (self.role !== 'active') refuse('not an active process');
    else freeze(self, 'start', self.staged.id, 'operator', effects);
  } else if (event.word === 'commit') {
    if (!self.guarded || !self.op || !isSurvivor(self)) refuse('no guarded operation is under way');
    else if (self.cut) refuse('a cut is under way');
    else freeze(self, 'commit', self.op.id, 'operator', effects);
  } else {
    if (self.guarded && !self.cut) self.failed = event.why || 'aborted by the operator';
    else if (self.cut && !self.cut.reported)
      turn(self.cut, self.guarded ? 'recovery' : 'cancel', event.why || 'aborted by the operator');
    else refuse('nothing to abort');
  }
}

/** What a process sent in its former life is left out: the numbers of its channels begin again (PROTOCOL 6). */
function forgetHeld(self: Process, from: Pid, effects: Effect[]): void {
  const kept: Process['held'] = [];
  for (let i = 0; i < self.held.length; i++) {
    const held = self.held[i];
    if (held.event.kind === 'app' && held.event.from === from) effects.push({ kind: 'forget', event: held.n });
    else kept.push(held);
  }
  self.held = kept;
}

/** A board came back without its log: its processes begin anew, their channels at 1 (PROTOCOL 6). */
function hearReborn(self: Process, event: Event, effects: Effect[]): void {
  if (event.device !== undefined) {
    self.gotI[event.device] = -1;
    return;
  }
  const pid = event.pid as Pid;
  if (self.guarded && self.op && self.op.lows.indexOf(pid) >= 0) {
    hearAbsence(self, pid, event.why || 'its board restarted', effects);
    return;
  }
  renumber(self, pid);
  // a seat has no application channels of its own: those of its component's live process go on
  const live = self.live[pid >> 1] === pid;
  if (live) {
    self.state.q[pid >> 1] = 0;
    self.state.r[pid >> 1] = 0;
    forgetHeld(self, pid, effects);
  }
  if (!self.guarded && self.cut && isSurvivor(self)) {
    turn(self.cut, 'cancel', event.why || 'a board restarted');
    if (!live) return;
    const marker = blank('freeze');
    marker.cut = 'start';
    marker.op = self.cut.op;
    marker.why = self.cut.why;
    send(self, pid, marker, effects);
  }
}

/** PROTOCOL 5.2: so long without a failure, and so many validated boundary messages in all. */
function policyMet(self: Process, t: number): boolean {
  if (!self.guarded || !self.op || !isSurvivor(self)) return false;
  const policy = self.op.policy;
  if (policy.commitAfterMs === 0 && policy.validated === 0) return false;
  return t - self.since >= policy.commitAfterMs && sum(self.V) >= policy.validated;
}

/** Goes on until nothing is left to do: failures freeze, flushed channels report, full reports decide. */
function settle(self: Process, t: number, effects: Effect[], app: Application): void {
  for (;;) {
    if (self.role === 'stopped') return;
    if (!self.cut) {
      if (self.failed !== null && self.guarded && self.op) {
        effects.push({ kind: 'failure', why: self.failed });
        freeze(self, 'recovery', self.op.id, self.failed, effects);
      } else if (policyMet(self, t) && self.op) freeze(self, 'commit', self.op.id, 'guard policy met', effects);
      else {
        if (self.role !== 'seat') self.failed = null;
        return;
      }
    }
    report(self, t, effects, app);
    const cut = self.cut as CutState;
    if (isSurvivor(self) && !cut.reported) return;
    const decision = decide(self);
    if (!decision) return;
    if (self.role === 'seat') {
      settleSeat(self, decision, t, effects, app);
      if (self.role === 'seat') return;
    } else if (self.role === 'low' && decision.cut === 'commit' && !flushed(self)) return;
    else resume(self, decision, t, effects, app);
  }
}

/**
 * A survivor on the same board has decided a recovery: a low process stops at once (PROTOCOL 5.4), and so does a seat
 * that has its handover and hears only now that it was started.
 */
export function stopLow(self: Process, effects: Effect[]): void {
  if (self.role === 'low' || (self.role === 'seat' && self.seat)) stop(self, effects);
}

function hear(self: Process, event: Event, effects: Effect[], app: Application): void {
  const kind = event.kind;
  if (kind === 'app' || kind === 'input') {
    if (kind === 'input') {
      self.gotI[event.device as number] = event.i as number;
      forward(self, event, effects);
    }
    if (self.cut || self.role === 'seat') hold(self, event, effects);
    else {
      learn(self, event.V, effects);
      receive(self, event, self.n, effects, app);
    }
  } else if (kind === 'timer') {
    if (self.cut || self.role === 'seat') return;
    if (armedTimer(self, event)) receive(self, event, self.n, effects, app);
  } else if (kind === 'start') receive(self, event, self.n, effects, app);
  else if (kind === 'passed') learn(self, event.V, effects);
  else if (kind === 'heartbeat') {
    if (event.epoch !== self.epoch || !self.guarded) return;
    learn(self, event.V, effects);
    if (!self.cut) hearLow(self, event, effects);
  } else if (kind === 'stop') stopLow(self, effects);
  else if (self.role === 'seat' && kind !== 'word') hearSeat(self, event, effects, app);
  else if (kind === 'freeze') hearMarker(self, event, effects);
  else if (kind === 'report') hearReport(self, event);
  else if (kind === 'migrated') hearMigrated(self, event);
  else if (kind === 'absent') hearAbsence(self, event.pid as Pid, event.why || 'silent', effects);
  else if (kind === 'reborn') hearReborn(self, event, effects);
  else if (kind === 'acked') hearAcked(self, event);
  else if (kind === 'fail') misbehaves(self, event.why || 'failed', effects);
  else if (kind === 'word') hearWord(self, event, effects);
}

/**
 * One event in, effects out, in the order in which they must happen. `self` is changed in place. A message must
 * have been let through by `gate`. The event must not be changed afterwards: journal and held messages keep it.
 */
export function step(self: Process, event: Event, effects: Effect[], app: Application): void {
  self.n++;
  if (event.n !== undefined && event.from !== undefined && event.kind !== 'input') {
    while (self.gotN.length <= event.from) self.gotN.push(0);
    if (newStart(self, event as Message)) {
      for (let p = 0; p < self.gotN.length; p++) renumber(self, p);
      self.epoch = event.epoch as number;
      self.cut = null;
      self.seat = null;
      self.held = [];
    }
    self.gotN[event.from] = event.n;
  }
  if (self.role === 'stopped') return;
  hear(self, event, effects, app);
  settle(self, event.t, effects, app);
}

/** True where a message to `component` would reach a low process of the cluster too. */
export function guardedTowards(self: Process, component: number): boolean {
  return self.guarded && inCluster(self, component);
}
