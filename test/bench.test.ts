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
import { costText, rowsOf as costRows } from '../host/bench/cost-text.ts';
import { peaksOf, replaySettings, replayText } from '../host/bench/emulate.ts';
import { footprintText, rowsOf as footprintRows } from '../host/bench/footprint-text.ts';
import { guardedRecording } from '../host/bench/heap.ts';
import { CASES, countCase } from '../host/bench/instructions.ts';
import { OTHERS } from '../host/bench/others.ts';
import type { Recording } from '../host/bench/recording.ts';
import { encodeCalls, meaningOf } from '../host/bench/recording.ts';
import { rooms } from '../host/bench/rooms.ts';
import { takeover } from '../host/bench/takeover.ts';
import { SharedWire } from '../host/bench/wire.ts';
import { findTool } from '../host/build/engine-parts.ts';
import { buildNative } from '../host/build/native.ts';
import { Failure } from '../host/failure.ts';
import { bootBoard } from '../host/testbed/board.ts';
import { EventQueue } from '../host/testbed/queue.ts';
import * as line from '../hal/line.ts';
import { Wire } from './linewire.ts';
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

/** The mission's board with the controller and its shadow, from its boot to behind a takeover. */
let guarded: Promise<Recording> | null = null;
function takenOver(): Promise<Recording> {
  guarded ??= guardedRecording(undefined, true);
  return guarded;
}

/** What the replaying program says in Node. */
async function saysInNode(recording: Recording, bundle: string): Promise<string[]> {
  const { part, flash, calls } = recording;
  const sectors = 2 * part.sectors;
  const nor = openNor({ ...part, sectors });
  const all = new Uint8Array(sectors * part.sectorBytes).fill(255);
  all.set(flash);
  all.set(encodeCalls(calls), flash.length);
  for (let at = 0; at < all.length; at += part.programBytes) {
    const unit = all.subarray(at, at + part.programBytes);
    if (unit.some((byte) => byte !== 255)) nor.program(at, unit);
  }
  let said = '';
  let time = 0;
  const board = bootBoard({
    bundle,
    name: 'chip',
    flash: nor,
    memoryBytes: 0,
    interrupts: true,
    handlerMs: 10_000,
    now: () => time++ / 1000,
    random: () => 0,
    serial: (bytes) => {
      said += Buffer.from(bytes).toString('latin1');
    },
    bus: () => {},
    output: () => {},
    reset: () => {},
  });
  for (let i = 0; i < calls.length + 2; i++) board.poll();
  return said.trim().split('\n');
}

describe('a board recorded in lockstep', () => {
  it('does the same again, to the byte, and is told from one that does not', { timeout: 120_000 }, async () => {
    const recording = await takenOver();
    const bundle = await replayText(replaySettings(recording, false));
    expect(await saysInNode(recording, bundle)).toEqual([`end ${recording.calls.length} ${recording.sum}`]);
    // one packet of them all is lost
    const at = recording.calls.findIndex((call) => meaningOf(call, recording).what === 'report');
    const calls = recording.calls.map((call, i) => (i === at ? { ...call, bytes: call.bytes.slice(0, -1) } : call));
    const [last] = await saysInNode({ ...recording, calls }, bundle);
    expect(last).toMatch(/^end /);
    expect(last).not.toBe(`end ${recording.calls.length} ${recording.sum}`);
  });

  it('goes through start, guard and takeover', { timeout: 120_000 }, async () => {
    const recording = await takenOver();
    const meanings = recording.calls.map((call) => meaningOf(call, recording));
    const count = (what: string): number => meanings.filter((meaning) => meaning.what === what).length;
    for (const what of ['boot', 'serial', 'beat', 'app', 'freeze', 'report', 'acknowledgement', 'for others']) {
      expect(count(what), what).toBeGreaterThan(0);
    }
    // of a start and of a recovery, by four survivors on other boards, to the controller and at last to its new version
    expect(count('report')).toBeGreaterThanOrEqual(12);
    expect(count('damaged')).toBe(0);
  });
});

describe('the shared wire', () => {
  const PACKET = 32;
  const SECONDS = 2;
  const packet = (n: number): Uint8Array => {
    const bytes = new Uint8Array(PACKET);
    bytes[0] = n & 255;
    bytes[1] = n >> 8;
    const sum = crc32(bytes, 0, PACKET - 4, 0);
    for (let i = 0; i < 4; i++) bytes[PACKET - 4 + i] = sum >>> (8 * i);
    return bytes;
  };

  /** Packets a second of so many senders who always have one more. */
  function quick(boards: number, senders: number): number {
    const queue = new EventQueue();
    let now = 0;
    let count = 0;
    const names = Array.from({ length: boards }, (_, i) => `b${i}`);
    const end = {
      now: () => now,
      at: (time: number, run: () => void) => queue.add(time, run),
      deliver: (from: string) => {
        count++;
        wire.offer(from, packet(count), now);
      },
    };
    const wire: SharedWire = new SharedWire(end, names, { baud: 1e6, slotMs: 0.2 });
    for (const name of names.slice(0, senders)) wire.offer(name, packet(0), 0);
    while (queue.next <= SECONDS * 1000) {
      now = Math.max(now, queue.next);
      queue.take()?.();
    }
    return count / SECONDS;
  }

  function exact(boards: number, senders: number): number {
    const options = { seed: 1, boards, baud: 1e6, slotUs: 200, late: 0.25, busy: 0.25, ppm: 0, queueBytes: 200 };
    const wire = new Wire(line, crc32, options);
    let n = 0;
    for (let address = 0; address < boards; address++) {
      wire.at(100 * address, () => wire.on(address));
      if (address >= senders) continue;
      const more = (): void => {
        while (wire.offer(address, packet(n))) n++;
        wire.at(wire.now + 100, more);
      };
      wire.at(100_000, more);
    }
    wire.run(SECONDS * 1e6 + 100_000);
    wire.finish();
    return wire.boards.reduce((sum, { sent }) => sum + sent, 0) / SECONDS;
  }

  for (const [boards, senders] of [
    [4, 4],
    [4, 1],
    [2, 1],
  ] as const) {
    it(`carries what the wire carries that is simulated bit by bit: ${senders} of ${boards} send`, () => {
      const [one, other] = [quick(boards, senders), exact(boards, senders)];
      expect(Math.abs(one - other) / other, `${one} and ${other} packets a second`).toBeLessThan(0.08);
    });
  }

  it('is what a takeover is timed on: its phases make up the whole', { timeout: 120_000 }, async () => {
    const { phases, frames, busyMs } = await takeover(null);
    const { freeze, report, decide, takeOver, act, total } = phases.ms;
    expect((freeze ?? 0) + (report ?? 0) + (decide ?? 0) + (takeOver ?? 0) + (act ?? 0)).toBeCloseTo(total ?? -1, 3);
    expect(phases.why).toBe('acceptance test failed');
    expect(frames).toBeGreaterThan(20);
    expect(busyMs).toBeLessThan(total ?? 0);
    // boards that take time take longer
    const slow = await takeover({ report: [100_000, 0], freeze: [100_000, 0] });
    expect(slow.phases.ms.total).toBeGreaterThan(total ?? 0);
  });
});

describe('the footprint', () => {
  it('of the bundle is the sum of its parts', async () => {
    const { bytes, rooms: parts } = await rooms();
    const sum = parts.reduce((all, room) => all + room.bytes, 0);
    expect(Math.abs(sum - bytes)).toBeLessThan(parts.length);
    for (const { name, bytes: own } of parts) expect(own, name).toBeGreaterThan(1000);
  });

  it('of heap and stack is what the board logs', () => {
    const log = [
      'chip: duktape has booted, cause power, marked -1, bundle of 9 B',
      'chip: heap 5 of 90 B, peak 40 B; stack peak 7 of 30 B; 1 calls, 2 us in them; 0 hangs',
      'chip: heap 5 of 90 B, peak 60 B; stack peak 9 of 30 B; 1 calls, 2 us in them; 0 hangs',
    ];
    expect(peaksOf(log)).toEqual({ heapPeak: 60, stackPeak: 9 });
  });

  it('is told beside its targets, met or not', () => {
    const smallest = { bytes: 65536, peak: 70000, stackPeak: 5000 };
    const sections = { flash: 100_000, ram: 9000, marks: 0 };
    const engine = { engine: 'jerryscript', version: '3', boot: smallest, run: smallest, sections };
    const report = { quick: false, bytes: 49152, rooms: [], engines: [engine], espruino: null, missing: ['NOT HERE'] };
    const text = footprintText(report);
    expect(text).toMatch(/^bundle, minified +48\.0 KB +≤ 24\.0 KB +×2\.00 +✗ not met$/m);
    expect(text).toMatch(/with a takeover +64\.0 KB +≤ 64\.0 KB +×1\.00 +✓ met$/m);
    expect(text).toMatch(/^NOT HERE$/m);
    expect(text).toContain('1 of 2 targets reached');
    expect(footprintRows(report).filter(({ target }) => target !== null)).toHaveLength(2);
  });
});

/** What this machine cannot do for want of a tool is skipped, loudly; where everything must be there, it fails. */
async function chipProgram(): Promise<string | null> {
  try {
    findTool('qemu-system-arm', 'qemu-system-arm');
    return (await buildNative({ target: 'mps2-an385', engine: 'duktape' })).program;
  } catch (error) {
    if (process.env.CI || !(error instanceof Failure) || error.code !== 'E_TOOL') throw error;
    console.warn(`benches on the emulated chip: SKIPPED, ${error.message}; ${error.next}`);
    return null;
  }
}
const program = await chipProgram();

describe.skipIf(program === null)('on the emulated chip', () => {
  async function bench(name: string): Promise<{ stdout: string; report: never }> {
    const folder = mkdtempSync(join(tmpdir(), 'understudy-bench-'));
    const file = join(folder, 'figures.json');
    try {
      const main = join(import.meta.dirname, '../host/bench/main.ts');
      const env = { ...process.env, UNDERSTUDY_JERRY: '', UNDERSTUDY_ESPRUINO: '' };
      const args = ['--import', 'tsx', main, name, '--quick', '--json', file];
      const { stdout } = await promisify(execFile)(process.execPath, args, { env });
      expect(stdout.split('\n').filter((each) => [...each].length > 100)).toEqual([]);
      return { stdout, report: JSON.parse(readFileSync(file, 'utf8')) as never };
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  }

  it('npm run bench -- cost --quick: ratios of one run, which repeat to the instruction', {
    timeout: 300_000,
  }, async () => {
    const { stdout, report } = await bench('cost');
    expect(stdout).toBe(costText(report));
    for (const part of ['DUKTAPE 2.7.0', 'JERRYSCRIPT NOT MEASURED', 'TAKEOVER', 'an empty handler: 32 B in']) {
      expect(stdout).toContain(part);
    }
    const { costs } = report as Parameters<typeof costText>[0];
    const cases = costs[0]?.cases ?? [];
    for (const handler of ['app estimator', 'app empty', null]) {
      const rows = costRows(cases, handler);
      expect(rows.map(({ name }) => name)).toEqual(CASES.map(({ name }) => name));
      expect(rows[0]?.ratio).toBe(1);
      for (const { ratio, name } of rows.slice(1)) expect(ratio, name).toBeGreaterThan(1);
    }
    // only the guard writes to flash
    expect(costRows(cases, 'app estimator').map(({ mean }) => (mean?.programs ?? 0) >= 1)).toEqual([false, true, true]);
    const again = await countCase(
      CASES[0] as (typeof CASES)[0],
      { program: program as string, engine: 'duktape', heap: 2_000_000 },
      500,
    );
    expect(again).toEqual(cases[0]);
  });

  it('npm run bench -- footprint --quick tells what it has, and what it has not', { timeout: 300_000 }, async () => {
    const { stdout, report } = await bench('footprint');
    expect(stdout).toBe(footprintText(report));
    for (const part of ['JERRYSCRIPT NOT MEASURED', 'ESPRUINO NOT MEASURED', 'bundle, minified', 'core']) {
      expect(stdout).toContain(part);
    }
    const { engines } = report as Parameters<typeof footprintText>[0];
    const [duktape] = engines;
    // nobody boots with less than the bundle takes
    expect(duktape?.boot.bytes).toBeGreaterThan(100 * 1024);
    expect(duktape?.boot.stackPeak).toBeGreaterThan(1000);
    expect(duktape?.sections.flash).toBeGreaterThan(50 * 1024);
  });
});
