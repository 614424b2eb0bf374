// What of a process crosses the border of the cluster, and the shadow's and the low process's books about it
// (PROTOCOL 4.3 to 4.5).

import { LOG_ENTRIES_MAX } from './limits.ts';
import type { Process } from './process.ts';
import { lowOf } from './process.ts';
import type { Effect, Event, LogEntry } from './types.ts';

const DIGEST_MODULUS = 1000003;

export function inCluster(self: Process, component: number): boolean {
  return self.op !== null && self.op.cluster.indexOf(component) >= 0;
}

/** Digest of the message types sent to one component since the start, each type's place in the order included. */
export function digestOf(before: number, type: number): number {
  return (before * 31 + type + 1) % DIGEST_MODULUS;
}

/** PROTOCOL 4.5: what the low process has sent, against what its shadow has. Returns the failure, or null. */
function divergence(self: Process, to: number, q: number, digest: number): string | null {
  if (!self.op || lowOf(self.op, self.component) < 0) return null; // removed by the upgrade: nothing to compare with
  const low = self.lead[to];
  if (low[0] === q && low[1] !== digest) return 'divergence: other message types';
  if (q - low[0] > self.op.policy.lead) return 'divergence: old version leads';
  return null;
}

/** A boundary message or output of a shadow goes to its log, unless the low process's own is safe (PROTOCOL 4.4). */
export function suppress(self: Process, entry: LogEntry, effects: Effect[]): void {
  const log = self.state.log;
  if (entry.to !== undefined && entry.q !== undefined) {
    effects.push({ kind: 'suppressed', to: entry.to, q: entry.q });
    const why = divergence(self, entry.to, entry.q, entry.digest || 0);
    if (why && self.guarded && !self.failed) self.failed = why;
    if (entry.q <= self.safeQ[entry.to]) return;
  } else if (entry.device !== undefined) {
    effects.push({ kind: 'suppressed', device: entry.device, e: entry.e });
    if (self.latest[entry.device]) {
      for (let i = 0; i < log.length; i++) {
        if (log[i].device === entry.device) {
          log.splice(i, 1);
          break;
        }
      }
    } else if (entry.e !== undefined && entry.e <= self.safeE[entry.device]) return;
  }
  log.push(entry);
  if (log.length >= LOG_ENTRIES_MAX && self.guarded && !self.failed) self.failed = 'output log full';
}

/** Drops from the log what the low process reported as safe; a `latest` device's last output stays. */
export function trim(self: Process, effects: Effect[]): void {
  const log = self.state.log;
  const kept: LogEntry[] = [];
  for (let i = 0; i < log.length; i++) {
    const entry = log[i];
    if (entry.to !== undefined) {
      if ((entry.q || 0) > self.safeQ[entry.to]) kept.push(entry);
    } else if (entry.device !== undefined) {
      if (self.latest[entry.device] || (entry.e || 0) > self.safeE[entry.device]) kept.push(entry);
    }
  }
  if (kept.length === log.length) return;
  effects.push({ kind: 'trim', count: log.length - kept.length });
  self.state.log = kept;
}

/** A shadow hears of its low process (PROTOCOL 4.4, 4.5). Other survivors take only the heartbeat's `V`. */
export function hearLow(self: Process, event: Event, effects: Effect[]): void {
  if (self.role !== 'shadow' || !self.op || event.from !== lowOf(self.op, self.component)) return;
  const sent = event.sent || [];
  for (let i = 0; i < sent.length; i++) {
    const to = sent[i][0];
    if (sent[i][1] < self.lead[to][0]) continue;
    self.lead[to] = [sent[i][1], sent[i][2]];
    if (sent[i][1] - self.state.q[to] > self.op.policy.lead) self.failed = 'divergence: new version leads';
    for (let j = 0; j < self.state.log.length; j++) {
      const entry = self.state.log[j];
      if (entry.to !== to || entry.q !== sent[i][1]) continue;
      const why = divergence(self, to, sent[i][1], entry.digest || 0);
      if (why) self.failed = why;
    }
    if (self.state.q[to] === sent[i][1] && self.state.digest[to] !== sent[i][2]) {
      self.failed = 'divergence: other message types';
    }
  }
  const acked = event.acked || [];
  for (let i = 0; i < acked.length; i++) {
    if (acked[i][1] > self.safeQ[acked[i][0]]) self.safeQ[acked[i][0]] = acked[i][1];
  }
  const done = event.done || [];
  for (let i = 0; i < done.length; i++) {
    if (done[i][1] > self.safeE[done[i][0]]) self.safeE[done[i][0]] = done[i][1];
  }
  trim(self, effects);
}

/** By component, the highest `q` up to which all is acknowledged **and** validated (PROTOCOL 4.4.2), in `safe`. */
function settleMarks(self: Process, acked: number[], safe: number[]): Process['marks'] {
  const kept: Process['marks'] = [];
  if (!self.op) return kept;
  const valid = self.V[self.op.cluster.indexOf(self.component)];
  const open: boolean[] = [];
  for (let i = 0; i < self.marks.length; i++) {
    const mark = self.marks[i];
    if (!open[mark.to] && mark.k <= valid && mark.q <= (acked[mark.to] || 0)) safe[mark.to] = mark.q;
    else {
      open[mark.to] = true;
      kept.push(mark);
    }
  }
  return kept;
}

/** True where a low process has so many settled marks that they are worth an event of kind `acked` (PROTOCOL 6.1). */
export function forgettable(self: Process, acked: number[], worth: number): boolean {
  if (self.role !== 'low' || !self.op || self.marks.length < worth) return false;
  return self.marks.length - settleMarks(self, acked, self.safeQ.slice()).length >= worth;
}

/** A low process forgets the marks of what is acknowledged and validated: it acts on it, so it is an event. */
export function hearAcked(self: Process, event: Event): void {
  if (self.role !== 'low' || !self.guarded) return;
  const acked: number[] = [];
  const list = event.acked || [];
  for (let i = 0; i < list.length; i++) acked[list[i][0]] = list[i][1];
  self.marks = settleMarks(self, acked, self.safeQ);
}

/**
 * The heartbeat of a process; it changes nothing. `acked` is, by component, the highest `q` its receiver has
 * acknowledged; `done`, by device, the highest `e` that the driver has done. A low process reports what is
 * acknowledged **and** validated.
 */
export function heartbeat(self: Process, acked: number[], done: number[]): Event {
  const beat: Event = { kind: 'heartbeat', t: 0, seed: 0, from: self.pid, epoch: self.epoch, V: self.V.slice() };
  if (self.role !== 'low' || !self.op) return beat;
  const safe = self.safeQ.slice();
  settleMarks(self, acked, safe);
  beat.acked = [];
  beat.sent = [];
  beat.done = [];
  for (let c = 0; c < self.live.length; c++) {
    if (safe[c] > 0) beat.acked.push([c, safe[c]]);
    if (!inCluster(self, c) && self.state.q[c] > 0) beat.sent.push([c, self.state.q[c], self.state.digest[c]]);
  }
  for (let d = 0; d < done.length; d++) if (done[d] > 0) beat.done.push([d, done[d]]);
  return beat;
}
