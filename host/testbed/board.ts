// A virtual board: the built bundle in a bare context, with a HAL of this machine's. Who makes it gives it time, flash
// and lines: the lockstep testbed many in one process, board-process.ts one in a process of its own.

import { Script } from 'node:vm';
import { crc32 } from 'node:zlib';
import type { Board, Flash, Hal } from '../../hal/hal.ts';
import { bareContext } from './bare.ts';
import type { Cause } from './spec.ts';

export interface BoardOptions {
  /** the ES5 bundle */
  bundle: string;
  name: string;
  flash: Flash;
  memoryBytes: number;
  /** can a call that hangs be interrupted? Boards whose engine cannot are played with false (PROTOCOL 7) */
  interrupts: boolean;
  /** real time that a risky call may take, ms */
  handlerMs: number;
  now(): number;
  random(): number;
  serial(bytes: Uint8Array): void;
  bus(bytes: Uint8Array): void;
  output(device: string, bytes: Uint8Array): void;
  kick?(): void;
  reset(): void;
  /** why it boots, and what stands in the memory that a reset leaves alone (hal.ts) */
  cause?: Cause;
  marked?: number;
  mark?(pid: number): void;
  /** a call had to be interrupted */
  interrupted?(): void;
}

/** Real time that the evaluation of a module may take, ms. */
const LOAD_MS = 2000;
const CALL = '\u0000call';

const scripts = new Map<string, Script>();

function scriptOf(text: string, filename: string): Script {
  let script = scripts.get(text);
  if (!script) {
    script = new Script(text, { filename });
    scripts.set(text, script);
  }
  return script;
}

function isTimeout(error: unknown): boolean {
  return (error as { code?: string } | null)?.code === 'ERR_SCRIPT_EXECUTION_TIMEOUT';
}

/** Boots the board; throws what the bundle throws. */
export function bootBoard(options: BoardOptions): Board {
  const context = bareContext() as Record<string, unknown>;
  const call = scriptOf(`globalThis[${JSON.stringify(CALL)}]()`, 'call');
  const run = (script: Script, budgetMs: number, what: string): unknown => {
    if (!options.interrupts) return script.runInContext(context);
    try {
      return script.runInContext(context, { timeout: budgetMs });
    } catch (error) {
      if (!isTimeout(error)) throw error;
      options.interrupted?.();
      throw new Error(`hang: ${what} did not return and was interrupted`);
    }
  };
  const hal: Hal = {
    board: options.name,
    engine: 'virtual',
    interrupts: options.interrupts,
    memoryBytes: options.memoryBytes,
    traces: true,
    now: options.now,
    random: options.random,
    crc32: (bytes, from, to, crc) => {
      // zlib begins anew where there is nothing to go on with
      if (from === to) return crc;
      const view = new Uint8Array(bytes.buffer as ArrayBuffer, bytes.byteOffset + from, to - from);
      return crc32(view, crc);
    },
    flash: options.flash,
    serial: (bytes) => {
      options.serial(new Uint8Array(bytes));
    },
    bus: (bytes) => {
      options.bus(new Uint8Array(bytes));
    },
    output: (device, bytes) => {
      options.output(device, new Uint8Array(bytes));
    },
    load: (text) => run(scriptOf(text, 'component'), LOAD_MS, 'the module'),
    call: (fn) => {
      context[CALL] = fn;
      run(call, options.handlerMs, 'a call');
    },
    cause: options.cause ?? 'power',
    mark: options.mark ?? null,
    marked: options.marked ?? -1,
    kick: () => {
      options.kick?.();
    },
    reset: options.reset,
  };
  scriptOf(options.bundle, 'board.js').runInContext(context);
  const bundle = context.understudy as { boot?: (hal: Hal) => Board } | undefined;
  delete context.understudy;
  if (!bundle?.boot) throw new Error('the bundle exports no boot function');
  return bundle.boot(hal);
}
