// Incremental checkpoints: every patch gives exactly the next value's bytes, a change is not overlooked even where CRC-32
// alone would, and a patch costs what it should.

import { crc32 as nativeCrc } from 'node:zlib';
import { build } from 'esbuild';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { difference, mark, type Patch, patch, VALUE_BYTES_MAX } from '../firmware/delta.ts';
import { decode, encode } from '../firmware/link/cbor.ts';
import { crc32 } from '../firmware/link/crc.ts';
import { compareCheckpoints, workloads } from '../host/bench/checkpoints.ts';

const crc = (bytes: Uint8Array, from: number, to: number, seed: number): number =>
  nativeCrc(bytes.subarray(from, to), seed);

/** `toEqual` takes its time over bytes: it is for telling how they differ. */
function expectBytes(actual: Uint8Array | null, expected: Uint8Array): void {
  if (!actual || Buffer.compare(actual, expected) !== 0) expect(actual).toEqual(expected);
}

/** From one value to the next one, over the patch as flash holds it. */
function follow(before: Uint8Array, after: Uint8Array): { bytes: number; changes: number } {
  const found = difference(mark(before, crc), after, crc);
  if (!found.patch) {
    expectBytes(after, before);
    return { bytes: 0, changes: 0 };
  }
  const written = encode(found.patch);
  expectBytes(patch(before, decode(written) as Patch, crc), after);
  return { bytes: written.length, changes: (found.patch.length - 2) / 3 };
}

// ---- Random values and what may become of them.

type Random = (below: number) => number;
type Box = { [key: string]: unknown };

const KEYS = ['a', 'count', 'log', 'constructor', 'toString', 'hasOwnProperty', 'prototype', '', '7', 'ü水', 'length'];

/** What plain data there is; of typed arrays the encoding knows bytes alone. */
function leaf(random: Random): unknown {
  switch (random(16)) {
    case 0:
      return null;
    case 1:
      return random(2) === 1;
    case 2:
      return [Number.NaN, -0, 0, Number.POSITIVE_INFINITY, 2 ** 53 - 1, -(2 ** 40), 1e300][random(7)];
    case 3:
    case 4:
      return random(1 << 30) / 4096;
    case 5:
      return 'x'.repeat(random(300));
    case 6:
      return Array.from({ length: random(60) }, () => String.fromCharCode(97 + random(26))).join('');
    case 7:
      return Uint8Array.from({ length: random(300) }, () => random(256));
    case 8:
      return new Uint8Array(random(300));
    case 9:
      return random(2) ? {} : [];
    case 10:
      return random(2) ? '' : new Uint8Array(0);
    case 11:
      return undefined;
    default:
      return random([10, 300, 70000][random(3)] as number);
  }
}

function value(random: Random, depth: number): unknown {
  const kind = depth > 4 ? 9 : random(depth === 0 ? 2 : 8);
  if (kind === 0) return Array.from({ length: random(20) }, () => value(random, depth + 1));
  if (kind === 1) {
    const out: Box = {};
    for (let i = random(10); i > 0; i--)
      out[KEYS[random(KEYS.length)] + (random(2) ? '' : String(i))] = value(random, depth + 1);
    return out;
  }
  return leaf(random);
}

/** The value after something happened to it; arrays and objects are changed in place, as applications do. */
function changed(random: Random, now: unknown, depth: number): unknown {
  if (random(12) === 0) return value(random, depth);
  if (now instanceof Uint8Array) {
    if (now.length === 0 || random(3) === 0) return Uint8Array.from([...now, random(256)]);
    now[random(now.length)] = random(256);
    return now;
  }
  if (Array.isArray(now)) {
    const at = random(now.length + 1);
    const what = random(8);
    if (what === 0) now.splice(0, random(3));
    else if (what === 1) now.push(value(random, depth + 1));
    else if (what === 2) now.splice(at, random(2), value(random, depth + 1));
    else if (what === 3) now.reverse();
    else if (what === 4) now.push(...now.splice(0, at));
    else if (now.length > 0) now[at % now.length] = changed(random, now[at % now.length], depth + 1);
    return now;
  }
  if (typeof now === 'object' && now !== null) {
    const box = now as Box;
    const keys = Object.keys(box);
    const key = keys[random(keys.length)];
    const what = random(8);
    if (what === 0 || key === undefined) box[KEYS[random(KEYS.length)] as string] = value(random, depth + 1);
    else if (what === 1) delete box[key];
    else if (what === 2) {
      // the same, in another order
      const item = box[key];
      delete box[key];
      box[key] = item;
    } else box[key] = changed(random, box[key], depth + 1);
    return box;
  }
  if (typeof now === 'string') {
    const at = random(now.length + 1);
    return now.slice(0, at) + (random(2) ? 'ins' : '') + now.slice(at + random(3));
  }
  if (typeof now === 'number' && random(3)) return now + 1;
  return leaf(random);
}

function numbers(seed: number): Random {
  let at = seed;
  return (below) => {
    at = (at + 0x6d2b79f5) | 0;
    let x = Math.imul(at ^ (at >>> 15), at | 1);
    x ^= x + Math.imul(x ^ (x >>> 7), x | 61);
    return Math.floor((((x ^ (x >>> 14)) >>> 0) / 2 ** 32) * below);
  };
}

describe('a patch gives the next value to the byte', () => {
  test('in chains of 50, whatever happens to the value; marks stay small and depend on nothing else', () => {
    let patches = 0;
    fc.assert(
      fc.property(fc.integer(), (seed) => {
        const random = numbers(seed);
        let state = value(random, 0);
        let rebuilt = encode(state);
        let known = mark(rebuilt, crc);
        for (let step = 0; step < 50; step++) {
          for (let i = random(4); i > 0; i--) state = changed(random, state, 0);
          const bytes = encode(state);
          const copy = bytes.slice();
          const found = difference(known, bytes, crc);
          expectBytes(bytes, copy);
          if (step % 10 === 0) expect(difference(known, bytes, crc32)).toEqual(found);
          if (found.patch) {
            const base = rebuilt.slice();
            const next = patch(rebuilt, decode(encode(found.patch)) as Patch, crc) as Uint8Array;
            expectBytes(rebuilt, base);
            rebuilt = next;
            patches++;
          } else expect(found.mark).toBe(known);
          expectBytes(rebuilt, bytes);
          known = found.mark;
          expect(known.length / 3).toBeLessThanOrEqual(bytes.length / 32 + 20);
          let covered = 0;
          for (let i = 0; i < known.length; i += 3) covered += (known[i] as number) & 0xffff;
          expect(covered).toBe(bytes.length);
        }
        expect(decode(rebuilt)).toEqual(decode(encode(state)));
      }),
      { numRuns: 60 },
    );
    expect(patches).toBeGreaterThan(1000);
  });

  test('of bytes in blocks that repeat, move and vanish', () => {
    fc.assert(
      fc.property(
        fc.array(fc.uint8Array({ minLength: 1, maxLength: 130 }), { minLength: 1, maxLength: 6 }),
        fc.array(fc.nat(7), { maxLength: 40 }),
        fc.array(fc.nat(7), { maxLength: 40 }),
        (parts, first, second) => {
          const join = (order: number[]) =>
            new Uint8Array(Buffer.concat(order.map((i) => parts[i] ?? new Uint8Array(90))));
          follow(join(first), join(second));
        },
      ),
      { numRuns: 300 },
    );
  });

  const long = Array.from({ length: 100 }, (_, i) => i * 1001);
  test.each<[string, unknown, unknown]>([
    ['nothing at all', null, null],
    ['null and undefined', [null], [undefined]],
    ['zeros of two signs', [0, long], [-0, long]],
    ['NaN stays', [Number.NaN, long], [Number.NaN, long]],
    ['NaN comes', [1.5, long], [Number.NaN, long]],
    ['an integer becomes a double', { a: 2 ** 40, long }, { a: 2 ** 40 + 0.5, long }],
    ['a number becomes a text', [1, long], ['1', long]],
    ['an array becomes an object', [long, []], [long, {}]],
    ['bytes become an array of numbers', [new Uint8Array([1, 2])], [[1, 2]]],
    ['bytes of another kind', [new Int8Array([1, 2])], [new Uint8ClampedArray([1, 2, 3])]],
    ['an object becomes empty', { long }, {}],
    ['an empty one fills', {}, { long }],
    [
      'names of the prototype',
      { constructor: 1, hasOwnProperty: 2, long },
      { toString: 3, constructor: long, valueOf: 1 },
    ],
    ['the order of keys', { a: 1, b: long }, { b: long, a: 1 }],
    ['all different', long, 'x'.repeat(1000)],
  ])('%s', (_name, before, after) => {
    const a = encode(before);
    const b = encode(after);
    follow(a, b);
    follow(b, a);
    follow(b, b);
  });

  test('to and from no bytes', () => {
    const none = new Uint8Array(0);
    const some = encode(long);
    follow(none, none);
    follow(none, some);
    follow(some, none);
    expect(mark(none, crc)).toHaveLength(0);
  });

  test('the end is cut off, without a byte to write', () => {
    const before = new Uint8Array(960).map((_, i) => (i * i) >> 3);
    expect(follow(before, before.subarray(0, 96 * 5)).bytes).toBeLessThan(12);
  });

  test('a value too long for a view is refused', () => {
    expect(() => mark(new Uint8Array(VALUE_BYTES_MAX + 1), crc)).toThrow(/a state of 65536 bytes/);
    const large = new Uint8Array(VALUE_BYTES_MAX).map((_, i) => (i * i) >> 5);
    const other = large.slice();
    other[40000] = 1 + (other[40000] as number);
    expect(follow(large, other).bytes).toBeLessThan(130);
  });
});

describe('a change is seen, and a patch on the wrong base too', () => {
  /** Hashes of a block by its bits, less those of zeros: CRC-32 is linear. */
  function hashes(bytes: Uint8Array): bigint {
    const known = mark(bytes, crc);
    return (BigInt(known[1] as number) << 32n) | BigInt(known[2] as number);
  }

  function rank(rows: bigint[]): number {
    let found = 0;
    for (let bit = 63n; bit >= 0n; bit--) {
      const at = rows.findIndex((row, i) => i >= found && (row >> bit) & 1n);
      if (at < 0) continue;
      const row = rows[at] as bigint;
      rows[at] = rows[found] as bigint;
      rows[found] = row;
      for (let i = found + 1; i < rows.length; i++)
        if (((rows[i] as bigint) >> bit) & 1n) rows[i] = (rows[i] as bigint) ^ row;
      found++;
    }
    return found;
  }

  test.each([
    [4, 32],
    [7, 56],
    [9, 64],
    [15, 64],
  ])('the hashes of %i bytes hold %i bits of them', (length, bits) => {
    const zero = hashes(new Uint8Array(length));
    const rows: bigint[] = [];
    for (let i = 0; i < 8 * length; i++) {
      const one = new Uint8Array(length);
      one[i >> 3] = 1 << (i & 7);
      rows.push(hashes(one) ^ zero);
    }
    expect(rank(rows)).toBe(bits);
  });

  /** Differences of five bytes that one of the two hashes does not see: what becomes zero on the way to its echelon. */
  function blindSpots(hash: (bits: bigint) => bigint): Uint8Array[] {
    const zero = hashes(new Uint8Array(5));
    const basis: [bigint, bigint][] = [];
    const out: Uint8Array[] = [];
    for (let i = 0; i < 40; i++) {
      const one = new Uint8Array(5);
      one[i >> 3] = 1 << (i & 7);
      let row = hash(hashes(one) ^ zero);
      let from = 1n << BigInt(i);
      for (const [other, source] of basis) {
        if ((row ^ other) >= row) continue;
        row ^= other;
        from ^= source;
      }
      if (row !== 0n) basis.push([row, from]);
      else out.push(one.map((_, byte) => Number((from >> BigInt(8 * byte)) & 255n)));
    }
    return out;
  }

  function expectSeen(blind: Uint8Array, wholeSeesIt: boolean): void {
    const before = encode(Array.from({ length: 300 }, (_, i) => i * 77));
    const known = mark(before, crc);
    for (let at = 0; at + 5 <= before.length; at += 7) {
      const after = before.slice();
      for (let i = 0; i < 5; i++) after[at + i] = (after[at + i] as number) ^ (blind[i] as number);
      expect(crc(after, 0, after.length, 0) !== crc(before, 0, before.length, 0)).toBe(wholeSeesIt);
      const found = difference(known, after, crc);
      expect(found.patch).not.toBeNull();
      expectBytes(patch(before, found.patch as Patch, crc), after);
    }
  }

  test('a change that neither the CRC-32 of its block nor that of the whole sees', () => {
    const spots = blindSpots((bits) => bits >> 32n);
    // one is the polynomial itself, its 33 bits least significant first
    expect(spots.map((spot) => Buffer.from(spot).toString('hex'))).toContain('410671db01');
    expect(spots).toHaveLength(8);
    for (const spot of spots) expectSeen(spot, false);
  });

  test('a change that the CRC-32 with zeros between the bytes does not see', () => {
    const spots = blindSpots((bits) => bits & 0xffffffffn);
    expect(spots).toHaveLength(8);
    for (const spot of spots) expectSeen(spot, true);
  });

  test('another base, a patch left out, a patch twice, a patch that is damaged', () => {
    const queue = workloads(3, 6).find((work) => work.name.startsWith('a queue'))?.values ?? [];
    const [a, b, c] = queue.map((state) => encode(state)) as [Uint8Array, Uint8Array, Uint8Array];
    const first = difference(mark(a, crc), b, crc);
    const second = difference(first.mark, c, crc);
    expect(patch(patch(a, first.patch as Patch, crc) as Uint8Array, second.patch as Patch, crc)).toEqual(c);
    expect(patch(a, second.patch as Patch, crc)).toBeNull();
    expect(patch(c, second.patch as Patch, crc)).toBeNull();
    expect(patch(a.subarray(0, 100), first.patch as Patch, crc)).toBeNull();
    const written = encode(first.patch);
    const random = numbers(5);
    for (let i = 0; i < 2000; i++) {
      const damaged = written.slice();
      damaged[random(damaged.length)] = random(256);
      let read: Patch;
      try {
        read = decode(damaged) as Patch;
      } catch {
        continue;
      }
      const made = patch(a, read, crc);
      if (made) expectBytes(made, b);
    }
  });

  test.each<[Patch]>([
    [[]],
    [[-1, 0]],
    [[Number.NaN, 0]],
    [[1e12, 0]],
    [[4, 0, -1, new Uint8Array(1), 0]],
    [[4, 0, 5, new Uint8Array(1), 0]],
    [[2, 0, 4, new Uint8Array(0), 0]],
    [[8, 0, 6, new Uint8Array(2), 0]],
    [[4, 0, 0, new Uint8Array(5), 0]],
    [[4, 0, 0, new Uint8Array(1), -9]],
    [[4, 0, 0, new Uint8Array(1), Number.NaN]],
    [[4, 0, 0]],
    [[4, 0, 0, 7, 0]],
    [['4' as never, 0, {} as never, [] as never]],
  ])('what is no patch: %j', (change) => {
    expect(patch(new Uint8Array(4), change, crc)).toBeNull();
  });
});

describe('the cost', () => {
  const costs = workloads(1, 60).map((work) => ({ name: work.name, rows: compareCheckpoints(work.values, 1) }));
  const of = (name: string, method: string) => {
    const row = costs.find((cost) => cost.name === name)?.rows.find((one) => one.method === method);
    if (!row) throw new Error(`no figures of ${method} for ${name}`);
    return row;
  };

  test.each([
    ['a queue of 64, one in, one out', 12],
    ['200 numbers by key, three change', 3],
    ['a word into a text of 2 KB', 6],
    ['an early counter grows by a byte', 12],
  ])('%s: less than pages by a factor of %i', (name, factor) => {
    for (const pages of ['pages of 64', 'pages of 128', 'pages of 256']) {
      expect(of(name, 'delta').bytes * factor, pages).toBeLessThan(of(name, pages).bytes);
    }
  });

  test.each(['4 KB, a counter and one cell', 'samples in a circle'])('%s: no more than pages of 64', (name) => {
    expect(of(name, 'delta').bytes).toBeLessThan(of(name, 'pages of 64').bytes);
  });

  test('where pages stay in their places, it costs about what they do', () => {
    const bytes = new Uint8Array(4096).map((_, i) => (i * i * 31) >> 4);
    const random = numbers(11);
    let known = mark(bytes, crc);
    let sum = 0;
    let pages = 0;
    for (let i = 0; i < 200; i++) {
      const places = [100, 2000 + random(300), random(4096)];
      for (const at of places) bytes[at] = 1 + (bytes[at] as number);
      const found = difference(known, bytes.slice(), crc);
      known = found.mark;
      sum += encode(found.patch).length;
      pages += 6 + 65 * new Set(places.map((at) => at >> 6)).size;
    }
    expect(sum).toBeLessThan(1.1 * pages);
  });

  test('a mark takes a quarter of the state at most, of a small one little more', () => {
    for (const cost of costs) {
      const full = cost.rows.find((row) => row.method === 'full');
      const delta = cost.rows.find((row) => row.method === 'delta');
      expect(delta?.keptBytes, cost.name).toBeLessThan((full?.worstBytes ?? 0) / 4 + 32);
    }
  });

  test('a mark stays short where changes are everywhere, and gets short again where they end', () => {
    const bytes = new Uint8Array(8000).map((_, i) => (i * i * 7) >> 5);
    let known = mark(bytes, crc);
    const change = (places: number, at: (i: number) => number): void => {
      for (let i = 0; i < places; i++) bytes[at(i)] = 1 + (bytes[at(i)] as number);
      const before = known;
      const now = bytes.slice();
      const found = difference(before, now, crc);
      known = found.mark;
      expect(known.length / 3).toBeLessThanOrEqual(8000 / 32 + 20);
      expect(difference(known, now, crc).patch).toBeNull();
    };
    // ever more places that lie apart: blocks get as short as they can
    let longest = 0;
    for (let places = 20; places <= 160; places += 4) {
      change(places, (i) => Math.floor((i * 8000) / places));
      longest = Math.max(longest, known.length / 3);
    }
    expect(longest).toBeGreaterThan(8000 / 64);
    for (let step = 0; step < 10; step++) change(1, () => 4000);
    expect(known.length / 3).toBeLessThan(8000 / 80);
  });

  test('the code is small', async () => {
    const { outputFiles } = await build({
      entryPoints: [new URL('../firmware/delta.ts', import.meta.url).pathname],
      bundle: true,
      minify: true,
      format: 'esm',
      write: false,
    });
    expect(outputFiles[0]?.contents.length).toBeLessThan(2500);
  });
});
