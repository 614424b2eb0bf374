// Incremental checkpoints: what changed in a process's state since the last checkpoint, without a copy of the last one.
//
// A checkpoint is the deterministic encoding of plain data (link/cbor.ts), so two states are equal exactly where their
// bytes are, order of keys included. Of the last bytes only a `Mark` stays in memory: the list of their blocks, each with
// its length and 64 bits of hash. The next bytes are compared block by block in native calls. Where one block differs, the
// next ones are looked for first in their old place (something changed in place), then anywhere (something grew, shrank or
// moved: a counter got a byte longer, a queue lost its head); by a rolling hash of 16 bytes, as rsync does. So structure
// is followed without being known, and JavaScript looks at the bytes only where a length changed.
//
// Blocks adapt. What changed is cut into smaller ones, so a counter that changes each time soon costs 20 bytes and not a
// hundred; where that makes a mark too long, what did not change is joined. A mark takes an eighth to a quarter of the
// bytes it is of, and never more than 3/8 of them and 240 bytes.
//
// Can a change go unseen? A block that changed and keeps both hashes would leave stale data in the chain of patches, and
// nothing afterwards could repair it: the log before the checkpoint is gone. One CRC-32 is not enough then, and a second one
// over more bytes is worth nothing: what CRC-32 does not see in a block it does not see in the whole either. So each block
// has the CRC-32 of its bytes, and that of its bytes with zeros between them, which is independent: a change within seven
// bytes in a row never passes both, any other one with 2^-64. At a million changed blocks a day that is once in 50,000 million
// years; storage itself fails earlier. Each patch also carries the CRC-32 of what it makes; that finds a patch on the wrong
// base, and not such a collision.
//
// Beside the value, a call takes 3/8 of its bytes and half a kilobyte for as long as it runs.

import type { Crc } from './link/crc.ts';

/** By block three words: fold of its first 16 bytes << 16 | its length, CRC-32, CRC-32 with zeros between its bytes. */
export type Mark = Uint32Array;

/**
 * Plain data for link/cbor.ts: length and CRC-32 of the new value, then by change three items: how many bytes to copy from
 * the old value, the new bytes (they stand for as many old ones), how far to jump in the old value behind them. What is
 * missing at the end is copied. Encoded it may be a few bytes longer than the value: write the value, where it is.
 */
export type Patch = (number | Uint8Array)[];

export interface Difference {
  mark: Mark;
  /** null: nothing changed */
  patch: Patch | null;
}

const WORDS = 3;
/** A block is as long as this at least where it may be found in another place; a power of two: see `roll`. */
const FINE = 16;
const COARSE = 96;
/** What changed is cut into so many blocks, as FINE and COARSE allow. */
const PARTS = 4;
/** So many blocks in a row are looked for in their old place. */
const PLACES = 8;
const FILTER_BYTES = 256;
/** Longest value: engines have no view that begins later. */
export const VALUE_BYTES_MAX = 65535;

const NOTHING = new Uint8Array(0);

// ---- One call at a time: the value at hand, and the mark that is being made of it.

let bytes: Uint8Array = NOTHING;
let crc: Crc;
let spread: Uint16Array;
let spreadBytes: Uint8Array;
let made: Uint32Array;
let count = 0;
/** where the last block begins, and whether it is an old one */
let last = 0;
let kept = false;

function open(value: Uint8Array, check: Crc): void {
  if (value.length > VALUE_BYTES_MAX) throw new Error('delta: a state of ' + value.length + ' bytes');
  bytes = value;
  crc = check;
  spread = new Uint16Array(COARSE);
  spreadBytes = new Uint8Array(spread.buffer);
  // `put` joins what it must to stay below this
  made = new Uint32Array(WORDS * ((value.length >> 5) + 20));
  count = 0;
}

function close(): Mark {
  const out = new Uint32Array(WORDS * count);
  out.set(made.subarray(0, WORDS * count));
  bytes = NOTHING;
  made = out;
  return out;
}

/** CRC-32 of a block's bytes with zeros between them. */
function spreadCrc(from: number, to: number): number {
  spread.set(bytes.subarray(from, to));
  return crc(spreadBytes, 0, 2 * (to - from), 0);
}

/** The rolling hash: a byte leaves it by itself after FINE steps of two bits. */
function roll(hash: number, byte: number): number {
  return (hash << 2) + byte;
}

function fold(hash: number): number {
  return (hash ^ (hash >>> 16)) & 0xffff;
}

/** Appends the block bytes[from..to) to the mark: block `k` of `old`, or a new one where `old` is null. */
function put(from: number, to: number, old: Mark | null, k: number): void {
  const same = old !== null;
  let source = old;
  let start = from;
  // Many for these bytes: join neighbours that did not change; too many: any.
  const join = (same && kept && count > from / 128 + 8) || count > from / 64 + 16;
  if (join && to - last <= COARSE) {
    start = last;
    source = null;
    count--;
  }
  const at = WORDS * count++;
  if (source) {
    for (let i = 0; i < WORDS; i++) made[at + i] = source[WORDS * k + i];
  } else {
    let hash = 0;
    for (let i = start; i < to && i < start + FINE; i++) hash = roll(hash, bytes[i]);
    made[at] = ((fold(hash) << 16) | (to - start)) >>> 0;
    made[at + 1] = crc(bytes, start, to, 0);
    made[at + 2] = spreadCrc(start, to);
  }
  last = start;
  kept = same;
}

/** Appends new blocks for bytes[from..to). */
function cut(from: number, to: number): void {
  const size = Math.max(FINE, Math.min(COARSE, Math.floor((to - from) / PARTS)));
  let parts = Math.max(Math.floor((to - from) / size), Math.ceil((to - from) / COARSE));
  let at = from;
  while (at < to) {
    const next = at + Math.ceil((to - at) / parts--);
    put(at, next, null, 0);
    at = next;
  }
}

/** The mark of a value's encoding; `check` as `Hal.crc32`. */
export function mark(value: Uint8Array, check: Crc): Mark {
  open(value, check);
  cut(0, value.length);
  return close();
}

function lengthOf(old: Mark, k: number): number {
  return old[WORDS * k] & 0xffff;
}

/** Does block `k` of the old mark stand at `at`? */
function stands(old: Mark, k: number, at: number): boolean {
  const end = at + lengthOf(old, k);
  return (
    end <= bytes.length && crc(bytes, at, end, 0) === old[WORDS * k + 1] && spreadCrc(at, end) === old[WORDS * k + 2]
  );
}

/** By the lower 11 bits of the fold: may a block begin so? */
function filterOf(old: Mark): Uint8Array {
  const filter = new Uint8Array(FILTER_BYTES);
  for (let i = 0; i < old.length; i += WORDS) {
    const start = old[i] >>> 16;
    filter[(start >> 3) & (FILTER_BYTES - 1)] |= 1 << (start & 7);
  }
  return filter;
}

/** The old block that stands at `at`, where it begins with `start`; after block `k` rather than before it; or -1. */
function blockAt(old: Mark, k: number, at: number, start: number): number {
  const blocks = old.length / WORDS;
  for (let i = 0; i < blocks; i++) {
    const j = k + i < blocks ? k + i : k + i - blocks;
    if (old[WORDS * j] >>> 16 === start && lengthOf(old, j) >= FINE && stands(old, j, at)) return j;
  }
  return -1;
}

/** What to do to the value that `old` is the mark of, to get this one; and the mark of this one. */
export function difference(old: Mark, value: Uint8Array, check: Crc): Difference {
  const blocks = old.length / WORDS;
  const end = value.length;
  const change: Patch = [end, check(value, 0, end, 0)];
  let filter: Uint8Array | null = null;
  let at = 0;
  let k = 0;
  let same = 0;
  open(value, check);
  while (at < end) {
    if (k < blocks && stands(old, k, at)) {
      const next = at + lengthOf(old, k);
      put(at, next, old, k++);
      same += next - at;
      at = next;
      continue;
    }
    let found = -1;
    let place = at;
    for (let j = k; j < blocks && j < k + PLACES && found < 0; j++) {
      place += lengthOf(old, j);
      if (j + 1 < blocks ? stands(old, j + 1, place) : place === end) found = j + 1;
    }
    if (found < 0) {
      if (!filter) filter = filterOf(old);
      let hash = 0;
      place = at;
      while (place < end && found < 0) {
        hash = roll(hash, value[place++]);
        if (place - at >= FINE) {
          const start = fold(hash);
          if (filter[(start >> 3) & (FILTER_BYTES - 1)] & (1 << (start & 7))) {
            found = blockAt(old, k, place - FINE, start);
          }
        }
      }
      if (found >= 0) place -= FINE;
      else found = blocks;
    }
    let jump = at - place;
    for (let j = k; j < found; j++) jump += lengthOf(old, j);
    for (let j = found; j < k; j++) jump -= lengthOf(old, j);
    if (place > at) cut(at, place);
    change.push(same, value.subarray(at, place), place < end ? jump : 0);
    same = 0;
    at = place;
    k = found;
  }
  const next = close();
  return change.length > 2 || k < blocks ? { mark: next, patch: change } : { mark: old, patch: null };
}

/** The value that `difference` saw, from the one before it; null where the patch is not of this value. */
export function patch(value: Uint8Array, change: Patch, check: Crc): Uint8Array | null {
  const length = change[0] as number;
  if (!(length >= 0 && length <= VALUE_BYTES_MAX)) return null;
  const out = new Uint8Array(length);
  let at = 0;
  let old = 0;
  for (let i = 2; i <= change.length; i += 3) {
    const same = i < change.length ? (change[i] as number) : length - at;
    if (!(same >= 0 && at + same <= length)) return null;
    if (same > 0) {
      if (!(old >= 0 && old + same <= value.length)) return null;
      out.set(value.subarray(old, old + same), at);
      at += same;
    }
    if (i < change.length) {
      const fresh = change[i + 1] as Uint8Array;
      if (!fresh || !(at + fresh.length <= length)) return null;
      out.set(fresh, at);
      at += fresh.length;
      old += same + fresh.length + (change[i + 2] as number);
    }
  }
  return check(out, 0, length, 0) === change[1] ? out : null;
}
