// A large system of real cores on boards that lose power, over a bus that loses, repeats, delays and corrupts frames
// and falls apart for a while; below the channels of the protocol, as a testbed's runtime is, and with stable storage
// (PROTOCOL 6). Time is simulated, and everything undecided comes from the seed: a run repeats exactly.
// Here is its state; the other files of this folder are what happens to it.

import type { Process } from '../../firmware/core/core.ts';
import { isSurvivor } from '../../firmware/core/core.ts';
import { HELD_MAX } from '../../firmware/core/limits.ts';
import type { Application, Pid } from '../../firmware/core/types.ts';
import type { TraceLine, TraceNote, Violation } from '../check/types.ts';
import type { Hooks } from '../explore/app.ts';
import { createApp } from '../explore/app.ts';
import { randomOf } from '../explore/random.ts';
import type { Shape } from '../explore/shape.ts';
import { processName } from '../explore/shape.ts';
import type { Core } from '../explore/world.ts';
import { Heap } from './heap.ts';
import type { Board, Cell, Device, Faults, Happened, Out, Setting, Task } from './parts.ts';
import { NO_FAULTS, nothingHappened } from './parts.ts';
import type { Mistakes } from '../explore/storage.ts';

export interface World {
  setting: Setting;
  shape: Shape;
  core: Core;
  mistakes: Mistakes;
  hooks: Hooks;
  random: () => number;
  /** decides what handlers do */
  acts: () => number;
  /** decides when bases are written */
  bases: () => number;
  now: number;
  tasks: Heap<Task>;
  boards: Board[];
  /** by process */
  cells: Cell[];
  devices: Device[];
  lines: TraceLine[];
  violations: Violation[];
  happened: Happened;
  faults: Faults;
  /** share of handlers that do something */
  lively: number;
  /** share of handovers whose `migrate` fails */
  failMigrate: number;
  /** at so many unacknowledged messages a channel is full */
  fullAt: number;
  /** called when a process freezes */
  onFreeze: (board: Board) => void;
}

export function createWorld(setting: Setting, seed: number, core: Core, mistakes: Mistakes): World {
  const { shape } = setting;
  const w: World = {
    setting,
    shape,
    core,
    mistakes,
    hooks: { failMigrate: false, passed() {} },
    random: randomOf(seed ^ 0x51ed270b),
    acts: randomOf(seed ^ 0x2545f491),
    bases: randomOf(seed ^ 0x1b873593),
    now: 0,
    tasks: new Heap(),
    boards: [],
    cells: [],
    devices: [],
    lines: [],
    violations: [],
    happened: nothingHappened(),
    faults: NO_FAULTS,
    lively: 0.5,
    failMigrate: 0,
    fullAt: Math.max(4, Math.min(100, Math.floor(HELD_MAX / 2 / shape.components.length))),
    onFreeze() {},
  };
  for (const name of new Set([...shape.boards, ...shape.devices.map((d) => d.board)])) addBoard(w, name);
  const named = (name: string) => w.boards.find((b) => b.name === name) as Board;
  shape.boards.forEach((name, pid) => {
    addCell(w, pid, named(name));
  });
  shape.devices.forEach((device, index) => {
    addDevice(w, index, named(device.board), device.reads);
  });
  const roles: [number, string][] = shape.live.filter((pid) => pid >= 0).map((pid) => [pid, 'active']);
  const processes = w.cells.map((cell): [number, string, string] => [cell.pid, cell.name, cell.board.name]);
  w.lines.push({ v: 1, trace: 'understudy', processes, roles });
  return w;
}

function addBoard(w: World, name: string): void {
  const index = w.boards.length;
  w.boards.push({
    index,
    name,
    up: true,
    boots: 1,
    cells: [],
    devices: [],
    pending: [],
    writing: false,
    heard: [],
    bootedAt: 0,
    waiting: new Map(),
    group: 0,
  });
}

function addCell(w: World, pid: Pid, board: Board): void {
  const { shape } = w;
  const live = shape.live[pid >> 1] === pid;
  const app = createApp(shape, pid, w.hooks);
  const self = live ? makeProcess(w, pid, 'active', shape.live, app) : null;
  // inputs are counted from the first on
  if (self?.gotI) self.gotI = self.gotI.map(() => 0);
  const cell: Cell = {
    pid,
    name: processName(shape, pid),
    board,
    app,
    life: 1,
    self,
    dead: false,
    stopped: false,
    store: { base: null, log: [] },
    logging: true,
    outs: new Map(),
    stash: [],
    timerAt: -1,
    retrying: false,
    touched: 'no',
  };
  w.cells.push(cell);
  board.cells.push(cell);
}

export function makeProcess(w: World, pid: Pid, role: 'active' | 'seat', live: Pid[], app: Application): Process {
  const { rules, devices } = w.shape;
  const latest = devices.map((d) => d.latest);
  const setup = { rules, pid, epoch: 0, live: live.slice(), devices: devices.length, latest, operation: null, role };
  return w.core.create(setup, app);
}

function addDevice(w: World, index: number, board: Board, reads: number): void {
  const live = w.shape.live[reads] ?? -1;
  const device: Device = {
    index,
    board,
    driver: w.core.createDriver(),
    inputs: 0,
    epoch: 0,
    readers: live >= 0 ? [live] : [],
    toReaders: new Map(),
    queue: [],
    busy: false,
    newest: '',
    shown: '',
  };
  w.devices.push(device);
  board.devices.push(device);
}

export function cellOf(w: World, pid: Pid): Cell {
  return w.cells[pid] as Cell;
}

/** The process that stands here, if it can do anything. */
export function running(cell: Cell): Process | null {
  return cell.board.up && !cell.dead ? cell.self : null;
}

/** By component, the live process, as the first survivor knows it. */
export function liveOf(w: World): Pid[] {
  for (const { self } of w.cells) if (self && isSurvivor(self)) return self.live;
  return w.shape.live;
}

export function due(w: World, t: number, task: Task): void {
  w.tasks.push(t, task);
}

export function call(w: World, t: number, run: () => void): void {
  w.tasks.push(t, { what: 'call', run });
}

export function note(w: World, board: Board, what: TraceNote): void {
  w.lines.push({ v: 1, t: Math.round(w.now * 1000), board: board.name, note: what });
}

/** Something that no trace shows. */
export function wrong(w: World, rule: Violation['rule'], process: string, why: string): void {
  w.violations.push({ rule, process, n: 0, t: Math.round(w.now * 1000), why });
}

/** Whether the events of the process are durable just now. */
export function logs(w: World, self: Process): boolean {
  if (w.setting.durability === 'always') return true;
  return self.guarded || self.cut !== null || self.role === 'seat';
}

export function boardOf(w: World, out: Out): Board {
  return out.from >= 0 ? cellOf(w, out.from).board : (w.devices[out.device] as Device).board;
}
