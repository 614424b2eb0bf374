// Every check, on small traces made by hand: silent on the good ones, and each planted violation found.

import { describe, expect, test } from 'vitest';
import { border } from '../host/check/border.ts';
import { cascade } from '../host/check/cascade.ts';
import { causality } from '../host/check/causal.ts';
import { check } from '../host/check/check.ts';
import { containment } from '../host/check/containment.ts';
import { fifo } from '../host/check/fifo.ts';
import { inputs } from '../host/check/inputs.ts';
import { DEFAULT_LIMITS, memory } from '../host/check/memory.ts';
import { orphans } from '../host/check/orphans.ts';
import { progress } from '../host/check/progress.ts';
import { truth } from '../host/check/truth.ts';
import type { TraceEffect, TraceEvent, TraceLine, TraceMessage } from '../host/check/types.ts';
import { verdict } from '../host/check/verdict.ts';

const S = 0;
const L = 1;
const A = 2;
const B = 4;
const NAMES: Record<number, string> = { 0: 's/0', 1: 's/1', 2: 'a/0', 4: 'b/0' };
const BOARDS: Record<number, string> = { 0: 'one', 1: 'one', 2: 'two', 4: 'three' };

/** Writes traces: numbers events and channels, and knows who is in which epoch. */
class Writer {
  lines: TraceLine[] = [];
  n: Record<number, number> = {};
  channel: Record<string, number> = {};
  epoch: Record<number, number> = {};
  inputs: Record<string, number> = {};
  t = 0;

  constructor(roles: [number, string][] | null, epoch: number) {
    const processes = [S, L, A, B].map((p): [number, string, string] => [p, NAMES[p] ?? '', BOARDS[p] ?? '']);
    const header: TraceLine = { v: 1, trace: 'understudy', processes };
    if (roles) {
      header.roles = roles;
      header.operation = { cluster: [0], lows: [L] };
    }
    this.lines.push(header);
    for (const p of [S, L, A, B]) this.epoch[p] = epoch;
  }

  send(from: number, to: number, message: Omit<TraceMessage, 'n' | 'epoch'> & { kind: string }): TraceEffect {
    const key = `${from}>${to}`;
    this.channel[key] = (this.channel[key] ?? 0) + 1;
    return { kind: 'send', to, message: { ...message, n: this.channel[key], epoch: this.epoch[from] } };
  }

  app(from: number, to: number, q: number, T: number[], V: number[], k = 0): TraceEffect {
    return this.send(from, to, { kind: 'app', q, k, T, V });
  }

  all(from: number, to: number[], message: Omit<TraceMessage, 'n' | 'epoch'> & { kind: string }): TraceEffect[] {
    return to.filter((p) => p !== from).map((p) => this.send(from, p, message));
  }

  step(p: number, event: TraceEvent, ...effects: TraceEffect[]): number {
    const n = (this.n[p] ?? 0) + 1;
    this.n[p] = n;
    this.t += 10;
    this.lines.push({ v: 1, t: this.t, board: BOARDS[p], process: NAMES[p], epoch: this.epoch[p], n, event, effects });
    for (const effect of effects) if (effect.kind === 'decide') this.epoch[p] = effect.epoch ?? 0;
    return n;
  }

  /** The next event number of a process. */
  next(p: number): number {
    return (this.n[p] ?? 0) + 1;
  }

  take(p: number, from: number, sent: TraceEffect, ...effects: TraceEffect[]): number {
    return this.step(p, { ...(sent.message as TraceMessage), from }, ...effects);
  }

  deliver(p: number): TraceEffect {
    return { kind: 'deliver', event: this.next(p) };
  }

  input(p: number, device: number, ...effects: TraceEffect[]): number {
    const key = `${p} ${device}`;
    this.inputs[key] = (this.inputs[key] ?? 0) + 1;
    const i = this.inputs[key] as number;
    return this.step(p, { kind: 'input', device, i, data: { value: i } }, this.deliver(p), ...effects);
  }

  driver(device: number, e: number, component: number): void {
    this.lines.push({ v: 1, t: this.t, board: 'two', note: { kind: 'driver', device, e, component, done: true } });
  }

  /** A whole cut; `after` gives what follows each process's decision. */
  cut(
    who: { initiator: number; all: number[]; survivors: number[] },
    cut: string,
    V: number[],
    event: TraceEvent,
    first: TraceEffect[],
    after: (p: number) => TraceEffect[],
  ): void {
    const { initiator, all, survivors } = who;
    const marker = { kind: 'freeze', cut };
    const frozen = { kind: 'freeze', cut };
    const markers = new Map<number, TraceEffect[]>();
    markers.set(initiator, this.all(initiator, all, marker));
    this.step(initiator, event, ...first, frozen, ...(markers.get(initiator) ?? []));
    const reports = new Map<number, TraceEffect[]>();
    const report = (p: number) => {
      reports.set(p, this.all(p, all, { kind: 'report', cut, V, ends: [[L, cut]] } as never));
      return [{ kind: 'report', cut }, ...(reports.get(p) ?? [])];
    };
    const others = all.filter((p) => p !== initiator);
    for (const p of others) {
      markers.set(p, this.all(p, all, marker));
      const own = (markers.get(initiator) ?? []).find((m) => m.to === p) as TraceEffect;
      this.step(p, { ...(own.message as TraceMessage), from: initiator }, frozen, ...(markers.get(p) ?? []));
    }
    for (const p of all) {
      const come = all.filter((from) => from !== p && from !== initiator);
      come.forEach((from, place) => {
        const sent = (markers.get(from) ?? []).find((m) => m.to === p) as TraceEffect;
        const last = place === come.length - 1 && survivors.includes(p);
        this.take(p, from, sent, ...(last ? report(p) : []));
      });
    }
    const steps: (() => void)[] = [];
    for (const p of all) {
      const come = survivors.filter((from) => from !== p);
      come.forEach((from, place) => {
        const sent = (reports.get(from) ?? []).find((m) => m.to === p) as TraceEffect;
        const decide = { kind: 'decide', cut, V, epoch: (this.epoch[p] ?? 0) + 1 };
        if (place < come.length - 1) this.take(p, from, sent);
        else {
          steps.push(() => {
            // what follows is numbered in the new epoch
            const n = (this.epoch[p] ?? 0) + 1;
            const before = this.epoch[p];
            this.epoch[p] = n;
            const effects = after(p);
            this.epoch[p] = before as number;
            this.take(p, from, sent, decide, ...effects);
          });
        }
      });
    }
    for (const step of steps) step();
  }
}

const EVERYONE = { initiator: L, all: [S, L, A, B], survivors: [S, A, B] };

/** L→A validated; L→A, A→B not; L fails; A and B roll back; S takes over. */
function recovery(): TraceLine[] {
  const w = new Writer(
    [
      [S, 'shadow'],
      [L, 'low'],
      [A, 'active'],
      [B, 'active'],
    ],
    1,
  );
  const m1 = w.app(L, A, 1, [1], [0], 1);
  w.input(L, 0, m1);
  w.input(S, 0, { kind: 'suppressed', to: 1, q: 1 });
  const mark = (p: number) => [{ kind: 'checkpoint', bytes: 100 }, { kind: 'journal', bytes: 40 }, w.deliver(p)];
  const passed = w.all(A, [S, L, A, B], { kind: 'passed', V: [1] });
  w.take(
    A,
    L,
    m1,
    ...mark(A),
    { kind: 'tested', device: 1, ok: true },
    { kind: 'reclaim', records: 2, left: 0 },
    ...passed,
    { kind: 'output', device: 1, e: 1, T: [1] },
  );
  w.driver(1, 1, 1);
  for (const sent of passed) w.take(sent.to as number, A, sent);
  const m2 = w.app(L, A, 2, [2], [1], 2);
  w.input(L, 0, m2);
  w.input(S, 0, { kind: 'suppressed', to: 1, q: 2 });
  const x = w.app(A, B, 1, [2], [1]);
  const back = w.take(A, L, m2, ...mark(A), x);
  const inner = w.input(A, 2, { kind: 'journal', bytes: 40 });
  const backB = w.take(B, A, x, ...mark(B));
  let log: TraceEffect[] = [];
  let again: TraceEffect | null = null;
  w.cut(EVERYONE, 'recovery', [1], { kind: 'fail', why: 'threw' }, [{ kind: 'failure', why: 'threw' }], (p) => {
    if (p === L) return [{ kind: 'role', role: 'stopped' }];
    if (p === A) {
      again = w.app(A, B, 1, [], []);
      return [
        { kind: 'rollback', event: back },
        { kind: 'forget', event: back },
        { kind: 'replay', event: inner },
        { kind: 'deliver', event: inner },
        again,
      ];
    }
    if (p === B) {
      return [
        { kind: 'rollback', event: backB },
        { kind: 'forget', event: backB },
      ];
    }
    log = [w.app(S, A, 1, [], []), w.app(S, A, 2, [], [])];
    return [{ kind: 'takeover', count: 2 }, ...log, { kind: 'role', role: 'active' }];
  });
  w.take(A, S, log[0] as TraceEffect, { kind: 'forget', event: w.next(A) });
  w.take(A, S, log[1] as TraceEffect, w.deliver(A), { kind: 'output', device: 1, e: 2, T: [] });
  w.driver(1, 2, 1);
  w.take(B, A, again as unknown as TraceEffect, w.deliver(B));
  const plain = { initiator: A, all: [S, A, B], survivors: [S, A, B] };
  w.cut(plain, 'cancel', [], { kind: 'word', word: 'start' }, [], () => []);
  return w.lines;
}

/** Stage, start with handover, some guarded operation, commit, and on. */
function upgrade(): TraceLine[] {
  const w = new Writer(null, 4);
  const operation = { cluster: [0], lows: [L] };
  w.input(S, 0);
  const early = w.app(A, S, 1, [], []);
  w.input(A, 2, early);
  for (const p of [S, A, B, L]) w.step(p, { kind: 'word', word: 'stage', operation });
  const old = [S, A, B];
  const markers: Record<number, TraceEffect[]> = {};
  const mark = (p: number) => {
    markers[p] = w.all(p, old, { kind: 'freeze' });
    return [{ kind: 'freeze', cut: 'start' }, ...(markers[p] ?? [])];
  };
  const from = (p: number, to: number, list: Record<number, TraceEffect[]>) =>
    (list[p] ?? []).find((m) => m.to === to) as TraceEffect;
  w.step(A, { kind: 'word', word: 'start' }, ...mark(A));
  w.step(B, { ...(from(A, B, markers).message as TraceMessage), from: A }, ...mark(B));
  // S freezes with a word of its own, so that A's message is held, handed over, and delivered by both
  w.step(S, { kind: 'word', word: 'start' }, ...mark(S));
  const held = w.take(S, A, early);
  w.take(S, A, from(A, S, markers));
  const handover = w.send(S, L, {
    kind: 'handover',
    held: [{ ...(early.message as TraceMessage), from: A }],
    pending: [],
    got: [1],
  });
  w.take(S, B, from(B, S, markers), handover);
  w.inputs['1 0'] = 1;
  const answer = w.send(L, S, { kind: 'migrated' });
  w.take(L, S, handover, answer);
  const reports: Record<number, TraceEffect[]> = {};
  const report = (p: number) => {
    reports[p] = w.all(p, [S, L, A, B], { kind: 'report', V: [] });
    return [{ kind: 'report', cut: 'start' }, ...(reports[p] ?? [])];
  };
  w.take(S, L, answer, ...report(S));
  w.take(A, B, from(B, A, markers));
  w.take(A, S, from(S, A, markers), ...report(A));
  w.take(B, S, from(S, B, markers), ...report(B));
  const decide = { kind: 'decide', cut: 'start', V: [], epoch: 5 };
  w.take(S, A, from(A, S, reports));
  w.take(
    S,
    B,
    from(B, S, reports),
    decide,
    { kind: 'role', role: 'shadow' },
    { kind: 'deliver', event: held },
    { kind: 'suppressed', to: 1, q: 1 },
  );
  w.take(A, S, from(S, A, reports));
  w.take(A, B, from(B, A, reports), decide);
  w.take(B, S, from(S, B, reports));
  w.take(B, A, from(A, B, reports), decide);
  w.take(L, S, from(S, L, reports));
  w.take(L, A, from(A, L, reports));
  w.epoch[L] = 5;
  const m = w.app(L, A, 1, [1], [0], 1);
  w.epoch[L] = 4;
  w.take(L, B, from(B, L, reports), decide, { kind: 'role', role: 'low' }, w.deliver(L), m);
  w.input(S, 0);
  w.input(L, 0);
  w.take(A, L, m, { kind: 'checkpoint', bytes: 1 }, { kind: 'journal', bytes: 1 }, w.deliver(A));
  const twins = [w.app(A, S, 2, [1], [0]), w.app(A, L, 2, [1], [0])];
  w.input(A, 2, { kind: 'journal', bytes: 1 }, ...twins);
  w.take(S, A, twins[0] as TraceEffect, { kind: 'checkpoint', bytes: 1 }, { kind: 'journal', bytes: 1 }, w.deliver(S));
  w.take(L, A, twins[1] as TraceEffect, w.deliver(L));
  w.cut({ ...EVERYONE, initiator: B }, 'commit', [0], { kind: 'word', word: 'commit' }, [], (p) =>
    p === L ? [{ kind: 'role', role: 'active' }] : p === S ? [{ kind: 'role', role: 'stopped' }] : [],
  );
  const after = w.app(L, A, 2, [], []);
  w.input(L, 0, after);
  w.take(A, L, after, w.deliver(A), { kind: 'output', device: 1, e: 1, T: [] });
  return w.lines;
}

function copy(lines: TraceLine[]): TraceLine[] {
  return JSON.parse(JSON.stringify(lines)) as TraceLine[];
}

/** The lines of one process. */
function of(lines: TraceLine[], p: number): TraceLine[] {
  return lines.filter((l) => l.process === NAMES[p]);
}

function withEffect(lines: TraceLine[], p: number, kind: string): TraceLine {
  const line = of(lines, p).find((l) => l.effects?.some((e) => e.kind === kind));
  if (!line) throw new Error(`no ${kind}`);
  return line;
}

function drop(line: TraceLine, kind: string): void {
  line.effects = line.effects?.filter((e) => e.kind !== kind) ?? [];
}

function effect(line: TraceLine, kind: string): TraceEffect {
  return line.effects?.find((e) => e.kind === kind) as TraceEffect;
}

/** Plants a violation in a copy of a good trace. */
function planted(good: TraceLine[], change: (lines: TraceLine[]) => TraceLine[] | undefined): TraceLine[] {
  const lines = copy(good);
  return change(lines) ?? lines;
}

describe('good traces', () => {
  test('a recovery', () => {
    const report = check(recovery());
    expect(report.violations).toEqual([]);
    for (const what of [
      'steps',
      'messages received',
      'outputs',
      'processes recovered',
      'messages sent in recoveries',
      'pairs compared at cuts',
      'messages accounted for at cuts',
      'outputs done by drivers',
      'messages delivered',
      'cuts',
      'decisions',
      'states that count as clean',
      'messages compared with their vectors',
      'verdicts compared with the tests',
      'rollbacks',
      'journal records',
      'device inputs',
      'freezes',
    ]) {
      expect(report.counts[what], what).toBeGreaterThan(0);
    }
    expect(report.counts['longest rollback']).toBe(2);
  });

  test('a start and a commit', () => {
    const report = check(upgrade());
    expect(report.violations).toEqual([]);
    expect(report.counts['cuts: start']).toBe(1);
    expect(report.counts['cuts: commit']).toBe(1);
    expect(report.counts['messages accounted for at cuts']).toBeGreaterThan(3);
  });

  test('lines of different boards may come in any order', () => {
    for (const lines of [recovery(), upgrade()]) {
      const [header, ...rest] = lines;
      const boards = ['three', 'two', 'one'].flatMap((b) => rest.filter((l) => l.board === b));
      expect(check([header as TraceLine, ...boards]).violations).toEqual([]);
    }
  });

  test('a board that comes back with its log may repeat itself', () => {
    const lines = recovery();
    const at = lines.indexOf(of(lines, A)[1] as TraceLine) + 1;
    const before = lines.slice(0, at).filter((l) => l.process === NAMES[A]);
    const boot: TraceLine = { v: 1, t: 5, board: 'two', note: { kind: 'boot', resumed: true } };
    const again = [...lines.slice(0, at), boot, ...copy(before), ...lines.slice(at)];
    expect(check(again).violations).toEqual([]);
    expect(check(again).counts['steps repeated after power cuts']).toBe(before.length);
    const other = copy(again);
    const repeated = other[at + 1] as TraceLine;
    repeated.event = { kind: 'timer', name: 'beat' };
    expect(fifo(other).map((v) => v.rule)).toContain('trace');
  });

  test('a board that begins anew restarts its numbers', () => {
    const w = new Writer(null, 1);
    for (let q = 1; q <= 2; q++) {
      const m = w.app(A, B, q, [], []);
      w.input(A, 2, m);
      w.take(B, A, m, w.deliver(B));
    }
    w.lines.push({ v: 1, t: w.t, board: 'two', note: { kind: 'boot' } });
    w.n[A] = 0;
    w.channel['2>4'] = 0;
    w.inputs = {};
    w.step(B, { kind: 'reborn', pid: A });
    const m = w.app(A, B, 1, [], []);
    w.input(A, 2, m);
    w.take(B, A, m, w.deliver(B));
    expect(check(w.lines).violations).toEqual([]);
    const silent = w.lines.filter((l) => l.note?.kind !== 'boot');
    expect(check(silent).violations.length).toBeGreaterThan(0);
  });
});

describe('containment', () => {
  test('a contaminated process puts out untested', () => {
    const bad = planted(recovery(), (lines) => {
      const line = of(lines, B).find((l) => l.event?.kind === 'app') as TraceLine;
      line.effects?.push({ kind: 'output', device: 3, e: 1, T: [0] });
      return undefined;
    });
    const found = containment(bad);
    expect(found).toHaveLength(1);
    expect(found[0]?.process).toBe('b/0');
    expect(found[0]?.path?.join('\n')).toMatch(/s\/1 event \d+ sends it, carrying 2\na\/0[\s\S]*b\/0/);
  });

  test('a test that failed, or only a compensation passed', () => {
    const failed = planted(recovery(), (lines) => {
      effect(withEffect(lines, A, 'tested'), 'tested').ok = false;
      return undefined;
    });
    expect(containment(failed).length).toBeGreaterThan(0);
    const compensated = planted(recovery(), (lines) => {
      effect(withEffect(lines, A, 'tested'), 'tested').compensated = true;
      return undefined;
    });
    expect(containment(compensated).some((v) => v.why.includes('after a recovery'))).toBe(false);
    expect(truth(compensated).some((v) => v.why.startsWith('V*'))).toBe(true);
  });

  test('a low process puts out untested', () => {
    const bad = planted(recovery(), (lines) => {
      of(lines, L)[0]?.effects?.push({ kind: 'output', device: 4, e: 1, T: [1] });
      return undefined;
    });
    expect(containment(bad)).toHaveLength(1);
  });

  test('nobody rolls back', () => {
    const bad = planted(recovery(), (lines) => {
      const line = withEffect(lines, B, 'rollback');
      drop(line, 'rollback');
      return undefined;
    });
    expect(containment(bad).map((v) => v.why)[0]).toMatch(/state after a recovery/);
  });

  test('a contaminated message is delivered again', () => {
    const bad = planted(recovery(), (lines) => {
      effect(withEffect(lines, A, 'rollback'), 'forget').kind = 'replay';
      return undefined;
    });
    expect(containment(bad).map((v) => v.why)[0]).toMatch(/delivery in a recovery/);
  });

  test('the log keeps what a rollback took back', () => {
    const bad = planted(recovery(), (lines) => {
      const line = withEffect(lines, S, 'takeover');
      effect(line, 'takeover').count = 3;
      const last = line.effects?.findLast((e) => e.kind === 'send') as TraceEffect;
      line.effects?.splice(line.effects.indexOf(last) + 1, 0, {
        kind: 'output',
        device: 5,
        e: 9,
        T: [],
      });
      return undefined;
    });
    expect(containment(bad).map((v) => v.why)[0]).toMatch(/log/);
  });

  test('a timer armed by a contaminated state outlives the rollback', () => {
    const build = (replayed: boolean) =>
      planted(recovery(), (lines) => {
        const taken = of(lines, A).find((l) => l.event?.kind === 'app' && l.event.q === 2) as TraceLine;
        taken.effects?.push({ kind: 'armed', name: 'beat' });
        const next = of(lines, A).find((l) => l.event?.kind === 'input') as TraceLine;
        next.event = { kind: 'timer', name: 'beat' };
        if (!replayed) {
          const line = withEffect(lines, A, 'rollback');
          const again = effect(line, 'replay');
          line.effects = line.effects?.filter((e) => e.kind !== 'deliver') ?? [];
          again.kind = 'forget';
        }
        return undefined;
      });
    expect(containment(build(false))).toEqual([]);
    expect(containment(build(true)).map((v) => v.why)[0]).toMatch(/delivery in a recovery/);
  });
});

describe('orphans and losses', () => {
  test('the sender rolls back past a message, the receiver does not', () => {
    const bad = planted(recovery(), (lines) => {
      drop(withEffect(lines, B, 'rollback'), 'rollback');
      return undefined;
    });
    expect(orphans(bad).map((v) => v.why)[0]).toMatch(/another message|never sent/);
  });

  test('the receiver rolls back, the sender does not', () => {
    const bad = planted(recovery(), (lines) => {
      const line = withEffect(lines, A, 'rollback');
      drop(line, 'rollback');
      drop(line, 'replay');
      drop(line, 'send');
      return undefined;
    });
    expect(orphans(bad).map((v) => v.why)[0]).toMatch(/neither taken, held nor in flight/);
  });

  test('the log is not sent', () => {
    const bad = planted(recovery(), (lines) => {
      const line = withEffect(lines, S, 'takeover');
      effect(line, 'takeover').count = 0;
      drop(line, 'send');
      return lines.filter((l) => !(l.process === NAMES[A] && l.event?.from === S && l.event.kind === 'app'));
    });
    expect(orphans(bad).some((v) => v.why.includes('q=2 was sent'))).toBe(true);
  });

  test('a message that is neither delivered nor held', () => {
    const bad = planted(recovery(), (lines) => {
      const line = of(lines, B).find((l) => l.event?.kind === 'app') as TraceLine;
      line.effects = [];
      return undefined;
    });
    expect(orphans(bad).some((v) => v.why.includes('neither delivered nor held'))).toBe(true);
  });

  test('a held message is lost when its process resumes', () => {
    const bad = planted(upgrade(), (lines) => {
      drop(withEffect(lines, S, 'decide'), 'deliver');
      return undefined;
    });
    const lost = orphans(bad).filter((v) => v.why.includes('neither delivered nor held'));
    expect(lost.map((v) => v.process)).toContain('s/0');
  });

  test('a held message is not handed over', () => {
    const bad = planted(upgrade(), (lines) => {
      const line = withEffect(lines, S, 'send');
      for (const l of lines) if (l.event?.kind === 'handover') l.event.held = [];
      return line ? undefined : undefined;
    });
    expect(orphans(bad).map((v) => v.process)).toContain('s/1');
  });
});

describe('border continuity', () => {
  test('a gap and a repeat in q', () => {
    const gap = planted(recovery(), (lines) => {
      const line = of(lines, A).find((l) => l.event?.kind === 'app' && l.event.q === 2) as TraceLine;
      (line.event as TraceEvent).q = 3;
      return undefined;
    });
    expect(border(gap).map((v) => v.why)[0]).toMatch(/takes q=3 of s\/1 after q=1/);
    const repeat = planted(recovery(), (lines) => {
      const line = of(lines, A).find((l) => l.event?.from === S && l.event.kind === 'app') as TraceLine;
      effect(line, 'forget').kind = 'deliver';
      return undefined;
    });
    expect(border(repeat).map((v) => v.why)[0]).toMatch(/takes q=1 of s\/0 after q=1/);
  });

  test('a sender that skips a number', () => {
    const bad = planted(recovery(), (lines) => {
      (effect(of(lines, L)[0] as TraceLine, 'send').message as TraceMessage).q = 2;
      return undefined;
    });
    expect(border(bad)[0]?.why).toMatch(/sends q=2/);
  });

  test('devices, by their drivers', () => {
    const change = (e: number) =>
      planted(recovery(), (lines) => {
        const note = lines.findLast((l) => l.note?.kind === 'driver')?.note;
        if (note) note.e = e;
        return undefined;
      });
    expect(border(change(3))[0]?.why).toMatch(/did e=3 after e=1/);
    expect(border(change(1))[0]?.why).toMatch(/did e=1 after e=1/);
  });

  test('a power cut may cost or repeat the one output in the hands of the driver, and no more', () => {
    const w = (...es: (number | 'boot')[]): TraceLine[] =>
      es.map((e) =>
        e === 'boot'
          ? { v: 1, t: 1, board: 'two', note: { kind: 'boot', resumed: true } }
          : { v: 1, t: 1, board: 'two', note: { kind: 'driver', device: 1, e, component: 1, done: true } },
      );
    expect(border(w(1, 2, 'boot', 2, 3))).toEqual([]);
    expect(border(w(1, 2, 'boot', 4, 5))).toEqual([]);
    expect(border(w(1, 2, 'boot', 4, 6))).toHaveLength(1);
    expect(border(w(1, 2, 'boot', 5))).toHaveLength(1);
  });

  test('devices, by outputs where no driver speaks', () => {
    const bad = planted(recovery(), (lines) => {
      const line = of(lines, A).findLast((l) => l.effects?.some((e) => e.kind === 'output')) as TraceLine;
      effect(line, 'output').e = 3;
      return lines.filter((l) => !l.note);
    });
    const found = border(bad).map((v) => v.why);
    expect(found).toContain('device 1: e=3 after e=1');
    expect(found).toContain('device 1: puts out e=3, expected 2');
  });

  test('a low process that puts out after its board has decided', () => {
    const bad = planted(recovery(), (lines) => {
      const decided = lines.indexOf(withEffect(lines, S, 'takeover'));
      const stopped = lines.indexOf(withEffect(lines, L, 'role'));
      const [line] = lines.splice(stopped, 1) as [TraceLine];
      const late: TraceLine = copy([line])[0] as TraceLine;
      late.event = { kind: 'timer', name: 'beat' };
      late.effects = [
        { kind: 'tested', device: 1, ok: true },
        { kind: 'output', device: 1, e: 2, T: [2] },
      ];
      line.n = (line.n ?? 0) + 1;
      lines.splice(Math.max(decided, stopped), 0, late, line);
      return undefined;
    });
    expect(border(bad).some((v) => v.why.includes('after its board has decided'))).toBe(true);
  });
});

describe('verdict', () => {
  test('different kinds, vectors, and epochs', () => {
    const change = (by: (e: TraceEffect) => void) =>
      planted(recovery(), (lines) => {
        by(effect(withEffect(lines, B, 'decide'), 'decide'));
        return undefined;
      });
    expect(verdict(change((e) => (e.cut = 'commit')))[0]?.why).toMatch(/commit/);
    expect(verdict(change((e) => (e.V = [2])))[0]?.why).toMatch(/V\*/);
    expect(verdict(change((e) => (e.epoch = 7))).length).toBeGreaterThan(0);
  });
});

describe('truth of the dirty bit', () => {
  const falseClean = () => {
    const w = new Writer(
      [
        [S, 'shadow'],
        [L, 'low'],
        [A, 'active'],
        [B, 'active'],
      ],
      1,
    );
    // PROTOCOL 9.1: A keeps 1 and 3, B's test vouches for 2; A must not think itself clean
    const m1 = w.app(L, A, 1, [1], [0], 1);
    const m2 = w.app(L, B, 1, [2], [0], 2);
    const m3 = w.app(L, A, 2, [3], [0], 3);
    w.input(L, 0, m1, m2, m3);
    w.take(A, L, m1, { kind: 'checkpoint', bytes: 1 }, { kind: 'journal', bytes: 1 }, w.deliver(A));
    w.take(A, L, m3, { kind: 'journal', bytes: 1 }, w.deliver(A));
    const passed = w.send(B, A, { kind: 'passed', V: [2] });
    w.take(
      B,
      L,
      m2,
      { kind: 'checkpoint', bytes: 1 },
      { kind: 'journal', bytes: 1 },
      w.deliver(B),
      { kind: 'tested', device: 5, ok: true },
      { kind: 'reclaim', records: 2, left: 0 },
      passed,
      { kind: 'output', device: 5, e: 1, T: [2] },
    );
    return { w, passed };
  };

  test('false clean', () => {
    const good = falseClean();
    good.w.take(A, B, good.passed, { kind: 'reclaim', records: 1, left: 2 });
    expect(truth(good.w.lines)).toEqual([]);
    const bad = falseClean();
    bad.w.take(A, B, bad.passed, { kind: 'reclaim', records: 3, left: 0 });
    expect(truth(bad.w.lines)[0]?.why).toMatch(/counts as clean .* \[3\]; vouched for is \[2\]/);
    bad.w.step(A, { kind: 'timer', name: 'beat' }, bad.w.deliver(A), { kind: 'output', device: 1, e: 1, T: [] });
    expect(containment(bad.w.lines)).toHaveLength(1);
  });

  test('vectors that say too little, or vouch for too much', () => {
    const change = (by: (m: TraceMessage) => void) =>
      planted(recovery(), (lines) => {
        const line = of(lines, A).find((l) => l.event?.q === 2 && l.event.from === L) as TraceLine;
        by(effect(line, 'send').message as TraceMessage);
        return undefined;
      });
    expect(truth(change((m) => (m.T = [1])))[0]?.why).toMatch(/says it depends on \[1\]/);
    expect(truth(change((m) => (m.V = [2]))).some((v) => v.why.includes('says [2] is validated'))).toBe(true);
    expect(truth(change((m) => (m.k = 2)))[0]?.why).toMatch(/boundary index/);
    const V = planted(recovery(), (lines) => {
      for (const l of lines) for (const e of l.effects ?? []) if (e.kind === 'decide' && e.epoch === 2) e.V = [2];
      return undefined;
    });
    expect(truth(V)[0]?.why).toMatch(/V\* is \[2\]/);
  });
});

describe('cascade', () => {
  const change = (by: (line: TraceLine) => void) =>
    planted(recovery(), (lines) => {
      by(withEffect(lines, A, 'rollback'));
      return undefined;
    });

  test('a second rollback', () => {
    const bad = change((line) => {
      line.effects?.push({ ...effect(line, 'rollback') });
    });
    expect(cascade(bad).map((v) => v.why)[0]).toMatch(/second time/);
  });

  test('too far', () => {
    const bad = change((line) => {
      effect(line, 'rollback').event = 1;
    });
    expect(cascade(bad).map((v) => v.why)[0]).toMatch(/its first unvalidated one is/);
    const unknown = change((line) => {
      effect(line, 'rollback').event = 99;
    });
    expect(cascade(unknown).map((v) => v.why)[0]).toMatch(/did not deliver/);
  });

  test('over what was emitted before, and is validated', () => {
    const bad = change((line) => {
      effect(line, 'rollback').event = 1;
    });
    const why = cascade(bad).map((v) => v.why);
    expect(why).toContain('rolls back over what it emitted at event 1, which V* [1] covers');
  });

  test('without need, or outside a recovery', () => {
    const needless = planted(recovery(), (lines) => {
      for (const l of lines) for (const e of l.effects ?? []) if (e.kind === 'decide') e.V = [2];
      return undefined;
    });
    expect(cascade(needless).map((v) => v.why)[0]).toMatch(/without need/);
    const outside = change((line) => {
      drop(line, 'decide');
    });
    expect(cascade(outside).map((v) => v.why)[0]).toMatch(/outside/);
  });
});

describe('memory', () => {
  test('journal', () => {
    const tight = { ...DEFAULT_LIMITS, journalRecords: 2 };
    const found = memory(recovery(), {}, tight).map((v) => v.why);
    expect(found.some((why) => why.includes('nothing follows'))).toBe(true);
    expect(found.some((why) => why.includes('grows past its bound'))).toBe(true);
    expect(memory(recovery(), {}, { ...DEFAULT_LIMITS, journalBytes: 150 }).length).toBeGreaterThan(0);
    const told = planted(recovery(), (lines) => {
      effect(withEffect(lines, A, 'reclaim'), 'reclaim').left = 1;
      return undefined;
    });
    expect(memory(told)[0]?.why).toMatch(/holds 1 records, counted 0/);
  });

  test('log and held messages', () => {
    expect(memory(recovery(), {}, { ...DEFAULT_LIMITS, logEntries: 1 })[0]?.why).toMatch(/log of 2/);
    expect(memory(upgrade(), {}, { ...DEFAULT_LIMITS, held: 0 })[0]?.why).toMatch(/holds 1/);
  });
});

describe('progress', () => {
  const stuck = () =>
    planted(recovery(), (lines) => {
      const decided = withEffect(lines, B, 'decide');
      return lines.slice(0, lines.indexOf(decided));
    });

  test('a survivor never decides', () => {
    expect(progress(stuck()).map((v) => v.process)).toEqual(['b/0']);
    expect(check(stuck(), { live: true }).violations.filter((v) => v.rule === 'progress')).toEqual([]);
  });

  test('a survivor hears nothing of the cut', () => {
    const bad = planted(recovery(), (lines) => lines.filter((l) => l.process !== NAMES[B]));
    expect(progress(bad).map((v) => v.process)).toEqual(['b/0']);
  });

  test('unless its board is off', () => {
    const off = [...stuck(), { v: 1, t: 9, board: 'three', note: { kind: 'off' } }];
    expect(progress(off)).toEqual([]);
    expect(progress([...off, { v: 1, t: 9, board: 'three', note: { kind: 'boot', resumed: true } }])).toHaveLength(1);
  });
});

describe('channels', () => {
  test('gap, repeat, and a message from nowhere', () => {
    const take = (n: number) =>
      planted(recovery(), (lines) => {
        const line = of(lines, A).find((l) => l.event?.q === 2 && l.event.from === L) as TraceLine;
        (line.event as TraceEvent).n = n;
        return undefined;
      });
    expect(fifo(take(3))[0]?.why).toMatch(/number 2 was|was to come first|2/);
    expect(fifo(take(1)).length).toBeGreaterThan(0);
    expect(fifo(take(77)).some((v) => v.why.includes('never sent'))).toBe(true);
  });

  test('a sender that skips a number', () => {
    const bad = planted(recovery(), (lines) => {
      const line = of(lines, L).filter((l) => l.event?.kind === 'input')[1] as TraceLine;
      (effect(line, 'send').message as TraceMessage).n = 5;
      return undefined;
    });
    expect(fifo(bad)[0]?.why).toMatch(/sent number 5, expected 2|number 2/);
  });

  test('a message of another epoch', () => {
    const bad = planted(recovery(), (lines) => {
      const line = of(lines, A).find((l) => l.event?.from === S && l.event.kind === 'app') as TraceLine;
      (line.event as TraceEvent).epoch = 1;
      return undefined;
    });
    expect(fifo(bad)[0]?.why).toMatch(/of epoch 1 in epoch 2/);
  });

  test('a message after its sender was reported absent', () => {
    const bad = planted(recovery(), (lines) => {
      const line = withEffect(lines, B, 'report');
      for (const e of line.effects ?? []) if (e.message?.ends) e.message.ends = [[S, 'absent']];
      return undefined;
    });
    expect(fifo(bad)[0]?.why).toMatch(/after its verdict/);
  });

  const guarded = () => {
    const roles: [number, string][] = [
      [S, 'shadow'],
      [L, 'low'],
      [A, 'active'],
      [B, 'active'],
    ];
    return new Writer(roles, 1);
  };

  test('a message between a low process and a shadow', () => {
    for (const [from, to] of [
      [L, S],
      [S, L],
    ] as const) {
      const w = guarded();
      const sent = w.app(from, to, 1, [0], [0]);
      w.input(from, 0, sent);
      w.take(to, from, sent, w.deliver(to));
      expect(fifo(w.lines).map((v) => v.why)).toEqual([
        `takes a message of ${NAMES[from]}, the ${from === L ? 'low' : 'shadow'} one, as the ${to === L ? 'low' : 'shadow'} one`,
      ]);
    }
  });

  test('something behind a marker', () => {
    const w = guarded();
    w.step(A, { kind: 'word', word: 'commit' }, { kind: 'freeze', cut: 'commit' });
    w.input(A, 2, w.app(A, B, 1, [0], [0]));
    expect(fifo(w.lines).map((v) => v.why)).toEqual(['to b/0: sends app behind its marker']);
  });

  test('a trace with lines missing, or none of whose processes is known', () => {
    const bad = planted(recovery(), (lines) => {
      lines.splice(lines.indexOf(of(lines, S)[1] as TraceLine), 1);
      return undefined;
    });
    expect(fifo(bad).map((v) => v.rule)).toContain('trace');
    expect(fifo(recovery().slice(1))[0]?.why).toMatch(/no header/);
  });
});

describe('inputs', () => {
  test('a gap, a repeat, another content', () => {
    const change = (by: (e: TraceEvent) => void) =>
      planted(recovery(), (lines) => {
        by(of(lines, S).filter((l) => l.event?.kind === 'input')[1]?.event as TraceEvent);
        return undefined;
      });
    expect(inputs(change((e) => (e.i = 3)))[0]?.why).toMatch(/takes input 3 after 1/);
    expect(inputs(change((e) => (e.i = 1))).length).toBeGreaterThan(0);
    expect(inputs(change((e) => (e.data = {})))[0]?.why).toMatch(/not what another process took/);
  });

  test('an input between handover and decision reaches the old version alone', () => {
    const bad = planted(upgrade(), (lines) => {
      const first = of(lines, L).find((l) => l.event?.kind === 'input') as TraceLine;
      (first.event as TraceEvent).i = 3;
      return undefined;
    });
    expect(inputs(bad)[0]?.why).toMatch(/takes input 3 after 1/);
    const told = planted(upgrade(), (lines) => {
      for (const l of lines) if (l.event?.kind === 'handover') l.event.got = [0];
      return undefined;
    });
    expect(inputs(told)[0]?.why).toMatch(/the handover says input 0/);
  });

  test('an input is lost in a rollback', () => {
    const bad = planted(recovery(), (lines) => {
      const line = withEffect(lines, A, 'rollback');
      drop(line, 'replay');
      drop(line, 'deliver');
      return undefined;
    });
    expect(inputs(bad)[0]?.why).toMatch(/lost in a rollback/);
    const left = planted(recovery(), (lines) => {
      effect(withEffect(lines, A, 'rollback'), 'replay').kind = 'forget';
      return undefined;
    });
    expect(inputs(left).length).toBeGreaterThan(0);
  });
});

test('a long trace takes no more than seconds', { timeout: 60_000 }, () => {
  const w = new Writer(
    [
      [S, 'shadow'],
      [L, 'low'],
      [A, 'active'],
      [B, 'active'],
    ],
    1,
  );
  for (let i = 1; w.lines.length < 100_000; i++) {
    const m = w.app(L, A, i, [i], [i - 1], i);
    w.input(L, 0, m);
    w.input(S, 0, { kind: 'suppressed', to: 1, q: i });
    const passed = w.all(A, [S, L, A, B], { kind: 'passed', V: [i] });
    const x = w.app(A, B, i, [i], [i]);
    w.take(
      A,
      L,
      m,
      { kind: 'checkpoint', bytes: 100 },
      { kind: 'journal', bytes: 40 },
      w.deliver(A),
      { kind: 'tested', device: 1, ok: true },
      { kind: 'reclaim', records: 2, left: 0 },
      ...passed,
      { kind: 'output', device: 1, e: i, T: [i] },
      x,
    );
    for (const sent of passed) w.take(sent.to as number, A, sent);
    w.take(B, A, x, w.deliver(B));
  }
  // of the processor's time, which does not depend on what else the machine does
  const before = process.cpuUsage();
  expect(check(w.lines).violations).toEqual([]);
  expect(process.cpuUsage(before).user / 1e6).toBeLessThan(10);
  expect(causality(w.lines).steps.length).toBe(w.lines.length - 1);
});
