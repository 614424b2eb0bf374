// One virtual board as a process of its own: killing it is a power cut, starting it again a boot from its flash file.
// Descriptor 3 is its serial line (the master of a pseudo-terminal, or a pipe), 4 the pipe to the testbed's daemon
// (pipe.ts). It ends when the daemon does.

import { constants, openSync, readFileSync, readSync, writeSync } from 'node:fs';
import { Socket } from 'node:net';
import { isatty, ReadStream } from 'node:tty';
import { crc32 } from 'node:zlib';
import type { Board } from '../../hal/hal.ts';
import { EXIT, Failure } from '../failure.ts';
import { bootBoard } from './board.ts';
import { toWire } from './message.ts';
import { openNor } from './nor.ts';
import { deviceBody, PIPE, pipeMessage, pipeReader, readDeviceBody } from './pipe.ts';
import { createRandom } from './random.ts';
import { BOARD_EXIT, type BoardSpec } from './spec.ts';

/** Real time that a risky call may take, ms: far beyond what one takes on a machine under load. */
const HANDLER_MS = 250;
/** The board is asked again after so long even where it wants to sleep longer, lab ms. */
const SLEEP_MAX_MS = 1000;
/** Kicks are passed on no more often than this, ms. */
const KICK_MS = 200;
/** Output that nobody reads beyond this is lost, as on a line without flow control. */
const SERIAL_HELD_MAX = 4 << 20;

const spec = JSON.parse(process.argv[2] ?? '{}') as BoardSpec;
const start = BigInt(spec.epochNs);
const random = createRandom(spec.seed, `${spec.name} ${spec.boot}`);
const serial = isatty(3) ? new ReadStream(3) : new Socket({ fd: 3 });
const pipe = new Socket({ fd: 4 });

/** All clocks of a testbed are one: the lab's time. */
function now(): number {
  return (Number(process.hrtime.bigint() - start) / 1e6) * spec.speed;
}

function send(kind: number, body: Uint8Array): void {
  pipe.write(pipeMessage(kind, body));
}

function log(text: string): void {
  send(PIPE.log, Buffer.from(text, 'utf8'));
}

/** Ends the process once what it has said is out. */
function leave(code: number): void {
  leaving = true;
  clearTimeout(timer);
  let open = 2;
  const one = (): void => {
    if (--open === 0) process.exit(code);
  };
  serial.write('', one);
  pipe.write('', one);
  setTimeout(() => process.exit(code), 500);
}

let board: Board | null = null;
let timer: NodeJS.Timeout | undefined;
let immediate = false;
let leaving = false;
let kickedAt = Number.NEGATIVE_INFINITY;
let lostBytes = 0;

/** What throws here is the firmware's own fault, and ends as on a real board: in a restart. */
function run(call: (board: Board) => void): void {
  if (!board || leaving) return;
  try {
    call(board);
    if (leaving) return;
    plan(board.poll());
  } catch (error) {
    crash(error);
  }
}

function turn(): void {
  run(() => undefined);
}

/** What has arrived comes first: else a board on a busy machine would take it for late. */
function soon(): void {
  if (immediate) return;
  immediate = true;
  setImmediate(() => {
    immediate = false;
    turn();
  });
}

function plan(next: number): void {
  clearTimeout(timer);
  if (leaving || immediate) return;
  const real = Math.min(Number.isFinite(next) ? next - now() : SLEEP_MAX_MS, SLEEP_MAX_MS) / spec.speed;
  if (real > 0.5) timer = setTimeout(soon, real);
  else soon();
}

function crash(error: unknown): void {
  if (leaving) return;
  const ours = error instanceof Failure;
  const message = error instanceof Error ? error.message : String(error);
  log(ours ? message : `the firmware threw: ${(error as Error)?.stack ?? message}`);
  const fault = ours ? error : new Failure('E_BOARD_FAULT', EXIT.boardFault, `its firmware threw: ${message}`);
  send(PIPE.fault, Buffer.from(JSON.stringify(toWire(fault)), 'utf8'));
  leave(ours ? BOARD_EXIT.fault : BOARD_EXIT.crash);
}

function readBundle(): Buffer {
  try {
    return readFileSync(spec.bundle);
  } catch (error) {
    const cause = `cannot read the board bundle: ${(error as Error).message}`;
    throw new Failure('E_BUNDLE', EXIT.boardFault, cause, 'npx understudy build, or install the package again');
  }
}

/** Memory that a reset leaves alone, as this process ends and the next one begins; a power cut removes it. */
function openKept(): { marked: number; mark(pid: number): void } {
  const fd = openSync(spec.keptFile, constants.O_RDWR | constants.O_CREAT, 0o600);
  const cell = new Int32Array(1);
  const marked = readSync(fd, cell, 0, 4, 0) === 4 ? (cell[0] as number) : -1;
  return {
    marked,
    // at once, and where whoever reads the file finds it: what is to be known of is a process that never goes on
    mark(pid) {
      cell[0] = pid;
      writeSync(fd, cell, 0, 4, 0);
    },
  };
}

function main(): void {
  const bundle = readBundle();
  const nor = openNor({ ...spec.flash, file: spec.flashFile });
  const kept = openKept();
  serial.on('data', (chunk: Buffer) => run((b) => b.serial(new Uint8Array(chunk))));
  serial.on('error', (error: Error) => log(`serial line: ${error.message}`));
  const read = pipeReader((kind, body) => {
    if (kind === PIPE.bus) run((b) => b.bus(new Uint8Array(body)));
    else if (kind === PIPE.input) {
      const { device, bytes } = readDeviceBody(body);
      run((b) => b.input(device, new Uint8Array(bytes)));
    }
  });
  pipe.on('data', read);
  // The daemon is gone, and with it the power.
  pipe.on('close', () => process.exit(BOARD_EXIT.orphan));
  pipe.on('error', () => process.exit(BOARD_EXIT.orphan));
  board = bootBoard({
    bundle: bundle.toString('utf8'),
    name: spec.name,
    flash: nor,
    memoryBytes: spec.memoryBytes,
    interrupts: spec.interrupts,
    handlerMs: HANDLER_MS,
    now,
    random: () => random.bits(),
    serial: (bytes) => {
      if (serial.writableLength > SERIAL_HELD_MAX) {
        if (lostBytes === 0) log('the serial line is full: nobody reads it; bytes are lost');
        lostBytes += bytes.length;
      } else serial.write(bytes);
    },
    bus: (bytes) => send(PIPE.bus, bytes),
    output: (device, bytes) => send(PIPE.output, deviceBody(device, bytes)),
    kick: () => {
      const at = performance.now();
      if (at - kickedAt < KICK_MS) return;
      kickedAt = at;
      send(PIPE.kick, new Uint8Array(0));
    },
    reset: () => leave(BOARD_EXIT.reset),
    cause: spec.cause,
    marked: kept.marked,
    mark: kept.mark,
    interrupted: () => log('a call did not return and was interrupted'),
  });
  if (leaving) return;
  send(PIPE.booted, Buffer.from(crc32(bundle).toString(16).padStart(8, '0')));
  turn();
}

process.on('uncaughtException', crash);
try {
  main();
} catch (error) {
  crash(error);
}
