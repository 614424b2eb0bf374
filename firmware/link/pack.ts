// Messages, device inputs and outputs as bytes: the fields one after another, little-endian, nothing between them. Both
// ends know the fields from the plan. `pack` is the border where a message that is wrong is refused (PROTOCOL 4.1).

import type { Field } from '../plan.ts';

/** What a packed value unpacks to; the elements of a `bool` array are 0 or 1. */
export interface Unpacked {
  [name: string]: number | boolean | number[];
}

const F32_MAX = 3.4028234663852886e38;
const BUFFER_BYTES = 64;

/** The message being written; it grows to the largest there is and stays. */
let buffer = new Uint8Array(BUFFER_BYTES);
let view = new DataView(buffer.buffer);
const scratch = new Uint8Array(8);
const scratchView = new DataView(scratch.buffer);

/** Bytes of one element. */
function width(kind: string): number {
  switch (kind) {
    case 'f32':
    case 'u32':
    case 'i32':
      return 4;
    case 'u8':
    case 'i8':
    case 'bool':
      return 1;
    case 'u16':
    case 'i16':
      return 2;
    case 'f64':
      return 8;
    default:
      throw new Error(kind + ' is no kind of field');
  }
}

export function packedBytes(fields: Field[]): number {
  let bytes = 0;
  for (let i = 0; i < fields.length; i++) bytes += width(fields[i].kind) * (fields[i].count || 1);
  return bytes;
}

function show(value: unknown): string {
  if (value === null || value === undefined) return '' + value;
  if (typeof value === 'object') return Array.isArray(value) ? 'an array' : 'an object';
  return typeof value === 'string' || typeof value === 'function' ? 'a ' + typeof value : '' + value;
}

/** `index` below 0: a scalar. */
function refuse(prefix: string | undefined, field: Field, index: number, reason: string): Error {
  return new Error((prefix ? prefix + '.' : '') + field.name + (index < 0 ? '' : '[' + index + ']') + ': ' + reason);
}

/** Writes one element at `at`; returns false where the value is none of this kind. */
function put(kind: string, at: number, value: unknown): boolean {
  if (kind === 'bool') {
    if (value !== true && value !== false) return false;
    buffer[at] = value ? 1 : 0;
    return true;
  }
  if (typeof value !== 'number') return false;
  switch (kind) {
    case 'f32':
      if (!(value <= F32_MAX && value >= -F32_MAX)) return false;
      view.setFloat32(at, value, true);
      return true;
    case 'f64':
      if (value - value !== 0) return false;
      view.setFloat64(at, value, true);
      return true;
    case 'u8':
      if (!(value >= 0 && value <= 255) || Math.floor(value) !== value) return false;
      buffer[at] = value;
      return true;
    case 'i8':
      if (!(value >= -128 && value <= 127) || Math.floor(value) !== value) return false;
      buffer[at] = value & 255;
      return true;
    case 'u16':
      if (!(value >= 0 && value <= 65535) || Math.floor(value) !== value) return false;
      view.setUint16(at, value, true);
      return true;
    case 'i16':
      if (!(value >= -32768 && value <= 32767) || Math.floor(value) !== value) return false;
      view.setInt16(at, value, true);
      return true;
    case 'u32':
      if (!(value >= 0 && value <= 4294967295) || Math.floor(value) !== value) return false;
      view.setUint32(at, value, true);
      return true;
    case 'i32':
      if (!(value >= -2147483648 && value <= 2147483647) || Math.floor(value) !== value) return false;
      view.setInt32(at, value, true);
      return true;
    default:
      return false;
  }
}

function refuseExtra(fields: Field[], value: { [name: string]: unknown }, prefix: string | undefined): void {
  for (const name in value) {
    let known = value[name] === undefined;
    for (let i = 0; i < fields.length; i++) if (fields[i].name === name) known = true;
    if (!known) throw new Error((prefix ? prefix + '.' : '') + name + ': there is no such field');
  }
}

/**
 * The bytes of `value`, an object with exactly these fields. Throws an Error that names field and reason; `prefix`,
 * the name of the message or device, stands before the field's.
 */
export function pack(fields: Field[], value: unknown, prefix?: string): Uint8Array {
  if (typeof value !== 'object' || !value)
    throw new Error((prefix || 'message') + ': ' + show(value) + ' is no object');
  const from = value as { [name: string]: unknown };
  const bytes = packedBytes(fields);
  if (bytes > buffer.length) {
    buffer = new Uint8Array(bytes);
    view = new DataView(buffer.buffer);
  }
  let at = 0;
  for (let i = 0; i < fields.length; i++) {
    const field = fields[i];
    const kind = field.kind;
    const item = from[field.name];
    if (field.count === 0) {
      if (!put(kind, at, item))
        throw refuse(prefix, field, -1, item === undefined ? 'missing' : show(item) + ' is no ' + kind);
      at += width(kind);
      continue;
    }
    if (item === undefined) throw refuse(prefix, field, -1, 'missing');
    const list = item as unknown[];
    if (typeof item !== 'object' || !item || typeof list.length !== 'number') {
      throw refuse(prefix, field, -1, show(item) + ' is no array of ' + kind);
    }
    if (list.length !== field.count)
      throw refuse(prefix, field, -1, list.length + ' elements instead of ' + field.count);
    const step = width(kind);
    for (let k = 0; k < field.count; k++) {
      let element = list[k];
      if (kind === 'bool' && (element === 0 || element === 1)) element = element === 1;
      if (!put(kind, at, element)) throw refuse(prefix, field, k, show(element) + ' is no ' + kind);
      at += step;
    }
  }
  let count = 0;
  for (const name in from) if (from[name] !== undefined) count++;
  if (count !== fields.length) refuseExtra(fields, from, prefix);
  const out = new Uint8Array(bytes);
  for (let i = 0; i < bytes; i++) out[i] = buffer[i];
  return out;
}

function get(kind: string, bytes: Uint8Array, at: number): number {
  switch (kind) {
    case 'f32':
      scratch[0] = bytes[at];
      scratch[1] = bytes[at + 1];
      scratch[2] = bytes[at + 2];
      scratch[3] = bytes[at + 3];
      return scratchView.getFloat32(0, true);
    case 'f64':
      for (let i = 0; i < 8; i++) scratch[i] = bytes[at + i];
      return scratchView.getFloat64(0, true);
    case 'u8':
      return bytes[at];
    case 'i8':
      return (bytes[at] << 24) >> 24;
    case 'u16':
      return bytes[at] | (bytes[at + 1] << 8);
    case 'i16':
      return ((bytes[at] | (bytes[at + 1] << 8)) << 16) >> 16;
    case 'u32':
      return (bytes[at] | (bytes[at + 1] << 8) | (bytes[at + 2] << 16) | (bytes[at + 3] << 24)) >>> 0;
    case 'i32':
      return bytes[at] | (bytes[at + 1] << 8) | (bytes[at + 2] << 16) | (bytes[at + 3] << 24);
    case 'bool':
      if (bytes[at] > 1) throw new Error('byte ' + at + ': ' + bytes[at] + ' is no bool');
      return bytes[at];
    default:
      throw new Error(kind + ' is no kind of field');
  }
}

/** The value of packed bytes; throws where their length is not that of the fields. */
export function unpack(fields: Field[], bytes: Uint8Array): Unpacked {
  const length = packedBytes(fields);
  if (bytes.length !== length) throw new Error(bytes.length + ' bytes instead of ' + length);
  const out: Unpacked = {};
  let at = 0;
  for (let i = 0; i < fields.length; i++) {
    const field = fields[i];
    const kind = field.kind;
    const step = width(kind);
    if (field.count === 0) {
      const value = get(kind, bytes, at);
      out[field.name] = kind === 'bool' ? value === 1 : value;
      at += step;
      continue;
    }
    const list: number[] = [];
    for (let k = 0; k < field.count; k++) {
      list.push(get(kind, bytes, at));
      at += step;
    }
    out[field.name] = list;
  }
  return out;
}
