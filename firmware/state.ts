// The state of a board's runtime, shared by the files beside this one.

import type { Hal } from '../hal/hal.ts';
import type { Driver } from './driver.ts';
import type { Process } from './core/core.ts';
import type { Application, Effect, Message, Opaque, Operation, Pid } from './core/types.ts';
import type { Image } from './image.ts';
import type { BoardPlan } from './plan.ts';
import type { Records } from './record.ts';
import type { Store } from './store.ts';

/** A process that runs here. */
export interface Local {
  pid: Pid;
  /** `estimator/0` */
  name: string;
  self: Process;
  app: Application;
  /** the version it belongs to; an active process moves to the new plan at a commit */
  plan: BoardPlan;
  module: string;
  /** CRC-32 of the text that was evaluated */
  crc: number;
  /** board time at which it froze, ms; -1: not frozen */
  frozenAt: number;
  /** board time since which it waits for seats, ms; -1: it does not */
  waitingAt: number;
  /** its events' seeds follow from it */
  seed: number;
  /** it has had its event `start`, or began with the state of an old base and needs none */
  begun: boolean;
  /** its first base in this session stands */
  based: boolean;
}

/** An output on its way to the driver. */
export interface Output {
  pid: Pid;
  e: number;
  data: Opaque;
  /** epoch of the low process that it comes from, or -1 */
  low: number;
  /** board time of its event, ms */
  t: number;
  /** that the driver has done it is durable already */
  claimed: boolean;
}

/** Messages of one channel on their way out: from a process to a process, or from a device (from -1) to a process. */
export interface Outgoing {
  from: Pid;
  device: number;
  to: Pid;
  /** not acknowledged yet, in order */
  queue: Message[];
  /** how many of the head are on the bus */
  flying: number;
  /** when the oldest was last sent, ms; and how often it was repeated */
  sentAt: number;
  tries: number;
  /** so many acknowledgements in a row came for what had been repeated */
  late: number;
  /** last number that was on the bus when one had to be repeated; 0: all is well */
  recover: number;
  /** number of the message whose way there and back is timed, or -1; and when it was sent, ms */
  timed: number;
  timedAt: number;
  /** highest `q` acknowledged */
  ackedQ: number;
  /** of a device: number of the first input on this channel; 0: none yet */
  base: number;
}

/** What arrived and cannot be taken yet. */
export interface Stashed {
  from: Pid;
  to: Pid;
  message: Message;
}

export interface Peer {
  /** boot at which its processes began; 0: never heard of */
  life: number;
  heardAt: number;
  plan: string;
  /** the upgrade under guard there, or '' */
  op: string;
  epoch: number;
  /** lowest epoch of a process there */
  lowest: number;
  /** processes there */
  pids: Pid[];
  /** smoothed time until an acknowledgement comes from there, ms */
  roundTripMs: number;
}

export interface DeviceState {
  driver: Driver;
  /** outputs that wait for their event to be durable, in order */
  queue: Output[];
  /** last input's number */
  inputs: number;
  done: number;
  dropped: number;
  /** its `hold` value is out */
  held: boolean;
}

export interface Runtime {
  hal: Hal;
  crc: (bytes: Uint8Array, from: number, to: number, crc: number) => number;
  records: Records;
  store: Store;
  boot: number;
  /** boot at which the processes here began: a boot that takes them up again is none of the others' business */
  life: number;
  /** what board time is ahead of the HAL's clock, ms: it goes on where it stood before a power cut */
  clock: number;
  /** this board's number in the plan; -1: the plan does not name it */
  board: number;
  active: Image;
  staged: Image | null;
  op: Operation | null;
  /** where the processes run that are not live: the staged plan, or the one just left or reverted */
  other: Image | null;
  /** plan before the last commit: others may not have followed yet */
  previous: string;
  epoch: number;
  guarded: boolean;
  /** by component: the live process, or -1 */
  live: Pid[];
  locals: Local[];
  outgoing: Outgoing[];
  /** those of them that have something in their queues, and some that had: there are many, and few of them have */
  busy: Outgoing[];
  stash: Stashed[];
  /** acknowledgements due: [of, by, number, its epoch] or [-1 - device, by, number, -1] */
  acks: [number, number, number, number][];
  peers: Peer[];
  /** by process: when it was last heard of as a low one, ms */
  lowAt: number[];
  devices: (DeviceState | null)[];
  /** application events flow: the other boards are there, or were waited for */
  started: boolean;
  bootedAt: number;
  beatAt: number;
  /** a survivor lost its state under guard: why; '' while the guard holds (PROTOCOL 6) */
  lost: string;
  /** the upgrade under whose guard this board restarted, while it is not known what became of it; '' for none */
  interrupted: string;
  /** since when low processes here, without survivors beside them, are behind the others, ms; -1: they are not */
  behindAt: number;
  /** begin anew at once */
  restart: boolean;
  /** events of before a power cut are done again: 1 up to the board's own base, 2 behind it; 0: they are not */
  replaying: number;
  /** something has happened since effects were last let out */
  stirred: boolean;
  /** a process has had an event, or a message was sent that may have to be repeated, since this was made false */
  acted: boolean;
  /** once what has happened is durable: a beat goes out, the board's record is written */
  beatDue: boolean;
  recordDue: boolean;
  /** why a guarded operation has to end, to be told to a process here; '' */
  abort: string;
  /** sends the trace lines that wait */
  flush: () => void;
  /** gets what the trace line of a step or a note is made of; null: nobody listens */
  trace: ((line: TraceRecord) => void) | null;
  bus: { sent: number; received: number; resent: number; bad: number };
}

export interface TraceRecord {
  v: 1;
  /** µs */
  t: number;
  board: string;
  process?: string;
  epoch?: number;
  n?: number;
  event?: unknown;
  effects?: Effect[];
  note?: { [key: string]: unknown };
}

/** Board time, ms; never goes back, over power cuts neither. */
export function boardTime(rt: Runtime): number {
  return rt.hal.now() + rt.clock;
}

export function localOf(rt: Runtime, pid: Pid): Local | null {
  for (let i = 0; i < rt.locals.length; i++) if (rt.locals[i].pid === pid) return rt.locals[i];
  return null;
}

/** The board of a process; -1: the system has no such process. */
export function boardOf(rt: Runtime, pid: Pid): number {
  const component = pid >> 1;
  const plan = rt.live[component] === pid || !rt.other ? rt.active.plan : rt.other.plan;
  const entry = component < plan.components.length ? plan.components[component] : null;
  return entry ? entry.board : -1;
}

export function note(rt: Runtime, what: { [key: string]: unknown }): void {
  if (!rt.trace) return;
  rt.trace({ v: 1, t: Math.round(boardTime(rt) * 1000), board: rt.hal.board, note: what });
}
