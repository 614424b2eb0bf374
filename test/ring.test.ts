// The journal ring (hal/ring.ts, hal/FLASH.md) on flash by the rules of parts. Power at every program and erase is the
// campaign's (host/power); here is what each part of it promises, and long walks of everything mixed.

import { describe, expect, it } from 'vitest';
import { crc32 } from '../firmware/link/crc.ts';
import type { Placed, Ring, RingRecord } from '../hal/ring.ts';
import {
  append,
  BATCH_MAX,
  eraseAhead,
  firstRecord,
  KIND_MAX,
  LENGTH_MAX,
  nextRecord,
  openRing,
  readRecord,
  reclaim,
  RECORD_HEADER,
  roomOf,
  SECTOR_HEADER,
  SECTORS_MAX,
  SECTORS_MIN,
} from '../hal/ring.ts';
import type { Cut, Geometry, Nor } from '../host/testbed/nor.ts';
import { CUTS, FlashFault, openNor, PowerCut, TORN } from '../host/testbed/nor.ts';
import { createRandom } from '../host/testbed/random.ts';

const SALT = 0x5eed;
const SMALL: Geometry = { sectorBytes: 256, sectors: 6, programBytes: 4 };

function mount(nor: Nor, salt = SALT): Ring {
  return openRing(nor, crc32, 0, nor.sectors, salt);
}

function record(length: number, fill: number, kind = 1): RingRecord {
  return { kind, bytes: new Uint8Array(length).fill(fill) };
}

function walk(ring: Ring): Placed[] {
  const out: Placed[] = [];
  for (let r = firstRecord(ring); r; r = nextRecord(ring, r)) out.push(r);
  return out;
}

/** First byte of each record. */
function fills(ring: Ring): number[] {
  return walk(ring).map(({ bytes }) => bytes[0] as number);
}

function save(ring: Ring, ...records: RingRecord[]): number[] {
  const at = append(ring, records);
  if (!at) throw new Error(`no room for ${records.length} records: ${roomOf(ring, BATCH_MAX)}`);
  return at;
}

/** Where an address stands in flash. */
function placeOf(ring: Ring, at: number): number {
  const sector = Math.floor(at / ring.data);
  return ((ring.first + sector) % ring.sectors) * ring.flash.sectorBytes + ring.header + (at % ring.data);
}

/** Power goes in the program of this append. */
function cutAppend(nor: Nor, ring: Ring, how: Cut, ...records: RingRecord[]): void {
  nor.cut(0, how);
  expect(() => append(ring, records)).toThrow(PowerCut);
}

describe('a ring', () => {
  it('is empty on blank flash, and a mount writes nothing', () => {
    const nor = openNor(SMALL);
    const ring = mount(nor);
    expect(firstRecord(ring)).toBeNull();
    expect(readRecord(ring, 0)).toBeNull();
    expect(ring.lost).toBe(0);
    expect(roomOf(ring, BATCH_MAX)).toBeGreaterThan(0);
    expect([nor.counts.programs, nor.counts.erases]).toEqual([0, 0]);
  });

  it('gives records back by address and in order, before and after a mount', () => {
    const nor = openNor(SMALL);
    const ring = mount(nor);
    const at = save(ring, record(1, 1, 0), record(0, 0, 3), record(33, 2, KIND_MAX));
    at.push(...save(ring, record(300, 3)), ...save(ring, record(7, 4)));
    for (const one of [ring, mount(nor)]) {
      const all = walk(one);
      expect(all.map((r) => r.at)).toEqual(at);
      expect(all.map(({ kind, bytes, begin, number }) => [kind, bytes.length, begin, number])).toEqual([
        [0, 1, true, 0],
        [3, 0, false, 1],
        [KIND_MAX, 33, false, 2],
        [1, 300, true, 3],
        [1, 7, true, 4],
      ]);
      expect(at.map((a) => readRecord(one, a))).toEqual(all);
      expect(readRecord(one, (at[2] as number) + 4)).toBeNull();
    }
  });

  it.each([
    [1, 256, 80],
    [4, 256, 80],
    [8, 512, 40],
    [16, 1024, 20],
    [32, 4096, 6],
    [256, 4096, 6],
    [4, 131072, 3],
    [256, 1024, 36],
  ])('takes records of 1 to 8192 B: units of %i B, sectors of %i B', (programBytes, sectorBytes, sectors) => {
    const nor = openNor({ programBytes, sectorBytes, sectors });
    const ring = mount(nor);
    const lengths = [1, 2, 3, 4, 5, 255, 256, 257, 1000];
    const first = save(ring, ...lengths.map((n) => record(n, n & 0xff)));
    const large = save(ring, record(LENGTH_MAX, 9))[0] as number;
    const again = mount(nor);
    expect(walk(again).map(({ bytes }) => bytes.length)).toEqual([...lengths, LENGTH_MAX]);
    expect(readRecord(again, first[7] as number)?.bytes.every((byte) => byte === 1)).toBe(true);
    expect(readRecord(again, large)?.bytes.length).toBe(LENGTH_MAX);
    expect(nor.violation).toBeNull();
  });

  it('has limits, and says so', () => {
    const nor = openNor({ sectorBytes: 256, sectors: SECTORS_MAX + 1, programBytes: 4 });
    for (const sectors of [SECTORS_MIN - 1, SECTORS_MAX + 1]) {
      expect(() => openRing(nor, crc32, 0, sectors, 1)).toThrow(`no ring in ${sectors} sectors of 256 B`);
    }
    const coarse = openNor({ sectorBytes: 512, sectors: 8, programBytes: 256 });
    expect(() => mount(coarse)).toThrow('no ring in 8 sectors of 512 B');
    const ring = openRing(nor, crc32, 0, SECTORS_MAX, 1);
    expect(() => append(ring, [record(LENGTH_MAX + 1, 1)])).toThrow('no record of the ring');
    expect(() => append(ring, [record(1, 1, KIND_MAX + 1)])).toThrow('no record of the ring');
    expect(() => append(ring, [record(LENGTH_MAX, 1), record(LENGTH_MAX, 1)])).toThrow(`at most ${BATCH_MAX} bytes`);
    expect(append(ring, [])).toEqual([]);
    expect(nor.counts.programs).toBe(0);
  });

  it('leaves alone what is not its own, and believes nothing of it', () => {
    const nor = openNor({ ...SMALL, sectors: 8 });
    const other = openRing(nor, crc32, 1, 6, 1);
    for (let i = 0; i < 20; i++) {
      save(other, record(60, i));
      reclaim(other, other.end - 100);
    }
    const ring = openRing(nor, crc32, 1, 6, 2);
    expect(firstRecord(ring)).toBeNull();
    for (let i = 0; i < 5; i++) save(ring, record(90, i));
    expect(fills(openRing(nor, crc32, 1, 6, 2))).toEqual([0, 1, 2, 3, 4]);
    expect(nor.counts.sectorErases[0]).toBe(0);
    expect(nor.counts.sectorErases[7]).toBe(0);
  });

  it('has on flash what FLASH.md says, byte for byte', () => {
    const nor = openNor({ ...SMALL, programBytes: 16 });
    const ring = mount(nor);
    save(ring, record(5, 0xaa, 2), record(1, 0xbb, 3));
    save(ring, record(250, 0xcc, 4));
    const view = new DataView(nor.bytes.buffer);
    const seed = (at: number) => {
      const place = new DataView(new ArrayBuffer(12));
      place.setUint32(0, SALT, true);
      place.setUint32(4, at, true);
      place.setUint32(8, 6 << 16, true);
      return crc32(new Uint8Array(place.buffer), 0, 12, 0);
    };
    // sector 0: round 0, the tail is itself; a record begins at once
    expect([view.getUint32(0, true), view.getUint32(4, true)]).toEqual([0, 0]);
    expect(view.getUint32(8, true)).toBe(crc32(nor.bytes, 0, 8, seed(0)));
    expect([...nor.bytes.subarray(SECTOR_HEADER, 16)]).toEqual([0xff, 0xff, 0xff, 0xff]);
    // first record: 5 B, first of its batch, kind 2, number 0
    expect(view.getUint32(16, true)).toBe(5 | 0x4000 | (2 << 15));
    expect(view.getUint32(20, true)).toBe(crc32(nor.bytes, 24, 29, crc32(nor.bytes, 16, 20, seed(0))));
    expect([...nor.bytes.subarray(24, 32)]).toEqual([0xaa, 0xaa, 0xaa, 0xaa, 0xaa, 0xff, 0xff, 0xff]);
    // second: 1 B, kind 3, number 1; then blanks up to the unit
    expect(view.getUint32(32, true)).toBe(1 | (3 << 15) | (1 << 19));
    expect([...nor.bytes.subarray(40, 48)]).toEqual([0xbb, ...new Array<number>(7).fill(0xff)]);
    // third, at address 32, runs on into sector 1: 208 B of it are before that, 50 behind, padded
    expect(view.getUint32(48, true)).toBe(250 | 0x4000 | (4 << 15) | (2 << 19));
    expect(view.getUint32(256, true)).toBe(1 << 24);
    expect(view.getUint32(260, true)).toBe((208 / 4) | ((64 / 4) << 16));
    expect(view.getUint32(264, true)).toBe(crc32(nor.bytes, 256, 264, seed(1)));
    expect([...nor.bytes.subarray(272 + 49, 272 + 66)]).toEqual([0xcc, ...new Array<number>(16).fill(0xff)]);
  });
});

describe('room', () => {
  it('ends, comes back with what is given up, and roomOf says how much it is', () => {
    const nor = openNor(SMALL);
    const ring = mount(nor);
    const at: number[] = [];
    for (let next = append(ring, [record(50, at.length)]); next; next = append(ring, [record(50, at.length)])) {
      at.push(...next);
    }
    expect(roomOf(ring, BATCH_MAX)).toBeLessThan(60);
    expect(at.length).toBeGreaterThan((4 * 244) / 60 - 1);
    expect(fills(ring)).toEqual(at.map((_, i) => i));
    reclaim(ring, at[at.length - 2] as number);
    const room = roomOf(ring, BATCH_MAX);
    expect(room).toBeGreaterThan(400);
    expect(append(ring, [record(room - RECORD_HEADER + 1, 200)])).toBeNull();
    const length = Math.floor(room / 4) * 4 - RECORD_HEADER;
    save(ring, record(length, 201));
    const all = walk(mount(nor));
    expect(all.slice(-3).map(({ bytes }) => bytes[0])).toEqual([at.length - 2, at.length - 1, 201]);
  });

  it('is there for certain where FLASH.md says so', () => {
    const random = createRandom(3, 'room');
    let said = 0;
    for (let i = 0; i < 400; i++) {
      const programBytes = [1, 4, 8, 16, 32][i % 5] as number;
      const geometry = { sectorBytes: 256 << (i % 3), sectors: 4 + (random.bits() % 9), programBytes };
      const nor = openNor(geometry);
      let ring = mount(nor);
      const units = (x: number) => Math.ceil(x / ring.unit) * ring.unit;
      const whole = (x: number) => Math.ceil(x / ring.data);
      const kept: number[] = [];
      for (let k = random.bits() % 40; k > 0; k--) {
        const at = append(ring, [record(random.bits() % 120, k)]);
        if (!at) break;
        kept.push(...at);
      }
      const oldest = kept[random.bits() % Math.max(1, kept.length)] ?? ring.end;
      const last = kept[kept.length - 1] ?? ring.end;
      const [l, c] = [ring.end - oldest, ring.end - last];
      const length = random.bits() % (geometry.sectorBytes * 2);
      const [b, t] = [units(RECORD_HEADER + length), units(12)];
      const start = i % 2 === 1 && kept.length > 0;
      if (start) ring = mount(nor);
      reclaim(ring, oldest);
      const behind = whole(units(8 + b) + 2 * t);
      const straight = whole(ring.data - 1 + l + b + 2 * t) + behind;
      const copied = (oldest === last ? 0 : whole(ring.data - 1 + l)) + whole(units(8 + c) + b + 2 * t) + behind;
      if ((start ? copied : straight) > geometry.sectors) continue;
      said++;
      save(ring, record(length, 99));
      expect(walk(mount(nor)).pop()?.bytes.length).toBe(length);
    }
    expect(said).toBeGreaterThan(100);
  });

  it('is never gone for good: in the smallest ring each of many starts saves, gives up, and is cut short', () => {
    for (const cut of [...CUTS, null]) {
      const nor = openNor({ ...SMALL, sectors: SECTORS_MIN });
      let newest = -1;
      for (let i = 0; i < 60; i++) {
        const ring = mount(nor);
        const all = walk(ring);
        if (newest >= 0) expect(all.map(({ bytes }) => bytes[0])).toContain(newest);
        const last = all[all.length - 1];
        if (last) reclaim(ring, last.at);
        // power goes in every other start
        if (cut && i % 2 === 1) nor.cut(i % 3, cut, i);
        try {
          save(ring, record(60, i));
          newest = i;
          save(ring, record(40, i));
        } catch (error) {
          if (!(error instanceof PowerCut)) throw error;
        }
        nor.calm();
      }
      expect(nor.violation).toBeNull();
    }
  });
});

describe('erasing', () => {
  it('ahead leaves nothing to erase to an append, one sector a call, and wears all alike', () => {
    const nor = openNor(SMALL);
    const ring = mount(nor);
    for (let i = 0; i < 200; i++) {
      for (let before = nor.counts.erases; eraseAhead(ring); before = nor.counts.erases) {
        expect(nor.counts.erases - before).toBeLessThanOrEqual(1);
      }
      const before = nor.counts.erases;
      save(ring, record(100, i & 0xff));
      expect(nor.counts.erases).toBe(before);
      reclaim(ring, ring.end - 250);
    }
    expect(Math.max(...nor.counts.sectorErases) - Math.min(...nor.counts.sectorErases)).toBeLessThanOrEqual(1);
  });

  it('is not needed for what is still needed, and then not done', () => {
    const nor = openNor(SMALL);
    const ring = mount(nor);
    while (append(ring, [record(50, 1)])) while (eraseAhead(ring));
    const { erases } = nor.counts;
    const all = walk(ring);
    expect(erases).toBeLessThanOrEqual(6);
    expect(walk(mount(nor))).toEqual(all);
  });

  it('of a sector that only looks blank is done again after a mount', () => {
    const nor = openNor(SMALL);
    let ring = mount(nor);
    save(ring, record(10, 1));
    expect(eraseAhead(ring)).toBe(true);
    ring = mount(nor);
    const before = nor.counts.sectorErases[1] as number;
    save(ring, record(10, 2));
    expect(nor.counts.sectorErases[1]).toBe(before + 1);
  });
});

describe('after a power cut', () => {
  it('it goes on in a new sector, in which the last batch stands as a copy', () => {
    const nor = openNor(SMALL);
    let ring = mount(nor);
    const at = [...save(ring, record(20, 1)), ...save(ring, record(30, 2), record(9, 3))];
    cutAppend(nor, ring, 'half', record(40, 4));
    ring = mount(nor);
    expect(fills(ring)).toEqual([1, 2, 3]);
    expect(Math.floor((save(ring, record(5, 5))[0] as number) / ring.data)).toBe(1);
    expect(fills(ring)).toEqual([1, 2, 3, 5]);
    // the originals go; the addresses stay good
    for (const a of at.slice(1)) nor.rot(placeOf(ring, a), 1);
    ring = mount(nor);
    expect(fills(ring)).toEqual([1, 2, 3, 5]);
    expect(at.map((a) => readRecord(ring, a)?.bytes[0])).toEqual([1, 2, 3]);
    expect(ring.lost).toBe(0);
    // and what it was decided not to count does not come back
    expect(readRecord(ring, ring.data - 4)).toBeNull();
  });

  it('what a mount has not taken is never taken later, though all of it be there', () => {
    const nor = openNor(SMALL);
    let ring = mount(nor);
    save(ring, record(20, 1));
    cutAppend(nor, ring, 'done', record(20, 2), record(20, 3));
    const place = placeOf(ring, 28 + 8);
    nor.rot(place, 0x10);
    ring = mount(nor);
    expect(fills(ring)).toEqual([1]);
    save(ring, record(20, 4));
    nor.rot(place, 0x10);
    expect(fills(mount(nor))).toEqual([1, 4]);
    expect(readRecord(mount(nor), 28)).toBeNull();
  });

  it('what a mount has taken stays, though it was never acknowledged and fades', () => {
    const nor = openNor(SMALL);
    let ring = mount(nor);
    save(ring, record(20, 1));
    cutAppend(nor, ring, 'done', record(20, 2), record(20, 3));
    ring = mount(nor);
    expect(fills(ring)).toEqual([1, 2, 3]);
    nor.rot(placeOf(ring, 28 + 8), 0x10);
    // the same as long as it is not started anew, and after an append for good
    expect(fills(ring)).toEqual([1, 2, 3]);
    save(ring, record(20, 4));
    expect(fills(ring)).toEqual([1, 2, 3, 4]);
    expect(fills(mount(nor))).toEqual([1, 2, 3, 4]);
  });

  it('the header of the newest sector may fade as well', () => {
    const nor = openNor(SMALL);
    let ring = mount(nor);
    save(ring, record(200, 1));
    // what goes to sector 0, the erase of sector 1, its header and the rest
    nor.cut(2, 'done');
    expect(() => save(ring, record(100, 2))).toThrow(PowerCut);
    ring = mount(nor);
    expect(fills(ring)).toEqual([1, 2]);
    save(ring, record(10, 3));
    nor.rot(256, 0xff);
    ring = mount(nor);
    expect(fills(ring)).toEqual([1, 2, 3]);
    reclaim(ring, (walk(ring)[1] as Placed).at);
    save(ring, record(10, 4));
    expect(fills(mount(nor)).slice(-3)).toEqual([2, 3, 4]);
  });

  it('is a failed program to the ring, too: reading goes on, and what failed is given up', () => {
    const nor = openNor(SMALL);
    const ring = mount(nor);
    save(ring, record(20, 1));
    nor.wear(0, 1, 'program');
    expect(() => append(ring, [record(20, 2), record(20, 3)])).toThrow(FlashFault);
    expect(fills(ring)).toEqual([1]);
    save(ring, record(20, 4));
    expect(fills(ring)).toEqual([1, 4]);
    expect(fills(mount(nor))).toEqual([1, 4]);
  });

  it('is a failed erase to the ring: it tells each time, and keeps what it has', () => {
    const nor = openNor(SMALL);
    const ring = mount(nor);
    const at = save(ring, record(200, 1));
    nor.wear(1, 1, 'erase');
    expect(() => eraseAhead(ring)).toThrow(FlashFault);
    for (let i = 0; i < 3; i++) expect(() => append(ring, [record(200, 2)])).toThrow(FlashFault);
    expect(readRecord(ring, at[0] as number)?.bytes[0]).toBe(1);
    expect(fills(ring)).toEqual([1]);
    expect(fills(mount(nor))).toEqual([1]);
  });
});

describe('rot', () => {
  function filled(): { nor: Nor; ring: Ring; at: number[] } {
    const nor = openNor(SMALL);
    const ring = mount(nor);
    const at: number[] = [];
    for (let i = 0; i < 14; i++) at.push(...save(ring, record(60, i)));
    return { nor, ring, at };
  }

  it('of a record loses that one, and is counted', () => {
    const { nor, at } = filled();
    for (const [i, part] of [
      [5, 0],
      [4, 4],
      [8, 20],
    ] as const) {
      const before = nor.save();
      nor.rot(placeOf(mount(nor), at[i] as number) + part, 0x08);
      const ring = mount(nor);
      expect(ring.lost).toBe(0);
      expect(fills(ring)).toEqual([...at.keys()].filter((k) => k !== i));
      expect(ring.lost).toBe(1);
      expect(readRecord(ring, at[i] as number)).toBeNull();
      nor.restore(before);
    }
  });

  it('of a record in the newest sector is seen by the mount, and the ring goes on', () => {
    const { nor, ring, at } = filled();
    const inHead = at.filter((a) => Math.floor(a / ring.data) === ring.head);
    expect(inHead.length).toBeGreaterThan(2);
    nor.rot(placeOf(ring, inHead[1] as number) + 9, 0x80);
    const again = mount(nor);
    expect(again.lost).toBe(1);
    save(again, record(10, 77));
    const all = fills(mount(nor));
    expect(all.length).toBe(at.length);
    expect(all[all.length - 1]).toBe(77);
  });

  it('of the header of an older sector loses nothing, but in front', () => {
    const { nor, at } = filled();
    nor.rot(256 + 3, 1);
    const ring = mount(nor);
    expect(fills(ring)).toEqual([...at.keys()]);
    expect(ring.lost).toBe(0);
    const second = at.find((a) => a >= ring.data) as number;
    reclaim(ring, second);
    expect((firstRecord(ring) as Placed).at).toBeGreaterThan(second);
    expect(ring.lost).toBeGreaterThan(0);
  });
});

describe('costs', () => {
  it('an append reads nothing; a mount reads headers and at most the newest sector', () => {
    const nor = openNor({ sectorBytes: 4096, sectors: 16, programBytes: 4 });
    const ring = mount(nor);
    const random = createRandom(1, 'costs');
    for (let i = 0; i < 300; i++) {
      const before = nor.counts.reads;
      save(ring, record(40 + (random.bits() % 500), i & 0xff));
      reclaim(ring, ring.end - 9000);
      expect(nor.counts.reads).toBe(before);
      const bytes = nor.counts.readBytes;
      mount(nor);
      expect(nor.counts.readBytes - bytes).toBeLessThanOrEqual(16 * SECTOR_HEADER + 4096 + 548);
    }
  });

  it('a batch is one program for each sector it goes to', () => {
    const nor = openNor(SMALL);
    const ring = mount(nor);
    save(ring, record(20, 1), record(20, 2), record(20, 3));
    expect(nor.counts.programs).toBe(1);
    save(ring, record(300, 4));
    expect(nor.counts.programs).toBe(3);
  });
});

describe('what long walks have found', () => {
  it('a copy is not taken for one of a lap before', () => {
    const nor = openNor(SMALL);
    let ring = mount(nor);
    save(ring, record(220, 1));
    // from the end of sector 0 over sector 1 into sector 2
    const [at] = save(ring, record(260, 2)) as [number];
    for (let i = 3; i <= 6; i++) {
      ring = mount(nor);
      reclaim(ring, at);
      save(ring, record(10, i));
    }
    // sector 7 stands where sector 1 stood, and begins with a copy, too
    expect(ring.head).toBe(7);
    expect(fills(ring)).toEqual([2, 3, 4, 5, 6]);
    expect(readRecord(mount(nor), at)?.bytes[0]).toBe(2);
  });

  it.each([false, true])(
    'what was never finished does not come back from behind the head, its header seen or not: %s',
    (seen) => {
      const nor = openNor(SMALL);
      nor.cut(1, 'done');
      expect(() => append(mount(nor), [record(60, 1), record(160, 2)])).toThrow(PowerCut);
      // the copy fills sector 1 to the last byte, so the next batch begins with sector 2
      nor.cut(3, 'done');
      expect(() => append(mount(nor), [record(20, 3)])).toThrow(PowerCut);
      // now what was never acknowledged fades
      const place = seen ? 512 + SECTOR_HEADER + RECORD_HEADER : 512;
      nor.rot(SECTOR_HEADER + 68 + RECORD_HEADER, 1);
      nor.rot(place, 1);
      let ring = mount(nor);
      expect(fills(ring)).toEqual([1]);
      save(ring, record(20, 4));
      nor.rot(place, 1);
      ring = mount(nor);
      expect(fills(ring)).toEqual([1, 4]);
      expect(ring.head).toBe(1);
    },
  );

  it('a copy is enough where what it copies is gone', () => {
    const nor = openNor(SMALL);
    save(mount(nor), record(20, 1));
    nor.cut(2, 'none');
    expect(() => append(mount(nor), [record(20, 2)])).toThrow(PowerCut);
    nor.rot(0, 1);
    const ring = mount(nor);
    expect(fills(ring)).toEqual([1]);
    save(ring, record(20, 3));
    expect(fills(ring)).toEqual([1, 3]);
    expect(fills(mount(nor))).toEqual([1, 3]);
  });

  it('a record does not count where the one before it in its batch runs into its sector, and is torn', () => {
    const nor = openNor(SMALL);
    let ring = mount(nor);
    save(ring, record(200, 1));
    nor.cut(2, 'done');
    expect(() => save(ring, record(60, 2), record(20, 3))).toThrow(PowerCut);
    expect(fills(mount(nor))).toEqual([1, 2, 3]);
    nor.rot(256 + 12 + 4, 1);
    ring = mount(nor);
    expect(ring.head).toBe(0);
    save(ring, record(20, 4));
    expect(walk(mount(nor)).map(({ bytes, number }) => [bytes[0], number])).toEqual([
      [1, 0],
      [4, 1],
    ]);
  });

  it('a ring in which every start comes no farther than its tail is not used up', () => {
    const nor = openNor({ ...SMALL, sectors: 5 });
    let ring = mount(nor);
    for (let i = 0; append(ring, [record(50, i)]); i++);
    const all = walk(ring);
    let newest = (all[all.length - 1] as Placed).at;
    for (let i = 0; i < 30; i++) {
      ring = mount(nor);
      reclaim(ring, newest);
      // an erase, the copy, a tail perhaps: then power goes
      nor.cut(2 + (i % 3), 'none');
      try {
        newest = save(ring, record(100, 200))[0] as number;
      } catch (error) {
        expect(error).toBeInstanceOf(PowerCut);
      }
      nor.calm();
    }
    ring = mount(nor);
    reclaim(ring, newest);
    save(ring, record(100, 201));
    expect(walk(mount(nor)).map(({ at }) => at)).toContain(newest);
  });
});

interface Seen {
  at: number;
  record: RingRecord;
}

function equal(a: RingRecord, b: RingRecord): boolean {
  return a.kind === b.kind && Buffer.compare(a.bytes, b.bytes) === 0;
}

/** What an owner may do, mixed, with power cuts as often as not; throws where a promise is broken. */
function wander(geometry: Geometry, seed: number, steps: number): { cuts: number; saved: number } {
  const random = createRandom(seed, 'wander');
  const nor = openNor({ ...geometry, seed });
  let ring = mount(nor);
  /** what must be there, and what may be: of appends that power has cut, since the last that was done */
  let sure: Seen[] = [];
  let maybe: RingRecord[][] = [];
  let kept = 0;
  let saved = 0;
  let cuts = 0;
  const draw = (n: number) => random.bits() % n;

  function arm(): void {
    nor.cut(draw(draw(2) ? 4 : 30), CUTS[draw(4)] as Cut, random.bits());
  }

  function check(): void {
    const all = walk(ring);
    const from = sure.findIndex((one) => one.at >= kept);
    const needed = from < 0 ? [] : sure.slice(from);
    let i = needed.length > 0 ? all.findIndex(({ at }) => at === (needed[0] as Seen).at) : -1;
    if (needed.length > 0 && i < 0) throw new Error(`the oldest record is gone: ${(needed[0] as Seen).at}`);
    for (const one of needed) {
      const there = all[i++];
      if (!there || there.at !== one.at || !equal(there, one.record)) throw new Error(`no record at ${one.at}`);
    }
    const newest = sure[sure.length - 1];
    const rest = newest ? all.filter(({ at }) => at > newest.at) : all;
    if (!maybe.some((batch) => rest.length <= batch.length && rest.every((r, k) => equal(r, batch[k] as RingRecord)))) {
      if (rest.length > 0) throw new Error(`${rest.length} records that nobody has appended`);
    }
    for (const one of all) if (!equal(readRecord(ring, one.at) as Placed, one)) throw new Error('read by its address');
    if (ring.lost > 0) throw new Error(`${ring.lost} records are lost`);
    if (nor.violation) throw new Error(nor.violation);
    // what this start has seen goes before all that it appends
    seen = rest.map((r) => ({ at: r.at, record: { kind: r.kind, bytes: r.bytes } }));
  }

  let seen: Seen[] = [];
  arm();
  for (let step = 0; step < steps; step++) {
    let batch: RingRecord[] = [];
    try {
      const what = draw(10);
      if (what < 6) {
        for (let n = 1 + draw(3); n > 0; n--) {
          const bytes = new Uint8Array(draw(8) ? draw(geometry.sectorBytes / 6) : draw(geometry.sectorBytes));
          const fill = draw(5);
          for (let k = 0; k < bytes.length; k++) bytes[k] = fill === 0 ? 0xff : random.bits();
          batch.push({ kind: draw(KIND_MAX + 1), bytes });
        }
        const at = append(ring, batch);
        if (at) {
          sure.push(...seen, ...at.map((a, k) => ({ at: a, record: batch[k] as RingRecord })));
          for (let k = 1; k < sure.length; k++) {
            if ((sure[k] as Seen).at <= (sure[k - 1] as Seen).at) throw new Error('an address that does not grow');
          }
          seen = [];
          maybe = [];
          saved += at.length;
        } else if (sure.length > 0) {
          kept = Math.max(kept, (sure[Math.max(0, sure.length - 1 - draw(6))] as Seen).at);
          batch = [];
        }
      } else if (what < 8) {
        if (sure.length > 0) kept = Math.max(kept, (sure[draw(sure.length)] as Seen).at);
      } else if (what < 9) eraseAhead(ring);
      else {
        ring = mount(nor);
        check();
      }
      reclaim(ring, kept);
      sure = sure.filter(({ at }) => at >= kept);
    } catch (error) {
      if (!(error instanceof PowerCut)) throw error;
      cuts++;
      if (batch.length > 0) maybe.push([...seen.map(({ record: r }) => r), ...batch]);
      else if (seen.length > 0) maybe.push(seen.map(({ record: r }) => r));
      ring = mount(nor);
      check();
      arm();
    }
  }
  nor.calm();
  ring = mount(nor);
  check();
  return { cuts, saved };
}

describe('whatever is done, and wherever power goes', () => {
  const GEOMETRIES: Geometry[] = [
    { sectorBytes: 256, sectors: 5, programBytes: 1 },
    { sectorBytes: 256, sectors: 8, programBytes: 4 },
    { sectorBytes: 512, sectors: 4, programBytes: 8 },
    { sectorBytes: 512, sectors: SECTORS_MIN, programBytes: 16 },
    { sectorBytes: 1024, sectors: 5, programBytes: 32 },
    { sectorBytes: 2048, sectors: 5, programBytes: 256 },
  ];
  for (const geometry of GEOMETRIES) {
    for (const torn of TORN) {
      const { sectorBytes, sectors, programBytes } = geometry;
      it(`the records stay: ${sectors} sectors of ${sectorBytes} B, units of ${programBytes} B, torn: ${torn}`, () => {
        let cuts = 0;
        let saved = 0;
        for (let seed = 1; seed <= 6; seed++) {
          try {
            const done = wander({ ...geometry, torn }, seed, 400);
            cuts += done.cuts;
            saved += done.saved;
          } catch (error) {
            throw new Error(`seed ${seed}: ${(error as Error).message}`, { cause: error });
          }
        }
        expect(cuts).toBeGreaterThan(50);
        expect(saved).toBeGreaterThan(300);
      });
    }
  }
});
