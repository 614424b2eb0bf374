// What a simulated system is made of: channels, processes' places, devices, boards, and what is due in it.

import type { Process } from '../../firmware/core/core.ts';
import type { Application, Message, Pid } from '../../firmware/core/types.ts';
import type { Driver } from '../../firmware/driver.ts';
import type { TraceLine } from '../check/types.ts';
import type { Shape } from '../explore/shape.ts';
import type { Item, Output, Store } from '../explore/storage.ts';

/** What the bus may do to frames: shares of them. */
export interface Faults {
  loss: number;
  twice: number;
  corrupt: number;
  /** frames that are late by a multiple of the usual */
  late: number;
}

export const NO_FAULTS: Faults = { loss: 0, twice: 0, corrupt: 0, late: 0 };

/** Everything that a run is made of; times in ms. */
export interface Setting {
  shape: Shape;
  /** by device: a power cut repeats the output in its driver's hands, instead of losing it */
  atLeastOnce: boolean[];
  /** `always`: every event is durable. `guard`: those of guarded operations and cuts (PROTOCOL 6) */
  durability: 'always' | 'guard';
  /** a base is written at the latest after so many records */
  baseEvery: number;
  /** share of the times at which all is durable and out when a process's base is written, whatever it is in the middle of */
  ownBases: number;
  /** share of cuts whose base is not written at once: power may go before */
  lateBases: number;
  /** messages within a board are taken before they are durable, as its runtime does: both records go, or the later one */
  eager: boolean;
  /** longest time that a write waits for others to share it */
  writeMs: number;
  /** longest time that a driver takes for an output */
  driverMs: number;
  beatMs: number;
  /** silence of a low process after which survivors declare it dead */
  absentMs: number;
  /** and low processes, which have to know only to end a commit (PROTOCOL 5.0.6) */
  patienceMs: number;
}

/** A channel's sending end: from a process, or (`device` ≥ 0) from a device or a shadow that passes inputs on. */
export interface Out {
  from: Pid;
  device: number;
  to: Pid;
  toLife: number;
  queue: Message[];
  /** how many of the head are on the bus */
  flying: number;
  due: number;
  repeatMs: number;
  timed: boolean;
  ackedQ: number;
}

export interface Ack {
  out: Out;
  number: number;
  epoch: number;
}

/** What a board has to write, in order; and what may leave it only then. */
export interface Pending {
  cell: Cell;
  item: Item | null;
  ack: Ack | null;
  line: TraceLine | null;
}

/** A message that has come and has to wait. */
export interface Stashed {
  out: Out;
  message: Message;
}

/** A process's place on its board. */
export interface Cell {
  pid: Pid;
  name: string;
  board: Board;
  app: Application;
  /** counts the processes that have had this number */
  life: number;
  self: Process | null;
  /** its board is up, but it is gone for good */
  dead: boolean;
  /** and is stopped for good: that is durable, and others may hear of it */
  stopped: boolean;
  store: Store;
  logging: boolean;
  outs: Map<number, Out>;
  stash: Stashed[];
  timerAt: number;
  retrying: boolean;
  /** in the write that is just done: something of it, or the end of a cut */
  touched: 'no' | 'yes' | 'cut';
}

export interface Device {
  index: number;
  board: Board;
  // durable
  driver: Driver;
  inputs: number;
  epoch: number;
  readers: Pid[];
  toReaders: Map<Pid, Out>;
  // in memory
  queue: Output[];
  busy: boolean;
  /** `latest`: number of the newest output ever given, and of the last one done, by process */
  newest: string;
  shown: string;
}

export interface Board {
  index: number;
  name: string;
  up: boolean;
  boots: number;
  cells: Cell[];
  devices: Device[];
  pending: Pending[];
  writing: boolean;
  /** by process: when a low process was last heard of */
  heard: number[];
  bootedAt: number;
  /** by process: since when it waits for seats */
  waiting: Map<Pid, number>;
  /** boards of other groups are cut off */
  group: number;
}

export type Task =
  // boots: within a board, that of its memory
  | { what: 'frame'; out: Out; message: Message; fromLife: number; boots: number }
  | { what: 'ack'; ack: Ack; to: Board }
  | { what: 'repeat'; out: Out }
  | { what: 'write'; board: Board; boots: number }
  | { what: 'timer'; cell: Cell; life: number }
  | { what: 'retry'; cell: Cell }
  | { what: 'driver'; device: Device; boots: number }
  | { what: 'beat'; board: Board }
  | { what: 'boot'; board: Board }
  | { what: 'call'; run: () => void };

/** How often what has happened. */
export interface Happened {
  events: number;
  frames: number;
  lost: number;
  corrupted: number;
  repeated: number;
  late: number;
  powerCuts: number;
  /** power cuts of a board with a process that had frozen */
  powerCutsInCuts: number;
  /** events that a power cut took back because their record was not written yet */
  undone: number;
  replayed: number;
  writes: number;
  bases: number;
  /** of them, at moments of their own; of contaminated processes, and of frozen ones */
  ownBases: number;
  suspectBases: number;
  frozenBases: number;
  /** messages taken before they were durable; those that a power cut took back from sender and receiver */
  eager: number;
  partitions: number;
  crashes: number;
}

export function nothingHappened(): Happened {
  return {
    events: 0,
    frames: 0,
    lost: 0,
    corrupted: 0,
    repeated: 0,
    late: 0,
    powerCuts: 0,
    powerCutsInCuts: 0,
    undone: 0,
    replayed: 0,
    writes: 0,
    bases: 0,
    ownBases: 0,
    suspectBases: 0,
    frozenBases: 0,
    eager: 0,
    partitions: 0,
    crashes: 0,
  };
}
