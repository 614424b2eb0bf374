// The seat of a board whose power is in our hands: a process of this machine, whatever runs in it. Here is what all of
// them have in common: power, boots and restarts, the watchdog, who waits for them. What differs is its machine.

import { EXIT, Failure } from '../failure.ts';
import { patienceOf } from '../lab.ts';
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
const LOG_NEXT = 'see testbed.log in the state folder';

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
  /** it starts anew by itself, and its process goes on */
  restarted(cause: 'reset' | 'fault' | 'watchdog'): void;
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
  /** for people: what it said last */
  said(): string;
  /** SIGKILL */
  kill(): void;
}

/** What a board runs on. */
export interface Machine {
  readonly kind: 'virtual' | 'engine' | 'emulated';
  /** path of its serial port; '': there is none */
  readonly port: string;
  /** it does not tell of its boots: it has to be asked */
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
  private readonly bootMs: number;
  private run: Run | null = null;
  private booted = false;
  private everBooted = false;
  private wanted = false;
  private why = '';
  private restarts: number[] = [];
  private restartTimer: NodeJS.Timeout | undefined;
  private watchdog: NodeJS.Timeout | undefined;
  private late: NodeJS.Timeout | undefined;
  /** we killed it, and why it is not to boot again */
  private hopeless: Failure | null = null;
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
    this.bootMs = BOOT_MS * patienceOf([machine]);
    this.link = new BoardLink(board.name, this.line, patientClock, {
      quietMs: QUIET_MS,
      patience: patienceOf([machine]),
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

  /** A boot begins: another one than that which was heard of before. */
  private begin(): void {
    this.boots++;
    this.booted = false;
    this.link.broken();
    clearTimeout(this.late);
    this.late = setTimeout(() => this.tooLate(), this.bootMs);
  }

  private ask(): void {
    const boot = this.boots;
    this.link.greet(this.bootMs).then(
      (hello) => {
        if (boot === this.boots && this.run) this.hasBooted(`${hello.engine}, firmware ${hello.firmware}`);
      },
      // too late says why, and an end of its process too
      () => undefined,
    );
  }

  private tooLate(): void {
    const said = this.run?.said() ?? '';
    const why = `it has not booted within ${this.bootMs / 1000} s${said === '' ? '' : `; its last words: ${said}`}`;
    this.events.log(`${this.board.name}: ${why}`);
    // one that never has will not do better the next time
    if (this.everBooted) this.strangle('watchdog');
    else this.giveUp(why);
  }

  /** It stays off, for this reason, until somebody switches it on. */
  private giveUp(why: string): void {
    this.hopeless = new Failure('E_BOARD_FAULT', EXIT.boardFault, why, LOG_NEXT);
    this.run?.kill();
  }

  private start(): void {
    const { name } = this.board;
    this.begin();
    this.run = this.machine.start(this.boots, this.cause, this.line, {
      booted: (what) => this.hasBooted(what),
      kick: () => this.kicked(),
      bus: (bytes) => this.events.bus(this, bytes),
      output: (device, bytes) => this.events.output(this, device, bytes),
      log: (text) => this.events.log(`${name}: ${text}`),
      restarted: (cause) => this.restarted(cause),
      broken: (why) => {
        this.events.log(`${name}: ${why}`);
        this.strangle('fault');
      },
      ended: (end) => this.ended(end),
    });
    if (this.machine.mute) this.ask();
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

  private restarted(cause: 'reset' | 'fault' | 'watchdog'): void {
    const said = this.run?.said() ?? '';
    const how = `${cause === 'reset' ? 'it was reset' : `it was reset: ${cause}`}${said === '' ? '' : `; ${said}`}`;
    const why = this.tooOften(how);
    if (why) {
      this.giveUp(why);
      return;
    }
    if (cause !== 'reset') this.events.log(`${this.board.name}: ${how}`);
    this.begin();
    this.ask();
    this.events.changed(this, cause === 'reset' ? 'reset' : 'crashed', how);
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
    const fault = this.hopeless ?? end.fault;
    this.hopeless = null;
    if (fault) {
      const { code, exit, message, next } = fault;
      return { state: 'crashed', why: message, failure: new Failure(code, exit, `board ${name}: ${message}`, next) };
    }
    // A process killed from outside has lost its power.
    if (end.killed && !strangled) {
      const why = 'its process was killed';
      return { state: 'off', why, failure: offFailure(name, why) };
    }
    const why = this.tooOften(end.how);
    if (!why) return null;
    const failure = new Failure('E_BOARD_FAULT', EXIT.boardFault, `board ${name}: ${why}`, LOG_NEXT);
    return { state: 'crashed', why, failure };
  }

  /** It starts anew; null: that is all right. */
  private tooOften(how: string): string | null {
    const at = performance.now();
    this.restarts = this.restarts.filter((before) => at - before < RESTARTS_MS);
    this.restarts.push(at);
    const most = this.everBooted ? RESTARTS_MAX : FIRST_RESTARTS_MAX;
    if (this.restarts.length <= most) return null;
    return `it restarted ${most} times in ${RESTARTS_MS / 1000} s (${how}) and was switched off`;
  }

  private strangle(cause: Cause): void {
    this.strangled = cause;
    this.run?.kill();
  }
}
