// A type of board: what its file says, and what cannot be, whoever says it. What fits on it is not claimed but computed
// (operate/fits.ts).

import { RECORD_SECTORS } from '../../firmware/image.ts';
import { RECORD_HEADER, SECTOR_HEADER, SECTORS_MIN } from '../../hal/ring.ts';
import type { Problem, TypeOf } from './shape.ts';
import {
  address,
  choice,
  distinct,
  flag,
  list,
  named,
  nullable,
  number,
  object,
  optional,
  suggestion,
  text,
} from './shape.ts';

/** Of records, two slots of one sector each, and a journal: fewer sectors hold no system. */
export const SECTORS_LEAST = RECORD_SECTORS + 2 + SECTORS_MIN;
/** Erases that a sector of an ordinary part stands; what a file says that says nothing else. */
export const ENDURANCE = 100_000;

const version = choice('the format of this file', [1] as const);
const pin = text('a pin, as its interpreter or port names it');
const baud = number('bits a second', 300, 10_000_000, true);

const console_ = object('the serial port to the host', {
  uart: text('its name, as Serial1 or USB'),
  tx: optional(nullable(pin), null),
  rx: optional(nullable(pin), null),
  baud: optional(baud, 115_200),
});

const bus = object('the UART of the device bus, the one wire that all boards share', {
  uart: text('its name, as Serial2'),
  tx: optional(nullable(pin), null),
  rx: optional(nullable(pin), null),
  enable: optional(nullable(text('the pin that turns a transceiver (RS-485) to sending')), null),
  baud: optional(baud, 115_200),
  slotMs: optional(number('length of a slot on the line, ms; 0: what the line takes by itself', 0, 1000), 0),
});

const layout = object('erase units of one size that follow each other', {
  sectors: number('how many', 1, 2 ** 20, true),
  sectorBytes: number('bytes of each', 16, 2 ** 24, true),
});

const part = object('something else on the same chip', {
  what: text('what it is, as interpreter, Storage, bootloader'),
  base: address('its first address'),
  bytes: number('its length', 1, 2 ** 32, true),
});

const chip = object('the whole memory that the flash is a part of', {
  base: address('its first address'),
  bytes: number('its length', 1, 2 ** 32, true),
});

const flash = object('flash for records, slots and journal', {
  base: optional(nullable(address('where it begins on the chip; null: it is a file, or a part of its own')), null),
  sectorBytes: number('erase unit as the firmware sees it, bytes', 16, 2 ** 24, true),
  sectors: number('how many of them; 0: the interpreter leaves none', 0, 2 ** 20, true),
  programBytes: number('smallest unit that can be programmed, bytes', 1, 4096, true),
  layout: optional(list('erase units of the chip from base on, where they differ from sectorBytes', layout), []),
  eraseMs: optional(number('typical time of an erase of one sector, ms; 0: not known', 0, 60_000), 0),
  eraseMaxMs: optional(number('longest time of an erase of one sector, ms; 0: not known', 0, 600_000), 0),
  stalls: optional(flag('nothing runs while it erases: no byte is heard'), false),
  endurance: optional(number('erases that a sector stands', 1, 1e9, true), ENDURANCE),
  chip: optional(nullable(chip), null),
  others: optional(list('what else is on the chip', part), []),
});

export const boardShape = object('a type of board', {
  understudy: version,
  name: text('its name'),
  chip: optional(text('its microcontroller, for people'), 'not told'),
  engine: choice('the JavaScript engine', ['virtual', 'espruino', 'jerryscript', 'duktape'] as const),
  build: optional(
    choice(
      'where its interpreter comes from: host: a program of this machine; port: boards/native; release: official builds; source: build it yourself',
      ['host', 'port', 'release', 'source'] as const,
    ),
    'source',
  ),
  interrupts: flag('a call that does not return can be interrupted'),
  watchdog: optional(flag('a watchdog resets a board that hangs'), false),
  watchdogMs: optional(number('time after which it does, ms; 0: the driver’s own', 0, 3_600_000), 0),
  keeps: optional(flag('a number survives a reset, and no power cut: after a hang it tells which process hung'), false),
  keptAt: optional(nullable(address('the word of the chip that does so; null: the port’s own way, or none')), null),
  memoryBytes: optional(number('memory for the application and the runtime, bytes; 0: not known', 0, 2 ** 40, true), 0),
  variables: optional(number('Espruino: how many variables it has; 0: not known', 0, 65_535, true), 0),
  variableBytes: optional(number('Espruino: bytes of each; 0: not known', 0, 64, true), 0),
  stackBytes: optional(number('stack of C, bytes; 0: not known', 0, 2 ** 24, true), 0),
  codeBytes: optional(number('room for the bundle, bytes; 0: not known', 0, 2 ** 32, true), 0),
  partitions: optional(
    number('boards of a system that it can host, each in an engine heap of its own (isolation)', 1, 16, true),
    1,
  ),
  uarts: optional(number('serial ports, USB not counted; 0: not known', 0, 32, true), 0),
  console: optional(nullable(console_), null),
  bus: optional(nullable(bus), null),
  pins: optional(named('pins that something else on the board is wired to', pin), {}),
  flash,
  unknown: optional(distinct('figures above that nobody has measured, as flash.sectors', text('a figure')), []),
  notes: optional(list('what is to know of it, and where the figures come from', text('a note')), []),
});

export type BoardType = TypeOf<typeof boardShape>;
export type FlashPart = BoardType['flash'];

export function hex(value: number): string {
  return `0x${value.toString(16).padStart(8, '0')}`;
}

function kb(bytes: number): string {
  return bytes % 1024 === 0 ? `${bytes / 1024} KB` : `${bytes} B`;
}

type Say = (path: string, reason: string) => void;

/** The paths of all figures that a description can have. */
export function figuresOf(board: BoardType): string[] {
  const out: string[] = [];
  const walk = (value: object, path: string): void => {
    for (const [key, item] of Object.entries(value)) {
      const at = path ? `${path}.${key}` : key;
      out.push(at);
      if (typeof item === 'object' && item !== null && !Array.isArray(item) && key !== 'pins') walk(item, at);
    }
  };
  walk(board, '');
  const none = ['understudy', 'name', 'unknown', 'notes'];
  return out.filter((path) => !none.includes(path));
}

function checkUnknown(board: BoardType, say: Say): void {
  const figures = figuresOf(board);
  board.unknown.forEach((figure, i) => {
    if (!figures.includes(figure)) say(`unknown[${i}]`, `${figure} is no figure; ${suggestion(figure, figures)}`);
  });
}

function checkEngine(board: BoardType, say: Say): void {
  const { engine, variables, variableBytes, memoryBytes, unknown } = board;
  if (engine === 'espruino') {
    if (board.interrupts) say('interrupts', 'is true; Espruino cannot interrupt a call: wanted false');
    if (board.partitions > 1) {
      say('partitions', `is ${board.partitions}; Espruino has one heap: wanted 1`);
    }
    if (variables > 0 && variableBytes === 0) {
      say(
        'variableBytes',
        `missing; wanted the bytes of each of the ${variables} variables: 12 to 16, by their number`,
      );
    }
    if (variables === 0 && variableBytes > 0) say('variables', 'missing; variableBytes without them says nothing');
    const product = variables * variableBytes;
    if (memoryBytes > 0 && product > 0 && memoryBytes !== product) {
      const right = `${variables} variables of ${variableBytes} bytes are ${product}`;
      say('memoryBytes', `is ${memoryBytes}; ${right}: leave it out, it follows`);
    }
    if (memoryBytes === 0 && variables === 0 && !unknown.includes('memoryBytes') && !unknown.includes('variables')) {
      say('variables', 'missing; wanted the number of variables, or "variables" in `unknown`');
    }
  } else {
    if (variables > 0) say('variables', `is ${variables}; only Espruino counts memory in variables: give memoryBytes`);
    if (variableBytes > 0) say('variableBytes', `is ${variableBytes}; only Espruino counts memory in variables`);
    if (memoryBytes === 0 && !unknown.includes('memoryBytes')) {
      say('memoryBytes', 'missing; wanted the bytes of the engine’s heap, or "memoryBytes" in `unknown`');
    }
  }
  if (board.keptAt !== null && !board.keeps) {
    say('keeps', `is false, and keptAt is ${hex(board.keptAt)}; wanted true here, or nothing there`);
  }
  if (board.watchdogMs > 0 && !board.watchdog) {
    say('watchdogMs', `is ${board.watchdogMs}, and watchdog is false; wanted true there, or nothing here`);
  }
}

function checkPorts(board: BoardType, say: Say): void {
  const users = new Map<string, string>();
  const take = (name: string | null, path: string): void => {
    if (name === null) return;
    const other = users.get(name);
    if (other) say(path, `pin ${name} is that of ${other} already; a pin can do one thing`);
    else users.set(name, path);
  };
  for (const [user, name] of Object.entries(board.pins)) take(name, `pins.${user}`);
  take(board.console?.tx ?? null, 'console.tx');
  take(board.console?.rx ?? null, 'console.rx');
  take(board.bus?.tx ?? null, 'bus.tx');
  take(board.bus?.rx ?? null, 'bus.rx');
  take(board.bus?.enable ?? null, 'bus.enable');
  if (board.bus && board.console && board.bus.uart === board.console.uart) {
    say('bus.uart', `is ${board.bus.uart}, which is the console’s; the bus wants a UART of its own`);
  }
  if (board.bus && /^usb/i.test(board.bus.uart))
    say('bus.uart', `is ${board.bus.uart}; USB is no line that boards share`);
  for (const port of ['console', 'bus'] as const) {
    const { tx, rx } = board[port] ?? { tx: null, rx: null };
    if ((tx === null) !== (rx === null)) {
      const [there, missing] = tx === null ? ['rx', 'tx'] : ['tx', 'rx'];
      say(`${port}.${missing}`, `missing; ${port}.${there} is ${tx ?? rx}, and one without the other is no line`);
    }
  }
  const wanted = [board.console, board.bus].filter((port) => port && !/^usb/i.test(port.uart)).length;
  if (board.uarts > 0 && wanted > board.uarts) {
    say('uarts', `is ${board.uarts}; console and bus take ${wanted}`);
  }
}

function overlap(a: { base: number; bytes: number }, b: { base: number; bytes: number }): boolean {
  return a.base < b.base + b.bytes && b.base < a.base + a.bytes;
}

function range({ base, bytes }: { base: number; bytes: number }): string {
  return `${hex(base)} to ${hex(base + bytes - 1)}`;
}

function checkLayout({ layout, sectorBytes, sectors }: FlashPart, say: Say): void {
  if (layout.length === 0) return;
  const total = layout.reduce((sum, unit) => sum + unit.sectors * unit.sectorBytes, 0);
  if (total !== sectorBytes * sectors) {
    say(
      'flash.layout',
      `is ${kb(total)} in all; ${sectors} sectors of ${kb(sectorBytes)} are ${kb(sectorBytes * sectors)}`,
    );
    return;
  }
  let at = 0;
  layout.forEach((unit, i) => {
    // a sector is made of whole erase units of the chip
    if (sectorBytes % unit.sectorBytes !== 0 || at % unit.sectorBytes !== 0) {
      const next = `wanted sectorBytes ${unit.sectorBytes} or a multiple, beginning where a unit begins`;
      say(`flash.layout[${i}]`, `an erase of ${kb(unit.sectorBytes)} would take parts of other sectors; ${next}`);
    }
    at += unit.sectors * unit.sectorBytes;
  });
}

/** Bytes that a sector must have at least for the journal ring (hal/ring.ts). */
function journalLeast(programBytes: number): number {
  const unit = Math.max(4, programBytes);
  const up = (bytes: number, to: number): number => Math.ceil(bytes / to) * to;
  return up(SECTOR_HEADER, programBytes) + 3 * up(RECORD_HEADER + 4, unit);
}

function checkFlash(board: BoardType, say: Say): void {
  const { flash } = board;
  const { sectorBytes, sectors, programBytes, base, others } = flash;
  if (programBytes > sectorBytes) {
    say('flash.programBytes', `is ${programBytes}, more than a sector of ${sectorBytes}; wanted a divisor of it`);
  } else if (sectorBytes % programBytes !== 0) {
    say('flash.programBytes', `is ${programBytes}, which does not divide a sector of ${sectorBytes}; wanted a divisor`);
  } else if (sectorBytes < journalLeast(programBytes)) {
    const why = 'its header and three records of one program unit or more';
    say(
      'flash.sectorBytes',
      `is ${sectorBytes}; a journal wants at least ${journalLeast(programBytes)} in one: ${why}`,
    );
  }
  checkLayout(flash, say);
  if (flash.eraseMaxMs > 0 && flash.eraseMaxMs < flash.eraseMs) {
    say('flash.eraseMaxMs', `is ${flash.eraseMaxMs}, less than the typical ${flash.eraseMs} (eraseMs)`);
  }
  const erase = Math.max(flash.eraseMs, flash.eraseMaxMs);
  if (board.watchdogMs > 0 && flash.stalls && erase >= board.watchdogMs) {
    const wanted = `wanted more than ${erase}: an erase would reset the board`;
    say('watchdogMs', `is ${board.watchdogMs}, and an erase takes up to ${erase} ms in which nothing runs; ${wanted}`);
  }
  const whole = flash.chip;
  others.forEach((other, i) => {
    if (whole && (other.base < whole.base || other.base + other.bytes > whole.base + whole.bytes)) {
      say(`flash.others[${i}]`, `${other.what} (${range(other)}) is not within the chip (${range(whole)})`);
    }
    const twice = others.slice(0, i).find((before) => overlap(before, other));
    if (twice) {
      say(`flash.others[${i}]`, `${other.what} (${range(other)}) overlaps ${twice.what} (${range(twice)})`);
    }
  });
  if (base === null) {
    if (others.length > 0) say('flash.base', 'missing; with others on the chip, wanted where this region begins');
    return;
  }
  const unit = flash.layout[0]?.sectorBytes ?? sectorBytes;
  if (base % unit !== 0) {
    const below = base - (base % unit);
    say(
      'flash.base',
      `is ${hex(base)}, no border of sectors of ${kb(unit)}; wanted ${hex(below)} or ${hex(below + unit)}`,
    );
  }
  const region = { base, bytes: sectorBytes * sectors };
  if (whole && (base < whole.base || base + region.bytes > whole.base + whole.bytes)) {
    say('flash.base', `${range(region)} is not within the chip (${range(whole)})`);
  }
  for (const other of others) {
    if (overlap(region, other)) say('flash.base', `${range(region)} overlaps ${other.what} (${range(other)})`);
  }
}

/** What cannot be, and what is missing; a description without problems may still be of a board that is too small. */
export function boardProblems(board: BoardType): Problem[] {
  const problems: Problem[] = [];
  const say: Say = (path, reason) => problems.push({ path, reason });
  checkUnknown(board, say);
  checkEngine(board, say);
  checkPorts(board, say);
  checkFlash(board, say);
  return problems;
}

/** Why no system can live on such a board; null: one can. `taken`: sectors that hold the firmware itself. */
export function tooSmall({ flash }: BoardType, taken = 0): Problem | null {
  if (flash.sectors - taken >= SECTORS_LEAST) return null;
  const least = `${RECORD_SECTORS} for records, 2 for slots, ${SECTORS_MIN} for the journal`;
  // what was too small without it needs no further reason
  const more = flash.sectors >= SECTORS_LEAST ? `, and the firmware takes ${taken} (hal/BOOT.md)` : '';
  const there = `${flash.sectors}${more}`;
  return { path: 'flash.sectors', reason: `is ${there}; wanted at least ${SECTORS_LEAST}: ${least}` };
}

/** What is said in a shorter way in the file, filled in. */
export function completed(board: BoardType): BoardType {
  const { memoryBytes, variables, variableBytes } = board;
  return memoryBytes > 0 ? board : { ...board, memoryBytes: variables * variableBytes };
}
