// What one board keeps of a version: the plan of the whole system, and the texts of the modules that may run here.
// Laid out in flash as a header and a CBOR body; the header is programmed last, so that a torn transfer leaves a
// blank slot, never a wrong image.

import type { Flash } from '../hal/hal.ts';
import { decode, encode } from './link/cbor.ts';
import type { Plan } from './plan.ts';

/** 'UNDR', little-endian */
const MAGIC = 0x52444e55;
export const IMAGE_HEADER_BYTES = 16;
/** Sectors at the beginning of the flash that hold the board's records (record.ts). */
export const RECORD_SECTORS = 3;
/** The two slots take this part of the rest; what is left is the journals'. */
const SLOT_SHARE = 4;

export type Crc = (bytes: Uint8Array, from: number, to: number, crc: number) => number;

export interface Image {
  plan: Plan;
  /** hash of the plan, 16 hex digits */
  hash: string;
  /** by hash: the ES5 text of a component's module */
  modules: { [hash: string]: string };
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
export function encodeImage(image: Image): Uint8Array {
  return encode([image.plan, image.hash, image.modules]);
}

/** Throws where the bytes are no image. */
export function decodeImage(body: Uint8Array): Image {
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

function imageIn(flash: Flash, slot: number, crc: Crc): Image | string {
  const header = flash.read(slotAt(flash, slot), IMAGE_HEADER_BYTES);
  if (get32(header, 0) !== MAGIC) return 'blank';
  if (get32(header, 12) !== crc(header, 0, 12, 0)) return 'its header is damaged';
  const length = get32(header, 4);
  if (length > bodyMax(flash)) return 'its header is damaged';
  const body = flash.read(bodyAt(flash, slot), length);
  if (crc(body, 0, length, 0) !== get32(header, 8)) return 'its body is damaged';
  return decodeImage(body);
}

/** The image of a slot; a string says why there is none. */
export function readSlot(flash: Flash, slot: number, crc: Crc): Image | string {
  try {
    return imageIn(flash, slot, crc);
  } catch (error) {
    // it is no image, or power has cut its erase and the part refuses to read what that left
    return 'it cannot be read: ' + (error as Error).message;
  }
}
