// A recording on the emulated chip: QEMU with the native board, the firmware in the real engine, its flash as it was. With
// `-icount` the chip's clock counts instructions, and nothing else: a run repeats to the instruction.

import { type ChildProcess, spawn } from 'node:child_process';
import {
  closeSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { boardScript } from '../build/bundle.ts';
import { BUNDLE_AT } from '../build/bundle-at.ts';
import { findTool, type NativeTarget } from '../build/engine-parts.ts';
import { bundleFor } from '../build/image.ts';
import { QEMU, QEMU_PACKAGE } from '../testbed/emulated.ts';
import type { ReplaySettings } from './board/replay.ts';
import type { Recording } from './recording.ts';
import { encodeCalls } from './recording.ts';

/** An instruction takes 2^10 ns, so that the clock's microsecond is one, nearly. */
const SHIFT = 10;
const INSTRUCTIONS_PER_MICRO = 1000 / 2 ** SHIFT;
/** The flash's memory; behind all that is used, how much of it was made blank (mps2-an385/port.c). */
const NOR_BYTES = 16 << 20;
const TAIL_AT = NOR_BYTES - 4096;
const MADE_AT = TAIL_AT + 8;
const CHIP: NativeTarget = 'mps2-an385';
const CHIP_SECTORS = 1024;
/** A call has as long as it wants: what is counted are instructions. */
const HANG_MS = 1_000_000;
const POLL_MS = 50;
/** Real time that a run may take, ms. */
const LONGEST_MS = 240_000;

/** The replaying program, its firmware and settings, as an ES5 text. */
export async function replayText(settings: ReplaySettings): Promise<string> {
  const imports = `import { replay } from './replay.ts';\nvar settings = ${JSON.stringify(settings)};`;
  const value = '{ boot: function (hal) { return replay(hal, settings); } }';
  return (await boardScript(imports, 'understudy', value, 'host/bench/board')).text;
}

export interface Run {
  /** what the board said on its console, and in its log */
  said: string[];
  log: string[];
  /** it said `end`; else it restarted, or took too long */
  ended: boolean;
}

export interface RunOptions {
  program: string;
  engine: string;
  /** ES5 */
  bundle: string;
  heap: number;
  /** from the beginning of the flash on, blank behind */
  flash: Uint8Array | null;
  made: number;
  sectorBytes: number;
  programBytes: number;
  /** count instructions: slower */
  count: boolean;
  /** the run is over when its console or its log has this */
  until: RegExp;
}

/** Runs a bundle on the chip until it has said what is waited for, or has restarted. */
export async function runOnChip(options: RunOptions): Promise<Run> {
  const { program, heap, sectorBytes, programBytes } = options;
  const folder = mkdtempSync(join(tmpdir(), 'understudy-chip-'));
  const file = (name: string): string => join(folder, name);
  let child: ChildProcess | null = null;
  try {
    const flash = openSync(file('nor'), 'w');
    truncateSync(file('nor'), NOR_BYTES);
    if (options.flash) writeSync(flash, options.flash, 0, options.flash.length, 0);
    writeSync(flash, new Uint32Array([options.made]), 0, 4, MADE_AT);
    closeSync(flash);
    const settings = {
      name: 'chip',
      heap,
      'sector-bytes': sectorBytes,
      sectors: (CHIP_SECTORS * 4096) / sectorBytes,
      'program-bytes': programBytes,
      'hang-ms': HANG_MS,
      'watchdog-ms': 0,
      'report-ms': 100,
    };
    const lines = Object.entries(settings).map(([key, value]) => `${key}=${value}\n`);
    writeFileSync(file('settings'), `${lines.join('')}\0`);
    writeFileSync(file('board.js'), await bundleFor({ engine: options.engine, target: CHIP }, options.bundle));
    for (const name of ['console', 'log']) writeFileSync(file(name), '');
    const line = (name: string, kind: string): string[] => [
      ...['-chardev', `${kind},id=${name}${kind === 'file' ? `,path=${file(name)}` : ''}`],
      ...['-serial', `chardev:${name}`],
    ];
    const args = [
      ...['-M', 'mps2-an385,memory-backend=nor', '-display', 'none', '-nodefaults', '-no-reboot'],
      ...['-object', `memory-backend-file,id=nor,size=16M,mem-path=${file('nor')},share=on`],
      ...['-kernel', program],
      ...['-device', `loader,file=${file('settings')},addr=0x002ff000,force-raw=on`],
      ...['-device', `loader,file=${file('board.js')},addr=${BUNDLE_AT[CHIP]},force-raw=on`],
      ...line('console', 'file'),
      ...line('bus', 'null'),
      ...line('log', 'file'),
      ...(options.count ? ['-icount', `shift=${SHIFT},sleep=off`] : []),
    ];
    const started = spawn(findTool(QEMU, QEMU_PACKAGE), args, { stdio: 'ignore' });
    child = started;
    let gone = false;
    const over = new Promise<void>((resolve) => {
      started.once('close', () => {
        gone = true;
        resolve();
      });
    });
    const read = (name: string): string => readFileSync(file(name), 'latin1');
    let ended = false;
    for (const end = Date.now() + LONGEST_MS; !gone && !ended && Date.now() < end; ) {
      await Promise.race([over, new Promise((resolve) => setTimeout(resolve, POLL_MS))]);
      ended = options.until.test(read('console')) || options.until.test(read('log'));
    }
    started.kill('SIGKILL');
    await over;
    return { said: read('console').trim().split('\n'), log: read('log').trim().split('\n'), ended };
  } finally {
    child?.kill('SIGKILL');
    rmSync(folder, { recursive: true, force: true });
  }
}

export interface Taken {
  /** of the call and the poll behind it; and of that poll alone */
  instructions: number;
  polling: number;
  /** flash programs, and their bytes */
  programs: number;
  programmed: number;
}

export interface Replayed {
  /** null: it did the same as in lockstep; else what was different */
  trouble: string | null;
  /** of each call, where they were asked for */
  taken: Taken[];
  /** bytes of the heap in use at most, and of the stack */
  heapPeak: number;
  stackPeak: number;
}

export function replaySettings({ board, part, calls }: Recording, each: boolean): ReplaySettings {
  return { board, sectors: part.sectors, at: part.sectors * part.sectorBytes, calls: calls.length, each };
}

export interface ReplayOptions {
  program: string;
  engine: string;
  heap: number;
  /** what each call took; without, it only has to do the same */
  each: boolean;
}

/** Has the chip do what was recorded. */
export async function replayOnChip(
  recording: Recording,
  { program, engine, heap, each }: ReplayOptions,
): Promise<Replayed> {
  const { part, flash, calls } = recording;
  const run = await runOnChip({
    program,
    engine,
    bundle: await replayText(replaySettings(recording, each)),
    heap,
    flash: Buffer.concat([flash, encodeCalls(calls)]),
    made: NOR_BYTES,
    sectorBytes: part.sectorBytes,
    programBytes: part.programBytes,
    count: each,
    until: /^(end|threw) .*\n/m,
  });
  return { trouble: troubleOf(run, recording), taken: run.said.flatMap(takenOf), ...peaksOf(run.log) };
}

function takenOf(line: string): Taken[] {
  const found = /^\d+ (\d+) (\d+) (\d+) (\d+)$/.exec(line);
  if (!found) return [];
  const [call, poll, programs, programmed] = found.slice(1).map(Number) as [number, number, number, number];
  const polling = poll * INSTRUCTIONS_PER_MICRO;
  return [{ instructions: call * INSTRUCTIONS_PER_MICRO + polling, polling, programs, programmed }];
}

function troubleOf({ said, log, ended }: Run, { calls, sum }: Recording): string | null {
  const last = said[said.length - 1] ?? '';
  if (!ended) return log.find((line) => /threw|too small|memory|duktape:|jerry/i.test(line)) ?? 'the chip restarted';
  if (last === `end ${calls.length} ${sum}`) return null;
  return last.startsWith('end') ? 'what it said is not what was recorded' : last;
}

/** As the board logs them (boards/native/main.c). */
export function peaksOf(log: string[]): { heapPeak: number; stackPeak: number } {
  const peaks = { heapPeak: 0, stackPeak: 0 };
  for (const line of log) {
    const found = /heap \d+ of \d+ B, peak (\d+) B; stack peak (\d+) of/.exec(line);
    if (!found) continue;
    peaks.heapPeak = Math.max(peaks.heapPeak, Number(found[1]));
    peaks.stackPeak = Math.max(peaks.stackPeak, Number(found[2]));
  }
  return peaks;
}
