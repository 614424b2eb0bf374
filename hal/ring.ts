// The journal ring: an append-only sequence of records on NOR flash, of which the oldest are given up from time to
// time. FLASH.md says why it is built as it is, and what every byte means; the words are the same there.

import type { Flash } from './hal.ts';

/** As `Hal.crc32`. */
export type RingCrc = (bytes: Uint8Array, from: number, to: number, crc: number) => number;

export interface RingRecord {
  /** 0 to KIND_MAX: the owner's */
  kind: number;
  /** at most LENGTH_MAX */
  bytes: Uint8Array;
}

/** A record as it stands in the ring. */
export interface Placed extends RingRecord {
  /** its address: by it it is read and given up. Addresses only grow; it stays the same for as long as the record is there */
  at: number;
  /** first address behind it */
  end: number;
  /** of the record, modulo NUMBERS */
  number: number;
  /** it is the first of its batch */
  begin: boolean;
}

export interface Ring {
  flash: Flash;
  crc: RingCrc;
  /** first sector of its region, and how many there are */
  first: number;
  sectors: number;
  /** what each check begins with (FLASH.md 3): which ring, and where in it */
  place: Uint8Array;
  /** bytes of a sector's header, and those behind it */
  header: number;
  data: number;
  /** batches begin at multiples of it */
  unit: number;
  /** newest sector in which a record ends, counted from the first that the ring ever had; -1: none */
  head: number;
  /** newest sector that may have been programmed: what is behind the head was never finished */
  newest: number;
  /** first address behind the last record, and number of the next one */
  end: number;
  next: number;
  /** sector of the oldest record that is needed, and the same as flash knows it: from there on nothing is erased */
  tail: number;
  durable: number;
  /** sectors behind the head that are erased: since this mount, for appearances do not count */
  ahead: number;
  /** bytes of the largest batch so far, more than a sector to begin with: for so much is to be erased ahead */
  largest: number;
  /** records that were there and cannot be read, as far as is known: by the mount, then by the last reading of all */
  lost: number;
  /** by sector of the region, in 4 bytes: how far behind its first byte the next record begins; NONE: no header */
  firsts: Uint16Array;
  /** the same: how far before its first byte the records began that it begins with a copy of; 0: it does not */
  copies: Uint16Array;
  /** not null: the ring's last program may be torn, so it goes on in a new sector, with a copy of these records */
  last: Placed[] | null;
}

export const LENGTH_MAX = 8192;
/** Bytes of one batch, headers included. */
export const BATCH_MAX = 16380;
export const KIND_MAX = 14;
/** A ring of fewer would be full for good: one to keep, one to write, one to go on in after a power cut. */
export const SECTORS_MIN = 3;
/** For more there is no room in a sector's header. */
export const SECTORS_MAX = 128;
export const RECORD_HEADER = 8;
export const SECTOR_HEADER = 12;
const NUMBERS = 0x2000;
const PLACE_BYTES = 12;
/** The ring's own records: a tail, told by its length, or a copy. */
const KIND_OWN = 15;
const TAIL_BYTES = 4;
const NONE = 0xffff;
const BLANK = 0xff;

function up(n: number, unit: number): number {
  return Math.ceil(n / unit) * unit;
}

function put32(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value & 0xff;
  bytes[at + 1] = (value >>> 8) & 0xff;
  bytes[at + 2] = (value >>> 16) & 0xff;
  bytes[at + 3] = value >>> 24;
}

function get32(bytes: Uint8Array, at: number): number {
  return (bytes[at] | (bytes[at + 1] << 8) | (bytes[at + 2] << 16) | (bytes[at + 3] << 24)) >>> 0;
}

function blank(bytes: Uint8Array, from: number, to: number): void {
  for (let i = from; i < to; i++) bytes[i] = BLANK;
}

function blanks(length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  blank(bytes, 0, length);
  return bytes;
}

/** Where a sector stands in flash. */
function placeOf(ring: Ring, sector: number): number {
  return (ring.first + (sector % ring.sectors)) * ring.flash.sectorBytes;
}

function sectorOf(ring: Ring, at: number): number {
  return Math.floor(at / ring.data);
}

/** Bytes of flash; null: they cannot be read. A part with error correction refuses what a power cut has torn. */
function cells(ring: Ring, place: number, length: number): Uint8Array | null {
  try {
    return ring.flash.read(place, length);
  } catch (error) {
    return null;
  }
}

/** Bytes from an address on, the headers of sectors left out; null: they cannot be read. */
function load(ring: Ring, at: number, length: number): Uint8Array | null {
  const out = new Uint8Array(length);
  for (let done = 0; done < length; ) {
    const sector = sectorOf(ring, at + done);
    const offset = at + done - sector * ring.data;
    const bytes = cells(
      ring,
      placeOf(ring, sector) + ring.header + offset,
      Math.min(length - done, ring.data - offset),
    );
    if (!bytes) return null;
    out.set(bytes, done);
    done += bytes.length;
  }
  return out;
}

/** What a check covers beside the bytes themselves: which ring, and where in it. */
function seed(ring: Ring, at: number): number {
  const place = ring.place;
  put32(place, 4, at % 0x100000000);
  put32(place, 8, Math.floor(at / 0x100000000) + 0x10000 * ring.sectors);
  return ring.crc(place, 0, PLACE_BYTES, 0);
}

/** The check of a record: over the word, then over the payload. */
function checkOf(ring: Ring, at: number, word: Uint8Array, bytes: Uint8Array): number {
  return ring.crc(bytes, 0, bytes.length, ring.crc(word, 0, 4, seed(ring, at)));
}

/** The record of an address whose bytes stand at address `from`; null: there is none that is whole. */
function readFrom(ring: Ring, at: number, from: number): Placed | null {
  const head = load(ring, from, RECORD_HEADER);
  if (!head) return null;
  const word = get32(head, 0);
  const length = word & 0x3fff;
  // what runs on into a sector that is not there was never finished, whatever it looks like
  if (from + RECORD_HEADER + length > (ring.head + 1) * ring.data) return null;
  const bytes = load(ring, from + RECORD_HEADER, length);
  if (!bytes || checkOf(ring, at, head, bytes) !== get32(head, 4)) return null;
  return {
    at: at,
    end: at + up(RECORD_HEADER + length, 4),
    number: word >>> 19,
    begin: (word & 0x4000) !== 0,
    kind: (word >>> 15) & 15,
    bytes: bytes,
  };
}

/** The newest sector that says what counts of the addresses before it, down to this one; -1: none, all counts as it is. */
function copyOf(ring: Ring, at: number): number {
  let newest = -1;
  for (let sector = Math.max(sectorOf(ring, at), ring.head - ring.sectors) + 1; sector <= ring.head; sector++) {
    const start = sector * ring.data;
    if (start - ring.data - at > BATCH_MAX) break;
    const back = 4 * ring.copies[sector % ring.sectors];
    if (back > 0 && at >= start - back) newest = sector;
  }
  return newest;
}

/** The record at an address; null: there is none that is whole. */
export function readRecord(ring: Ring, at: number): Placed | null {
  if (at >= ring.end) return null;
  if (ring.last) for (let i = 0; i < ring.last.length; i++) if (ring.last[i].at === at) return ring.last[i];
  const sector = copyOf(ring, at);
  if (sector < 0) return readFrom(ring, at, at);
  const start = sector * ring.data;
  const offset = at - start + 4 * ring.copies[sector % ring.sectors];
  const head = load(ring, start, 4);
  if (!head || offset >= (get32(head, 0) & 0x3fff)) return null;
  return readFrom(ring, at, start + RECORD_HEADER + offset) || readFrom(ring, at, at);
}

/** How much later a number is than another. */
function later(number: number, than: number): number {
  return (number - than + NUMBERS) % NUMBERS;
}

/** The number that follows a record. The ring's own take none. */
function numberBehind(record: Placed): number {
  return (record.number + (record.kind === KIND_OWN ? 0 : 1)) % NUMBERS;
}

/**
 * In a ring that is full to the brim, the oldest sector may have been erased by a start that believed a tail which has
 * faded since. That is no loss, and cannot be told from one.
 */
function mayBeGone(ring: Ring, sector: number): boolean {
  return !!ring.last && sector + ring.sectors <= Math.max(ring.newest, ring.head + 2) + 1;
}

/**
 * The first record of a batch behind an address: of this number, or of a later one if what is between cannot be read.
 * -1: any number. Null: none.
 */
function seek(ring: Ring, from: number, number: number): Placed | null {
  let record: Placed | null = null;
  for (let at = up(from + 1, ring.unit); !record && at < ring.end; at += ring.unit) {
    record = readRecord(ring, at);
    // one that is no first record may be of a batch that was never finished
    if (record && !(record.begin && (number < 0 || later(record.number, number) < NUMBERS / 2))) record = null;
  }
  if (record && !mayBeGone(ring, sectorOf(ring, from))) ring.lost += number < 0 ? 1 : later(record.number, number);
  return record;
}

/** The owner's next record from an address on. */
function follow(ring: Ring, from: number, number: number): Placed | null {
  let at = from;
  let wanted = number;
  while (at < ring.end) {
    const record = readRecord(ring, at);
    const sector = record ? -1 : copyOf(ring, at);
    if (sector >= 0) at = sector * ring.data;
    else {
      const next: Placed | null = record || seek(ring, at, wanted);
      if (!next || next.kind !== KIND_OWN) return next;
      at = next.end;
      wanted = next.number;
    }
  }
  return null;
}

/** The record behind another one; null: that was the last. */
export function nextRecord(ring: Ring, record: Placed): Placed | null {
  return follow(ring, record.end, numberBehind(record));
}

/** Address of the first record that no longer counts as it stands, but as its copy. */
function copyFrom(ring: Ring): number {
  return ring.last && ring.last.length > 0 ? ring.last[0].at : ring.end;
}

/** The first record in the oldest sector that is needed; null: the ring is empty. */
export function firstRecord(ring: Ring): Placed | null {
  ring.lost = 0;
  if (ring.tail > ring.head) return follow(ring, copyFrom(ring), -1);
  for (let sector = ring.tail; sector <= ring.head; sector++) {
    const index = sector % ring.sectors;
    let at = sector * ring.data;
    if (ring.firsts[index] !== NONE) {
      at += 4 * (ring.copies[index] > 0 ? -ring.copies[index] : ring.firsts[index]);
      // all that stood in a sector whose header is gone may be in the copy that this one begins with
      if (sector > ring.tail && at > ring.tail * ring.data && !mayBeGone(ring, sector - 1)) ring.lost = 1;
      return follow(ring, at, -1);
    }
  }
  return null;
}

interface Header {
  sector: number;
  /** oldest sector that was needed then */
  tail: number;
  /** where the record begins to which its first byte belongs, or the copied ones began */
  start: number;
  /** where the next record begins */
  next: number;
  copy: boolean;
}

/** The header of the sector of this index in the region; null: it has none that is whole. */
function readHeader(ring: Ring, index: number): Header | null {
  const bytes = cells(ring, placeOf(ring, index), SECTOR_HEADER);
  if (!bytes || ring.crc(bytes, 0, 8, seed(ring, index)) !== get32(bytes, 8)) return null;
  const a = get32(bytes, 0);
  const b = get32(bytes, 4);
  const sector = (a & 0xffffff) * ring.sectors + index;
  return {
    sector: sector,
    tail: sector - ((a >>> 24) & 0x7f),
    start: sector * ring.data - 4 * (b & 0xffff),
    next: sector * ring.data + 4 * (b >>> 16),
    copy: a >>> 31 > 0,
  };
}

/** Nothing was programmed at the place of the next batch: only then does the mount not look farther. */
function isBlank(ring: Ring, at: number): boolean {
  const bytes = load(ring, at, RECORD_HEADER);
  return !!bytes && (get32(bytes, 0) & get32(bytes, 4)) === -1;
}

/** Takes a sector for the head, if a record ends in it; reads on from an address. */
function scan(ring: Ring, header: Header, from: number): boolean {
  const base = header.sector * ring.data;
  ring.head = header.sector;
  ring.end = base + ring.data;
  ring.lost = 0;
  let at = from;
  let number = -1;
  let whole = from === header.start;
  let tail = header.tail;
  let last: Placed[] = [];
  let found = false;
  for (;;) {
    let record = readRecord(ring, at);
    if (!record) {
      if (isBlank(ring, up(at, ring.unit))) break;
      record = seek(ring, at, number);
      if (!record) break;
    }
    if (record.begin) {
      // a batch is begun when all before it is done
      if (record.at > base) whole = true;
      last = [];
    }
    const copy = record.kind === KIND_OWN && record.bytes.length !== TAIL_BYTES;
    if (!copy) last.push(record);
    if (!copy && record.kind === KIND_OWN) tail = Math.max(tail, get32(record.bytes, 0));
    // a copy with nothing behind it may itself be torn, and is not needed: what it copies is still there
    if (record.end > base && !copy) found = true;
    at = record.end;
    number = numberBehind(record);
  }
  if (!found || !whole) return false;
  ring.tail = ring.durable = tail;
  ring.next = number;
  ring.end = at;
  ring.last = last;
  return true;
}

/** Takes a sector for the head, though only a copy is in it: what was copied is gone. The copy may be torn itself. */
function scanCopy(ring: Ring, header: Header): boolean {
  const base = header.sector * ring.data;
  ring.head = header.sector;
  ring.end = base + ring.data;
  let record = readRecord(ring, base);
  if (!record) return false;
  ring.copies[header.sector % ring.sectors] = (base - header.start) / 4;
  const last: Placed[] = [];
  let at = header.start;
  ring.next = record.number;
  for (record = readRecord(ring, at); record && at < base; record = readRecord(ring, at)) {
    last.push(record);
    at = record.end;
    ring.next = numberBehind(record);
  }
  ring.tail = ring.durable = header.tail;
  ring.end = at;
  ring.last = last;
  return true;
}

/** Bytes that a record with a tail takes. */
function tailSize(ring: Ring): number {
  return up(RECORD_HEADER + TAIL_BYTES, ring.unit);
}

/** The ring in these sectors, as flash has it. Reads only. Throws where the region cannot hold a ring. */
export function openRing(flash: Flash, crc: RingCrc, first: number, sectors: number, salt: number): Ring {
  const header = up(SECTOR_HEADER, flash.programBytes);
  const ring: Ring = {
    flash: flash,
    crc: crc,
    first: first,
    sectors: sectors,
    place: new Uint8Array(PLACE_BYTES),
    header: header,
    data: flash.sectorBytes - header,
    unit: Math.max(4, flash.programBytes),
    head: -1,
    newest: -1,
    end: 0,
    next: 0,
    tail: 0,
    durable: 0,
    ahead: 0,
    largest: flash.sectorBytes - header + 1,
    lost: 0,
    firsts: new Uint16Array(sectors),
    copies: new Uint16Array(sectors),
    last: null,
  };
  if (sectors < SECTORS_MIN || sectors > SECTORS_MAX || ring.data < 3 * tailSize(ring)) {
    throw new Error('no ring in ' + sectors + ' sectors of ' + flash.sectorBytes + ' B');
  }
  put32(ring.place, 0, salt);
  const headers: (Header | null)[] = [];
  for (let i = 0; i < sectors; i++) {
    const found = readHeader(ring, i);
    headers.push(found);
    if (!found) continue;
    ring.newest = Math.max(ring.newest, found.sector);
  }
  let copy: Header | null = null;
  for (let head = ring.newest; head >= 0 && head > ring.newest - sectors; head--) {
    const header = headers[head % sectors];
    const there = header && header.sector === head ? header : null;
    // most often a batch begins in it, and what runs into it from the sector before need not be read
    if (there && (scan(ring, there, there.next) || (!there.copy && scan(ring, there, there.start)))) break;
    if (copy && scanCopy(ring, copy)) break;
    copy = there && there.copy ? there : null;
  }
  if (!ring.last) {
    // nothing is left of it, or it has never been: it begins behind all that there is
    const newest = headers[ring.newest % sectors];
    ring.head = ring.newest;
    ring.lost = newest && newest.tail < newest.sector ? 1 : 0;
    ring.tail = ring.durable = ring.newest + 1;
    ring.end = ring.tail * ring.data;
  }
  // where something was begun behind the head, so may another sector have been, unseen
  if (ring.newest > ring.head && ring.newest + 1 - sectors < ring.tail) ring.newest++;
  for (let i = 0; i < sectors; i++) {
    const found = headers[i];
    ring.firsts[i] = NONE;
    if (!found || found.sector > ring.head) continue;
    const start = found.sector * ring.data;
    ring.firsts[i] = (found.next - start) / 4;
    if (found.copy) ring.copies[i] = (start - found.start) / 4;
  }
  return ring;
}

/** Address of the next batch. */
function nextAt(ring: Ring): number {
  if (!ring.last) return ring.end;
  return (ring.head + 1) * ring.data + up(RECORD_HEADER + ring.end - copyFrom(ring), ring.unit);
}

/**
 * Bytes that batches of at most `batch` may take from an address on, if nothing before sector `tail` is needed. Behind
 * them there must be place for what the ring has to write after a power cut: in a new sector a copy of the last batch,
 * and a tail, and for another tail here and there.
 */
function roomFor(ring: Ring, from: number, tail: number, batch: number): number {
  const spare = tailSize(ring);
  const last = tail + ring.sectors;
  let best = 0;
  for (let sector = last - 1; ; sector--) {
    const room = sector * ring.data - spare - from;
    if (room <= best) return best;
    const copy = Math.floor(((last - sector) * ring.data - 2 * spare) / ring.unit) * ring.unit - RECORD_HEADER;
    best = Math.max(best, copy < batch ? Math.min(room, copy) : room);
  }
}

/**
 * Bytes that records may still take in batches of at most `batch` bytes, headers included, until something is given up.
 * Small batches get more out of a small ring, for what it keeps free for a copy of the last one.
 */
export function roomOf(ring: Ring, batch: number): number {
  return roomFor(ring, nextAt(ring) + (ring.tail > ring.durable ? tailSize(ring) : 0), ring.tail, batch);
}

function erase(ring: Ring, sector: number): void {
  ring.flash.erase(ring.first + (sector % ring.sectors));
}

function eraseNext(ring: Ring): void {
  erase(ring, ring.head + 1 + ring.ahead);
  ring.ahead++;
}

/** Erases the newest sector that was never finished, if it is not the next to be begun, which is erased then. */
function eraseStale(ring: Ring): boolean {
  if (ring.newest <= ring.head + 1) return false;
  erase(ring, ring.newest);
  ring.newest--;
  return true;
}

/** The part of a batch with which a sector begins, its header before it. `copied`: it begins with a copy, from there. */
function opening(ring: Ring, bytes: Uint8Array, start: number, next: number, copied: number): Uint8Array {
  if (ring.ahead === 0) eraseNext(ring);
  // whatever becomes of it, it is no longer blank
  ring.ahead--;
  const sector = ++ring.head;
  const at = sector * ring.data;
  const index = sector % ring.sectors;
  ring.newest = Math.max(ring.newest, sector);
  ring.firsts[index] = (next - at) / 4;
  ring.copies[index] = copied < 0 ? 0 : (at - copied) / 4;
  const out = blanks(ring.header + bytes.length);
  const back = sector - ring.tail + (copied < 0 ? 0 : 0x80);
  put32(out, 0, (Math.floor(sector / ring.sectors) | (back << 24)) >>> 0);
  put32(out, 4, ((at - (copied < 0 ? start : copied)) / 4) | (ring.firsts[index] << 16));
  put32(out, 8, ring.crc(out, 0, 8, seed(ring, index)));
  out.set(bytes, ring.header);
  return out;
}

/** Programs a batch, in one piece for each sector. `starts`: addresses of its records; `copied`: see `opening`. */
function program(ring: Ring, batch: Uint8Array, starts: number[], copied: number): void {
  const end = ring.end + batch.length;
  for (let i = 0, done = 0; done < batch.length; ) {
    const at = ring.end + done;
    const offset = at % ring.data;
    const size = Math.min(batch.length - done, ring.data - offset);
    let piece = batch.subarray(done, done + size);
    let place = placeOf(ring, sectorOf(ring, at));
    if (offset > 0) place += ring.header + offset;
    else {
      while (i + 1 < starts.length && starts[i + 1] <= at) i++;
      const next = starts[i] === at && copied < 0 ? at : i + 1 < starts.length ? starts[i + 1] : end;
      piece = opening(ring, piece, starts[i], next, done > 0 ? -1 : copied);
    }
    ring.flash.program(place, piece);
    done += size;
  }
  ring.end = end;
}

function encode(ring: Ring, out: Uint8Array, offset: number, record: Placed): void {
  const length = record.bytes.length;
  put32(out, offset, length | (record.begin ? 0x4000 : 0) | (record.kind << 15) | (record.number << 19));
  put32(out, offset + 4, checkOf(ring, record.at, out.subarray(offset, offset + 4), record.bytes));
  out.set(record.bytes, offset + RECORD_HEADER);
  blank(out, offset + RECORD_HEADER + length, offset + up(RECORD_HEADER + length, 4));
}

function sizeOf(record: RingRecord): number {
  return up(RECORD_HEADER + record.bytes.length, 4);
}

/** One batch, at the ring's end. */
function put(ring: Ring, records: RingRecord[], copied: number): number[] {
  let size = 0;
  for (let i = 0; i < records.length; i++) size += sizeOf(records[i]);
  const batch = new Uint8Array(up(size, ring.unit));
  blank(batch, size, batch.length);
  const starts: number[] = [];
  size = 0;
  for (let i = 0; i < records.length; i++) {
    const at = ring.end + size;
    const kind = records[i].kind;
    encode(ring, batch, size, {
      at: at,
      end: 0,
      number: ring.next,
      begin: i === 0,
      kind: kind,
      bytes: records[i].bytes,
    });
    starts.push(at);
    size += sizeOf(records[i]);
    if (kind !== KIND_OWN) ring.next = (ring.next + 1) % NUMBERS;
  }
  ring.largest = Math.max(ring.largest, batch.length);
  program(ring, batch, starts, copied);
  return starts;
}

/** Goes on in a new sector, with a copy of what is in doubt. Nothing but that counts any longer from there on. */
function resume(ring: Ring, last: Placed[]): void {
  const from = copyFrom(ring);
  const bytes = blanks(ring.end - from);
  for (let i = 0; i < last.length; i++) encode(ring, bytes, last[i].at - from, last[i]);
  ring.end = (ring.head + 1) * ring.data;
  put(ring, [{ kind: KIND_OWN, bytes: bytes }], from);
}

function write(ring: Ring, records: RingRecord[]): number[] {
  const head = ring.head;
  const end = ring.end;
  const next = ring.next;
  try {
    // what was never finished may not be taken for something later on; the newest first, for it tells of the others
    while (eraseStale(ring));
    if (ring.last) resume(ring, ring.last);
    const starts = put(ring, records, -1);
    if (ring.head > head) ring.durable = ring.tail;
    ring.last = null;
    return starts;
  } catch (error) {
    ring.head = head;
    ring.end = end;
    ring.next = next;
    ring.ahead = 0;
    if (!ring.last) ring.last = [];
    throw error;
  }
}

/** Tells flash what has been given up. Else the headers of sectors do so in passing. */
function settle(ring: Ring): void {
  const bytes = new Uint8Array(TAIL_BYTES);
  put32(bytes, 0, ring.tail);
  write(ring, [{ kind: KIND_OWN, bytes: bytes }]);
  ring.durable = ring.tail;
}

/** Erases one sector that will be needed soon, if there is one and it may be. For idle time: it takes long. */
export function eraseAhead(ring: Ring): boolean {
  if (eraseStale(ring)) return true;
  const sector = ring.head + 1 + ring.ahead;
  const wanted = Math.max(ring.head + 1, sectorOf(ring, nextAt(ring) + ring.largest - 1));
  if (sector > wanted || sector - ring.sectors >= ring.tail) return false;
  if (sector - ring.sectors < ring.durable) eraseNext(ring);
  else if (ring.last) return false;
  else settle(ring);
  return true;
}

/**
 * Makes records durable, in order and in as few programs as there are sectors to go to; returns their addresses, or
 * null if there is no room. A fault of the flash is thrown; what was durable before stays so, and reading goes on.
 */
export function append(ring: Ring, records: RingRecord[]): number[] | null {
  let size = 0;
  for (let i = 0; i < records.length; i++) {
    if (records[i].bytes.length > LENGTH_MAX || records[i].kind > KIND_MAX) throw new Error('no record of the ring');
    size += sizeOf(records[i]);
  }
  if (size > BATCH_MAX) throw new Error('a batch has at most ' + BATCH_MAX + ' bytes');
  if (size === 0) return [];
  if (size > roomFor(ring, nextAt(ring), ring.durable, size)) {
    if (ring.tail === ring.durable || size > roomOf(ring, size)) return null;
    settle(ring);
  }
  return write(ring, records);
}

/** Nothing before this address is needed any more. */
export function reclaim(ring: Ring, at: number): void {
  let sector = Math.min(sectorOf(ring, at), ring.head + 1);
  // of what has been copied, or will be, the copy is enough
  const copy = ring.last && at >= copyFrom(ring) ? ring.head + 1 : copyOf(ring, at);
  if (copy > sector) sector = copy;
  ring.tail = Math.max(ring.tail, sector);
}
