// Boards lose power and come back, or are gone for good; the bus falls apart and heals.

import { perform, durable, write } from './board.ts';
import { outOf, transmit } from './channel.ts';
import { output } from './device.ts';
import type { Board, Cell, Device, Pending } from './parts.ts';
import { stopLows, wake } from './step.ts';
import type { Item, Restored } from '../explore/storage.ts';
import { restore } from '../explore/storage.ts';
import type { World } from './world.ts';
import { due, note, wrong } from './world.ts';

/** Every event of every process here is in a log, or in a base: a power cut is a pause. */
export function mayLosePower(board: Board): boolean {
  if (!board.up) return false;
  return board.cells.every((cell) => !cell.self || cell.dead || (cell.logging && cell.store.base !== null));
}

export function cutPower(w: World, board: Board, offMs: number): void {
  const { happened } = w;
  happened.powerCuts++;
  if (board.cells.some((c) => c.self?.cut)) happened.powerCutsInCuts++;
  // of what was to be written some records are there; of these some have had their effects
  const pending = board.pending;
  board.pending = [];
  const records = pending.filter((p) => p.item).length;
  const kept = Math.floor(w.random() * (records + 1));
  let seen = 0;
  let there = pending.filter((p) => p.item && seen++ < kept);
  if (w.mistakes.ownLogs) there = eachOfItsOwn(w, pending);
  happened.undone += records - kept;
  const begun = Math.floor(w.random() * (there.length + 1));
  durable(w, there);
  if (!w.mistakes.lateLog) for (const { cell, item } of there.slice(0, begun)) perform(w, cell, item as Item, false);
  for (const device of board.devices) interrupt(w, device);
  board.up = false;
  board.boots++;
  board.writing = false;
  note(w, board, { kind: 'off' });
  for (const cell of board.cells) {
    cell.outs = new Map();
    cell.stash = [];
    cell.timerAt = -1;
  }
  due(w, w.now + offMs, { what: 'boot', board });
}

/** With a mistake planted, each process has a log of its own, of which a power cut leaves what it likes. */
function eachOfItsOwn(w: World, pending: Pending[]): Pending[] {
  const left = new Map<Cell, number>();
  for (const { cell, item } of pending) if (item) left.set(cell, (left.get(cell) ?? 0) + 1);
  for (const [cell, n] of left) left.set(cell, Math.floor(w.random() * (n + 1)));
  return pending.filter(({ cell, item }) => {
    const more = left.get(cell) ?? 0;
    if (!item || more === 0) return false;
    left.set(cell, more - 1);
    return true;
  });
}

/** The output in the driver's hands: at-most-once loses it, at-least-once repeats it (PROTOCOL 6). */
function interrupt(w: World, device: Device): void {
  const it = device.queue[0];
  device.queue = [];
  device.busy = false;
  if (!it || w.random() < 0.5 || w.shape.devices[device.index]?.latest) return;
  const { pid, e, low } = it;
  const lowEpoch = low < 0 ? undefined : low;
  if (!w.setting.atLeastOnce[device.index]) {
    w.core.admit(device.driver, pid >> 1, e, false, lowEpoch);
    return;
  }
  if (!w.core.admit(structuredClone(device.driver), pid >> 1, e, false, lowEpoch)) return;
  note(w, device.board, { kind: 'driver', device: device.index, e, component: pid >> 1, done: true });
}

/** The board comes back: every process from its base, and its log again; then the same effects come again. */
export function boot(w: World, board: Board): void {
  if (board.up) return;
  board.up = true;
  board.bootedAt = w.now;
  board.heard = [];
  board.waiting.clear();
  note(w, board, { kind: 'boot', resumed: true });
  const restored: [Cell, Restored][] = [];
  for (const cell of board.cells) {
    if (!cell.self || cell.dead) continue;
    const result = restore(w.core, cell.store, cell.app, w.hooks);
    if (result.differs) wrong(w, 'trace', cell.name, `after a power cut ${result.differs}`);
    w.happened.replayed += cell.store.log.length;
    cell.self = result.self;
    restored.push([cell, result]);
  }
  for (const [cell, { items }] of restored) takeUp(w, cell, items);
  for (const [cell, { items }] of restored) {
    for (const item of items) for (const e of item.effects) if (e.kind === 'decide') stopLows(w, cell, e);
    wake(w, cell);
  }
  for (const device of board.devices) {
    // of a set-point only the newest counts
    if (w.shape.devices[device.index]?.latest) device.queue.splice(0, device.queue.length - 1);
    else if (!w.mistakes.bootOrder) device.queue.sort((a, b) => a.e - b.e);
    for (const out of device.toReaders.values()) {
      out.flying = 0;
      transmit(w, out);
    }
  }
}

/** What the base keeps of channels and outputs, and what follows from the events since. */
function takeUp(w: World, cell: Cell, items: Item[]): void {
  for (const { to, forward, queue } of cell.store.base?.unacknowledged ?? []) {
    const device = forward ? (queue[0]?.device ?? -1) : -1;
    const out = outOf(w, cell, to, device);
    out.queue = queue.slice();
    transmit(w, out);
  }
  for (const device of cell.board.devices) {
    if (device.index !== cell.pid >> 1) continue;
    for (const it of cell.store.base?.outputs ?? []) output(w, device.index, it);
  }
  for (const item of items) perform(w, cell, item);
}

/** A low process is gone with its board, which has no survivors; some of what it sent goes with it. */
export function crash(w: World, cell: Cell): void {
  w.happened.crashes++;
  // what others here have taken of it
  if (w.setting.eager) write(w, cell.board);
  cell.dead = true;
  cell.board.pending = cell.board.pending.filter((p) => p.cell !== cell);
  cell.outs = new Map();
  cell.stash = [];
  note(w, cell.board, { kind: 'gone', pid: cell.pid });
}

export function partition(w: World, groups: (board: Board) => number): void {
  w.happened.partitions++;
  for (const board of w.boards) board.group = groups(board);
}

export function heal(w: World): void {
  for (const board of w.boards) board.group = 0;
}
