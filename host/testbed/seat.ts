// The daemon's side of one board: what all kinds have in common. Boards whose power is in our hands are in power.ts,
// real ones in real.ts.

import { EXIT, Failure } from '../failure.ts';
import type { LabBoard } from '../lab.ts';
import type { BoardLink, Clock, Line } from '../session/link.ts';
import type { TestbedBoard } from './config.ts';

/** A timer that is due after the machine was busy lets what has arrived in the meantime be read first. */
export const patientClock: Clock = {
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

export type SeatInfo = LabBoard & { pid: number; boots: number; why: string };

export interface Seat {
  readonly board: TestbedBoard;
  readonly link: BoardLink;
  boots: number;
  info(): SeatInfo;
  /** Throws the Failure that tells why the board cannot be asked. */
  check(): void;
  /** Opens the line and, where its power is in our hands, boots the board. */
  open(): Promise<void>;
  on(): Promise<void>;
  off(): Promise<void>;
  bus(bytes: Uint8Array): void;
  input(device: string, bytes: Uint8Array): void;
  close(): Promise<void>;
}

/** A line whose other end may be exchanged under a link that stays. */
export class Socketed implements Line {
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

export function offFailure(name: string, why: string): Failure {
  const cause = `board ${name} has no power${why === '' ? '' : `: ${why}`}`;
  return new Failure('E_OFF', EXIT.noBoard, cause, `npx understudy testbed power ${name} on`);
}
