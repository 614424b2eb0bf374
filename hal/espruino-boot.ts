// What an Espruino board starts with, from `.bootcde`: it finds the newest program that is whole and has not failed,
// and runs it. BOOT.md has every byte.

import type { Pages, Settings } from './espruino.ts';

export interface Storage {
  read(name: string, offset?: number, length?: number): string | undefined;
  write(name: string, data: string): boolean;
}

/** Where programs are kept: in pages that the processor can read like memory, or in files of Espruino's Storage. */
export interface Slots {
  storage: Storage | null;
  pages: Pages;
  /** addresses of the two slots, where they are pages; each begins with UNITS units of `unitBytes` for header and marks */
  at: [number, number];
  unitBytes: number;
}

export interface BootSettings extends Settings {
  slots: Slots;
  /** copy the program into variables: where flash is no memory but a file, running it from there is far too slow */
  copy: boolean;
}

/** Of a header: sequence number, length, CRC-32 of the text, CRC-32 of these, each u32 little-endian. */
export const SLOT_HEADER = 16;
/** A program that did not come to be good in so many starts is passed over. */
export const SLOT_TRIES = 3;
/** Header, a mark for each try, one for good; and the text comes behind. */
export const SLOT_UNITS = 5;
export const SLOT_NAME = 'us';

declare const E: {
  CRC32(data: Uint8Array | string): number;
  memoryArea(at: number, length: number): string;
};
/** What the program defines. */
declare const understudy: { boot: unknown };
declare const understudyDrive: (settings: Settings, boot: unknown, devices: unknown) => void;

interface Found {
  slot: number;
  sequence: number;
  tries: number;
  good: boolean;
  text: string;
}

function marked(slots: Slots, slot: number, unit: number): boolean {
  if (slots.storage) return slots.storage.read(SLOT_NAME + slot + '.' + unit, 0, 1) !== undefined;
  return slots.pages.read(1, slots.at[slot] + unit * slots.unitBytes)[0] !== 255;
}

/** Sets a mark, once: some parts refuse to program a unit again. */
function mark(slots: Slots, slot: number, unit: number): void {
  if (slots.storage) slots.storage.write(SLOT_NAME + slot + '.' + unit, '1');
  else slots.pages.write(new Uint8Array(slots.unitBytes), slots.at[slot] + unit * slots.unitBytes);
}

function get32(bytes: string, at: number): number {
  let value = 0;
  for (let i = 3; i >= 0; i--) value = value * 256 + bytes.charCodeAt(at + i);
  return value;
}

/** The program of a slot; null: there is none that is whole. */
function find(slots: Slots, slot: number): Found | null {
  const storage = slots.storage;
  let header: string | undefined = '';
  if (storage) header = storage.read(SLOT_NAME + slot + '.0');
  else header = E.memoryArea(slots.at[slot], SLOT_HEADER);
  if (!header || header.length < SLOT_HEADER) return null;
  if (E.CRC32(header.substr(0, 12)) !== get32(header, 12)) return null;
  const length = get32(header, 4);
  let text: string | undefined = '';
  if (storage) text = storage.read(SLOT_NAME + slot);
  else text = E.memoryArea(slots.at[slot] + SLOT_UNITS * slots.unitBytes, length);
  if (!text || text.length !== length || E.CRC32(text) !== get32(header, 8)) return null;
  let tries = 0;
  while (tries < SLOT_TRIES && marked(slots, slot, 1 + tries)) tries++;
  return {
    slot: slot,
    sequence: get32(header, 0),
    tries: tries,
    good: marked(slots, slot, SLOT_UNITS - 1),
    text: text,
  };
}

function usable(found: Found): boolean {
  return found.good || found.tries < SLOT_TRIES;
}

/** Is `a` to be tried before `b`? */
function before(a: Found, b: Found): boolean {
  if (usable(a) !== usable(b)) return usable(a);
  return a.sequence > b.sequence;
}

function run(settings: BootSettings, found: Found): boolean {
  const slots = settings.slots;
  if (!found.good && found.tries < SLOT_TRIES) mark(slots, found.slot, 1 + found.tries);
  settings.slot = found.slot;
  settings.good = function () {
    if (!found.good) mark(slots, found.slot, SLOT_UNITS - 1);
    found.good = true;
  };
  try {
    settings.evaluate(settings.copy ? '' + found.text : found.text);
    const devices = settings.devices ? settings.evaluate(settings.devices) : null;
    understudyDrive(settings, understudy.boot, devices);
    return true;
  } catch (error) {
    return false;
  }
}

/** Starts what is there. False: there is nothing that can be run, and the console stays what it is. */
export function start(settings: BootSettings): boolean {
  let first = find(settings.slots, 0);
  let second = find(settings.slots, 1);
  if (!first || (second && before(second, first))) {
    const other = first;
    first = second;
    second = other;
  }
  if (!first) return false;
  return run(settings, first) || (second !== null && run(settings, second));
}
