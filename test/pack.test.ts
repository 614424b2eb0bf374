// Packed messages: the layout byte for byte, what is refused and in which words, and back again for any fields.

import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { crc32 } from '../firmware/link/crc.ts';
import { pack, packedBytes, unpack } from '../firmware/link/pack.ts';
import type { Field } from '../firmware/plan.ts';

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

const INTEGERS: Record<string, [number, number]> = {
  u8: [0, 255],
  i8: [-128, 127],
  u16: [0, 65535],
  i16: [-32768, 32767],
  u32: [0, 4294967295],
  i32: [-2147483648, 2147483647],
};

const ATTITUDE: Field[] = [
  { name: 'q', kind: 'f32', count: 4 },
  { name: 'mode', kind: 'u8', count: 0 },
  { name: 'ok', kind: 'bool', count: 0 },
];
const GOOD = { q: [1, 0, 0, 0], mode: 2, ok: true };

describe('pack', () => {
  test('little-endian, one field after another, nothing between', () => {
    const fields: Field[] = [
      { name: 'a', kind: 'u8', count: 0 },
      { name: 'b', kind: 'i8', count: 0 },
      { name: 'c', kind: 'u16', count: 0 },
      { name: 'd', kind: 'i16', count: 0 },
      { name: 'e', kind: 'u32', count: 0 },
      { name: 'f', kind: 'i32', count: 0 },
      { name: 'g', kind: 'f32', count: 1 },
      { name: 'h', kind: 'f64', count: 0 },
      { name: 'i', kind: 'bool', count: 2 },
    ];
    const value = { a: 1, b: -1, c: 0x1234, d: -2, e: 0xfedcba98, f: -3, g: [1.5], h: -0.1, i: [true, false] };
    const bytes = pack(fields, value);
    expect(hex(bytes)).toBe(
      ['01', 'ff', '3412', 'feff', '98badcfe', 'fdffffff', '0000c03f', '9a9999999999b9bf', '0100'].join(''),
    );
    expect(packedBytes(fields)).toBe(bytes.length);
    expect(unpack(fields, bytes)).toEqual({ ...value, i: [1, 0] });
    expect(hex(pack(fields, unpack(fields, bytes)))).toBe(hex(bytes));
  });

  test.each<[string, unknown, string]>([
    ['a missing field', { q: [1, 0, 0, 0], ok: true }, 'Attitude.mode: missing'],
    ['a missing array', { mode: 1, ok: true }, 'Attitude.q: missing'],
    ['an extra field', { ...GOOD, speed: 1 }, 'Attitude.speed: there is no such field'],
    ['a short array', { ...GOOD, q: [1, 0] }, 'Attitude.q: 2 elements instead of 4'],
    ['a long array', { ...GOOD, q: [1, 0, 0, 0, 0] }, 'Attitude.q: 5 elements instead of 4'],
    ['a number for an array', { ...GOOD, q: 1 }, 'Attitude.q: 1 is no array of f32'],
    ['a text for an array', { ...GOOD, q: 'abcd' }, 'Attitude.q: a string is no array of f32'],
    ['not a number', { ...GOOD, q: [1, 0, Number.NaN, 0] }, 'Attitude.q[2]: NaN is no f32'],
    ['an infinity', { ...GOOD, q: [1, 0, 0, Number.NEGATIVE_INFINITY] }, 'Attitude.q[3]: -Infinity is no f32'],
    ['a float beyond f32', { ...GOOD, q: [1e39, 0, 0, 0] }, 'Attitude.q[0]: 1e+39 is no f32'],
    ['a hole', { ...GOOD, q: [1, undefined, 0, 0] }, 'Attitude.q[1]: undefined is no f32'],
    ['above the range', { ...GOOD, mode: 256 }, 'Attitude.mode: 256 is no u8'],
    ['below the range', { ...GOOD, mode: -1 }, 'Attitude.mode: -1 is no u8'],
    ['a fraction', { ...GOOD, mode: 1.5 }, 'Attitude.mode: 1.5 is no u8'],
    ['a text for a number', { ...GOOD, mode: '1' }, 'Attitude.mode: a string is no u8'],
    ['an array for a number', { ...GOOD, mode: [1] }, 'Attitude.mode: an array is no u8'],
    ['null', { ...GOOD, mode: null }, 'Attitude.mode: null is no u8'],
    ['a number for a bool', { ...GOOD, ok: 1 }, 'Attitude.ok: 1 is no bool'],
    ['no object', 7, 'Attitude: 7 is no object'],
    ['nothing', null, 'Attitude: null is no object'],
  ])('%s is refused', (_what, value, message) => {
    expect(() => pack(ATTITUDE, value, 'Attitude')).toThrow(new Error(message));
    const bare = () => pack(ATTITUDE, value);
    expect(bare).toThrow(message.replace('Attitude.', '').replace('Attitude:', 'message:'));
  });

  test('every integer kind takes its range and nothing beyond', () => {
    for (const [kind, [low, high]] of Object.entries(INTEGERS)) {
      const fields = [{ name: 'x', kind, count: 0 }];
      for (const x of [low, high]) expect(unpack(fields, pack(fields, { x }))).toEqual({ x });
      for (const x of [low - 1, high + 1, low + 0.5, Number.NaN, Number.POSITIVE_INFINITY]) {
        expect(() => pack(fields, { x })).toThrow(`is no ${kind}`);
      }
    }
  });

  test('a refused message leaves nothing behind in the next one', () => {
    expect(() => pack(ATTITUDE, { ...GOOD, q: [9, 9, 9, Number.NaN] })).toThrow();
    expect(unpack(ATTITUDE, pack(ATTITUDE, GOOD))).toEqual(GOOD);
  });

  test('typed arrays stand for arrays, and undefined extras for nothing', () => {
    const q = new Float32Array([0.5, 0, 0, 0]);
    expect(unpack(ATTITUDE, pack(ATTITUDE, { ...GOOD, q, more: undefined }))).toEqual({ ...GOOD, q: [0.5, 0, 0, 0] });
  });

  test('unpack refuses another length, and a bool that is none', () => {
    const bytes = pack(ATTITUDE, GOOD);
    expect(() => unpack(ATTITUDE, bytes.subarray(1))).toThrow('17 bytes instead of 18');
    expect(() => unpack(ATTITUDE, new Uint8Array(19))).toThrow('19 bytes instead of 18');
    bytes[17] = 2;
    expect(() => unpack(ATTITUDE, bytes)).toThrow('2 is no bool');
  });

  test('any fields, there and back', () => {
    const element = (kind: string): fc.Arbitrary<number | boolean> => {
      const range = INTEGERS[kind];
      if (range) return fc.integer({ min: range[0], max: range[1] });
      if (kind === 'bool') return fc.boolean();
      return kind === 'f32'
        ? fc.float({ noNaN: true, noDefaultInfinity: true })
        : fc.double({ noNaN: true, noDefaultInfinity: true });
    };
    const field = fc
      .tuple(fc.constantFrom(...Object.keys(INTEGERS), 'f32', 'f64', 'bool'), fc.nat(9))
      .chain(([kind, count]) =>
        fc.record({
          kind: fc.constant(kind),
          count: fc.constant(count),
          value: count === 0 ? element(kind) : fc.array(element(kind), { minLength: count, maxLength: count }),
        }),
      );
    fc.assert(
      fc.property(fc.array(field, { maxLength: 12 }), (list) => {
        const fields = list.map(({ kind, count }, i) => ({ name: `f${i}`, kind, count }));
        const value = Object.fromEntries(list.map((one, i) => [`f${i}`, one.value]));
        const bytes = pack(fields, value);
        const shifted = new Uint8Array([7, ...bytes, 7]).subarray(1, bytes.length + 1);
        const wanted = Object.fromEntries(
          list.map(({ kind, count, value: v }, i) => [
            `f${i}`,
            kind === 'bool' && count > 0 ? (v as boolean[]).map(Number) : v,
          ]),
        );
        expect(unpack(fields, shifted)).toStrictEqual(wanted);
      }),
      { seed: 4, numRuns: 300 },
    );
  });
});

test('the CRC is the one of IEEE 802.3, whole or in parts', () => {
  const bytes = new Uint8Array(Buffer.from('x123456789y'));
  expect(crc32(bytes, 1, 10, 0)).toBe(0xcbf43926);
  expect(crc32(bytes, 4, 10, crc32(bytes, 1, 4, 0))).toBe(0xcbf43926);
  expect(crc32(bytes, 3, 3, 0)).toBe(0);
});
