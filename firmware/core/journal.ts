// The journal: checkpoint and event records in arrival order (PROTOCOL 4.2 and 4.4), and what `V` does to it.

import { JOURNAL_BYTES_MAX, JOURNAL_RECORDS_MAX } from './limits.ts';
import type { Process } from './process.ts';
import { isSurvivor } from './process.ts';
import type { Application, Effect, Event, JournalRecord, Vector } from './types.ts';
import { covered, raise } from './vector.ts';

const NONE: Vector = [];

/** The `T` of an event: that of its message, or of the state that armed its timer; zero for a device input. */
export function vectorOf(event: Event): Vector {
  return event.T ? event.T : NONE;
}

export function contaminated(self: Process): boolean {
  return self.role === 'low' || !covered(self.state.T, self.V);
}

function append(self: Process, record: JournalRecord): void {
  self.journal.push(record);
  self.journalBytes += record.bytes;
}

/**
 * PROTOCOL 4.2.3 to 4.2.5 (paper fig. 3, S1 and S2): before an event is delivered to a survivor, writes what a
 * rollback will need. An event that leaves a clean process clean needs nothing.
 */
export function journalBefore(self: Process, event: Event, n: number, effects: Effect[], app: Application): void {
  if (!self.guarded || !isSurvivor(self)) return;
  const T = vectorOf(event);
  const dirty = contaminated(self);
  if (covered(T, self.V) && !dirty) return;
  if (!dirty || (!covered(T, self.state.T) && self.emitted)) {
    const saved = app.save(self.state);
    const bytes = app.bytes(saved);
    append(self, { n: n, saved: saved, bytes: bytes });
    self.emitted = false;
    effects.push({ kind: 'checkpoint', bytes: bytes });
  }
  const size = app.bytes(event.data) + 32;
  append(self, { n: n, event: event, bytes: size });
  effects.push({ kind: 'journal', bytes: size });
  if (self.journal.length >= JOURNAL_RECORDS_MAX || self.journalBytes >= JOURNAL_BYTES_MAX) {
    self.failed = 'journal full';
  }
}

/** PROTOCOL 4.4: keeps the journal from the last checkpoint at or before the first record that is not covered. */
export function reclaim(self: Process, V: Vector, effects: Effect[]): void {
  const journal = self.journal;
  if (journal.length === 0) return;
  let keep = journal.length;
  let checkpoint = 0;
  for (let i = 0; i < journal.length; i++) {
    const event = journal[i].event;
    if (!event) checkpoint = i;
    else if (!covered(vectorOf(event), V)) {
      keep = checkpoint;
      break;
    }
  }
  if (keep === 0) return;
  const gone = journal.splice(0, keep);
  for (let i = 0; i < gone.length; i++) self.journalBytes -= gone[i].bytes;
  effects.push({ kind: 'reclaim', records: keep, left: journal.length });
}

/**
 * Takes the validated vector that every message carries (PROTOCOL 4, first rule). After its report a process takes
 * no more: the cut's `V*` is the reports' alone (PROTOCOL 5.4).
 */
export function learn(self: Process, V: Vector | undefined, effects: Effect[]): void {
  if (!V || !self.guarded || (self.cut && self.cut.reported)) return;
  if (raise(self.V, V)) reclaim(self, self.V, effects);
}
