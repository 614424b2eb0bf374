// npm run bench: the counts are those of an independent count, the tables are whole, and what cannot be installed is
// told. Figures of the flash are exact; those of time are not looked at.

import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import type { Flash } from '../hal/hal.ts';
import { RECORD_HEADER, SECTOR_HEADER, openRing } from '../hal/ring.ts';
import { crc32 } from '../firmware/link/crc.ts';
import { openNor } from '../host/testbed/nor.ts';
import { Course, count, footprint, look } from '../host/bench/count.ts';
import { OTHERS } from '../host/bench/others.ts';
import type { Row } from '../host/bench/rows.ts';
import { reached, rowsOf, unitLimit } from '../host/bench/rows.ts';
import { KINDS, live } from '../host/bench/stores.ts';
import type { Work } from '../host/bench/work.ts';
import { SECTOR_BYTES, WORKS, payloadOf, recordsOf, steps } from '../host/bench/work.ts';

const W1 = WORKS.find(({ name }) => name === 'W1') as Work;
const small: Work[] = WORKS.map((work) => ({ ...work, rounds: 400 }));

interface Operation {
  what: 'read' | 'program' | 'erase';
  /** sector of an erase */
  sector: number;
  length: number;
}

/** Writes down every operation, by looking at nothing but the calls. */
function written(log: Operation[]): (flash: Flash) => Flash {
  return (flash) => ({
    sectorBytes: flash.sectorBytes,
    sectors: flash.sectors,
    programBytes: flash.programBytes,
    read(at, length) {
      const bytes = flash.read(at, length);
      log.push({ what: 'read', sector: -1, length: bytes.length });
      return bytes;
    },
    program(at, bytes) {
      log.push({ what: 'program', sector: -1, length: bytes.length });
      flash.program(at, bytes);
    },
    erase(sector) {
      log.push({ what: 'erase', sector, length: 0 });
      flash.erase(sector);
    },
  });
}

describe('the counts', () => {
  for (const work of small) {
    for (const ahead of [true, false]) {
      it(`${work.name}, ${ahead ? 'erased ahead' : 'erased on demand'}: as counted call by call`, () => {
        const log: Operation[] = [];
        const course = new Course(work, { ahead, around: written(log) });
        log.length = 0; // the mount
        course.go();
        const { counted } = course;
        const programs = log.filter(({ what }) => what === 'program');
        const erases = log.filter(({ what }) => what === 'erase');
        const bySector = new Array<number>(work.regionBytes / SECTOR_BYTES).fill(0);
        for (const { sector } of erases) bySector[sector] = (bySector[sector] as number) + 1;
        expect(counted.programs).toBe(programs.length);
        expect(counted.programmedBytes).toBe(programs.reduce((sum, { length }) => sum + length, 0));
        expect(counted.erases).toBe(erases.length);
        expect(counted.sectorErases).toEqual(bySector);
        expect(counted.readBytes).toBe(log.reduce((sum, { what, length }) => sum + (what === 'read' ? length : 0), 0));
      });
    }

    it(`${work.name}: what is programmed is the records with their headers, and those of the sectors opened`, () => {
      const course = new Course(work, { ahead: true });
      course.go();
      let payload = 0;
      let records = 0;
      for (const step of steps(work)) {
        if ('before' in step) continue;
        for (const { length } of step.records) payload += length;
        records += step.records.length;
      }
      expect([course.counted.payloadBytes, course.counted.records]).toEqual([payload, records]);
      expect([payload, records]).toEqual([payloadOf(work), recordsOf(work)]);
      const opened = course.ring.head + 1;
      expect(course.counted.programmedBytes).toBe(payload + records * RECORD_HEADER + opened * SECTOR_HEADER);
    });
  }

  it('are the same in every run', () => {
    const work = small[1] as Work;
    expect(count(work, { ahead: true })).toEqual(count(work, { ahead: true }));
    expect(look(work)).toEqual(look(work));
  });

  it('of time follow from the operations of one append', () => {
    const once: Work = { ...W1, rounds: 1, logs: 0 };
    const { appendMs, waited } = count(once);
    const bytes = SECTOR_HEADER + RECORD_HEADER + W1.checkpoint;
    expect(waited).toBe(1);
    expect(appendMs).toBeCloseTo(45 + 0.03 + 0.0025 * bytes, 6);
    expect(count(once, { ahead: true }).appendMs).toBeCloseTo(0.03 + 0.0025 * bytes, 6);
  });

  it('of larger program units are whole units, and one write for several records saves them', () => {
    const work = small[1] as Work;
    for (const programBytes of [8, 16, 256]) {
      const each = count(work, { programBytes, ahead: true });
      const together = count(work, { programBytes, ahead: true, together: true });
      expect(each.programmedBytes % programBytes).toBe(0);
      expect(each.programmedBytes).toBeGreaterThan(payloadOf(work) * unitLimit(work, programBytes, false));
      expect(together.programmedBytes).toBeGreaterThan(payloadOf(work) * unitLimit(work, programBytes, true));
      expect(together.programs).toBeLessThan(each.programs);
    }
  });

  it('of memory are over what the object has', () => {
    const nor = openNor({ sectorBytes: SECTOR_BYTES, sectors: 16, programBytes: 4 });
    const ring = openRing(nor, crc32, 0, 16, 1);
    const before = footprint(ring);
    expect(before).toBeGreaterThan(8 * Object.values(ring).filter((field) => typeof field === 'number').length);
    Object.assign(ring, { more: new Uint8Array(100), one: 1 });
    expect(footprint(ring)).toBe(before + 4 + 100 + 8);
  });

  it('need room: a region too small is told', () => {
    expect(() => count({ ...W1, regionBytes: 3 * SECTOR_BYTES })).toThrow('W1: no room for record');
  });
});

describe('the report', () => {
  it('says what reaches its target and what does not', () => {
    const work = small[1] as Work;
    const one = { work, ahead: count(work, { ahead: true }), onDemand: count(work), looked: look(work) };
    const row = (rows: Row[]): Row => rows.find(({ label }) => label.startsWith('bytes programmed')) as Row;
    expect(reached(row(rowsOf(one)))).toBe(true);
    const twice = { ...one.ahead, programmedBytes: one.ahead.programmedBytes * 2 };
    expect(reached(row(rowsOf({ ...one, ahead: twice })))).toBe(false);
    for (const { value, limit, label } of rowsOf(one)) {
      const endures = label.startsWith('payload until');
      if (limit !== null) expect(endures ? limit : value, label).toBeGreaterThanOrEqual(endures ? value : limit);
    }
  });

  it('of npm run bench -- ring --quick fits a terminal, and has all its parts', { timeout: 120_000 }, async () => {
    const folder = mkdtempSync(join(tmpdir(), 'understudy-bench-'));
    const file = join(folder, 'figures.json');
    try {
      const args = [
        '--import',
        'tsx',
        join(import.meta.dirname, '../host/bench/main.ts'),
        'ring',
        '--quick',
        '--json',
        file,
      ];
      const { stdout } = await promisify(execFile)(process.execPath, args);
      expect(stdout.split('\n').filter((line) => [...line].length > 100)).toEqual([]);
      const columns = /^ {2,}ring +limit +ratio +target$/gm;
      expect(stdout.match(columns)).toHaveLength(WORKS.length);
      for (const work of WORKS) expect(stdout).toMatch(new RegExp(`^${work.name}  [\\d,]+ × `, 'm'));
      for (const { name } of OTHERS) expect(stdout).toContain(name);
      for (const part of ['LIMIT', 'PROGRAM UNITS', 'OTHER STORES', 'STORES OF FILES', 'SPEED', 'targets reached']) {
        expect(stdout).toContain(part);
      }
      const { rows, measured } = JSON.parse(readFileSync(file, 'utf8'));
      expect(rows).toHaveLength(WORKS.length);
      const quick = measured[1];
      expect(quick.work.rounds).toBe(W1.rounds / 4);
      // what is printed is what was counted
      const printed = (quick.ahead.programmedBytes / quick.ahead.payloadBytes).toFixed(3);
      expect(stdout.split(/^W1 {2}/m)[1]).toMatch(new RegExp(`^bytes programmed per payload byte +${printed} `, 'm'));
      expect(quick.ahead).toEqual(count(quick.work, { ahead: true }));
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });

  it('without a name lists the benches, and refuses what is none', { timeout: 60_000 }, async () => {
    const main = ['--import', 'tsx', join(import.meta.dirname, '../host/bench/main.ts')];
    const { stdout } = await promisify(execFile)(process.execPath, main);
    expect(stdout).toMatch(/^ {2}ring /m);
    const refused = promisify(execFile)(process.execPath, [...main, 'toString']);
    await expect(refused).rejects.toMatchObject({ code: 2, stderr: expect.stringContaining('E_USAGE') });
  });
});

describe('stores of files', () => {
  it('a plain file writes its payload, in a process of its own; what cannot be installed is told', async () => {
    const work: Work = { ...W1, rounds: 20 };
    const file = KINDS.filter(({ store }) => store === 'file');
    const none = { name: 'no such package', version: '0.0.0' };
    const kinds = [{ store: 'level' as const, title: ['not', 'there'] as [string, string], package: none }, ...file];
    const { figures, missing } = await live([work], kinds, () => {});
    expect(missing).toMatchObject([{ what: none.name }]);
    expect(missing[0]?.why).not.toBe('');
    const found = figures.W1?.file;
    // a few bytes are the process's own
    expect(found?.written).toBeGreaterThanOrEqual(payloadOf(work));
    expect(found?.written).toBeLessThan(payloadOf(work) + 256);
    expect(Object.keys(figures.W1 ?? {})).toEqual(['file']);
  });
});
