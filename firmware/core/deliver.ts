// The delivery of an event to the application (PROTOCOL 4.1 to 4.3), and what follows when it fails there.

import { emit } from './emit.ts';
import { contaminated, journalBefore, vectorOf } from './journal.ts';
import { EMISSIONS_MAX, TIMERS_MAX } from './limits.ts';
import type { Process } from './process.ts';
import type { Application, Effect, Emission, Event, State } from './types.ts';
import { raise } from './vector.ts';

function text(error: unknown): string {
  const message = error && (error as Error).message;
  return message ? String(message) : String(error);
}

/** PROTOCOL 4.1, 4.2: a failure of a low or contaminated process starts a recovery; of a clean one it is reported. */
export function misbehaves(self: Process, why: string, effects: Effect[]): void {
  if (self.guarded && contaminated(self)) {
    if (!self.failed) self.failed = why;
    return;
  }
  self.counters.errors++;
  effects.push({ kind: 'error', why: why });
}

/** Runs the handler of event number `n`; its emissions take effect only if it returns. */
export function handle(self: Process, event: Event, n: number, effects: Effect[], app: Application): void {
  const out: Emission[] = [];
  effects.push({ kind: 'deliver', event: n });
  try {
    app.handle(self.state.app, event, out);
  } catch (error) {
    misbehaves(self, text(error), effects);
    return;
  }
  if (out.length > EMISSIONS_MAX) {
    misbehaves(self, 'more than ' + EMISSIONS_MAX + ' emissions in one handler', effects);
    return;
  }
  for (let i = 0; i < out.length; i++) emit(self, out[i], effects, app);
  if (self.state.timers.length > TIMERS_MAX) {
    self.state.timers.pop();
    misbehaves(self, 'more than ' + TIMERS_MAX + ' timers', effects);
  }
}

function takeTimer(self: Process, name: string): void {
  const timers = self.state.timers;
  for (let i = 0; i < timers.length; i++) {
    if (timers[i].name === name) {
      timers.splice(i, 1);
      return;
    }
  }
}

/** Counts the event in the state that a rollback takes back, and delivers it. */
export function apply(self: Process, event: Event, n: number, effects: Effect[], app: Application): void {
  if (event.kind === 'app' && event.from !== undefined && event.q !== undefined) {
    self.state.r[event.from >> 1] = event.q;
  }
  if (event.kind === 'timer' && event.name !== undefined) takeTimer(self, event.name);
  if (self.guarded) raise(self.state.T, vectorOf(event));
  handle(self, event, n, effects, app);
}

/** A message that the receiver holds already, by the channel's `q` (PROTOCOL 5.1). */
export function isRepeat(self: { state: State }, event: Event): boolean {
  return event.kind === 'app' && event.q !== undefined && event.q <= self.state.r[(event.from || 0) >> 1];
}

/** Receives an event for the application: journal first where needed, then deliver. */
export function receive(self: Process, event: Event, n: number, effects: Effect[], app: Application): void {
  if (isRepeat(self, event)) {
    self.counters.repeats++;
    effects.push({ kind: 'forget', event: n });
    return;
  }
  journalBefore(self, event, n, effects, app);
  apply(self, event, n, effects, app);
}

/** A timer that is due fires with the `T` of the state that armed it; null: it is no longer armed. */
export function armedTimer(self: Process, event: Event): Event | null {
  const timers = self.state.timers;
  for (let i = 0; i < timers.length; i++) {
    if (timers[i].name === event.name) {
      event.T = timers[i].T;
      return event;
    }
  }
  return null;
}
