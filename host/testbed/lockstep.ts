// The testbed in lockstep: all boards inside this process, and time that moves only when every board is idle. A run
// is a function of its seed, and as fast as the machine goes.

import { pack, unpack } from '../../firmware/link/pack.ts';
import type { Field } from '../../firmware/plan.ts';
import type { Board, Flash } from '../../hal/hal.ts';
import type { TraceLine } from '../check/types.ts';
import { EXIT, Failure } from '../failure.ts';
import type { CreateWorld, DeviceWorld, Image, Lab, LabBoard, Progress, Reply, WorldRecord } from '../lab.ts';
import { BoardLink } from '../session/link.ts';
import { bootBoard } from './board.ts';
import type { Cut, Nor, NorOptions } from './nor.ts';
import { openNor, PowerCut } from './nor.ts';
import { EventQueue } from './queue.ts';
import type { Random } from './random.ts';
import { createRandom } from './random.ts';
import type { Cause } from './spec.ts';

export interface LockstepBoard {
  name: string;
  type: string;
  interrupts: boolean;
  memoryBytes: number;
  /** with a file the flash outlives the testbed */
  flash: NorOptions;
}

export interface LockstepDevice {
  name: string;
  board: string;
  in: Field[] | null;
  out: Field[] | null;
}

export interface LockstepOptions {
  bundle: string;
  boards: LockstepBoard[];
  devices: LockstepDevice[];
  createWorld?: CreateWorld;
  worldOptions?: Record<string, unknown>;
  seed: number;
  /** share of bus packets that are lost, damaged (one bit), sent twice */
  loss?: number;
  damage?: number;
  repeat?: number;
  /** how much the time of a packet varies, ms; one board's packets keep their order */
  jitterMs?: number;
  /** each board's clock begins at 0 with each boot, as real ones do */
  freshClocks?: boolean;
  /** hears of each call by which something leaves a board, just before it does: `kill` may still prevent that */
  tap?: (board: string, call: HalCall, bytes: Uint8Array) => void;
  /** false: boards' trace lines are not looked at, which is faster */
  traces?: boolean;
  /**
   * Hears of each call of a board's firmware, just before it, and how many others wait for that board: how long its
   * processor takes for it, ms.
   */
  takes?: (board: string, call: BoardCall, waiting: number) => number;
  /** another device bus than the one whose packets take about a millisecond: gets what boards say, and when */
  bus?: (bus: BusEnd) => (from: string, bytes: Uint8Array, at: number) => void;
}

/** A call of a board's firmware; behind each but a boot it is polled, too. */
export interface BoardCall {
  kind: 'boot' | 'serial' | 'bus' | 'input' | 'poll';
  bytes: Uint8Array;
  device: string;
}

/** What a bus of another kind has of the testbed. */
export interface BusEnd {
  now(): number;
  at(time: number, run: () => void): void;
  /** gives a packet to all other boards */
  deliver(from: string, bytes: Uint8Array): void;
}

/** Time of a packet on the bus, and how much of it varies, ms. */
const BUS_MS = 0.8;
const BUS_JITTER_MS = 0.6;
/** Time of bytes on the serial line, ms. */
const SERIAL_MS = 1;
/** A board that has more to do at once takes so long until it goes on, ms. */
const CALL_MS = 0.05;
/** A restart takes so long, ms. */
const REBOOT_MS = 50;
/** What a call costs in virtual time that had to be interrupted, ms, and what it takes in real time. */
const INTERRUPT_MS = 100;
const HANDLER_MS = 1000;
/** Links are told apart where boards outlive them; here they do not, and runs must repeat to the byte. */
const LINK_SESSION = 1;
/** A promise that the lab's time does not settle by then is a bug of ours, ms. */
const STUCK_MS = 3_600_000;

const NOTHING = new Uint8Array(0);
const POLL: BoardCall = { kind: 'poll', bytes: NOTHING, device: '' };
const BOOT: BoardCall = { kind: 'boot', bytes: NOTHING, device: '' };

export type HalCall = 'serial' | 'bus' | 'output';

/** A power cut, or a reset, in the middle of what a board does. */
export interface Kill {
  /**
   * At one of its calls of the HAL, which then does nothing; within a program or erase of its flash; or inside one of
   * the calls that it marks because they may never return.
   */
  at: 'call' | 'flash' | 'mark';
  /** so many others come before */
  more: number;
  /** `flash`: how far the operation comes, and which bits where any may be */
  how?: Cut;
  seed?: number;
  /** then power comes back, ms */
  offMs: number;
  /** no power cut, but a reset for this cause */
  cause?: Cause;
}

/** One run of a board's firmware, from boot to power cut: what is dead does nothing any more, whatever it calls. */
interface Life {
  dead: boolean;
}

interface Seat {
  options: LockstepBoard;
  life: Life;
  kill: Kill | null;
  /** memory that a reset leaves alone */
  marked: number;
  cause: Cause;
  /** the lab's time at which its clock showed 0 */
  zero: number;
  nor: Nor;
  board: Board | null;
  random: Random;
  link: BoardLink;
  receive: (bytes: Uint8Array) => void;
  boots: number;
  /** its wake-up that counts */
  wake: number;
  /** virtual time that interrupted calls have cost in this call, ms */
  cost: number;
  busyUntil: number;
  /** calls that wait for that */
  waiting: number;
  resetting: boolean;
  /** cut off from the device bus */
  unlinked: boolean;
  /** last packet's time on the bus, so that one sender's packets keep their order */
  sentAt: number;
}

export class Lockstep implements Lab {
  private time = 0;
  private readonly queue = new EventQueue();
  private readonly seats = new Map<string, Seat>();
  private readonly devices = new Map<string, LockstepDevice>();
  private readonly listeners = new Set<(line: TraceLine) => void>();
  private readonly rows: WorldRecord[] = [];
  private readonly busRandom: Random;
  private readonly world: DeviceWorld | null;
  private readonly bus: ((from: string, bytes: Uint8Array, at: number) => void) | null;
  private readonly options: LockstepOptions;
  /** events so far, for benchmarks */
  events = 0;

  constructor(options: LockstepOptions) {
    this.options = options;
    this.busRandom = createRandom(options.seed, 'bus');
    this.bus =
      options.bus?.({
        now: () => this.time,
        at: (time, run) => this.queue.add(time, run),
        deliver: (from, bytes) => this.deliver(this.seatOf(from), bytes),
      }) ?? null;
    for (const device of options.devices) this.devices.set(device.name, device);
    for (const board of options.boards) this.seats.set(board.name, this.createSeat(board));
    const worldRandom = createRandom(options.seed, 'world');
    this.world =
      options.createWorld?.(
        {
          now: () => this.time,
          every: (periodMs, fn) => {
            this.every(periodMs, fn);
          },
          input: (device, values) => {
            this.deviceInput(device, values);
          },
          random: () => worldRandom.next(),
          record: (name, values) => {
            this.rows.push({ t: this.time, name, values });
          },
        },
        options.worldOptions ?? {},
      ) ?? null;
    for (const seat of this.seats.values()) this.boot(seat);
  }

  private createSeat(options: LockstepBoard): Seat {
    const seat: Seat = {
      options,
      life: { dead: true },
      kill: null,
      marked: -1,
      cause: 'power',
      zero: 0,
      nor: openNor(options.flash),
      board: null,
      random: createRandom(this.options.seed, options.name),
      link: undefined as unknown as BoardLink,
      receive: () => {},
      boots: 0,
      wake: 0,
      cost: 0,
      busyUntil: 0,
      waiting: 0,
      resetting: false,
      unlinked: false,
      sentAt: 0,
    };
    seat.link = new BoardLink(
      options.name,
      {
        write: (bytes) => {
          const copy = new Uint8Array(bytes);
          this.queue.add(this.time + SERIAL_MS, () => {
            this.run(seat, (board) => board.serial(copy), { kind: 'serial', bytes: copy, device: '' });
          });
        },
        onData: (fn) => {
          seat.receive = fn;
        },
        close: () => {},
      },
      {
        now: () => this.time,
        after: (ms, fn) => {
          let live = true;
          this.queue.add(this.time + ms, () => {
            if (live) fn();
          });
          return () => {
            live = false;
          };
        },
      },
      { session: LINK_SESSION },
    );
    seat.link.onTrace((line) => {
      this.emit(line);
    });
    return seat;
  }

  private emit(line: TraceLine): void {
    for (const listener of this.listeners) listener(line);
  }

  private boot(seat: Seat): void {
    seat.boots++;
    seat.resetting = false;
    seat.zero = this.options.freshClocks ? this.time : 0;
    const life: Life = { dead: false };
    seat.life = life;
    /** A call of the HAL: does what it is for, unless power goes now, or has gone. */
    const alive = (call?: HalCall, bytes?: Uint8Array): boolean => {
      if (call && bytes && !life.dead) this.options.tap?.(seat.options.name, call, bytes);
      const kill = seat.kill;
      if (!life.dead && kill?.at === 'call' && kill.more-- <= 0) life.dead = true;
      return !life.dead;
    };
    const start = (): void => {
      seat.board = bootBoard({
        bundle: this.options.bundle,
        name: seat.options.name,
        flash: this.flashOf(seat, life),
        memoryBytes: seat.options.memoryBytes,
        interrupts: seat.options.interrupts,
        handlerMs: HANDLER_MS,
        now: () => this.time + seat.cost - seat.zero,
        random: () => seat.random.bits(),
        serial: (bytes) => {
          if (alive('serial', bytes) && (this.options.traces !== false || bytes[2] !== 0x13)) seat.receive(bytes);
        },
        bus: (bytes) => {
          if (alive('bus', bytes)) this.broadcast(seat, bytes);
        },
        output: (device, bytes) => {
          if (alive('output', bytes)) this.deviceOutput(device, bytes);
        },
        cause: seat.cause,
        marked: seat.marked,
        mark: (pid) => {
          if (!alive()) return;
          seat.marked = pid;
          const kill = seat.kill;
          if (pid >= 0 && kill?.at === 'mark' && kill.more-- <= 0) life.dead = true;
        },
        reset: () => {
          if (alive()) seat.resetting = true;
        },
        interrupted: () => {
          seat.cost += INTERRUPT_MS;
        },
      });
    };
    this.run(seat, start, BOOT);
  }

  /** The flash as a board sees it: once power is gone it does nothing. */
  private flashOf(seat: Seat, life: Life): Flash {
    const { nor } = seat;
    const within = <T>(work: () => T): T => {
      if (life.dead) throw new PowerCut('no power');
      try {
        return work();
      } catch (error) {
        if (error instanceof PowerCut) life.dead = true;
        throw error;
      }
    };
    return {
      sectorBytes: nor.sectorBytes,
      sectors: nor.sectors,
      programBytes: nor.programBytes,
      read: (at, length) => within(() => nor.read(at, length)),
      program: (at, bytes) => within(() => nor.program(at, bytes)),
      erase: (sector) => within(() => nor.erase(sector)),
    };
  }

  /** Calls a board, and asks it when it wants to be called again. */
  private run(seat: Seat, call: (board: Board) => void, what = POLL): void {
    const board = seat.board;
    if (!board && seat.life.dead) return;
    if (seat.busyUntil > this.time) {
      seat.waiting++;
      this.queue.add(seat.busyUntil, () => {
        seat.waiting--;
        if (seat.board === board) this.run(seat, call, what);
      });
      return;
    }
    seat.cost = this.options.takes?.(seat.options.name, what, seat.waiting) ?? 0;
    let next = this.time;
    try {
      call(board as Board);
      if (seat.board) next = seat.board.poll() + seat.zero;
    } catch (error) {
      if (!seat.life.dead) throw error;
    }
    if (seat.life.dead) {
      const { offMs, cause } = seat.kill ?? { offMs: REBOOT_MS };
      const { marked } = seat;
      seat.kill = null;
      this.cut(seat);
      if (cause !== undefined && cause !== 'power') {
        seat.cause = cause;
        seat.marked = marked;
      }
      this.queue.add(this.time + offMs, () => {
        if (!seat.board) this.boot(seat);
      });
      return;
    }
    seat.busyUntil = this.time + seat.cost;
    const wake = ++seat.wake;
    this.queue.add(Math.max(next, seat.busyUntil, this.time + CALL_MS), () => {
      if (seat.wake === wake) this.run(seat, () => {});
    });
    if (seat.resetting) {
      const { marked } = seat;
      this.cut(seat);
      seat.cause = 'reset';
      seat.marked = marked;
      this.queue.add(this.time + REBOOT_MS, () => {
        if (seat.resetting && !seat.board) this.boot(seat);
      });
    }
  }

  /** Power goes. */
  private cut(seat: Seat): void {
    seat.board = null;
    seat.life.dead = true;
    seat.cause = 'power';
    seat.marked = -1;
    seat.wake++;
    seat.busyUntil = 0;
    seat.nor.calm();
    this.emit({ v: 1, t: Math.round(this.time * 1000), board: seat.options.name, note: { kind: 'off' } });
  }

  /** Power will go in the middle of what this board does. */
  kill(name: string, kill: Kill): void {
    const seat = this.seatOf(name);
    seat.kill = { ...kill };
    if (kill.at === 'flash') seat.nor.cut(kill.more, kill.how ?? 'none', kill.seed);
  }

  /** Is it still to come? */
  armed(name: string): boolean {
    return this.seatOf(name).kill !== null;
  }

  /** Power stays after all. */
  disarm(name: string): void {
    const seat = this.seatOf(name);
    seat.kill = null;
    seat.nor.calm();
  }

  /** The first thing that a board has done against the rules of its flash. */
  violation(name: string): string | null {
    return this.seatOf(name).nor.violation;
  }

  private broadcast(from: Seat, bytes: Uint8Array): void {
    const { loss, damage, repeat, jitterMs } = this.options;
    if (from.unlinked || (loss && this.busRandom.next() < loss)) return;
    let carried = bytes;
    if (damage && this.busRandom.next() < damage) {
      carried = new Uint8Array(bytes);
      const bit = Math.floor(this.busRandom.next() * 8 * carried.length);
      carried[bit >> 3] = (carried[bit >> 3] as number) ^ (1 << (bit & 7));
    }
    if (this.bus) {
      this.bus(from.options.name, carried, this.time + from.cost);
      return;
    }
    const times = repeat && this.busRandom.next() < repeat ? 2 : 1;
    for (let i = 0; i < times; i++) {
      const at = this.time + from.cost + BUS_MS + (jitterMs ?? BUS_JITTER_MS) * this.busRandom.next();
      from.sentAt = Math.max(from.sentAt, at);
      this.queue.add(from.sentAt, () => this.deliver(from, carried));
    }
  }

  private deliver(from: Seat, bytes: Uint8Array): void {
    const call: BoardCall = { kind: 'bus', bytes, device: '' };
    for (const seat of this.seats.values()) {
      if (seat !== from && !seat.unlinked) this.run(seat, (board) => board.bus(bytes), call);
    }
  }

  private every(periodMs: number, fn: () => void): void {
    let count = 0;
    const start = this.time;
    const again = (): void => {
      fn();
      count++;
      this.queue.add(start + (count + 1) * periodMs, again);
    };
    this.queue.add(start + periodMs, again);
  }

  private deviceInput(name: string, values: Record<string, unknown>): void {
    const device = this.devices.get(name);
    if (!device?.in)
      throw new Failure('E_WORLD', EXIT.usage, `the device world feeds ${name}, which is no input device`);
    const bytes = pack(device.in, values);
    const seat = this.seats.get(device.board);
    if (seat) this.run(seat, (board) => board.input(name, bytes), { kind: 'input', bytes, device: name });
  }

  private deviceOutput(name: string, bytes: Uint8Array): void {
    const device = this.devices.get(name);
    if (!device?.out || !this.world) return;
    this.world.output(name, unpack(device.out, bytes) as Record<string, number | boolean | number[]>);
  }

  /** Lets one event happen. */
  private step(): void {
    const t = this.queue.next;
    const run = this.queue.take();
    if (!run) throw new Error('the lockstep testbed has nothing left to do');
    if (t > this.time) this.time = t;
    this.events++;
    run();
  }

  /** Moves time on until the promise settles. */
  private async drive<T>(promise: Promise<T>): Promise<T> {
    let settled = false;
    const watch = promise.then(
      () => {
        settled = true;
      },
      () => {
        settled = true;
      },
    );
    const limit = this.time + STUCK_MS;
    await Promise.resolve();
    while (!settled) {
      if (this.time > limit) throw new Error('the lockstep testbed waits for something that never comes');
      this.step();
      await Promise.resolve();
    }
    await watch;
    return promise;
  }

  private seatOf(name: string): Seat {
    const seat = this.seats.get(name);
    if (seat) return seat;
    const names = [...this.seats.keys()].join(', ');
    throw new Failure('E_BOARD', EXIT.noBoard, `no board named ${name}`, `the testbed has ${names}`);
  }

  private powered(name: string): Seat {
    const seat = this.seatOf(name);
    if (seat.board || seat.resetting) return seat;
    throw new Failure('E_OFF', EXIT.noBoard, `board ${name} has no power`, `understudy testbed power ${name} on`);
  }

  boards(): LabBoard[] {
    return [...this.seats.values()].map((seat) => ({
      name: seat.options.name,
      kind: 'virtual',
      type: seat.options.type,
      port: '',
      powered: seat.board !== null,
    }));
  }

  async request(board: string, verb: string, args: Record<string, unknown> = {}, timeoutMs?: number): Promise<Reply> {
    return this.drive(this.powered(board).link.request(verb, args, timeoutMs));
  }

  async upload(
    board: string,
    slot: 'active' | 'staged',
    image: Image,
    onProgress?: (p: Progress) => void,
  ): Promise<Reply> {
    return this.drive(this.powered(board).link.upload(slot, image, onProgress));
  }

  onTrace(listener: (line: TraceLine) => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  async power(board: string, on: boolean): Promise<void> {
    const seat = this.seatOf(board);
    if (on && !seat.board) this.boot(seat);
    if (!on && seat.board) this.cut(seat);
    if (!on) {
      seat.cause = 'power';
      seat.marked = -1;
    }
    seat.resetting = false;
  }

  /** The flash of a board, to look at it or to spoil it. */
  nor(name: string): Nor {
    return this.seatOf(name).nor;
  }

  /** Plugs a board off the device bus, or back in; it keeps its power and its serial line. */
  linked(board: string, on: boolean): void {
    this.seatOf(board).unlinked = !on;
  }

  async wait(ms: number): Promise<void> {
    const end = this.time + ms;
    let steps = 0;
    while (this.queue.next <= end) {
      this.step();
      if (++steps % 5000 === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    this.time = end;
  }

  now(): number {
    return this.time;
  }

  async records(): Promise<WorldRecord[]> {
    return this.rows;
  }

  async close(): Promise<void> {
    for (const seat of this.seats.values()) {
      seat.board = null;
      seat.life.dead = true;
      seat.nor.close();
    }
  }
}
