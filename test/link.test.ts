// The host's link against a small board agent, wired back to back in virtual time over lines that split, drop, damage and
// repeat bytes: a request is done once or reported as failed, an upload arrives whole or is reported as failed.

import { describe, expect, test } from 'vitest';
import { decode, encode } from '../firmware/link/cbor.ts';
import { crc32 } from '../firmware/link/crc.ts';
import {
  createParser,
  encodeFrame,
  type Frame,
  feed,
  flush,
  KIND_DATA,
  KIND_LOG,
  KIND_REPLY,
  KIND_REQUEST,
  KIND_TRACE,
  QUIET_MS,
} from '../firmware/link/frame.ts';
import type { TraceLine } from '../host/check/types.ts';
import { Failure } from '../host/failure.ts';
import { BoardLink, type Clock, DATA_BYTES, type Line, REPEATS_MAX, REQUEST_MS } from '../host/session/link.ts';
import { failureIn } from './fixtures/failure.ts';

/** mulberry32 */
function generator(seed: number): () => number {
  let a = seed >>> 0;
  return () => {
    a = (a + 0x6d2b79f5) | 0;
    let t = Math.imul(a ^ (a >>> 15), 1 | a);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

class World implements Clock {
  private time = 0;
  private order = 0;
  private events: { at: number; order: number; fn: () => void }[] = [];

  now(): number {
    return this.time;
  }

  after(ms: number, fn: () => void): () => void {
    const event = { at: this.time + ms, order: this.order++, fn };
    this.events.push(event);
    return () => {
      const at = this.events.lastIndexOf(event);
      if (at >= 0) this.events.splice(at, 1);
    };
  }

  /** Lets time pass until the promise is settled; fails where nothing is left to happen. */
  async settle<T>(promise: Promise<T>): Promise<T> {
    let settled = false;
    const done = () => {
      settled = true;
    };
    promise.then(done, done);
    for (;;) {
      await new Promise((resolve) => setImmediate(resolve));
      if (settled) return promise;
      if (!this.step()) throw new Error('nothing left to happen');
    }
  }

  pass(ms: number): void {
    const end = this.time + ms;
    while (this.events.some((event) => event.at <= end)) this.step();
    this.time = end;
  }

  private step(): boolean {
    this.events.sort((a, b) => a.at - b.at || a.order - b.order);
    const event = this.events.shift();
    if (!event) return false;
    this.time = event.at;
    event.fn();
    return true;
  }
}

interface Faults {
  /** probabilities for each piece of at most 200 bytes */
  drop: number;
  damage: number;
  repeat: number;
}

const CLEAN: Faults = { drop: 0, damage: 0, repeat: 0 };
const BYTES_PER_MS = 11.5;

/** One direction of a serial line at 115200 baud. */
function wire(world: World, random: () => number, faults: Faults, deliver: (bytes: Uint8Array) => void) {
  let free = 0;
  return (bytes: Uint8Array): void => {
    let at = 0;
    while (at < bytes.length) {
      const count = 1 + Math.floor(random() * 200);
      const piece = new Uint8Array(bytes.subarray(at, at + count));
      at += count;
      free = Math.max(free, world.now()) + piece.length / BYTES_PER_MS;
      if (random() < faults.drop) continue;
      if (random() < faults.damage) {
        const where = Math.floor(random() * piece.length);
        piece[where] = (piece[where] ?? 0) ^ (1 << Math.floor(random() * 8));
      }
      world.after(free - world.now(), () => deliver(piece));
      if (random() < faults.repeat) world.after(free - world.now(), () => deliver(piece));
    }
  };
}

/** A board's agent, as small as it can be: it does a request once, repeats its last reply, and takes uploads. */
class Agent {
  /** how often each request, by its own id, was done */
  done = new Map<number, number>();
  requests = 0;
  silent = false;
  slot = new Uint8Array(0);
  taken: Uint8Array | null = null;
  dataFrames = 0;
  dropData: (offset: number, count: number) => boolean = () => false;
  private transfer: { sequence: number; next: number; crc: number; hash: string } | null = null;
  private last: { key: number; reply: Uint8Array } | null = null;
  private readonly parser = createParser(crc32);
  private heard = 0;
  private readonly world: World;
  private readonly write: (bytes: Uint8Array) => void;

  constructor(world: World, write: (bytes: Uint8Array) => void) {
    this.world = world;
    this.write = write;
  }

  receive(bytes: Uint8Array): void {
    if (this.silent) return;
    const mine = ++this.heard;
    feed(this.parser, bytes, (frame) => this.take(frame));
    this.world.after(QUIET_MS, () => {
      if (mine === this.heard) flush(this.parser, (frame) => this.take(frame));
    });
  }

  send(kind: number, stream: number, sequence: number, payload: Uint8Array): Uint8Array {
    const frame = encodeFrame(kind, stream, sequence, payload, crc32);
    this.write(frame);
    return frame;
  }

  private take(frame: Frame): void {
    if (frame.kind === KIND_DATA) this.data(frame);
    if (frame.kind !== KIND_REQUEST) return;
    this.requests++;
    const key = frame.stream * 65536 + frame.sequence;
    if (this.last && this.last.key === key) {
      this.write(this.last.reply);
      return;
    }
    const reply = encode(this.answer(frame, decode(frame.payload) as Record<string, unknown>));
    this.last = { key, reply: this.send(KIND_REPLY, frame.stream, frame.sequence, reply) };
  }

  private answer(frame: Frame, request: Record<string, unknown>): unknown {
    switch (request.verb) {
      case 'echo': {
        const id = request.id as number;
        this.done.set(id, (this.done.get(id) ?? 0) + 1);
        return { ok: true, id, data: request.data };
      }
      case 'put':
        this.slot = new Uint8Array(request.bytes as number);
        this.transfer = {
          sequence: frame.sequence,
          next: 0,
          crc: request.crc as number,
          hash: request.hash as string,
        };
        return { ok: true, next: 0 };
      case 'done': {
        const open = this.transfer;
        this.transfer = null;
        if (!open || open.next !== this.slot.length || crc32(this.slot, 0, this.slot.length, 0) !== open.crc) {
          return { error: 'E_CRC', cause: 'the image is damaged', next: 'Upload it again.' };
        }
        this.taken = this.slot;
        return { ok: true, hash: open.hash };
      }
      case 'odd':
        return [1, 2];
      default:
        return { error: 'E_REFUSED', cause: `no ${request.verb}`, next: 'Ask for something else.' };
    }
  }

  private data(frame: Frame): void {
    const offset = new DataView(frame.payload.buffer).getUint32(0, true);
    if (this.dropData(offset, this.dataFrames++)) return;
    const open = this.transfer;
    if (!open || open.sequence !== frame.sequence) {
      this.send(
        KIND_REPLY,
        frame.stream,
        frame.sequence,
        encode({ error: 'E_STATE', cause: 'no transfer', next: 'put' }),
      );
      return;
    }
    const bytes = frame.payload.subarray(4);
    if (offset === open.next) {
      this.slot.set(bytes, offset);
      open.next += bytes.length;
    }
    this.send(KIND_REPLY, frame.stream, frame.sequence, encode({ ok: true, next: open.next }));
  }
}

function bench(seed = 1, faults: Faults = CLEAN, session = 0x01ffff) {
  const world = new World();
  const random = generator(seed);
  let toHost: (bytes: Uint8Array) => void = () => undefined;
  const fromBoard = wire(world, random, faults, (bytes) => toHost(bytes));
  const agent = new Agent(world, fromBoard);
  let closed = 0;
  const line: Line = {
    write: wire(world, random, faults, (bytes) => agent.receive(bytes)),
    onData: (fn) => {
      toHost = fn;
    },
    close: () => {
      closed++;
    },
  };
  const link = new BoardLink('control', line, world, { session });
  return { world, agent, link, random, closed: () => closed, noise: (bytes: Uint8Array) => fromBoard(bytes) };
}

function image(length: number, seed = 3) {
  const random = generator(seed);
  const bytes = new Uint8Array(length).map(() => Math.floor(random() * 256));
  return { bytes, hash: '0123456789abcdef' };
}

function same(a: Uint8Array | null, b: Uint8Array): boolean {
  return a !== null && Buffer.compare(a, b) === 0;
}

describe('requests', () => {
  test('a reply comes back as plain data', async () => {
    const { world, agent, link } = bench();
    const reply = await world.settle(link.request('echo', { id: 1, data: new Uint8Array([1, 2]) }));
    expect(reply).toStrictEqual({ ok: true, id: 1, data: new Uint8Array([1, 2]) });
    expect(agent.requests).toBe(1);
    expect(link.counters()).toEqual({ frames: 1, bad: 0, skipped: 0, resent: 0, late: 0, lost: 0 });
  });

  test('an error of the board is thrown with code, cause and next step', async () => {
    const { world, link } = bench();
    const error = await world.settle(failureIn(link.request('fly')));
    expect(error).toMatchObject({
      code: 'E_REFUSED',
      exit: 7,
      message: 'board control: no fly',
      next: 'Ask for something else.',
    });
    expect(await world.settle(failureIn(link.request('odd')))).toMatchObject({ code: 'E_PROTOCOL', exit: 9 });
  });

  test('a silent board is a timeout: after its time, so many repeats, and words that help', async () => {
    const { world, agent, link, noise } = bench();
    agent.silent = true;
    const error = await world.settle(failureIn(link.request('status')));
    expect(error).toMatchObject({ code: 'E_TIMEOUT', exit: 6 });
    expect(error.message).toBe('board control did not answer status within 6000 ms');
    expect(error.next).toMatch(/power/);
    expect(world.now()).toBeCloseTo(REQUEST_MS);
    expect(link.counters().resent).toBe(REPEATS_MAX);
    noise(new Uint8Array(50).fill(0x41));
    expect((await world.settle(failureIn(link.request('status', {}, 100)))).next).toMatch(/baud rate/);
    expect(world.now()).toBeCloseTo(REQUEST_MS + 100);
    agent.silent = false;
    expect(await world.settle(link.request('echo', { id: 1 }))).toMatchObject({ id: 1 });
  });

  test('requests given at once are done one after another, in order', async () => {
    const { world, agent, link } = bench();
    const all = Promise.all([1, 2, 3, 4].map((id) => link.request('echo', { id })));
    expect((await world.settle(all)).map((reply) => reply.id)).toEqual([1, 2, 3, 4]);
    expect([...agent.done.keys()]).toEqual([1, 2, 3, 4]);
  });

  test('a link closed while it waits says so; later requests too', async () => {
    const { world, link, closed } = bench();
    const waiting = failureIn(link.request('echo', { id: 1 }));
    await new Promise((resolve) => setImmediate(resolve));
    link.close();
    link.close();
    expect((await world.settle(waiting)).code).toBe('E_CLOSED');
    expect((await world.settle(failureIn(link.request('echo')))).code).toBe('E_CLOSED');
    expect((await world.settle(failureIn(link.upload('staged', image(10))))).code).toBe('E_CLOSED');
    expect(closed()).toBe(1);
  });

  test.each([
    ['a bad line', { drop: 0.03, damage: 0.03, repeat: 0.03 }, 970],
    ['a very bad line', { drop: 0.12, damage: 0.12, repeat: 0.1 }, 500],
  ])('%s: nothing is done twice, what is answered was done', async (_what, faults, least) => {
    let answered = 0;
    let resent = 0;
    let bad = 0;
    for (let seed = 1; seed <= 40; seed++) {
      const { world, agent, link } = bench(seed, faults);
      for (let id = 0; id < 25; id++) {
        const data = image(id * 13).bytes;
        const result = await world.settle(link.request('echo', { id, data }).catch((error) => error));
        const told = `seed ${seed}, request ${id}`;
        expect(agent.done.get(id) ?? 0, told).toBeLessThanOrEqual(1);
        if (result instanceof Failure) {
          expect(result.code, told).toBe('E_TIMEOUT');
        } else {
          answered++;
          expect(result, told).toStrictEqual({ ok: true, id, data });
          expect(agent.done.get(id), told).toBe(1);
        }
      }
      resent += link.counters().resent;
      bad += link.counters().bad;
    }
    expect(answered).toBeGreaterThan(least);
    expect(resent).toBeGreaterThan(100);
    expect(bad).toBeGreaterThan(20);
  });

  test('a second link is not taken for a repeat of the first', async () => {
    const { world, agent, link } = bench(1, CLEAN, 5);
    await world.settle(link.request('echo', { id: 1 }));
    const line: Line = {
      write: (bytes) => agent.receive(bytes),
      onData: () => undefined,
      close: () => undefined,
    };
    void new BoardLink('control', line, world, { session: 0x010005 }).request('echo', { id: 2 }).catch(() => undefined);
    await new Promise((resolve) => setImmediate(resolve));
    expect(agent.done.get(2)).toBe(1);
  });
});

describe('uploads', () => {
  test('a clean line: whole, in one pass, near the rate of the line, with progress', async () => {
    const { world, agent, link } = bench();
    const big = image(50_000);
    const progress: number[] = [];
    const reply = await world.settle(link.upload('staged', big, (p) => progress.push(p.done)));
    expect(reply.hash).toBe(big.hash);
    expect(same(agent.taken, big.bytes)).toBe(true);
    expect(link.counters().resent).toBe(0);
    expect(agent.dataFrames).toBe(Math.ceil(50_000 / DATA_BYTES));
    expect(progress.at(-1)).toBe(50_000);
    expect(progress).toEqual([...progress].sort((a, b) => a - b));
    expect(50_000 / BYTES_PER_MS / world.now()).toBeGreaterThan(0.95);
  });

  test('one lost frame costs a window, not a timeout', async () => {
    const { world, agent, link } = bench();
    agent.dropData = (_offset, count) => count === 7;
    await world.settle(link.upload('staged', image(50_000)));
    expect(same(agent.taken, image(50_000).bytes)).toBe(true);
    expect(link.counters().resent).toBeLessThanOrEqual(5);
    expect(50_000 / BYTES_PER_MS / world.now()).toBeGreaterThan(0.85);
  });

  test('a lost last frame is found by the silence', async () => {
    const { world, agent, link } = bench();
    let once = true;
    agent.dropData = (offset) => {
      const drop = once && offset === 9 * DATA_BYTES;
      if (drop) once = false;
      return drop;
    };
    await world.settle(link.upload('staged', image(10 * DATA_BYTES)));
    expect(same(agent.taken, image(10 * DATA_BYTES).bytes)).toBe(true);
    expect(link.counters().resent).toBe(1);
  });

  test('requests go between the data of an upload', async () => {
    const { world, agent, link } = bench();
    const upload = link.upload('staged', image(30_000));
    world.pass(300);
    await new Promise((resolve) => setImmediate(resolve));
    world.pass(300);
    const id = await world.settle(link.request('echo', { id: 1 }));
    expect(id).toMatchObject({ id: 1 });
    expect(agent.taken).toBeNull();
    await world.settle(upload);
    expect(same(agent.taken, image(30_000).bytes)).toBe(true);
  });

  test('two uploads follow each other, also after one that failed', async () => {
    const { world, agent, link } = bench();
    agent.dropData = (_offset, count) => count < 20 && agent.slot.length === 5000;
    const first = failureIn(link.upload('staged', image(5000)));
    const second = link.upload('active', image(6000));
    expect(await world.settle(first)).toMatchObject({ code: 'E_TIMEOUT', exit: 6 });
    await world.settle(second);
    expect(same(agent.taken, image(6000).bytes)).toBe(true);
  });

  test('an empty image, and a line that answers at once', async () => {
    const world = new World();
    let toHost: (bytes: Uint8Array) => void = () => undefined;
    const agent = new Agent(world, (bytes) => toHost(bytes));
    const line: Line = {
      write: (bytes) => agent.receive(bytes),
      onData: (fn) => {
        toHost = fn;
      },
      close: () => undefined,
    };
    const link = new BoardLink('control', line, world, { session: 1 });
    await world.settle(link.upload('staged', image(0)));
    await world.settle(link.upload('staged', image(1_000_000)));
    expect(same(agent.taken, image(1_000_000).bytes)).toBe(true);
    expect(world.now()).toBe(0);
  });

  test('a board that forgot the transfer ends it with its own error', async () => {
    const { world, agent, link } = bench();
    agent.dropData = (_offset, count) => {
      if (count === 5) (agent as unknown as { transfer: null }).transfer = null;
      return false;
    };
    const error = await world.settle(failureIn(link.upload('staged', image(20_000))));
    expect(error).toMatchObject({ code: 'E_STATE', exit: 9, message: 'board control: no transfer' });
  });

  test('bad lines: whole or not at all', async () => {
    let whole = 0;
    for (let seed = 1; seed <= 40; seed++) {
      const { world, agent, link } = bench(seed, { drop: 0.02, damage: 0.02, repeat: 0.01 });
      const wanted = image(20_000 + seed, seed);
      const result = await world.settle(link.upload('staged', wanted).catch((error) => error));
      const told = `seed ${seed}: ${result}`;
      if (result instanceof Failure) {
        expect(result.code, told).toBe('E_TIMEOUT');
      } else {
        whole++;
        expect(same(agent.taken, wanted.bytes), told).toBe(true);
      }
    }
    expect(whole).toBeGreaterThanOrEqual(38);
  });
});

describe('what a board tells of itself', () => {
  const trace = (number: number, line: unknown): Uint8Array => {
    const body = encode(line);
    const payload = new Uint8Array(4 + body.length);
    new DataView(payload.buffer).setUint32(0, number, true);
    payload.set(body, 4);
    return payload;
  };

  /** A line in parts of at most `size` bytes, each with the line's number, all but the last with the mark of more. */
  const split = (whole: Uint8Array, size: number): Uint8Array[] => {
    const parts: Uint8Array[] = [];
    for (let at = 4; at < whole.length; at += size) {
      const part = new Uint8Array([...whole.subarray(0, 4), ...whole.subarray(at, at + size)]);
      if (at + size < whole.length) part[3] = (part[3] ?? 0) | 0x80;
      parts.push(part);
    }
    return parts;
  };

  test('a long line comes in parts; without one of them it is lost', () => {
    const { world, agent, link } = bench();
    const lines: TraceLine[] = [];
    link.onTrace((line) => lines.push(line));
    const long = (n: number) => ({ n, data: image(10_000, n).bytes });
    const tell = (n: number, without: number): void => {
      split(trace(n, long(n)), 4000).forEach((part, i) => {
        if (i !== without) agent.send(KIND_TRACE, 0, i, part);
      });
    };
    tell(0, -1);
    tell(1, 0);
    tell(2, 1);
    tell(3, 2);
    tell(4, -1);
    world.pass(10_000);
    expect(lines).toEqual([long(0), { board: 'control', note: { kind: 'gap', lost: 3 } }, long(4)]);
  });

  test('trace lines, and a note where some were lost or the board booted', async () => {
    const { world, agent, link } = bench();
    const lines: TraceLine[] = [];
    const stop = link.onTrace((line) => lines.push(line));
    const tell = (number: number): void => {
      agent.send(KIND_TRACE, 0, 0, trace(number, { t: number * 10, board: 'control', n: number }));
      world.pass(50);
    };
    for (const number of [4, 5, 8, 0, 1, 3]) tell(number);
    const line = (number: number) => ({ t: number * 10, board: 'control', n: number });
    const gap = (t: number, lost: number) => ({ t, board: 'control', note: { kind: 'gap', lost } });
    expect(lines).toEqual([line(4), line(5), gap(80, 2), line(8), line(0), line(1), gap(30, 1), line(3)]);
    expect(link.counters().lost).toBe(3);
    stop();
    tell(4);
    expect(lines).toHaveLength(8);
  });

  test('every lost trace line is told of, on any bad line', () => {
    for (let seed = 1; seed <= 20; seed++) {
      const { world, agent, link } = bench(seed, { drop: 0.1, damage: 0.1, repeat: 0 });
      const seen: number[] = [];
      let lost = 0;
      link.onTrace((line) => {
        const note = line.note as unknown as { kind: string; lost: number } | undefined;
        if (note) lost += note.lost;
        else {
          const n = line.n as number;
          seen.push(n);
          expect((line as unknown as { pad: Uint8Array }).pad, `seed ${seed}`).toEqual(image(n * 2, n).bytes);
        }
      });
      for (let n = 0; n < 200; n++) {
        const parts = split(trace(n, { n, pad: image(n * 2, n).bytes }), 150);
        for (const [i, part] of parts.entries()) agent.send(KIND_TRACE, 0, i, part);
        world.pass(5);
      }
      world.pass(5000);
      const first = seen[0] ?? 0;
      const last = seen.at(-1) ?? 0;
      expect(seen, `seed ${seed}`).toEqual([...new Set(seen)].sort((a, b) => a - b));
      expect(seen.length + lost, `seed ${seed}`).toBe(last - first + 1);
      expect(seen.length, `seed ${seed}`).toBeGreaterThan(60);
      expect(lost, `seed ${seed}`).toBeGreaterThan(0);
    }
  });

  test('a line that is no line is counted, and missed', () => {
    const { world, agent, link } = bench();
    const lines: TraceLine[] = [];
    link.onTrace((line) => lines.push(line));
    agent.send(KIND_TRACE, 0, 0, trace(0, { n: 0 }));
    agent.send(KIND_TRACE, 0, 0, new Uint8Array([1, 0, 0, 0, 0xff]));
    agent.send(KIND_TRACE, 0, 0, new Uint8Array([1]));
    agent.send(KIND_TRACE, 0, 0, trace(3, { n: 3 }));
    world.pass(100);
    expect(lines.map((line) => line.n ?? line.note)).toEqual([0, { kind: 'gap', lost: 2 }, 3]);
    expect(link.counters().bad).toBe(2);
  });

  test('log texts', () => {
    const { world, agent, link } = bench();
    const texts: string[] = [];
    link.onLog((text) => texts.push(text));
    agent.send(KIND_LOG, 0, 0, new Uint8Array(Buffer.from('started at 3.3 V, 24 °C')));
    world.pass(100);
    expect(texts).toEqual(['started at 3.3 V, 24 °C']);
  });
});
