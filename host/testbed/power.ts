// The seat of a board whose power is in our hands: a process of this machine, whatever runs in it. Here is what all of
// them have in common: power, boots and restarts, the watchdog, who waits for them. What differs is its machine.

import { EXIT, Failure } from '../failure.ts';
import { BoardLink } from '../session/link.ts';
import type { TestbedBoard } from './config.ts';
import type { Seat, SeatEvents, SeatInfo } from './seat.ts';
import { offFailure, patientClock, Socketed } from './seat.ts';
import type { Cause } from './spec.ts';

/** A board that restarts by itself more often than RESTARTS_MAX times in RESTARTS_MS stays off. */
const RESTARTS_MAX = 8;
const RESTARTS_MS = 10_000;
/** And one that has not booted even once is given up after so many. */
const FIRST_RESTARTS_MAX = 2;
/** Between the end of a board's process and its next boot, ms. */
const RESTART_MS = 50;
/** Once a board has kicked its watchdog, it must do so again within this time, real ms. */
const WATCHDOG_MS = 10_000;
/** It must have booted its bundle by then, ms. */
const BOOT_MS = 20_000;
/** The line of such a board loses nothing; but its process may have to wait for the machine within a frame, ms. */
const QUIET_MS = 2000;

/** How the process of a board ended. */
export interface End {
  /** for people */
  how: string;
  /** by SIGKILL: its power is gone, unless we wanted it to boot again */
  killed: boolean;
  /** of its next boot */
  cause: Cause;
  /** it cannot run at all, and another boot would change nothing */
  fault: Failure | null;
}

/** What the process of a board tells, in one boot. */
export interface Told {
  /** the bundle has booted; `what` for people */
  booted(what: string): void;
  /** it lives (hal.kick), on boards whose watchdog is here */
  kick(): void;
  bus(bytes: Uint8Array): void;
  output(device: string, bytes: Uint8Array): void;
  log(text: string): void;
  /** it speaks nonsense */
  broken(why: string): void;
  /** after all that it has said */
  ended(end: End): void;
}

/** One boot of a board, until its end. */
export interface Run {
  pid: number;
  bus(bytes: Uint8Array): void;
  input(device: string, bytes: Uint8Array): void;
  /** SIGKILL */
  kill(): void;
}

/** What a board runs on. */
export interface Machine {
  readonly kind: 'virtual' | 'engine' | 'emulated';
  /** path of its serial port; '': there is none */
  readonly port: string;
  /** it does not tell of its boots: the firmware's own note is the first that is heard of one */
  readonly mute: boolean;
  /** Before its first boot: opens its line for good, where that outlives its power. */
  open(line: Socketed): Promise<void>;
  start(boot: number, cause: Cause, line: Socketed, told: Told): Run;
}

export class PoweredSeat implements Seat {
  readonly board: TestbedBoard;
  readonly link: BoardLink;
  boots = 0;
  private readonly line = new Socketed();
  private readonly machine: Machine;
  private readonly events: SeatEvents;
  private readonly watchdogMs: number;
  private run: Run | null = null;
  private booted = false;
  private everBooted = false;
  private wanted = false;
  private why = '';
  private restarts: number[] = [];
  private restartTimer: NodeJS.Timeout | undefined;
  private watchdog: NodeJS.Timeout | undefined;
  private late: NodeJS.Timeout | undefined;
  /** we killed it, to have it boot again: for this cause */
  private strangled: Cause | null = null;
  /** of its next boot */
  private cause: Cause = 'power';
  private waiting: { resolve(): void; reject(error: Failure): void }[] = [];
  private ends: (() => void)[] = [];

  constructor(board: TestbedBoard, machine: Machine, events: SeatEvents, watchdogMs = WATCHDOG_MS) {
    this.board = board;
    this.machine = machine;
    this.events = events;
    this.watchdogMs = watchdogMs;
    this.link = new BoardLink(board.name, this.line, patientClock, { quietMs: QUIET_MS });
    if (!machine.mute) return;
    this.link.onTrace(({ note }) => {
      if (note?.kind === 'boot' && this.run) this.hasBooted(`firmware ${String(note.firmware ?? '?')}`);
    });
  }

  info(): SeatInfo {
    const { kind, port } = this.machine;
    const { name, type } = this.board;
    const pid = this.run?.pid ?? 0;
    return { name, kind, type, port, powered: this.wanted, pid, boots: this.boots, why: this.why };
  }

  check(): void {
    if (!this.wanted) throw offFailure(this.board.name, this.why);
  }

  async open(): Promise<void> {
    await this.machine.open(this.line);
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
      this.start();
    }
    return result;
  }

  /** A power cut. Resolves when the process is gone. */
  async off(): Promise<void> {
    this.wanted = false;
    this.why = 'it was switched off';
    clearTimeout(this.restartTimer);
    const { run } = this;
    if (!run) return;
    await new Promise<void>((resolve) => {
      this.ends.push(resolve);
      run.kill();
    });
  }

  bus(bytes: Uint8Array): void {
    // What reaches a board before it has booted is gone, as it would be.
    if (this.booted) this.run?.bus(bytes);
  }

  input(device: string, bytes: Uint8Array): void {
    if (this.booted) this.run?.input(device, bytes);
  }

  async close(): Promise<void> {
    await this.off();
    this.link.close();
  }

  private start(): void {
    const { name } = this.board;
    this.boots++;
    this.link.broken();
    this.late = setTimeout(() => {
      this.events.log(`${name}: it has not booted within ${BOOT_MS / 1000} s`);
      this.strangle('watchdog');
    }, BOOT_MS);
    this.run = this.machine.start(this.boots, this.cause, this.line, {
      booted: (what) => this.hasBooted(what),
      kick: () => this.kicked(),
      bus: (bytes) => this.events.bus(this, bytes),
      output: (device, bytes) => this.events.output(this, device, bytes),
      log: (text) => this.events.log(`${name}: ${text}`),
      broken: (why) => {
        this.events.log(`${name}: ${why}`);
        this.strangle('fault');
      },
      ended: (end) => this.ended(end),
    });
  }

  private hasBooted(what: string): void {
    if (this.booted) return;
    clearTimeout(this.late);
    this.booted = true;
    this.everBooted = true;
    this.events.log(`${this.board.name}: boot ${this.boots}, ${what}`);
    this.events.changed(this, 'on', '');
    for (const waiting of this.waiting.splice(0)) waiting.resolve();
  }

  private kicked(): void {
    clearTimeout(this.watchdog);
    this.watchdog = setTimeout(() => {
      this.events.log(`${this.board.name}: the watchdog was not kicked for ${this.watchdogMs} ms`);
      this.strangle('watchdog');
    }, this.watchdogMs);
  }

  private ended(end: End): void {
    const { name } = this.board;
    this.run = null;
    this.booted = false;
    clearTimeout(this.watchdog);
    clearTimeout(this.late);
    for (const gone of this.ends.splice(0)) gone();
    const { strangled } = this;
    this.strangled = null;
    this.cause = strangled ?? end.cause;
    const stop = this.finality(end, strangled !== null);
    if (stop) {
      this.wanted = false;
      this.why = stop.why;
      for (const waiting of this.waiting.splice(0)) waiting.reject(stop.failure);
      this.events.changed(this, stop.state, stop.why);
      return;
    }
    if (this.cause !== 'reset') this.events.log(`${name}: its process ended (${end.how})`);
    this.events.changed(this, this.cause === 'reset' ? 'reset' : 'crashed', end.how);
    this.restartTimer = setTimeout(() => {
      if (this.wanted && !this.run) this.start();
    }, RESTART_MS);
  }

  /** Why it stays off until somebody switches it on; null: it boots again. */
  private finality(end: End, strangled: boolean): { state: 'off' | 'crashed'; why: string; failure: Failure } | null {
    const { name } = this.board;
    if (!this.wanted) return { state: 'off', why: this.why, failure: offFailure(name, this.why) };
    // A process killed from outside has lost its power.
    if (end.killed && !strangled) {
      const why = 'its process was killed';
      return { state: 'off', why, failure: offFailure(name, why) };
    }
    if (end.fault) {
      const { code, exit, message, next } = end.fault;
      return { state: 'crashed', why: message, failure: new Failure(code, exit, `board ${name}: ${message}`, next) };
    }
    const at = performance.now();
    this.restarts = this.restarts.filter((before) => at - before < RESTARTS_MS);
    this.restarts.push(at);
    const most = this.everBooted ? RESTARTS_MAX : FIRST_RESTARTS_MAX;
    if (this.restarts.length <= most) return null;
    const why = `it restarted ${most} times in ${RESTARTS_MS / 1000} s (${end.how}) and was switched off`;
    const next = 'see testbed.log in the state folder';
    const failure = new Failure('E_BOARD_FAULT', EXIT.boardFault, `board ${name}: ${why}`, next);
    return { state: 'crashed', why, failure };
  }

  private strangle(cause: Cause): void {
    this.strangled = cause;
    this.run?.kill();
  }
}
