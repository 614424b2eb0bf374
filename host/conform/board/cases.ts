// What every engine must do alike, to the byte: codec, frames, packed messages, differences, the ring on flash. Each case
// returns bytes that tell what it has done. Board language: it runs in the engines themselves.

import type { Flash } from '../../../hal/hal.ts';
import { append, BATCH_MAX, firstRecord, nextRecord, openRing, reclaim, roomOf } from '../../../hal/ring.ts';
import type { RingRecord } from '../../../hal/ring.ts';
import { difference, mark, patch } from '../../../firmware/delta.ts';
import { decode, encode } from '../../../firmware/link/cbor.ts';
import { crc32 } from '../../../firmware/link/crc.ts';
import type { Crc } from '../../../firmware/link/crc.ts';
import { createParser, encodeFrame, feed, flush, KIND_DATA } from '../../../firmware/link/frame.ts';
import { pack, unpack } from '../../../firmware/link/pack.ts';
import type { Field } from '../../../firmware/plan.ts';

export interface Case {
  name: string;
  run(): Uint8Array;
}

interface Random {
  x: number;
}

/** 32 bits, of a shift register: no engine needs more than ES5 for it. */
function draw(random: Random): number {
  let x = random.x;
  x ^= x << 13;
  x ^= x >>> 17;
  x ^= x << 5;
  random.x = x;
  return x >>> 0;
}

function below(random: Random, end: number): number {
  return draw(random) % end;
}

function bytesOf(random: Random, length: number): Uint8Array {
  const out = new Uint8Array(length);
  for (let i = 0; i < length; i++) out[i] = draw(random) & 255;
  return out;
}

function flip(bytes: Uint8Array, at: number, bits: number): void {
  bytes[at] = (bytes[at] as number) ^ bits;
}

const words = new Uint32Array(2);
const double = new Float64Array(words.buffer);
const single = new Float32Array(words.buffer);

/** 2 to that power, exactly: Math.pow is not, on every engine. */
function power(exponent: number): number {
  let value = 1;
  for (let i = 0; i < exponent; i++) value *= 2;
  return value;
}

/** A number of every kind: small, at the borders of each length, fractions, any bits at all. */
function numberOf(random: Random): number {
  switch (below(random, 8)) {
    case 0:
      return below(random, 30);
    case 1:
      return -below(random, 300);
    case 2:
      return power(below(random, 53)) - 1 + below(random, 3);
    case 3:
      return -power(below(random, 53)) - below(random, 2);
    case 4:
      return draw(random) / 256;
    case 5:
      words[0] = draw(random);
      return single[0] as number;
    case 6:
      words[0] = draw(random);
      words[1] = draw(random);
      return double[0] as number;
    default:
      // a zero with a sign; Espruino's -0 has none
      words[0] = 0;
      words[1] = 0x80000000;
      return [0, double[0], 0.1, 5e-324, 1.5, Infinity, -Infinity, 65504, 1e21, 1 / 3][below(random, 10)] as number;
  }
}

const TEXTS = ['', 'a', 'understudy', '\u00e4\u00f6\u00fc', 'a text that is a little longer than the others are'];

function anyValue(random: Random, depth: number): unknown {
  const kind = below(random, depth > 2 ? 5 : 8);
  switch (kind) {
    case 0:
      return TEXTS[below(random, TEXTS.length)];
    case 1:
      return [null, true, false][below(random, 3)];
    case 2:
      return bytesOf(random, below(random, 40));
    case 5: {
      const list: unknown[] = [];
      for (let i = below(random, 6); i > 0; i--) list.push(anyValue(random, depth + 1));
      return list;
    }
    case 6: {
      const map: { [key: string]: unknown } = {};
      for (let i = below(random, 6); i > 0; i--) map['k' + below(random, 100)] = anyValue(random, depth + 1);
      return map;
    }
    default:
      return numberOf(random);
  }
}

function codec(seed: number): Uint8Array {
  const random = { x: seed };
  const value: unknown[] = [];
  for (let i = 0; i < 6; i++) value.push(anyValue(random, 0));
  const bytes = encode(value);
  const again = encode(decode(bytes));
  return encode([bytes, again.length === bytes.length, crc32(again, 0, again.length, 0)]);
}

/** Bytes that are no message, and cut ones: refused, whatever stands in them. */
function malformed(seed: number): Uint8Array {
  const random = { x: seed };
  const out: string[] = [];
  for (let i = 0; i < 12; i++) {
    const bytes = i < 6 ? bytesOf(random, 1 + below(random, 12)) : encode(anyValue(random, 0));
    try {
      out.push('' + encode(decode(i < 6 ? bytes : bytes.subarray(0, bytes.length - 1))).length);
    } catch (error) {
      out.push((error as Error).message);
    }
  }
  return encode(out);
}

function frames(seed: number, crc: Crc): Uint8Array {
  const random = { x: seed };
  const heard: unknown[] = [];
  const parser = createParser(crc);
  const hear = function (frame: { kind: number; stream: number; sequence: number; payload: Uint8Array }): void {
    heard.push([frame.kind, frame.stream, frame.sequence, frame.payload.length, encode(frame.payload)]);
  };
  for (let i = 0; i < 5; i++) {
    const frame = encodeFrame(
      1 + below(random, KIND_DATA),
      below(random, 256),
      below(random, 65536),
      bytesOf(random, below(random, 60)),
      crc,
    );
    const how = below(random, 4);
    if (how === 0) flip(frame, below(random, frame.length), 1 << below(random, 8));
    if (how === 1) feed(parser, bytesOf(random, below(random, 9)), hear);
    let at = 0;
    while (at < frame.length) {
      const to = Math.min(frame.length, at + 1 + below(random, 20));
      feed(parser, frame.subarray(at, to), hear);
      at = to;
    }
  }
  flush(parser, hear);
  return encode(heard);
}

const FIELDS: Field[] = [
  { name: 'a', kind: 'f32', count: 0 },
  { name: 'b', kind: 'f64', count: 2 },
  { name: 'c', kind: 'u8', count: 0 },
  { name: 'd', kind: 'i16', count: 3 },
  { name: 'e', kind: 'u32', count: 0 },
  { name: 'f', kind: 'bool', count: 0 },
  { name: 'g', kind: 'i32', count: 0 },
] as unknown as Field[];

function packed(seed: number): Uint8Array {
  const random = { x: seed };
  const value = {
    a: (below(random, 2000000) - 1000000) / 64,
    b: [draw(random) / 3, -draw(random) / 7],
    c: below(random, 256),
    d: [below(random, 65536) - 32768, 0, -1],
    e: draw(random),
    f: below(random, 2) === 1,
    g: draw(random) | 0,
  };
  const bytes = pack(FIELDS, value);
  let refused = '';
  try {
    pack(FIELDS, { a: 1 });
  } catch (error) {
    refused = (error as Error).message;
  }
  return encode([bytes, unpack(FIELDS, bytes), refused]);
}

function differences(seed: number, crc: Crc): Uint8Array {
  const random = { x: seed };
  const before = bytesOf(random, 300 + below(random, 300));
  const after = new Uint8Array(before.length + 5);
  const cut = below(random, before.length);
  after.set(before.subarray(0, cut), 0);
  after.set(bytesOf(random, 5), cut);
  after.set(before.subarray(cut), cut + 5);
  flip(after, below(random, after.length), 255);
  const found = difference(mark(before, crc), after, crc) as unknown as { [key: string]: unknown };
  const changes = found.patch as never;
  const made = changes ? patch(before, changes, crc) : null;
  return encode([changes || null, made ? crc(made, 0, made.length, 0) : null]);
}

const SECTOR_BYTES = 512;

/** Flash in memory, with the rules of NOR. */
function memoryFlash(sectors: number): Flash {
  const cells = new Uint8Array(sectors * SECTOR_BYTES);
  for (let i = 0; i < cells.length; i++) cells[i] = 255;
  return {
    sectorBytes: SECTOR_BYTES,
    sectors: sectors,
    programBytes: 4,
    read: function (at, length) {
      return new Uint8Array(cells.subarray(at, at + length));
    },
    program: function (at, bytes) {
      for (let i = 0; i < bytes.length; i++) {
        const value = bytes[i] as number;
        if (((cells[at + i] as number) & value) !== value) throw new Error('a bit would have to rise');
        cells[at + i] = value;
      }
    },
    erase: function (sector) {
      for (let i = 0; i < SECTOR_BYTES; i++) cells[sector * SECTOR_BYTES + i] = 255;
    },
  };
}

function ring(seed: number, crc: Crc): Uint8Array {
  const random = { x: seed };
  const flash = memoryFlash(5);
  const out: unknown[] = [];
  for (let life = 0; life < 3; life++) {
    const own = openRing(flash, crc, 0, 5, 77);
    let at = 0;
    for (let found = firstRecord(own); found; found = nextRecord(own, found)) {
      at = found.at;
      out.push([found.at, found.kind, crc(found.bytes, 0, found.bytes.length, 0)]);
    }
    if (life > 0) reclaim(own, at);
    for (let i = 0; i < 4; i++) {
      const records: RingRecord[] = [];
      for (let n = 1 + below(random, 3); n > 0; n--)
        records.push({ kind: below(random, 15), bytes: bytesOf(random, below(random, 90)) });
      out.push(append(own, records));
    }
    out.push(roomOf(own, BATCH_MAX));
  }
  const all = flash.read(0, 5 * SECTOR_BYTES);
  return encode([out, crc(all, 0, all.length, 0)]);
}

function caseOf(name: string, seed: number, fn: (seed: number, crc: Crc) => Uint8Array, crc: Crc): Case {
  return {
    name: name + ' ' + seed,
    run: function () {
      return fn(seed, crc);
    },
  };
}

export function listCases(crc: Crc): Case[] {
  const list: Case[] = [];
  for (let seed = 1; seed <= 12; seed++) list.push(caseOf('codec', seed * 7919, codec, crc));
  for (let seed = 1; seed <= 4; seed++) list.push(caseOf('malformed', seed * 104729, malformed, crc));
  for (let seed = 1; seed <= 6; seed++) list.push(caseOf('frames', seed * 1299709, frames, crc));
  for (let seed = 1; seed <= 4; seed++) list.push(caseOf('packed', seed * 15485863, packed, crc));
  for (let seed = 1; seed <= 3; seed++) list.push(caseOf('differences', seed * 32452843, differences, crc));
  for (let seed = 1; seed <= 3; seed++) list.push(caseOf('ring', seed * 49979687, ring, crc));
  return list;
}
