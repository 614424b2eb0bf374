// The frame parser: bytes one at a time, any split, noise, damage; nothing that arrived whole is lost.

import { readFileSync } from 'node:fs';
import zlib from 'node:zlib';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Crc, crc32 } from '../firmware/link/crc.ts';
import {
  createParser,
  encodeFrame,
  FRAME_MAX,
  type Frame,
  feed,
  flush,
  HEADER_BYTES,
  KIND_DATA,
  KIND_LOG,
  PAYLOAD_MAX,
  TRAILER_BYTES,
} from '../firmware/link/frame.ts';

const SYNC = [0x55, 0xd5];

/** Stands for a board's native CRC; it knows nothing of ours. */
const native: Crc = (bytes, from, to, crc) => zlib.crc32(bytes.subarray(from, to), crc);

function parse(pieces: Iterable<Uint8Array>, end = true, crc: Crc = crc32) {
  const parser = createParser(crc);
  const frames: Frame[] = [];
  for (const piece of pieces) {
    feed(parser, piece, (frame) => frames.push(frame));
    expect(parser.buffer.length).toBeLessThanOrEqual(FRAME_MAX);
  }
  if (end) flush(parser, (frame) => frames.push(frame));
  return { frames, parser };
}

const build = (frame: Frame): Uint8Array => encodeFrame(frame.kind, frame.stream, frame.sequence, frame.payload, crc32);
const join = (...parts: (Uint8Array | number[])[]): Uint8Array => new Uint8Array(parts.flatMap((part) => [...part]));

/** Payloads in which sync words, and whole frames, are not rare. */
const payload = fc.oneof(
  fc.uint8Array({ maxLength: 40 }),
  fc.array(fc.constantFrom(0x55, 0xd5, 0x11, 0), { maxLength: 60 }).map((list) => new Uint8Array(list)),
  fc.uint8Array({ maxLength: 20 }).map((inner) => encodeFrame(KIND_LOG, 9, 9, inner, crc32)),
  fc.integer({ min: 0, max: PAYLOAD_MAX }).map((length) => new Uint8Array(length).fill(0x55)),
);
const frame: fc.Arbitrary<Frame> = fc.record({
  kind: fc.integer({ min: 1, max: 5 }),
  stream: fc.nat(255),
  sequence: fc.nat(65535),
  payload,
});

function* split(bytes: Uint8Array, sizes: number[]): Generator<Uint8Array> {
  let at = 0;
  for (let i = 0; at < bytes.length; i++) {
    const size = sizes[i % sizes.length] ?? 1;
    yield bytes.subarray(at, at + size);
    at += size;
  }
}
const sizes = fc.array(fc.integer({ min: 1, max: 700 }), { minLength: 1, maxLength: 5 });

describe('frames', () => {
  test('the layout, byte for byte', () => {
    const bytes = encodeFrame(KIND_DATA, 7, 0x1234, new Uint8Array([1, 2, 3]), crc32);
    const header = [0x14, 7, 0x34, 0x12, 3, 0];
    const check = crc32(new Uint8Array(header), 0, 6, 0) & 0xffff;
    const sum = crc32(new Uint8Array([1, 2, 3]), 0, 3, 0);
    expect([...bytes]).toEqual([
      ...SYNC,
      ...header,
      check & 255,
      check >>> 8,
      1,
      2,
      3,
      ...[0, 8, 16, 24].map((shift) => (sum >>> shift) & 255),
    ]);
  });

  test('byte by byte', () => {
    const one: Frame = { kind: 1, stream: 2, sequence: 3, payload: new Uint8Array([0x55, 0xd5, 0x55]) };
    const { frames, parser } = parse(split(join(build(one), build(one)), [1]), false);
    expect(frames).toEqual([one, one]);
    expect(parser).toMatchObject({ frames: 2, bad: 0, skipped: 0, start: parser.end });
  });

  test('the largest payload passes, a larger one is refused', () => {
    const big: Frame = { kind: 4, stream: 0, sequence: 0, payload: new Uint8Array(PAYLOAD_MAX).fill(0xd5) };
    expect(parse([join([1, 2, 3], build(big), build(big))], false).frames).toEqual([big, big]);
    expect(() => encodeFrame(4, 0, 0, new Uint8Array(PAYLOAD_MAX + 1), crc32)).toThrow(/4097 bytes/);
  });

  test('another version is no frame', () => {
    const bytes = encodeFrame(1, 0, 0, new Uint8Array(0), crc32);
    bytes[2] = 0x21;
    const check = crc32(bytes, 2, 8, 0);
    bytes[8] = check & 255;
    bytes[9] = (check >>> 8) & 255;
    const { frames, parser } = parse([bytes]);
    expect(frames).toEqual([]);
    expect(parser.bad).toBe(1);
  });

  test('any frames, split anywhere, with a native CRC or its own', () => {
    fc.assert(
      fc.property(fc.array(frame, { maxLength: 8 }), sizes, (list, cuts) => {
        const { frames, parser } = parse(split(join(...list.map(build)), cuts), false);
        expect(frames).toEqual(list);
        expect(parser).toMatchObject({ frames: list.length, bad: 0, skipped: 0 });
        expect(parse(split(join(...list.map(build)), cuts), false, native).frames).toEqual(list);
      }),
      { seed: 5, numRuns: 150 },
    );
  });

  test('noise between frames costs none of them, and every byte is accounted for', () => {
    // Noise as it comes, full of half sync words, and false headers whose check is right.
    const falseHeader = fc.integer({ min: 0, max: PAYLOAD_MAX }).map((length) => {
      const bytes = encodeFrame(KIND_DATA, 1, 1, new Uint8Array(length), crc32);
      return bytes.subarray(0, HEADER_BYTES);
    });
    const noise = fc.oneof(
      fc.uint8Array({ maxLength: 30 }),
      fc.array(fc.constantFrom(0x55, 0xd5, 0x14), { maxLength: 30 }).map((list) => new Uint8Array(list)),
      falseHeader,
    );
    fc.assert(
      fc.property(fc.array(fc.tuple(noise, frame), { maxLength: 6 }), sizes, (list, cuts) => {
        const bytes = join(...list.flatMap(([before, one]) => [before, build(one)]));
        const { frames, parser } = parse(split(bytes, cuts));
        const inner = (f: Frame): boolean => f.stream === 9 && f.sequence === 9;
        const wanted = list.map(([, one]) => one).filter((f) => !inner(f));
        expect(frames.filter((f) => !inner(f))).toEqual(wanted);
        const used = frames.reduce((sum, f) => sum + HEADER_BYTES + f.payload.length + TRAILER_BYTES, 0);
        expect(used + parser.skipped).toBe(bytes.length);
      }),
      { seed: 6, numRuns: 150 },
    );
  });

  test('each single damaged byte of a frame costs that frame alone', () => {
    const first: Frame = { kind: 1, stream: 1, sequence: 1, payload: new Uint8Array([5, 0x55, 0xd5, 6]) };
    const second: Frame = { kind: 2, stream: 2, sequence: 2, payload: new Uint8Array([7]) };
    const bytes = join(build(first), build(second));
    const length = build(first).length;
    for (let at = 0; at < length; at++) {
      for (let bit = 0; bit < 8; bit++) {
        const damaged = new Uint8Array(bytes);
        damaged[at] = (damaged[at] ?? 0) ^ (1 << bit);
        const { frames, parser } = parse(split(damaged, [3]));
        expect(frames).toEqual([second]);
        expect(parser.skipped).toBe(length);
      }
    }
  });

  test('a frame that lost its end swallows nothing once the line is quiet', () => {
    const big: Frame = { kind: 4, stream: 0, sequence: 1, payload: new Uint8Array(2000).fill(1) };
    const small: Frame = { kind: 1, stream: 0, sequence: 2, payload: new Uint8Array(3) };
    const pieces = [build(big).subarray(0, 900), build(small), build(small)];
    expect(parse(pieces, false).frames).toEqual([]);
    expect(parse(pieces).frames).toEqual([small, small]);
  });

  test('its state is plain data and stays with it when the receiver throws', () => {
    const one: Frame = { kind: 1, stream: 0, sequence: 2, payload: new Uint8Array(3) };
    const parser = createParser(crc32);
    expect(() =>
      feed(parser, join(build(one), build(one)), () => {
        throw new Error('receiver');
      }),
    ).toThrow('receiver');
    const frames: Frame[] = [];
    feed(parser, new Uint8Array([0]), (f) => frames.push(f));
    expect(frames).toEqual([one]);
  });
});

test('the link in board language leans on nothing but the plan', () => {
  for (const file of ['cbor', 'pack', 'frame', 'crc']) {
    const text = readFileSync(new URL(`../firmware/link/${file}.ts`, import.meta.url), 'utf8');
    const imports = [...text.matchAll(/from '([^']+)'/g)].map((match) => match[1]);
    for (const name of imports) expect(['./crc.ts', '../plan.ts']).toContain(name);
  }
});
