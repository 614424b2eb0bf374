// What an incremental checkpoint costs, by method: bytes of flash, memory of what is kept of the last one, and time. The
// states are those that processes have: a few counters in kilobytes, queues, tables, texts.

import { crc32 } from 'node:zlib';
import { difference, type Mark, mark, type Patch, patch } from '../../firmware/delta.ts';
import { decode, encode } from '../../firmware/link/cbor.ts';

export interface CheckpointCost {
  method: string;
  /** mean of a checkpoint after the first, and the largest */
  bytes: number;
  worstBytes: number;
  /** most that is kept in memory between two checkpoints */
  keptBytes: number;
  /** of encoding the state and the CRC of that; what the method does on top of it included */
  time: number;
}

/** A method keeps something of the last checkpoint; `next` gives the bytes of the next one. */
interface Method {
  name: string;
  begin(bytes: Uint8Array): unknown;
  next(kept: unknown, bytes: Uint8Array): { kept: unknown; written: Uint8Array };
  keptBytes(kept: unknown): number;
}

const crc = (bytes: Uint8Array, from: number, to: number, seed: number): number =>
  crc32(from === 0 && to === bytes.length ? bytes : bytes.subarray(from, to), seed);

const full: Method = {
  name: 'full',
  begin: () => null,
  next: (kept, bytes) => ({ kept, written: bytes }),
  keptBytes: () => 0,
};

/** Hashes of pages at fixed places: two words each, as safe as the delta's (firmware/delta.ts says why). */
function pages(size: number): Method {
  const hashes = (bytes: Uint8Array): Uint32Array => {
    const out = new Uint32Array(2 * Math.ceil(bytes.length / size));
    const spread = new Uint16Array(size);
    const view = new Uint8Array(spread.buffer);
    for (let i = 0; i < out.length; i += 2) {
      const from = (i / 2) * size;
      const to = Math.min(from + size, bytes.length);
      spread.set(bytes.subarray(from, to));
      out[i] = crc(bytes, from, to, 0);
      out[i + 1] = crc(view, 0, 2 * (to - from), 0);
    }
    return out;
  };
  return {
    name: `pages of ${size}`,
    begin: hashes,
    next: (kept, bytes) => {
      const old = kept as Uint32Array;
      const now = hashes(bytes);
      // length and check as in a patch, then a number of one byte (to 127 pages) or two and the page
      const written: number[] = [bytes.length & 255, bytes.length >> 8, 0, 0, 0, 0];
      for (let page = 0; 2 * page < now.length; page++) {
        if (now[2 * page] === old[2 * page] && now[2 * page + 1] === old[2 * page + 1]) continue;
        if (page > 127) written.push(128 | (page & 127), page >> 7);
        else written.push(page);
        for (let i = page * size; i < (page + 1) * size && i < bytes.length; i++) written.push(bytes[i] as number);
      }
      const check = crc(bytes, 0, bytes.length, 0);
      for (let i = 0; i < 4; i++) written[2 + i] = (check >>> (8 * i)) & 255;
      return { kept: now, written: Uint8Array.from(written) };
    },
    keptBytes: (kept) => (kept as Uint32Array).byteLength,
  };
}

const NO_BYTES = new Uint8Array(0);

const delta: Method = {
  name: 'delta',
  begin: (bytes) => mark(bytes, crc),
  next: (kept, bytes) => {
    const found = difference(kept as Mark, bytes, crc);
    return { kept: found.mark, written: found.patch ? encode(found.patch) : NO_BYTES };
  },
  keptBytes: (kept) => (kept as Mark).byteLength,
};

/** Always against the full checkpoint: a boot applies one patch, and each one repeats those before it. */
const deltaFromBase: Method = {
  ...delta,
  name: 'delta from the base',
  next: (kept, bytes) => {
    const found = difference(kept as Mark, bytes, crc);
    return { kept, written: found.patch ? encode(found.patch) : NO_BYTES };
  },
};

export const METHODS: readonly Method[] = [full, pages(64), pages(128), pages(256), delta, deltaFromBase];

function microseconds(repeats: number, run: () => void): number {
  const times: number[] = [];
  for (let round = 0; round < 5; round++) {
    const start = process.hrtime.bigint();
    for (let i = 0; i < repeats; i++) run();
    times.push(Number(process.hrtime.bigint() - start) / 1000 / repeats);
  }
  return Math.min(...times);
}

/**
 * Each method over a sequence of states, the first of which is the full checkpoint. Where a patch is not shorter than
 * the state, the state itself is written, as a board does. Throws where the delta does not give the state again.
 */
export function compareCheckpoints(values: readonly unknown[], repeats = 3): CheckpointCost[] {
  const encoded = values.map((value) => encode(value));
  const first = encoded[0];
  if (!first || encoded.length < 2) throw new Error('checkpoints: two states at least');
  const encoding = microseconds(repeats, () => {
    for (const value of values) {
      const bytes = encode(value);
      crc(bytes, 0, bytes.length, 0);
    }
  });
  return METHODS.map((method) => {
    let kept = method.begin(first);
    let keptBytes = method.keptBytes(kept);
    let sum = 0;
    let worstBytes = 0;
    for (let i = 1; i < encoded.length; i++) {
      const bytes = encoded[i] as Uint8Array;
      const next = method.next(kept, bytes);
      if (method === delta) verify(encoded[i - 1] as Uint8Array, next.written, bytes);
      const written = Math.min(next.written.length, bytes.length);
      kept = next.kept;
      keptBytes = Math.max(keptBytes, method.keptBytes(kept));
      sum += written;
      worstBytes = Math.max(worstBytes, written);
    }
    const time = microseconds(repeats, () => {
      let state = method.begin(first);
      for (const bytes of encoded) state = method.next(state, bytes).kept;
    });
    return {
      method: method.name,
      bytes: sum / (encoded.length - 1),
      worstBytes,
      keptBytes,
      time: (encoding + (method === full ? 0 : time)) / encoding,
    };
  });
}

function verify(before: Uint8Array, written: Uint8Array, after: Uint8Array): void {
  const again = written.length === 0 ? before : patch(before, decode(written) as Patch, crc);
  if (!again || Buffer.compare(again, after) !== 0)
    throw new Error('checkpoints: a patch does not give the state again');
}

// ---- States as processes have them.

export interface Workload {
  name: string;
  values: unknown[];
}

function generator(seed: number): () => number {
  let at = seed;
  return () => {
    at = (at + 0x6d2b79f5) | 0;
    let x = Math.imul(at ^ (at >>> 15), at | 1);
    x ^= x + Math.imul(x ^ (x >>> 7), x | 61);
    return ((x ^ (x >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** The states that `step` makes of one value, by copies of their encodings. */
function sequence(value: unknown, steps: number, step: (i: number) => void): unknown[] {
  const out = [decode(encode(value))];
  for (let i = 1; i <= steps; i++) {
    step(i);
    out.push(decode(encode(value)));
  }
  return out;
}

export function workloads(seed = 1, steps = 100): Workload[] {
  const random = generator(seed);
  const integer = (below: number): number => Math.floor(random() * below);
  const list = (count: number, make: (i: number) => unknown): unknown[] =>
    Array.from({ length: count }, (_, i) => make(i));

  const cells = { count: 0, mode: 'track', gains: [0.4, 1, 0.04], table: list(450, () => random()) };
  const entry = (i: number) => ({
    to: i % 3,
    q: i,
    type: i % 5,
    data: Uint8Array.from(list(24, () => integer(256)) as number[]),
  });
  const queue = { app: { n: 0, rate: 10 }, log: list(64, (i) => entry(i + 1)), k: 64 };
  const keys: { [key: string]: number } = {};
  for (let i = 0; i < 200; i++) keys[`cell${i}`] = i % 3 ? integer(100000) : random();
  const words = 'wheel torque mode safe sun field gyro rate limit pass fail hold track slew desaturate'.split(' ');
  const text = { size: 200, text: list(300, () => words[integer(words.length)]).join(' '), end: [1, 2, 3] };
  const grown = { count: 20, more: 250, samples: list(300, () => integer(60000)), name: 'grown' };
  const ring = { at: 0, samples: list(256, () => Math.round(random() * 1e6) / 1e3) };
  const noise = { n: 0, window: list(100, () => random()) };

  return [
    {
      name: '4 KB, a counter and one cell',
      values: sequence(cells, steps, (i) => {
        cells.count++;
        cells.table[(7 * i) % 450] = random();
      }),
    },
    {
      name: 'samples in a circle',
      values: sequence(ring, steps, () => {
        ring.samples[ring.at] = Math.round(random() * 1e6) / 1e3;
        ring.at = (ring.at + 1) % 256;
      }),
    },
    {
      name: 'a queue of 64, one in, one out',
      values: sequence(queue, steps, () => {
        queue.app.n++;
        queue.log.shift();
        queue.log.push(entry(++queue.k));
      }),
    },
    {
      name: '200 numbers by key, three change',
      values: sequence(keys, steps, () => {
        for (let i = 0; i < 3; i++) keys[`cell${integer(200)}`] = integer(100000);
      }),
    },
    {
      name: 'a word into a text of 2 KB',
      values: sequence(text, steps, () => {
        const at = integer(text.text.length);
        text.text = `${text.text.slice(0, at)} ${words[integer(words.length)]}${text.text.slice(at)}`;
        text.size++;
      }),
    },
    {
      name: 'an early counter grows by a byte',
      values: sequence(grown, steps, (i) => {
        grown.count = i % 2 ? 23 : 24;
        grown.more += 3;
      }),
    },
    {
      name: 'all of it changes',
      values: sequence(noise, steps, () => {
        noise.n++;
        for (let i = 0; i < noise.window.length; i++) noise.window[i] = random();
      }),
    },
  ];
}
