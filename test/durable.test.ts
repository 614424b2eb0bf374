// Durable operation (PROTOCOL 6) on virtual boards: one test for each thing that it promises.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { crc32 } from 'node:zlib';
import { BOARD_STREAM } from '../firmware/base.ts';
import type { ProcessBase } from '../firmware/base.ts';
import { patch } from '../firmware/delta.ts';
import type { Patch } from '../firmware/delta.ts';
import {
  RECORD_BASE,
  RECORD_EVENT,
  RECORD_FIRST,
  RECORD_LAST,
  RECORD_MORE,
  RECORD_OPENING,
  RECORD_PATCH,
} from '../firmware/entry.ts';
import { decode } from '../firmware/link/cbor.ts';
import type { Plan } from '../firmware/plan.ts';
import { openRecords } from '../firmware/record.ts';
import { openStore, ringAt } from '../firmware/store.ts';
import { decodePacket, PACKET_ACK, PACKET_DATA } from '../firmware/wire.ts';
import type { Flash } from '../hal/hal.ts';
import type { Ring } from '../hal/ring.ts';
import { firstRecord, nextRecord } from '../hal/ring.ts';
import type { TraceLine } from '../host/check/types.ts';
import { conformanceText } from '../host/conform/text.ts';
import { flash } from '../host/operate/flash.ts';
import { processesOf, systemStatus } from '../host/operate/status.ts';
import type { Version } from '../host/operate/version.ts';
import type { HalCall, Kill, LockstepOptions } from '../host/testbed/lockstep.ts';
import { CUTS } from '../host/testbed/nor.ts';
import { boardProgram } from '../host/testbed/program.ts';
import { VirtualSeat } from '../host/testbed/virtual.ts';
import type { BoardSpec } from '../host/testbed/spec.ts';
import { bundleText } from './fixtures/bundle.ts';
import type { Change, Rig, RigOptions } from './fixtures/lab.ts';
import {
  BOARDS,
  base,
  bring,
  COIL,
  COMPUTE,
  CONTROLLER,
  ESTIMATOR,
  SENSOR,
  SPARE,
  upgradeOf,
  versionOf,
} from './fixtures/lab.ts';

/** Tells why it boots and what is marked, and then does what the next input says. */
const MARKER = `globalThis.understudy = { boot: function (hal) {
  hal.output('said', [hal.cause === 'power' ? 0 : hal.cause === 'watchdog' ? 1 : hal.cause === 'fault' ? 2 : 3, hal.marked + 1]);
  return {
    serial: function () {}, bus: function () {},
    input: function (device, bytes) {
      if (bytes[1]) hal.mark(bytes[1]);
      if (bytes[0] === 1) for (;;) {}
      if (bytes[0] === 2) throw new Error('as told');
      if (bytes[0] === 3) hal.reset();
    },
    poll: function () { hal.kick(); return hal.now() + 20; },
  };
} };`;

test('a board’s process learns why it boots, and what a call that never returned had marked', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'durable-'));
  const bundle = join(folder, 'bundle.js');
  writeFileSync(bundle, MARKER);
  const spec: Omit<BoardSpec, 'boot' | 'cause'> = {
    name: 'one',
    bundle,
    flashFile: join(folder, 'one.nor'),
    keptFile: join(folder, 'one.nor.kept'),
    flash: { sectorBytes: 4096, sectors: 4, programBytes: 4 },
    memoryBytes: 0,
    interrupts: true,
    seed: 1,
    speed: 1,
    epochNs: String(process.hrtime.bigint()),
  };
  const said: number[][] = [];
  let next = (): void => undefined;
  const seat = new VirtualSeat(
    { name: 'one', kind: 'virtual', type: 'virtual', flash: spec.flash },
    { spec, pty: null, program: await boardProgram(folder), logFd: 2, watchdogMs: 700 },
    {
      bus: () => undefined,
      output: (_seat, _device, bytes) => {
        said.push([...bytes]);
        next();
      },
      changed: () => undefined,
      log: () => undefined,
    },
  );
  const heard = (): Promise<void> =>
    new Promise((resolve) => {
      next = resolve;
    });
  const told = async (...bytes: number[]): Promise<number[] | undefined> => {
    await seat.on();
    const answer = heard();
    seat.input('told', Uint8Array.from(bytes));
    await answer;
    await seat.on();
    return said.at(-1);
  };
  try {
    await seat.open();
    expect(said).toEqual([[0, 0]]);
    expect(await told(1, 7)).toEqual([1, 8]);
    // it stands until it is marked anew, or power goes
    expect(await told(2)).toEqual([2, 8]);
    expect(await told(3, 5)).toEqual([3, 6]);
    await seat.off();
    await seat.on();
    expect(said.at(-1)).toEqual([0, 0]);
    expect(await told(2, 9)).toEqual([2, 10]);
    // killed by somebody else: that is power too
    process.kill(seat.info().pid, 'SIGKILL');
    while (seat.info().powered) await new Promise((resolve) => setTimeout(resolve, 5));
    await seat.on();
    expect(said.at(-1)).toEqual([0, 0]);
  } finally {
    await seat.close();
    rmSync(folder, { recursive: true, force: true });
  }
});

let rig: Rig | null = null;

afterEach(async () => {
  await rig?.close();
  rig = null;
});

/** Boards that keep a journal under guard. */
async function up(options: RigOptions = {}, edit?: (plan: Plan) => void, ms = 500): Promise<Rig> {
  const version = base((plan) => {
    plan.durability = 'guard';
    edit?.(plan);
  });
  rig = await bring({ bundle: await bundleText(), places: { 'estimator/1': 'spare' }, version, ...options }, ms);
  return rig;
}

/** Both components of the changed message; the estimator's new version on a board of its own. */
const PAIR: Change = { components: { [ESTIMATOR]: { board: SPARE }, [CONTROLLER]: {} }, changed: true };

async function staged(r: Rig, change: Change = PAIR): Promise<Version> {
  const upgrade = upgradeOf(r.version, change);
  await r.stage(upgrade);
  await r.wait(200);
  return upgrade;
}

async function guarded(r: Rig, change: Change = PAIR): Promise<Version> {
  const upgrade = await staged(r, change);
  expect(await r.start()).toMatchObject({ cut: 'start' });
  return upgrade;
}

async function roles(r: Rig): Promise<Record<string, string>> {
  const out: Record<string, string> = {};
  for (const p of processesOf(await systemStatus(r.lab))) out[p.name] = p.role;
  return out;
}

const OLD = {
  'sensor/0': 'active',
  'estimator/0': 'active',
  'controller/0': 'active',
  'actuator/0': 'active',
  'telemetry/0': 'active',
};
const NEW = { ...OLD, 'estimator/1': 'active', 'controller/1': 'active' } as Record<string, string>;
delete NEW['estimator/0'];
delete NEW['controller/0'];

/** The trace has nothing against it, what was replayed is what had been, and no guard was lost. */
async function judged(r: Rig, what: string): Promise<void> {
  expect(r.check().violations.slice(0, 3), what).toEqual([]);
  const replay = r.conform();
  expect(replay.differences.slice(0, 2), what).toEqual([]);
  expect(replay.left, what).toEqual([]);
  for (const kind of ['error', 'lost', 'journal']) expect(r.notes(kind), what).toEqual([]);
  for (const board of BOARDS) expect(await r.status(board), what).toMatchObject({ lost: '', stalled: [] });
}

/** The world has seen the wheel's outputs in order, none twice; at most `lost` are missing. */
function wheelInOrder(r: Rig, lost: number, what: string): void {
  const n = r.put('wheel').map((p) => p.values.n as number);
  let missing = 0;
  for (let i = 1; i < n.length; i++) {
    expect(n[i], what).toBeGreaterThan(n[i - 1] as number);
    missing += (n[i] as number) - (n[i - 1] as number) - 1;
  }
  expect(missing, what).toBeLessThanOrEqual(lost);
}

const GROUPS = [['spare'], ['sensors'], ['compute', 'control'], ['compute', 'spare'], BOARDS];

/** An upgrade that puts the estimator on the other of its two boards. */
function next(from: Version, name: string): Version {
  const board = from.plan.components[ESTIMATOR]?.board === SPARE ? COMPUTE : SPARE;
  return upgradeOf(from, { name, components: { [ESTIMATOR]: { board }, [CONTROLLER]: {} } });
}

/** Each board loses power as soon as a cut has reached it, this way or that. */
async function killInCut(r: Rig, group: string[], since: number, kill: (board: string) => Kill): Promise<void> {
  const left = new Set(group);
  let read = since;
  for (let i = 0; i < 3000 && left.size > 0; i++) {
    for (; read < r.lines.length; read++) {
      const { board = '', event, effects = [] } = r.lines[read] as TraceLine;
      if (!left.has(board)) continue;
      // a seat takes no part before it gets what it is to begin with
      if (event?.kind !== 'handover' && !effects.some((e) => e.kind === 'freeze')) continue;
      left.delete(board);
      r.lab.kill(board, kill(board));
    }
    await r.wait(0.2);
  }
  expect([...left]).toEqual([]);
}

/** How many processes were frozen when their board lost power. */
function inCuts(r: Rig): number {
  const frozen = new Map<string, string>();
  let count = 0;
  for (const line of r.lines) {
    if (line.note?.kind === 'off') for (const board of frozen.values()) if (board === line.board) count++;
    for (const { kind } of line.effects ?? []) {
      if (kind === 'freeze') frozen.set(line.process as string, line.board as string);
      else if (kind === 'decide') frozen.delete(line.process as string);
    }
  }
  return count;
}

test.each(['start', 'guard', 'commit', 'recovery'] as const)(
  'a power cut in a %s is a pause: of low boards, of survivors’, of several, of all',
  async (phase) => {
    const r = await up();
    let version = r.version;
    let epoch = 1;
    let resumed = 0;
    for (const [g, group] of GROUPS.entries()) {
      const what = `${phase}, ${group}`;
      const upgrade = next(version, what);
      const said = async (kind: string, word: 'start' | 'commit' | 'abort'): Promise<string> => {
        const since = r.lines.length;
        const here = kind === phase;
        const asked = r.lab.request('control', 'word', { word, op: upgrade.hash }).catch(() => undefined);
        if (here) {
          await killInCut(r, group, since, (board) => {
            const i = group.indexOf(board);
            const at = (g + i) % 2 === 0 ? 'call' : 'flash';
            const how = CUTS[(g + i) % CUTS.length];
            return { at, more: (g + i) % 3, how, seed: g, offMs: 80 + 90 * i };
          });
        }
        await asked;
        await r.wait(here ? 900 : 300);
        epoch++;
        const cut = new Set(Object.values(r.decisions(epoch)));
        expect(cut.size, what).toBe(1);
        if (here)
          resumed += r.notes('boot').filter((line) => r.lines.indexOf(line) >= since && line.note?.resumed).length;
        return [...cut][0] as string;
      };
      await r.stage(upgrade);
      await r.wait(150);
      expect(await said('start', 'start'), what).toBe('start');
      await r.wait(300);
      if (phase === 'guard') {
        const since = r.lines.length;
        group.forEach((board, i) => {
          r.lab.kill(board, { at: 'call', more: (3 * g + 2 * i) % 7, offMs: 80 + 90 * i });
        });
        await r.wait(900);
        resumed += r.notes('boot').filter((line) => r.lines.indexOf(line) >= since && line.note?.resumed).length;
      }
      const word = phase === 'commit' ? 'commit' : 'abort';
      expect(await said(word === 'commit' ? 'commit' : 'recovery', word), what).toBe(
        word === 'commit' ? word : 'recovery',
      );
      if (word === 'commit') version = upgrade;
      await r.wait(100);
      for (const board of BOARDS) {
        expect(await r.status(board), what).toMatchObject({
          plan: { hash: version.hash },
          guarded: false,
          lost: '',
          epoch,
        });
      }
    }
    if (phase !== 'guard') expect(inCuts(r)).toBeGreaterThan(GROUPS.length);
    // every board that lost power took up what it had been doing
    expect(resumed).toBe(GROUPS.flat().length);
    await judged(r, phase);
    wheelInOrder(r, 2, phase);
  },
);

test('a low board that is off for longer than absentMs is given up; a cut waits for a survivor’s, and goes on', async () => {
  const r = await up();
  await guarded(r);
  await r.lab.power('spare', false);
  await r.wait(1800);
  expect(new Set(Object.values(r.decisions(3)))).toEqual(new Set(['recovery']));
  await r.lab.power('spare', true);
  await r.wait(500);
  expect(await roles(r)).toEqual(OLD);
  await guarded(r, { ...PAIR, name: 'again' });
  await r.wait(300);
  await r.lab.power('control', false);
  await r.wait(1500);
  // nothing is given up for a survivor that is off
  expect((await r.status('compute')).guarded).toBe(true);
  const asked = r.lab.request('sensors', 'word', { word: 'commit' });
  await r.wait(2500);
  await asked;
  expect(Object.keys(r.decisions(5))).toEqual([]);
  expect((await r.status('compute')).stalled).toEqual(['control']);
  await r.lab.power('control', true);
  await r.wait(800);
  expect(new Set(Object.values(r.decisions(5)))).toEqual(new Set(['commit']));
  await r.wait(500);
  expect(await roles(r)).toEqual(NEW);
  await judged(r, 'off for long');
  wheelInOrder(r, 0, 'off for long');
});

test('outputs across power cuts just before and after: once at most, once at least, and the newest', async () => {
  const hook: { board: string; kill: Kill; seen: number } = {
    board: '',
    kill: { at: 'call', more: 0, offMs: 100 },
    seen: 0,
  };
  const options: RigOptions = {
    lockstep: {
      tap: (board, call, bytes) => {
        if (board !== hook.board || call !== 'output') return;
        hook.board = '';
        hook.seen = new DataView(bytes.buffer, bytes.byteOffset).getFloat32(bytes.length - 4, true);
        rig?.lab.kill(board, hook.kill);
      },
    },
  };
  const r = await up(options, (plan) => {
    (plan.devices[COIL] as Plan['devices'][0]).atLeastOnce = true;
  });
  await guarded(r);
  const field: Record<string, string> = { wheel: 'n', coil: 'm', beacon: 'n' };
  const homes: Record<string, string> = { wheel: 'control', coil: 'compute', beacon: 'sensors' };
  /** How often the output is done at which power goes, and how many there are after it. */
  const times = async (device: string, kill: Partial<Kill>): Promise<[number, number]> => {
    hook.kill = { at: 'call', more: 0, offMs: 100, ...kill };
    hook.board = homes[device] as string;
    await r.wait(1400);
    expect(hook.board, device).toBe('');
    const values = r.put(device).map((p) => p.values[field[device] as string] as number);
    const later = values.filter((value) => value > hook.seen).length;
    return [values.filter((value) => value === hook.seen).length, later];
  };
  // the next call after the output tells of it: power goes there
  for (const [device, kill, count] of [
    ['wheel', { more: 0 }, 0],
    ['wheel', { more: 1 }, 1],
    ['wheel', { at: 'flash', how: 'none' }, 1],
    ['coil', { more: 0 }, 1],
    ['coil', { more: 1 }, 2],
    ['coil', { at: 'flash', how: 'none' }, 2],
    ['coil', { at: 'flash', how: 'done' }, 1],
  ] as [string, Partial<Kill>, number][]) {
    const [now, later] = await times(device, kill);
    expect(now, `${device} ${JSON.stringify(kill)}`).toBe(count);
    expect(later, device).toBeGreaterThan(1);
  }
  // a set-point that was not put out is put out by the next boot, unless there is a newer one
  for (const kill of [{ more: 0 }, { more: 1 }]) {
    const [now, later] = await times('beacon', kill);
    expect(now + later).toBeGreaterThan(1);
    if (kill.more === 1) expect(now).toBeGreaterThan(0);
  }
  expect(r.notes('boot').filter((line) => line.note?.resumed).length).toBe(9);
  expect(await r.end('commit')).toMatchObject({ cut: 'commit' });
  await r.wait(300);
  await judged(r, 'outputs');
  wheelInOrder(r, 1, 'outputs');
});

test('an input of a device that has its number is neither lost nor repeated, for old and new version', async () => {
  const r = await up({ places: { 'sensor/1': 'spare' }, periodMs: 20 }, (plan) => {
    for (const type of plan.types) type.perSecond = 400;
  });
  await guarded(r, { components: { [SENSOR]: { board: SPARE } }, policy: { lead: 400 } });
  for (let i = 0; i < 12; i++) {
    const how = CUTS[i % CUTS.length];
    r.lab.kill('sensors', { at: i < 8 ? 'flash' : 'call', more: i % 5, how, seed: i, offMs: 30 });
    if (i % 3 === 0) r.lab.kill('spare', { at: 'flash', more: 3, how, seed: i, offMs: 70 });
    await r.wait(250);
  }
  expect(r.notes('boot').filter((line) => line.note?.resumed).length).toBe(16);
  expect(await r.end('commit')).toMatchObject({ cut: 'commit' });
  await r.wait(100);
  const taken = new Map<string, Map<number, unknown>>();
  for (const { process = '', event, n = 0 } of firsts(r.lines)) {
    if (event?.kind !== 'input') continue;
    const mine = taken.get(process) ?? new Map<number, unknown>();
    taken.set(process, mine);
    const i = event.i as number;
    expect(mine.has(i), `${process} ${n}`).toBe(false);
    if (mine.size > 0) expect(i, `${process} ${n}`).toBe(Math.max(...mine.keys()) + 1);
    mine.set(i, event.data);
  }
  const [old, fresh] = [taken.get('sensor/0'), taken.get('sensor/1')];
  let both = 0;
  for (const [i, data] of fresh ?? []) {
    if (!old?.has(i)) continue;
    both++;
    expect(data).toEqual(old.get(i));
  }
  expect(both).toBeGreaterThan(60);
  await judged(r, 'inputs');
});

/** The steps of processes without those that are done again. */
function firsts(lines: TraceLine[]): TraceLine[] {
  const last = new Map<string, number>();
  return lines.filter((line) => {
    if (line.note?.kind === 'process') last.delete(line.note.process as string);
    if (line.process === undefined || (line.n as number) <= (last.get(line.process) ?? 0)) return false;
    last.set(line.process, line.n as number);
    return true;
  });
}

test.each([
  ['watchdog', 'spare', 'estimator/1'],
  ['fault', 'compute', 'controller/1'],
  ['power', 'spare', ''],
  ['power', 'compute', ''],
] as const)('a %s inside the new version on %s: its own fault, or none', async (cause, board, process) => {
  const r = await up();
  await guarded(r);
  await r.wait(200);
  r.lab.kill(board, { at: 'mark', more: 4, offMs: 100, cause });
  await r.wait(1500);
  const boot = r.notes('boot').at(-1);
  expect(boot).toMatchObject({ board, note: { resumed: true } });
  if (process === '') {
    expect(await r.end('commit')).toMatchObject({ cut: 'commit' });
    await r.wait(300);
    expect(await roles(r)).toEqual(NEW);
  } else {
    expect(new Set(Object.values(r.decisions(3)))).toEqual(new Set(['recovery']));
    expect(r.effects('failure').map((f) => [f.process, f.effect.why])).toEqual([
      [process, `the board was reset (${cause}) inside ${process}`],
    ]);
    expect(await roles(r)).toEqual(OLD);
  }
  await judged(r, cause);
});

test('a watchdog in the first steps of a new version: its start is cancelled, or it fails before its first event', async () => {
  const ends: string[] = [];
  for (let more = 0; more < 6; more++) {
    const r = await up();
    const upgrade = upgradeOf(r.version, { components: { [CONTROLLER]: {} } });
    await r.stage(upgrade);
    await r.wait(300);
    r.lab.kill('compute', { at: 'mark', more, offMs: 50, cause: 'watchdog' });
    const { cut, why } = await r.start();
    if (cut === 'start') expect(await r.awaitEnd(5000)).toMatchObject({ cut: 'recovery' });
    ends.push(`${cut}: ${why}`);
    expect(r.notes('boot').at(-1)).toMatchObject({ board: 'compute', note: { resumed: true } });
    await r.wait(500);
    expect((await r.status('compute')).guarded).toBe(false);
    await judged(r, 'watchdog');
  }
  expect(ends[0]).toBe('cancel: migrate failed: the board was reset (watchdog) inside controller/1');
  expect(ends.filter((end) => end.startsWith('start')).length).toBeGreaterThan(1);
});

test('a reset outside the new version is a pause like a power cut', async () => {
  const r = await up();
  await guarded(r);
  for (const board of ['spare', 'compute', 'control']) {
    // not where a mark is taken away: that may still have been the new version's doing
    r.lab.kill(board, { at: 'call', more: 0, offMs: 100, cause: 'watchdog' });
    await r.wait(500);
  }
  expect(r.notes('boot').filter((line) => line.note?.resumed).length).toBe(3);
  expect(await r.end('commit')).toMatchObject({ cut: 'commit' });
  await r.wait(300);
  await judged(r, 'reset');
});

/** Counts its calls where no checkpoint sees it, and sends what it has counted. */
const HIDDEN = `on: (function () { var hidden = 0; return { Rate: function (s, event, io) {
  s.n++; hidden++; s.angle = 0.001 * hidden;
  io.send('Attitude', { angle: s.angle, n: s.n, extra: 5 });
} }; })()`;

test('a new version that keeps state where nobody sees it is given up after a power cut', async () => {
  const r = await up({ periodMs: 10 }, (plan) => {
    for (const type of plan.types) type.perSecond = 400;
  });
  await guarded(r, {
    components: { [ESTIMATOR]: { board: SPARE, fields: HIDDEN }, [CONTROLLER]: {} },
    changed: true,
    policy: { lead: 2000 },
  });
  // until it has a base that is not its first
  await r.wait(3000);
  r.lab.kill('spare', { at: 'call', more: 0, offMs: 100 });
  await r.wait(2500);
  expect(r.notes('error')).toMatchObject([
    { board: 'spare', note: { process: 'estimator/1', why: expect.stringMatching(/not deterministic/) } },
  ]);
  expect(new Set(Object.values(r.decisions(3)))).toEqual(new Set(['recovery']));
  expect(await roles(r)).toEqual(OLD);
  expect(
    r
      .check()
      .violations.filter((v) => v.process !== 'estimator/1')
      .slice(0, 3),
  ).toEqual([]);
  for (const board of BOARDS) expect(await r.status(board)).toMatchObject({ lost: '', guarded: false });
});

test('an old version that does so cannot be taken up: its board begins anew, and the guard is lost in the open', async () => {
  const made = upgradeOf(
    base((plan) => {
      plan.durability = 'guard';
    }),
    { components: { [ESTIMATOR]: { fields: HIDDEN.replace(', extra: 5', '') } } },
  );
  made.plan.upgrade = null;
  const r = await up({ version: versionOf(made.plan, made.modules), places: {} }, undefined, 1500);
  await guarded(r, { components: { [CONTROLLER]: {} } });
  await r.wait(500);
  r.lab.kill('compute', { at: 'call', more: 0, offMs: 100 });
  await r.wait(1000);
  expect(r.notes('journal')).toMatchObject([
    { board: 'compute', note: { why: expect.stringMatching(/estimator\/0: .*not deterministic/) } },
  ]);
  const lost = r.notes('lost').map((line) => line.board);
  expect(lost).toEqual(expect.arrayContaining(['sensors', 'control']));
  expect((await r.status('control')).lost).toMatch(/compute restarted under guard/);
  await flash(r.lab, r.version);
  await r.wait(500);
  for (const board of BOARDS) expect(await r.status(board)).toMatchObject({ lost: '', guarded: false });
});

/** By process: number of its last event that flash holds, bases and what is behind them. */
function durable(cells: Flash): Map<number, number> {
  const out = new Map<number, number>();
  const values = new Map<number, Uint8Array>();
  const parts = new Map<number, Uint8Array[]>();
  const ring = openStore(cells, crc, openRecords(cells, crc).value).ring;
  const based = (pid: number, value: Uint8Array): void => {
    values.set(pid, value);
    if (pid !== BOARD_STREAM) out.set(pid, (decode(value) as ProcessBase).self.n);
  };
  for (let record = ring && firstRecord(ring); ring && record; record = nextRecord(ring, record)) {
    const { kind } = record;
    const fields = decode(record.bytes) as unknown[];
    const pid = fields[0] as number;
    // of a long event the first part alone is whole CBOR of nothing: none here is so long
    expect([RECORD_FIRST, RECORD_MORE, RECORD_LAST]).not.toContain(kind);
    if (kind === RECORD_EVENT) out.set(pid, (out.get(pid) ?? Number.NaN) + 1);
    else if (kind === RECORD_PATCH)
      based(pid, patch(values.get(pid) as Uint8Array, fields[2] as Patch, crc) as Uint8Array);
    else if (kind === RECORD_BASE || kind === RECORD_OPENING) {
      const list = fields[1] === 0 ? [] : (parts.get(pid) ?? []);
      list.push(fields[4] as Uint8Array);
      parts.set(pid, list);
      if (list.length === fields[2]) based(pid, Buffer.concat(list));
    }
  }
  return out;
}

const crc = (bytes: Uint8Array, from: number, to: number, before: number): number =>
  crc32(bytes.subarray(from, to), before);

test('an event is on flash before anything of it leaves its board', async () => {
  const seen = { bus: 0, output: 0, serial: 0, messages: 0, acks: 0 };
  const told = new Map<number, { n: number; lines: TraceLine[] }>();
  const written = new Map<string, { programs: number; held: Map<number, number> }>();
  let on = false;
  let read = 0;
  const hear = (r: Rig): void => {
    for (; read < r.lines.length; read++) {
      const line = r.lines[read] as TraceLine;
      if (line.process === undefined) continue;
      const pid = pidOf(r, line.process);
      const known = told.get(pid) ?? { n: 0, lines: [] };
      told.set(pid, known);
      known.n = line.n as number;
      known.lines.push(line);
      if (line.effects?.some((e) => e.kind === 'role' && e.role === 'stopped')) known.n = 0;
    }
  };
  const tap = (board: string, call: HalCall, bytes: Uint8Array): void => {
    const r = rig;
    // of the serial line only replies: what is told of an event is told before it counts
    if (!on || !r || (call === 'serial' && bytes[2] !== 0x12)) return;
    hear(r);
    seen[call]++;
    const cells = r.lab.nor(board);
    const { programs } = cells.counts;
    let held = written.get(board);
    if (held?.programs !== programs) {
      held = { programs, held: durable(cells) };
      written.set(board, held);
    }
    // all that anybody was told has happened here is on flash
    for (const [pid, name, home] of r.lines[0]?.processes ?? []) {
      const { n = 0, lines = [] } = told.get(pid) ?? {};
      if (n > 0 && lines.at(-1)?.board === board && home === board) {
        expect(held.held.get(pid), `${name} event ${n}`).toBeGreaterThanOrEqual(n);
      }
    }
    if (call !== 'bus') return;
    // and what leaves is of what was told
    const packet = decodePacket(bytes, crc) as number[];
    const [kind, one, other] = packet as [number, number, number];
    if (kind === PACKET_DATA) {
      seen.messages++;
      const sent = told
        .get(one)
        ?.lines.some((line) =>
          line.effects?.some((e) => e.kind === 'send' && e.to === other && e.message?.n === packet[6]),
        );
      expect(sent, `message ${packet[6]} from ${one} to ${other}`).toBe(true);
    } else if (kind === PACKET_ACK) {
      seen.acks++;
      const taken = told.get(other)?.lines.some((line) => line.event?.from === one && line.event.n === packet[5]);
      expect(taken, `acknowledgement of ${packet[5]} from ${one} by ${other}`).toBe(true);
    }
  };
  const r = await up({ lockstep: { tap } });
  hear(r);
  const upgrade = await staged(r);
  await r.lab.request('control', 'word', { word: 'start', op: upgrade.hash });
  await r.wait(100);
  on = true;
  await r.wait(700);
  r.lab.kill('compute', { at: 'flash', more: 2, how: 'half', offMs: 100 });
  await r.wait(700);
  await r.lab.request('control', 'word', { word: 'abort' });
  await r.wait(3);
  on = false;
  await r.wait(300);
  expect(new Set(Object.values(r.decisions(3)))).toEqual(new Set(['recovery']));
  for (const [what, least] of [
    ['bus', 200],
    ['output', 15],
    ['serial', 1],
    ['messages', 60],
    ['acks', 40],
  ] as const) {
    expect(seen[what], what).toBeGreaterThanOrEqual(least);
  }
  await judged(r, 'order');
});

function pidOf(r: Rig, process: string): number {
  return r.lines[0]?.processes?.find(([, name]) => name === process)?.[0] as number;
}

/** Boards with so much flash; about a third of it is for their journals. */
function withSectors(sectors: number): Partial<LockstepOptions> {
  return {
    boards: BOARDS.map((name) => ({
      name,
      type: 'virtual',
      interrupts: true,
      memoryBytes: 0,
      flash: { sectorBytes: 4096, sectors, programBytes: 4 },
    })),
  };
}

const SMALL = withSectors(26);

/** Boards that run, whatever has become of a journal: the upgrade can be tried anew, and a power cut is no harm. */
async function flashedAnew(r: Rig): Promise<void> {
  await flash(r.lab, r.version);
  await r.wait(300);
  for (const board of BOARDS) expect(await r.status(board)).toMatchObject({ lost: '', guarded: false });
  const since = r.lab.now();
  await r.wait(500);
  expect(r.put('wheel', since).length).toBeGreaterThan(2);
}

test.each([
  ['spare', ESTIMATOR],
  ['compute', CONTROLLER],
])('a journal that is full, on %s: the upgrade is taken back', async (board, component) => {
  const r = await up({ lockstep: SMALL });
  const grow = 's.big = (s.big || "") + "........................................................................";';
  const components: Change['components'] = { [ESTIMATOR]: { board: SPARE }, [CONTROLLER]: {} };
  components[component] = { ...components[component], handler: grow + grow };
  await guarded(r, { components, changed: true });
  const outcome = await r.awaitEnd(20_000);
  expect(outcome).toMatchObject({ cut: 'recovery' });
  expect(outcome?.why).toMatch(new RegExp(`^the journal of board ${board} `));
  await r.wait(500);
  expect(await roles(r)).toEqual(OLD);
  expect(r.check().violations.slice(0, 3)).toEqual([]);
  expect(r.notes('lost')).toEqual([]);
  wheelInOrder(r, 0, 'full');
  await r.lab.power(board, false);
  await r.lab.power(board, true);
  await r.wait(1000);
  await guarded(r, { ...PAIR, name: 'smaller' });
  await r.wait(200);
  r.lab.kill(board, { at: 'call', more: 0, offMs: 100 });
  await r.wait(500);
  expect(await r.end('commit')).toMatchObject({ cut: 'commit' });
  for (const b of BOARDS) expect(await r.status(b)).toMatchObject({ lost: '' });
});

test.each([
  ['spare', 'program'],
  ['compute', 'erase'],
  ['control', 'program'],
] as const)(
  'a sector that is worn, on %s: the upgrade is taken back, and no boot believes the rest',
  async (board, what) => {
    const r = await up({ lockstep: SMALL, periodMs: 20 }, (plan) => {
      for (const type of plan.types) type.perSecond = 400;
    });
    await guarded(r, { ...PAIR, policy: { lead: 400 } });
    await r.wait(300);
    const ending = r.awaitEnd(20_000);
    await r.wait(50);
    const nor = r.lab.nor(board);
    for (let sector = ringAt(nor) / nor.sectorBytes; sector < nor.sectors; sector++) nor.wear(sector, 1, what);
    const outcome = await ending;
    expect(outcome).toMatchObject({ cut: 'recovery' });
    expect(outcome?.why).toMatch(new RegExp(`^the journal of board ${board} has failed: its flash is worn or damaged`));
    // what was under way when it failed was already told to nobody, or is told as always
    await r.wait(300);
    expect(await roles(r)).toEqual(OLD);
    expect(r.check().violations.slice(0, 3)).toEqual([]);
    const since = r.lines.length;
    await r.lab.power(board, false);
    await r.lab.power(board, true);
    await r.wait(1000);
    const boots = r.lines.slice(since).filter((line) => line.note?.kind === 'boot');
    expect(boots.map((line) => line.note?.resumed)).toEqual([false]);
    await flashedAnew(r);
  },
);

test.each([
  ['spare', 'recovery'],
  ['compute', 'lost'],
])('records that cannot be read any more, on %s: %s, with a reason', async (board, end) => {
  const r = await up();
  await guarded(r);
  await r.wait(300);
  await r.lab.power(board, false);
  const nor = r.lab.nor(board);
  const { sectors, tail } = openStore(nor, crc, openRecords(nor, crc).value).ring as Ring;
  // the oldest base that is needed is somewhere in there
  const at = ringAt(nor) + (tail % sectors) * nor.sectorBytes;
  for (let offset = 400; offset < nor.sectorBytes; offset += 512) nor.rot(at + offset, 0x5a);
  await r.wait(100);
  await r.lab.power(board, true);
  await r.wait(1800);
  expect(r.notes('journal')).toMatchObject([
    { board, note: { why: expect.stringMatching(/^what stood in the journal could not be taken up: /) } },
  ]);
  if (end === 'recovery') {
    expect(new Set(Object.values(r.decisions(3)))).toEqual(new Set(['recovery']));
    expect(await roles(r)).toEqual(OLD);
    expect(r.notes('lost')).toEqual([]);
    expect(r.check().violations.slice(0, 3)).toEqual([]);
  } else {
    expect((await r.status('control')).lost).toMatch(/compute restarted under guard/);
    expect(r.notes('lost').map((line) => line.board)).toContain(board);
  }
  await flashedAnew(r);
  await guarded(r, { ...PAIR, name: 'anew' });
  await r.wait(200);
  r.lab.kill(board, { at: 'call', more: 0, offMs: 100 });
  await r.wait(500);
  expect(await r.end('commit')).toMatchObject({ cut: 'commit' });
});

/** What a process began with when its board booted last; null: with its initial state. */
function begun(r: Rig, process: string): { app: { user: Record<string, number> }; timers: [string, number][] } | null {
  const note = r
    .notes('process')
    .filter((line) => line.note?.process === process)
    .at(-1)?.note;
  return note?.saved ? (decode(note.saved) as ReturnType<typeof begun>) : null;
}

test('outside guarded operation a boot begins with the last base, and with nothing after a fresh flash', async () => {
  const r = await up();
  const reboot = async (board: string): Promise<void> => {
    await r.lab.power(board, false);
    await r.wait(100);
    await r.lab.power(board, true);
    await r.wait(700);
  };
  // nothing was ever guarded: there is no base
  await reboot('sensors');
  expect(begun(r, 'sensor/0')).toBe(null);
  for (const [end, controller] of [
    ['abort', 'controller/0'],
    ['commit', 'controller/1'],
  ] as const) {
    await guarded(r, { ...PAIR, name: end });
    await r.wait(500);
    await r.end(end);
    await r.wait(400);
    for (const [board, process] of [
      ['sensors', 'sensor/0'],
      ['sensors', 'telemetry/0'],
      ['compute', controller],
    ] as const) {
      const before = r.lines.length;
      await reboot(board);
      const saved = begun(r, process);
      expect(saved?.app.user.n, process).toBeGreaterThan(4);
      const steps = r.lines.slice(before).filter((line) => line.process === process);
      // it goes on, and is not told to begin
      expect(steps.length, process).toBeGreaterThan(0);
      expect(steps.filter((line) => line.event?.kind === 'start')).toEqual([]);
      if (process !== controller) continue;
      expect(saved?.timers).toEqual([['slow', expect.any(Number)]]);
      expect(saved?.timers[0]?.[1]).toBeLessThanOrEqual(350);
      const fired = steps.filter((line) => line.event?.kind === 'timer');
      expect(fired.length).toBeGreaterThan(0);
      const report = fired[0]?.effects?.find((e) => e.message?.kind === 'app')?.message as unknown as {
        data: Uint8Array;
      };
      const number = new DataView(report.data.buffer, report.data.byteOffset).getFloat32(4, true);
      expect(number).toBe((saved?.app.user.slow as number) + 1);
    }
  }
  await judged(r, 'bases');
  // a base that cannot be read any more is none
  await r.lab.power('sensors', false);
  const nor = r.lab.nor('sensors');
  for (let at = ringAt(nor); at < nor.bytes.length; at += 64) if (nor.bytes[at] !== 0xff) nor.rot(at, 0x11);
  await r.lab.power('sensors', true);
  await r.wait(300);
  expect(await roles(r)).toEqual(NEW);
  expect(begun(r, 'sensor/0')).toBe(null);
  await flash(r.lab, r.version);
  for (const process of ['sensor/0', 'telemetry/0', 'controller/0', 'actuator/0']) expect(begun(r, process)).toBe(null);
});

test('a state of which little changes costs little flash', async () => {
  /** Bytes programmed on the board for a time of guard, and checkpoints in it, with a state of so many bytes. */
  const cost = async (bytes: number): Promise<[number, number]> => {
    const big = `initial: function () { var all = []; for (var i = 0; i < ${bytes / 5}; i++) all.push(100000 + i); return { n: 0, all: all }; },
      on: { Rate: function (s, event, io) { s.n++; s.all[s.n % 8] = s.n; io.send('Attitude', { angle: 0, n: s.n }); } },
      accept: {}`;
    const made = upgradeOf(
      base((plan) => {
        plan.durability = 'guard';
        for (const type of plan.types) type.perSecond = 400;
      }),
      { components: { [ESTIMATOR]: { fields: big, migrate: 'none' } } },
    );
    made.plan.upgrade = null;
    const version = versionOf(made.plan, made.modules);
    // so large that its tail need not move meanwhile
    const r = await up({ version, periodMs: 10, places: {}, lockstep: withSectors(250) }, undefined, 300);
    await guarded(r, { components: { [SENSOR]: {} }, policy: { lead: 4000 } });
    for (const board of BOARDS) await r.lab.request(board, 'trace', { on: false });
    const { counts } = r.lab.nor('compute');
    const before = counts.programmedBytes;
    await r.wait(2700);
    const spent = counts.programmedBytes - before;
    const ring = openStore(r.lab.nor('compute'), crc, openRecords(r.lab.nor('compute'), crc).value).ring as Ring;
    let patches = 0;
    for (let record = firstRecord(ring); record; record = nextRecord(ring, record)) {
      if (record.kind === RECORD_PATCH && (decode(record.bytes) as number[])[0] === 2 * ESTIMATOR) patches++;
    }
    await r.close();
    return [spent, patches];
  };
  const size = 8000;
  const [plain] = await cost(40);
  const [large, patches] = await cost(size);
  expect(patches).toBeGreaterThan(1);
  // as many full ones would have cost that much
  expect(large - plain).toBeLessThan((patches * size) / 5);
});

test('no instant of a transfer, a start and a commit leaves a board without a version to run', async () => {
  const r = await up();
  let version = r.version;
  const nor = r.lab.nor('compute');
  const operations = (): number => nor.counts.programs + nor.counts.erases;
  /** All of it, tried again until it is done. */
  const through = async (upgrade: Version, kill: Kill | null): Promise<number> => {
    const before = operations();
    r.versions.push(upgrade);
    if (kill) r.lab.kill('compute', kill);
    const trying = async (work: () => Promise<unknown>): Promise<void> => {
      for (let i = 0; ; i++) {
        try {
          await work();
          return;
        } catch (error) {
          if (i === 5) throw error;
          await r.wait(300);
          const hello = await r.lab.request('compute', 'hello');
          // it runs, and one of the two
          expect([version.hash, upgrade.hash]).toContain((hello.plan as { hash: string }).hash);
          const { processes, problem } = await r.lab.request('compute', 'status').then((s) => s as never as Ran);
          expect(processes.filter((p) => p.role !== 'seat').length, problem).toBeGreaterThanOrEqual(1);
        }
      }
    };
    await trying(() => r.stage(upgrade, true));
    await r.wait(150);
    await trying(async () => {
      if (!(await r.status('control')).guarded) {
        const { cut } = await r.start();
        if (cut !== 'start') throw new Error(cut);
      }
    });
    await r.wait(100);
    await trying(async () => {
      if ((await r.status('control')).guarded) await r.lab.request('control', 'word', { word: 'commit' });
      await r.wait(250);
      for (const board of BOARDS) expect((await r.status(board)).plan?.hash).toBe(upgrade.hash);
    });
    return operations() - before;
  };
  const upgrade = next(version, 'measured');
  const count = await through(upgrade, null);
  version = upgrade;
  expect(count).toBeGreaterThan(40);
  const tries = 9;
  for (let i = 0; i < tries; i++) {
    const more = Math.floor((i * count) / tries);
    const upgrade = next(version, `cut at ${more}`);
    const boots = r.notes('boot').length;
    await through(upgrade, { at: 'flash', more, how: CUTS[i % CUTS.length], seed: i, offMs: 60 });
    version = upgrade;
    expect(r.notes('boot').length, `${more}`).toBeGreaterThan(boots);
  }
  const report = r.check();
  expect(report.violations.slice(0, 3)).toEqual([]);
});

interface Ran {
  processes: { role: string }[];
  problem: string;
}

test('board time goes on over a resume, also where the clock begins at 0 again', async () => {
  const r = await up({ lockstep: { freshClocks: true } });
  await guarded(r);
  await r.wait(300);
  for (let i = 0; i < 4; i++) {
    for (const board of ['spare', 'compute', 'sensors']) {
      r.lab.kill(board, { at: i % 2 ? 'call' : 'flash', more: i, how: CUTS[i], offMs: 70 });
    }
    await r.wait(400);
  }
  expect(await r.end('commit')).toMatchObject({ cut: 'commit' });
  await r.wait(300);
  let resumed = 0;
  for (const board of BOARDS) {
    let last = 0;
    const done = new Map<string, number>();
    const lines = r.lines.filter((line) => line.board === board);
    const from = lines.findLastIndex((line) => line.note?.kind === 'boot' && !line.note.resumed);
    for (const line of lines.slice(from)) {
      if (line.note?.resumed) resumed++;
      // the testbed's own clock goes on
      if (line.note?.kind === 'off') continue;
      // what is done again has its old time
      if (line.process !== undefined) {
        if ((line.n as number) <= (done.get(line.process) ?? 0)) continue;
        done.set(line.process, line.n as number);
      }
      expect(line.t, JSON.stringify(line.note ?? [line.process, line.n])).toBeGreaterThanOrEqual(last);
      last = line.t as number;
    }
  }
  expect(resumed).toBe(12);
  await judged(r, 'clocks');
});

test('what is done again after a power cut is replayed too: another event, or another effect, is found', async () => {
  const r = await up();
  await guarded(r);
  await r.wait(500);
  r.lab.kill('compute', { at: 'call', more: 1, offMs: 100 });
  await r.wait(500);
  const whole = r.conform();
  expect(whole.differences).toEqual([]);
  expect(whole.repeated).toBeGreaterThan(20);
  expect(conformanceText(whole, r.lines[0] as TraceLine)).toMatch(
    /all agree\n\d+ events done again after power cuts, as before$/,
  );
  const boot = r.lines.findIndex((line) => line.note?.resumed);
  const at = r.lines.findIndex((line, i) => i > boot && line.process === 'controller/0' && line.event?.kind === 'app');
  const planted = (change: (line: TraceLine) => void): [string, string, number][] => {
    const lines = r.lines.slice();
    lines[at] = structuredClone(lines[at]) as TraceLine;
    change(lines[at] as TraceLine);
    return r.conform(lines).differences.map((d) => [d.what, d.process, d.line]);
  };
  const found = [['again', 'controller/0', at + 1]];
  expect(
    planted((line) => {
      (line.event as { q: number }).q++;
    }),
  ).toEqual(found);
  expect(
    planted((line) => {
      line.effects?.pop();
    }),
  ).toEqual(found);
});

test('where events are durable at all times, a power cut is a pause at any time', async () => {
  const r = await up({}, (plan) => {
    plan.durability = 'always';
  });
  const since = r.notes('boot').length;
  for (const [i, group] of [['sensors'], ['compute', 'control'], BOARDS].entries()) {
    group.forEach((board, j) => {
      r.lab.kill(board, { at: j === 1 ? 'flash' : 'call', more: i + j, how: CUTS[j], offMs: 60 + 50 * j });
    });
    await r.wait(1100);
  }
  const boots = r.notes('boot').slice(since);
  expect(boots.length).toBe(7);
  // a board without processes has nothing to take up
  expect(boots.filter((line) => !line.note?.resumed).map((line) => line.board)).toEqual([]);
  await guarded(r);
  await r.wait(200);
  expect(await r.end('commit')).toMatchObject({ cut: 'commit' });
  await r.wait(200);
  await judged(r, 'always');
  wheelInOrder(r, 2, 'always');
});

test('a state that is longer than a record is handed over, and taken up, across power cuts', async () => {
  const big = `initial: function () { var all = []; for (var i = 0; i < 1500; i++) all.push(100000 + i); return { n: 0, all: all }; },
    on: { Rate: function (s, event, io) { s.n++; s.all[s.n % 8]++; io.send('Attitude', { angle: 0, n: s.n }); } }`;
  const made = upgradeOf(
    base((plan) => {
      plan.durability = 'guard';
    }),
    { components: { [ESTIMATOR]: { fields: big } } },
  );
  made.plan.upgrade = null;
  const r = await up({ version: versionOf(made.plan, made.modules) });
  const upgrade = await staged(r, { components: { [ESTIMATOR]: { board: SPARE, fields: big }, [CONTROLLER]: {} } });
  const since = r.lines.length;
  const asked = r.lab.request('control', 'word', { word: 'start', op: upgrade.hash });
  await killInCut(r, ['spare'], since, () => ({ at: 'flash', more: 1, how: 'half', offMs: 100 }));
  await asked;
  await r.wait(700);
  expect(new Set(Object.values(r.decisions(2)))).toEqual(new Set(['start']));
  for (const board of ['spare', 'compute']) {
    r.lab.kill(board, { at: 'call', more: 2, offMs: 100 });
    await r.wait(500);
  }
  expect(
    r
      .notes('boot')
      .filter((line) => line.note?.resumed)
      .map((line) => line.board),
  ).toEqual(['spare', 'spare', 'compute']);
  expect(await r.end('commit')).toMatchObject({ cut: 'commit' });
  await r.wait(300);
  expect(await roles(r)).toEqual(NEW);
  await judged(r, 'long');
});
