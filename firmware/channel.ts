// Reliable channels over the device bus (PROTOCOL 2.1): each ordered pair of processes, and each device with each of
// its readers, is a channel of numbered messages. The sender keeps a message until its receiver has taken it, and
// repeats from the oldest on. What is acknowledged, and when, is for the core's gate to say (PROTOCOL 5.5).

import type { Message, Pid } from './core/types.ts';
import { HELD_MAX } from './core/limits.ts';
import {
  DOUBLINGS_MAX,
  LATE_MAX,
  PROMPT_MS,
  QUEUE_MAX,
  QUEUE_MIN,
  REPEAT_MAX_MS,
  REPEAT_MS,
  WINDOW,
} from './limits.ts';
import { ready } from './peer.ts';
import type { Outgoing, Peer, Runtime } from './state.ts';
import { boardOf, boardTime } from './state.ts';
import { encodePacket, PACKET_ACK, PACKET_DATA, PACKET_INPUT, PACKET_INPUT_ACK, packMessage } from './wire.ts';

export function numberOf(outgoing: Outgoing, message: Message): number {
  return (outgoing.device < 0 ? message.n : message.i) as number;
}

export function outgoingOf(rt: Runtime, from: Pid, device: number, to: Pid): Outgoing {
  for (let i = 0; i < rt.outgoing.length; i++) {
    const known = rt.outgoing[i];
    if (known.from === from && known.device === device && known.to === to) return known;
  }
  const made: Outgoing = {
    from: from,
    device: device,
    to: to,
    queue: [],
    flying: 0,
    sentAt: 0,
    tries: 0,
    late: 0,
    recover: 0,
    timed: -1,
    timedAt: 0,
    ackedQ: 0,
    base: 0,
  };
  rt.outgoing.push(made);
  return made;
}

function transmitOne(rt: Runtime, outgoing: Outgoing, message: Message, board: number): void {
  const toLife = rt.peers[board].life;
  let packet: unknown[];
  if (outgoing.device < 0) {
    packet = [PACKET_DATA, outgoing.from, outgoing.to, rt.life, toLife];
    packMessage(packet, message);
  } else {
    const home = rt.active.plan.devices[outgoing.device].board;
    const homeLife = home === rt.board ? rt.life : rt.peers[home].life;
    packet = [PACKET_INPUT, outgoing.device, outgoing.to, homeLife, toLife, message.i, message.epoch, message.data];
    packet.push(outgoing.base);
  }
  rt.bus.sent++;
  rt.acted = true;
  rt.hal.bus(encodePacket(packet, rt.crc));
}

/** Puts on the bus what the window has room for. */
function transmit(rt: Runtime, outgoing: Outgoing): void {
  const board = boardOf(rt, outgoing.to);
  if (board < 0 || board === rt.board || !ready(rt, board)) return;
  const most = Math.min(outgoing.queue.length, WINDOW);
  const now = boardTime(rt);
  if (outgoing.flying === 0) outgoing.sentAt = now;
  while (outgoing.flying < most) {
    const message = outgoing.queue[outgoing.flying];
    if (outgoing.timed < 0) {
      outgoing.timed = numberOf(outgoing, message);
      outgoing.timedAt = now;
    }
    transmitOne(rt, outgoing, message, board);
    outgoing.flying++;
  }
}

/** Sends what has been queued: what caused it is durable by now (PROTOCOL 6). */
export function transmitAll(rt: Runtime): void {
  const list = rt.busy;
  let kept = 0;
  for (let i = 0; i < list.length; i++) {
    if (list[i].queue.length === 0) continue;
    transmit(rt, list[i]);
    list[kept++] = list[i];
  }
  if (kept < list.length) list.splice(kept, list.length - kept);
}

/** Looks anew for channels that have something in their queues. */
export function findBusy(rt: Runtime): void {
  rt.busy = [];
  for (let i = 0; i < rt.outgoing.length; i++) if (rt.outgoing[i].queue.length > 0) rt.busy.push(rt.outgoing[i]);
}

/** Repeats the oldest message alone: those behind it wait at the receiver, if they have come. */
function repeatHead(rt: Runtime, outgoing: Outgoing, board: number): void {
  rt.bus.resent++;
  outgoing.timed = -1;
  transmitOne(rt, outgoing, outgoing.queue[0], board);
}

/**
 * How long a board is waited for, ms: patience follows what its acknowledgements take, on all channels to it together, for
 * a board that is busy is so on all of them. It rises at once and falls slowly; in a cut the first answers come before
 * anybody has lost patience, and tell how long the others may take (as RFC 6298 does, simplified).
 */
function patience(peer: Peer): number {
  return Math.min(Math.max(REPEAT_MS, 3 * peer.roundTripMs), REPEAT_MAX_MS);
}

/** And for an answer to what was repeated so often already. */
function wait(peer: Peer, tries: number): number {
  return Math.min(patience(peer) * (1 << Math.min(tries, DOUBLINGS_MAX)), REPEAT_MAX_MS);
}

/**
 * What was repeated tells nothing of the time (Karn), nor does what a later message's acknowledgement covers. But where one
 * message after the other comes too late, the receiver is slow; it would be sent everything twice for ever. One that comes
 * at once after the repeat is none: what had been sent first was lost.
 */
function learn(peer: Peer, outgoing: Outgoing, number: number, now: number): void {
  if (outgoing.timed === number) {
    const longer = now - outgoing.timedAt - peer.roundTripMs;
    peer.roundTripMs += longer > 0 ? longer : longer / 2;
  }
  if (number >= outgoing.timed) outgoing.timed = -1;
  if (outgoing.tries > 0 && now - outgoing.sentAt > PROMPT_MS) outgoing.late++;
  else if (outgoing.recover === 0) outgoing.late = 0;
  if (outgoing.late < LATE_MAX) return;
  peer.roundTripMs = Math.max(peer.roundTripMs, wait(peer, outgoing.tries) / 3);
  outgoing.late = 0;
}

/** Nothing of this channel is under way any more. */
export function clear(outgoing: Outgoing): void {
  outgoing.queue = [];
  outgoing.flying = 0;
  outgoing.tries = 0;
  outgoing.timed = -1;
}

/** The channel begins again: its receiver, or its sender, is another than before. */
export function renew(outgoing: Outgoing): void {
  clear(outgoing);
  outgoing.ackedQ = 0;
  outgoing.recover = 0;
  outgoing.base = 0;
}

/**
 * What a process sent before it stopped is still delivered, but a receiver that is in a later epoch never takes it
 * (PROTOCOL 5.5).
 */
export function dropOld(outgoing: Outgoing, epoch: number): void {
  const queue = outgoing.queue;
  let gone = 0;
  while (gone < queue.length && queue[gone].epoch < epoch) gone++;
  if (gone === 0) return;
  queue.splice(0, gone);
  outgoing.flying = Math.max(0, outgoing.flying - gone);
}

/** Queues a message, for when its event is durable; inputs that a shadow forwards stand in the order of their numbers, each once. */
export function enqueue(rt: Runtime, outgoing: Outgoing, message: Message): void {
  const number = numberOf(outgoing, message);
  // a channel that begins again at 1 (a seat that is asked a second time) has no use for what is left of its old life
  if (outgoing.device < 0 && number === 1) renew(outgoing);
  else if (outgoing.device >= 0 && outgoing.base === 0) outgoing.base = number;
  const queue = outgoing.queue;
  let at = queue.length;
  while (at > 0 && numberOf(outgoing, queue[at - 1]) > number) at--;
  if (at > 0 && numberOf(outgoing, queue[at - 1]) === number) return;
  if (at === queue.length) queue.push(message);
  else queue.splice(at, 0, message);
  if (at < outgoing.flying) outgoing.flying = at;
  if (queue.length === 1 && rt.busy.indexOf(outgoing) < 0) rt.busy.push(outgoing);
}

/** Whether the message of that number waits here, and is of that epoch. */
function holds(outgoing: Outgoing, number: number, epoch: number): boolean {
  for (let i = 0; i < outgoing.queue.length; i++) {
    if (outgoing.queue[i].n === number) return outgoing.queue[i].epoch === epoch;
  }
  return false;
}

/**
 * The receiver has taken everything up to `number`, which is of `epoch` (device inputs: -1). A late acknowledgement
 * may be of the channel's life before, in which that number was another message (PROTOCOL 5.0.5).
 */
export function acknowledged(rt: Runtime, outgoing: Outgoing, number: number, epoch: number): void {
  if (outgoing.device < 0 && !holds(outgoing, number, epoch)) return;
  let gone = 0;
  while (gone < outgoing.queue.length && numberOf(outgoing, outgoing.queue[gone]) <= number) {
    const message = outgoing.queue[gone];
    if (message.kind === 'app' && message.q !== undefined && message.q > outgoing.ackedQ) outgoing.ackedQ = message.q;
    gone++;
  }
  if (gone === 0) return;
  outgoing.queue.splice(0, gone);
  outgoing.flying = Math.max(0, outgoing.flying - gone);
  const board = boardOf(rt, outgoing.to);
  if (board >= 0 && board !== rt.board) {
    const now = boardTime(rt);
    learn(rt.peers[board], outgoing, number, now);
    outgoing.sentAt = now;
    outgoing.tries = 0;
  }
  if (number >= outgoing.recover) outgoing.recover = 0;
  else if (outgoing.flying > 0 && board >= 0 && board !== rt.board && ready(rt, board)) {
    // one of several that were lost: the next is not waited for again
    repeatHead(rt, outgoing, board);
  }
}

/** Repeats what has not been acknowledged in time; returns when it wants to be called again, ms. */
export function repeatDue(rt: Runtime, now: number): number {
  let next = -1;
  for (let i = 0; i < rt.busy.length; i++) {
    const outgoing = rt.busy[i];
    // what has not been sent at all goes as soon as it may
    if (outgoing.queue.length === 0 || outgoing.flying === 0) continue;
    const board = boardOf(rt, outgoing.to);
    if (board < 0 || board === rt.board || !ready(rt, board)) continue;
    const peer = rt.peers[board];
    if (now >= outgoing.sentAt + wait(peer, outgoing.tries)) {
      outgoing.recover = numberOf(outgoing, outgoing.queue[outgoing.flying - 1]);
      outgoing.sentAt = now;
      outgoing.tries++;
      repeatHead(rt, outgoing, board);
    }
    const due = outgoing.sentAt + wait(peer, outgoing.tries);
    if (next < 0 || due < next) next = due;
  }
  return next;
}

/** What waits for that board's acknowledgement is repeated at once, and then as if for the first time. */
export function repeatTo(rt: Runtime, board: number): void {
  for (let i = 0; i < rt.busy.length; i++) {
    const outgoing = rt.busy[i];
    if (outgoing.flying === 0 || boardOf(rt, outgoing.to) !== board) continue;
    outgoing.sentAt -= REPEAT_MAX_MS;
    outgoing.tries = 0;
  }
}

/**
 * `by` has taken everything up to `number`, which is of `epoch` (device inputs: -1). What it takes later may begin its
 * numbers again: a seat that is vacant.
 */
export function acknowledge(rt: Runtime, sender: number, by: Pid, number: number, epoch: number): void {
  for (let i = 0; i < rt.acks.length; i++) {
    const ack = rt.acks[i];
    if (ack[0] !== sender || ack[1] !== by) continue;
    if (epoch < ack[3] || (epoch === ack[3] && number <= ack[2])) return;
    ack[2] = number;
    ack[3] = epoch;
    return;
  }
  rt.acks.push([sender, by, number, epoch]);
}

/** Sends the acknowledgements that are due: what they acknowledge is durable by now (PROTOCOL 6). */
export function sendAcks(rt: Runtime): void {
  'hot';
  for (let i = 0; i < rt.acks.length; i++) {
    const sender = rt.acks[i][0];
    const by = rt.acks[i][1];
    const number = rt.acks[i][2];
    if (sender >= 0) {
      const board = boardOf(rt, sender);
      if (board < 0 || board === rt.board) continue;
      const epoch = rt.acks[i][3];
      rt.hal.bus(encodePacket([PACKET_ACK, sender, by, rt.peers[board].life, rt.life, number, epoch], rt.crc));
    } else {
      const home = rt.active.plan.devices[-1 - sender].board;
      const homeLife = home === rt.board ? rt.life : rt.peers[home].life;
      rt.hal.bus(encodePacket([PACKET_INPUT_ACK, -1 - sender, by, homeLife, rt.life, number], rt.crc));
    }
    rt.bus.sent++;
  }
  rt.acks = [];
}

/** Another upgrade is staged, or none: what is left for the seats of the last one is for nobody. */
export function forgetSeats(rt: Runtime): void {
  for (let i = 0; i < rt.outgoing.length; i++) {
    const outgoing = rt.outgoing[i];
    if (rt.live[outgoing.to >> 1] !== outgoing.to) renew(outgoing);
  }
}

/** Forgets what is under way to a process (`from` -1: from anyone), and on request from it. */
export function forget(rt: Runtime, pid: Pid, fromToo: boolean): void {
  const kept: Outgoing[] = [];
  for (let i = 0; i < rt.outgoing.length; i++) {
    const outgoing = rt.outgoing[i];
    if (outgoing.to === pid || (fromToo && outgoing.from === pid)) continue;
    kept.push(outgoing);
  }
  rt.outgoing = kept;
  findBusy(rt);
}

/**
 * At so many unacknowledged messages a channel is full. All that is under way to a frozen process must fit into what
 * it may hold: a marker comes behind the messages of its channel (PROTOCOL 8.7).
 */
export function queueMax(rt: Runtime): number {
  return Math.max(QUEUE_MIN, Math.min(QUEUE_MAX, Math.floor(HELD_MAX / 2 / rt.live.length)));
}

/**
 * True while a channel of this process is too full for it to take an event that makes it send. What begins something
 * new, an input or a timer (`fresh`), waits at half a queue already: the rest is for the answers to what is under way.
 * Were all alike, processes that are full in a circle would wait for each other, with nothing to bring them out of it.
 */
export function full(rt: Runtime, pid: Pid, fresh: boolean): boolean {
  const most = queueMax(rt);
  const max = fresh ? most >> 1 : most;
  for (let i = 0; i < rt.busy.length; i++) {
    if (rt.busy[i].from === pid && rt.busy[i].queue.length >= max) return true;
  }
  return false;
}
