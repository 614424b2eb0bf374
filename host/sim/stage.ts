// An upgrade is staged while all is quiet: seats are made for the new versions, and every process is told.

import { isSurvivor } from '../../firmware/core/core.ts';
import type { Operation, Pid } from '../../firmware/core/types.ts';
import { base, write } from './board.ts';
import type { Cell, Out } from './parts.ts';
import { give } from './step.ts';
import type { World } from './world.ts';
import { cellOf, liveOf, makeProcess, note, running } from './world.ts';

/** All survivors are in one epoch, none in a cut or a guarded operation, and every board is up. */
export function quiet(w: World): boolean {
  if (w.boards.some((board) => !board.up || board.pending.length > 0)) return false;
  let epoch = -1;
  for (const pid of liveOf(w)) {
    if (pid < 0) continue;
    const self = cellOf(w, pid).self;
    if (!self || !isSurvivor(self) || self.guarded || self.cut) return false;
    if (epoch >= 0 && self.epoch !== epoch) return false;
    epoch = self.epoch;
  }
  // a shadow that has not heard the end of the last operation still needs what others have sent it
  for (const { self, dead, outs } of w.cells) {
    if (self && !dead && (self.role === 'low' || self.role === 'shadow')) return false;
    // so does a seat that waits for the end of a start
    if (self && !dead && self.role === 'seat' && self.seat) return false;
    // and an input that a shadow has passed on is on its way, though the shadow has stopped
    for (const out of outs.values()) if (out.device >= 0 && out.queue.length > 0 && takes(w, out)) return false;
  }
  return true;
}

/** Its receiver is still the one that it was sent to. */
function takes(w: World, out: Out): boolean {
  const { self, dead, life } = cellOf(w, out.to);
  return !!self && !dead && life === out.toLife && self.role !== 'stopped' && self.role !== 'seat';
}

export function stage(w: World, operation: Operation, only?: (cell: Cell) => boolean): void {
  const live = liveOf(w).slice();
  for (const pid of operation.lows) makeSeat(w, cellOf(w, pid), live);
  for (const cell of w.cells) {
    const self = running(cell);
    if (!self || self.role === 'stopped' || (only && !only(cell))) continue;
    if (self.role === 'seat' && !operation.lows.includes(cell.pid)) continue;
    give(w, cell, { kind: 'word', t: 0, seed: 0, word: 'stage', operation: structuredClone(operation) });
  }
  // staging ends with a durable base: what was left for a former process of a seat's number must not come again
  for (const board of w.boards) write(w, board);
  for (const cell of w.cells) if (running(cell)) base(w, cell, []);
}

function makeSeat(w: World, cell: Cell, live: Pid[]): void {
  if (cell.self && !cell.dead) note(w, cell.board, { kind: 'gone', pid: cell.pid });
  cell.life++;
  cell.dead = false;
  cell.stopped = false;
  cell.self = makeProcess(w, cell.pid, 'seat', live, cell.app);
  cell.outs = new Map();
  cell.stash = [];
  cell.timerAt = -1;
  cell.logging = true;
  base(w, cell, []);
  for (const other of w.cells) {
    for (const [key, out] of other.outs) if (out.to === cell.pid) other.outs.delete(key);
    other.stash = other.stash.filter((s) => s.out.from !== cell.pid);
  }
  for (const device of w.devices) device.toReaders.delete(cell.pid);
}
