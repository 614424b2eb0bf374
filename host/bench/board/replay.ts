// Runs in place of the firmware, with the firmware inside: does once more what one board did in the lockstep testbed.
// Each call that its firmware got there stands in flash behind the board's own; what it says is summed up, so that the
// host can tell whether it said the same to the byte. The rest of the HAL is the engine's own. Board language.

import type { Board, Hal } from '../../../hal/hal.ts';
import { decode } from '../../../firmware/link/cbor.ts';
import { crc32 } from '../../../firmware/link/crc.ts';
import { boot } from '../../../firmware/main.ts';

export interface ReplaySettings {
  /** the board's name in the recording, and the sectors that are its own */
  board: string;
  sectors: number;
  /** address of the recording, and how many calls it has */
  at: number;
  calls: number;
  /** say what each call took */
  each: boolean;
}

/** Kinds of calls: of the recording, each [kind, time in ms, device, bytes], with its length before it, u16. */
const BOOT = 0;
const SERIAL = 1;
const BUS = 2;
const INPUT = 3;

/** The same on every engine: what a board draws has to be what it drew in the recording. */
export function drawing(): () => number {
  let n = 0;
  return function () {
    n = (n * 1664525 + 1013904223) % 4294967296;
    return n;
  };
}

/** `used`: memory in use now, in what the engine counts it; the most of it, up to each call, is said. */
export function replay(hal: Hal, settings: ReplaySettings, used?: () => number): Board {
  const native = hal.crc32 || crc32;
  const flash = hal.flash;
  let at = settings.at;
  let call = 0;
  let time = 0;
  let board: Board | null = null;
  let resetting = false;
  let sum = 0;
  let programs = 0;
  let programmed = 0;
  let done = false;
  let most = 0;

  const look = function (): void {
    if (!used) return;
    const now = used();
    if (now > most) most = now;
  };

  const say = function (line: string): void {
    const bytes = new Uint8Array(line.length + 1);
    for (let i = 0; i < line.length; i++) bytes[i] = line.charCodeAt(i);
    bytes[line.length] = 10;
    hal.serial(bytes);
  };

  const tell = function (bytes: Uint8Array): void {
    look();
    sum = native(bytes, 0, bytes.length, sum);
  };

  const own: Hal = {
    board: settings.board,
    engine: 'virtual',
    interrupts: true,
    memoryBytes: 0,
    traces: false,
    now: function () {
      look();
      return time;
    },
    random: drawing(),
    crc32: hal.crc32,
    flash: {
      sectorBytes: flash.sectorBytes,
      sectors: settings.sectors,
      programBytes: flash.programBytes,
      read: flash.read,
      program: function (to, bytes) {
        programs++;
        programmed += bytes.length;
        flash.program(to, bytes);
      },
      erase: flash.erase,
    },
    serial: tell,
    bus: function (bytes) {
      tell(bytes);
      hal.bus(bytes);
    },
    output: function (_device, bytes) {
      tell(bytes);
    },
    load: hal.load,
    call: hal.call,
    cause: 'power',
    mark: hal.mark,
    marked: -1,
    kick: function () {},
    reset: function () {
      resetting = true;
    },
  };

  const once = function (): void {
    const head = flash.read(at, 2);
    const length = (head[0] as number) + 256 * (head[1] as number);
    const entry = decode(flash.read(at + 2, length)) as [number, number, string, Uint8Array];
    at += 2 + length;
    const kind = entry[0];
    time = entry[1];
    const bytes = new Uint8Array(entry[3]);
    programs = 0;
    programmed = 0;
    const began = hal.now();
    if (kind === BOOT) {
      own.cause = resetting ? 'reset' : 'power';
      resetting = false;
      board = boot(own);
    } else if (board) {
      if (kind === SERIAL) board.serial(bytes);
      else if (kind === BUS) board.bus(bytes);
      else if (kind === INPUT) board.input(entry[2], bytes);
    }
    const called = hal.now();
    if (board) board.poll();
    const polled = hal.now();
    if (used) {
      look();
      say('used ' + call + ' ' + most);
    }
    if (settings.each) {
      const micros = Math.round((called - began) * 1000) + ' ' + Math.round((polled - called) * 1000);
      say(call + ' ' + micros + ' ' + programs + ' ' + programmed);
    }
    call++;
  };

  const nothing = function (): void {};
  return {
    serial: nothing,
    bus: nothing,
    input: nothing,
    poll: function () {
      hal.kick();
      if (done) return hal.now() + 1000;
      try {
        if (call < settings.calls) once();
        else done = true;
      } catch (error) {
        done = true;
        say('threw ' + call + ' ' + ((error && (error as Error).message) || error));
      }
      if (done) say('end ' + call + ' ' + sum);
      return hal.now();
    },
  };
}
