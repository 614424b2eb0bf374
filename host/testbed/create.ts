// The seat of each board of a testbed, by its kind.

import { mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { EXIT, Failure } from '../failure.ts';
import type { TestbedBoard, TestbedConfig } from './config.ts';
import { emulatedMachine } from './emulated.ts';
import { engineMachine } from './engine.ts';
import { espruinoMachine } from './espruino.ts';
import { PoweredSeat } from './power.ts';
import type { Pty } from './pty.ts';
import { RealSeat } from './real.ts';
import type { Seat, SeatEvents } from './seat.ts';
import type { StatePaths } from './state.ts';
import { VirtualSeat } from './virtual.ts';

export interface SeatContext {
  config: TestbedConfig;
  paths: StatePaths;
  /** beginning of the lab's time on the machine's monotonic clock, ns */
  epochNs: string;
  /** pseudo-terminals for the boards on this machine, in their order; none: their lines are sockets */
  ptys: Pty[];
  /** arguments for node that run board-process */
  program: string[];
  logFd: number;
  events: SeatEvents;
}

function createSeat(board: TestbedBoard, pty: Pty | null, context: SeatContext): Seat {
  const { config, paths, epochNs, program, logFd, events } = context;
  if (board.kind === 'real') return new RealSeat(board, events);
  const { flash } = board;
  if (!flash) {
    const cause = `board ${board.name} is ${board.kind} and has no flash geometry`;
    throw new Failure('E_TESTBED', EXIT.usage, cause, 'give its type');
  }
  const flashFile = paths.flash(board.name);
  mkdirSync(dirname(flashFile), { recursive: true });
  const { seed } = config;
  const bundle = board.image ?? config.bundle;
  const own = { bundle, flashFile, keptFile: `${flashFile}.kept`, seed, epochNs };
  if (board.kind === 'engine') {
    const machine = board.engine === 'espruino' ? espruinoMachine : engineMachine;
    return new PoweredSeat(board, machine({ ...own, board, pty }), events);
  }
  if (board.kind === 'emulated') {
    return new PoweredSeat(board, emulatedMachine({ board, bundle, flashFile, seed, pty }), events);
  }
  const spec = {
    ...own,
    name: board.name,
    flash,
    memoryBytes: board.memoryBytes ?? 0,
    interrupts: board.interrupts ?? true,
    speed: config.speed,
  };
  return new VirtualSeat(board, { spec, pty, program, logFd }, events);
}

export function createSeats(context: SeatContext): Seat[] {
  let next = 0;
  return context.config.boards.map((board) =>
    createSeat(board, board.kind === 'real' ? null : (context.ptys[next++] ?? null), context),
  );
}
