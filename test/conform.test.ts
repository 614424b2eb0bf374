// Recorded traces replayed through the core: of boards in lockstep, of explored worlds, and with differences planted in
// them, each of which must be found at its own event and no other.

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { TraceEffect, TraceLine } from '../host/check/types.ts';
import { difference } from '../host/conform/compare.ts';
import type { Conformance, Core } from '../host/conform/conform.ts';
import { conform } from '../host/conform/conform.ts';
import { fromShape, recorded } from '../host/conform/simulated.ts';
import { conformanceText } from '../host/conform/text.ts';
import { fromVersions } from '../host/conform/versions.ts';
import { seededChoose } from '../host/explore/random.ts';
import { randomBudget, randomShape, runOn } from '../host/explore/simulate.ts';
import { createWorld } from '../host/explore/world.ts';
import { fly, originalVersion, upgradeVersion } from '../host/mission/run.ts';
import { withMistake } from '../host/mutants/core.ts';
import type { Version } from '../host/operate/version.ts';
import { planOf, settingOf } from '../host/sim/plan.ts';
import { simulateLarge } from '../host/sim/run.ts';
import { decodeLine, encodeLine } from '../host/trace/file.ts';
import type { Rig } from './fixtures/lab.ts';
import { base, bring, CONTROLLER, ESTIMATOR, SPARE, upgradeOf } from './fixtures/lab.ts';

/** As it is read from a file. */
function fromFile(lines: TraceLine[]): TraceLine[] {
  return lines.map((line) => decodeLine(encodeLine(line)));
}

function known(...versions: Version[]): (hash: string) => Version | null {
  return (hash) => versions.find((version) => version.hash === hash) ?? null;
}

function expectWhole(result: Conformance, events: number): void {
  expect(result.differences).toEqual([]);
  expect(result.left).toEqual([]);
  expect(result.agreed).toBe(result.events);
  expect(result.events).toBeGreaterThan(events);
}

describe('flights of the sample mission', () => {
  async function replayed(upgrade: string, seconds: number, guarded = true): Promise<Conformance> {
    const { trace } = await fly({ seed: 1, seconds, upgrade, guarded, startAt: 10 });
    const versions = known(await originalVersion(), await upgradeVersion(upgrade));
    return conform(fromFile(trace), fromVersions(versions));
  }

  test('A is committed: old and new version, to the last event', async () => {
    expectWhole(await replayed('A', 16, false), 1500);
  });

  test('B is rolled back in a recovery', async () => {
    expectWhole(await replayed('B', 50), 5000);
  });

  test('F is cancelled: its migrate throws', async () => {
    expectWhole(await replayed('F', 12), 1000);
  });
});

/** One guarded operation that is committed, with a type appended; the estimator's new version has a board of its own. */
let rig: Rig;
let upgrade: Version;

beforeAll(async () => {
  rig = await bring();
  const components = { [ESTIMATOR]: { board: SPARE }, [CONTROLLER]: {} };
  upgrade = upgradeOf(rig.version, { components, changed: true });
  await rig.stage(upgrade);
  await rig.wait(300);
  expect(await rig.start()).toMatchObject({ cut: 'start' });
  await rig.wait(6000);
  expect(await rig.end('commit')).toMatchObject({ cut: 'commit' });
  await rig.wait(500);
});

afterAll(async () => {
  await rig.close();
});

/** Index of a process's line in which there is such an effect, the `nth` from 0. */
function find(process: string, fits: (effect: TraceEffect) => boolean, nth = 5): number {
  let left = nth;
  for (const [index, line] of rig.lines.entries()) {
    if (line.process === process && line.effects?.some(fits) && left-- === 0) return index;
  }
  throw new Error(`no such line of ${process}`);
}

const sends = (effect: TraceEffect): boolean => effect.kind === 'send' && effect.message?.kind === 'app';

/** The trace with one line changed. */
function changed(index: number, change: (line: TraceLine) => void): TraceLine[] {
  const lines = rig.lines.slice();
  lines[index] = structuredClone(lines[index]) as TraceLine;
  change(lines[index] as TraceLine);
  return lines;
}

/** Exactly this one difference is found; everything that other processes did agrees. */
function expectFound(result: Conformance, index: number, what: string): void {
  const line = rig.lines[index] as TraceLine;
  expect(result.differences.map((d) => [d.what, d.process, d.n])).toEqual([[what, line.process, line.n]]);
  const after = rig.lines.slice(index).filter((l) => l.process === line.process).length - 1;
  expect(result.left.reduce((sum, left) => sum + left.events, 0)).toBe(after);
  expect(result.agreed + after + 1).toBe(result.events);
}

describe('a commit with a new message format', () => {
  test('all events agree, from memory and from a file', () => {
    expectWhole(rig.conform(), 1000);
    expectWhole(rig.conform(fromFile(rig.lines)), 1000);
    expect(conformanceText(rig.conform(), rig.lines[0] as TraceLine)).toMatch(
      /^1,\d{3} events of 7 processes replayed: all agree$/,
    );
  });

  test('a changed number of a vector, a payload of one other bit, another text, another input', () => {
    const k = find('estimator/1', (effect) => sends(effect) && (effect.message?.k ?? 0) > 0, 1);
    const vector = rig.conform(
      changed(k, (line) => {
        const effect = line.effects?.find(sends);
        if (effect?.message?.T) effect.message.T[0] = (effect.message.T[0] ?? 0) + 1;
      }),
    );
    expectFound(vector, k, 'effects');
    expect(vector.differences[0]?.place?.path).toBe('message.T[0]');

    const output = find('actuator/0', (effect) => effect.kind === 'output');
    const bit = rig.conform(
      changed(output, (line) => {
        const effect = line.effects?.find((e) => e.kind === 'output') as { data: Uint8Array } | undefined;
        if (effect) effect.data[3] = (effect.data[3] as number) ^ 1;
      }),
    );
    expectFound(bit, output, 'effects');

    const cut = find('controller/0', (effect) => effect.kind === 'freeze', 0);
    const text = rig.conform(
      changed(cut, (line) => {
        const effect = line.effects?.find((e) => e.kind === 'freeze');
        if (effect) effect.why = 'no reason';
      }),
    );
    expectFound(text, cut, 'effects');

    // the board's answer stands, what it was asked is another
    const input = find('sensor/0', sends);
    const event = rig.conform(
      changed(input, (line) => {
        const data = (line.event as { data?: Uint8Array } | undefined)?.data;
        if (data) data[0] = (data[0] as number) ^ 0x80;
      }),
    );
    expectFound(event, input, 'effects');
  });

  test('an effect too many, one too few, one of another kind', () => {
    const at = find('controller/0', sends);
    const more = rig.conform(changed(at, (line) => line.effects?.push({ kind: 'checkpoint', bytes: 1 })));
    expectFound(more, at, 'effects');
    expect(more.differences[0]?.why).toMatch(/did more/);
    const fewer = rig.conform(changed(at, (line) => line.effects?.pop()));
    expectFound(fewer, at, 'effects');
    expect(fewer.differences[0]?.why).toMatch(/did not do/);
    const other = rig.conform(changed(at, (line) => line.effects?.splice(0, 1, { kind: 'forget', event: 1 })));
    expectFound(other, at, 'effects');
    expect(other.differences[0]?.why).toMatch(/the board did forget, the core says deliver/);
  });

  test('a line that is missing, one that stands twice, two that have changed places', () => {
    const at = find('controller/0', sends);
    const next = rig.lines.findIndex((line, index) => index > at && line.process === 'controller/0');
    const missing = rig.conform(rig.lines.filter((_, index) => index !== at));
    expect(missing.differences.map((d) => [d.what, d.process, d.n])).toEqual([
      ['order', 'controller/0', rig.lines[next]?.n],
    ]);
    const twice = rig.lines.slice();
    twice.splice(next, 0, rig.lines[at] as TraceLine);
    expect(rig.conform(twice).differences.map((d) => [d.what, d.n])).toEqual([['order', rig.lines[at]?.n]]);
    const swapped = rig.lines.slice();
    [swapped[at], swapped[next]] = [rig.lines[next] as TraceLine, rig.lines[at] as TraceLine];
    const found = rig.conform(swapped);
    expect(found.differences.map((d) => [d.what, d.process, d.n])).toEqual([
      ['order', 'controller/0', rig.lines[next]?.n],
    ]);
    const first = rig.lines.findIndex((line) => line.process === 'controller/0');
    const headless = rig.conform(rig.lines.filter((_, index) => index !== first));
    expect(headless.differences.map((d) => [d.what, d.n])).toEqual([['order', 2]]);
  });

  test('what is drawn: where, what happened, both answers, the place, a next step', () => {
    const at = find('estimator/1', (effect) => sends(effect) && (effect.message?.k ?? 0) > 0, 1);
    const lines = changed(at, (line) => {
      const effect = line.effects?.find(sends);
      if (effect?.message) effect.message.k = 99;
    });
    const { n } = rig.lines[at] as TraceLine;
    const text = conformanceText(rig.conform(lines), rig.lines[0] as TraceLine).split('\n');
    expect(text[0]).toMatch(new RegExp(`^estimator/1 on spare, event ${n} at [\\d.]+ s \\(line ${at + 1}\\): effect`));
    expect(text[0]).toMatch(/message\.k differs$/);
    expect(text[1]).toMatch(/^ {2}app from sensor\/0: .*\bn \d+, epoch 2, .* data </);
    expect(text.filter((line) => /^ {2}- send app to \S+: .* k 99,/.test(line))).toHaveLength(1);
    expect(text.filter((line) => /^ {2}\+ send app to \S+: /.test(line))).toHaveLength(1);
    expect(text.find((line) => line.includes('message.k: the board 99, the core '))).toBeTruthy();
    expect(text.find((line) => line.startsWith('  next: '))).toMatch(/firmware/);
    expect(text.find((line) => line.includes('replayed alike'))).toMatch(/^[\d,]+ of 1,\d{3} events, \d+(\.\d)? %, /);
    expect(text.join('\n')).not.toContain('all agree');
  });

  test('cores with a mistake do not conform, and show it at the first event at which it matters', async () => {
    const wrong = async (file: string, anchor: string, by: string): Promise<Conformance> =>
      rig.conform(rig.lines, (await withMistake([[file, anchor, by]])) as Core);
    const counted = await wrong('emit.ts', 'const k = ++state.k;', 'const k = (state.k += 2);');
    const bounds = (line: TraceLine): boolean =>
      line.effects?.some((e) => sends(e) && (e.message?.k ?? 0) > 0) ?? false;
    const first = rig.lines.find(bounds);
    expect([counted.differences[0]?.process, counted.differences[0]?.n]).toEqual([first?.process, first?.n]);
    const forgotten = await wrong('deliver.ts', 'if (self.guarded) raise(self.state.T, vectorOf(event));', '');
    const dirty = (effect: TraceEffect): boolean =>
      effect.kind === 'tested' || [...(effect.T ?? []), ...(effect.message?.T ?? [])].some((index) => index > 0);
    expect(forgotten.differences[0]?.did.some(dirty)).toBe(true);
    const unread = await wrong('journal.ts', 'if (raise(self.V, V)) reclaim', 'if (raise(self.V, V) && false) reclaim');
    expect(unread.differences[0]?.did.some((effect) => effect.kind === 'reclaim')).toBe(true);
  });

  test('another module than the version’s is told by its checksum, before its first event', () => {
    const at = rig.lines.findIndex((line) => line.note?.process === 'actuator/0');
    const result = rig.conform(
      changed(at, (line) => {
        if (line.note) line.note.crc = (line.note.crc ?? 0) ^ 1;
      }),
    );
    expect(result.differences.map((d) => [d.what, d.process, d.n])).toEqual([['code', 'actuator/0', 1]]);
    expect(result.differences[0]?.why).toMatch(/CRC [0-9a-f]{8}; that of the version has [0-9a-f]{8}/);
  });
});

test('firmware of another version is named: its core may be another', () => {
  expect(rig.conform().firmware).toEqual([]);
  const at = rig.lines.findLastIndex((line) => line.note?.kind === 'boot' && line.board === 'control');
  const lines = changed(at, (line) => {
    if (line.note) line.note.firmware = '0.0.9';
  });
  const result = rig.conform(lines);
  expect(result.firmware).toEqual([['control', '0.0.9']]);
  expect(conformanceText(result, rig.lines[0] as TraceLine)).toMatch(/all agree\ncontrol ran firmware 0\.0\.9: /);
});

describe('what cannot be replayed is left out, and said', () => {
  test('a trace that begins in the middle: processes are replayed from where they are made', () => {
    const from = rig.lines.findIndex((line) => line.event?.word === 'stage');
    const result = rig.conform([rig.lines[0] as TraceLine, ...rig.lines.slice(from - 40)]);
    expect(result.differences).toEqual([]);
    const seats = result.events - result.left.reduce((sum, left) => sum + left.events, 0);
    expect(result.agreed).toBe(seats);
    expect(new Set(result.left.map((left) => left.why))).toEqual(new Set(['the trace does not tell how it began']));
    expect(result.left.map((left) => left.process)).not.toContain('estimator/1');
    expect(conformanceText(result, rig.lines[0] as TraceLine)).toMatch(
      /^[\d,]+ of [\d,]+ events, [\d.]+ %, replayed: all agree\nnot replayed: [\d,]+ events? of /,
    );
  });

  test('lost lines: whoever lost one is left out from there on, all others go on', () => {
    const at = find('controller/0', sends);
    const { board, t, n } = rig.lines[at] as TraceLine;
    const lines = rig.lines.slice();
    lines[at] = { v: 1, t, board, note: { kind: 'gap', lost: 1 } };
    const result = rig.conform(lines);
    expect(result.differences).toEqual([]);
    expect(result.left).toHaveLength(1);
    expect(result.left[0]).toMatchObject({
      process: 'controller/0',
      n: (n as number) + 1,
      why: /lines of it were lost/,
    });
    expect(result.agreed + (result.left[0]?.events ?? 0)).toBe(result.events);
  });

  test('a version that nobody has: its processes, and those that a commit brings to it', () => {
    const without = conform(rig.lines, fromVersions(known(rig.version)));
    expect(without.differences).toEqual([]);
    const why = new Set(without.left.map((left) => left.why));
    expect(why).toEqual(
      new Set([
        `version ${upgrade.hash} is not known here`,
        `version ${upgrade.hash}, to which it moved, is not known here`,
      ]),
    );
    expect(without.agreed).toBeGreaterThan(500);
    const none = conform(
      rig.lines,
      fromVersions(() => null),
    );
    expect(none).toMatchObject({ agreed: 0, differences: [] });
  });
});

describe('calls that do not return, and errors that engines word', () => {
  async function guarded(handler: string, component = ESTIMATOR): Promise<Rig> {
    const made = await bring({ version: base() });
    await made.stage(upgradeOf(made.version, { components: { [component]: { handler, board: SPARE } } }));
    expect(await made.start()).toMatchObject({ cut: 'start' });
    expect(await made.awaitEnd(20_000)).toMatchObject({ cut: 'recovery' });
    await made.wait(300);
    await made.close();
    return made;
  }

  test('a handler that was interrupted is not run again', async () => {
    const result = (await guarded('while (s.n > 20) {}')).conform();
    expectWhole(result, 200);
    expect(result.interrupted).toBe(1);
  });

  test('what reaches for things that no board has throws as it did there; in other words where the engine has others', async () => {
    const made = await guarded('if (s.n > 20) Date.now();');
    const result = made.conform();
    expectWhole(result, 200);
    expect(result.reworded).toBe(0);
    const words = (line: TraceLine): TraceLine => {
      const text = encodeLine(line).replaceAll('Date is not defined', "identifier 'Date' undefined");
      return decodeLine(text);
    };
    const other = made.conform(made.lines.map(words));
    expectWhole(other, 200);
    expect(other.reworded).toBeGreaterThan(0);
    // what a component throws itself is no matter of engines
    const own = await guarded("if (s.n > 20) throw new Error('mine');");
    const false_ = own.conform(own.lines.map((line) => decodeLine(encodeLine(line).replaceAll('"mine"', '"yours"'))));
    expect(false_.differences.length).toBeGreaterThan(0);
  });
});

describe('explored worlds', () => {
  test('random runs agree event by event', () => {
    let events = 0;
    for (let seed = 1; seed <= 20; seed++) {
      const choose = seededChoose(seed);
      const shape = randomShape(choose);
      const world = createWorld(shape, randomBudget(choose, 150), recorded());
      runOn(world, seed, choose, 150);
      const result = conform(world.lines, fromShape(shape));
      expect(result.differences, `seed ${seed}`).toEqual([]);
      expect(result.agreed, `seed ${seed}`).toBe(result.events);
      events += result.events;
    }
    expect(events).toBeGreaterThan(2000);
  });

  test('and so do large ones, through power cuts of their boards', () => {
    let cuts = 0;
    for (let seed = 1; seed <= 3; seed++) {
      const plan = planOf(seed, { components: 6, powerCuts: 3 });
      const { trace } = simulateLarge(plan);
      const result = conform(trace, fromShape(settingOf(plan).shape, true));
      expect(result.differences, `seed ${seed}`).toEqual([]);
      expect(result.agreed, `seed ${seed}`).toBe(result.events);
      expect(result.events).toBeGreaterThan(500);
      cuts += trace.filter((line) => line.note?.kind === 'boot').length;
    }
    expect(cuts).toBeGreaterThan(2);
  });
});

describe('comparison', () => {
  test('to the bit, and to the type', () => {
    expect(difference({ a: [1, { b: 0 }] }, { a: [1, { b: -0 }] })).toMatchObject({ path: 'a[1].b' });
    expect(difference(Number.NaN, Number.NaN)).toBeNull();
    expect(difference({ a: 1 }, { a: 1, b: undefined })).toBeNull();
    expect(difference({ a: 1, b: undefined }, { a: 1 })).toBeNull();
    expect(difference({ a: 1 }, { a: 1, b: null })).toMatchObject({ path: 'b' });
    expect(difference([1], [1, 2])).toMatchObject({ path: '' });
    expect(difference(new Uint8Array([1, 2]), new Uint8Array([1, 2]))).toBeNull();
    expect(difference(new Uint8Array([1, 2]), new Uint8Array([1, 3]))).toMatchObject({ path: '' });
    expect(difference(new Uint8Array([1]), new Int8Array([1]))).toMatchObject({ path: '' });
    expect(difference(new Uint8Array([1]), [1])).toMatchObject({ path: '' });
    expect(difference({ why: 'a' }, { why: 'b' }, () => true)).toBeNull();
    expect(difference({ name: 'a' }, { name: 'b' }, () => true)).toMatchObject({ path: 'name' });
  });
});
