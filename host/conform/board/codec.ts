// The codec: what it makes of values of every kind, and what it refuses. Board language.

import { decode, encode } from '../../../firmware/link/cbor.ts';
import { crc32 } from '../../../firmware/link/crc.ts';
import type { Part } from './part.ts';
import { addCases, turnOver } from './part.ts';
import { below, bytesOf, draw } from './random.ts';
import type { Random } from './random.ts';

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

export const part: Part = function (crc) {
  const cases = addCases([], 'codec', 12, 7919, codec, crc);
  return turnOver(addCases(cases, 'malformed', 4, 104729, malformed, crc));
};
