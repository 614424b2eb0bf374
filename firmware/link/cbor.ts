// The CBOR (RFC 8949) that boards speak: what plain data need and nothing else. The encoding is deterministic: one
// value, one text of bytes, on every engine. A checkpoint, a packet and a reply are all written here, so it makes as
// little garbage as it can: one buffer that stays, and one copy of exactly the bytes that were asked for.

/** Deepest nesting of arrays and maps, in both directions; a value that holds itself ends here too. */
export const DEPTH_MAX = 32;

const BUFFER_BYTES = 256;
/** A buffer that one large value made longer than this is given back. */
const BUFFER_KEPT_MAX = 8192;
/** Up to so many bytes are copied one by one: a call of the engine's own takes as long as that. */
const COPIED_MAX = 24;
/** Longest head of an item: one byte, and an argument of eight. */
const HEAD_MAX = 9;
const TWO_32 = 4294967296;
/** Integers below this, both signs, are exact in a number. */
const INTEGER_END = 9007199254740992;
const REPLACEMENT = 0xfffd;

const hasOwn = {}.hasOwnProperty;
const scratch = new Uint8Array(8);
const scratchView = new DataView(scratch.buffer);

// ---- Encoding. `at` is the next free byte of `buffer`; a call that threw leaves rubbish that the next one overwrites.

let buffer = new Uint8Array(BUFFER_BYTES);
let at = 0;

/** Makes room for `count` more bytes. */
function grow(count: number): void {
  let length = buffer.length * 2;
  while (length < at + count) length *= 2;
  const longer = new Uint8Array(length);
  longer.set(at < buffer.length ? buffer.subarray(0, at) : buffer);
  buffer = longer;
}

/** Head of an item: `major` is the major type in the upper three bits. */
function writeHead(major: number, value: number): void {
  if (at + HEAD_MAX > buffer.length) grow(HEAD_MAX);
  if (value < 24) {
    buffer[at++] = major | value;
  } else if (value < 256) {
    buffer[at++] = major | 24;
    buffer[at++] = value;
  } else if (value < 65536) {
    buffer[at++] = major | 25;
    buffer[at++] = value >>> 8;
    buffer[at++] = value & 255;
  } else {
    let low = value;
    if (value < TWO_32) {
      buffer[at++] = major | 26;
    } else {
      const high = Math.floor(value / TWO_32);
      low = value - high * TWO_32;
      buffer[at++] = major | 27;
      buffer[at++] = (high >>> 24) & 255;
      buffer[at++] = (high >>> 16) & 255;
      buffer[at++] = (high >>> 8) & 255;
      buffer[at++] = high & 255;
    }
    buffer[at++] = (low >>> 24) & 255;
    buffer[at++] = (low >>> 16) & 255;
    buffer[at++] = (low >>> 8) & 255;
    buffer[at++] = low & 255;
  }
}

/** Anything but an integer: float32 where that is exact, else float64. One NaN only, whatever bits it had. */
function writeFloat(value: number): void {
  if (at + HEAD_MAX > buffer.length) grow(HEAD_MAX);
  let count = 4;
  scratchView.setFloat32(0, value);
  if (!(value >= 0 || value < 0)) scratchView.setUint32(0, 0x7fc00000);
  else if (scratchView.getFloat32(0) !== value) {
    scratchView.setFloat64(0, value);
    count = 8;
  }
  buffer[at++] = count === 4 ? 0xfa : 0xfb;
  for (let i = 0; i < count; i++) buffer[at++] = scratch[i];
}

/** Code point that begins at `i`; half of a surrogate pair alone has no UTF-8 and becomes U+FFFD. */
function codePoint(text: string, i: number): number {
  const unit = text.charCodeAt(i);
  if (unit < 0xd800 || unit > 0xdfff) return unit;
  if (unit > 0xdbff || i + 1 >= text.length) return REPLACEMENT;
  const next = text.charCodeAt(i + 1);
  if (next < 0xdc00 || next > 0xdfff) return REPLACEMENT;
  return 0x10000 + ((unit - 0xd800) << 10) + (next - 0xdc00);
}

function writeWideText(text: string): void {
  let bytes = 0;
  for (let i = 0; i < text.length; i++) {
    const code = codePoint(text, i);
    bytes += code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    if (code > 0xffff) i++;
  }
  writeHead(0x60, bytes);
  if (at + bytes > buffer.length) grow(bytes);
  for (let i = 0; i < text.length; i++) {
    const code = codePoint(text, i);
    if (code < 0x80) {
      buffer[at++] = code;
    } else if (code < 0x800) {
      buffer[at++] = 0xc0 | (code >>> 6);
      buffer[at++] = 0x80 | (code & 63);
    } else {
      if (code < 0x10000) {
        buffer[at++] = 0xe0 | (code >>> 12);
      } else {
        buffer[at++] = 0xf0 | (code >>> 18);
        buffer[at++] = 0x80 | ((code >>> 12) & 63);
        i++;
      }
      buffer[at++] = 0x80 | ((code >>> 6) & 63);
      buffer[at++] = 0x80 | (code & 63);
    }
  }
}

/** Nearly every text is ASCII: it is written as such, and taken back at the first character that is not. */
function writeText(text: string): void {
  const length = text.length;
  const start = at;
  writeHead(0x60, length);
  if (at + length > buffer.length) grow(length);
  const out = buffer;
  let to = at;
  for (let i = 0; i < length; i++) {
    const code = text.charCodeAt(i);
    if (code > 127) {
      at = start;
      writeWideText(text);
      return;
    }
    out[to++] = code;
  }
  at = to;
}

function writeBytes(bytes: Uint8Array): void {
  const length = bytes.length;
  writeHead(0x40, length);
  if (at + length > buffer.length) grow(length);
  if (length > COPIED_MAX) buffer.set(bytes, at);
  else {
    const out = buffer;
    const from = at;
    for (let i = 0; i < length; i++) out[from + i] = bytes[i];
  }
  at += length;
}

/**
 * Items of an array. Most of what boards say are small numbers in arrays: these are written here, with all that it takes
 * in locals, for in an engine that interprets each name from outside costs as much as several steps of a loop.
 */
function writeItems(list: unknown[], depth: number): void {
  'hot';
  const count = list.length;
  let out = buffer;
  let to = at;
  for (let i = 0; i < count; i++) {
    const item = list[i];
    const small = to + 3 <= out.length;
    if (small && item === null) out[to++] = 0xf6;
    else if (small && typeof item === 'number' && (item & 0xffff) === item && (item > 0 || 1 / item > 0)) {
      if (item > 255) {
        out[to++] = 25;
        out[to++] = item >>> 8;
        out[to++] = item & 255;
      } else {
        if (item > 23) out[to++] = 24;
        out[to++] = item;
      }
    } else {
      at = to;
      writeValue(item, depth);
      out = buffer;
      to = at;
    }
  }
  at = to;
}

function writeValue(value: unknown, depth: number): void {
  'hot';
  const type = typeof value;
  if (type === 'number') {
    const number = value as number;
    if (number < INTEGER_END && number > -INTEGER_END && Math.floor(number) === number) {
      if (number > 0) writeHead(0, number);
      else if (number < 0) writeHead(0x20, -1 - number);
      else if (1 / number < 0) writeFloat(number);
      else writeHead(0, 0);
    } else writeFloat(number);
  } else if (type === 'string') {
    writeText(value as string);
  } else if (value === null || type === 'boolean' || type === 'undefined') {
    if (at + 1 > buffer.length) grow(1);
    buffer[at++] = value === null ? 0xf6 : value === true ? 0xf5 : value === false ? 0xf4 : 0xf7;
  } else if (type === 'object') {
    if (depth >= DEPTH_MAX) throw new Error('cbor: nested deeper than ' + DEPTH_MAX);
    if (Array.isArray(value)) {
      writeHead(0x80, value.length);
      writeItems(value, depth + 1);
      return;
    }
    // a typed array, which may be of another realm; on Espruino none has BYTES_PER_ELEMENT
    const bytes = (value as Uint8Array).byteLength;
    if (typeof bytes === 'number' && (value as Uint8Array).buffer) {
      const width = bytes / (value as Uint8Array).length;
      if (width > 1)
        throw new Error('cbor: a typed array of ' + width + ' bytes an element; use a plain array or bytes');
      writeBytes(value as Uint8Array);
      return;
    }
    const map = value as { [key: string]: unknown };
    const keys = Object.keys(map);
    let count = keys.length;
    // A head of one byte is put right on the way; a longer one has to be right from the beginning.
    const short = count < 24;
    if (!short) for (let i = 0; i < keys.length; i++) if (map[keys[i]] === undefined) count--;
    const start = at;
    writeHead(0xa0, count);
    for (let i = 0; i < keys.length; i++) {
      const key = keys[i];
      const item = map[key];
      if (item === undefined) {
        if (short) buffer[start]--;
        continue;
      }
      if (key === '__proto__') throw new Error('cbor: a key named __proto__');
      writeText(key);
      writeValue(item, depth + 1);
    }
  } else {
    throw new Error('cbor: a ' + type + ' is no data');
  }
}

/**
 * The bytes of a value: numbers, texts, booleans, null, undefined, arrays, bytes, and plain objects, whose properties
 * stand in their own order; those that are undefined are left out. Throws where anything else is in it.
 */
export function encode(value: unknown): Uint8Array {
  return encodeBefore(value, 0);
}

/** As `encode`, with so many bytes behind that are 0: for what stands behind a value, such as a check. */
export function encodeBefore(value: unknown, spare: number): Uint8Array {
  at = 0;
  writeValue(value, 0);
  const length = at;
  const from = buffer;
  const out = new Uint8Array(length + spare);
  if (length > COPIED_MAX) out.set(from.subarray(0, length));
  else for (let i = 0; i < length; i++) out[i] = from[i];
  if (from.length > BUFFER_KEPT_MAX) buffer = new Uint8Array(BUFFER_BYTES);
  return out;
}

/** How many bytes `encode` gave; where it was not called, none. */
export function encodedBytes(encoded: unknown): number {
  return encoded ? (encoded as Uint8Array).length : 0;
}

// ---- Decoding. `pos` is the next byte of `input`, `end` the first one behind it.

const NOTHING = new Uint8Array(0);
let input: Uint8Array = NOTHING;
let pos = 0;
let end = 0;

function malformed(why: string): Error {
  return new Error('cbor: ' + why + ' at byte ' + pos);
}

/** The argument of a head whose lower five bits are `info`. */
function readArgument(info: number): number {
  if (info < 24) return info;
  if (info > 27) throw malformed('length not given');
  const count = info === 24 ? 1 : info === 25 ? 2 : info === 26 ? 4 : 8;
  if (count > end - pos) throw malformed('cut short');
  if (count === 1) return input[pos++];
  let value = 0;
  for (let i = 0; i < count; i++) value = value * 256 + input[pos++];
  if (value >= INTEGER_END) throw malformed('integer above 2^53');
  return value;
}

function readFloat(info: number): number {
  const count = info === 25 ? 2 : info === 26 ? 4 : 8;
  if (count > end - pos) throw malformed('cut short');
  for (let i = 0; i < count; i++) scratch[i] = input[pos++];
  if (count === 4) return scratchView.getFloat32(0);
  if (count === 8) return scratchView.getFloat64(0);
  const exponent = (scratch[0] >>> 2) & 31;
  const fraction = (scratch[0] & 3) * 256 + scratch[1];
  // in steps that are exact on every engine, which Math.pow is not
  let value = fraction / 16777216;
  if (exponent === 31) value = fraction ? NaN : Infinity;
  else if (exponent) {
    value = (1024 + fraction) / 16777216;
    for (let i = 1; i < exponent; i++) value *= 2;
  }
  return scratch[0] & 0x80 ? -value : value;
}

/** From here on UTF-8, which is not trusted: overlong forms, lone surrogates and stray bytes are malformed. */
function readWideText(start: string, to: number): string {
  let text = start;
  while (pos < to) {
    const first = input[pos++];
    if (first < 0x80) {
      text += String.fromCharCode(first);
      continue;
    }
    const more = first < 0xc2 ? -1 : first < 0xe0 ? 1 : first < 0xf0 ? 2 : first < 0xf5 ? 3 : -1;
    if (more < 0 || pos + more > to) throw malformed('no UTF-8');
    let code = first & (more === 1 ? 31 : more === 2 ? 15 : 7);
    for (let i = 0; i < more; i++) {
      const byte = input[pos++];
      if ((byte & 0xc0) !== 0x80) throw malformed('no UTF-8');
      code = code * 64 + (byte & 63);
    }
    if (more === 2 && (code < 0x800 || (code >= 0xd800 && code < 0xe000))) throw malformed('no UTF-8');
    if (more === 3 && (code < 0x10000 || code > 0x10ffff)) throw malformed('no UTF-8');
    if (code < 0x10000) text += String.fromCharCode(code);
    else text += String.fromCharCode(0xd800 + ((code - 0x10000) >>> 10), 0xdc00 + ((code - 0x10000) & 1023));
  }
  return text;
}

/** ASCII goes four characters at a time: a call for each is what costs. */
function readText(length: number): string {
  if (length > end - pos) throw malformed('cut short');
  const bytes = input;
  const to = pos + length;
  let text = '';
  while (to - pos >= 4) {
    const a = bytes[pos];
    const b = bytes[pos + 1];
    const c = bytes[pos + 2];
    const d = bytes[pos + 3];
    if ((a | b | c | d) > 127) return readWideText(text, to);
    text += String.fromCharCode(a, b, c, d);
    pos += 4;
  }
  const left = to - pos;
  if (left > 0) {
    const a = bytes[pos];
    const b = left > 1 ? bytes[pos + 1] : 0;
    const c = left > 2 ? bytes[pos + 2] : 0;
    if ((a | b | c) > 127) return readWideText(text, to);
    text += left === 1 ? String.fromCharCode(a) : left === 2 ? String.fromCharCode(a, b) : String.fromCharCode(a, b, c);
    pos = to;
  }
  return text;
}

function readBytes(length: number): Uint8Array {
  if (length > end - pos) throw malformed('cut short');
  const bytes = new Uint8Array(length);
  const from = pos;
  pos += length;
  if (length > COPIED_MAX) bytes.set(input.subarray(from, pos));
  else {
    const whole = input;
    for (let i = 0; i < length; i++) bytes[i] = whole[from + i];
  }
  return bytes;
}

/** Items of an array: small numbers and nulls here, as in `writeItems`. */
function readItems(count: number, depth: number): unknown[] {
  'hot';
  const list: unknown[] = [];
  const whole = input;
  const last = end;
  for (let i = 0; i < count; i++) {
    const from = pos;
    const head = from < last ? whole[from] : 0xff;
    if (head < 24) list[i] = head;
    else if (head === 24 && from + 1 < last) {
      list[i] = whole[from + 1];
      pos = from + 2;
      continue;
    } else if (head === 0xf6) list[i] = null;
    else {
      list[i] = readValue(depth);
      continue;
    }
    pos = from + 1;
  }
  return list;
}

function readValue(depth: number): unknown {
  'hot';
  if (pos >= end) throw malformed('cut short');
  const head = input[pos++];
  const major = head >>> 5;
  const info = head & 31;
  if (major === 7) {
    if (info === 20) return false;
    if (info === 21) return true;
    if (info === 22) return null;
    if (info === 23) return undefined;
    if (info > 24 && info < 28) return readFloat(info);
    throw malformed('unknown simple value');
  }
  const value = info < 24 ? info : readArgument(info);
  if (major === 0) return value;
  if (major === 1) return -1 - value;
  if (major === 2) return readBytes(value);
  if (major === 3) return readText(value);
  if (major === 6) throw malformed('a tag');
  if (depth >= DEPTH_MAX) throw malformed('nested deeper than ' + DEPTH_MAX);
  // An item takes a byte at least: a false count is found before anything is made of it.
  if (value > end - pos) throw malformed('cut short');
  if (major === 4) return readItems(value, depth + 1);
  const map: { [key: string]: unknown } = {};
  for (let i = 0; i < value; i++) {
    const first = pos < end ? input[pos++] : 0;
    if (first >>> 5 !== 3) throw malformed('a key that is no text');
    const key = readText(readArgument(first & 31));
    if (key === '__proto__') throw malformed('a key named __proto__');
    if (map[key] !== undefined && hasOwn.call(map, key)) throw malformed('a key twice');
    map[key] = readValue(depth + 1);
  }
  return map;
}

/**
 * The value of the bytes; byte strings are copied. Throws on anything malformed, on bytes behind the value, on nesting
 * deeper than DEPTH_MAX, and on what `encode` never writes: tags, open lengths, keys that are no text, `__proto__`.
 */
export function decode(bytes: Uint8Array): unknown {
  input = bytes;
  pos = 0;
  end = bytes.length;
  const value = readValue(0);
  if (pos !== end) throw malformed('more bytes');
  input = NOTHING;
  return value;
}

/** The text that these bytes are in UTF-8. */
export function textOf(bytes: Uint8Array): string {
  input = bytes;
  pos = 0;
  end = bytes.length;
  const text = readText(end);
  input = NOTHING;
  return text;
}
