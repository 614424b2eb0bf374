// Steps of processes: what a handler will do, the event itself, what follows at once, and timers.

import type { Process } from '../../firmware/core/core.ts';
import { isSurvivor } from '../../firmware/core/core.ts';
import type { Effect, Event } from '../../firmware/core/types.ts';
import type { TraceEffect, TraceEvent, TraceLine } from '../check/types.ts';
import type { AppState } from '../explore/app.ts';
import { menuOf, seedFor } from '../explore/app.ts';
import { perform, performHere, writeSoon } from './board.ts';
import { retrySoon } from './channel.ts';
import type { Ack, Cell } from './parts.ts';
import { stepOnce } from '../explore/storage.ts';
import type { World } from './world.ts';
import { due, running } from './world.ts';

/** What the handler will do: nothing, or something on its menu. */
export function seedOf(w: World, cell: Cell): number {
  const self = cell.self as Process;
  if (self.role === 'seat') return 0;
  const count = menuOf(w.shape, cell.pid).length;
  const place = w.acts() < w.lively ? Math.floor(w.acts() * count) : 0;
  return seedFor(w.shape, cell.pid, self.state.app as AppState, place);
}

/** One event of the process. It is acknowledged, and its effects leave the board, when it is written. */
export function give(w: World, cell: Cell, event: Event, ack: Ack | null = null): Effect[] {
  const self = cell.self as Process;
  event.t = Math.round(w.now * 1000) / 1000;
  const epoch = self.epoch;
  const item = stepOnce(w.core, self, event, cell.app, w.hooks);
  w.happened.events++;
  const line: TraceLine = {
    v: 1,
    t: Math.round(w.now * 1000),
    board: cell.board.name,
    process: cell.name,
    epoch,
    n: item.n,
    event: event as unknown as TraceEvent,
    effects: item.effects as unknown as TraceEffect[],
  };
  cell.board.pending.push({ cell, item, ack, line });
  if (w.mistakes.lateLog) perform(w, cell, item);
  else performHere(w, cell, item);
  for (const effect of item.effects) {
    if (effect.kind === 'freeze') w.onFreeze(cell.board);
    else if (effect.kind === 'decide') stopLows(w, cell, effect);
  }
  wake(w, cell);
  writeSoon(w, cell.board);
  return item.effects;
}

/** PROTOCOL 3.6, 7.2: low processes beside a survivor that has decided a recovery stop at once, and those to be. */
export function stopLows(w: World, cell: Cell, effect: Effect): void {
  if (effect.cut !== 'recovery' || !cell.self || !isSurvivor(cell.self)) return;
  for (const other of cell.board.cells) {
    const low = running(other);
    if (!low || (low.role !== 'low' && !(low.role === 'seat' && low.seat))) continue;
    if (low.epoch < (effect.epoch as number)) give(w, other, { kind: 'stop', t: 0, seed: 0 });
  }
}

/** After a step: timers may be armed, what was stashed may be taken. */
export function wake(w: World, cell: Cell): void {
  let next = -1;
  for (const timer of cell.self?.state?.timers ?? []) if (next < 0 || timer.at < next) next = timer.at;
  if (next >= 0) {
    const t = Math.max(next, w.now);
    if (cell.timerAt < 0 || cell.timerAt > t) timerAt(w, cell, t);
  }
  retrySoon(w, cell);
}

function timerAt(w: World, cell: Cell, t: number): void {
  cell.timerAt = t;
  due(w, t, { what: 'timer', cell, life: cell.life });
}

export function timers(w: World, cell: Cell): void {
  if (cell.timerAt > w.now) return;
  cell.timerAt = -1;
  const self = running(cell);
  if (!self || self.cut || self.role === 'seat' || self.role === 'stopped') return;
  if (full(w, cell)) {
    timerAt(w, cell, w.now + 5);
    return;
  }
  const first = self.state.timers.find((timer) => timer.at <= w.now);
  if (first) give(w, cell, { kind: 'timer', t: 0, seed: seedOf(w, cell), name: first.name });
  else wake(w, cell);
}

/** A channel of the process holds as much as it may. */
export function full(w: World, cell: Cell): boolean {
  for (const out of cell.outs.values()) if (out.device < 0 && out.queue.length >= w.fullAt) return true;
  return false;
}
