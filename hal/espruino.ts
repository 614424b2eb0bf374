// The driver of boards that run the official Espruino interpreter: makes a `Hal` of what that offers, and calls the
// firmware. hal/BOOT.md tells how it comes to run.
//
// Espruino gives a program no way to survive a full memory or stack, or a Ctrl-C: it leaves at once, past every `catch`
// and `finally`, and takes the handler or interval with it from which it was called. So nothing of the firmware runs in
// a handler. Handlers keep what came; all else is done in turns of a one-shot timer, and each turn begins with arming
// the next one. A turn that finds that the last one never ended begins the board anew, which is what a fault does on
// any board; what it needs to know of the last life stands in this driver's variables.

import type { Board, Flash, Hal } from './hal.ts';
import type { Access } from './line.ts';
import {
  createAccess,
  createLineReader,
  encodeLine,
  LINE_INPUT,
  LINE_OUTPUT,
  LINE_PACKET,
  offerAccess,
  pollAccess,
  readLine,
} from './line.ts';

/** What Espruino offers and this driver uses. */
export interface Port {
  setup(baud: number, options: object | undefined): void;
  on(event: string, fn: (data: string) => void): void;
  removeAllListeners(event: string): void;
  write(data: Uint8Array): void;
}
export interface Pages {
  getPage(at: number): { addr: number; length: number } | undefined;
  erasePage(at: number): void;
  write(data: Uint8Array, at: number): void;
  read(length: number, at: number): Uint8Array;
}
declare const E: {
  CRC32(data: Uint8Array | string): number;
  hwRand(): number;
  toUint8Array(data: string): Uint8Array;
  setConsole(port: Port | null, options: { force: boolean }): void;
  enableWatchdog(seconds: number, automatic: boolean): void;
  kickWatchdog(): void;
};
declare const process: { memory(): { free: number } };
declare function print(text: string): void;
/** Ends everything that runs, and begins with the boot code. */
declare function load(): void;
declare function getTime(): number;
declare function setTimeout(fn: () => void, ms: number): number;
declare function clearTimeout(timer: number): void;
declare function peek32(at: number): number;
declare function poke32(at: number, value: number): void;

export interface Wire {
  port: Port;
  baud: number;
  /** further options of `Serial.setup`: pins, or the path of a device */
  options?: object;
}

export interface Settings {
  /** this board's name in the system description */
  board: string;
  /** `pages`: Espruino's module Flash */
  flash: { pages: Pages; base: number; sectorBytes: number; sectors: number; programBytes: number };
  /** the host's line; without a baud rate it needs no setup (USB) */
  link: Wire;
  /** Espruino's `eval`: a text that names it cannot be made small */
  evaluate(text: string): unknown;
  bus?: Wire;
  /** the bus is one wire that all boards share (hal/BUS.md); without it, a line to the testbed, which carries devices too */
  shared?: { address: number; boards: number; slotMs: number; byteMs: number };
  /** the host's line is the port of the interpreter's console as well */
  console: boolean;
  /** 0: not known */
  memoryBytes: number;
  traces?: boolean;
  /** a watchdog resets the board that does not come to a turn for so long; 0: there is none */
  watchdogMs: number;
  /** address of a 32-bit register that a reset leaves alone and a power cut does not; 0: there is none */
  kept: number;
  /** text for the board's devices: evaluates to a function as DevicesOf; it stands in Storage */
  devices?: string;
  /** this program has shown that it runs */
  good?: () => void;
  /** the slot it runs from */
  slot?: number;
}

/** What the board's own text for its devices gives, and is given (hal/BOOT.md). */
export interface Devices {
  output(device: string, bytes: Uint8Array): void;
}
export type DevicesOf = (input: (device: string, bytes: Uint8Array) => void) => Devices;

/** In the upper half of the kept register: the lower one is ours. */
const KEPT = 0x5d550000;
/** Pieces of serial data that wait for a turn; more are lost, as on a line without flow control. */
const HELD_MAX = 200;
/** Pieces from the bus in one turn: a board that cannot keep up with them must still hear the host. */
const PIECES_MAX = 8;
/** A turn comes at the latest after so long, ms. */
const SLEEP_MAX_MS = 500;
/** A program that ran for so long is good. */
const GOOD_MS = 5000;
/** A fault so soon after the one before is one in a row with it: a slow board takes its time to boot. */
const SOON_MS = 60000;
/** So many faults in a row, and the system is not read any more; twice as many, and all begins anew: a program that is not good is given up. */
const FAULTS_MAX = 3;
/** Kept back, bytes: with nothing left at all, no further turn could begin. */
const RESERVE_BYTES = 400;
/** What the firmware reads at once of a system's image; nothing else that it needs is as long. */
const IMAGE_READ = 1024;
/** A frame from host or testbed that is incomplete for so long will never be whole: a turn may come in between, and take long. */
const PATIENT_QUIET_MS = 2000;
/** Packets that wait for their turn on a shared wire, bytes. */
const QUEUE_BYTES = 2048;
const NOTHING = new Uint8Array(0);
/** Whoever sends this on the host's line gets the interpreter's console there, and the board rests until it restarts. */
export const CONSOLE_WORD = '\x10understudy console\x10\n';

/** E.CRC32 always begins at 0; what it is to continue from goes into the first four bytes, for so long. */
function crc32(bytes: Uint8Array, from: number, to: number, crc: number): number {
  const part = from === 0 && to === bytes.length ? bytes : bytes.subarray(from, to);
  if (crc === 0) return E.CRC32(part) >>> 0;
  if (to - from >= 4) {
    for (let i = 0; i < 4; i++) part[i] ^= crc >>> (8 * i);
    const sum = E.CRC32(part) >>> 0;
    for (let i = 0; i < 4; i++) part[i] ^= crc >>> (8 * i);
    return sum;
  }
  let sum = ~crc;
  for (let i = from; i < to; i++) {
    sum ^= bytes[i];
    for (let bit = 0; bit < 8; bit++) sum = (sum >>> 1) ^ (sum & 1 ? 0xedb88320 : 0);
  }
  return ~sum >>> 0;
}

/** Length of the device's name, name, bytes. */
function deviceBody(device: string, bytes: Uint8Array): Uint8Array {
  const body = new Uint8Array(1 + device.length + bytes.length);
  body[0] = device.length;
  for (let i = 0; i < device.length; i++) body[1 + i] = device.charCodeAt(i);
  body.set(bytes, 1 + device.length);
  return body;
}

function deviceOf(body: Uint8Array): string {
  let device = '';
  for (let i = 1; i <= body[0]; i++) device += String.fromCharCode(body[i]);
  return device;
}

function flashOf(settings: Settings['flash'], starved: () => boolean): Flash {
  const pages = settings.pages;
  const base = settings.base;
  const flash: Flash = {
    sectorBytes: settings.sectorBytes,
    sectors: settings.sectors,
    programBytes: settings.programBytes,
    read: function (at, length) {
      if (length > IMAGE_READ && starved())
        throw new Error('the board faults whenever it runs it; is its memory too small?');
      return length > 0 ? pages.read(length | 0, (base + at) | 0) : NOTHING;
    },
    program: function (at, bytes) {
      if (bytes.length === 0) return;
      pages.write(bytes, (base + at) | 0);
      // the interpreter tells of nothing that goes wrong
      if (E.CRC32(pages.read(bytes.length, (base + at) | 0)) !== E.CRC32(bytes)) {
        throw new Error('flash: what was programmed at ' + at + ' reads otherwise');
      }
    },
    erase: function (sector) {
      // an integer for the engine too: it does not take a whole number that came out of a division
      const from = (base + sector * settings.sectorBytes) | 0;
      for (let at = from; at < from + settings.sectorBytes; ) {
        const page = pages.getPage(at);
        if (!page) throw new Error('flash: there is no page at ' + at);
        pages.erasePage(at);
        at = page.addr + page.length;
      }
    },
  };
  return flash;
}

/** Runs a board for ever. `boot` is the bundle's; `devicesOf` what the board's own text evaluates to, or null. */
export function drive(settings: Settings, boot: (hal: Hal) => Board, devicesOf: DevicesOf | null): void {
  const begun = getTime();
  const link = settings.link.port;
  const bus = settings.bus ? settings.bus.port : null;
  let board: Board | null = null;
  let devices: Devices | null = null;
  /** true from the begin of a turn to its end: what finds it true at its begin follows a turn that never ended */
  let running = false;
  /** the board is to begin anew */
  let anew = true;
  let reserve = NOTHING;
  /** variables that were free at the begin */
  let free = 0;
  /** an engine that was interrupted does not find all of them again: there are too few now, and only `load` gives them back */
  let worn = false;
  /** faults in a row, each soon after the one before: then a system is not read any more, so that another can be flashed */
  let inRow = 0;
  let faultAt = 0;
  let timer = 0;
  let soon = false;
  let fromHost: string[] = [];
  let fromBus: string[] = [];
  let inputs: [string, Uint8Array][] = [];
  let access: Access | null = null;

  const now = function (): number {
    return (getTime() - begun) * 1000;
  };

  const hal: Hal = {
    board: settings.board,
    engine: 'espruino',
    interrupts: false,
    memoryBytes: settings.memoryBytes,
    traces: !!settings.traces,
    now: now,
    random: function () {
      return (E.hwRand() ^ (now() * 7919)) >>> 0;
    },
    crc32: crc32,
    flash: flashOf(settings.flash, function () {
      return inRow >= FAULTS_MAX;
    }),
    quietMs: PATIENT_QUIET_MS,
    serial: function (bytes) {
      link.write(bytes);
    },
    bus: function (bytes) {
      if (access) offerAccess(access, bytes);
      else if (bus) bus.write(encodeLine(LINE_PACKET, bytes, crc32));
    },
    output: function (device, bytes) {
      if (devices) devices.output(device, bytes);
      else if (bus && !access) bus.write(encodeLine(LINE_OUTPUT, deviceBody(device, bytes), crc32));
    },
    load: settings.evaluate,
    call: function (fn) {
      fn();
    },
    cause: 'power',
    mark: function (pid) {
      hal.marked = pid;
      if (settings.kept) poke32(settings.kept, KEPT | (pid + 1));
    },
    marked: -1,
    kick: function () {
      if (settings.watchdogMs) E.kickWatchdog();
    },
    reset: function () {
      hal.cause = 'reset';
      inRow = 0;
      anew = true;
      if (worn) load();
    },
  };

  let good = false;
  const fault = function (why: string): void {
    // where there is a console, that is
    print('understudy: ' + why);
    hal.cause = 'fault';
    anew = true;
    inRow = now() - faultAt < SOON_MS ? inRow + 1 : 1;
    faultAt = now();
    if (inRow > 2 * FAULTS_MAX) load();
  };

  /** the last characters on the host's line */
  let tail = '';
  let resting = false;
  const rest = function (): void {
    resting = true;
    link.removeAllListeners('data');
    if (bus) bus.removeAllListeners('data');
    E.setConsole(link, { force: true });
    print('understudy: at rest');
  };

  let turn = function (): void {};

  const arm = function (ms: number): void {
    if (timer) clearTimeout(timer);
    timer = setTimeout(turn, ms);
  };

  const listen = function (): void {
    link.removeAllListeners('data');
    link.on('data', function (data) {
      if (fromHost.length < HELD_MAX) fromHost.push(data);
      if (soon || running) return;
      soon = true;
      arm(1);
    });
    if (!bus) return;
    bus.removeAllListeners('data');
    bus.on('data', function (data) {
      if (fromBus.length < HELD_MAX) fromBus.push(data);
      if (soon || running) return;
      soon = true;
      arm(1);
    });
  };

  const hear = function (kind: number, payload: Uint8Array): void {
    const b = board as Board;
    if (kind === LINE_PACKET) b.bus(payload);
    else if (kind === LINE_INPUT) b.input(deviceOf(payload), payload.subarray(1 + payload[0]));
  };
  const reader = createLineReader(crc32, hear);
  // on a line to the testbed, which loses nothing
  reader.quietMs = PATIENT_QUIET_MS;

  /** Takes what came on the bus, and sends what is due there. Returns when it wants to be called again, ms. */
  const talk = function (pieces: number): number {
    do {
      const data = fromBus.shift();
      const bytes = data === undefined ? NOTHING : E.toUint8Array(data);
      if (access) {
        const frame = pollAccess(access, bytes, now());
        if (frame) (bus as Port).write(frame);
      } else readLine(reader, bytes, now());
    } while (fromBus.length > 0 && --pieces > 0);
    if (fromBus.length > 0) return now();
    if (access) return access.due;
    return reader.start < reader.end ? now() + reader.quietMs : Infinity;
  };

  const work = function (): number {
    if (anew) {
      anew = false;
      board = null;
      worn = process.memory().free < free - free / 16;
      reserve = new Uint8Array(RESERVE_BYTES);
      board = boot(hal);
    }
    const b = board as Board;
    while (fromHost.length > 0) {
      const data = fromHost.shift() as string;
      tail = (tail + data).slice(-CONSOLE_WORD.length);
      if (tail === CONSOLE_WORD) rest();
      else b.serial(E.toUint8Array(data));
    }
    if (bus) talk(PIECES_MAX);
    while (inputs.length > 0) {
      const input = inputs.shift() as [string, Uint8Array];
      b.input(input[0], input[1]);
    }
    let next = b.poll();
    if (bus) {
      const due = talk(1);
      if (due < next) next = due;
    }
    return anew ? 1 : next - now();
  };

  turn = function (): void {
    if (running) {
      // there may be no room for anything else before
      reserve = NOTHING;
      board = null;
      fromHost = [];
      fromBus = [];
      inputs = [];
    }
    timer = 0;
    if (resting) {
      hal.kick();
      arm(SLEEP_MAX_MS);
      return;
    }
    arm(1);
    if (running) {
      // memory or stack ran out, or a Ctrl-C: nothing of the last turn can be trusted, handlers included
      fault('the last turn was not ended');
      listen();
    }
    running = true;
    soon = false;
    let next = 1;
    try {
      next = work();
    } catch (error) {
      fault('' + error);
    }
    if (worn && inRow < FAULTS_MAX && now() - faultAt > SOON_MS) load();
    if (!good && now() > GOOD_MS) {
      good = true;
      if (settings.good) settings.good();
    }
    running = false;
    arm(next > 1 ? (next < SLEEP_MAX_MS ? next : SLEEP_MAX_MS) : 1);
  };

  if (settings.kept) {
    const kept = peek32(settings.kept);
    if (kept >>> 16 === KEPT >>> 16) {
      hal.marked = (kept & 0xffff) - 1;
      hal.cause = hal.marked >= 0 ? 'watchdog' : 'reset';
    }
    poke32(settings.kept, KEPT);
  }
  if (devicesOf) {
    devices = devicesOf(function (device, bytes) {
      inputs.push([device, bytes]);
      if (!running) arm(1);
    });
  }
  if (settings.console) E.setConsole(null, { force: true });
  if (settings.link.baud) link.setup(settings.link.baud, settings.link.options);
  if (settings.bus && bus) bus.setup(settings.bus.baud, settings.bus.options);
  if (settings.shared) {
    access = createAccess(
      {
        address: settings.shared.address,
        boards: settings.shared.boards,
        slotMs: settings.shared.slotMs,
        byteMs: settings.shared.byteMs,
        queueBytes: QUEUE_BYTES,
        crc: crc32,
        packet: function (payload) {
          hear(LINE_PACKET, payload);
        },
      },
      now(),
    );
  }
  listen();
  free = process.memory().free;
  if (settings.watchdogMs) E.enableWatchdog(settings.watchdogMs / 1000, false);
  arm(1);
}
