import { mkdtempSync, readFileSync, rmSync, statSync, truncateSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Failure } from '../host/failure.ts';
import type { Cut, Nor, Torn } from '../host/testbed/nor.ts';
import { CUTS, FlashFault, FlashViolation, openNor, PowerCut, TORN } from '../host/testbed/nor.ts';

const GEOMETRY = { sectorBytes: 256, sectors: 4, programBytes: 4 };

describe('NOR flash', () => {
  let folder = '';
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'nor-'));
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  it('is made erased, and keeps what was programmed', () => {
    const file = join(folder, 'deep', 'board.nor');
    const nor = openNor({ ...GEOMETRY, file });
    expect([...nor.read(0, 1024)].every((byte) => byte === 0xff)).toBe(true);
    nor.program(8, Uint8Array.of(1, 2, 3, 4));
    // Without closing: the file must already have it, as a killed process never closes.
    expect([...readFileSync(file).subarray(6, 14)]).toEqual([0xff, 0xff, 1, 2, 3, 4, 0xff, 0xff]);
    const again = openNor({ ...GEOMETRY, file });
    expect([...again.read(8, 4)]).toEqual([1, 2, 3, 4]);
    again.erase(0);
    expect(
      readFileSync(file)
        .subarray(0, 256)
        .every((byte) => byte === 0xff),
    ).toBe(true);
    nor.close();
    again.close();
  });

  it('takes bits down, never up, and says where', () => {
    const nor = openNor({ ...GEOMETRY, programOnce: false });
    nor.program(256, Uint8Array.of(0xf0, 0xff, 0xff, 0xff));
    nor.program(256, Uint8Array.of(0x30, 0xff, 0x0f, 0xff));
    expect(() => nor.program(256, Uint8Array.of(0x30, 0x00, 0x1f, 0xff))).toThrow(/0x102 .*0x1f over 0x0f/);
    // refused as a whole
    expect([...nor.read(256, 4)]).toEqual([0x30, 0xff, 0x0f, 0xff]);
    nor.erase(1);
    expect([...nor.read(256, 4)]).toEqual([0xff, 0xff, 0xff, 0xff]);
    expect(nor.counts.sectorErases).toEqual([0, 1, 0, 0]);
    expect(nor.counts).toMatchObject({ programs: 2, programmedBytes: 8, erases: 1 });
  });

  it('refuses what is not aligned or not there', () => {
    const nor = openNor(GEOMETRY);
    expect(() => nor.program(2, new Uint8Array(4))).toThrow(/whole units of 4 B/);
    expect(() => nor.program(0, new Uint8Array(3))).toThrow(/whole units of 4 B/);
    expect(() => nor.program(1024, new Uint8Array(4))).toThrow(/outside/);
    expect(() => nor.program(-4, new Uint8Array(4))).toThrow(/outside/);
    expect(() => nor.read(1020, 5)).toThrow(/outside/);
    expect(() => nor.erase(4)).toThrow(/no sector 4/);
    expect(() => openNor({ sectorBytes: 250, sectors: 4, programBytes: 4 })).toThrow(/geometry/);
  });

  it('refuses a file of the wrong size, and leaves it alone', () => {
    const file = join(folder, 'board.nor');
    openNor({ ...GEOMETRY, file }).close();
    truncateSync(file, 1000);
    let caught: unknown;
    try {
      openNor({ ...GEOMETRY, file });
    } catch (error) {
      caught = error;
    }
    expect(caught).toBeInstanceOf(Failure);
    expect(caught).toMatchObject({ code: 'E_FLASH_FILE', exit: 9 });
    expect((caught as Failure).message).toContain('1000 B');
    expect(statSync(file).size).toBe(1000);
  });

  it('behaves as an array with an AND, whatever the operations', () => {
    const operation = fc.oneof(
      fc.record({
        unit: fc.integer({ min: 0, max: 255 }),
        data: fc.uint8Array({ minLength: 4, maxLength: 4 }),
      }),
      fc.record({ sector: fc.integer({ min: 0, max: 3 }) }),
    );
    fc.assert(
      fc.property(fc.array(operation, { maxLength: 40 }), (operations) => {
        const nor = openNor({ ...GEOMETRY, programOnce: false });
        const model = new Uint8Array(1024).fill(0xff);
        for (const op of operations) {
          if ('sector' in op) {
            nor.erase(op.sector);
            model.fill(0xff, op.sector * 256, op.sector * 256 + 256);
            continue;
          }
          const old = model.subarray(op.unit * 4, op.unit * 4 + 4);
          const rises = op.data.some((byte, i) => (byte & ~(old[i] as number)) !== 0);
          let threw = false;
          try {
            nor.program(op.unit * 4, op.data);
            model.set(op.data, op.unit * 4);
          } catch {
            threw = true;
          }
          expect(threw).toBe(rises);
        }
        expect([...nor.bytes]).toEqual([...model]);
      }),
    );
  });
});

const filled = (length: number, value: number): Uint8Array => new Uint8Array(length).fill(value);

/** A flash of which unit 2 to 5 of sector 1 are programmed, with power going in the middle of something. */
function torn(options: { torn?: Torn; programBytes?: number }, how: Cut, seed: number, work: (nor: Nor) => void): Nor {
  const nor = openNor({ ...GEOMETRY, ...options });
  nor.program(256 + 2 * nor.programBytes, filled(4 * nor.programBytes, 0x5a));
  nor.cut(0, how, seed);
  expect(() => work(nor)).toThrow(PowerCut);
  return nor;
}

describe('what a part forbids', () => {
  it('is a unit programmed twice between two erases, blanks too', () => {
    const nor = openNor(GEOMETRY);
    nor.program(0, filled(8, 0xff));
    expect(() => nor.program(4, filled(4, 0x12))).toThrow(/unit at 0x04 was programmed already/);
    expect(nor.violation).toMatch(/unit at 0x04/);
    nor.erase(0);
    nor.program(4, filled(4, 0x12));
    expect([...nor.read(4, 4)]).toEqual([0x12, 0x12, 0x12, 0x12]);
  });

  it('is known of what came out of a file', () => {
    const folder = mkdtempSync(join(tmpdir(), 'nor-'));
    const file = join(folder, 'a.nor');
    const nor = openNor({ ...GEOMETRY, file });
    nor.program(8, filled(4, 0));
    nor.close();
    const again = openNor({ ...GEOMETRY, file });
    expect(() => again.program(8, filled(4, 0))).toThrow(FlashViolation);
    again.program(12, filled(4, 0));
    again.cut(0, 'half');
    expect(() => again.erase(0)).toThrow(PowerCut);
    // what power left is in the file too
    expect([...readFileSync(file)]).toEqual([...again.bytes]);
    again.close();
    rmSync(folder, { recursive: true, force: true });
  });

  it('is noted even if the error is caught', () => {
    const nor = openNor(GEOMETRY);
    expect(nor.violation).toBeNull();
    expect(() => nor.read(-1, 3)).toThrow(FlashViolation);
    expect(nor.violation).toMatch(/read of 3 B at .* outside/);
  });
});

describe('a power cut', () => {
  it.each(CUTS)('comes at the operation that was named, and then the flash works (%s)', (how) => {
    const nor = openNor(GEOMETRY);
    nor.cut(2, how, 7);
    nor.program(0, filled(8, 0));
    nor.erase(1);
    expect(() => nor.program(512, filled(16, 0))).toThrow(PowerCut);
    expect(nor.counts.cuts).toBe(1);
    nor.program(768, filled(4, 0));
    const there = [...nor.read(512, 16)].filter((byte) => byte === 0).length;
    if (how === 'none') expect(there).toBe(0);
    if (how === 'half') expect(there).toBe(8);
    if (how === 'done') expect(there).toBe(16);
    nor.calm();
  });

  it('leaves of a program a mixture of old and new, and nothing else', () => {
    let [never, partly, whole] = [0, 0, 0];
    for (let seed = 1; seed <= 200; seed++) {
      const nor = torn({}, 'random', seed, (n) => n.program(256 + 24, filled(32, 0x33)));
      const all = nor.read(256 + 24, 32);
      // a bit that was to stay has stayed
      expect([...all].every((byte) => (byte & 0x33) === 0x33)).toBe(true);
      expect([...nor.read(256 + 8, 16)].every((byte) => byte === 0x5a)).toBe(true);
      expect([...nor.read(256 + 56, 200)].every((byte) => byte === 0xff)).toBe(true);
      for (let unit = 0; unit < 8; unit++) {
        const bytes = all.subarray(4 * unit, 4 * unit + 4);
        const blank = bytes.every((byte) => byte === 0xff);
        if (blank) never++;
        else if (bytes.every((byte) => byte === 0x33)) whole++;
        else partly++;
        const again = () => nor.program(256 + 24 + 4 * unit, filled(4, 0));
        // one that was reached counts as programmed
        if (blank) again();
        else expect(again).toThrow(FlashViolation);
      }
    }
    expect(Math.min(never, partly, whole)).toBeGreaterThan(50);
  });

  it('leaves of an erase a sector that must be erased again, whatever it looks like', () => {
    const looks = new Set<string>();
    for (const how of ['half', 'random'] as const) {
      for (let seed = 1; seed <= 60; seed++) {
        const nor = torn({}, how, seed, (n) => n.erase(1));
        const all = [...nor.read(256, 256)];
        if (all.every((byte) => byte === 0xff)) looks.add('blank');
        else if (all.slice(8, 24).every((byte) => byte === 0x5a)) looks.add('as before');
        else looks.add('anything');
        expect(() => nor.program(256 + 128, filled(4, 0))).toThrow(/erase of sector 1 was cut short/);
        nor.erase(1);
        nor.program(256 + 128, filled(4, 0));
      }
    }
    expect([...looks].sort()).toEqual(['anything', 'as before', 'blank']);
    const untouched = torn({}, 'none', 1, (n) => n.erase(1));
    untouched.program(256 + 128, filled(4, 0));
    const done = torn({}, 'done', 1, (n) => n.erase(1));
    done.program(256, filled(4, 0));
  });

  it('may leave bits that read differently each time', () => {
    let differs = 0;
    let hidden = 0;
    for (let seed = 1; seed <= 100; seed++) {
      const nor = torn({ torn: 'unstable' }, 'random', seed, (n) => n.program(256 + 24, filled(16, 0)));
      const first = [...nor.read(256 + 24, 16)];
      const readings = [1, 2, 3, 4, 5].map(() => nor.read(256 + 24, 16));
      if (readings.some((one) => one.some((byte, i) => byte !== first[i]))) differs++;
      expect([...nor.read(256 + 8, 16)].every((byte) => byte === 0x5a)).toBe(true);
      if (first.slice(0, 4).every((byte) => byte === 0xff)) {
        try {
          nor.program(256 + 24, filled(4, 0));
        } catch {
          hidden++;
        }
      }
      nor.erase(1);
      expect([...nor.read(256, 256)].every((byte) => byte === 0xff)).toBe(true);
    }
    expect(differs).toBeGreaterThan(60);
    expect(hidden).toBeGreaterThan(0);
  });

  it('may leave units and sectors that the part refuses to read', () => {
    const nor = torn({ torn: 'faults', programBytes: 8 }, 'half', 1, (n) => n.program(256 + 48, filled(24, 0)));
    // half of 24 bytes: one unit whole, one torn
    expect([...nor.read(256 + 48, 8)]).toEqual([0, 0, 0, 0, 0, 0, 0, 0]);
    expect(() => nor.read(256 + 60, 1)).toThrow(FlashFault);
    expect(() => nor.read(256 + 60, 1)).toThrow(/unit at 0x138 was cut short/);
    expect([...nor.read(256 + 64, 8)].every((byte) => byte === 0xff)).toBe(true);
    nor.cut(0, 'random', 3);
    expect(() => nor.erase(1)).toThrow(PowerCut);
    expect(() => nor.read(255, 2)).toThrow(/erase of sector 1 was cut short/);
    expect(nor.violation).toBeNull();
    nor.erase(1);
    nor.read(255, 2);
  });

  it.each(TORN)('is the same for the same seed, and after everything was put back (%s)', (mode) => {
    const nor = openNor({ ...GEOMETRY, torn: mode });
    nor.program(0, filled(64, 0x11));
    const state = nor.save();
    const left: string[] = [];
    for (const seed of [5, 5, 6]) {
      nor.restore(state);
      nor.cut(0, 'random', seed);
      expect(() => nor.program(64, filled(64, 0))).toThrow(PowerCut);
      let text = nor.bytes.join();
      for (let at = 64; at < 128; at++) {
        try {
          text += `,${nor.read(at, 1)[0]}`;
        } catch {
          text += ',fault';
        }
      }
      left.push(text);
    }
    expect(left[0]).toBe(left[1]);
    expect(left[0]).not.toBe(left[2]);
    nor.restore(state);
    nor.program(64, filled(64, 0));
    expect(nor.violation).toBeNull();
  });
});

describe('an old part', () => {
  it('has bits turned over, and then refuses what would raise them as its own fault', () => {
    const nor = openNor(GEOMETRY);
    nor.rot(16, 0x80);
    expect(nor.read(16, 1)[0]).toBe(0x7f);
    expect(() => nor.program(16, filled(4, 0xf0))).toThrow(FlashFault);
    expect(nor.violation).toBeNull();
  });

  it('has sectors that can no longer be erased, or programmed', () => {
    const nor = openNor(GEOMETRY);
    nor.wear(1, 3);
    nor.wear(2, 2, 'program');
    for (const sector of [1, 1, 2]) nor.erase(sector);
    expect(() => nor.erase(1)).toThrow(/erase of sector 1 failed: it is worn out/);
    expect(() => nor.program(256, filled(4, 0))).toThrow(FlashViolation);
    nor.program(512, filled(4, 0));
    nor.erase(2);
    expect(() => nor.program(512, filled(4, 0))).toThrow(FlashFault);
    nor.program(768, filled(4, 0));
  });

  it('counts, and says how long it would have taken', () => {
    const nor = openNor(GEOMETRY);
    nor.erase(3);
    nor.program(0, filled(100, 0));
    nor.read(0, 60);
    nor.read(90, 30);
    expect(nor.counts).toEqual({
      reads: 2,
      readBytes: 90,
      programs: 1,
      programmedBytes: 100,
      erases: 1,
      sectorErases: [0, 0, 0, 1],
      microseconds: 45_000 + 30 + 250,
      cuts: 0,
    });
  });
});
