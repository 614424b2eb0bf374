// Channels over the bus: each keeps what nobody has acknowledged, has a window of it on the way, and repeats the oldest.
// The bus loses, repeats, delays and corrupts frames, and may be in parts.

import type { Message, Pid } from '../../firmware/core/types.ts';
import type { Ack, Board, Cell, Out } from './parts.ts';
import type { World } from './world.ts';
import { boardOf, cellOf, due } from './world.ts';

const WINDOW = 32;
const REPEAT_MS = 20;
const REPEAT_MAX_MS = 320;

export function makeOut(w: World, from: Pid, device: number, to: Pid): Out {
  const toLife = cellOf(w, to).life;
  return {
    from,
    device,
    to,
    toLife,
    queue: [],
    flying: 0,
    due: 0,
    repeatMs: REPEAT_MS,
    timed: false,
    ackedQ: 0,
  };
}

export function outOf(w: World, cell: Cell, to: Pid, device: number): Out {
  const key = device < 0 ? to : 1000 * (device + 1) + to;
  let out = cell.outs.get(key);
  if (!out) {
    out = makeOut(w, cell.pid, device, to);
    cell.outs.set(key, out);
  }
  return out;
}

export function send(w: World, cell: Cell, to: Pid, message: Message): void {
  const out = outOf(w, cell, to, message.kind === 'input' ? (message.device as number) : -1);
  // a channel that begins again has no use for what is left of its old life
  if (out.device < 0 && message.n === 1) {
    out.queue = [];
    out.flying = 0;
    out.ackedQ = 0;
  }
  if (out.queue.some((known) => known.n === message.n && known.i === message.i && known.epoch === message.epoch))
    return;
  out.queue.push(message);
  transmit(w, out);
}

/** What the sending board still knows of the channel. */
function current(w: World, out: Out): boolean {
  if (!boardOf(w, out).up) return false;
  if (out.from < 0) return w.devices[out.device]?.toReaders.get(out.to) === out;
  const cell = cellOf(w, out.from);
  return !cell.dead && outOf(w, cell, out.to, out.device) === out;
}

export function transmit(w: World, out: Out): void {
  const most = Math.min(out.queue.length, out.device >= 0 ? 1 : WINDOW);
  if (out.flying === 0) out.due = w.now + out.repeatMs;
  while (out.flying < most) frame(w, out, out.queue[out.flying++] as Message);
  if (out.queue.length > 0 && !out.timed) {
    out.timed = true;
    due(w, out.due, { what: 'repeat', out });
  }
}

export function repeat(w: World, out: Out): void {
  out.timed = false;
  if (out.queue.length === 0 || !current(w, out)) return;
  const receiver = cellOf(w, out.to);
  // its board says that there is no such process any more
  if (receiver.life !== out.toLife || receiver.dead || !receiver.self || receiver.stopped) {
    out.queue = [];
    out.flying = 0;
    return;
  }
  if (w.now >= out.due) {
    out.repeatMs = Math.min(2 * out.repeatMs, REPEAT_MAX_MS);
    out.due = w.now + out.repeatMs;
    w.happened.repeated++;
    frame(w, out, out.queue[0] as Message);
  }
  out.timed = true;
  due(w, out.due, { what: 'repeat', out });
}

/** When a frame from one board to the other arrives; -1: it never does. */
function transit(w: World, from: Board, to: Board): number {
  const { random, faults, happened } = w;
  happened.frames++;
  if (from === to) return w.now + random() * 0.2;
  if (from.group !== to.group || random() < faults.loss) {
    happened.lost++;
    return -1;
  }
  if (faults.corrupt > 0 && random() < faults.corrupt) {
    // its CRC is wrong: the receiver drops it
    happened.corrupted++;
    return -1;
  }
  let ms = 0.3 + random() * 3;
  if (faults.late > 0 && random() < faults.late) {
    happened.late++;
    ms *= 1 + random() * 30;
  }
  return w.now + ms;
}

function frame(w: World, out: Out, message: Message): void {
  const from = boardOf(w, out);
  const to = cellOf(w, out.to).board;
  const fromLife = out.from >= 0 ? cellOf(w, out.from).life : 0;
  const boots = w.setting.eager && from === to ? from.boots : 0;
  const times = w.faults.twice > 0 && w.random() < w.faults.twice ? 2 : 1;
  for (let i = 0; i < times; i++) {
    const t = transit(w, from, to);
    if (t >= 0) due(w, t, { what: 'frame', out, message, fromLife, boots });
  }
}

export function acknowledge(w: World, cell: Cell, ack: Ack): void {
  const to = boardOf(w, ack.out);
  const t = transit(w, cell.board, to);
  if (t >= 0) due(w, t, { what: 'ack', ack, to });
}

/** Place in the queue of what is acknowledged, or -1. */
function placeOf(queue: Message[], device: boolean, ack: Ack): number {
  for (let i = 0; i < queue.length; i++) {
    const m = queue[i] as Message;
    if (device ? m.i === ack.number : m.n === ack.number && m.epoch === ack.epoch) return i;
  }
  return -1;
}

export function acknowledged(w: World, ack: Ack): void {
  // the sender may have begun anew from its base since: then it is the channel of the same ends that counts
  let out = ack.out;
  if (out.from >= 0) {
    const now = outOf(w, cellOf(w, out.from), out.to, out.device);
    if (now.toLife !== out.toLife) return;
    out = now;
  } else if (!current(w, out)) return;
  const { queue } = out;
  const place = placeOf(queue, out.device >= 0, ack);
  if (place < 0) return;
  for (let i = 0; i <= place; i++) {
    const { kind, q = 0 } = queue[i] as Message;
    if (kind === 'app' && q > out.ackedQ) out.ackedQ = q;
  }
  if (place === 0) queue.shift();
  else queue.splice(0, place + 1);
  out.flying = Math.max(0, out.flying - place - 1);
  out.repeatMs = REPEAT_MS;
  out.due = w.now + out.repeatMs;
  transmit(w, out);
  if (out.from >= 0) retrySoon(w, cellOf(w, out.from));
}

/** What was stashed may be taken by now. */
export function retrySoon(w: World, cell: Cell): void {
  if (cell.stash.length === 0 || cell.retrying) return;
  cell.retrying = true;
  due(w, w.now, { what: 'retry', cell });
}
