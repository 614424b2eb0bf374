// The ring on flash, through three lives of its board. Board language.

import type { Flash } from '../../../hal/hal.ts';
import { append, BATCH_MAX, firstRecord, nextRecord, openRing, reclaim, roomOf } from '../../../hal/ring.ts';
import type { RingRecord } from '../../../hal/ring.ts';
import { encode } from '../../../firmware/link/cbor.ts';
import type { Crc } from '../../../firmware/link/crc.ts';
import type { Part } from './part.ts';
import { addCases, turnOver } from './part.ts';
import { below, bytesOf } from './random.ts';

const SECTOR_BYTES = 512;

/** Flash in memory, with the rules of NOR. */
function memoryFlash(sectors: number): Flash {
  const cells = new Uint8Array(sectors * SECTOR_BYTES);
  for (let i = 0; i < cells.length; i++) cells[i] = 255;
  return {
    sectorBytes: SECTOR_BYTES,
    sectors: sectors,
    programBytes: 4,
    read: function (at, length) {
      return new Uint8Array(cells.subarray(at, at + length));
    },
    program: function (at, bytes) {
      for (let i = 0; i < bytes.length; i++) {
        const value = bytes[i] as number;
        if (((cells[at + i] as number) & value) !== value) throw new Error('a bit would have to rise');
        cells[at + i] = value;
      }
    },
    erase: function (sector) {
      for (let i = 0; i < SECTOR_BYTES; i++) cells[sector * SECTOR_BYTES + i] = 255;
    },
  };
}

function ring(seed: number, crc: Crc): Uint8Array {
  const random = { x: seed };
  const flash = memoryFlash(5);
  const out: unknown[] = [];
  for (let life = 0; life < 3; life++) {
    const own = openRing(flash, crc, 0, 5, 77);
    let at = 0;
    for (let found = firstRecord(own); found; found = nextRecord(own, found)) {
      at = found.at;
      out.push([found.at, found.kind, crc(found.bytes, 0, found.bytes.length, 0)]);
    }
    if (life > 0) reclaim(own, at);
    for (let i = 0; i < 4; i++) {
      const records: RingRecord[] = [];
      for (let n = 1 + below(random, 3); n > 0; n--)
        records.push({ kind: below(random, 15), bytes: bytesOf(random, below(random, 90)) });
      out.push(append(own, records));
    }
    out.push(roomOf(own, BATCH_MAX));
  }
  const all = flash.read(0, 5 * SECTOR_BYTES);
  return encode([out, crc(all, 0, all.length, 0)]);
}

export const part: Part = function (crc) {
  return turnOver(addCases([], 'ring', 3, 49979687, ring, crc));
};
