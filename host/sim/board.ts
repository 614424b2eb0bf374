// What a board writes, and what may leave it then: an event is durable, in order, before anything caused by it
// (PROTOCOL 6).

import type { Process } from '../../firmware/core/core.ts';
import { contaminated } from '../../firmware/core/core.ts';
import type { Effect, Message, Pid } from '../../firmware/core/types.ts';
import { acknowledge, retrySoon, send } from './channel.ts';
import { decided, output } from './device.ts';
import type { Board, Cell, Pending } from './parts.ts';
import type { Item, Output, Unacknowledged } from '../explore/storage.ts';
import { writeBase } from '../explore/storage.ts';
import type { World } from './world.ts';
import { cellOf, due, logs } from './world.ts';

export function writeSoon(w: World, board: Board): void {
  if (board.writing) return;
  board.writing = true;
  const t = w.now + (w.random() < 0.3 ? 0 : w.random() * w.setting.writeMs);
  due(w, t, { what: 'write', board, boots: board.boots });
}

/** The write is done: its effects may leave. */
export function write(w: World, board: Board): void {
  board.writing = false;
  if (!board.up) return;
  const pending = board.pending;
  board.pending = [];
  durable(w, pending);
  leave(w, pending);
}

export function durable(w: World, pending: Pending[]): void {
  if (pending.length === 0) return;
  w.happened.writes++;
  let begins: Map<Cell, Item[]> | null = null;
  for (const { cell, item, line } of pending) {
    if (line) w.lines.push(line);
    if (!item) continue;
    if (cell.logging) cell.store.log.push(item);
    else {
      begins ??= new Map();
      const items = begins.get(cell);
      if (items) items.push(item);
      else begins.set(cell, [item]);
    }
  }
  if (!begins) return;
  // a process that begins to log needs a base first; what it has not carried out yet belongs to it
  for (const [cell, items] of begins) {
    if (!cell.self || !logs(w, cell.self)) continue;
    cell.logging = true;
    base(w, cell, items);
  }
}

/** A cut ends with a base. */
function endsCut(effects: Effect[]): boolean {
  for (const e of effects) if (e.kind === 'decide' || (e.kind === 'role' && e.role === 'stopped')) return true;
  return false;
}

function leave(w: World, pending: Pending[]): void {
  for (const { cell, item, ack } of pending) {
    if (item && !w.mistakes.lateLog) perform(w, cell, item, false);
    if (ack) acknowledge(w, cell, ack);
    if (item && endsCut(item.effects)) cell.touched = 'cut';
    else if (cell.touched === 'no') cell.touched = 'yes';
  }
  for (const { cell } of pending) {
    const { self, touched } = cell;
    cell.touched = 'no';
    if (!self || touched === 'no') continue;
    cell.stopped = self.role === 'stopped';
    const ends = touched === 'cut';
    const goesOn = logs(w, self) && self.role !== 'stopped';
    const own = w.bases() < w.setting.ownBases;
    const wanted = ends ? !goesOn || w.bases() >= w.setting.lateBases : cell.store.log.length >= w.setting.baseEvery;
    if (cell.logging && (wanted || own)) {
      if (!wanted) countOwn(w, self);
      base(w, cell, []);
    }
    if (ends && !logs(w, self) && self.role !== 'stopped') cell.logging = false;
    retrySoon(w, cell);
  }
}

/** A base of no other reason than that it may be written. */
function countOwn(w: World, self: Process): void {
  w.happened.ownBases++;
  if (self.cut) w.happened.frozenBases++;
  if (self.guarded && contaminated(self)) w.happened.suspectBases++;
}

/** `open`: events of before the base whose effects have not been carried out. */
export function base(w: World, cell: Cell, open: Item[]): void {
  if (!cell.self) return;
  w.happened.bases++;
  const unacknowledged: Unacknowledged[] = [];
  for (const out of cell.outs.values()) {
    if (out.queue.length > 0) unacknowledged.push({ to: out.to, forward: out.device >= 0, queue: out.queue });
  }
  const outputs: Output[] = [];
  for (const device of cell.board.devices) {
    for (const it of device.queue) if (it.pid === cell.pid) outputs.push(it);
  }
  writeBase(cell.store, cell.self, unacknowledged, outputs, open, w.mistakes);
}

/** Whether a message stays on its board, and is taken there before it is durable. */
function staysHere(w: World, cell: Cell, effect: Effect): boolean {
  return w.setting.eager && effect.kind === 'send' && cellOf(w, effect.to as Pid).board === cell.board;
}

/** What need not wait for the event's record: messages within the board, whose receiver's record stands behind it. */
export function performHere(w: World, cell: Cell, item: Item): void {
  for (const effect of item.effects) {
    if (!staysHere(w, cell, effect)) continue;
    w.happened.eager++;
    send(w, cell, effect.to as Pid, effect.message as Message);
  }
}

/** Carries out what follows from an event; `all`: what has not waited for its record, too. */
export function perform(w: World, cell: Cell, item: Item, all = true): void {
  for (const effect of item.effects) {
    if (!all && staysHere(w, cell, effect)) continue;
    if (effect.kind === 'send') send(w, cell, effect.to as Pid, effect.message as Message);
    else if (effect.kind === 'output') {
      const it: Output = { pid: cell.pid, e: effect.e as number, low: item.low, n: item.n };
      output(w, effect.device as number, it);
    } else if (effect.kind === 'decide') decided(w, cell, effect);
    else if (effect.kind === 'role' && effect.role === 'stopped' && w.mistakes.reportLost) cell.outs.clear();
  }
}
