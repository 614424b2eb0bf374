// Cuts: start, commit and recovery in two rounds without a coordinator (PROTOCOL 5). Freeze, report, decide;
// what a process does with the decision is in resume.ts.

import { learn } from './journal.ts';
import type { CutState, Process } from './process.ts';
import { blank, isSurvivor, lowOf, others, renumber, send, survivors } from './process.ts';
import type { Application, Cut, Effect, Event, Message, Operation, Pid, Vector } from './types.ts';
import { raise } from './vector.ts';

function endOf(cut: CutState, pid: Pid): string | null {
  for (let i = 0; i < cut.ends.length; i++) if (cut.ends[i][0] === pid) return cut.ends[i][1];
  return null;
}

function setEnd(cut: CutState, pid: Pid, how: string): void {
  if (endOf(cut, pid) === null) cut.ends.push([pid, how]);
}

/** A failure known before the report turns any cut of guarded operation into a recovery (PROTOCOL 5.2). */
export function turn(cut: CutState, to: Cut, why: string): void {
  if (cut.reported || cut.cut === 'recovery' || cut.cut === 'cancel') return;
  cut.cut = to;
  cut.why = why;
}

/** PROTOCOL 5.0.1: stops delivering, and sends the marker, the last word of the epoch, to every other process. */
export function freeze(self: Process, cut: Cut, op: string, why: string, effects: Effect[]): void {
  self.cut = { cut: cut, op: op, why: why, ends: [], reports: [], reported: false, waiting: null };
  effects.push({ kind: 'freeze', cut: cut, why: why });
  if (cut === 'start' && self.staged) {
    const lows = self.staged.lows;
    for (let i = 0; i < lows.length; i++) renumber(self, lows[i]);
  }
  const all = others(self);
  for (let i = 0; i < all.length; i++) {
    const message = blank('freeze');
    message.cut = cut;
    message.op = op;
    message.why = why;
    send(self, all[i], message, effects);
  }
  if (cut === 'start' && (!self.staged || self.staged.id !== op)) {
    turn(self.cut, 'cancel', 'upgrade ' + op + ' is not staged here');
  }
}

/** A marker: the channel it came on is flushed. */
export function hearMarker(self: Process, event: Event, effects: Effect[]): void {
  const from = event.from as Pid;
  const kind = event.cut as Cut;
  const op = event.op || '';
  const why = event.why || '';
  if (!self.cut) freeze(self, kind, op, why, effects);
  const cut = self.cut as CutState;
  setEnd(cut, from, kind);
  if (kind === 'recovery') turn(cut, 'recovery', why);
  if (kind === 'start' && op !== cut.op) turn(cut, 'cancel', 'two upgrades started at once');
}

/** PROTOCOL 5.0.2: a low process is declared dead, or, at a start, a seat does not answer. */
export function hearAbsence(self: Process, pid: Pid, why: string, effects: Effect[]): void {
  const cut = self.cut;
  if (cut && !self.guarded) {
    if (cut.waiting && cut.waiting.indexOf(pid) >= 0) turn(cut, 'cancel', why);
    return;
  }
  if (!self.guarded || !self.op || self.op.lows.indexOf(pid) < 0 || pid === self.pid) return;
  if (cut && (cut.reported || endOf(cut, pid) !== null)) return;
  if (!cut) freeze(self, 'recovery', self.op.id, why, effects);
  setEnd(self.cut as CutState, pid, 'absent');
  if (self.closed.indexOf(pid) < 0) self.closed.push(pid);
  turn(self.cut as CutState, 'recovery', why);
}

/** The seats that wait for this process's handover: its own, and as sponsor those of added components. */
export function seatsOf(self: Process, op: Operation): Pid[] {
  const out: Pid[] = [];
  const own = lowOf(op, self.component);
  if (own >= 0) out.push(own);
  let sponsor = -1;
  for (let i = 0; i < op.cluster.length && sponsor < 0; i++) {
    if (op.added.indexOf(op.cluster[i]) < 0) sponsor = op.cluster[i];
  }
  if (sponsor === self.component) {
    for (let i = 0; i < op.added.length; i++) out.push(lowOf(op, op.added[i]));
  }
  return out;
}

/** PROTOCOL 5.3: state with all counters, held messages from outside the cluster, pending ones from inside. */
function handOver(self: Process, op: Operation, t: number, effects: Effect[], app: Application): void {
  const cut = self.cut as CutState;
  const seats = op.cluster.indexOf(self.component) >= 0 ? seatsOf(self, op) : [];
  cut.waiting = seats;
  for (let i = 0; i < seats.length; i++) {
    const message = blank('handover');
    message.op = op.id;
    if (seats[i] >> 1 === self.component) {
      const copy = app.load(app.save(self.state)) as Process['state'];
      for (let j = 0; j < copy.timers.length; j++) copy.timers[j].at -= t;
      message.state = app.save(copy);
      message.held = [];
      message.pending = [];
      for (let j = 0; j < self.held.length; j++) {
        const event = self.held[j].event;
        const inside = event.kind === 'app' && op.cluster.indexOf((event.from as Pid) >> 1) >= 0;
        if (inside) message.pending.push(event);
        else message.held.push(event);
      }
      message.got = self.gotI.slice();
    }
    send(self, seats[i], message, effects);
  }
}

/** The seat's answer to the handover. */
export function hearMigrated(self: Process, event: Event): void {
  const cut = self.cut;
  if (!cut || !cut.waiting) return;
  const at = cut.waiting.indexOf(event.from as Pid);
  if (at < 0) return;
  cut.waiting.splice(at, 1);
  if (!event.ok) turn(cut, 'cancel', event.why || 'migrate failed');
}

export function hearReport(self: Process, event: Event): void {
  if (self.cut) self.cut.reports.push([event.from as Pid, event]);
}

/** PROTOCOL 5.0.3: once every incoming channel has ended, a survivor broadcasts what it knows. True if it did. */
export function report(self: Process, t: number, effects: Effect[], app: Application): boolean {
  const cut = self.cut;
  if (!cut || cut.reported || !isSurvivor(self)) return false;
  const all = others(self);
  for (let i = 0; i < all.length; i++) if (endOf(cut, all[i]) === null) return false;
  const starting = !self.guarded;
  if (starting && cut.cut === 'start' && cut.waiting === null && self.staged) {
    handOver(self, self.staged, t, effects, app);
  }
  if (starting && cut.cut === 'start' && cut.waiting && cut.waiting.length > 0) return false;
  cut.reported = true;
  const ends: [Pid, string][] = [];
  const lows = self.guarded && self.op ? self.op.lows : [];
  for (let i = 0; i < lows.length; i++) ends.push([lows[i], endOf(cut, lows[i]) || '']);
  const to = starting && self.staged ? all.concat(self.staged.lows) : all;
  effects.push({ kind: 'report', cut: cut.cut, why: cut.why });
  let own: Message | null = null;
  for (let i = 0; i <= to.length; i++) {
    const message = blank('report');
    message.cut = cut.cut;
    message.op = cut.op;
    message.why = cut.why;
    message.V = self.V.slice();
    message.ends = ends;
    if (i < to.length) send(self, to[i], message, effects);
    else own = message;
  }
  cut.reports.push([self.pid, own as Message]);
  return true;
}

export interface Decision {
  cut: Cut;
  V: Vector;
  why: string;
}

/** PROTOCOL 5.0.4: from the survivors' reports alone, so that all decide alike. Null: some have not come yet. */
export function decide(self: Process): Decision | null {
  const cut = self.cut as CutState;
  const all = survivors(self);
  const V: Vector = [];
  let recovery: string | null = null;
  let cancel: string | null = null;
  let plain: Cut = 'cancel';
  for (let i = 0; i < all.length; i++) {
    let found: Event | Message | null = null;
    for (let j = 0; j < cut.reports.length; j++) if (cut.reports[j][0] === all[i]) found = cut.reports[j][1];
    if (!found) return null;
    raise(V, found.V || []);
    plain = found.cut as Cut;
    const why = found.why || '';
    const ends = found.ends || [];
    if (plain === 'recovery' && recovery === null) recovery = why;
    if (plain === 'cancel' && cancel === null) cancel = why;
    for (let j = 0; j < ends.length; j++) {
      if (recovery === null && ends[j][1] !== 'commit') recovery = why;
    }
  }
  if (recovery !== null) return { cut: 'recovery', V: V, why: recovery };
  if (cancel !== null) return { cut: 'cancel', V: V, why: cancel };
  return { cut: plain, V: V, why: cut.why };
}

/** A low process resumes only when its own channels are flushed too (PROTOCOL 5.0.6); it may always be stopped. */
export function flushed(self: Process): boolean {
  const all = others(self);
  for (let i = 0; i < all.length; i++) if (endOf(self.cut as CutState, all[i]) === null) return false;
  return true;
}

/** Held while frozen, in order of arrival; what it carries of `V` counts at once (PROTOCOL 5.0.1). */
export function hold(self: Process, event: Event, effects: Effect[]): void {
  self.held.push({ n: self.n, event: event });
  learn(self, event.V, effects);
}
