// Traces as files, as text, as pictures: what is written is what is read, what is drawn is what the trace says.

import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { check } from '../host/check/check.ts';
import type { TraceLine } from '../host/check/types.ts';
import type { Failure } from '../host/failure.ts';
import { lineChart, sparkline, textChart, ticksOf } from '../host/trace/chart.ts';
import { colourWanted, renderSvg, renderText } from '../host/trace/diagram.ts';
import type { Reading } from '../host/trace/file.ts';
import { createTraceWriter, decodeLine, encodeLine, readLines, readTrace, writeTrace } from '../host/trace/file.ts';
import { readHistory } from '../host/trace/history.ts';
import { phases, phasesText, recoveries } from '../host/trace/phases.ts';
import { createTeller } from '../host/trace/text.ts';
import { mission } from './traceworld.ts';
import { failureIn } from './fixtures/failure.ts';

const RECOVERY = mission({ badFrom: 8, until: 1200, start: 430 });
const COMMIT = mission({ badFrom: 0, until: 1200, start: 430, commit: 950 });
const CUT = mission({ badFrom: 0, until: 1200, start: 430, cut: { board: 'spare', at: 650 } });

/** Compares with a file, or writes it: UPDATE_GOLDEN=1. */
function golden(name: string, text: string): void {
  const path = fileURLToPath(new URL(`golden/${name}`, import.meta.url));
  if (process.env.UPDATE_GOLDEN) writeFileSync(path, text);
  if (!existsSync(path)) throw new Error(`${path} is missing: UPDATE_GOLDEN=1 writes it`);
  expect(text).toBe(readFileSync(path, 'utf8'));
}

/** What keeps a text from being XML, or null. Enough for what has neither comments nor sections. */
function notXml(text: string): string | null {
  const open: string[] = [];
  let at = 0;
  let roots = 0;
  while (at < text.length) {
    const next = text.indexOf('<', at);
    const between = text.slice(at, next < 0 ? undefined : next);
    if (/&(?!(amp|lt|gt|quot|apos|#\d+);)/.test(between)) return `bare & before ${next}`;
    if (open.length === 0 && between.trim() !== '') return `text outside the root: ${between.trim().slice(0, 20)}`;
    // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what XML forbids
    if (/[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/.test(between)) return 'a character that XML has not';
    if (next < 0) break;
    const end = text.indexOf('>', next);
    if (end < 0) return 'a tag without an end';
    const tag = text.slice(next + 1, end);
    at = end + 1;
    if (tag.startsWith('/')) {
      if (open.pop() !== tag.slice(1).trim()) return `</${tag.slice(1)}> closes something else`;
      continue;
    }
    const closed = tag.endsWith('/');
    const match = /^([a-zA-Z][\w:-]*)((?:\s+[a-zA-Z_][\w:-]*="[^"<]*")*)\s*$/.exec(closed ? tag.slice(0, -1) : tag);
    if (!match) return `malformed tag <${tag.slice(0, 60)}>`;
    const names = [...(match[2] ?? '').matchAll(/\s([\w:-]+)="([^"]*)"/g)];
    if (new Set(names.map((m) => m[1])).size !== names.length) return `an attribute twice in <${tag.slice(0, 60)}>`;
    for (const [, name, value] of names) {
      if (/&(?!(amp|lt|gt|quot|apos|#\d+);)/.test(value ?? '')) return `bare & in ${name}`;
      if (/NaN|Infinity|undefined/.test(value ?? '')) return `${name}="${value}"`;
    }
    if (open.length === 0) roots++;
    if (!closed) open.push(match[1] as string);
  }
  if (open.length > 0) return `<${open.pop()}> is never closed`;
  return roots === 1 ? null : `${roots} roots`;
}

describe('the XML checker', () => {
  test('finds what is wrong', () => {
    expect(notXml('<a><b c="1"/>t &amp; u</a>')).toBe(null);
    for (const bad of [
      '<a>',
      '<a></b>',
      '<a b=1/>',
      '<a b="1" b="2"/>',
      '<a>&</a>',
      '<a/><b/>',
      '<a b="NaN"/>',
      'x<a/>',
    ]) {
      expect(notXml(bad), bad).not.toBe(null);
    }
  });
});

async function* chunks(text: string, size: number): AsyncGenerator<Uint8Array> {
  const bytes = new TextEncoder().encode(text);
  for (let i = 0; i < bytes.length; i += size) yield bytes.subarray(i, i + size);
}

async function all(text: string, size = 7, reading?: Reading): Promise<TraceLine[]> {
  const out: TraceLine[] = [];
  for await (const line of readLines(chunks(text, size), 'x.trace.ndjson', reading)) out.push(line);
  return out;
}

describe('trace files', () => {
  const header: TraceLine = { v: 1, trace: 'understudy', processes: [[0, 's/0', 'one']] };
  const stepWith = (data: unknown): TraceLine => ({
    v: 1,
    t: 5,
    board: 'one',
    process: 's/0',
    epoch: 0,
    n: 1,
    event: { kind: 'input', device: 0, i: 1, data },
    effects: [],
  });

  test('any value comes back as it was', () => {
    const leaf = fc.oneof(
      fc.constantFrom(Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, -0, 2n ** 60n, null, true),
      fc.double(),
      fc.string({ unit: 'binary' }),
      fc.uint8Array(),
      fc.float32Array(),
    );
    const key = fc.oneof(fc.constantFrom('$b64', '$', '$number', 'q'), fc.string()).filter((k) => k !== '__proto__');
    const value = fc.letrec((tie) => ({
      any: fc.oneof(
        { maxDepth: 3 },
        leaf,
        fc.array(tie('any'), { maxLength: 3 }),
        fc.dictionary(key, tie('any'), { maxKeys: 2, noNullPrototype: true }),
      ),
    })).any;
    fc.assert(
      fc.property(value, (data) => {
        const text = encodeLine(stepWith(data));
        expect(text).not.toContain('\n');
        expect(decodeLine(text)).toStrictEqual(stepWith(data));
      }),
      { numRuns: 100, seed: 20260 },
    );
  });

  test('a Buffer is bytes like any others', () => {
    const read = decodeLine(encodeLine(stepWith(Buffer.from([1, 2, 250]))));
    expect(read.event?.data).toStrictEqual(new Uint8Array([1, 2, 250]));
    expect(encodeLine(stepWith(Buffer.from([1, 2, 250])))).toContain('{"$b64":"AQL6"}');
  });

  test('a trace read from a file is judged as the one written', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'trace-'));
    try {
      const path = join(folder, 'a.trace.ndjson');
      await writeTrace(path, RECOVERY);
      const read = await readTrace(path);
      expect(read.lines).toStrictEqual(RECOVERY);
      expect(read.incomplete).toBe(false);
      expect(check(read.lines)).toEqual(check(RECOVERY));
      expect(check(read.lines).violations).toEqual([]);
      const missing = await failureIn(readTrace(join(folder, 'b')));
      expect([missing.code, missing.exit]).toEqual(['E_FILE', 2]);
      const writer = createTraceWriter(join(folder, 'no', 'such'), header);
      expect((await failureIn(writer.close())).code).toBe('E_FILE');
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  test('bytes may be split anywhere', async () => {
    const text = [header, stepWith('ä€🛰'), stepWith(2)].map((l) => `${encodeLine(l)}\n`).join('');
    for (const size of [1, 2, 3, 5, 1000])
      expect(await all(text, size)).toStrictEqual([header, stepWith('ä€🛰'), stepWith(2)]);
  });

  test('a bad line is named by its number', async () => {
    const good = encodeLine(stepWith(1));
    const first = encodeLine(header);
    const cases: [string, RegExp][] = [
      [`${first}\n\n{"v":1\n${good}\n`, /^x\.trace\.ndjson:3: not a line of a trace/],
      [`${first}\n${good}\n[]\n`, /:3: not an object/],
      [`${first}\n{"v":1,"t":"1"}\n`, /:2: "t" is not a number/],
      [`${first}\n{"v":1,"t":1}\n`, /:2: neither a header, a note, nor a step/],
      [`${first}\n{"v":1,"t":1,"process":"s/0"}\n`, /:2: a step without "event"/],
      [`${first}\n{"a":{"$unknown":"1"}}\n`, /:2: .*unknown kind of value \$unknown/],
      [`${good}\n`, /:1: the first line is no header/],
      ['{"v":2,"trace":"understudy","processes":[]}\n', /:1: trace version 2/],
      ['{"v":1,"trace":"other"}\n', /:1: a trace of "other"/],
      ['nonsense', /:1: not a line of a trace/],
    ];
    for (const [text, why] of cases) {
      const failure = await failureIn(all(text));
      expect(failure.message).toMatch(why);
      expect(failure.code).toBe('E_TRACE');
      expect(failure.next).not.toBe('');
    }
  });

  test('a recording that was cut off is read as far as it goes', async () => {
    const reading: Reading = { lines: 0, incomplete: false };
    const text = `${encodeLine(header)}\n${encodeLine(stepWith(1))}\n${encodeLine(stepWith(2)).slice(0, 30)}`;
    expect(await all(text, 9, reading)).toHaveLength(2);
    expect(reading.incomplete).toBe(true);
  });
});

describe('history', () => {
  test('the mission traces are good ones', () => {
    for (const lines of [RECOVERY, COMMIT, CUT]) expect(check(lines).violations).toEqual([]);
  });

  test('cuts, with all who took part', () => {
    const cuts = readHistory(RECOVERY).cuts;
    expect(cuts.map((c) => c.kind)).toEqual(['start', 'recovery']);
    expect(cuts.map((c) => c.epoch)).toEqual([5, 6]);
    expect(cuts[1]?.why).toBe('acceptance test failed');
    expect(cuts[1]?.frozen).toHaveLength(7);
    expect(cuts[1]?.reported).toHaveLength(5);
    expect(cuts[1]?.decided).toHaveLength(7);
    expect(readHistory(COMMIT).cuts.map((c) => c.kind)).toEqual(['start', 'commit']);
  });

  test('contaminated is what the vectors say', () => {
    for (const lines of [RECOVERY, COMMIT, CUT]) {
      const history = readHistory(lines);
      let compared = 0;
      for (const step of history.steps) {
        for (const passage of step.sent) {
          if (!passage.contaminated) continue;
          compared++;
          expect(step.touched, `${step.lane.name} ${step.n}`).toBe(true);
        }
      }
      expect(compared).toBeGreaterThan(3);
      const end = new Map(history.steps.map((s) => [s.lane.name, s.after]));
      for (const [name, condition] of end) expect(condition.contaminated && !condition.off, name).toBe(false);
    }
    const lows = readHistory(RECOVERY).steps.filter((s) => s.before.role === 'low');
    expect(lows.length).toBeGreaterThan(10);
    expect(lows.every((s) => s.before.contaminated)).toBe(true);
  });

  test('a rollback finds the step it goes back to', () => {
    const history = readHistory(RECOVERY);
    const back = history.steps.flatMap((s) =>
      s.marks.filter((m) => m.kind === 'rollback').map((m) => [s, m.back] as const),
    );
    expect(back.map(([s]) => s.lane.name).sort()).toEqual(['telemetry/0', 'wheels/0']);
    for (const [step, target] of back) {
      expect(target?.lane).toBe(step.lane);
      expect(target?.marks.some((m) => m.kind === 'checkpoint')).toBe(true);
    }
  });

  test('lines of different boards may come in any order, and from clocks that differ', () => {
    const [header, ...rest] = RECOVERY as [TraceLine, ...TraceLine[]];
    const boards = [...new Set(rest.map((l) => l.board))].reverse();
    const shuffled = [header, ...boards.flatMap((b) => rest.filter((l) => l.board === b))];
    expect(renderText(shuffled)).toBe(renderText(RECOVERY));
    const skewed = RECOVERY.map((l) => (l.board === 'actuators' ? { ...l, t: (l.t ?? 0) - 5000 } : l));
    const place = new Map(readHistory(skewed).steps.map((s) => [s, s.index]));
    let received = 0;
    for (const step of readHistory(skewed).steps) if (step.received) received++;
    const plain = readHistory(RECOVERY).steps.filter((s) => s.received).length;
    expect(received).toBe(plain);
    for (const [step, index] of place) if (step.received) expect(step.received.from.index).toBeLessThan(index);
  });

  test('a board that comes back with its log repeats itself unseen', () => {
    const at = RECOVERY.findIndex((l) => (l.t ?? 0) > 600_000);
    const before = RECOVERY.slice(1, at).filter((l) => l.board === 'actuators');
    const boot: TraceLine = { v: 1, t: RECOVERY[at - 1]?.t, board: 'actuators', note: { kind: 'boot', resumed: true } };
    const again = [...RECOVERY.slice(0, at), boot, ...before, ...RECOVERY.slice(at)];
    const steps = readHistory(again).steps.filter((s) => s.event.kind !== 'boot');
    expect(steps.length).toBe(readHistory(RECOVERY).steps.length);
  });

  test('a board that boots anew is clean, and its old messages are gone', () => {
    const at = CUT.findIndex((l) => l.note?.kind === 'off');
    const lines = [...CUT.slice(0, at + 1), { v: 1, t: 660_000, board: 'spare', note: { kind: 'boot' } } as TraceLine];
    const last = readHistory(lines).steps.pop();
    expect(last?.after).toEqual({ role: 'seat', contaminated: false, frozen: false, off: false });
  });
});

describe('diagrams as text', () => {
  test('a recovery', () => {
    golden('diagram-recovery.txt', renderText(RECOVERY, { max: 46 }));
  });

  test('a commit, in ASCII', () => {
    const text = renderText(COMMIT, { max: 40, ascii: true });
    golden('diagram-commit.txt', text);
    expect([...text].every((c) => c === '\n' || (c >= ' ' && c <= '~'))).toBe(true);
  });

  test('a power cut', () => {
    golden('diagram-cut.txt', renderText(CUT, { max: 40, around: 'failure' }));
  });

  test('keeps to the width, whatever it is', () => {
    for (const width of [72, 80, 100, 132]) {
      for (const line of renderText(RECOVERY, { width, max: 500, legend: false }).split('\n')) {
        expect([...line].length, line).toBeLessThanOrEqual(width);
      }
    }
  });

  test('a window shows what the whole shows there', () => {
    for (const lines of [RECOVERY, COMMIT, CUT]) {
      // without the time, which stands only where it is a new one
      const rest = (line: string) => line.slice(11);
      const whole = new Set(renderText(lines, { max: 5000, legend: false }).split('\n').map(rest));
      for (let max = 5; max < 60; max += 3) {
        for (const around of ['start', 'cut', 'end'] as const) {
          const part = renderText(lines, { max, around, legend: false }).split('\n');
          if (!part.some((l) => l.includes('telemetry')) || !whole.has(rest(part[1] as string))) continue;
          for (const line of part.slice(3))
            if (!line.includes('…')) expect(whole.has(rest(line)), `${max}: ${line}`).toBe(true);
        }
      }
    }
  });

  test('colours change nothing but the colour', () => {
    const plain = renderText(RECOVERY);
    const colour = renderText(RECOVERY, { color: true });
    expect(plain).not.toContain('\x1b');
    // biome-ignore lint/suspicious/noControlCharactersInRegex: ANSI colours begin with one
    expect(colour.replaceAll(/\x1b\[[0-9;]*m/g, '')).toBe(plain);
    expect(colour).not.toBe(plain);
    expect(colourWanted({ NO_COLOR: '1' }, true)).toBe(false);
    expect(colourWanted({}, true)).toBe(true);
    expect(colourWanted({}, false)).toBe(false);
    expect(colourWanted({ TERM: 'dumb' }, true)).toBe(false);
  });

  test('what is asked for is shown', () => {
    expect(renderText(RECOVERY, { around: 'start', max: 20 })).toContain('decides start');
    expect(renderText(RECOVERY, { around: { process: 'wheels/0', n: 1 }, max: 10 })).toContain('0.101');
    expect(renderText(RECOVERY, { from: 500_000, to: 510_000 })).not.toContain('0.600');
    const few = renderText(RECOVERY, { processes: ['wheels', 'telemetry/0'] });
    expect(few).toContain('rolls back');
    expect(few).not.toContain('estimator');
    const some = renderText(RECOVERY, { max: 500 });
    const everything = renderText(RECOVERY, { max: 5000, everything: true });
    expect(everything.split('\n').length).toBeGreaterThan(some.split('\n').length);
    // nothing a person has to know is left out
    for (const word of ['FAILED', 'TAKES OVER', 'rolls back', 'loses power', 'later', '→ shadow']) {
      expect(some.includes(word) || renderText(CUT, { max: 500 }).includes(word), word).toBe(true);
    }
  });

  test('what is not there is named', () => {
    const failing = (run: () => unknown): Failure => {
      try {
        run();
      } catch (error) {
        return error as Failure;
      }
      throw new Error('it did not fail');
    };
    expect(failing(() => renderText(RECOVERY, { around: 'commit' })).next).toContain('a recovery at 0.802 s');
    expect(failing(() => renderText(RECOVERY, { processes: ['wheel'] })).next).toContain('wheels/0');
    expect(failing(() => renderText(RECOVERY, { from: 9e9 })).next).toContain('the trace goes from 0.100 s');
    expect(failing(() => renderSvg(RECOVERY, { around: { process: 'wheels/0', n: 999 } })).code).toBe('E_EVENT');
  });
});

describe('diagrams as SVG', () => {
  test('well-formed, and by itself', () => {
    for (const lines of [RECOVERY, COMMIT, CUT]) {
      for (const options of [
        {},
        { max: 400 },
        { everything: true, max: 60 },
        { legend: false, around: 'start' as const },
      ]) {
        const svg = renderSvg(lines, options);
        expect(notXml(svg)).toBe(null);
        expect(svg).toContain('viewBox="0 0 ');
        expect(svg.replaceAll('http://www.w3.org/2000/svg', '')).not.toMatch(/https?:|href|@import/);
      }
    }
    expect(notXml(renderSvg(RECOVERY, { title: 'a < b & "c"\u0000' }))).toBe(null);
  });

  test('the same trace, the same picture', () => {
    expect(renderSvg(structuredClone(RECOVERY))).toBe(renderSvg(RECOVERY));
  });

  test('shows what happened', () => {
    const svg = renderSvg(RECOVERY, { max: 60 });
    const count = (text: string) => svg.split(text).length - 1;
    expect(count('>takes over</text>')).toBe(3); // two, and the legend
    expect(count('>rolls back</text>')).toBe(3);
    expect(count('>test failed</text>')).toBe(1);
    expect(svg).toContain('>RECOVERY</text>');
    expect(svg).toContain('>START</text>');
    expect(svg).toContain('url(#contaminated)');
    expect(svg).toContain('>q6 k2</text>');
    expect(svg).toContain('Torque q8 k4: controller/1 to wheels/0');
    const cut = renderSvg(CUT);
    expect(cut).toContain('>power lost</text>');
    expect(cut.split('is absent: silent for 300 ms</text>').length - 1).toBe(1);
  });

  test('marks and bands stand where the steps are', () => {
    const svg = renderSvg(RECOVERY, { max: 60 });
    const number = (name: string, tag: string) => Number(new RegExp(`${name}="([-\\d.]+)"`).exec(tag)?.[1]);
    const viewBox = /viewBox="0 0 ([\d.]+) ([\d.]+)"/.exec(svg);
    const [width, height] = [Number(viewBox?.[1]), Number(viewBox?.[2])];
    let seen = 0;
    for (const [tag] of svg.matchAll(/<(circle|rect|line|text) [^>]*>/g)) {
      for (const [names, limit] of [
        [['x', 'cx', 'x1', 'x2'], width] as const,
        [['y', 'cy', 'y1', 'y2'], height] as const,
      ]) {
        for (const name of names) {
          const value = number(` ${name}`, tag);
          if (Number.isNaN(value)) continue;
          seen++;
          expect(value, tag).toBeGreaterThanOrEqual(0);
          expect(value, tag).toBeLessThanOrEqual(limit);
        }
      }
    }
    expect(seen).toBeGreaterThan(500);
  });
});

describe('phases of a recovery', () => {
  test('from detection to the old version acting', () => {
    const p = phases(RECOVERY);
    expect(p).not.toBe(null);
    if (!p) return;
    expect([p.by, p.why, p.epoch]).toEqual(['wheels/0', 'acceptance test failed', 6]);
    const times = [p.detection, p.frozen, p.reported, p.decided, p.takenOver, p.acting] as number[];
    for (let i = 1; i < times.length; i++) expect(times[i]).toBeGreaterThanOrEqual(times[i - 1] as number);
    const parts = [p.ms.freeze, p.ms.report, p.ms.decide, p.ms.takeOver, p.ms.act] as number[];
    expect(parts.reduce((a, b) => a + b, 0)).toBeCloseTo(p.ms.total as number, 6);
    expect(p.ms.total).toBeGreaterThan(0.5);
    expect(p.ms.total).toBeLessThan(10);
    expect(phasesText(p)).toContain('in all');
  });

  test('a trace that ends in the middle says so', () => {
    const detected = (phases(RECOVERY) as { detection: number }).detection;
    const p = phases(RECOVERY.filter((l) => (l.t ?? 0) <= detected + 800));
    expect(p?.frozen).not.toBe(null);
    expect([p?.decided, p?.acting, p?.ms.total]).toEqual([null, null, null]);
    expect(phasesText(p as never)).toContain('not seen');
    expect(recoveries(COMMIT)).toEqual([]);
    expect(phases(COMMIT)).toBe(null);
  });
});

describe('a trace as lines', () => {
  const told = (lines: TraceLine[], verbosity: 1 | 2 | 3): string[] => {
    const teller = createTeller(lines[0] as TraceLine, { verbosity });
    return lines.map((l) => teller.tell(l)).filter((s): s is string => s !== null);
  };

  test('what a person has to know', () => {
    const lines = told(RECOVERY, 1);
    expect(lines.length).toBeLessThan(16);
    expect(lines).toContain('   0.802 s  actuators  wheels/0      acceptance test FAILED torque → recovery (epoch 5)');
    expect(lines.filter((l) => l.includes('decided: recovery'))).toHaveLength(1);
    expect(lines.filter((l) => l.includes('TAKES OVER'))).toHaveLength(2);
    const cut = told(CUT, 1);
    expect(cut.filter((l) => l.includes('absent'))).toHaveLength(1);
    expect(cut.some((l) => l.includes('spare') && l.includes('loses power'))).toBe(true);
  });

  test('more when asked', () => {
    const [one, two, three] = [told(RECOVERY, 1), told(RECOVERY, 2), told(RECOVERY, 3)];
    expect(two.length).toBeGreaterThan(one.length);
    expect(three.length).toBeGreaterThan(two.length);
    expect(two.some((l) => l.includes('Torque q8 k4, contaminated'))).toBe(true);
    expect(two.some((l) => l.includes('heartbeat'))).toBe(false);
    expect(three.some((l) => l.includes('heartbeat'))).toBe(true);
    expect(three.length).toBe(RECOVERY.length - 1);
  });
});

describe('charts', () => {
  const points = (f: (x: number) => number): [number, number][] =>
    Array.from({ length: 1001 }, (_, i) => [i / 10, f(i / 10)]);
  const chart = {
    title: 'Pointing error & <more>',
    xLabel: 'time, s',
    yLabel: 'error, degrees',
    series: [
      { name: 'guarded', points: points((x) => 1 + Math.sin(x / 5) ** 2) },
      { name: 'no guard', points: points((x) => (x < 50 ? 1 : (x - 49) ** 2)) },
    ],
    marks: [
      { x: 20, text: 'start' },
      { x: 50, text: 'recovery' },
    ],
    bands: [{ from: 20, to: 50, text: 'guarded operation' }],
    limits: [{ y: 5, text: 'required: 5°' }],
  };

  test('well-formed, whatever the data', () => {
    const odd: [number, number][] = [
      [0, Number.NaN],
      [1, Number.POSITIVE_INFINITY],
      [2, 0],
      [3, -4],
    ];
    for (const c of [
      chart,
      { ...chart, log: true },
      { ...chart, yMax: 30 },
      { ...chart, series: [] },
      { ...chart, series: [{ name: 'none', points: [] }], limits: [] },
      { ...chart, series: [{ name: 'one', points: [[3, 3] as [number, number]] }] },
      { ...chart, series: [{ name: 'odd', points: odd }] },
      { ...chart, log: true, limits: [], series: [{ name: 'odd', points: odd }] },
    ]) {
      expect(notXml(lineChart(c))).toBe(null);
      expect(textChart(c)).toContain('Pointing error');
      expect(lineChart(c)).toBe(lineChart(c));
    }
    expect(lineChart(chart)).toContain('Pointing error &amp; &lt;more&gt;');
    expect(lineChart(chart)).toContain('>required: 5°</text>');
  });

  test('a peak of one sample among many is drawn', () => {
    const flat = Array.from({ length: 100_001 }, (_, i): [number, number] => [i, i === 50_003 ? 9 : 1]);
    const svg = lineChart({
      ...chart,
      marks: [],
      bands: [],
      limits: [],
      series: [{ name: 'a', points: flat }],
      yMax: 10,
    });
    const path = /<path d="(M[^"]*L[^"]*)" fill="none" stroke="#0063a3"/.exec(svg)?.[1] ?? '';
    const ys = [...path.matchAll(/[ML]([\d.]+) ([\d.]+)/g)].map((m) => Number(m[2]));
    const least = Math.min(...ys);
    const most = Math.max(...ys);
    expect(ys.length).toBeLessThan(10_000);
    expect((most - least) / (most - 66)).toBeCloseTo(8 / 9, 1);
  });

  test('ticks are round numbers inside the axis', () => {
    expect(ticksOf(0, 30, 6)).toEqual([0, 5, 10, 15, 20, 25, 30]);
    expect(ticksOf(0, 120, 8)).toEqual([0, 20, 40, 60, 80, 100, 120]);
    expect(ticksOf(-0.3, 0.3, 6).map((t) => Number(t.toFixed(3)))).toEqual([-0.3, -0.2, -0.1, 0, 0.1, 0.2, 0.3]);
    expect(ticksOf(1, 1, 5)).toEqual([1]);
  });

  test('in the terminal', () => {
    const lines = textChart(chart, { width: 80, height: 10 }).split('\n');
    expect(lines.length).toBe(14);
    for (const line of lines.slice(1, 11)) expect([...line].length).toBeLessThanOrEqual(95);
    expect(textChart(chart, { ascii: true })).toMatch(/\*/);
    expect(sparkline([0, 1, 2, 3, 4, 5, 6, 7])).toBe('▁▂▃▄▅▆▇█');
    expect(sparkline([0, 0, 9, 0, 0, 0], { width: 3 })).toBe('▁█▁');
    expect(sparkline([0, Number.NaN, 2], { ascii: true })).toBe('_ #');
    expect(sparkline([0, 0])).toBe('▁▁');
  });
});

test('a process that does nothing is shown in the role that the header gives it', () => {
  const lines: TraceLine[] = [
    {
      v: 1,
      trace: 'understudy',
      processes: [
        [0, 'c/0', 'x'],
        [1, 'c/1', 'x'],
        [2, 'a/0', 'y'],
      ],
      roles: [
        [0, 'shadow'],
        [1, 'low'],
        [2, 'active'],
      ],
    },
    { v: 1, t: 1, board: 'y', process: 'a/0', epoch: 0, n: 1, event: { kind: 'input', device: 0, i: 1 }, effects: [] },
  ];
  const text = renderText(lines, { from: 0, to: 10, everything: true, max: 50, width: 100, color: false });
  expect(text.split('\n').find((line) => line.includes('seconds'))).toMatch(/old\s+new\s+active|shadow\s+new\s+active/);
});
