// What a board must know after a power cut, kept as a log of small records in two sectors of its flash: the newest
// record that is whole counts. A sector is erased only when the other one holds a newer record.

import type { Flash } from '../hal/hal.ts';
import { aligned } from './image.ts';
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
}

export interface Records {
  flash: Flash;
  crc: Crc;
  sequence: number;
  sector: number;
  /** where the next record goes, from the beginning of the sector; the sector's size: it is full */
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

/** Reads the records of one sector into `records`; a torn record ends the sector. */
function scan(records: Records, sector: number): void {
  const flash = records.flash;
  const bytes = flash.read(sector * flash.sectorBytes, flash.sectorBytes);
  let at = 0;
  while (at + HEADER_BYTES <= bytes.length) {
    const length = bytes[at] | (bytes[at + 1] << 8);
    const check = bytes[at + 2] | (bytes[at + 3] << 8);
    const end = at + HEADER_BYTES + length;
    if (length === 0xffff && check === 0xffff) {
      // a program that power cut may have reached any of its cells: nothing goes where one is not blank
      for (let i = at; i < bytes.length; i++) if (bytes[i] !== 0xff) at = bytes.length;
      break;
    }
    if ((length ^ 0xffff) !== check || end > bytes.length) {
      at = bytes.length;
      break;
    }
    const crc = (bytes[at + 4] | (bytes[at + 5] << 8) | (bytes[at + 6] << 16) | (bytes[at + 7] << 24)) >>> 0;
    if (records.crc(bytes, at + HEADER_BYTES, end, 0) !== crc) {
      at = bytes.length;
      break;
    }
    const body = decode(flash.read(sector * flash.sectorBytes + at + HEADER_BYTES, length)) as [number, BoardRecord];
    at = round(flash, end);
    if (body[0] > records.sequence) {
      records.sequence = body[0];
      records.value = body[1];
      records.sector = sector;
      records.at = at;
    }
  }
  if (records.sector === sector) records.at = at;
}

export function openRecords(flash: Flash, crc: Crc): Records {
  const records: Records = { flash: flash, crc: crc, sequence: 0, sector: -1, at: 0, value: blank() };
  scan(records, 0);
  scan(records, 1);
  return records;
}

/** Makes `records.value` durable as it is now. */
export function saveRecord(records: Records): void {
  const flash = records.flash;
  records.sequence++;
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
  if (records.sector < 0 || records.at + padded.length > flash.sectorBytes) {
    records.sector = records.sector === 0 ? 1 : 0;
    flash.erase(records.sector);
    records.at = 0;
  }
  flash.program(records.sector * flash.sectorBytes + records.at, padded);
  records.at += padded.length;
}
