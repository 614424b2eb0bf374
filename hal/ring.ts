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
  /** its address: by it it is read and given up. Addresses only grow, and none is used twice */
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
  /** tells this ring's bytes from those that another use has left in the region */
  salt: number;
  /** bytes of a sector's header, and those behind it */
  header: number;
  data: number;
  /** batches begin at multiples of it */
  unit: number;
  /** newest sector, counted from the first that the ring ever had; -1: none */
  head: number;
  /** address of the next batch, and number of its first record */
  end: number;
  next: number;
  /** sector of the oldest record that is needed, and the same as flash knows it: from there on nothing is erased */
  tail: number;
  durable: number;
  /** by sector of the region: how far before its first byte the record begins that this byte belongs to, in 4 bytes */
  starts: Uint16Array;
  /** sectors behind the head that are erased: this run of the board has done it, appearances do not count */
  ahead: number;
  /** bytes of the largest batch so far: so much is to be erased ahead */
  largest: number;
  /** records that were there and can no longer be read, as far as is known */
  lost: number;
}

export const LENGTH_MAX = 8192;
/** Bytes of one batch, headers included. */
export const BATCH_MAX = 16384;
export const KIND_MAX = 14;
/** A ring of fewer could not hold a record and be erased at the same time. */
export const SECTORS_MIN = 3;
/** For more there is no room in a sector's header. */
export const SECTORS_MAX = 128;
export const RECORD_HEADER = 8;
export const SECTOR_HEADER = 12;
const NUMBERS = 0x2000;
const KIND_TAIL = 15;
const TAIL_BYTES = 4;
const CHUNK = 256;
const BLANK = 0xff;

function up(n: number, unit: number): number {
  return Math.ceil(n / unit) * unit;
}

function put32(bytes: Uint8Array, at: number, value: number): void {
  for (let i = 0; i < 4; i++) bytes[at + i] = (value >>> (8 * i)) & 0xff;
}

function get32(bytes: Uint8Array, at: number): number {
  return (bytes[at] | (bytes[at + 1] << 8) | (bytes[at + 2] << 16) | (bytes[at + 3] << 24)) >>> 0;
}

/** Where an address stands in flash. */
function placeOf(ring: Ring, at: number): number {
  const sector = Math.floor(at / ring.data);
  return (ring.first + (sector % ring.sectors)) * ring.flash.sectorBytes + ring.header + (at - sector * ring.data);
}

/** Bytes from an address on; sectors' headers are left out. */
function load(ring: Ring, at: number, length: number): Uint8Array {
  const room = ring.data - (at % ring.data);
  if (length <= room) return ring.flash.read(placeOf(ring, at), length);
  const out = new Uint8Array(length);
  let done = 0;
  while (done < length) {
    const part = Math.min(length - done, ring.data - ((at + done) % ring.data));
    out.set(ring.flash.read(placeOf(ring, at + done), part), done);
    done += part;
  }
  return out;
}

/** What a check covers beside the bytes themselves: which ring, and where in it. */
function seed(ring: Ring, at: number): number {
  const place = new Uint8Array(12);
  put32(place, 0, ring.salt);
  put32(place, 4, at % 0x100000000);
  put32(place, 8, Math.floor(at / 0x100000000));
  return ring.crc(place, 0, 12, 0);
}

function recordWord(length: number, begin: boolean, kind: number, number: number): number {
  return (length | (begin ? 0x4000 : 0) | (kind << 15) | (number << 19)) >>> 0;
}

function recordCheck(ring: Ring, at: number, bytes: Uint8Array, from: number, length: number): number {
  // the word, then the payload: the check itself stands between them
  return ring.crc(bytes, from + 8, from + 8 + length, ring.crc(bytes, from, from + 4, seed(ring, at)));
}

/** The record at an address; null: there is none that is whole. */
export function readRecord(ring: Ring, at: number): Placed | null {
  const head = load(ring, at, RECORD_HEADER);
  const word = get32(head, 0);
  const length = word & 0x3fff;
  if (length > LENGTH_MAX) return null;
  const bytes = load(ring, at, RECORD_HEADER + length);
  if (recordCheck(ring, at, bytes, 0, length) !== get32(bytes, 4)) return null;
  return {
    at: at,
    end: at + up(RECORD_HEADER + length, 4),
    number: word >>> 19,
    begin: (word & 0x4000) !== 0,
    kind: (word >>> 15) & 15,
    bytes: bytes.subarray(RECORD_HEADER),
  };
}

/** The first sector that must stay if the records from sector `tail` on are needed: reading begins there. */
function keptFrom(ring: Ring, tail: number): number {
  const sector = Math.min(tail, Math.max(0, ring.head));
  return Math.floor((sector * ring.data - 4 * ring.starts[sector % ring.sectors]) / ring.data);
}

/** A later record than the one expected, in a batch of its own: what was expected had been there. */
function isLater(ring: Ring, record: Placed, number: number): boolean {
  const distance = (record.number - number + NUMBERS) % NUMBERS;
  return record.begin && distance > 0 && distance < NUMBERS / 2;
}

/**
 * The record of this number that follows address `from`, or the first later one if that one cannot be read; null:
 * none up to `to`. Behind a torn batch the next one stands at the next unit that was still blank.
 */
function search(ring: Ring, from: number, number: number, to: number): Placed | null {
  const close = from < to ? readRecord(ring, from) : null;
  if (close && close.number === number && close.end <= to) return close;
  let later: Placed | null = null;
  for (let at = up(from, ring.unit); at < to; at += ring.unit) {
    if (at === from) continue;
    const record = readRecord(ring, at);
    if (!record || !record.begin || record.end > to) continue;
    if (record.number === number) return record;
    if (!later && isLater(ring, record, number)) later = record;
  }
  return later;
}

/** The record behind another one; null: that was the last. */
export function nextRecord(ring: Ring, record: Placed): Placed | null {
  return follow(ring, record.end, (record.number + 1) % NUMBERS);
}

/** The first record that stands wholly or partly in the oldest sector that is needed; null: the ring is empty. */
export function firstRecord(ring: Ring): Placed | null {
  if (ring.head < 0) return null;
  const found = headerOf(ring, Math.min(ring.tail, ring.head));
  return found ? follow(ring, found.start, found.number) : null;
}

function follow(ring: Ring, from: number, number: number): Placed | null {
  for (let at = from, wanted = number; ; ) {
    const record = search(ring, at, wanted, ring.end);
    if (!record) return null;
    if (record.number !== wanted) ring.lost += (record.number - wanted + NUMBERS) % NUMBERS;
    if (record.kind !== KIND_TAIL) return record;
    at = record.end;
    wanted = (record.number + 1) % NUMBERS;
  }
}

interface Header {
  sector: number;
  /** sectors before this one that hold what is needed */
  back: number;
  /** address and number of the record that its first byte belongs to */
  start: number;
  number: number;
}

/** The header of the sector of this index in the region; null: it has none that is whole. */
function readHeader(ring: Ring, index: number): Header | null {
  const bytes = ring.flash.read((ring.first + index) * ring.flash.sectorBytes, SECTOR_HEADER);
  if (ring.crc(bytes, 0, 8, seed(ring, 0)) !== get32(bytes, 8)) return null;
  const a = get32(bytes, 0);
  const b = get32(bytes, 4);
  const sector = a & 0x1ffffff;
  if (sector % ring.sectors !== index) return null;
  return { sector: sector, back: a >>> 25, start: sector * ring.data - 4 * (b & 0xfff), number: (b >>> 12) & 0x1fff };
}

function headerOf(ring: Ring, sector: number): Header | null {
  const header = readHeader(ring, sector % ring.sectors);
  return header && header.sector === sector ? header : null;
}

/** First address from `from` on behind which all cells up to `to` are blank. */
function blankFrom(ring: Ring, from: number, to: number): number {
  let end = from;
  for (let at = from; at < to; ) {
    const bytes = load(ring, at, Math.min(CHUNK, to - at));
    for (let i = 0; i < bytes.length; i++) if (bytes[i] !== BLANK) end = at + i + 1;
    at += bytes.length;
  }
  return end;
}

/** A torn record that begins here may have programmed blanks up to here; what is programmed twice some parts refuse. */
function declared(ring: Ring, at: number, number: number, limit: number): number {
  if (at + RECORD_HEADER > limit) return at;
  const word = get32(load(ring, at, 4), 0);
  const length = word & 0x3fff;
  if (length > LENGTH_MAX || word >>> 19 !== number) return at;
  return Math.min(limit, up(at + RECORD_HEADER + length, ring.unit));
}

/** Finds the end of what is whole, and the first place behind it where nothing was ever programmed. */
function findEnd(ring: Ring, start: number, number: number): void {
  let at = start;
  let next = number;
  const limit = (ring.head + 1) * ring.data;
  for (;;) {
    let record = at < limit ? readRecord(ring, at) : null;
    // what goes on in a sector without a header was never finished, whatever it looks like
    if (!record || record.number !== next || record.end > limit) {
      const torn = blankFrom(ring, up(at, ring.unit), limit);
      record = search(ring, at, next, up(torn, ring.unit));
      if (!record) {
        // a sector that is opened stays the head, even if the batch that opened it is torn
        ring.end = Math.max(up(torn, ring.unit), ring.head * ring.data, declared(ring, at, next, limit));
        break;
      }
      if (record.number !== next) ring.lost += (record.number - next + NUMBERS) % NUMBERS;
    }
    if (record.kind === KIND_TAIL) ring.tail = Math.max(ring.tail, get32(record.bytes, 0));
    at = record.end;
    next = (record.number + 1) % NUMBERS;
  }
  ring.next = next;
  ring.durable = ring.tail;
}

/** The ring in these sectors, as flash has it. Reads only. Throws where the region cannot hold a ring. */
export function openRing(flash: Flash, crc: RingCrc, first: number, sectors: number, salt: number): Ring {
  if (sectors < SECTORS_MIN || sectors > SECTORS_MAX)
    throw new Error('a ring has ' + SECTORS_MIN + ' to ' + SECTORS_MAX + ' sectors');
  const header = up(SECTOR_HEADER, flash.programBytes);
  const ring: Ring = {
    flash: flash,
    crc: crc,
    first: first,
    sectors: sectors,
    salt: salt,
    header: header,
    data: flash.sectorBytes - header,
    unit: Math.max(4, flash.programBytes),
    head: -1,
    end: 0,
    next: 0,
    tail: 0,
    durable: 0,
    starts: new Uint16Array(sectors),
    ahead: 0,
    largest: 0,
    lost: 0,
  };
  let newest: Header | null = null;
  for (let i = 0; i < sectors; i++) {
    const found = readHeader(ring, i);
    if (!found) continue;
    ring.starts[i] = (found.sector * ring.data - found.start) / 4;
    if (!newest || found.sector > newest.sector) newest = found;
  }
  if (newest) {
    ring.head = newest.sector;
    ring.tail = newest.sector - newest.back;
    findEnd(ring, newest.start, newest.number);
  } else findEnd(ring, 0, 0);
  return ring;
}

/** Bytes that records may still take, their headers included, until something is given up. */
export function roomOf(ring: Ring): number {
  // the last bytes are for the record that says what was given up
  const last = (keptFrom(ring, ring.durable) + ring.sectors) * ring.data - up(RECORD_HEADER + TAIL_BYTES, ring.unit);
  return Math.max(0, last - ring.end);
}

function eraseNext(ring: Ring): void {
  const sector = ring.head + 1 + ring.ahead;
  ring.flash.erase(ring.first + (sector % ring.sectors));
  ring.ahead++;
}

/** Erases one sector that will be needed soon, if there is one and it may be. For idle time: it takes long. */
export function eraseAhead(ring: Ring): boolean {
  const wanted = Math.ceil(Math.max(1, ring.largest) / ring.data);
  if (ring.ahead >= wanted || ring.head + 1 + ring.ahead - ring.sectors >= keptFrom(ring, ring.durable)) return false;
  eraseNext(ring);
  return true;
}

/** A new sector with its header and its first bytes, in one program. */
function openSector(ring: Ring, start: number, number: number, bytes: Uint8Array): void {
  const sector = ring.head + 1;
  if (ring.ahead === 0) eraseNext(ring);
  // whatever becomes of it, it is no longer blank
  ring.ahead--;
  const out = new Uint8Array(ring.header + bytes.length);
  out.fill(BLANK, SECTOR_HEADER, ring.header);
  put32(out, 0, (sector | ((sector - ring.tail) << 25)) >>> 0);
  put32(out, 4, ((sector * ring.data - start) / 4) | (number << 12));
  put32(out, 8, ring.crc(out, 0, 8, seed(ring, 0)));
  out.set(bytes, ring.header);
  ring.flash.program((ring.first + (sector % ring.sectors)) * ring.flash.sectorBytes, out);
  ring.head = sector;
  ring.starts[sector % ring.sectors] = (sector * ring.data - start) / 4;
  ring.durable = ring.tail;
}

/** Programs a batch; `starts` are the addresses of its records. */
function programBatch(ring: Ring, batch: Uint8Array, starts: number[]): void {
  const base = ring.end;
  let spanning = 0;
  for (let done = 0; done < batch.length; ) {
    const at = base + done;
    const part = Math.min(batch.length - done, ring.data - (at % ring.data));
    const piece = batch.subarray(done, done + part);
    if (at >= (ring.head + 1) * ring.data) {
      while (spanning + 1 < starts.length && starts[spanning + 1] <= at) spanning++;
      openSector(ring, starts[spanning], (ring.next + spanning) % NUMBERS, piece);
      ring.end = at + part;
    } else {
      // where a program fails, nothing more may be written
      ring.end = at + part;
      ring.flash.program(placeOf(ring, at), piece);
    }
    done += part;
  }
}

function write(ring: Ring, records: RingRecord[]): number[] {
  let size = 0;
  for (let i = 0; i < records.length; i++) size += up(RECORD_HEADER + records[i].bytes.length, 4);
  const batch = new Uint8Array(up(size, ring.unit));
  batch.fill(BLANK);
  const starts: number[] = [];
  let offset = 0;
  for (let i = 0; i < records.length; i++) {
    const bytes = records[i].bytes;
    const at = ring.end + offset;
    put32(batch, offset, recordWord(bytes.length, i === 0, records[i].kind, (ring.next + i) % NUMBERS));
    batch.set(bytes, offset + RECORD_HEADER);
    put32(batch, offset + 4, recordCheck(ring, at, batch, offset, bytes.length));
    starts.push(at);
    offset += up(RECORD_HEADER + bytes.length, 4);
  }
  ring.largest = Math.max(ring.largest, batch.length);
  programBatch(ring, batch, starts);
  ring.next = (ring.next + records.length) % NUMBERS;
  return starts;
}

/**
 * Makes records durable, in order and in as few programs as there are sectors to go to; returns their addresses, or
 * null if there is no room. A fault of the flash is thrown; what was durable before stays so, and nothing else is.
 */
export function append(ring: Ring, records: RingRecord[]): number[] | null {
  let size = 0;
  for (let i = 0; i < records.length; i++) {
    if (records[i].bytes.length > LENGTH_MAX) throw new Error('a record has at most ' + LENGTH_MAX + ' bytes');
    size += up(RECORD_HEADER + records[i].bytes.length, 4);
  }
  if (up(size, ring.unit) > roomOf(ring)) return null;
  return write(ring, records);
}

/** Nothing before this address is needed any more. */
export function reclaim(ring: Ring, at: number): void {
  const tail = Math.floor(at / ring.data);
  if (tail <= ring.tail) return;
  ring.tail = tail;
  // sectors' headers tell flash in passing; only a ring that is nearly full cannot wait for the next one
  const kept = keptFrom(ring, ring.durable);
  if (kept + ring.sectors - ring.head > SECTORS_MIN || keptFrom(ring, tail) === kept) return;
  const bytes = new Uint8Array(TAIL_BYTES);
  put32(bytes, 0, tail);
  write(ring, [{ kind: KIND_TAIL, bytes: bytes }]);
  ring.durable = tail;
}
