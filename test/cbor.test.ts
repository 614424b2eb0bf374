// The boards' CBOR against itself, against damage, and against the host's, which is a library's (cbor-x).

import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { DEPTH_MAX, decode, encode } from '../firmware/link/cbor.ts';
import { decodeHost, encodeHost } from '../host/session/frames.ts';

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
const unhex = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, 'hex'));

const key = fc.string({ unit: 'binary', maxLength: 12 }).filter((name) => name !== '__proto__');
const { value } = fc.letrec((tie) => ({
  leaf: fc.oneof(
    fc.integer(),
    fc.maxSafeInteger(),
    fc.double(),
    fc.float(),
    fc.boolean(),
    fc.constant(null),
    fc.string({ unit: 'binary', maxLength: 80 }),
    fc.string({ unit: 'grapheme', maxLength: 20 }),
    fc.string({ maxLength: 300 }),
    fc.uint8Array({ maxLength: 90 }),
  ),
  value: fc.oneof(
    { maxDepth: 4 },
    tie('leaf'),
    fc.array(tie('value'), { maxLength: 30 }),
    fc.dictionary(key, tie('value'), { maxKeys: 28, noNullPrototype: true }),
  ),
}));

describe('the boards CBOR', () => {
  test.each<[unknown, string]>([
    [0, '00'],
    [23, '17'],
    [24, '1818'],
    [255, '18ff'],
    [256, '190100'],
    [65536, '1a00010000'],
    [4294967295, '1affffffff'],
    [4294967296, '1b0000000100000000'],
    [Number.MAX_SAFE_INTEGER, '1b001fffffffffffff'],
    [-1, '20'],
    [-256, '38ff'],
    [-4294967297, '3b0000000100000000'],
    [Number.MIN_SAFE_INTEGER, '3b001ffffffffffffe'],
    [1.5, 'fa3fc00000'],
    [1.1, 'fb3ff199999999999a'],
    [-0, 'fa80000000'],
    [Number.POSITIVE_INFINITY, 'fa7f800000'],
    [Number.NaN, 'fa7fc00000'],
    [2 ** 53, 'fa5a000000'],
    [1e300, 'fb7e37e43c8800759c'],
    [true, 'f5'],
    [false, 'f4'],
    [null, 'f6'],
    [[undefined], '81f7'],
    ['', '60'],
    ['IETF', '6449455446'],
    ['ü水𐅑', '69c3bce6b0b4f0908591'],
    [new Uint8Array([1, 2, 3, 4]), '4401020304'],
    [{ a: 1, b: [2, 3] }, 'a26161016162820203'],
  ])('%s is written as %s', (item, text) => {
    expect(hex(encode(item))).toBe(text);
    expect(decode(unhex(text))).toEqual(item);
  });

  test('a property that is undefined is left out; an undefined value is not', () => {
    expect(hex(encode({ a: undefined, b: 1 }))).toBe('a1616201');
    expect(decode(encode(undefined))).toBeUndefined();
  });

  test('half of a surrogate pair becomes U+FFFD', () => {
    expect(decode(encode('a\ud800b\udc00'))).toBe('a\ufffdb\ufffd');
  });

  test('bytes may be of another realm, or a part of a larger buffer', () => {
    expect(hex(encode(Buffer.from('zabc').subarray(1)))).toBe('43616263');
    const message = new Uint8Array([9, 0x43, 1, 2, 3, 9]).subarray(1, 5);
    expect(decode(message)).toEqual(new Uint8Array([1, 2, 3]));
  });

  test('what is no data is refused', () => {
    const loop: unknown[] = [];
    loop.push(loop);
    expect(() => encode(loop)).toThrow(/nested deeper/);
    expect(() => encode([() => 1])).toThrow(/function is no data/);
    expect(() => encode(new Float32Array(2))).toThrow(/typed array/);
    expect(() => encode(JSON.parse('{"__proto__": 1}'))).toThrow(/__proto__/);
    expect(hex(encode(7))).toBe('07');
  });

  test('the deepest value goes both ways, a deeper one neither', () => {
    let deep: unknown = 1;
    for (let i = 0; i < DEPTH_MAX; i++) deep = [deep];
    expect(decode(encode(deep))).toEqual(deep);
    expect(() => encode([deep])).toThrow(/nested/);
    expect(() => decode(unhex(`${'81'.repeat(DEPTH_MAX + 1)}00`))).toThrow(/nested/);
  });

  test.each([
    ['', 'nothing'],
    ['0000', 'more bytes'],
    ['18', 'a head cut short'],
    ['1b0020000000000000', 'an integer that no number holds'],
    ['44010203', 'bytes cut short'],
    ['9affffffff', 'an array that claims more than there is'],
    ['baffffffff', 'a map that claims more than there is'],
    ['9f01ff', 'an open array'],
    ['c001', 'a tag'],
    ['1c', 'a reserved head'],
    ['f8ff', 'a simple value'],
    ['ff', 'a break'],
    ['62c328', 'no UTF-8'],
    ['62c080', 'an overlong zero'],
    ['63eda080', 'a surrogate in UTF-8'],
    ['64f4908080', 'a code point above the last'],
    ['61c3', 'UTF-8 cut short'],
    ['a10101', 'a key that is no text'],
    ['a2616101616102', 'a key twice'],
    ['a1', 'a map without its key'],
    ['a16161', 'a map without its value'],
    ['a1695f5f70726f746f5f5fa0', '__proto__'],
  ])('%s is refused: %s', (text) => {
    expect(() => decode(unhex(text))).toThrow(/^cbor: /);
  });

  test('half floats of others are understood', () => {
    expect(decode(unhex('f93e00'))).toBe(1.5);
    expect(decode(unhex('f90001'))).toBe(2 ** -24);
    expect(decode(unhex('f9fc00'))).toBe(Number.NEGATIVE_INFINITY);
    expect(decode(unhex('f97e00'))).toBeNaN();
  });

  test('keys that every object has do no harm', () => {
    const odd = JSON.parse('{"constructor": 1, "toString": 2, "hasOwnProperty": 3}');
    expect(decode(encode(odd))).toEqual(odd);
  });

  test('what was written is read again, by itself and by the host', () => {
    fc.assert(
      fc.property(value, (item) => {
        const bytes = encode(item);
        expect(decode(bytes)).toStrictEqual(item);
        expect(hex(encode(decode(bytes)))).toBe(hex(bytes));
        expect(decodeHost(bytes)).toStrictEqual(item);
      }),
      { seed: 1, numRuns: 400 },
    );
  });

  test('what the host writes is read by a board', () => {
    fc.assert(
      fc.property(value, (item) => {
        expect(decode(encodeHost(item))).toStrictEqual(item);
        expect(decodeHost(encodeHost(item))).toStrictEqual(item);
      }),
      { seed: 2, numRuns: 400 },
    );
  });

  test('every prefix of a message is refused, and damage never does more than throw', () => {
    fc.assert(
      fc.property(value, fc.nat(), fc.integer({ min: 1, max: 255 }), (item, where, flip) => {
        const bytes = encode(item);
        expect(() => decode(bytes.subarray(0, where % bytes.length))).toThrow(/^cbor: /);
        const damaged = new Uint8Array(bytes);
        damaged[where % bytes.length] = (damaged[where % bytes.length] ?? 0) ^ flip;
        try {
          decode(damaged);
        } catch (error) {
          expect((error as Error).message).toMatch(/^cbor: /);
        }
      }),
      { seed: 3, numRuns: 400 },
    );
  });
});
