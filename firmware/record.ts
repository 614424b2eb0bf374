// What a board must know after a power cut, kept as a log of small records in three sectors of its flash: the newest
// record that is whole counts.
//
// A record on which power was cut may read whole now and not the next time, or blank and be refused when it is
// programmed. So nothing is programmed behind what an earlier run of the board has left: each run begins a sector, and
// never erases one that could be the last to hold anything certain. In a sector's beginning the first record stands
// twice, so one that was acknowledged is never alone: where two records of a sector are whole, the first of them was
// finished, and is certain. Of three sectors one is neither the newest nor the newest that is certain. What was not
// seen may yet be seen later: all that may be erased is erased before a run's first record, and one record more may
// stand unseen behind what stays, so a number is left out.

import type { Flash } from '../hal/hal.ts';
import { aligned, RECORD_SECTORS } from './image.ts';
import type { Crc } from './image.ts';
import { decode, encode } from './link/cbor.ts';

export interface BoardRecord {
  /** +1 at each start of the board */
  boot: number;
  epoch: number;
  /** slot of the active image, or -1 */
  active: number;
  /** slot of the staged image, or -1 */
  staged: number;
  /** hash of the upgrade under guard, or '' */
  guarded: string;
  /** by component: side of the live process */
  sides: number[];
  /** hashes of reverted upgrades, latest last */
  quarantined: string[];
  /** why the journal is no longer used; '' or absent: it is */
  journal?: string;
  /** how many systems were flashed: what a journal holds of one before is of no account; absent: 0 */
  systems?: number;
}

export interface Records {
  flash: Flash;
  crc: Crc;
  sequence: number;
  /** of the newest record, or -1; the next one goes behind it if `at` says so */
  sector: number;
  /** of the newest record that is certain, or -1 */
  certain: number;
  /** the sector that was begun last */
  begun: number;
  /** where the next record goes, from the beginning of the sector; the sector's size: into another one */
  at: number;
  value: BoardRecord;
}

const HEADER_BYTES = 8;

function blank(): BoardRecord {
  return { boot: 0, epoch: 0, active: -1, staged: -1, guarded: '', sides: [], quarantined: [] };
}

function round(flash: Flash, length: number): number {
  return Math.ceil(length / flash.programBytes) * flash.programBytes;
}

/** Bytes that may be torn: some parts refuse to read those. */
function readable(flash: Flash, at: number, length: number): Uint8Array | null {
  try {
    return flash.read(at, length);
  } catch (error) {
    return null;
  }
}

interface Found {
  /** where it ends, from the beginning of the sector */
  end: number;
  sequence: number;
  value: BoardRecord;
}

/** The record at a place of a sector; null: there is none that is whole. */
function recordAt(flash: Flash, crc: Crc, sector: number, at: number): Found | null {
  if (at + HEADER_BYTES > flash.sectorBytes) return null;
  const place = sector * flash.sectorBytes + at;
  const header = readable(flash, place, HEADER_BYTES);
  if (!header) return null;
  const length = header[0] | (header[1] << 8);
  const end = at + HEADER_BYTES + length;
  if ((length ^ 0xffff) !== (header[2] | (header[3] << 8)) || end > flash.sectorBytes) return null;
  // what is checked is what is used: another reading may be another
  const body = readable(flash, place + HEADER_BYTES, length);
  if (!body) return null;
  const check = (header[4] | (header[5] << 8) | (header[6] << 16) | (header[7] << 24)) >>> 0;
  if (crc(body, 0, length, 0) !== check) return null;
  const parts = decode(body) as [number, BoardRecord];
  return { end: round(flash, end), sequence: parts[0], value: parts[1] };
}

export function openRecords(flash: Flash, crc: Crc): Records {
  const records: Records = {
    flash: flash,
    crc: crc,
    sequence: 0,
    sector: -1,
    certain: -1,
    begun: -1,
    at: flash.sectorBytes,
    value: blank(),
  };
  let certain = 0;
  for (let sector = 0; sector < RECORD_SECTORS; sector++) {
    let many = 0;
    for (let found = recordAt(flash, crc, sector, 0); found; found = recordAt(flash, crc, sector, found.end)) {
      many++;
      if (many > 1 && found.sequence > certain) {
        certain = found.sequence;
        records.certain = sector;
      }
      if (found.sequence <= records.sequence) continue;
      records.sequence = found.sequence;
      records.value = found.value;
      records.sector = sector;
    }
  }
  return records;
}

/** A sector that may be erased: another one each time, so that a worn one is not the only one tried. */
function nextSector(records: Records): number {
  let sector = records.begun;
  do sector = (sector + 1) % RECORD_SECTORS;
  while (sector === records.sector || sector === records.certain);
  return sector;
}

/** Makes `records.value` durable as it is now. */
export function saveRecord(records: Records): void {
  const flash = records.flash;
  const first = records.begun < 0;
  records.sequence += first ? 2 : 1;
  const body = encode([records.sequence, records.value]);
  const bytes = new Uint8Array(HEADER_BYTES + body.length);
  const crc = records.crc(body, 0, body.length, 0);
  bytes[0] = body.length & 0xff;
  bytes[1] = body.length >> 8;
  bytes[2] = bytes[0] ^ 0xff;
  bytes[3] = bytes[1] ^ 0xff;
  for (let i = 0; i < 4; i++) bytes[4 + i] = (crc >>> (8 * i)) & 0xff;
  bytes.set(body, HEADER_BYTES);
  const padded = aligned(flash, bytes);
  const at = records.at;
  // where a program fails, nothing more may be written
  records.at = flash.sectorBytes;
  if (at + padded.length <= flash.sectorBytes) {
    flash.program(records.sector * flash.sectorBytes + at, padded);
    records.at = at + padded.length;
    return;
  }
  if (2 * padded.length > flash.sectorBytes) throw new Error('a record of ' + body.length + ' bytes is too long');
  const sector = nextSector(records);
  records.begun = sector;
  flash.erase(sector);
  if (first) {
    const other = nextSector(records);
    if (other !== sector) flash.erase(other);
  }
  flash.program(sector * flash.sectorBytes, padded);
  flash.program(sector * flash.sectorBytes + padded.length, padded);
  records.sector = sector;
  records.certain = sector;
  records.at = 2 * padded.length;
}
