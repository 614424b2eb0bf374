// What arrives at a process: its gate says what becomes of it (PROTOCOL 5.5).

import type { Process } from '../../firmware/core/core.ts';
import type { Event, Message } from '../../firmware/core/types.ts';
import { writeSoon } from './board.ts';
import type { Ack, Cell, Out } from './parts.ts';
import { full, give, seedOf } from './step.ts';
import { FAILS_MIGRATE } from '../explore/storage.ts';
import type { World } from './world.ts';
import { cellOf, running } from './world.ts';

const STASH_MAX = 64;

export function arrive(w: World, out: Out, message: Message, fromLife: number): void {
  const cell = cellOf(w, out.to);
  if (cell.life !== out.toLife || !running(cell)) return;
  if (out.from >= 0 && cellOf(w, out.from).life !== fromLife) return;
  offer(w, cell, out, message);
}

/** What was stashed is offered again. */
export function retry(w: World, cell: Cell): void {
  cell.retrying = false;
  if (!running(cell)) return;
  const list = cell.stash;
  cell.stash = [];
  for (const { out, message } of list) offer(w, cell, out, message);
}

function verdictOn(w: World, cell: Cell, out: Out, message: Message): ReturnType<World['core']['gate']> {
  const self = cell.self as Process;
  const verdict = w.core.gate(self, out.from, message);
  if (verdict !== 'take' || out.device < 0 || self.cut || self.role === 'seat') return verdict;
  // what comes from outside waits while a channel is full. Messages do not: processes could wait for each other
  return full(w, cell) ? 'wait' : 'take';
}

function offer(w: World, cell: Cell, out: Out, message: Message): void {
  const verdict = verdictOn(w, cell, out, message);
  if (verdict === 'wait') {
    if (cell.stash.length >= STASH_MAX) return;
    for (const known of cell.stash) if (known.out === out && known.message === message) return;
    cell.stash.push({ out, message });
    return;
  }
  if (verdict === 'refuse') return;
  const ack: Ack = { out, number: (out.device >= 0 ? message.i : message.n) as number, epoch: message.epoch };
  if (verdict === 'repeat') {
    // what was taken before may not be durable yet: its acknowledgement waits with the others
    cell.board.pending.push({ cell, item: null, ack, line: null });
    writeSoon(w, cell.board);
    return;
  }
  const asks = message.kind === 'app' || message.kind === 'input';
  const event: Event = { ...message, seed: asks ? seedOf(w, cell) : controlSeed(w, message), t: 0 };
  if (out.device < 0) event.from = out.from;
  give(w, cell, event, ack);
}

function controlSeed(w: World, message: Message): number {
  return message.kind === 'handover' && w.random() < w.failMigrate ? FAILS_MIGRATE : 0;
}
