// A lab: the boards of a testbed as commands, tests and the demonstration see them. Two make it: the lockstep
// testbed inside this process (host/testbed/lockstep.ts) and the client of the testbed's daemon
// (host/testbed/client.ts). What is done with boards (host/operate/) knows only this.

import type { TraceLine } from './check/types.ts';

/** A board's reply to a request; an `error` reply is thrown as a Failure instead. */
export type Reply = Record<string, unknown>;

export interface Progress {
  board: string;
  done: number;
  total: number;
  resent: number;
}

export interface LabBoard {
  name: string;
  kind: 'virtual' | 'engine' | 'emulated' | 'real';
  /** type of board: a file in boards/ */
  type: string;
  /** path of the serial port, or '' inside the process */
  port: string;
  powered: boolean;
}

/** An emulated chip or an engine's program shares this machine with others: what it does may take so many times longer. */
const SHARED_PATIENCE = 4;

/** How many times longer than on a board of its own something may take before it counts as gone wrong. */
export function patienceOf(boards: Pick<LabBoard, 'kind'>[]): number {
  return boards.some(({ kind }) => kind === 'emulated' || kind === 'engine') ? SHARED_PATIENCE : 1;
}

export interface Lab {
  boards(): LabBoard[];
  /** Asks the agent of a board. Throws Failure E_TIMEOUT (exit 6), E_OFF (exit 3), or what the board answers. */
  request(board: string, verb: string, args?: Record<string, unknown>, timeoutMs?: number): Promise<Reply>;
  /** Moves an image to a slot of the board's flash, and has the board check and take it. */
  upload(board: string, slot: 'active' | 'staged', image: Image, onProgress?: (p: Progress) => void): Promise<Reply>;
  /** Every trace line of every board from now on. Returns a function that ends it. */
  onTrace(listener: (line: TraceLine) => void): () => void;
  /** Power of a virtual board: off is a power cut, on a boot from its flash. */
  power(board: string, on: boolean): Promise<void>;
  /** Lets this much of the lab's time pass, ms. */
  wait(ms: number): Promise<void>;
  /** The lab's time, ms. */
  now(): number;
  /** What the device world recorded: rows of [time ms, name, numbers]. */
  records(): Promise<WorldRecord[]>;
  close(): Promise<void>;
}

export interface WorldRecord {
  t: number;
  name: string;
  values: number[];
}

/** What one board keeps of a version in a slot of its flash (firmware/image.ts). */
export interface Image {
  bytes: Uint8Array;
  /** hash of the plan, 16 hex digits */
  hash: string;
  /** take it although this board has reverted it before */
  again?: boolean;
}

/**
 * The device world: what stands beside the boards and is moved by their outputs. A module of a testbed exports
 * `createWorld(bench, options): DeviceWorld`.
 */
export interface Bench {
  /** ms since the testbed came up */
  now(): number;
  /** calls `fn` every `periodMs`, first after one period */
  every(periodMs: number, fn: () => void): void;
  /** gives a device of the system a new input */
  input(device: string, values: Record<string, number | boolean | number[]>): void;
  /** uniform in [0, 1); the same for the same seed */
  random(): number;
  /** keeps values for reports and charts: the world's truth, which no board sees */
  record(name: string, values: number[]): void;
}

export interface DeviceWorld {
  /** an output of a device took effect */
  output(device: string, values: Record<string, number | boolean | number[]>): void;
}

export type CreateWorld = (bench: Bench, options: Record<string, unknown>) => DeviceWorld;
