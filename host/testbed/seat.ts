// The daemon's side of one board: its line, its power, and, where it is virtual, its process.

import type { ChildProcess } from 'node:child_process';
import { spawn } from 'node:child_process';
import { existsSync, rmSync } from 'node:fs';
import type { Socket } from 'node:net';
import { EXIT, Failure } from '../failure.ts';
import type { LabBoard } from '../lab.ts';
import type { Clock, Line } from '../session/link.ts';
import { BoardLink } from '../session/link.ts';
import type { TestbedBoard } from './config.ts';
import type { WireError } from './message.ts';
import { fromWire } from './message.ts';
import { deviceBody, PIPE, pipeMessage, pipeReader, readDeviceBody } from './pipe.ts';
import { choosePort } from './ports.ts';
import type { Pty } from './pty.ts';
import { dropInput } from './pty.ts';
import { openPort, openSerial } from './serial.ts';
import { BOARD_EXIT, type BoardSpec, type Cause } from './spec.ts';

/** A board that restarts by itself more often than RESTARTS_MAX times in RESTARTS_MS stays off. */
const RESTARTS_MAX = 8;
const RESTARTS_MS = 10_000;
/** And one that has not booted even once is given up after so many. */
const FIRST_RESTARTS_MAX = 2;
/** Between the end of a board's process and its next boot, ms. */
const RESTART_MS = 50;
/** Once a board has kicked its watchdog, it must do so again within this time, real ms. */
const WATCHDOG_MS = 10_000;
/** A process must have booted its bundle by then, ms. */
const BOOT_MS = 20_000;
/** The line of a virtual board loses nothing; but its process may have to wait for the machine within a frame, ms. */
const QUIET_MS = 2000;
/** Ends the board with the daemon even while the board's own loop is stuck. */
const SETPRIV = '/usr/bin/setpriv';

/** A timer that is due after the machine was busy lets what has arrived in the meantime be read first. */
const patientClock: Clock = {
  now: () => performance.now(),
  after: (ms, fn) => {
    let live = true;
    const timer = setTimeout(() => {
      setImmediate(() => {
        if (live) fn();
      });
    }, ms);
    return () => {
      live = false;
      clearTimeout(timer);
    };
  },
};

export interface SeatEvents {
  bus(seat: Seat, bytes: Uint8Array): void;
  output(seat: Seat, device: string, bytes: Uint8Array): void;
  /** power or port changed; `why` for people */
  changed(seat: Seat, state: 'on' | 'off' | 'reset' | 'crashed' | 'lost', why: string): void;
  log(text: string): void;
}

export interface Seat {
  readonly board: TestbedBoard;
  readonly link: BoardLink;
  boots: number;
  info(): LabBoard & { pid: number; boots: number; why: string };
  /** Throws the Failure that tells why the board cannot be asked. */
  check(): void;
  /** Opens the line and, where virtual, boots the board. */
  open(): Promise<void>;
  on(): Promise<void>;
  off(): Promise<void>;
  bus(bytes: Uint8Array): void;
  input(device: string, bytes: Uint8Array): void;
  close(): Promise<void>;
}

/** A line whose other end may be exchanged under a link that stays. */
class Socketed implements Line {
  current: Line | null = null;
  private listener: (bytes: Uint8Array) => void = () => undefined;

  plug(line: Line): void {
    this.current = line;
    line.onData((bytes) => {
      if (this.current === line) this.listener(bytes);
    });
  }

  write(bytes: Uint8Array): void {
    this.current?.write(bytes);
  }

  onData(fn: (bytes: Uint8Array) => void): void {
    this.listener = fn;
  }

  close(): void {
    this.current?.close();
    this.current = null;
  }
}

function offFailure(name: string, why: string): Failure {
  const cause = `board ${name} has no power${why === '' ? '' : `: ${why}`}`;
  return new Failure('E_OFF', EXIT.noBoard, cause, `npx understudy testbed power ${name} on`);
}

export interface VirtualOptions {
  spec: Omit<BoardSpec, 'boot' | 'cause'>;
  /** null: the line is a pipe */
  pty: Pty | null;
  /** arguments for node that run board-process */
  program: string[];
  /** descriptor that the process's own stderr goes to */
  logFd: number;
  /** instead of WATCHDOG_MS */
  watchdogMs?: number;
}

export class VirtualSeat implements Seat {
  readonly board: TestbedBoard;
  readonly link: BoardLink;
  boots = 0;
  private readonly line = new Socketed();
  private readonly options: VirtualOptions;
  private readonly events: SeatEvents;
  private child: ChildProcess | null = null;
  private pipe: Socket | null = null;
  private booted = false;
  private everBooted = false;
  private wanted = false;
  private why = '';
  private restarts: number[] = [];
  private restartTimer: NodeJS.Timeout | undefined;
  private watchdog: NodeJS.Timeout | undefined;
  /** we killed it, to have it boot again: for this cause */
  private strangled: Cause | null = null;
  /** of its next boot */
  private cause: Cause = 'power';
  /** why its process said that it ends */
  private fault: Failure | null = null;
  private waiting: { resolve(): void; reject(error: Failure): void }[] = [];

  constructor(board: TestbedBoard, options: VirtualOptions, events: SeatEvents) {
    this.board = board;
    this.options = options;
    this.events = events;
    this.link = new BoardLink(board.name, this.line, patientClock, { quietMs: QUIET_MS });
  }

  info(): LabBoard & { pid: number; boots: number; why: string } {
    const { name, type } = this.board;
    const port = this.options.pty?.path ?? '';
    const powered = this.wanted;
    return { name, kind: 'virtual', type, port, powered, pid: this.child?.pid ?? 0, boots: this.boots, why: this.why };
  }

  check(): void {
    if (!this.wanted) throw offFailure(this.board.name, this.why);
  }

  async open(): Promise<void> {
    if (this.options.pty) this.line.plug(await openSerial(this.options.pty.path));
    await this.on();
  }

  /** Resolves when the bundle has booted. */
  on(): Promise<void> {
    if (this.booted) return Promise.resolve();
    const result = new Promise<void>((resolve, reject) => this.waiting.push({ resolve, reject }));
    if (!this.wanted) {
      this.wanted = true;
      this.why = '';
      this.restarts = [];
      this.cause = 'power';
      this.spawn();
    }
    return result;
  }

  /** A power cut. Resolves when the process is gone. */
  async off(): Promise<void> {
    this.wanted = false;
    this.why = 'it was switched off';
    clearTimeout(this.restartTimer);
    const child = this.child;
    if (!child) return;
    await new Promise<void>((resolve) => {
      child.once('close', () => resolve());
      child.kill('SIGKILL');
    });
  }

  bus(bytes: Uint8Array): void {
    this.tell(PIPE.bus, bytes);
  }

  input(device: string, bytes: Uint8Array): void {
    this.tell(PIPE.input, deviceBody(device, bytes));
  }

  async close(): Promise<void> {
    await this.off();
    this.link.close();
  }

  private tell(kind: number, body: Uint8Array): void {
    // What reaches a board before it has booted is gone, as it would be.
    if (this.booted) this.pipe?.write(pipeMessage(kind, body));
  }

  private spawn(): void {
    const { pty, program, spec, logFd } = this.options;
    this.boots++;
    if (this.cause === 'power') rmSync(spec.keptFile, { force: true });
    if (pty) dropInput(pty.master);
    this.link.broken();
    const own = [
      process.execPath,
      ...program,
      JSON.stringify({ ...spec, boot: this.boots, cause: this.cause } satisfies BoardSpec),
    ];
    const command = existsSync(SETPRIV) ? [SETPRIV, '--pdeathsig', 'KILL', '--', ...own] : own;
    const child = spawn(command[0] as string, command.slice(1), {
      stdio: ['ignore', logFd, logFd, pty ? pty.master : 'pipe', 'pipe'],
    });
    this.child = child;
    if (!pty) {
      const wire = child.stdio[3] as Socket;
      wire.on('error', () => undefined);
      this.line.plug({
        write: (bytes) => void (wire.writable && wire.write(bytes)),
        onData: (fn) => void wire.on('data', fn),
        close: () => void wire.destroy(),
      });
    }
    const pipe = child.stdio[4] as Socket;
    this.pipe = pipe;
    pipe.on('error', () => undefined);
    const read = pipeReader((kind, body) => this.heard(kind, body));
    pipe.on('data', (chunk: Buffer) => {
      try {
        read(chunk);
      } catch (error) {
        this.events.log(`${this.board.name}: ${(error as Error).message}`);
        this.strangle('fault');
      }
    });
    const late = setTimeout(() => {
      if (!this.booted) this.strangle('watchdog');
    }, BOOT_MS);
    child.once('error', (error) => this.events.log(`${this.board.name}: cannot start: ${error.message}`));
    // `close` comes after everything that the process said; `exit` may not.
    child.once('close', (code, signal) => {
      clearTimeout(late);
      this.ended(code, signal);
    });
  }

  private heard(kind: number, body: Uint8Array): void {
    const { name } = this.board;
    if (kind === PIPE.bus) this.events.bus(this, body);
    else if (kind === PIPE.output) {
      const { device, bytes } = readDeviceBody(body);
      this.events.output(this, device, bytes);
    } else if (kind === PIPE.log) this.events.log(`${name}: ${Buffer.from(body).toString('utf8')}`);
    else if (kind === PIPE.fault) this.fault = fromWire(JSON.parse(Buffer.from(body).toString('utf8')) as WireError);
    else if (kind === PIPE.kick) {
      const { watchdogMs = WATCHDOG_MS } = this.options;
      clearTimeout(this.watchdog);
      this.watchdog = setTimeout(() => {
        this.events.log(`${name}: the watchdog was not kicked for ${watchdogMs} ms`);
        this.strangle('watchdog');
      }, watchdogMs);
    } else if (kind === PIPE.booted) {
      this.booted = true;
      this.everBooted = true;
      this.events.log(`${name}: boot ${this.boots}, bundle ${Buffer.from(body).toString('utf8')}`);
      this.events.changed(this, 'on', '');
      for (const waiting of this.waiting.splice(0)) waiting.resolve();
    }
  }

  private ended(code: number | null, signal: NodeJS.Signals | null): void {
    const { name } = this.board;
    this.child = null;
    this.pipe = null;
    this.booted = false;
    clearTimeout(this.watchdog);
    if (!this.wanted) {
      this.fail(offFailure(name, this.why));
      this.events.changed(this, 'off', this.why);
      return;
    }
    // A process killed from outside has lost its power: it comes back when somebody switches it on.
    const { strangled } = this;
    this.strangled = null;
    if (signal === 'SIGKILL' && !strangled) {
      this.wanted = false;
      this.why = 'its process was killed';
      this.fail(offFailure(name, this.why));
      this.events.changed(this, 'off', this.why);
      return;
    }
    this.cause = strangled ?? (code === BOARD_EXIT.reset ? 'reset' : 'fault');
    const fault = this.fault;
    this.fault = null;
    if (fault && code === BOARD_EXIT.fault) {
      this.wanted = false;
      this.why = fault.message;
      this.fail(new Failure(fault.code, fault.exit, `board ${name}: ${fault.message}`, fault.next));
      this.events.changed(this, 'crashed', this.why);
      return;
    }
    const how = fault ? fault.message : signal ? `killed by ${signal}` : `exit code ${code}`;
    if (code !== BOARD_EXIT.reset) this.events.log(`${name}: its process ended (${how})`);
    const at = performance.now();
    this.restarts = this.restarts.filter((before) => at - before < RESTARTS_MS);
    this.restarts.push(at);
    const most = this.everBooted ? RESTARTS_MAX : FIRST_RESTARTS_MAX;
    if (this.restarts.length > most) {
      this.wanted = false;
      this.why = `it restarted ${most} times in ${RESTARTS_MS / 1000} s (${how}) and was switched off`;
      this.fail(
        new Failure(
          'E_BOARD_FAULT',
          EXIT.boardFault,
          `board ${name}: ${this.why}`,
          'see testbed.log in the state folder',
        ),
      );
      this.events.changed(this, 'crashed', this.why);
      return;
    }
    this.events.changed(this, code === BOARD_EXIT.reset ? 'reset' : 'crashed', how);
    this.restartTimer = setTimeout(() => {
      if (this.wanted && !this.child) this.spawn();
    }, RESTART_MS);
  }

  private strangle(cause: Cause): void {
    this.strangled = cause;
    this.child?.kill('SIGKILL');
  }

  private fail(error: Failure): void {
    for (const waiting of this.waiting.splice(0)) waiting.reject(error);
  }
}

export class RealSeat implements Seat {
  readonly board: TestbedBoard;
  readonly link: BoardLink;
  boots = 0;
  private readonly line = new Socketed();
  private readonly events: SeatEvents;
  private path = '';
  private why = '';

  constructor(board: TestbedBoard, events: SeatEvents) {
    this.board = board;
    this.events = events;
    this.link = new BoardLink(board.name, this.line, patientClock);
  }

  info(): LabBoard & { pid: number; boots: number; why: string } {
    const { name, type } = this.board;
    const powered = this.line.current !== null;
    return { name, kind: 'real', type, port: this.path, powered, pid: 0, boots: 0, why: this.why };
  }

  check(): void {
    if (this.line.current) return;
    const cause = `the port of board ${this.board.name} went away: ${this.why}`;
    throw new Failure(
      'E_UNPLUGGED',
      EXIT.link,
      cause,
      `plug it in, then npx understudy testbed power ${this.board.name} on`,
    );
  }

  async open(): Promise<void> {
    this.path = choosePort(this.board.port ?? '');
    const line = await openPort(this.path, this.board.baud);
    line.onLost((why) => {
      if (this.line.current !== line) return;
      this.line.current = null;
      this.why = why;
      this.events.changed(this, 'lost', why);
    });
    this.line.plug(line);
    this.why = '';
    this.events.changed(this, 'on', '');
  }

  /** Opens the port again where it went away. */
  async on(): Promise<void> {
    if (!this.line.current) await this.open();
  }

  off(): Promise<void> {
    const cause = `board ${this.board.name} is a real one: its power is not in our hands`;
    return Promise.reject(new Failure('E_POWER', EXIT.usage, cause, 'pull its plug'));
  }

  /** A real board has a bus of its own. */
  bus(): void {}

  /** And devices of its own. */
  input(): void {}

  async close(): Promise<void> {
    this.link.close();
  }
}
