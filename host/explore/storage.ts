// Stable storage, abstract and in memory (PROTOCOL 6): a process has a base, which is the whole machine with what it
// has sent and nobody has acknowledged and what was to be put out and is not yet out, and a log of the events since.
// Each record is wholly there or not. A boot restores the base and replays the log, and the same effects come again.

import type { Process } from '../../firmware/core/core.ts';
import type { Application, Effect, Event, Message, Pid } from '../../firmware/core/types.ts';
import type { Core } from './world.ts';

/** An output on its way to its driver. */
export interface Output {
  pid: Pid;
  e: number;
  /** epoch of the low process it comes from, or -1 */
  low: number;
  /** number of the event that caused it */
  n: number;
}

/** One event of a process, and what follows from it. */
export interface Item {
  n: number;
  event: Event;
  effects: Effect[];
  /** epoch of the low process whose event it was, or -1 */
  low: number;
}

/** What waits in one channel to be acknowledged. `forward`: inputs that a shadow passes on. */
export interface Unacknowledged {
  to: Pid;
  forward: boolean;
  queue: Message[];
}

export interface Base {
  /** the machine, as text: nothing that happens later reaches it */
  machine: string;
  unacknowledged: Unacknowledged[];
  outputs: Output[];
  /** events of before, whose effects have not been carried out */
  open: Item[];
}

export interface Store {
  base: Base | null;
  log: Item[];
}

/** Mistakes to plant here: 15, 16, 24 and 25 of PROTOCOL 9, and bases that forget a part of the machine. */
export interface Mistakes {
  /** 15: effects leave before their event is durable */
  lateLog?: boolean;
  /** 16: a base without the unacknowledged messages */
  forgottenQueue?: boolean;
  /** 24: a process that stops takes with it what it has sent */
  reportLost?: boolean;
  /** 25: a base without the outputs that are not out yet */
  forgottenOutputs?: boolean;
  /** a boot gives a driver the outputs of one process after the other, not of a component in the order of their numbers */
  bootOrder?: boolean;
  /** processes of one board have logs of their own, not one: a power cut takes from each what it likes */
  ownLogs?: boolean;
  /** a base without the journal of a contaminated process */
  forgottenJournal?: boolean;
  /** a base without what came while its process was frozen */
  forgottenHeld?: boolean;
  /** a base without the reports of the cut that its process is in */
  forgottenReports?: boolean;
  /** a base of a seat without what was handed over to it */
  forgottenSeat?: boolean;
}

/** What a base keeps of a machine: all of it, but for planted mistakes. */
export function machineOf(self: Process, mistakes: Mistakes): Process {
  const out = { ...self };
  if (mistakes.forgottenJournal) out.journal = [];
  if (mistakes.forgottenHeld) out.held = [];
  if (mistakes.forgottenReports && self.cut) out.cut = { ...self.cut, reports: [] };
  if (mistakes.forgottenSeat) out.seat = null;
  return out;
}

function copyEvent(event: Event): Event {
  return event.kind === 'handover' ? structuredClone(event) : { ...event };
}

/** Whether `migrate` fails is decided by the seed, so that a replay goes the same way. */
export const FAILS_MIGRATE = 7;

/**
 * One step of the machine. The event is the caller's own, and stays as it is: it may go to the log and the trace, and
 * so may the effects.
 */
export function stepOnce(
  core: Core,
  self: Process,
  event: Event,
  app: Application,
  hooks: { failMigrate: boolean },
): Item {
  const effects: Effect[] = [];
  const epoch = self.epoch;
  hooks.failMigrate = event.kind === 'handover' && event.seed === FAILS_MIGRATE;
  core.step(self, copyEvent(event), effects, app);
  for (const effect of effects) {
    // what a process hands over it goes on using itself
    if (effect.message?.kind === 'handover') effect.message = structuredClone(effect.message);
  }
  return { n: self.n, event, effects, low: self.role === 'low' ? epoch : -1 };
}

/** A base stands: what the log holds is in it, and goes. */
export function writeBase(
  store: Store,
  self: Process,
  unacknowledged: Unacknowledged[],
  outputs: Output[],
  open: Item[],
  mistakes: Mistakes,
): void {
  store.base = {
    machine: JSON.stringify(machineOf(self, mistakes)),
    unacknowledged: mistakes.forgottenQueue ? [] : unacknowledged.map((u) => ({ ...u, queue: u.queue.slice() })),
    outputs: mistakes.forgottenOutputs ? [] : outputs.slice(),
    open,
  };
  store.log = [];
}

export interface Restored {
  self: Process;
  /** what has to be carried out (again), in order */
  items: Item[];
  /** where the replay gave other effects than the first time, or null */
  differs: string | null;
}

export function restore(core: Core, store: Store, app: Application, hooks: { failMigrate: boolean }): Restored {
  if (!store.base) throw new Error('there is no base to restore');
  const self = JSON.parse(store.base.machine) as Process;
  const items = store.base.open.slice();
  let differs: string | null = null;
  for (const before of store.log) {
    const item = stepOnce(core, self, before.event, app, hooks);
    items.push(item);
    if (differs || (item.n === before.n && JSON.stringify(item.effects) === JSON.stringify(before.effects))) continue;
    differs = `event ${before.n} (${before.event.kind}) has other effects when it is replayed`;
  }
  return { self, items, differs };
}
