// The bus line: frames, alike in TypeScript and in C; and whose turn it is, on a simulated wire (linewire.ts).

import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join as path } from 'node:path';
import zlib from 'node:zlib';
import { transformSync } from 'esbuild';
import * as fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import * as line from '../hal/line.ts';
import { type LineModule, Wire, type WireOptions } from './linewire.ts';

const { createLineReader, encodeLine, LINE_HEADER, LINE_INPUT, LINE_MAX, LINE_OUTPUT, LINE_PACKET, readLine } = line;

/** Stands for a board's native CRC. */
const crc: line.LineCrc = (bytes, from, to, sum) => zlib.crc32(bytes.subarray(from, to), sum);
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

function packet(body: Uint8Array): Uint8Array {
  const out = new Uint8Array(body.length + 4);
  out.set(body);
  new DataView(out.buffer).setUint32(body.length, crc(body, 0, body.length, 0), true);
  return out;
}

interface Frame {
  kind: number;
  from: number;
  payload: Uint8Array;
}
const build = (frame: Frame): Uint8Array => encodeLine(frame.kind, frame.payload, crc, frame.from);
const show = (frame: Frame): string => `${frame.kind} ${frame.from} ${hex(frame.payload)}`;

/** Payloads in which sync words, and whole frames, are not rare. */
const body = fc.oneof(
  fc.uint8Array({ maxLength: 40 }),
  fc.array(fc.constantFrom(0x55, 0xd3, 0x10, 0), { maxLength: 60 }).map((list) => new Uint8Array(list)),
  fc.uint8Array({ maxLength: 20 }).map((inner) => encodeLine(LINE_OUTPUT, inner, crc)),
  fc.integer({ min: 0, max: LINE_MAX - 4 }).map((length) => new Uint8Array(length).fill(0x55)),
);
const frame: fc.Arbitrary<Frame> = fc
  .record({ kind: fc.constantFrom(LINE_PACKET, LINE_INPUT, LINE_OUTPUT), from: fc.nat(15), payload: body })
  .map((made) => (made.kind === LINE_PACKET ? { ...made, payload: packet(made.payload) } : made));
const sizes = fc.array(fc.integer({ min: 1, max: 70 }), { minLength: 1, maxLength: 8 });

function* split(bytes: Uint8Array, parts: number[]): Generator<Uint8Array> {
  let at = 0;
  for (let i = 0; at < bytes.length; i++) {
    const size = parts[i % parts.length] ?? 1;
    yield bytes.slice(at, at + size);
    at += size;
  }
}

/** What is heard when the pieces come a millisecond apart, and silence after them. */
function hear(pieces: Iterable<Uint8Array>): string[] {
  const heard: string[] = [];
  const reader = createLineReader(crc, (kind, payload, from) => heard.push(show({ kind, payload, from })));
  let now = 1;
  for (const piece of pieces) readLine(reader, piece, now++);
  readLine(reader, new Uint8Array(0), now + 1000);
  expect(reader.end - reader.start).toBe(0);
  return heard;
}

/** `part` is in `whole`, in its order. */
function within(part: string[], whole: string[]): boolean {
  let at = 0;
  for (const one of whole) if (one === part[at]) at++;
  return at === part.length;
}

const join = (parts: Uint8Array[]): Uint8Array => new Uint8Array(Buffer.concat(parts));

describe('frames', () => {
  test('come through whole, however they are split', () => {
    fc.assert(
      fc.property(fc.array(frame, { maxLength: 6 }), sizes, (frames, parts) => {
        expect(hear(split(join(frames.map(build)), parts))).toEqual(frames.map(show));
      }),
      { numRuns: 300 },
    );
  });

  test('a byte at a time, and the longest', () => {
    const longest = { kind: LINE_OUTPUT, from: 0, payload: new Uint8Array(LINE_MAX - 4).fill(0x55) };
    expect(hear(split(build(longest), [1]))).toEqual([show(longest)]);
    expect(() => encodeLine(LINE_OUTPUT, new Uint8Array(LINE_MAX - 3), crc)).toThrow(/8192/);
    expect(() => encodeLine(LINE_PACKET, new Uint8Array(LINE_MAX + 1), crc)).toThrow(/8192/);
  });

  test('the bytes are those of the document', () => {
    expect(hex(encodeLine(LINE_OUTPUT, new Uint8Array([1, 0x61, 0x2a]), crc, 5))).toBe('55d3350700ae6801612a1520de59');
  });

  test('damage costs the damaged frames alone', () => {
    const damage = fc.record({
      noise: fc.uint8Array({ maxLength: 12 }),
      what: fc.constantFrom('nothing', 'nothing', 'changed', 'lost', 'added', 'cut'),
      where: fc.nat(),
      bits: fc.integer({ min: 1, max: 255 }),
    });
    fc.assert(
      fc.property(fc.array(fc.tuple(frame, damage), { maxLength: 8 }), sizes, (list, parts) => {
        const good: string[] = [];
        const sent: Uint8Array[] = [];
        for (const [made, { noise, what, where, bits }] of list) {
          const bytes = build(made);
          const at = where % bytes.length;
          sent.push(noise);
          if (what === 'nothing') good.push(show(made));
          if (what === 'changed') bytes[at] = (bytes[at] ?? 0) ^ bits;
          if (what === 'lost') sent.push(bytes.subarray(0, at), bytes.subarray(at + 1));
          else if (what === 'added') sent.push(bytes.subarray(0, at), new Uint8Array([bits]), bytes.subarray(at));
          else if (what === 'cut') sent.push(bytes.subarray(0, at));
          else sent.push(bytes);
        }
        const heard = hear(split(join(sent), parts));
        expect(within(good, heard)).toBe(true);
      }),
      { numRuns: 500 },
    );
  });

  test('a changed bit never passes', () => {
    const made = { kind: LINE_PACKET, from: 3, payload: packet(new Uint8Array([1, 2, 3, 0x55, 0xd3])) };
    const bytes = build(made);
    for (let bit = 0; bit < bytes.length * 8; bit++) {
      const damaged = bytes.slice();
      damaged[bit >> 3] = (damaged[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      expect(hear([damaged])).toEqual([]);
    }
  });

  test('a frame that lost its end is given up after silence, not before', () => {
    const made = { kind: LINE_INPUT, from: 0, payload: new Uint8Array(30) };
    const heard: string[] = [];
    const reader = createLineReader(crc, (kind, payload, from) => heard.push(show({ kind, payload, from })));
    readLine(reader, build(made).subarray(0, 20), 1000);
    readLine(reader, build(made).subarray(20), 1199);
    expect(heard).toEqual([show(made)]);
    readLine(reader, build(made).subarray(0, 20), 2000);
    readLine(reader, build(made), 2200);
    expect(heard).toEqual([show(made), show(made)]);
  });
});

const gcc = spawnSync('gcc', ['--version']).status === 0;
if (!gcc && process.env.CI !== 'true') {
  console.warn('test/line.test.ts: NOT COMPARED WITH boards/native/line.c: there is no gcc. Install gcc to compare.');
}

describe.skipIf(!gcc && process.env.CI !== 'true')('in C', () => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(path(tmpdir(), 'line-'));
    const options = '-std=c11 -Wall -Wextra -Werror -O1 -fsanitize=undefined,address -fno-sanitize-recover=all'.split(
      ' ',
    );
    const files = ['test/fixtures/line.c', 'boards/native/line.c', 'boards/native/crc32.c'];
    execFileSync('gcc', [...options, '-Iboards/native', ...files, '-o', path(folder, 'line')], { stdio: 'pipe' });
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  function run(calls: string[]): string[] {
    const out = execFileSync(path(folder, 'line'), {
      input: `${calls.join('\n')}\n`,
      maxBuffer: 1 << 28,
      stdio: 'pipe',
    });
    return out.toString().split('\n').slice(0, -1);
  }

  test('encodes to the same bytes', () => {
    const frames = fc.sample(frame, { numRuns: 200, seed: 1 });
    const calls = frames.map((made) => `encode ${made.kind} ${made.from} ${hex(made.payload)}`);
    expect(run(calls)).toEqual(frames.map((made) => hex(build(made))));
    expect(run([`encode 1 0 ${'00'.repeat(LINE_MAX + 1)}`])).toEqual(['']);
  });

  test('reads the same frames out of the same bytes, whole or damaged', () => {
    const calls: string[] = [];
    const wanted: string[] = [];
    const cases = fc.sample(fc.tuple(fc.array(frame, { maxLength: 6 }), fc.infiniteStream(fc.nat(9999))), {
      numRuns: 150,
      seed: 2,
    });
    for (const [frames, numbers] of cases) {
      const next = (): number => numbers.next().value as number;
      let bytes = join(frames.map(build));
      for (let i = next() % 4; i > 0 && bytes.length > 0; i--) {
        const at = next() % bytes.length;
        const into = [new Uint8Array(0), new Uint8Array([next() & 255]), new Uint8Array([0x55, 0xd3])][next() % 3];
        bytes = join([bytes.subarray(0, at), into as Uint8Array, bytes.subarray(at + 1)]);
      }
      calls.push(`reader ${LINE_HEADER + LINE_MAX}`);
      const reader = createLineReader(crc, (kind, payload, from) => {
        wanted.push(`heard ${show({ kind, payload, from })}`);
      });
      let now = 1;
      for (let at = 0; at < bytes.length; ) {
        const size = 1 + (next() % 300);
        now += next() % 50 === 0 ? 250 : 1;
        const piece = bytes.subarray(at, at + size);
        calls.push(`read ${now * 1000} ${hex(piece)}`);
        readLine(reader, piece, now);
        wanted.push(`= ${reader.end - reader.start} ${reader.clean ? 1 : 0} ${reader.frames} ${reader.bad}`);
        at += size;
      }
    }
    expect(wanted.length).toBeGreaterThan(1000);
    expect(run(calls)).toEqual(wanted);
  });

  test('a reader with little room passes over what is too long for it', () => {
    const short = { kind: LINE_OUTPUT, from: 0, payload: new Uint8Array([7]) };
    const long = { kind: LINE_OUTPUT, from: 0, payload: new Uint8Array(200) };
    const out = run(['reader 100', `read 1 ${hex(join([build(short), build(long), build(short)]))}`]);
    expect(out.slice(0, -1)).toEqual([`heard ${show(short)}`, `heard ${show(short)}`]);
  });

  /** The results of the recorded calls, as line.c prints them: packets that came, and what was decided. */
  function replay(wire: Wire): void {
    const calls: string[] = [];
    const wanted: string[] = [];
    const { boards, slotUs, baud, queueBytes } = wire.options;
    const byteNs = 1000 * Math.ceil(1e7 / baud);
    for (const step of wire.steps) {
      if (step.op === 'create')
        calls.push(`create ${step.board} ${boards} ${slotUs} ${byteNs} ${queueBytes} ${step.now}`);
      if (step.op === 'offer') {
        calls.push(`offer ${step.board} ${hex(step.packet)}`);
        wanted.push(`= ${step.result ? 1 : 0}`);
      }
      if (step.op === 'poll') {
        calls.push(`poll ${step.board} ${step.now} ${hex(step.bytes)}`);
        for (const heard of step.heard) wanted.push(`heard 1 ${heard.from} ${hex(heard.packet)}`);
        wanted.push(`= ${step.due} ${step.result ? hex(step.result) : ''}`);
      }
    }
    const got = run(calls);
    for (let i = 0; i < wanted.length; i++)
      if (got[i] !== wanted[i]) expect({ i, line: got[i] }).toEqual({ i, line: wanted[i] });
    expect(got.length).toBe(wanted.length);
  }

  test.each([2, 4, 8])('takes the same decisions: %i boards, power, noise and collisions', (boards) => {
    const wire = trouble(line, { ...usual, seed: boards, boards, record: true });
    expect(wire.boards.reduce((sum, board) => sum + board.collided, 0)).toBeGreaterThan(0);
    expect(wire.steps.length).toBeGreaterThan(3000);
    replay(wire);
  });
});

const usual: WireOptions = {
  seed: 1,
  boards: 4,
  baud: 115200,
  slotUs: 500,
  late: 0.25,
  busy: 0.25,
  ppm: 50,
  queueBytes: 2000,
};
const SECOND = 1e6;

/** Numbered packets, so that each is another. */
function packets(): (length: number) => Uint8Array {
  let number = 0;
  return (length) => {
    const made = new Uint8Array(length - 4);
    new DataView(made.buffer).setUint32(0, number++);
    return packet(made);
  };
}

/** From `start` until `end`, one packet of `length` bytes each `every` microseconds, a little unevenly. */
function traffic(wire: Wire, address: number, make: () => Uint8Array, start: number, end: number, every: number): void {
  let beat = 0;
  const go = (): void => {
    if (wire.now >= end) return;
    wire.offer(address, make());
    wire.at(wire.now + every * (0.7 + 0.6 * ((beat++ * 0.618 + address * 0.37) % 1)), go);
  };
  wire.at(start, go);
}

/** Traffic, with power that goes and comes, noise, and receivers that miss bytes; the end is quiet. */
function trouble(module: LineModule, options: WireOptions, seconds = 2, missing = true): Wire {
  const wire = new Wire(module, crc, options);
  const make = packets();
  let seed = options.seed * 7919;
  const random = (below: number): number => {
    seed = (Math.imul(seed, 1103515245) + 12345) & 0x7fffffff;
    return (seed >>> 8) % below;
  };
  for (let address = 0; address < options.boards; address++) {
    wire.at(random(1000), () => wire.on(address));
    traffic(wire, address, () => make(12 + random(60)), 1000, seconds * SECOND, 9000 * options.boards);
  }
  for (let i = 0; i < 6 * seconds; i++) {
    const at = random(seconds * SECOND);
    const address = random(options.boards);
    wire.at(at, () => wire.off(address));
    wire.at(at + random(SECOND / 5), () => wire.on(address));
  }
  for (let i = 0; i < 20 * seconds; i++) wire.at(random(seconds * SECOND), () => wire.short(20 + random(200)));
  for (let i = 0; missing && i < 10 * seconds; i++) {
    const board = wire.boards[random(options.boards)];
    const byte = random(256);
    wire.at(random(seconds * SECOND), () => {
      if (!board) return;
      board.deaf = () => {
        board.deaf = null;
        return byte < 128 ? null : byte;
      };
    });
  }
  wire.at(seconds * SECOND + SECOND / 5, () => {
    for (let address = 0; address < options.boards; address++) wire.on(address);
  });
  wire.run(seconds * SECOND + SECOND * 2);
  wire.finish();
  return wire;
}

interface Judged {
  /** packets heard back by their sender, and not by a board that was there all the time */
  unheard: number;
  /** packets that their sender neither heard back nor gave up, though it had the time */
  stuck: number;
  lost: number;
  collided: number;
  sent: number[];
}

function judge(wire: Wire): Judged {
  const judged: Judged = { unheard: 0, stuck: 0, lost: 0, collided: 0, sent: [] };
  for (const board of wire.boards) {
    judged.lost += board.lost;
    judged.collided += board.collided;
    judged.sent.push(board.sent);
    judged.stuck += board.waiting.length;
    for (const one of board.delivered) {
      const wanted = hex(one.packet);
      for (const other of wire.boards) {
        if (other === board || !other.access || other.since > one.began) continue;
        if (!other.packets.has(wanted)) judged.unheard++;
      }
    }
  }
  return judged;
}

function load(module: LineModule, options: WireOptions, length: number, every: number, seconds = 2): Wire {
  const wire = new Wire(module, crc, options);
  const make = packets();
  for (let address = 0; address < options.boards; address++) {
    wire.at(100 * address, () => wire.on(address));
    traffic(wire, address, () => make(length), SECOND / 2, SECOND / 2 + seconds * SECOND, every);
  }
  wire.run((2.5 + seconds) * SECOND);
  wire.finish();
  return wire;
}

const slow = (module: LineModule): Judged => judge(load(module, { ...usual, busy: 1, late: 0.2 }, 32, 10000));

function joins(module: LineModule): Judged[] {
  const judged: Judged[] = [];
  for (let seed = 0; seed < 20; seed++) {
    const wire = new Wire(module, crc, { ...usual, boards: 3, seed });
    const make = packets();
    for (const address of [0, 1, 2]) {
      wire.at(address === seed % 3 ? SECOND / 2 + seed * 777 : 500 * address, () => wire.on(address));
      traffic(wire, address, () => make(40), SECOND / 4, SECOND, 10000);
    }
    wire.run(2 * SECOND);
    wire.finish();
    judged.push(judge(wire));
  }
  return judged;
}

/** Of four boards one begins a long frame and loses power in it, ten times. */
function cut(module: LineModule): { judged: Judged; worst: number } {
  const wire = new Wire(module, crc, { ...usual, queueBytes: 9000 });
  const make = packets();
  for (const address of [0, 1, 2, 3]) wire.at(100 * address, () => wire.on(address));
  for (const address of [0, 1, 2]) traffic(wire, address, () => make(32), SECOND / 4, 3 * SECOND, 40000);
  for (let i = 0; i < 10; i++) {
    const at = SECOND / 2 + i * 200000;
    wire.at(at, () => wire.on(3));
    wire.at(at + 100000, () => wire.offer(3, make(3000)));
    // until it has begun, and is in the midst of it
    const off = (): void => {
      if ((wire.boards[3]?.began ?? 0) > at + 100000) wire.at(wire.now + 10000, () => wire.off(3));
      else wire.at(wire.now + 1000, off);
    };
    wire.at(at + 100000, off);
  }
  wire.run(4 * SECOND);
  wire.finish();
  let worst = 0;
  for (const address of [0, 1, 2]) {
    for (const one of wire.boards[address]?.delivered ?? []) worst = Math.max(worst, one.began - one.offered);
  }
  return { judged: judge(wire), worst: worst - 11000 };
}

const CONFUSIONS = 40;
/** One of the boards hears nothing for a byte, or for longer than a frame, again and again. */
function confusion(module: LineModule): Wire {
  const wire = new Wire(module, crc, { ...usual, boards: 3 });
  const make = packets();
  for (const address of [0, 1, 2]) {
    wire.at(100 * address, () => wire.on(address));
    traffic(wire, address, () => make(32), SECOND / 2, 2 * SECOND, 13000);
  }
  for (let i = 0; i < CONFUSIONS; i++) {
    wire.at(SECOND / 2 + i * 37000, () => {
      const board = wire.boards[i % 3];
      if (!board) return;
      const until = i % 4 === 0 ? wire.now : wire.now + 5000;
      board.deaf = (byte) => {
        if (wire.now >= until) board.deaf = null;
        return i % 4 > 0 && wire.now >= until ? byte : null;
      };
    });
  }
  wire.run(3 * SECOND);
  wire.finish();
  return wire;
}

describe('a wire that boards share', () => {
  test.each([
    [2, 32],
    [4, 32],
    [8, 32],
    [2, 256],
    [8, 256],
  ])('%i boards with more to say than it carries: %i bytes each, no collision, equal shares', (boards, length) => {
    const wire = load(line, { ...usual, boards }, length, 500);
    const judged = judge(wire);
    expect(judged).toMatchObject({ unheard: 0, stuck: 0, lost: 0, collided: 0 });
    expect(Math.max(...judged.sent) - Math.min(...judged.sent)).toBeLessThanOrEqual(2);
    const frameUs = ((LINE_HEADER + length) * 1e7) / usual.baud;
    const perSecond = judged.sent.reduce((sum, count) => sum + count, 0) / 2;
    expect(perSecond).toBeGreaterThan(1e6 / (frameUs + usual.slotUs));
  });

  test('whoever has the next slot waits no longer than the document says', () => {
    for (const boards of [2, 4, 8]) {
      const wire = load(line, { ...usual, boards, seed: boards }, 32, 45000);
      const judged = judge(wire);
      expect(judged).toMatchObject({ unheard: 0, stuck: 0, lost: 0, collided: 0 });
      const frameUs = ((LINE_HEADER + 32) * 1e7) / usual.baud;
      let worst = 0;
      for (const board of wire.boards)
        for (const one of board.delivered) worst = Math.max(worst, one.began - one.offered);
      expect(worst).toBeLessThanOrEqual((boards - 1) * (frameUs + usual.slotUs) + 2 * usual.slotUs);
    }
  });

  test('what was heard back has been heard by all, whatever power and noise do; all the rest is sent again', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(2, 3, 4, 8),
        fc.nat(1e6),
        fc.constantFrom(115200, 1e6),
        fc.boolean(),
        (boards, seed, baud, missing) => {
          const wire = trouble(line, { ...usual, boards, seed, baud, late: 0.2, busy: 0.2 }, 1, missing);
          if (!missing) expect(wire.missed).toBe(0);
          const judged = judge(wire);
          // single receivers that miss a byte are the one way to miss a packet that its sender knows to be through
          expect(judged.stuck).toBe(0);
          expect(judged.lost).toBe(0);
          expect(judged.unheard).toBeLessThanOrEqual(wire.missed);
        },
      ),
      { numRuns: 25 },
    );
  });

  test('two boards that begin at once, or while others talk', () => {
    for (let seed = 0; seed < 30; seed++) {
      const wire = new Wire(line, crc, { ...usual, boards: 3, seed });
      const make = packets();
      wire.at(10, () => wire.on(0));
      wire.at(10 + (seed % 5) * usual.slotUs, () => wire.on(1));
      wire.at(100000 + seed * 777, () => wire.on(2));
      for (const address of [0, 1, 2]) traffic(wire, address, () => make(40), 10, SECOND, 20000);
      wire.run(2 * SECOND);
      wire.finish();
      const judged = judge(wire);
      expect(judged).toMatchObject({ unheard: 0, stuck: 0, lost: 0 });
      expect(Math.min(...judged.sent)).toBeGreaterThan(10);
    }
  });

  test('a board alone hears itself, and a board that has gone costs a slot', () => {
    const wire = load(line, { ...usual, boards: 1 }, 32, 10000);
    expect(judge(wire)).toMatchObject({ stuck: 0, lost: 0, collided: 0 });
    const half = new Wire(line, crc, { ...usual, boards: 8 });
    const make = packets();
    half.at(0, () => half.on(6));
    half.at(500, () => half.on(2));
    for (const address of [2, 6]) traffic(half, address, () => make(32), SECOND / 2, SECOND, 500);
    half.run(2 * SECOND);
    half.finish();
    const judged = judge(half);
    expect(judged).toMatchObject({ unheard: 0, stuck: 0, lost: 0, collided: 0 });
    expect(Math.abs((judged.sent[2] ?? 0) - (judged.sent[6] ?? 0))).toBeLessThanOrEqual(2);
  });

  test('a board that always has something to say leaves the others their turns', () => {
    const wire = new Wire(line, crc, { ...usual, boards: 4 });
    const make = packets();
    for (const address of [0, 1, 2, 3]) wire.at(address, () => wire.on(address));
    traffic(wire, 0, () => make(256), SECOND / 2, 2 * SECOND, 300);
    for (const address of [1, 2, 3]) traffic(wire, address, () => make(32), SECOND / 2, 2 * SECOND, 50000);
    wire.run(3 * SECOND);
    wire.finish();
    expect(judge(wire)).toMatchObject({ unheard: 0, stuck: 0, lost: 0, collided: 0 });
    const frameUs = ((LINE_HEADER + 256) * 1e7) / usual.baud;
    for (const address of [1, 2, 3]) {
      for (const one of wire.boards[address]?.delivered ?? [])
        expect(one.began - one.offered).toBeLessThan(2 * frameUs);
    }
  });

  test('boards that notice later than the slot allows collide, know it, and get through', () => {
    const judged = judge(load(line, { ...usual, boards: 4, late: 1.2 }, 32, 10000));
    expect(judged.collided).toBeGreaterThan(0);
    expect(judged).toMatchObject({ unheard: 0, stuck: 0 });
  });

  test('boards that are late for their slot leave it', () => {
    expect(slow(line)).toMatchObject({ unheard: 0, stuck: 0, lost: 0, collided: 0 });
  });

  test('a board that comes while others talk disturbs nobody', () => {
    for (const judged of joins(line)) expect(judged).toMatchObject({ unheard: 0, stuck: 0, lost: 0, collided: 0 });
  });

  test('power that goes in a long frame holds up nobody for long', () => {
    const { judged, worst } = cut(line);
    expect(judged).toMatchObject({ stuck: 0, lost: 0 });
    expect(worst).toBeLessThan(15000);
  });

  test('boards that do not agree who spoke last, agree after the collision', () => {
    const wire = confusion(line);
    const judged = judge(wire);
    expect(judged).toMatchObject({ stuck: 0, lost: 0 });
    expect(judged.collided).toBeGreaterThan(0);
    expect(judged.collided).toBeLessThan(2 * CONFUSIONS);
  });

  test('a wire that is held low for a while; a board that does not hear itself', () => {
    const wire = new Wire(line, crc, usual);
    const make = packets();
    for (const address of [0, 1, 2, 3]) wire.at(address, () => wire.on(address));
    for (const address of [0, 1, 2, 3]) traffic(wire, address, () => make(32), SECOND / 4, SECOND, 30000);
    wire.at(SECOND / 2, () => wire.short(50000));
    wire.run(2 * SECOND);
    wire.finish();
    expect(judge(wire)).toMatchObject({ unheard: 0, stuck: 0 });
    const deaf = new Wire(line, crc, { ...usual, boards: 2 });
    deaf.at(0, () => deaf.on(0));
    (deaf.boards[0] as { deaf: unknown }).deaf = () => null;
    traffic(deaf, 0, () => make(32), 0, SECOND, 100000);
    deaf.run(3 * SECOND);
    deaf.finish();
    expect(deaf.boards[0]?.sent).toBe(0);
    expect(deaf.boards[0]?.lost).toBeGreaterThan(5);
  });

  test('two boards with one address are found out', () => {
    const wire = new Wire(line, crc, { ...usual, boards: 2 });
    const make = packets();
    wire.at(0, () => wire.on(0));
    wire.at(10000, () => wire.on(1, 0));
    wire.at(300000, () => wire.offer(0, make(32)));
    wire.run(SECOND);
    expect((wire.boards[1]?.access?.doubles ?? 0) + (wire.boards[0]?.access?.doubles ?? 0)).toBeGreaterThan(0);
  });
});

describe('planted mistakes', () => {
  const source = readFileSync('hal/line.ts', 'utf8');
  const plant = async (text: string, by: string): Promise<LineModule> => {
    expect(source.split(text).length).toBe(2);
    const { code } = transformSync(
      source.replace(text, () => by),
      { loader: 'ts', format: 'esm' },
    );
    return (await import(`data:text/javascript,${encodeURIComponent(code)}`)) as LineModule;
  };
  /** What the tests above would find, '' if all is well. */
  const found = (module: LineModule): string => {
    if (slow(module).collided > 0) return 'late boards collide';
    if (joins(module).some((judged) => judged.collided > 0)) return 'a board that comes disturbs the others';
    const { judged, worst } = cut(module);
    if (judged.stuck + judged.lost > 0 || worst > 15000) return 'a power cut holds up the others';
    const confused = judge(confusion(module));
    if (confused.stuck + confused.lost > 0) return 'packets are lost to collisions';
    if (confused.collided >= 2 * CONFUSIONS) return 'boards do not agree again';
    for (const boards of [2, 4, 8]) {
      const busy = judge(load(module, { ...usual, boards }, 32, 500, 1));
      if (busy.unheard > 0) return 'a packet counts as sent and was not heard';
      if (busy.stuck + busy.lost + busy.collided > 0) return 'boards collide under load';
      if (Math.max(...busy.sent) - Math.min(...busy.sent) > 2) return 'not equal shares';
      const wire = trouble(module, { ...usual, boards, seed: boards, late: 0.2, busy: 0.2 }, 1);
      const hurt = judge(wire);
      if (hurt.unheard > wire.missed) return 'a packet counts as sent and was not heard';
      if (hurt.stuck + hurt.lost > 0) return 'packets are lost to trouble';
    }
    return '';
  };

  test('none', () => expect(found(line)).toBe(''));

  test.each([
    [
      'a frame counts as sent when its time is over',
      'access.collided++;',
      'shift(access); access.sent++; access.frame = null; return null;',
    ],
    [
      'everybody has slot 0',
      '(options.address - from - 1 - k + (k + 17) * boards) % boards',
      '(boards - k % boards) % boards',
    ],
    ['nobody looks who spoke last', 'access.turn = from;', 'access.turn = 0;'],
    ['after a collision the old order goes on', 'if (first > 0) from = boards - 1;', ''],
    ['a sender forgets its own turn', 'access.turn = from;', 'if (from !== options.address) access.turn = from;'],
    ['silence does not end a frame', 'nowMs - reader.at >= reader.quietMs', 'false'],
    ['a slot is used however late', 'nowMs - reader.at) / slot - 0.75', 'nowMs - reader.at) / slot - 1.4'],
    ['what collided is not sent again', '++access.tries === TRIES', '++access.tries > 0'],
    ['a board that begins does not listen', 'first = TURN_SLOTS + boards', 'first = 0'],
  ])('%s', async (_name, text, by) => {
    expect(found(await plant(text, by))).not.toBe('');
  });
});
