// A large system of real cores on boards that lose power, over a bus that loses, repeats, delays and corrupts frames
// and falls apart for a while; below the channels of the protocol, as a testbed's runtime is, and with stable storage
// (PROTOCOL 6). Time is simulated, and everything undecided comes from the seed: a run repeats exactly.

import type { Process } from '../../firmware/core/core.ts';
import { forgettable, isSurvivor } from '../../firmware/core/core.ts';
import { HELD_MAX } from '../../firmware/core/limits.ts';
import type { Application, Effect, Event, Message, Operation, Pid } from '../../firmware/core/types.ts';
import { covered } from '../../firmware/core/vector.ts';
import type { Driver } from '../../firmware/driver.ts';
import type { TraceEffect, TraceEvent, TraceLine, TraceNote, Violation } from '../check/types.ts';
import type { AppState, Hooks } from './app.ts';
import { createApp, menuOf, seedFor } from './app.ts';
import { Heap } from './heap.ts';
import type { Shape } from './shape.ts';
import { processName } from './shape.ts';
import { randomOf } from './random.ts';
import type { Item, Mistakes, Output, Restored, Store, Unacknowledged } from './storage.ts';
import { FAILS_MIGRATE, restore, stepOnce, writeBase } from './storage.ts';
import type { Core } from './world.ts';

/** What the bus and the boards may do to a run. Shares are of frames. */
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

const WINDOW = 32;
const REPEAT_MS = 20;
const REPEAT_MAX_MS = 320;
const STASH_MAX = 64;
const FORGET_MARKS = 4;

/** A channel's sending end: from a process, or (`device` ≥ 0) from a device or a shadow that passes inputs on. */
interface Out {
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

interface Ack {
  out: Out;
  number: number;
  epoch: number;
}

/** What a board has to write, in order; and what may leave it only then. */
interface Pending {
  cell: Cell;
  item: Item | null;
  ack: Ack | null;
  line: TraceLine | null;
}

interface Stashed {
  out: Out;
  message: Message;
}

/** A process's place on its board. */
interface Cell {
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
}

interface Device {
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

interface Board {
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
  group: number;
}

type Task =
  | { t: number; place: number; what: 'frame'; out: Out; message: Message; fromLife: number }
  | { t: number; place: number; what: 'ack'; ack: Ack; to: Board }
  | { t: number; place: number; what: 'repeat'; out: Out }
  | { t: number; place: number; what: 'write'; board: Board; boots: number }
  | { t: number; place: number; what: 'timer'; cell: Cell; life: number }
  | { t: number; place: number; what: 'retry'; cell: Cell }
  | { t: number; place: number; what: 'driver'; device: Device; boots: number }
  | { t: number; place: number; what: 'beat'; board: Board }
  | { t: number; place: number; what: 'boot'; board: Board }
  | { t: number; place: number; what: 'call'; run: () => void };

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
  partitions: number;
  crashes: number;
}

export class SimWorld {
  readonly shape: Shape;
  readonly lines: TraceLine[] = [];
  readonly violations: Violation[] = [];
  readonly cells: Cell[] = [];
  readonly boards: Board[] = [];
  readonly devices: Device[] = [];
  readonly happened: Happened = {
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
    partitions: 0,
    crashes: 0,
  };
  faults: Faults = NO_FAULTS;
  /** share of handlers that do something */
  lively = 0.5;
  failMigrate = 0;
  /** called when a process freezes */
  onFreeze: (board: Board) => void = () => {};
  now = 0;
  private tasks = new Heap<Task>();
  private readonly random: () => number;
  private readonly acts: () => number;
  private readonly core: Core;
  private readonly mistakes: Mistakes;
  private readonly setting: Setting;
  private readonly hooks: Hooks = { failMigrate: false, passed() {} };
  private readonly fullAt: number;

  constructor(setting: Setting, seed: number, core: Core, mistakes: Mistakes = {}) {
    this.setting = setting;
    this.core = core;
    this.mistakes = mistakes;
    this.random = randomOf(seed ^ 0x51ed270b);
    this.acts = randomOf(seed ^ 0x2545f491);
    const shape = setting.shape;
    this.shape = shape;
    this.fullAt = Math.max(4, Math.min(100, Math.floor(HELD_MAX / 2 / shape.components.length)));
    for (const name of new Set([...shape.boards, ...shape.devices.map((d) => d.board)])) this.addBoard(name);
    shape.boards.forEach((name, pid) => {
      this.addCell(pid, this.boardNamed(name));
    });
    shape.devices.forEach((device, index) => {
      this.addDevice(index, this.boardNamed(device.board), device.reads);
    });
    const roles: [number, string][] = shape.live.filter((pid) => pid >= 0).map((pid) => [pid, 'active']);
    const processes = this.cells.map((cell): [number, string, string] => [cell.pid, cell.name, cell.board.name]);
    this.lines.push({ v: 1, trace: 'understudy', processes, roles });
    for (const cell of this.cells) {
      if (!cell.self) continue;
      this.base(cell, []);
      cell.logging = this.logs(cell.self);
    }
    for (const board of this.boards) this.put({ t: this.random() * setting.beatMs, place: 0, what: 'beat', board });
  }

  private addBoard(name: string): void {
    const index = this.boards.length;
    this.boards.push({
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

  private boardNamed(name: string): Board {
    return this.boards.find((b) => b.name === name) as Board;
  }

  private addCell(pid: Pid, board: Board): void {
    const { shape } = this;
    const live = shape.live[pid >> 1] === pid;
    const app = createApp(shape, pid, this.hooks);
    const self = live ? this.make(pid, 'active', shape.live, app) : null;
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
    };
    this.cells.push(cell);
    board.cells.push(cell);
  }

  private make(pid: Pid, role: 'active' | 'seat', live: Pid[], app: Application): Process {
    const { shape } = this;
    return this.core.create(
      {
        rules: shape.rules,
        pid,
        epoch: 0,
        live: live.slice(),
        devices: shape.devices.length,
        latest: shape.devices.map((d) => d.latest),
        operation: null,
        role,
      },
      app,
    );
  }

  private addDevice(index: number, board: Board, reads: number): void {
    const live = this.shape.live[reads] ?? -1;
    const device: Device = {
      index,
      board,
      driver: this.core.createDriver(),
      inputs: 0,
      epoch: 0,
      readers: live >= 0 ? [live] : [],
      toReaders: new Map(),
      queue: [],
      busy: false,
      newest: '',
      shown: '',
    };
    this.devices.push(device);
    board.devices.push(device);
  }

  // time

  put(task: Task): void {
    this.tasks.push(task);
  }

  at(t: number, run: () => void): void {
    this.put({ t, place: 0, what: 'call', run });
  }

  /** Does what is due next. False: nothing is, ever. */
  step(): boolean {
    const task = this.tasks.pop();
    if (!task) return false;
    this.now = Math.max(this.now, task.t);
    switch (task.what) {
      case 'frame':
        this.arrive(task.out, task.message, task.fromLife);
        break;
      case 'ack':
        if (task.to.up) this.acknowledged(task.ack);
        break;
      case 'repeat':
        this.repeat(task.out);
        break;
      case 'write':
        if (task.board.boots === task.boots) this.write(task.board);
        break;
      case 'timer':
        if (task.cell.life === task.life) this.timers(task.cell);
        break;
      case 'retry':
        this.retry(task.cell);
        break;
      case 'driver':
        if (task.device.board.boots === task.boots) this.drive(task.device);
        break;
      case 'beat':
        this.beat(task.board);
        break;
      case 'boot':
        this.boot(task.board);
        break;
      default:
        task.run();
    }
    return true;
  }

  // trace

  note(board: Board, what: TraceNote): void {
    this.lines.push({ v: 1, t: Math.round(this.now * 1000), board: board.name, note: what });
  }

  private wrong(rule: Violation['rule'], process: string, why: string): void {
    this.violations.push({ rule, process, n: 0, t: Math.round(this.now * 1000), why });
  }

  // steps

  /** What the handler will do: nothing, or something on its menu. */
  seed(cell: Cell): number {
    const self = cell.self as Process;
    if (self.role === 'seat') return 0;
    const count = menuOf(this.shape, cell.pid).length;
    const place = this.acts() < this.lively ? Math.floor(this.acts() * count) : 0;
    return seedFor(this.shape, cell.pid, self.state.app as AppState, place);
  }

  running(cell: Cell): Process | null {
    return cell.board.up && !cell.dead ? cell.self : null;
  }

  give(cell: Cell, event: Event, ack: Ack | null = null): Effect[] {
    const self = cell.self as Process;
    event.t = Math.round(this.now * 1000) / 1000;
    const epoch = self.epoch;
    const item = stepOnce(this.core, self, event, cell.app, this.hooks);
    this.happened.events++;
    const line: TraceLine = {
      v: 1,
      t: Math.round(this.now * 1000),
      board: cell.board.name,
      process: cell.name,
      epoch,
      n: item.n,
      event: event as unknown as TraceEvent,
      effects: item.effects as unknown as TraceEffect[],
    };
    cell.board.pending.push({ cell, item, ack, line });
    if (this.mistakes.lateLog) this.perform(cell, item);
    for (const effect of item.effects) {
      if (effect.kind === 'freeze') this.onFreeze(cell.board);
      else if (effect.kind === 'decide') this.stopLows(cell, effect);
    }
    this.wake(cell);
    this.soon(cell.board);
    return item.effects;
  }

  private soon(board: Board): void {
    if (board.writing) return;
    board.writing = true;
    const t = this.now + (this.random() < 0.3 ? 0 : this.random() * this.setting.writeMs);
    this.put({ t, place: 0, what: 'write', board, boots: board.boots });
  }

  /** PROTOCOL 3.6, 7.2: low processes beside a survivor that has decided a recovery stop at once, and those to be. */
  private stopLows(cell: Cell, effect: Effect): void {
    if (effect.cut !== 'recovery' || !isSurvivor(cell.self as Process)) return;
    for (const other of cell.board.cells) {
      const low = this.running(other);
      if (!low || (low.role !== 'low' && !(low.role === 'seat' && low.seat)) || low.epoch >= (effect.epoch as number)) {
        continue;
      }
      this.give(other, { kind: 'stop', t: 0, seed: 0 });
    }
  }

  /** After a step: timers may be armed, what was stashed may be taken. */
  private wake(cell: Cell): void {
    const self = cell.self as Process;
    let next = -1;
    for (const timer of self.state?.timers ?? []) if (next < 0 || timer.at < next) next = timer.at;
    if (next >= 0) {
      const t = Math.max(next, this.now);
      if (cell.timerAt < 0 || cell.timerAt > t) {
        cell.timerAt = t;
        this.put({ t, place: 0, what: 'timer', cell, life: cell.life });
      }
    }
    this.retrySoon(cell);
  }

  private retrySoon(cell: Cell): void {
    if (cell.stash.length === 0 || cell.retrying) return;
    cell.retrying = true;
    this.put({ t: this.now, place: 0, what: 'retry', cell });
  }

  private retry(cell: Cell): void {
    cell.retrying = false;
    if (!this.running(cell)) return;
    const list = cell.stash;
    cell.stash = [];
    for (const { out, message } of list) this.offer(cell, out, message);
  }

  private timers(cell: Cell): void {
    if (cell.timerAt > this.now) return;
    cell.timerAt = -1;
    const self = this.running(cell);
    if (!self || self.cut || self.role === 'seat' || self.role === 'stopped') return;
    if (this.full(cell)) {
      cell.timerAt = this.now + 5;
      this.put({ t: cell.timerAt, place: 0, what: 'timer', cell, life: cell.life });
      return;
    }
    const due = self.state.timers.find((timer) => timer.at <= this.now);
    if (due) this.give(cell, { kind: 'timer', t: 0, seed: this.seed(cell), name: due.name });
    else this.wake(cell);
  }

  // the write of a board: then its effects may leave

  private logs(self: Process): boolean {
    if (this.setting.durability === 'always') return true;
    return self.guarded || self.cut !== null || self.role === 'seat';
  }

  private write(board: Board): void {
    board.writing = false;
    if (!board.up) return;
    const pending = board.pending;
    board.pending = [];
    this.durable(pending);
    this.leave(pending);
  }

  private durable(pending: Pending[]): void {
    if (pending.length === 0) return;
    this.happened.writes++;
    const begins = new Map<Cell, Item[]>();
    for (const { cell, item, line } of pending) {
      if (line) this.lines.push(line);
      if (!item) continue;
      if (cell.logging) cell.store.log.push(item);
      else {
        const items = begins.get(cell) ?? [];
        items.push(item);
        begins.set(cell, items);
      }
    }
    // a process that begins to log needs a base first; what it has not carried out yet belongs to it
    for (const [cell, items] of begins) {
      if (!this.logs(cell.self as Process)) continue;
      cell.logging = true;
      this.base(cell, items);
    }
  }

  private leave(pending: Pending[]): void {
    const touched = new Map<Cell, boolean>();
    for (const { cell, item, ack } of pending) {
      if (item && !this.mistakes.lateLog) this.perform(cell, item);
      if (ack) this.acknowledge(cell, ack);
      const cut =
        item?.effects.some((e) => e.kind === 'decide' || (e.kind === 'role' && e.role === 'stopped')) ?? false;
      touched.set(cell, cut || (touched.get(cell) ?? false));
    }
    for (const [cell, cut] of touched) {
      if (!cell.self) continue;
      cell.stopped = cell.self.role === 'stopped';
      if (cell.logging && (cut || cell.store.log.length >= this.setting.baseEvery)) this.base(cell, []);
      if (cut && !this.logs(cell.self) && cell.self.role !== 'stopped') cell.logging = false;
      this.retrySoon(cell);
    }
  }

  private base(cell: Cell, open: Item[]): void {
    this.happened.bases++;
    const unacknowledged: Unacknowledged[] = [];
    for (const out of cell.outs.values()) {
      if (out.queue.length > 0) unacknowledged.push({ to: out.to, forward: out.device >= 0, queue: out.queue });
    }
    const outputs: Output[] = [];
    for (const device of cell.board.devices) {
      for (const output of device.queue) if (output.pid === cell.pid) outputs.push(output);
    }
    writeBase(cell.store, cell.self as Process, unacknowledged, outputs, open, this.mistakes);
  }

  // effects

  private perform(cell: Cell, item: Item): void {
    for (const effect of item.effects) {
      if (effect.kind === 'send') this.send(cell, effect.to as Pid, effect.message as Message);
      else if (effect.kind === 'output') {
        const output: Output = { pid: cell.pid, e: effect.e as number, low: item.low, n: item.n };
        this.output(effect.device as number, output);
      } else if (effect.kind === 'decide') this.decided(cell, effect);
      else if (effect.kind === 'role' && effect.role === 'stopped' && this.mistakes.reportLost) cell.outs.clear();
    }
  }

  private outOf(cell: Cell, to: Pid, device: number): Out {
    const key = device < 0 ? to : 1000 * (device + 1) + to;
    let out = cell.outs.get(key);
    if (!out) {
      out = this.makeOut(cell.pid, device, to);
      cell.outs.set(key, out);
    }
    return out;
  }

  private makeOut(from: Pid, device: number, to: Pid): Out {
    const toLife = this.cell(to).life;
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

  cell(pid: Pid): Cell {
    return this.cells[pid] as Cell;
  }

  private send(cell: Cell, to: Pid, message: Message): void {
    const out = this.outOf(cell, to, message.kind === 'input' ? (message.device as number) : -1);
    // a channel that begins again has no use for what is left of its old life
    if (out.device < 0 && message.n === 1) {
      out.queue = [];
      out.flying = 0;
      out.ackedQ = 0;
    }
    out.queue.push(message);
    this.transmit(out);
  }

  private output(d: number, output: Output): void {
    const device = this.devices[d] as Device;
    if (this.shape.devices[d]?.latest) device.newest = `${output.pid} ${output.n}`;
    device.queue.push(output);
    this.driveSoon(device);
  }

  private driveSoon(device: Device): void {
    if (device.busy || device.queue.length === 0) return;
    device.busy = true;
    const t = this.now + this.random() * this.setting.driverMs;
    this.put({ t, place: 0, what: 'driver', device, boots: device.board.boots });
  }

  private drive(device: Device): void {
    device.busy = false;
    const output = device.queue.shift();
    if (!output) return;
    const { pid, e, low } = output;
    const latest = this.shape.devices[device.index]?.latest ?? false;
    const done = this.core.admit(device.driver, pid >> 1, e, latest, low < 0 ? undefined : low);
    if (latest && done) device.shown = `${pid} ${output.n}`;
    else if (latest && device.newest === `${pid} ${output.n}`) device.newest = device.shown;
    this.note(device.board, { kind: 'driver', device: device.index, e, component: pid >> 1, done });
    this.driveSoon(device);
  }

  /** What the runtimes do when a process has decided a cut; doing it again changes nothing. */
  private decided(cell: Cell, effect: Effect): void {
    const self = cell.self as Process;
    const epoch = effect.epoch as number;
    const survivor = isSurvivor(self);
    for (const device of this.devices) {
      const here = device.board === cell.board;
      // a board without live processes follows what it hears from the others
      if (!here && device.board.cells.some((c) => c.self && c.self.role !== 'seat' && c.self.role !== 'stopped'))
        continue;
      if (here && effect.cut === 'recovery' && survivor) this.core.closeToLow(device.driver, epoch);
      if (epoch <= device.epoch || self.role === 'seat' || (!survivor && self.role !== 'low')) continue;
      device.epoch = epoch;
      self.live.forEach((pid, c) => {
        if (pid < 0 && !self.guarded) this.core.renewDriver(device.driver, c);
      });
      const reads = this.shape.devices[device.index]?.reads ?? -1;
      if (reads < 0) continue;
      const old = self.live[reads] as Pid;
      const low = self.guarded && self.op ? self.op.lows.find((pid) => pid >> 1 === reads) : undefined;
      device.readers = old >= 0 ? [old] : [];
      if (low !== undefined) {
        device.readers.push(low);
        // what the old version has not taken yet it may never take, and pass on, if the operation ends before
        const out = this.makeOut(-1, device.index, low);
        out.queue = (device.toReaders.get(old)?.queue ?? []).slice();
        device.toReaders.set(low, out);
        this.transmit(out);
      }
      for (const to of device.toReaders.keys()) if (!device.readers.includes(to)) device.toReaders.delete(to);
    }
  }

  // devices

  /** A device has a new input: one durable fact. */
  input(device: Device): void {
    if (!device.board.up) return;
    device.inputs++;
    const i = device.inputs;
    for (const pid of device.readers) {
      let out = device.toReaders.get(pid);
      if (!out || out.toLife !== this.cell(pid).life) {
        out = this.makeOut(-1, device.index, pid);
        device.toReaders.set(pid, out);
      }
      out.queue.push({ kind: 'input', n: 0, epoch: device.epoch, device: device.index, i, data: { i } });
      this.transmit(out);
    }
  }

  // the bus

  private boardOf(out: Out): Board {
    return out.from >= 0 ? this.cell(out.from).board : (this.devices[out.device] as Device).board;
  }

  /** What the sending board still knows of the channel. */
  private current(out: Out): boolean {
    const board = this.boardOf(out);
    if (!board.up) return false;
    if (out.from < 0) return (this.devices[out.device] as Device).toReaders.get(out.to) === out;
    const cell = this.cell(out.from);
    return !cell.dead && this.outOf(cell, out.to, out.device) === out;
  }

  private transmit(out: Out): void {
    const most = Math.min(out.queue.length, out.device >= 0 ? 1 : WINDOW);
    if (out.flying === 0) out.due = this.now + out.repeatMs;
    while (out.flying < most) this.frame(out, out.queue[out.flying++] as Message);
    if (out.queue.length > 0 && !out.timed) {
      out.timed = true;
      this.put({ t: out.due, place: 0, what: 'repeat', out });
    }
  }

  private repeat(out: Out): void {
    out.timed = false;
    if (out.queue.length === 0 || !this.current(out)) return;
    const receiver = this.cell(out.to);
    // its board says that there is no such process any more
    if (receiver.life !== out.toLife || receiver.dead || !receiver.self || receiver.stopped) {
      out.queue = [];
      out.flying = 0;
      return;
    }
    if (this.now >= out.due) {
      out.repeatMs = Math.min(2 * out.repeatMs, REPEAT_MAX_MS);
      out.due = this.now + out.repeatMs;
      this.happened.repeated++;
      this.frame(out, out.queue[0] as Message);
    }
    out.timed = true;
    this.put({ t: out.due, place: 0, what: 'repeat', out });
  }

  /** When a frame from one board to the other arrives; -1: it never does. */
  private transit(from: Board, to: Board): number {
    const { random, faults, happened } = this;
    happened.frames++;
    if (from === to) return this.now + random() * 0.2;
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
    return this.now + ms;
  }

  private frame(out: Out, message: Message): void {
    const from = this.boardOf(out);
    const to = this.cell(out.to).board;
    const fromLife = out.from >= 0 ? this.cell(out.from).life : 0;
    const times = this.faults.twice > 0 && this.random() < this.faults.twice ? 2 : 1;
    for (let i = 0; i < times; i++) {
      const t = this.transit(from, to);
      if (t >= 0) this.put({ t, place: 0, what: 'frame', out, message, fromLife });
    }
  }

  private arrive(out: Out, message: Message, fromLife: number): void {
    const cell = this.cell(out.to);
    if (cell.life !== out.toLife || !this.running(cell)) return;
    if (out.from >= 0 && this.cell(out.from).life !== fromLife) return;
    this.offer(cell, out, message);
  }

  private full(cell: Cell): boolean {
    for (const out of cell.outs.values()) if (out.device < 0 && out.queue.length >= this.fullAt) return true;
    return false;
  }

  /** Asks the receiver's gate (PROTOCOL 5.5). */
  private offer(cell: Cell, out: Out, message: Message): void {
    const self = cell.self as Process;
    let verdict = this.core.gate(self, out.from, message);
    // what comes from outside waits while a channel is full. Messages do not: processes could wait for each other
    if (verdict === 'take' && out.device >= 0 && !self.cut && self.role !== 'seat' && this.full(cell)) verdict = 'wait';
    const number = (out.device >= 0 ? message.i : message.n) as number;
    const ack: Ack = { out, number, epoch: message.epoch };
    if (verdict === 'take') {
      const seed = message.kind === 'app' || message.kind === 'input' ? this.seed(cell) : this.controlSeed(message);
      const event: Event = { ...message, seed, t: 0 };
      if (out.device < 0) event.from = out.from;
      this.give(cell, event, ack);
    } else if (verdict === 'repeat') {
      // what was taken before may not be durable yet: its acknowledgement waits with the others
      cell.board.pending.push({ cell, item: null, ack, line: null });
      this.soon(cell.board);
    } else if (verdict === 'wait' && cell.stash.length < STASH_MAX) {
      for (const known of cell.stash) if (known.out === out && known.message === message) return;
      cell.stash.push({ out, message });
    }
  }

  private controlSeed(message: Message): number {
    return message.kind === 'handover' && this.random() < this.failMigrate ? FAILS_MIGRATE : 0;
  }

  private acknowledge(cell: Cell, ack: Ack): void {
    const to = this.boardOf(ack.out);
    const t = this.transit(cell.board, to);
    if (t >= 0) this.put({ t, place: 0, what: 'ack', ack, to });
  }

  private acknowledged(ack: Ack): void {
    // the sender may have begun anew from its base since: then it is the channel of the same ends that counts
    let out = ack.out;
    if (out.from >= 0) {
      const cell = this.cell(out.from);
      const current = this.outOf(cell, out.to, out.device);
      if (current.toLife !== out.toLife) return;
      out = current;
    } else if (!this.current(out)) return;
    const place = out.queue.findIndex(
      (m) => (out.device >= 0 ? m.i : m.n) === ack.number && (out.device >= 0 || m.epoch === ack.epoch),
    );
    if (place < 0) return;
    for (const message of out.queue.splice(0, place + 1)) {
      if (message.kind === 'app' && (message.q ?? 0) > out.ackedQ) out.ackedQ = message.q as number;
    }
    out.flying = Math.max(0, out.flying - place - 1);
    out.repeatMs = REPEAT_MS;
    out.due = this.now + out.repeatMs;
    this.transmit(out);
    if (out.from >= 0) {
      const cell = this.cell(out.from);
      this.retrySoon(cell);
    }
  }

  // heartbeats

  private beat(board: Board): void {
    this.put({ t: this.now + this.setting.beatMs * (0.9 + 0.2 * this.random()), place: 0, what: 'beat', board });
    if (!board.up || this.shape.rules === 'paper') return;
    const reach: Board[] = [];
    for (const other of this.boards) {
      if (other === board) reach.push(other);
      else if (other.up && other.group === board.group && this.random() >= this.faults.loss) reach.push(other);
    }
    for (const cell of board.cells) {
      const self = this.running(cell);
      if (!self?.guarded) continue;
      const low = self.role === 'low';
      const acked = self.live.map((pid) => (pid >= 0 ? (cell.outs.get(pid)?.ackedQ ?? 0) : 0));
      if (low && forgettable(self, acked, FORGET_MARKS)) {
        const list = acked.map((q, c): [number, number] => [c, q]).filter(([, q]) => q > 0);
        this.give(cell, { kind: 'acked', t: 0, seed: 0, acked: list });
      }
      const done = this.devices.map((d) => (d.board === board ? this.core.doneBy(d.driver, cell.pid >> 1) : 0));
      const event = this.core.heartbeat(self, acked, done);
      // what a beat tells must be durable, as all that leaves the board
      if (board.pending.some((p) => p.cell === cell && p.item)) continue;
      for (const to of reach) {
        if (low) to.heard[cell.pid] = this.now;
        for (const other of to.cells) this.hear(other, cell.pid, self, event);
      }
    }
    this.watch(board);
  }

  private hear(cell: Cell, from: Pid, sender: Process, event: Event): void {
    const self = this.running(cell);
    if (!self?.guarded || self.epoch !== event.epoch || cell.pid === from) return;
    const known = covered(event.V ?? [], self.V);
    let news = false;
    if (self.role === 'shadow' && sender.role === 'low' && from >> 1 === self.component) {
      news =
        (event.acked ?? []).some(([c, q]) => q > (self.safeQ[c] as number)) ||
        (event.done ?? []).some(([d, e]) => e > (self.safeE[d] as number)) ||
        (event.sent ?? []).some(([c, q]) => q > (self.lead[c] as [number, number])[0]);
    }
    if (!known || news) this.give(cell, { ...event, from });
  }

  private watch(board: Board): void {
    const { absentMs } = this.setting;
    for (const cell of board.cells) {
      const self = this.running(cell);
      if (!self || !(isSurvivor(self) || (self.role === 'low' && self.cut))) continue;
      const waiting = self.cut?.waiting ?? [];
      const since = board.waiting.get(cell.pid);
      if (waiting.length === 0) board.waiting.delete(cell.pid);
      else if (since === undefined) board.waiting.set(cell.pid, this.now);
      else if (this.now - since > absentMs) {
        board.waiting.set(cell.pid, this.now);
        for (const pid of waiting.slice()) this.miss(cell, pid, 'does not answer');
      }
      for (const pid of self.guarded && self.op ? self.op.lows : []) {
        if (pid === cell.pid || self.closed.includes(pid) || self.cut?.reported) continue;
        // a low process that ends a commit without another one that is only late loses what that one has sent: the
        // survivors have its marker, and do not know of the verdict
        const patience = isSurvivor(self) ? absentMs : this.setting.patienceMs;
        if (this.now - Math.max(board.heard[pid] ?? 0, self.since, board.bootedAt) > patience)
          this.miss(cell, pid, 'silent');
      }
    }
  }

  private miss(cell: Cell, pid: Pid, why: string): void {
    this.give(cell, { kind: 'absent', t: 0, seed: 0, pid, why });
  }

  // power

  /** Every event of every process here is in a log, or in a base: a power cut is a pause. */
  mayLosePower(board: Board): boolean {
    if (!board.up) return false;
    return board.cells.every((cell) => !cell.self || cell.dead || (cell.logging && cell.store.base !== null));
  }

  cutPower(board: Board, offMs: number): void {
    const { happened } = this;
    happened.powerCuts++;
    if (board.cells.some((c) => c.self?.cut)) happened.powerCutsInCuts++;
    // of what was to be written some records are there; of these some have had their effects
    const pending = board.pending;
    board.pending = [];
    const records = pending.filter((p) => p.item).length;
    const kept = Math.floor(this.random() * (records + 1));
    let seen = 0;
    const there = pending.filter((p) => p.item && seen++ < kept);
    happened.undone += records - kept;
    const begun = Math.floor(this.random() * (there.length + 1));
    this.durable(there);
    if (!this.mistakes.lateLog) for (const { cell, item } of there.slice(0, begun)) this.perform(cell, item as Item);
    for (const device of board.devices) this.interrupt(device);
    board.up = false;
    board.boots++;
    board.writing = false;
    this.note(board, { kind: 'off' });
    for (const cell of board.cells) {
      cell.outs = new Map();
      cell.stash = [];
      cell.timerAt = -1;
    }
    this.put({ t: this.now + offMs, place: 0, what: 'boot', board });
  }

  /** The output in the driver's hands: at-most-once loses it, at-least-once repeats it (PROTOCOL 6). */
  private interrupt(device: Device): void {
    const output = device.queue[0];
    device.queue = [];
    device.busy = false;
    if (!output || this.random() < 0.5 || this.shape.devices[device.index]?.latest) return;
    const { pid, e, low } = output;
    const lowEpoch = low < 0 ? undefined : low;
    if (!this.setting.atLeastOnce[device.index]) {
      this.core.admit(device.driver, pid >> 1, e, false, lowEpoch);
      return;
    }
    if (!this.core.admit(structuredClone(device.driver), pid >> 1, e, false, lowEpoch)) return;
    this.note(device.board, { kind: 'driver', device: device.index, e, component: pid >> 1, done: true });
  }

  private boot(board: Board): void {
    if (board.up) return;
    board.up = true;
    board.bootedAt = this.now;
    board.heard = [];
    board.waiting.clear();
    this.note(board, { kind: 'boot', resumed: true });
    const restored: [Cell, Restored][] = [];
    for (const cell of board.cells) {
      if (!cell.self || cell.dead) continue;
      const result = restore(this.core, cell.store, cell.app, this.hooks);
      if (result.differs) this.wrong('trace', cell.name, `after a power cut ${result.differs}`);
      this.happened.replayed += cell.store.log.length;
      cell.self = result.self;
      restored.push([cell, result]);
    }
    for (const [cell, { items }] of restored) {
      for (const { to, forward, queue } of cell.store.base?.unacknowledged ?? []) {
        const device = forward ? (queue[0]?.device ?? -1) : -1;
        const out = this.outOf(cell, to, device);
        out.queue = queue.slice();
        this.transmit(out);
      }
      const outputs = cell.store.base?.outputs ?? [];
      for (const device of board.devices) {
        if (device.index !== cell.pid >> 1) continue;
        for (const output of outputs) this.output(device.index, output);
      }
      for (const item of items) this.perform(cell, item);
    }
    for (const [cell, { items }] of restored) {
      for (const item of items) for (const e of item.effects) if (e.kind === 'decide') this.stopLows(cell, e);
      this.wake(cell);
    }
    for (const device of board.devices) {
      // of a set-point only the newest counts
      if (this.shape.devices[device.index]?.latest) device.queue.splice(0, device.queue.length - 1);
      for (const out of device.toReaders.values()) {
        out.flying = 0;
        this.transmit(out);
      }
    }
  }

  /** A board that has only low processes and seats is gone for good; some of what it sent goes with it. */
  crash(cell: Cell): void {
    this.happened.crashes++;
    cell.dead = true;
    cell.board.pending = cell.board.pending.filter((p) => p.cell !== cell);
    cell.outs = new Map();
    cell.stash = [];
    this.note(cell.board, { kind: 'gone', pid: cell.pid });
  }

  partition(groups: (board: Board) => number): void {
    this.happened.partitions++;
    for (const board of this.boards) board.group = groups(board);
  }

  heal(): void {
    for (const board of this.boards) board.group = 0;
  }

  // upgrades

  liveOf(): Pid[] {
    for (const { self } of this.cells) if (self && isSurvivor(self)) return self.live;
    return this.shape.live;
  }

  /** All survivors are in one epoch, none in a cut or a guarded operation, and every board is up. */
  quiet(): boolean {
    if (this.boards.some((board) => !board.up || board.pending.length > 0)) return false;
    let epoch = -1;
    for (const pid of this.liveOf()) {
      if (pid < 0) continue;
      const self = this.cell(pid).self;
      if (!self || !isSurvivor(self) || self.guarded || self.cut) return false;
      if (epoch >= 0 && self.epoch !== epoch) return false;
      epoch = self.epoch;
    }
    // a shadow that has not heard the end of the last operation still needs what others have sent it
    for (const { self, dead } of this.cells) {
      if (self && !dead && (self.role === 'low' || self.role === 'shadow')) return false;
    }
    return true;
  }

  stage(operation: Operation, only?: (cell: Cell) => boolean): void {
    const live = this.liveOf().slice();
    for (const pid of operation.lows) this.makeSeat(this.cell(pid), live);
    for (const cell of this.cells) {
      const self = this.running(cell);
      if (!self || self.role === 'stopped' || (only && !only(cell))) continue;
      if (self.role === 'seat' && !operation.lows.includes(cell.pid)) continue;
      this.give(cell, { kind: 'word', t: 0, seed: 0, word: 'stage', operation: structuredClone(operation) });
    }
    // staging ends with a durable base: what was left for a former process of a seat's number must not come again
    for (const board of this.boards) this.write(board);
    for (const cell of this.cells) if (this.running(cell)) this.base(cell, []);
  }

  private makeSeat(cell: Cell, live: Pid[]): void {
    if (cell.self && !cell.dead) this.note(cell.board, { kind: 'gone', pid: cell.pid });
    cell.life++;
    cell.dead = false;
    cell.stopped = false;
    cell.self = this.make(cell.pid, 'seat', live, cell.app);
    cell.outs = new Map();
    cell.stash = [];
    cell.timerAt = -1;
    cell.logging = true;
    this.base(cell, []);
    for (const other of this.cells) {
      for (const [key, out] of other.outs) if (out.to === cell.pid) other.outs.delete(key);
      other.stash = other.stash.filter((s) => s.out.from !== cell.pid);
    }
    for (const device of this.devices) device.toReaders.delete(cell.pid);
  }

  // the end

  /** What is still under way to a process that will take it, or null. */
  unsettled(): string | null {
    for (const board of this.boards) {
      if (!board.up) return `${board.name} is off`;
      if (board.pending.length > 0) return `${board.name} writes`;
      for (const device of board.devices) {
        if (device.queue.length > 0) return `driver ${device.index} is at work`;
        for (const out of device.toReaders.values()) if (this.counts(out)) return this.underWay(out);
      }
      for (const cell of board.cells) {
        const self = this.running(cell);
        if (!self) continue;
        if (self.cut && isSurvivor(self)) return `${cell.name} is frozen`;
        for (const out of cell.outs.values()) if (this.counts(out)) return this.underWay(out);
      }
    }
    return null;
  }

  private counts(out: Out): boolean {
    const head = out.queue[0];
    const cell = this.cell(out.to);
    const self = cell.self;
    if (!head || !self || cell.dead || cell.life !== out.toLife) return false;
    if (self.role === 'stopped' || self.role === 'seat') return false;
    const sender = out.from >= 0 ? this.cell(out.from).self : null;
    // what a process sent before it stopped, or a seat answered too late: its receiver has gone on without (PROTOCOL 5.5)
    return !((sender?.role === 'stopped' || sender?.role === 'seat') && head.epoch < self.epoch);
  }

  private underWay(out: Out): string {
    const from = out.from >= 0 ? this.cell(out.from).name : `device ${out.device}`;
    const head = out.queue[0];
    return `${head?.kind} ${head?.n || head?.i} of epoch ${head?.epoch} from ${from} to ${this.cell(out.to).name}`;
  }

  /** Judges the end of a run in which everything had time to come to rest. */
  finish(): void {
    const why = this.unsettled();
    if (why) this.wrong('progress', '', `the run does not come to rest: ${why}`);
    for (const device of this.devices) {
      if (device.newest === device.shown) continue;
      this.wrong(
        'border',
        `device ${device.index}`,
        `shows ${device.shown || 'nothing'}, the newest is ${device.newest}`,
      );
    }
  }
}
