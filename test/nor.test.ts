import { mkdtempSync, readFileSync, rmSync, statSync, truncateSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Failure } from '../host/failure.ts';
import { openNor } from '../host/testbed/nor.ts';

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
    const nor = openNor(GEOMETRY);
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
        const nor = openNor(GEOMETRY);
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
