// Messages, packed and unpacked, and differences between texts, found and applied. Board language.

import { difference, mark, patch } from '../../../firmware/delta.ts';
import { encode } from '../../../firmware/link/cbor.ts';
import type { Crc } from '../../../firmware/link/crc.ts';
import { pack, unpack } from '../../../firmware/link/pack.ts';
import type { Field } from '../../../firmware/plan.ts';
import type { Part } from './part.ts';
import { addCases, turnOver } from './part.ts';
import { below, bytesOf, draw, flip } from './random.ts';

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

export const part: Part = function (crc) {
  const cases = addCases([], 'packed', 4, 15485863, packed, crc);
  return turnOver(addCases(cases, 'differences', 3, 32452843, differences, crc));
};
