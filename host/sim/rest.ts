// Whether a run has come to rest, and what must hold then.

import { isSurvivor } from '../../firmware/core/core.ts';
import type { Out } from './parts.ts';
import type { World } from './world.ts';
import { cellOf, running, wrong } from './world.ts';

/** What is still under way to a process that will take it, or null. */
export function unsettled(w: World): string | null {
  for (const board of w.boards) {
    if (!board.up) return `${board.name} is off`;
    if (board.pending.length > 0) return `${board.name} writes`;
    for (const device of board.devices) {
      if (device.queue.length > 0) return `driver ${device.index} is at work`;
      for (const out of device.toReaders.values()) if (counts(w, out)) return underWay(w, out);
    }
    for (const cell of board.cells) {
      const self = running(cell);
      if (!self) continue;
      if (self.cut && isSurvivor(self)) return `${cell.name} is frozen`;
      for (const out of cell.outs.values()) if (counts(w, out)) return underWay(w, out);
    }
  }
  return null;
}

function counts(w: World, out: Out): boolean {
  const head = out.queue[0];
  const cell = cellOf(w, out.to);
  const self = cell.self;
  if (!head || !self || cell.dead || cell.life !== out.toLife) return false;
  if (self.role === 'stopped' || self.role === 'seat') return false;
  const sender = out.from >= 0 ? cellOf(w, out.from).self : null;
  // what a process sent before it stopped, or a seat answered too late: its receiver has gone on without (PROTOCOL 5.5)
  return !((sender?.role === 'stopped' || sender?.role === 'seat') && head.epoch < self.epoch);
}

function underWay(w: World, out: Out): string {
  const from = out.from >= 0 ? cellOf(w, out.from).name : `device ${out.device}`;
  const head = out.queue[0];
  return `${head?.kind} ${head?.n || head?.i} of epoch ${head?.epoch} from ${from} to ${cellOf(w, out.to).name}`;
}

/** Judges the end of a run in which everything had time to come to rest. */
export function finish(w: World): void {
  const why = unsettled(w);
  if (why) wrong(w, 'progress', '', `the run does not come to rest: ${why}`);
  for (const device of w.devices) {
    if (device.newest === device.shown) continue;
    const shows = `shows ${device.shown || 'nothing'}, the newest is ${device.newest}`;
    wrong(w, 'border', `device ${device.index}`, shows);
  }
}
