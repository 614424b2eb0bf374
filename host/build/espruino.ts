// What a board with the official Espruino interpreter holds: the program (firmware and driver, one text, for it is
// evaluated where it stands in flash), and the boot code that finds it (hal/BOOT.md).

import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { SLOT_HEADER, SLOT_NAME } from '../../hal/espruino-boot.ts';
import { boardBundle, boardScript } from './bundle.ts';
import { flatten } from './flat.ts';
import { root } from './root.ts';

/** In dist/: where the sources are not. */
export const DRIVER_FILE = 'espruino-driver.js';
export const BOOT_FILE = 'espruino-boot.js';

async function script(source: string, name: string, value: string, file: string): Promise<string> {
  if (!existsSync(join(root(), 'hal', `${source}.ts`))) return readFileSync(join(root(), 'dist', file), 'utf8');
  return (await boardScript(`import { ${value} } from './${source}.ts';`, name, value, 'hal')).text;
}

/** The driver as an ES5 script that defines the global `understudyDrive` (hal/espruino.ts). */
export function espruinoDriver(): Promise<string> {
  return script('espruino', 'understudyDrive', 'drive', DRIVER_FILE);
}

/** The boot code's script, which defines the global `understudyBoot` (hal/espruino-boot.ts). */
export function espruinoBoot(): Promise<string> {
  return script('espruino-boot', 'understudyBoot', 'start', BOOT_FILE);
}

/** The text of a slot. */
export async function espruinoProgram(bundle?: string): Promise<string> {
  const firmware = flatten(bundle ?? (await boardBundle()).text, '$');
  return `${firmware}\n${flatten(await espruinoDriver(), '_')}\n`;
}

export interface EspruinoWire {
  /** as Serial1, or USB */
  uart: string;
  /** 0: it needs no setup */
  baud: number;
  /** as `Serial.setup` takes them */
  options?: Record<string, unknown>;
}

/** A board, as its boot code is to know it (BootSettings of hal/espruino-boot.ts). */
export interface EspruinoBoard {
  board: string;
  flash: { base: number; sectorBytes: number; sectors: number; programBytes: number };
  link: EspruinoWire;
  /** the host's line is the port of the interpreter's console as well */
  console: boolean;
  bus?: EspruinoWire | null;
  shared?: { address: number; boards: number; slotMs: number; byteMs: number } | null;
  memoryBytes: number;
  traces: boolean;
  watchdogMs: number;
  /** address of the kept register; 0: there is none */
  kept: number;
  /** addresses of two program slots; null: they are files of Storage */
  slots: { at: [number, number]; unitBytes: number } | null;
  /** name of the file of Storage that holds the text for the board's devices; '': none */
  devices: string;
  /** run the program from variables, where flash is too slow for it */
  copy: boolean;
  /** before it starts, the console may hold it back for so long, ms */
  waitMs: number;
}

function wire(given: EspruinoWire): string {
  return `{port:${given.uart},baud:${given.baud},options:${JSON.stringify(given.options ?? {})}}`;
}

/** The text of `.bootcde`. */
export async function bootCode(board: EspruinoBoard): Promise<string> {
  const { flash, link, bus, shared, slots } = board;
  const geometry = JSON.stringify({ ...flash, base: undefined }).slice(1, -1);
  const settings = [
    `board:${JSON.stringify(board.board)}`,
    'evaluate:eval',
    `flash:{pages:require("Flash"),base:${flash.base},${geometry}}`,
    `link:${wire(link)}`,
    `console:${board.console}`,
    ...(bus ? [`bus:${wire(bus)}`] : []),
    ...(shared ? [`shared:${JSON.stringify(shared)}`] : []),
    `memoryBytes:${board.memoryBytes}`,
    `traces:${board.traces}`,
    `watchdogMs:${board.watchdogMs}`,
    `kept:${board.kept}`,
    `copy:${board.copy}`,
    ...(board.devices === '' ? [] : [`devices:require("Storage").read(${JSON.stringify(board.devices)})`]),
    slots
      ? `slots:{storage:null,pages:require("Flash"),at:${JSON.stringify(slots.at)},unitBytes:${slots.unitBytes}}`
      : 'slots:{storage:require("Storage"),pages:null,at:[],unitBytes:0}',
  ];
  const call = `understudyBoot({${settings.join(',')}})||print("understudy: no program that runs")`;
  const run = `var b=understudyBoot;understudyBoot=undefined;${call.replace('understudyBoot', 'b')}`;
  return `${await espruinoBoot()}\nvar understudyWait=setTimeout(function(){${run}},${board.waitMs});\n`;
}

/** The header of a slot with this text. */
export function slotHeader(sequence: number, text: Uint8Array): Buffer {
  const header = Buffer.alloc(SLOT_HEADER);
  header.writeUInt32LE(sequence, 0);
  header.writeUInt32LE(text.length, 4);
  header.writeUInt32LE(crc32(text), 8);
  header.writeUInt32LE(crc32(header.subarray(0, 12)), 12);
  return header;
}

/** The files of Storage that a slot is. */
export function slotFiles(slot: number, sequence: number, text: Uint8Array): Record<string, Uint8Array> {
  return { [`${SLOT_NAME}${slot}`]: text, [`${SLOT_NAME}${slot}.0`]: slotHeader(sequence, text) };
}
