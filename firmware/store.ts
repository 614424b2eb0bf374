// The board's durable store (PROTOCOL 6): one journal ring that the streams of all its processes share, in the order in
// which things happened, so that whatever a power cut leaves is a prefix of it. What a stream needs is its last base and
// what follows; a base is written where a cut ends, and else by cost: when replaying would take long, or when the
// ring's tail has to move on (PROTOCOL 6, the opening at its end).

import {
  append,
  eraseAhead,
  LENGTH_MAX,
  openRing,
  reclaim,
  RECORD_HEADER,
  roomOf,
  SECTORS_MAX,
  SECTORS_MIN,
} from '../hal/ring.ts';
import type { Ring, RingRecord } from '../hal/ring.ts';
import type { Flash } from '../hal/hal.ts';
import { BOARD_STREAM, boardBase, processBase } from './base.ts';
import type { Pid } from './core/types.ts';
import { difference, mark, VALUE_BYTES_MAX } from './delta.ts';
import type { Mark } from './delta.ts';
import {
  RECORD_BASE,
  RECORD_BEGIN,
  RECORD_END,
  RECORD_EVENT,
  RECORD_FACT,
  RECORD_FIRST,
  RECORD_LAST,
  RECORD_MORE,
  RECORD_OPENING,
  RECORD_PATCH,
  RECORD_READY,
} from './entry.ts';
import type { Crc } from './image.ts';
import { RECORD_SECTORS, slotAt, slotBytes } from './image.ts';
import {
  BASE_PART,
  JOURNAL_BLIND,
  JOURNAL_BYTES_MIN,
  JOURNAL_FULL,
  JOURNAL_NO_ROOM,
  JOURNAL_RESERVE,
  JOURNAL_SALT,
  JOURNAL_SMALL,
  JOURNAL_WORN,
  REPLAY_EVENTS,
  RESERVE_BYTES,
  SHARE_MS,
  SHARE_UNIT,
  WRITE_MAX,
} from './limits.ts';
import { encode } from './link/cbor.ts';
import { saveRecord } from './record.ts';
import type { BoardRecord } from './record.ts';
import type { Local, Runtime } from './state.ts';
import { boardTime, localOf, note } from './state.ts';

/** What the ring holds of one process, or of the board (BOARD_STREAM). */
export interface Stream {
  pid: Pid;
  /** address of its last full base */
  at: number;
  /** bytes of that base, and of the patches to it */
  size: number;
  patches: number;
  /** events since the last of them */
  events: number;
  mark: Mark | null;
  /** a base is wanted as soon as all that has happened is out */
  due: boolean;
}

export interface Store {
  /** null: the board keeps no journal, `why` says why */
  ring: Ring | null;
  why: string;
  /** events are recorded now: a session is open */
  on: boolean;
  pending: RingRecord[];
  pendingBytes: number;
  /** board time of the first of them, ms */
  pendingAt: number;
  /** by device: number of the input that a pending fact tells of */
  facts: number[];
  /** time of the last record, µs */
  t: number;
  streams: Stream[];
  /** a base may be wanted */
  due: boolean;
  /** how full the ring is need not be looked at before its end is there */
  look: number;
  /** only the reserve is left: no ordinary message is taken until the guard has ended */
  full: boolean;
  /** since the boot: events, their bytes, writes, full bases, their bytes, patches, their bytes */
  count: {
    events: number;
    bytes: number;
    writes: number;
    bases: number;
    baseBytes: number;
    patches: number;
    patchBytes: number;
  };
}

/** A store that keeps nothing; `why` says why. */
export function closedStore(why: string): Store {
  return {
    ring: null,
    why: why,
    on: false,
    pending: [],
    pendingBytes: 0,
    pendingAt: 0,
    facts: [],
    t: 0,
    streams: [],
    due: true,
    look: 0,
    full: false,
    count: { events: 0, bytes: 0, writes: 0, bases: 0, baseBytes: 0, patches: 0, patchBytes: 0 },
  };
}

/**
 * Mounts the ring, which has all sectors behind the two slots. The record says whether it is still used, and for which
 * system: a worn ring could not be told that another one has come.
 */
export function openStore(flash: Flash, crc: Crc, record: BoardRecord): Store {
  const failed = record.journal || '';
  const store = closedStore(failed);
  if (failed !== '') return store;
  const first = RECORD_SECTORS + (2 * slotBytes(flash)) / flash.sectorBytes;
  const sectors = Math.min(SECTORS_MAX, flash.sectors - first);
  if (sectors < SECTORS_MIN || sectors * flash.sectorBytes < JOURNAL_BYTES_MIN) {
    store.why = JOURNAL_NO_ROOM + ': ' + sectors + ' sectors of ' + flash.sectorBytes + ' B are left';
  } else {
    try {
      store.ring = openRing(flash, crc, first, sectors, JOURNAL_SALT + (record.systems || 0));
    } catch (error) {
      store.why = JOURNAL_BLIND + ': ' + ((error && (error as Error).message) || error);
    }
  }
  return store;
}

/** Where the ring stands that `openStore` makes, bytes from the beginning of the flash. */
export function ringAt(flash: Flash): number {
  return slotAt(flash, 2);
}

/** Board time, µs: what events carry, so that a record can say it exactly. */
export function stamp(rt: Runtime): number {
  return Math.round(boardTime(rt) * 1000);
}

export function streamOf(store: Store, pid: Pid): Stream | null {
  for (let i = 0; i < store.streams.length; i++) if (store.streams[i].pid === pid) return store.streams[i];
  return null;
}

/** Bytes that what is written here may still take. */
export function room(ring: Ring): number {
  return roomOf(ring, WRITE_MAX);
}

function addStream(store: Store, pid: Pid): Stream {
  const known = streamOf(store, pid);
  if (known) return known;
  const made: Stream = { pid: pid, at: -1, size: 0, patches: 0, events: 0, mark: null, due: false };
  store.streams.push(made);
  return made;
}

function push(store: Store, kind: number, fields: unknown[]): number {
  const bytes = encode(fields);
  let cost = 0;
  for (let from = 0; from < bytes.length; from += BASE_PART) {
    const last = from + BASE_PART >= bytes.length;
    const part = from === 0 ? RECORD_FIRST : last ? RECORD_LAST : RECORD_MORE;
    const piece = from === 0 && last ? bytes : bytes.subarray(from, Math.min(bytes.length, from + BASE_PART));
    store.pending.push({ kind: piece === bytes ? kind : part, bytes: piece });
    cost += piece.length + RECORD_HEADER;
  }
  store.pendingBytes += cost;
  return cost;
}

/** Another event, or fact, since the stream's last base. */
function countEvent(store: Store, pid: Pid): void {
  const stream = streamOf(store, pid);
  if (stream && ++stream.events >= REPLAY_EVENTS) store.due = true;
}

/** An event of a process, packed before its step, and the digest of its effects. */
export function recordEvent(rt: Runtime, local: Local, us: number, digest: number, packed: unknown[]): void {
  const store = rt.store;
  const fields: unknown[] = [local.pid, us - store.t, digest];
  store.t = us;
  if (store.pending.length === 0) store.pendingAt = us / 1000;
  store.count.events++;
  store.count.bytes += push(store, RECORD_EVENT, fields.concat(packed));
  countEvent(store, local.pid);
}

export function recordFact(rt: Runtime, fact: unknown[]): void {
  if (!rt.store.on) return;
  if (rt.store.pending.length === 0) rt.store.pendingAt = boardTime(rt);
  rt.store.count.bytes += push(rt.store, RECORD_FACT, fact);
  countEvent(rt.store, BOARD_STREAM);
}

/** The process has a base written at the next occasion. */
export function rebase(rt: Runtime, pid: Pid): void {
  const stream = streamOf(rt.store, pid);
  if (stream) stream.due = true;
  rt.store.due = true;
}

/** All bases are written anew at the next occasion. */
export function rebaseAll(rt: Runtime): void {
  for (let i = 0; i < rt.store.streams.length; i++) rt.store.streams[i].due = true;
  rt.store.due = true;
}

/** The flash has failed, or is too small: the journal ends, and with it what it stood for (PROTOCOL 6, durability off). */
function giveUp(rt: Runtime, why: string): void {
  const store = rt.store;
  store.why = why;
  store.on = false;
  store.ring = null;
  store.pending = [];
  store.pendingBytes = 0;
  store.streams = [];
  rt.records.value.journal = why;
  rt.abort = 'the journal of board ' + rt.hal.board + ' has failed: ' + why;
  note(rt, { kind: 'journal', why: why });
  // before anything leaves: a later boot must not take up what is no longer all
  saveRecord(rt.records);
}

/** Writes records in order; null: the journal has failed. */
function write(rt: Runtime, records: RingRecord[]): number[] | null {
  const store = rt.store;
  const ring = store.ring;
  let all: number[] = [];
  let from = 0;
  try {
    while (ring && from < records.length) {
      let to = from;
      let bytes = 0;
      while (to < records.length) {
        bytes += records[to].bytes.length + RECORD_HEADER + 3;
        if (to > from && bytes > WRITE_MAX) break;
        to++;
      }
      const made = append(ring, from === 0 && to === records.length ? records : records.slice(from, to));
      store.count.writes++;
      if (!made) {
        giveUp(rt, JOURNAL_FULL + ': what it must hold does not fit its ' + ring.sectors + ' sectors');
        return null;
      }
      all = all.concat(made);
      from = to;
    }
  } catch (error) {
    giveUp(rt, JOURNAL_WORN + ': ' + ((error && (error as Error).message) || error));
    return null;
  }
  return ring ? all : null;
}

function baseRecords(kind: number, pid: Pid, t: number, bytes: Uint8Array): RingRecord[] {
  const parts = Math.max(1, Math.ceil(bytes.length / BASE_PART));
  const out: RingRecord[] = [];
  for (let i = 0; i < parts; i++) {
    const part = bytes.subarray(i * BASE_PART, Math.min(bytes.length, (i + 1) * BASE_PART));
    out.push({ kind: kind, bytes: encode([pid, i, parts, t, part]) });
  }
  return out;
}

function baseOf(rt: Runtime, pid: Pid, t: number): Uint8Array {
  const local = localOf(rt, pid);
  return encode(pid === BOARD_STREAM || !local ? boardBase(rt) : processBase(rt, local, t / 1000));
}

/** A base of the stream as it is now: a patch to its last one where that is much shorter, unless `full` is asked for. */
function writeBase(rt: Runtime, stream: Stream, full: boolean): boolean {
  const store = rt.store;
  const t = stamp(rt);
  const bytes = baseOf(rt, stream.pid, t);
  if (stream.mark && !full && bytes.length <= VALUE_BYTES_MAX) {
    const change = difference(stream.mark, bytes, rt.crc);
    const record = { kind: RECORD_PATCH, bytes: encode([stream.pid, t, change.patch]) };
    const long = record.bytes.length;
    if (long <= LENGTH_MAX && 2 * long < bytes.length && stream.patches + long < stream.size) {
      if (change.patch) {
        if (!write(rt, [record])) return false;
        store.count.patches++;
        store.count.patchBytes += long + RECORD_HEADER;
        stream.patches += long;
        stream.mark = change.mark;
        store.t = t;
      }
      stream.events = 0;
      stream.due = false;
      return true;
    }
  }
  const records = baseRecords(RECORD_BASE, stream.pid, t, bytes);
  const places = write(rt, records);
  if (!places) return false;
  written(rt, stream, places[0], bytes, t);
  return true;
}

function written(rt: Runtime, stream: Stream, at: number, bytes: Uint8Array, t: number): void {
  const store = rt.store;
  stream.at = at;
  stream.size = bytes.length;
  stream.patches = 0;
  stream.events = 0;
  stream.due = false;
  stream.mark = bytes.length <= VALUE_BYTES_MAX ? mark(bytes, rt.crc) : null;
  store.t = t;
  store.count.bases++;
  store.count.baseBytes += bytes.length;
}

/** A base of everything as it is now, which nobody outside has seen yet. */
interface Opening {
  t: number;
  pids: Pid[];
  bytes: Uint8Array[];
  /** where each one's first record stands among the records */
  first: number[];
  records: RingRecord[];
  /** all that the ring must have room for */
  size: number;
}

function opening(rt: Runtime): Opening {
  const out: Opening = { t: stamp(rt), pids: [BOARD_STREAM], bytes: [], first: [], records: [], size: 0 };
  out.records.push({ kind: RECORD_BEGIN, bytes: encode([]) });
  for (let i = 0; i < rt.locals.length; i++) out.pids.push(rt.locals[i].pid);
  for (let i = 0; i < out.pids.length; i++) {
    out.bytes.push(baseOf(rt, out.pids[i], out.t));
    out.first.push(out.records.length);
    const parts = baseRecords(RECORD_OPENING, out.pids[i], out.t, out.bytes[i]);
    for (let j = 0; j < parts.length; j++) out.records.push(parts[j]);
    out.size += out.bytes[i].length;
  }
  out.records.push({ kind: RECORD_READY, bytes: encode([]) });
  return out;
}

function open(rt: Runtime, o: Opening): void {
  const store = rt.store;
  const places = write(rt, o.records);
  if (!places) return;
  store.on = true;
  store.streams = [];
  for (let i = 0; i < o.pids.length; i++) {
    written(rt, addStream(store, o.pids[i]), places[o.first[i]], o.bytes[i], o.t);
  }
  store.look = 0;
  reclaim(store.ring as Ring, places[0]);
}

/** A session begins. */
function begin(rt: Runtime): void {
  const ring = rt.store.ring as Ring;
  const o = opening(rt);
  // what is left of before may help a process that begins anew; where there is no room it has to go
  if (room(ring) < 2 * o.size + RESERVE_BYTES) reclaim(ring, ring.end);
  if (room(ring) >= 2 * o.size + RESERVE_BYTES) open(rt, o);
  else giveUp(rt, JOURNAL_SMALL + ': ' + o.size + ' B of checkpoints do not fit twice into ' + room(ring) + ' B');
}

/**
 * A boot has taken up a session, and goes on with one of its own: else each boot would use up what it cannot write to any
 * more, and in a row they would fill the ring (hal/FLASH.md 6). Until all of it stands the old one counts.
 */
export function renewSession(rt: Runtime): void {
  const store = rt.store;
  const ring = store.ring as Ring;
  store.on = true;
  const last = oldest(store);
  if (last) reclaim(ring, last.at);
  const o = opening(rt);
  if (room(ring) >= o.size + RESERVE_BYTES) open(rt, o);
}

/** Nothing is recorded any more. `keep`: a boot may begin with the state of the bases (PROTOCOL 6, outside the guard). */
export function endSession(rt: Runtime, keep: boolean): void {
  const store = rt.store;
  // a ring that holds nothing yet has nothing to take back
  if (!store.on && (!store.ring || store.ring.head < 0)) return;
  const records = store.pending;
  records.push({ kind: RECORD_END, bytes: encode([keep]) });
  store.pending = [];
  store.pendingBytes = 0;
  if (store.ring) write(rt, records);
  store.on = false;
  store.full = false;
}

/** Processes that came while a session was open have a base before anything of them leaves the board. */
function addBases(rt: Runtime): void {
  'hot';
  const store = rt.store;
  for (let i = 0; i < rt.locals.length; i++) {
    const local = rt.locals[i];
    if (local.based) continue;
    local.based = true;
    if (streamOf(store, local.pid)) continue;
    if (!writeBase(rt, addStream(store, local.pid), true)) return;
    rebase(rt, BOARD_STREAM);
  }
}

/** Until when what is pending waits for company, ms; 0: no longer. All that it causes waits with it. */
export function sharesUntil(rt: Runtime): number {
  const store = rt.store;
  const unit = store.ring ? store.ring.unit : 0;
  if (unit < SHARE_UNIT || store.pending.length === 0 || store.pendingBytes >= unit) return 0;
  const until = store.pendingAt + SHARE_MS;
  return boardTime(rt) < until ? until : 0;
}

/** Makes durable what has happened since the last call. `wanted`: a session is to be open. */
export function commit(rt: Runtime, wanted: boolean): void {
  const store = rt.store;
  store.facts = [];
  if (!store.ring) return;
  if (!store.on) {
    if (!wanted) return;
    // what is in the bases from the start nobody will do again, nor tell
    rt.flush();
    begin(rt);
    return;
  }
  const records = store.pending;
  store.pending = [];
  store.pendingBytes = 0;
  if (records.length > 0 && !write(rt, records)) return;
  addBases(rt);
}

function oldest(store: Store): Stream | null {
  let found: Stream | null = null;
  for (let i = 0; i < store.streams.length; i++) {
    if (!found || store.streams[i].at < found.at) found = store.streams[i];
  }
  return found;
}

/**
 * Bytes that must be free for a guard to be ended: its last cut, all bases in one piece where power goes meanwhile, and
 * one base beside those that are there, for each is given up when the next one of its process stands.
 */
function reserve(store: Store): number {
  let size = 0;
  let largest = 0;
  for (let i = 0; i < store.streams.length; i++) {
    size += store.streams[i].size;
    largest = Math.max(largest, store.streams[i].size);
  }
  return size + largest + RESERVE_BYTES;
}

/**
 * Bases that were written while messages waited are longer than they need be by now. True: anew they leave so much room
 * that it is worth it, which it is not if the same would have to be done again soon.
 */
function shrink(rt: Runtime): boolean {
  const store = rt.store;
  const ring = store.ring as Ring;
  if (store.full) return false;
  for (let i = 0; i < store.streams.length; i++) {
    const stream = store.streams[i];
    const gone = stream.pid !== BOARD_STREAM && !localOf(rt, stream.pid);
    if (!gone && !writeBase(rt, stream, true)) return false;
    reclaim(ring, (oldest(store) as Stream).at);
  }
  return room(ring) >= reserve(store) + RESERVE_BYTES;
}

function dropGone(rt: Runtime): void {
  const store = rt.store;
  const kept: Stream[] = [];
  for (let i = 0; i < store.streams.length; i++) {
    const stream = store.streams[i];
    if (stream.pid === BOARD_STREAM || localOf(rt, stream.pid)) kept.push(stream);
  }
  store.streams = kept;
}

/**
 * Writes the bases that are wanted, and gives up what stands before them; only where all that has happened is durable
 * and out. The board's goes first: it takes over what stopped processes have left, and what the others have decided
 * since their own bases is in it.
 */
export function keepBases(rt: Runtime): void {
  'hot';
  const store = rt.store;
  const ring = store.ring;
  if (!ring || !store.on || store.pending.length > 0 || (!store.due && ring.end < store.look)) return;
  store.due = false;
  const board = streamOf(store, BOARD_STREAM) as Stream;
  if (board.due || board.events >= REPLAY_EVENTS) {
    if (!writeBase(rt, board, false)) return;
    dropGone(rt);
  }
  for (let i = 0; i < store.streams.length; i++) {
    const stream = store.streams[i];
    if ((stream.due || stream.events >= REPLAY_EVENTS) && localOf(rt, stream.pid)) {
      if (!writeBase(rt, stream, false)) return;
      reclaim(ring, (oldest(store) as Stream).at);
    }
  }
  const capacity = ring.data * (ring.sectors - 1);
  const last = oldest(store) as Stream;
  if (last.pid !== BOARD_STREAM && !localOf(rt, last.pid)) rebase(rt, BOARD_STREAM);
  else if (room(ring) < capacity / 2 && ring.end - last.at > capacity / 4) {
    if (!writeBase(rt, last, true)) return;
  }
  const first = oldest(store) as Stream;
  reclaim(ring, first.at);
  const left = room(ring);
  const spare = left - reserve(store);
  const full = spare < 0 && !shrink(rt);
  // neither can come before the ring's end has moved that far; half of it, and it need not be exact
  const far = Math.max(left - capacity / 2, capacity / 4 - (ring.end - first.at));
  store.look = full ? 0 : ring.end + Math.max(0, Math.min(spare, far)) / 2;
  if (full && store.on && !store.full) {
    const why =
      'the journal of board ' + rt.hal.board + ' is full: its ' + ring.sectors + ' sectors ' + JOURNAL_RESERVE;
    rt.abort = why;
    note(rt, { kind: 'journal', why: why });
  }
  store.full = full;
}

/** Erases a sector that a later write will need, if there is one: for idle time. True: something has happened. */
export function prepare(rt: Runtime): boolean {
  const store = rt.store;
  if (!store.on || !store.ring) return false;
  try {
    return eraseAhead(store.ring);
  } catch (error) {
    giveUp(rt, JOURNAL_WORN + ': ' + ((error && (error as Error).message) || error));
    return true;
  }
}
