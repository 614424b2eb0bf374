// What a handler emits becomes messages, outputs and timers, each by the rules of its process's role: low
// (PROTOCOL 4.1, paper fig. 2), active (4.2, fig. 3), shadow (4.3, fig. 4).

import { digestOf, inCluster, suppress } from './border.ts';
import { contaminated, learn } from './journal.ts';
import { LOG_ENTRIES_MAX } from './limits.ts';
import type { Process } from './process.ts';
import { blank, lowOf, others, send } from './process.ts';
import type { Application, Effect, Emission, Opaque } from './types.ts';

function sendOne(self: Process, to: number, q: number, k: number, type: number, data: Opaque, effects: Effect[]): void {
  const message = blank('app');
  message.q = q;
  message.k = k;
  message.T = self.state.T.slice();
  message.V = self.V.slice();
  message.type = type;
  message.data = data;
  send(self, to, message, effects);
}

function sendApp(self: Process, to: number, type: number, data: Opaque, effects: Effect[]): void {
  const state = self.state;
  const inside = inCluster(self, to);
  const old = self.live[to];
  const low = inside && self.guarded && self.op && self.role !== 'shadow' ? lowOf(self.op, to) : -1;
  if (old < 0 && low < 0) return; // there is no such component now
  const q = ++state.q[to];
  self.emitted = true;
  if (!inside && self.role !== 'active') state.digest[to] = digestOf(state.digest[to], type);
  if (self.role === 'shadow') {
    if (inside) {
      if (old >= 0) sendOne(self, old, q, 0, type, data, effects);
    } else suppress(self, { to: to, q: q, type: type, data: data, digest: state.digest[to] }, effects);
  } else if (self.role === 'low' && self.op) {
    if (inside) {
      if (low >= 0) sendOne(self, low, q, 0, type, data, effects);
    } else {
      const k = ++state.k;
      state.T[self.op.cluster.indexOf(self.component)] = k;
      self.marks.push({ to: to, q: q, k: k });
      if (self.marks.length >= LOG_ENTRIES_MAX && !self.failed) self.failed = 'too many unvalidated messages';
      sendOne(self, old, q, k, type, data, effects);
    }
  } else {
    if (old >= 0) sendOne(self, old, q, 0, type, data, effects);
    if (low >= 0) sendOne(self, low, q, 0, type, data, effects);
  }
}

function accepts(self: Process, device: number, data: Opaque, app: Application): boolean {
  let ok = false;
  try {
    ok = app.accept(self.state.app, device, data) === true;
  } catch (e) {
    ok = false;
  }
  if (ok) self.counters.testsPassed++;
  else self.counters.testsFailed++;
  return ok;
}

function compensation(self: Process, device: number, data: Opaque, app: Application): Opaque | null {
  try {
    return app.compensate(self.state.app, device, data);
  } catch (e) {
    return null;
  }
}

/** A passed test vouches for everything the state depends on: `V := V ∨ T`, and all others hear it. */
function passed(self: Process, effects: Effect[]): void {
  if (!self.guarded) return;
  learn(self, self.state.T, effects);
  const all = others(self);
  for (let i = 0; i < all.length; i++) {
    const message = blank('passed');
    message.V = self.V.slice();
    send(self, all[i], message, effects);
  }
}

function put(
  self: Process,
  device: number,
  data: Opaque,
  tested: boolean,
  compensated: boolean,
  effects: Effect[],
): void {
  const latest = self.latest[device];
  const e = latest ? 0 : ++self.state.e[device];
  self.emitted = true;
  if (self.role === 'shadow') {
    suppress(self, { device: device, e: e, data: data }, effects);
    return;
  }
  const T = self.state.T.slice();
  effects.push({ kind: 'output', device: device, e: e, data: data, T: T, tested: tested, compensated: compensated });
}

function output(self: Process, device: number, data: Opaque, effects: Effect[], app: Application): void {
  const suspect = self.role !== 'shadow' && contaminated(self);
  if (!suspect && !self.redo) {
    put(self, device, data, false, false, effects);
    return;
  }
  let ok = accepts(self, device, data, app);
  effects.push({ kind: 'tested', device: device, ok: ok });
  if (ok) {
    passed(self, effects);
    put(self, device, data, true, false, effects);
    return;
  }
  const other = compensation(self, device, data, app);
  if (other !== null && other !== undefined) {
    ok = accepts(self, device, other, app);
    effects.push({ kind: 'tested', device: device, ok: ok, compensated: true });
    if (ok) {
      self.counters.compensated++;
      put(self, device, other, true, true, effects);
      return;
    }
  }
  if (self.redo) {
    self.counters.withheld++;
    effects.push({ kind: 'withheld', device: device });
  } else if (!self.failed) self.failed = 'acceptance test failed';
}

function arm(self: Process, name: string, at: number, effects: Effect[]): void {
  const timers = self.state.timers;
  for (let i = 0; i < timers.length; i++) {
    if (timers[i].name === name) {
      timers.splice(i, 1);
      break;
    }
  }
  if (at < 0) return;
  timers.push({ name: name, at: at, T: self.state.T.slice() });
  effects.push({ kind: 'armed', name: name });
}

/** Makes one emission of a handler happen. */
export function emit(self: Process, emission: Emission, effects: Effect[], app: Application): void {
  if (emission.timer !== undefined) arm(self, emission.timer, emission.at === undefined ? -1 : emission.at, effects);
  else if (emission.device !== undefined) output(self, emission.device, emission.data, effects, app);
  else if (emission.to !== undefined) sendApp(self, emission.to, emission.type || 0, emission.data, effects);
}
