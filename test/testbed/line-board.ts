// The virtual board behind a bus line: a program with the command line, descriptors and exit codes of an engine
// program (boards/native/linux), for tests of what is around one.

import { closeSync, openSync, readFileSync, readSync, writeSync } from 'node:fs';
import { Socket } from 'node:net';
import { isatty, ReadStream } from 'node:tty';
import { crc32 } from 'node:zlib';
import { createLineReader, encodeLine, LINE_INPUT, LINE_OUTPUT, LINE_PACKET, readLine } from '../../hal/line.ts';
import type { Board } from '../../hal/hal.ts';
import { bootBoard } from '../../host/testbed/board.ts';
import { openNor } from '../../host/testbed/nor.ts';
import { deviceBody, readDeviceBody } from '../../host/testbed/pipe.ts';
import { createRandom } from '../../host/testbed/random.ts';
import { BOARD_EXIT, type Cause } from '../../host/testbed/spec.ts';

const args = new Map<string, string>();
for (let i = 2; i < process.argv.length; i += 2) args.set(process.argv[i] as string, process.argv[i + 1] as string);

function text(name: string): string {
  const value = args.get(`--${name}`);
  if (value === undefined) leave(BOARD_EXIT.fault, `no --${name}`);
  return value as string;
}

function number(name: string): number {
  return Number(text(name));
}

function leave(code: number, why: string): never {
  if (why !== '') writeSync(2, `${why}\n`);
  process.exit(code);
}

const crc = (bytes: Uint8Array, from: number, to: number, before: number): number =>
  crc32(bytes.subarray(from, to), before);

const epoch = BigInt(text('epoch-ns'));
const now = (): number => Number(process.hrtime.bigint() - epoch) / 1e6;
const console_ = isatty(3) ? new ReadStream(3) : new Socket({ fd: 3 });
const line = new Socket({ fd: 4 });
let board: Board | null = null;
let timer: NodeJS.Timeout | undefined;

function run(call: (board: Board) => void): void {
  if (!board) return;
  try {
    call(board);
    const next = board.poll();
    clearTimeout(timer);
    timer = setTimeout(() => run(() => undefined), Math.min(1000, Math.max(0, next - now())));
  } catch (error) {
    leave(BOARD_EXIT.crash, `the firmware threw: ${(error as Error).message}`);
  }
}

function send(kind: number, body: Uint8Array): void {
  line.write(encodeLine(kind, body, crc));
}

function main(): void {
  let bundle = '';
  try {
    bundle = readFileSync(text('bundle'), 'utf8');
  } catch (error) {
    leave(BOARD_EXIT.fault, `cannot read the board bundle: ${(error as Error).message}`);
  }
  const [sectorBytes, sectors, programBytes] = [number('sector-bytes'), number('sectors'), number('program-bytes')];
  const flash = openNor({ sectorBytes, sectors, programBytes, file: text('flash') });
  const cell = new Int32Array([-1]);
  const kept = openSync(text('kept'), 'a+', 0o600);
  const marked = readSync(kept, cell, 0, 4, 0) === 4 ? (cell[0] as number) : -1;
  closeSync(kept);
  const random = createRandom(number('seed'), 'line');
  console_.on('data', (chunk: Buffer) => run((b) => b.serial(new Uint8Array(chunk))));
  const reader = createLineReader(crc, (kind: number, payload: Uint8Array) => {
    if (kind === LINE_PACKET) run((b) => b.bus(new Uint8Array(payload)));
    if (kind !== LINE_INPUT) return;
    const { device, bytes } = readDeviceBody(payload);
    run((b) => b.input(device, new Uint8Array(bytes)));
  });
  line.on('data', (chunk: Buffer) => readLine(reader, chunk, now()));
  line.on('close', () => process.exit(BOARD_EXIT.orphan));
  line.on('error', () => process.exit(BOARD_EXIT.orphan));
  const hangMs = number('hang-ms');
  board = bootBoard({
    bundle,
    name: text('name'),
    flash,
    memoryBytes: number('heap'),
    interrupts: true,
    handlerMs: hangMs,
    now,
    random: () => random.bits(),
    serial: (bytes) => void console_.write(bytes),
    bus: (bytes) => send(LINE_PACKET, bytes),
    output: (device, bytes) => send(LINE_OUTPUT, deviceBody(device, bytes)),
    reset: () => setTimeout(() => leave(BOARD_EXIT.reset, ''), 20),
    cause: text('cause') as Cause,
    marked,
    mark: (pid) => {
      const file = openSync(text('kept'), 'r+');
      cell[0] = pid;
      writeSync(file, cell, 0, 4, 0);
      closeSync(file);
    },
  });
  writeSync(2, `booted for ${text('cause')}\n`);
  run(() => undefined);
}

try {
  main();
} catch (error) {
  leave(BOARD_EXIT.fault, (error as Error).message);
}
