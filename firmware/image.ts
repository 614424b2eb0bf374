// What one board keeps of a version: the plan of the whole system, and the texts of the modules that may run here.
// Laid out in flash as a header and a CBOR body; the header is programmed last, so that a torn transfer leaves a
// blank slot, never a wrong image. A body is never in memory as a whole: texts of modules stay in flash until they are
// evaluated, and of the plan a board keeps what concerns it.

import type { Flash } from '../hal/hal.ts';
import { decode, encode } from './link/cbor.ts';
import type { BoardPlan, ComponentPlan, DevicePlan, Plan, TypePlan } from './plan.ts';

/** 'UNDR', little-endian */
const MAGIC = 0x52444e55;
export const IMAGE_HEADER_BYTES = 16;
/** Sectors at the beginning of the flash that hold the board's records (record.ts). */
export const RECORD_SECTORS = 3;
/** The two slots take this part of the rest; what is left is the journals'. */
const SLOT_SHARE = 4;
/**
 * A body is checked in pieces of so many bytes. Nothing else that is read is as long: by that a driver knows that a
 * system is about to be run (hal/espruino.ts).
 */
const PIECE = 1536;
/** And walked through in pieces of so many. */
const STEP = 64;

export type Crc = (bytes: Uint8Array, from: number, to: number, crc: number) => number;

/** What is written into a slot. */
export interface Body {
  plan: Plan;
  /** hash of the plan, 16 hex digits */
  hash: string;
  /** by hash: the ES5 text of a component's module */
  modules: { [hash: string]: string };
}

/** What a board has of it in memory. */
export interface Image {
  plan: BoardPlan;
  hash: string;
  modules: Modules;
}

/** By hash: where the text of a component's module stands in flash, and its bytes. */
export interface Modules {
  [hash: string]: [number, number];
}

export function slotBytes(flash: Flash): number {
  return Math.floor((flash.sectors - RECORD_SECTORS) / SLOT_SHARE) * flash.sectorBytes;
}

export function slotAt(flash: Flash, slot: number): number {
  return RECORD_SECTORS * flash.sectorBytes + slot * slotBytes(flash);
}

function put32(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value & 0xff;
  bytes[at + 1] = (value >>> 8) & 0xff;
  bytes[at + 2] = (value >>> 16) & 0xff;
  bytes[at + 3] = (value >>> 24) & 0xff;
}

function get32(bytes: Uint8Array, at: number): number {
  return (bytes[at] | (bytes[at + 1] << 8) | (bytes[at + 2] << 16) | (bytes[at + 3] << 24)) >>> 0;
}

/** The body of an image, as it is transferred. */
export function encodeImage(image: Body): Uint8Array {
  return encode([image.plan, image.hash, image.modules]);
}

/** All of a body, for who has the memory. Throws where the bytes are no image. */
export function decodeImage(body: Uint8Array): Body {
  const parts = decode(body) as [Plan, string, { [hash: string]: string }];
  if (!parts || parts.length !== 3 || !parts[0] || !parts[0].components) throw new Error('no image');
  return { plan: parts[0], hash: parts[1], modules: parts[2] };
}

/** Bytes to the next multiple of the program unit; the rest of the last unit stays blank. */
export function aligned(flash: Flash, bytes: Uint8Array): Uint8Array {
  const unit = flash.programBytes;
  const length = Math.ceil(bytes.length / unit) * unit;
  if (length === bytes.length) return bytes;
  const out = new Uint8Array(length);
  out.set(bytes);
  for (let i = bytes.length; i < length; i++) out[i] = 0xff;
  return out;
}

/** Where the body of a slot begins: the header has program units of its own. */
export function bodyAt(flash: Flash, slot: number): number {
  return slotAt(flash, slot) + Math.max(IMAGE_HEADER_BYTES, flash.programBytes);
}

/** The longest body that fits a slot. */
export function bodyMax(flash: Flash): number {
  return slotBytes(flash) - Math.max(IMAGE_HEADER_BYTES, flash.programBytes);
}

export function eraseSlot(flash: Flash, slot: number): void {
  const first = Math.floor(slotAt(flash, slot) / flash.sectorBytes);
  const count = Math.floor(slotBytes(flash) / flash.sectorBytes);
  for (let i = 0; i < count; i++) flash.erase(first + i);
}

/** Makes what stands in a slot an image. */
export function sealSlot(flash: Flash, slot: number, length: number, bodyCrc: number, crc: Crc): void {
  const header = new Uint8Array(IMAGE_HEADER_BYTES);
  put32(header, 0, MAGIC);
  put32(header, 4, length);
  put32(header, 8, bodyCrc);
  put32(header, 12, crc(header, 0, 12, 0));
  flash.program(slotAt(flash, slot), aligned(flash, header));
}

/** CRC-32 of a stretch of flash. */
export function crcOf(flash: Flash, at: number, length: number, crc: Crc): number {
  let sum = 0;
  for (let done = 0; done < length; done += PIECE) {
    const bytes = flash.read(at + done, Math.min(PIECE, length - done));
    sum = crc(bytes, 0, bytes.length, sum);
  }
  return sum;
}

/** A place in a body. */
interface Cursor {
  flash: Flash;
  at: number;
  end: number;
  /** the piece that is in memory, and where it begins */
  piece: Uint8Array;
  from: number;
}

function nextByte(c: Cursor): number {
  if (c.at >= c.end) throw new Error('cbor: cut short');
  if (c.at < c.from || c.at >= c.from + c.piece.length) {
    c.from = c.at;
    c.piece = c.flash.read(c.at, Math.min(STEP, c.end - c.at));
  }
  return c.piece[c.at++ - c.from];
}

/** Argument of the head of an item, whose first byte is given. */
function argument(c: Cursor, first: number): number {
  let value = first & 31;
  if (value < 24) return value;
  let count = value > 27 ? 0 : 1 << (value - 24);
  value = 0;
  while (count-- > 0) value = value * 256 + nextByte(c);
  return value;
}

/** Goes over an item, with all that is in it. */
function skip(c: Cursor): void {
  for (let left = 1; left > 0; left--) {
    const first = nextByte(c);
    const value = argument(c, first);
    const major = first >>> 5;
    if (major === 2 || major === 3) c.at += value;
    else if (major === 4) left += value;
    else if (major === 5) left += 2 * value;
  }
}

/** Takes an item. */
function take(c: Cursor): unknown {
  const from = c.at;
  skip(c);
  if (c.at > c.end) throw new Error('cbor: cut short');
  return decode(c.flash.read(from, c.at - from));
}

/** Goes into an array or map that begins at `at`; how many items or pairs it has. */
function enter(c: Cursor, at: number): number {
  c.at = at;
  return argument(c, nextByte(c));
}

function allTypes(flash: Flash, at: number, length: number): () => TypePlan[] {
  return function () {
    return decode(flash.read(at, length)) as TypePlan[];
  };
}

/** The plan at the cursor, as the board with this name needs it. */
function takePlan(c: Cursor, board: string): BoardPlan {
  const from: { [name: string]: number } = {};
  const fields: { [name: string]: unknown } = {};
  let types = 0;
  for (let left = enter(c, c.at); left > 0; left--) {
    const name = take(c) as string;
    from[name] = c.at;
    if (name === 'types' || name === 'devices') skip(c);
    else fields[name] = take(c);
    if (name === 'types') types = c.at - from.types;
  }
  const end = c.at;
  if (!from.components) throw new Error('no image');
  const plan = fields as unknown as BoardPlan;
  const here = plan.boards.indexOf(board);
  const components = plan.components as (ComponentPlan | null)[];
  const usedTypes: boolean[] = [];
  const usedDevices: boolean[] = [];
  for (let i = 0; i < components.length; i++) {
    const component = components[i];
    if (!component) continue;
    const own = component.board === here;
    for (let k = 0; k < component.sends.length; k++) {
      const to = component.sends[k][1];
      let used = own;
      for (let t = 0; t < to.length; t++) {
        const receiver = components[to[t]];
        if (receiver && receiver.board === here) used = true;
      }
      if (used) usedTypes[component.sends[k][0]] = true;
    }
    if (!own) continue;
    for (let k = 0; k < component.reads.length; k++) usedDevices[component.reads[k]] = true;
    for (let k = 0; k < component.drives.length; k++) usedDevices[component.drives[k]] = true;
  }
  for (let i = 0; i < components.length; i++) {
    const component = components[i];
    if (!component || component.board === here) continue;
    plan.components[i] = { name: component.name, board: component.board, reads: component.reads };
  }
  if (from.types) plan.types = [];
  for (let left = from.types ? enter(c, from.types) : 0; left > 0; left--) {
    if (usedTypes[plan.types.length]) plan.types.push(take(c) as TypePlan);
    else {
      skip(c);
      plan.types.push(null);
    }
  }
  if (from.devices) plan.devices = [];
  for (let left = from.devices ? enter(c, from.devices) : 0; left > 0; left--) {
    const device = take(c) as DevicePlan;
    if (usedDevices[plan.devices.length] || device.board === here) plan.devices.push(device);
    else plan.devices.push({ board: device.board, latest: device.latest });
  }
  plan.allTypes = allTypes(c.flash, from.types, types);
  c.at = end;
  return plan;
}

/** The image whose body stands there, for the board with this name. Throws where it is none. */
export function readBody(flash: Flash, at: number, length: number, board: string): Image {
  const c: Cursor = { flash: flash, at: at, end: at + length, piece: new Uint8Array(0), from: 0 };
  if (enter(c, at) !== 3) throw new Error('no image');
  const plan = takePlan(c, board);
  const hash = take(c) as string;
  const modules: Modules = {};
  for (let left = enter(c, c.at); left > 0; left--) {
    const name = take(c) as string;
    const length = enter(c, c.at);
    modules[name] = [c.at, length];
    c.at += length;
  }
  if (c.at !== c.end) throw new Error('no image');
  return { plan: plan, hash: hash, modules: modules };
}

function imageIn(flash: Flash, slot: number, crc: Crc, board: string): Image | string {
  const header = flash.read(slotAt(flash, slot), IMAGE_HEADER_BYTES);
  if (get32(header, 0) !== MAGIC) return 'blank';
  if (get32(header, 12) !== crc(header, 0, 12, 0)) return 'its header is damaged';
  const length = get32(header, 4);
  if (length > bodyMax(flash)) return 'its header is damaged';
  if (crcOf(flash, bodyAt(flash, slot), length, crc) !== get32(header, 8)) return 'its body is damaged';
  return readBody(flash, bodyAt(flash, slot), length, board);
}

/** The image of a slot; a string says why there is none. */
export function readSlot(flash: Flash, slot: number, crc: Crc, board: string): Image | string {
  try {
    return imageIn(flash, slot, crc, board);
  } catch (error) {
    // it is no image, or power has cut its erase and the part refuses to read what that left
    return 'it cannot be read: ' + (error as Error).message;
  }
}
