// Heartbeats, and what a board makes of their absence (PROTOCOL 4.4, 4.5, 5.0.2).

import type { Process } from '../../firmware/core/core.ts';
import { forgettable, isSurvivor } from '../../firmware/core/core.ts';
import type { Event, Pid } from '../../firmware/core/types.ts';
import { covered } from '../../firmware/core/vector.ts';
import type { Board, Cell } from './parts.ts';
import { give } from './step.ts';
import type { World } from './world.ts';
import { due, running } from './world.ts';

const FORGET_MARKS = 4;

export function beat(w: World, board: Board): void {
  due(w, w.now + w.setting.beatMs * (0.9 + 0.2 * w.random()), { what: 'beat', board });
  if (!board.up || w.shape.rules === 'paper') return;
  const reach: Board[] = [];
  for (const other of w.boards) {
    if (other === board) reach.push(other);
    else if (other.up && other.group === board.group && w.random() >= w.faults.loss) reach.push(other);
  }
  for (const cell of board.cells) {
    const self = running(cell);
    if (self?.guarded) tell(w, cell, self, reach);
  }
  watch(w, board);
}

/** One process's heartbeat goes to everybody on the boards within reach. */
function tell(w: World, cell: Cell, self: Process, reach: Board[]): void {
  const { board } = cell;
  const low = self.role === 'low';
  const acked = self.live.map((pid) => (pid >= 0 ? (cell.outs.get(pid)?.ackedQ ?? 0) : 0));
  if (low && forgettable(self, acked, FORGET_MARKS)) {
    const list = acked.map((q, c): [number, number] => [c, q]).filter(([, q]) => q > 0);
    give(w, cell, { kind: 'acked', t: 0, seed: 0, acked: list });
  }
  const done = w.devices.map((d) => (d.board === board ? w.core.doneBy(d.driver, cell.pid >> 1) : 0));
  const event = w.core.heartbeat(self, acked, done);
  // what a beat tells must be durable, as all that leaves the board
  if (board.pending.some((p) => p.cell === cell && p.item)) return;
  for (const to of reach) {
    if (low) to.heard[cell.pid] = w.now;
    for (const other of to.cells) hear(w, other, cell.pid, self, event);
  }
}

/** It is an event only where it tells something new. */
function hear(w: World, cell: Cell, from: Pid, sender: Process, event: Event): void {
  const self = running(cell);
  if (!self?.guarded || self.epoch !== event.epoch || cell.pid === from) return;
  const known = covered(event.V ?? [], self.V);
  let news = false;
  if (self.role === 'shadow' && sender.role === 'low' && from >> 1 === self.component) {
    news =
      (event.acked ?? []).some(([c, q]) => q > (self.safeQ[c] as number)) ||
      (event.done ?? []).some(([d, e]) => e > (self.safeE[d] as number)) ||
      (event.sent ?? []).some(([c, q]) => q > (self.lead[c] as [number, number])[0]);
  }
  if (!known || news) give(w, cell, { ...event, from });
}

function watch(w: World, board: Board): void {
  const { absentMs, patienceMs } = w.setting;
  for (const cell of board.cells) {
    const self = running(cell);
    if (!self || !(isSurvivor(self) || (self.role === 'low' && self.cut))) continue;
    const waiting = self.cut?.waiting ?? [];
    const since = board.waiting.get(cell.pid);
    if (waiting.length === 0) board.waiting.delete(cell.pid);
    else if (since === undefined) board.waiting.set(cell.pid, w.now);
    else if (w.now - since > absentMs) {
      board.waiting.set(cell.pid, w.now);
      for (const pid of waiting.slice()) miss(w, cell, pid, 'does not answer');
    }
    for (const pid of self.guarded && self.op ? self.op.lows : []) {
      if (pid === cell.pid || self.closed.includes(pid) || self.cut?.reported) continue;
      // a low process that ends a commit without another one that is only late loses what that one has sent: the
      // survivors have its marker, and do not know of the verdict
      const patience = isSurvivor(self) ? absentMs : patienceMs;
      const heard = Math.max(board.heard[pid] ?? 0, self.since, board.bootedAt);
      if (w.now - heard > patience) miss(w, cell, pid, 'silent');
    }
  }
}

function miss(w: World, cell: Cell, pid: Pid, why: string): void {
  give(w, cell, { kind: 'absent', t: 0, seed: 0, pid, why });
}
