// Durable base checkpoints (PROTOCOL 6.1): a process with what it has sent and nobody has acknowledged, and what is to be
// put out and is not yet out; and the board itself, with what is left of processes that have stopped.

import { findBusy, outgoingOf } from './channel.ts';
import type { Process } from './core/core.ts';
import type { Message, Operation, Pid } from './core/types.ts';
import type { Local, Outgoing, Output, Runtime } from './state.ts';
import { localOf } from './state.ts';

/** Stream of the board's own base and facts; the others are those of processes. */
export const BOARD_STREAM = 255;

/** [from, device, to, base, ackedQ, queue] */
type QueueBase = [Pid, number, Pid, number, number, Message[]];

export interface ProcessBase {
  self: Process;
  seed: number;
  begun: boolean;
  /** hash of the plan of its version */
  plan: string;
  module: string;
  queues: QueueBase[];
  /** by device of the board */
  outputs: [number, Output[]][];
  /** board time, ms */
  t: number;
}

export interface BoardBase {
  life: number;
  epoch: number;
  active: string;
  staged: string;
  other: string;
  previous: string;
  guarded: boolean;
  started: boolean;
  lost: string;
  live: Pid[];
  op: Operation | null;
  /** by board */
  lives: number[];
  /** by device of the system: [inputs, done, dropped, done by component, epoch that the last recovery began] */
  devices: ([number, number, number, number[], number] | null)[];
  locals: Pid[];
  queues: QueueBase[];
  outputs: [number, Output[]][];
}

/** The channels whose sender is this; -1: those of devices, and of processes that are no more. */
function isOf(rt: Runtime, from: Pid, sender: Pid): boolean {
  return sender < 0 ? from < 0 || localOf(rt, from) === null : from === sender;
}

function queuesOf(rt: Runtime, sender: Pid): QueueBase[] {
  const out: QueueBase[] = [];
  for (let i = 0; i < rt.outgoing.length; i++) {
    const o = rt.outgoing[i];
    if (!isOf(rt, o.from, sender) || (o.queue.length === 0 && o.ackedQ === 0 && o.base === 0)) continue;
    out.push([o.from, o.device, o.to, o.base, o.ackedQ, o.queue]);
  }
  return out;
}

function outputsOf(rt: Runtime, sender: Pid): [number, Output[]][] {
  const out: [number, Output[]][] = [];
  for (let d = 0; d < rt.devices.length; d++) {
    const state = rt.devices[d];
    const list: Output[] = [];
    if (state)
      for (let i = 0; i < state.queue.length; i++) if (isOf(rt, state.queue[i].pid, sender)) list.push(state.queue[i]);
    if (list.length > 0) out.push([d, list]);
  }
  return out;
}

export function processBase(rt: Runtime, local: Local, t: number): ProcessBase {
  return {
    self: local.self,
    seed: local.seed,
    begun: local.begun,
    plan: local.plan === rt.active.plan ? rt.active.hash : rt.staged ? rt.staged.hash : rt.other ? rt.other.hash : '',
    module: local.module,
    queues: queuesOf(rt, local.pid),
    outputs: outputsOf(rt, local.pid),
    t: t,
  };
}

export function boardBase(rt: Runtime): BoardBase {
  const lives: number[] = [];
  for (let b = 0; b < rt.peers.length; b++) lives.push(rt.peers[b].life);
  const devices: BoardBase['devices'] = [];
  for (let d = 0; d < rt.devices.length; d++) {
    const s = rt.devices[d];
    devices.push(s ? [s.inputs, s.done, s.dropped, s.driver.done, s.driver.recovered] : null);
  }
  const locals: Pid[] = [];
  for (let i = 0; i < rt.locals.length; i++) locals.push(rt.locals[i].pid);
  return {
    life: rt.life,
    epoch: rt.epoch,
    active: rt.active.hash,
    staged: rt.staged ? rt.staged.hash : '',
    other: rt.other ? rt.other.hash : '',
    previous: rt.previous,
    guarded: rt.guarded,
    started: rt.started,
    lost: rt.lost,
    live: rt.live,
    op: rt.op,
    lives: lives,
    devices: devices,
    locals: locals,
    queues: queuesOf(rt, -1),
    outputs: outputsOf(rt, -1),
  };
}

/** Puts channels and outputs of a base in the place of what is there of the same senders. */
export function takeBack(rt: Runtime, sender: Pid, queues: QueueBase[], outputs: [number, Output[]][]): void {
  const kept: Outgoing[] = [];
  for (let i = 0; i < rt.outgoing.length; i++) if (!isOf(rt, rt.outgoing[i].from, sender)) kept.push(rt.outgoing[i]);
  rt.outgoing = kept;
  for (let i = 0; i < queues.length; i++) {
    const q = queues[i];
    const o = outgoingOf(rt, q[0], q[1], q[2]);
    o.base = q[3];
    o.ackedQ = q[4];
    o.queue = q[5];
  }
  findBusy(rt);
  for (let d = 0; d < rt.devices.length; d++) {
    const state = rt.devices[d];
    if (!state) continue;
    for (let i = state.queue.length - 1; i >= 0; i--)
      if (isOf(rt, state.queue[i].pid, sender)) state.queue.splice(i, 1);
  }
  for (let i = 0; i < outputs.length; i++) {
    const state = rt.devices[outputs[i][0]];
    if (state) state.queue = state.queue.concat(outputs[i][1]);
  }
}
