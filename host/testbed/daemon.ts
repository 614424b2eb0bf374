// The testbed's daemon: it alone owns the boards' ports. It holds their processes, the bus between them, the device
// world beside them, and one link to each; commands, monitor and tests are clients on its socket (message.ts).

import { closeSync, openSync, rmSync, writeSync } from 'node:fs';
import type { Server, Socket } from 'node:net';
import { createServer } from 'node:net';
import { pack, unpack } from '../../firmware/link/pack.ts';
import type { TraceLine } from '../check/types.ts';
import { EXIT, Failure } from '../failure.ts';
import type { DeviceWorld, Image, WorldRecord } from '../lab.ts';
import { encodeLine } from '../trace/file.ts';
import type { TestbedConfig, TestbedDevice } from './config.ts';
import { createSeats } from './create.ts';
import type { Message } from './message.ts';
import { decodeMessage, encodeMessage, readLines, toWire } from './message.ts';
import type { Pty } from './pty.ts';
import { createRandom } from './random.ts';
import type { Seat, SeatEvents } from './seat.ts';
import type { StatePaths } from './state.ts';
import { lockState, makeState } from './state.ts';
import { BusSwitch } from './switch.ts';
import type { TraceLog } from './tracelog.ts';
import { createTraceLog } from './tracelog.ts';
import { every, loadWorld } from './world.ts';

/** The device world's records beyond this: the oldest go. */
export const RECORDS_MAX = 1_000_000;
/** A client that does not read is told no more trace lines beyond so many bytes; it learns how many it missed. */
const CLIENT_BYTES_MAX = 32 << 20;

const EVENTS = ['trace', 'progress', 'board', 'log'];

interface Client {
  socket: Socket;
  events: Set<string>;
  missed: number;
}

export interface DaemonOptions {
  config: TestbedConfig;
  /** pseudo-terminals for the boards on this machine, in their order; none: lines are pipes */
  ptys: Pty[];
  /** arguments for node that run board-process */
  program: string[];
  version: string;
}

export class Daemon {
  private readonly options: DaemonOptions;
  private readonly config: TestbedConfig;
  private readonly paths: StatePaths;
  private readonly started = new Date();
  private readonly epoch = process.hrtime.bigint();
  private readonly seats = new Map<string, Seat>();
  private readonly devices = new Map<string, TestbedDevice>();
  private readonly clients = new Set<Client>();
  private readonly rows: WorldRecord[] = [];
  private readonly stops: (() => void)[] = [];
  private world: DeviceWorld | null = null;
  private worldFailures = 0;
  private trace: TraceLog | null = null;
  private server: Server | null = null;
  private lock: Server | null = null;
  private logFd = -1;
  private ending: Promise<void> | null = null;
  /** called when everything is down */
  onDown: () => void = () => undefined;

  constructor(options: DaemonOptions) {
    this.options = options;
    this.config = options.config;
    this.paths = makeState(options.config.stateDir);
    for (const device of this.config.devices) this.devices.set(device.name, device);
  }

  /** Lab time, ms. */
  now(): number {
    return (Number(process.hrtime.bigint() - this.epoch) / 1e6) * this.config.speed;
  }

  /** Throws Failure; nothing is left running then. */
  async up(): Promise<void> {
    this.lock = await lockState(this.paths.folder);
    try {
      this.logFd = openSync(this.paths.log, 'a', 0o600);
      this.log(`testbed up: process ${process.pid}, ${this.config.systemFile}, speed ${this.config.speed}`);
      this.trace = createTraceLog(this.paths.trace, this.paths.traceBefore, this.config.header);
      this.seatAll();
      const world = this.config.world;
      const create = world ? await loadWorld(world.module, this.paths.folder) : null;
      await Promise.all([...this.seats.values()].map((seat) => seat.open()));
      if (world && create) this.world = this.createWorld(create, world.options);
      await this.listen();
    } catch (error) {
      this.log(`testbed cannot come up: ${(error as Error).message}`);
      await this.down();
      throw error;
    }
  }

  /** Ends every board, and all that belongs to the testbed but its flash files, log and trace. */
  down(): Promise<void> {
    this.ending ??= (async () => {
      for (const stop of this.stops) stop();
      await Promise.all([...this.seats.values()].map((seat) => seat.close()));
      this.trace?.close();
      this.log('testbed down');
      for (const client of this.clients) client.socket.end();
      if (this.server) {
        this.server.close();
        rmSync(this.paths.socket, { force: true });
      }
      this.lock?.close();
      if (this.logFd >= 0) closeSync(this.logFd);
      this.logFd = -1;
      this.onDown();
    })();
    return this.ending;
  }

  log(text: string): void {
    if (this.logFd >= 0) writeSync(this.logFd, `${new Date().toISOString()} ${text}\n`);
    this.publish('log', () => ({ event: 'log', text }));
  }

  private seatAll(): void {
    const bus = new BusSwitch<Seat>();
    const events: SeatEvents = {
      bus: (from, bytes) => {
        const to = bus.route(from, bytes);
        if (to) {
          if (to !== from) to.bus(bytes);
        } else for (const seat of this.seats.values()) if (seat !== from) seat.bus(bytes);
      },
      output: (_seat, device, bytes) => this.deviceOutput(device, bytes),
      changed: (seat, state, why) => {
        // What a board says of its own boots is in its trace; that its power went is not.
        if (state !== 'on')
          this.emit({ v: 1, t: Math.round(this.now() * 1000), board: seat.board.name, note: { kind: 'off' } });
        this.publish('board', () => ({ event: 'board', state, why, board: seat.info() }));
      },
      log: (text) => this.log(text),
    };
    const { config, paths, logFd } = this;
    const { ptys, program } = this.options;
    const seats = createSeats({ config, paths, logFd, ptys, program, events, epochNs: String(this.epoch) });
    for (const seat of seats) this.seat(seat);
  }

  private seat(seat: Seat): void {
    this.seats.set(seat.board.name, seat);
    seat.link.onTrace((line) => this.emit(line));
    seat.link.onLog((text) => this.log(`${seat.board.name}: ${text}`));
  }

  private emit(line: TraceLine): void {
    const text = encodeLine(line);
    this.trace?.write(text);
    this.publish('trace', () => ({ event: 'trace', line: text }));
  }

  private publish(event: string, make: () => Message): void {
    let text = '';
    for (const client of this.clients) {
      if (!client.events.has(event)) continue;
      if (event === 'trace' && client.socket.writableLength > CLIENT_BYTES_MAX) {
        client.missed++;
        continue;
      }
      if (client.missed > 0) {
        client.socket.write(encodeMessage({ event: 'missed', lines: client.missed }));
        client.missed = 0;
      }
      if (text === '') text = encodeMessage(make());
      client.socket.write(text);
    }
  }

  private createWorld(
    create: NonNullable<Awaited<ReturnType<typeof loadWorld>>>,
    options: Record<string, unknown>,
  ): DeviceWorld {
    const random = createRandom(this.config.seed, 'world');
    return create(
      {
        now: () => this.now(),
        every: (periodMs, fn) => {
          this.stops.push(
            every(
              () => this.now(),
              this.config.speed,
              periodMs,
              () => this.guard(fn),
            ),
          );
        },
        input: (name, values) => this.deviceInput(name, values),
        random: () => random.next(),
        record: (name, values) => {
          this.rows.push({ t: this.now(), name, values: [...values] });
          if (this.rows.length > RECORDS_MAX) this.rows.splice(0, RECORDS_MAX >> 3);
        },
      },
      options,
    );
  }

  /** A fault of the device world must not take the boards with it; it is told, once in full. */
  private guard(fn: () => void): void {
    try {
      fn();
    } catch (error) {
      this.worldFailures++;
      if (this.worldFailures <= 3) this.log(`the device world threw: ${(error as Error).stack ?? String(error)}`);
    }
  }

  private deviceInput(name: string, values: Record<string, unknown>): void {
    const device = this.devices.get(name);
    if (!device?.in)
      throw new Failure('E_WORLD', EXIT.usage, `the device world feeds ${name}, which is no input device`);
    this.seats.get(device.board)?.input(name, pack(device.in, values, name));
  }

  private deviceOutput(name: string, bytes: Uint8Array): void {
    const device = this.devices.get(name);
    const world = this.world;
    if (!device?.out || !world) return;
    const out = device.out;
    this.guard(() => world.output(name, unpack(out, bytes) as Record<string, number | boolean | number[]>));
  }

  private listen(): Promise<void> {
    // We have the lock: a socket that is there was left behind by a daemon that was killed.
    rmSync(this.paths.socket, { force: true });
    const server = createServer((socket) => this.serve(socket));
    this.server = server;
    return new Promise((resolve, reject) => {
      server.once('error', reject);
      server.listen(this.paths.socket, () => resolve());
    });
  }

  private serve(socket: Socket): void {
    const client: Client = { socket, events: new Set(), missed: 0 };
    this.clients.add(client);
    socket.on('error', () => undefined);
    socket.on('close', () => this.clients.delete(client));
    readLines(socket, (line) => {
      let message: Message;
      try {
        message = decodeMessage(line);
      } catch (error) {
        const cause = `a line that is no JSON: ${(error as Error).message}`;
        const failure = new Failure('E_MESSAGE', EXIT.usage, cause, 'send one JSON object a line');
        socket.write(encodeMessage({ id: null, error: toWire(failure) }));
        return;
      }
      void this.answer(client, message);
    });
  }

  private async answer(client: Client, message: Message): Promise<void> {
    const id = typeof message.id === 'number' ? message.id : null;
    let text: string;
    try {
      text = encodeMessage({ id, result: (await this.perform(client, message)) ?? null });
    } catch (error) {
      if (!(error instanceof Failure)) this.log(`${message.method}: ${(error as Error).stack ?? String(error)}`);
      text = encodeMessage({ id, error: toWire(error) });
    }
    if (!client.socket.writable) return;
    client.socket.write(text);
    if (message.method === 'down') {
      client.socket.end();
      void this.down();
    }
  }

  private async perform(client: Client, message: Message): Promise<unknown> {
    const params = message.params ?? {};
    switch (message.method) {
      case 'info':
        return this.info();
      case 'list':
        return [...this.seats.values()].map((seat) => seat.info());
      case 'request': {
        const seat = this.seatOf(params.board);
        seat.check();
        const timeoutMs = typeof params.timeoutMs === 'number' ? params.timeoutMs : undefined;
        return seat.link.request(string(params.verb, 'verb'), record(params.args), timeoutMs);
      }
      case 'upload': {
        const seat = this.seatOf(params.board);
        seat.check();
        if (params.slot !== 'active' && params.slot !== 'staged') throw wrong('slot', 'active or staged');
        const image = record(params.image) as unknown as Image;
        if (!(image.bytes instanceof Uint8Array)) throw wrong('image.bytes', 'bytes');
        return seat.link.upload(params.slot, image, (progress) => {
          client.socket.write(encodeMessage({ event: 'progress', id: message.id, progress }));
        });
      }
      case 'subscribe': {
        const events = Array.isArray(params.events) ? params.events : [];
        for (const event of events) if (!EVENTS.includes(event)) throw wrong('events', EVENTS.join(', '));
        client.events = new Set(events as string[]);
        return { events };
      }
      case 'power': {
        const seat = this.seatOf(params.board);
        await (params.on === true ? seat.on() : seat.off());
        return seat.info();
      }
      case 'records':
        return this.rows;
      case 'flush':
        this.trace?.flush();
        return { trace: this.paths.trace, before: this.trace?.turned() ? this.paths.traceBefore : null };
      case 'down':
        // Boards first: when the answer comes, they are gone.
        await Promise.all([...this.seats.values()].map((seat) => seat.close()));
        return { pid: process.pid };
      default:
        throw wrong('method', 'info, list, request, upload, subscribe, power, records, flush or down');
    }
  }

  private info(): Record<string, unknown> {
    return {
      pid: process.pid,
      version: this.options.version,
      systemFile: this.config.systemFile,
      stateDir: this.paths.folder,
      speed: this.config.speed,
      seed: this.config.seed,
      started: this.started.toISOString(),
      /** lab time zero on the machine's monotonic clock, ns */
      epochNs: String(this.epoch),
      now: this.now(),
      line: this.options.ptys.length > 0 ? 'pty' : 'pipe',
      trace: this.paths.trace,
      log: this.paths.log,
      worldFailures: this.worldFailures,
      links: Object.fromEntries([...this.seats].map(([name, seat]) => [name, seat.link.counters()])),
    };
  }

  private seatOf(name: unknown): Seat {
    const seat = typeof name === 'string' ? this.seats.get(name) : undefined;
    if (seat) return seat;
    const names = [...this.seats.keys()].join(', ');
    throw new Failure('E_BOARD', EXIT.noBoard, `no board named ${String(name)}`, `the testbed has ${names}`);
  }
}

function wrong(what: string, right: string): Failure {
  return new Failure('E_MESSAGE', EXIT.usage, `${what} must be ${right}`, 'is the command as new as the testbed?');
}

function string(value: unknown, what: string): string {
  if (typeof value !== 'string') throw wrong(what, 'a text');
  return value;
}

function record(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
}
