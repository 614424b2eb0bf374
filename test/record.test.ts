// What a board keeps in flash through power cuts: its records and its images, with the power cut at every program unit
// of every flash operation.

import { describe, expect, test } from 'vitest';
import {
  type Body,
  bodyAt,
  bodyMax,
  encodeImage,
  eraseSlot,
  RECORD_SECTORS,
  readSlot,
  sealSlot,
  slotAt,
} from '../firmware/image.ts';
import { textOf } from '../firmware/link/cbor.ts';
import { crc32 } from '../firmware/link/crc.ts';
import { openRecords, saveRecord } from '../firmware/record.ts';
import type { Flash } from '../hal/hal.ts';
import type { Nor } from '../host/testbed/nor.ts';
import { openNor } from '../host/testbed/nor.ts';
import { createRandom } from '../host/testbed/random.ts';
import { base, COMPUTE, SENSORS } from './fixtures/lab.ts';

class PowerCut extends Error {}

const GEOMETRY = [
  { sectorBytes: 1024, sectors: 32, programBytes: 4 },
  { sectorBytes: 2048, sectors: 16, programBytes: 8 },
  { sectorBytes: 4096, sectors: 64, programBytes: 1 },
];

/**
 * Flash that loses power after so many steps: a step is a program unit or an erase. An erase that is cut leaves a sector
 * of nonsense; with `shuffled` a program that is cut has reached any of its cells.
 */
function fragile(nor: Nor, steps: number, random = createRandom(1, 'cut'), shuffled = false): Flash & { left: number } {
  const flash = {
    ...nor,
    left: steps,
    read: nor.read,
    program(at: number, bytes: Uint8Array) {
      const unit = nor.programBytes;
      const order: number[] = [];
      for (let i = 0; i < bytes.length; i += unit) order.push(i);
      if (shuffled) order.sort(() => random.next() - 0.5);
      for (const i of order) {
        if (flash.left-- <= 0) throw new PowerCut();
        nor.program(at + i, bytes.subarray(i, i + unit));
      }
    },
    erase(sector: number) {
      if (flash.left-- <= 0) {
        for (let i = 0; i < nor.sectorBytes; i++) nor.bytes[sector * nor.sectorBytes + i] = random.bits() & 0xff;
        throw new PowerCut();
      }
      nor.erase(sector);
    },
  };
  return flash;
}

describe.each(GEOMETRY)('records, sectors of $sectorBytes bytes, units of $programBytes', (geometry) => {
  test('nothing is known of a blank flash', () => {
    expect(openRecords(openNor(geometry), crc32).value).toMatchObject({ boot: 0, active: -1, staged: -1, epoch: 0 });
  });

  test('the newest counts, over many turns of both sectors', () => {
    const nor = openNor(geometry);
    let records = openRecords(nor, crc32);
    for (let i = 1; i <= 500; i++) {
      records.value.epoch = i;
      records.value.sides = [i % 2, 1, 0];
      saveRecord(records);
      if (i % 7 === 0) {
        records = openRecords(nor, crc32);
        expect(records.value).toMatchObject({ epoch: i, sides: [i % 2, 1, 0] });
      }
    }
    expect(nor.counts.sectorErases[0]).toBeGreaterThan(3);
    expect(nor.counts.sectorErases[1]).toBeGreaterThan(3);
    expect(nor.counts.sectorErases.slice(RECORD_SECTORS).every((n) => n === 0)).toBe(true);
  });

  test.each([false, true])(
    'a power cut at each step keeps the last record or has the new one (any order: %s)',
    (shuffled) => {
      const random = createRandom(3, 'records');
      // enough records that every position of a sector is met, the change of sectors included
      const perSector = Math.floor(geometry.sectorBytes / 100);
      let cuts = 0;
      for (const before of [0, 1, perSector - 1, perSector, perSector + 1, 2 * perSector + 1]) {
        for (let steps = 0; ; steps++) {
          const nor = openNor(geometry);
          const whole = openRecords(nor, crc32);
          for (let i = 1; i <= before; i++) {
            whole.value.epoch = i;
            saveRecord(whole);
          }
          const records = openRecords(fragile(nor, steps, random, shuffled), crc32);
          records.value.epoch = before + 1;
          let done = true;
          try {
            saveRecord(records);
          } catch (error) {
            expect(error).toBeInstanceOf(PowerCut);
            done = false;
            cuts++;
          }
          // the board starts, and what it writes then is kept
          const after = openRecords(nor, crc32);
          if (done) expect(after.value.epoch).toBe(before + 1);
          else expect([before, before + 1]).toContain(after.value.epoch);
          after.value.epoch = 1000;
          saveRecord(after);
          expect(openRecords(nor, crc32).value.epoch).toBe(1000);
          if (done) break;
        }
      }
      expect(cuts).toBeGreaterThan(40);
    },
  );

  test('cut after cut after cut: never an older record than before', () => {
    const random = createRandom(11, 'storm');
    const nor = openNor(geometry);
    let kept = 0;
    for (let i = 1; i <= 400; i++) {
      const records = openRecords(
        fragile(nor, Math.floor(random.next() * (400 / geometry.programBytes)), random, random.next() < 0.5),
        crc32,
      );
      expect(records.value.epoch, `cut ${i}`).toBeGreaterThanOrEqual(kept);
      kept = records.value.epoch;
      records.value.epoch = i;
      try {
        saveRecord(records);
        kept = i;
      } catch (error) {
        expect(error).toBeInstanceOf(PowerCut);
      }
    }
    expect(kept).toBeGreaterThan(250);
  });

  test('a damaged byte costs a record, not the ones before it', () => {
    const nor = openNor(geometry);
    const records = openRecords(nor, crc32);
    for (let i = 1; i <= 3; i++) {
      records.value.epoch = i;
      saveRecord(records);
    }
    const last = records.at - Math.ceil(20 / geometry.programBytes) * geometry.programBytes;
    for (let at = last; at < records.at; at++) {
      const was = nor.bytes[records.sector * geometry.sectorBytes + at] as number;
      nor.bytes[records.sector * geometry.sectorBytes + at] = was ^ 0x10;
      const epoch = openRecords(nor, crc32).value.epoch;
      // the padding of the last unit belongs to nobody
      expect([2, 3]).toContain(epoch);
      nor.bytes[records.sector * geometry.sectorBytes + at] = was;
    }
    expect(openRecords(nor, crc32).value.epoch).toBe(3);
  });
});

function small(): Body {
  const version = base();
  return { plan: version.plan, hash: version.hash, modules: { a: '({})', b: '({ on: {} })' } };
}

function write(flash: Flash, slot: number, body: Uint8Array): void {
  eraseSlot(flash, slot);
  const unit = flash.programBytes;
  const padded = new Uint8Array(Math.ceil(body.length / unit) * unit).fill(0xff);
  padded.set(body);
  flash.program(bodyAt(flash, slot), padded);
  sealSlot(flash, slot, body.length, crc32(body, 0, body.length, 0), crc32);
}

/** What a board reads, with the texts of the modules; of the plan what concerns the board, and all types. */
function read(flash: Flash, slot: number): unknown {
  const image = readSlot(flash, slot, crc32, 'compute');
  if (typeof image === 'string') return image;
  const modules = Object.fromEntries(
    Object.entries(image.modules).map(([hash, [at, length]]) => [hash, textOf(flash.read(at, length))]),
  );
  const { allTypes, ...plan } = image.plan;
  return { plan: { ...plan, types: allTypes?.() }, hash: image.hash, modules };
}

/** What is to be read of it. */
function held({ plan, hash, modules }: Body): unknown {
  const components = plan.components.map((component) => {
    if (!component || component.board === COMPUTE) return component;
    return { name: component.name, board: component.board, reads: component.reads };
  });
  const devices = plan.devices.map((device) =>
    device.board === COMPUTE ? device : { board: device.board, latest: device.latest },
  );
  return { plan: { ...plan, components, devices }, hash, modules };
}

describe('images', () => {
  const geometry = { sectorBytes: 4096, sectors: 64, programBytes: 8 };

  test('one that was written whole is read back', () => {
    const nor = openNor(geometry);
    const image = small();
    write(nor, 1, encodeImage(image));
    expect(read(nor, 1)).toEqual(held(image));
    expect(read(nor, 0)).toBe('blank');
  });

  test('of the types those stay in memory that a component of the board sends or receives', () => {
    const nor = openNor(geometry);
    const { plan } = small();
    write(nor, 1, encodeImage(small()));
    const image = readSlot(nor, 1, crc32, 'sensors');
    if (typeof image === 'string') throw new Error(image);
    const wanted = plan.types.map((type, t) => {
      const senders = plan.components.filter((component) => component?.sends.some(([sent]) => sent === t));
      const receivers = plan.components.flatMap((component) => component?.sends ?? []).filter(([sent]) => sent === t);
      const near = [...senders, ...receivers.flatMap(([, to]) => to.map((c) => plan.components[c]))];
      return near.some((component) => component?.board === SENSORS) ? type : null;
    });
    expect(wanted).toContain(null);
    expect(image.plan.types).toEqual(wanted);
  });

  test('a power cut while one is written leaves none, and the other slot alone', () => {
    const nor = openNor(geometry);
    const body = encodeImage(small());
    write(nor, 0, body);
    let steps = 0;
    for (; ; steps += 37) {
      try {
        write(fragile(nor, steps, createRandom(steps, 'image'), true), 1, body);
        break;
      } catch (error) {
        expect(error).toBeInstanceOf(PowerCut);
      }
      expect(typeof read(nor, 1), `cut after ${steps} steps`).toBe('string');
      expect(read(nor, 0)).toEqual(held(small()));
    }
    expect(steps).toBeGreaterThan(200);
    expect(read(nor, 1)).toEqual(held(small()));
  });

  test('a slot that the part refuses to read, for power has cut its erase, is told, and can be written', () => {
    const nor = openNor({ ...geometry, torn: 'faults' });
    write(nor, 1, encodeImage(small()));
    nor.cut(0, 'half');
    expect(() => eraseSlot(nor, 1)).toThrow();
    expect(read(nor, 1)).toMatch(/cannot be read/);
    write(nor, 1, encodeImage(small()));
    expect(read(nor, 1)).toEqual(held(small()));
  });

  test('a damaged header and a damaged body are told apart, and none is taken', () => {
    const nor = openNor(geometry);
    write(nor, 0, encodeImage(small()));
    for (let i = 0; i < 16; i++) {
      const at = slotAt(nor, 0) + i;
      nor.bytes[at] = (nor.bytes[at] as number) ^ 4;
      expect(read(nor, 0)).toMatch(/blank|header is damaged/);
      nor.bytes[at] = (nor.bytes[at] as number) ^ 4;
    }
    for (let i = 0; i < 200; i += 7) {
      const at = bodyAt(nor, 0) + i;
      nor.bytes[at] = (nor.bytes[at] as number) ^ 4;
      expect(read(nor, 0)).toBe('its body is damaged');
      nor.bytes[at] = (nor.bytes[at] as number) ^ 4;
    }
    expect(read(nor, 0)).toEqual(held(small()));
  });

  test('whole bytes that are no image are none', () => {
    const nor = openNor(geometry);
    write(nor, 0, new Uint8Array([1, 2, 3]));
    expect(read(nor, 0)).toMatch(/cannot be read/);
    expect(bodyMax(nor)).toBeGreaterThan(50_000);
  });
});
