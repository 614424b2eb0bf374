// The corrected rules under everything that may happen: runs that a seed decides, small systems as far as they go,
// and the runs that once went wrong.

import { describe, expect, test } from 'vitest';
import type { TraceEffect } from '../host/check/types.ts';
import { FINDINGS, search } from '../host/explore/counterexample.ts';
import type { Explored } from '../host/explore/explore.ts';
import { exploreAll } from '../host/explore/explore.ts';
import * as link from '../host/explore/link.ts';
import { Scenario } from '../host/explore/scenario.ts';
import { explore } from '../host/explore/search.ts';
import { shapeOf } from '../host/explore/shape.ts';
import type { Small } from '../host/explore/shapes.ts';
import { SHAPES, SMALL, smallWorld } from '../host/explore/shapes.ts';
import { MOMENTS } from '../host/explore/state-durable.ts';
import type { Wrong } from '../host/explore/state-system.ts';
import type { Mistakes } from '../host/explore/storage.ts';
import { seededChoose, simulate } from '../host/explore/simulate.ts';
import { differences, replay, replayStored } from '../host/explore/state-replay.ts';
import { input, processAt, takeable, takeInput } from '../host/explore/world.ts';
import type { Change } from '../host/mutants/core.ts';
import { buildChanged, withMistake } from '../host/mutants/core.ts';
import { MUTANTS } from '../host/mutants/list/all.ts';
import type { Mutant } from '../host/mutants/mutant.ts';
import { subjectOf } from '../host/mutants/run.ts';

const S = 0;
const L = 1;
const A = 2;
const B = 4;
const to = (pid: number) => ({ to: pid >> 1 });
const out = (pid: number) => ({ device: pid >> 1 });

const RUNS = Number(process.env.RUNS ?? 1200);
const STATES = Number(process.env.STATES ?? 2000);
const FAST = Number(process.env.FAST ?? 5000);

const REDUCED = [
  '1 low, 1 active: one message, a failure',
  '1 low, 1 active: one message, commit or abort',
  '1 low, 1 active: feedback into the cluster, commit against failure',
  '1 low, 1 active: start with a migrate that fails or not, and an abort',
  'start-crash',
  'late-ack',
  'power-one',
];

/**
 * Mistakes 9 to 28 of PROTOCOL 9: each mutant that is one, the shape in which it is found, and by which check. Checks of
 * traces say so too, but where what goes wrong is no event of a process: a driver's doing, an acknowledgement.
 */
const MISTAKES: [name: string, shape: string, rule: string, where?: 'exploration only'][] = [
  ['9 split verdict', '1 low, 1 active: one message, a crash that loses any suffix, a false verdict', 'progress'],
  ['10 nobody told it', 'commit-mirror', 'progress'],
  ['11 index instead of channel', 'order', 'orphans'],
  ['12 acknowledged after the verdict', 'late-ack-one', 'orphans'],
  ['13 a driver that does not count', 'announced', 'border'],
  ['13 an output announced, but never put out', 'announced', 'border'],
  ['14 uncounted compensation', 'tests', 'border'],
  ['15 late log: effects before their event is durable', 'power-one', 'orphans'],
  ['16 forgotten queue', 'power-one', 'progress'],
  ['17 timer without a past', 'timer-past', 'containment'],
  ['18 counters outside the state: sent', 'takeover', 'border'],
  ['18 counters outside the state: received', 'takeover', 'border'],
  ['19 takeover out of order', 'takeover', 'border'],
  ['20 old vectors in a new operation: timers', 'again-timer', 'cascade'],
  ['20 old vectors in a new operation: the journal', 'again-timer', 'cascade'],
  ['21 late low output', 'late-output', 'border'],
  ['21 a driver hears a low process after the recovery', 'late-output', 'border', 'exploration only'],
  ['22 announced is not done', 'announced', 'border'],
  ['23 commit without flush', 'commit-mirror', 'orphans'],
  ['24 a report is lost with its sender', 'power-one', 'progress'],
  ['25 a base without the outputs that are not out yet', 'power-start-shared', 'border'],
  ['26 input during handover', 'start-inputs', 'progress'],
  ['27 a repeat of an older epoch is not acknowledged', 'power-pair', 'progress', 'exploration only'],
  ['28 two starts', 'start-other', 'verdict'],
];

/** Channels of systems lose nothing, so that nothing is owed to an acknowledgement there: links show it. */
const LINK_MISTAKE = '27 a new message of an older epoch is acknowledged';

test(`${RUNS} seeded runs`, { timeout: 600_000 }, () => {
  const total: Record<string, number> = {};
  for (let seed = 1; seed <= RUNS; seed++) {
    const run = simulate(seed, { steps: 120 });
    expect(run.violations, `seed ${seed}`).toEqual([]);
    for (const [what, times] of Object.entries(run.counts)) total[what] = (total[what] ?? 0) + times;
  }
  // they have seen what they are there to see
  const seen = ['cuts: start', 'cuts: commit', 'cuts: recovery', 'cuts: cancel', 'rollbacks', 'suspect outputs'];
  for (const what of seen) expect(total[what], what).toBeGreaterThan(RUNS / 100);
});

describe('small systems', () => {
  for (const small of SMALL) {
    test(small.name, { timeout: 120_000 }, () => {
      const found = explore(smallWorld(small), { states: STATES, depth: 300 });
      expect(found.violations, JSON.stringify(found.trace.slice(-3))).toEqual([]);
      expect(found.complete || found.states >= STATES).toBe(true);
    });
  }
});

function shapeNamed(name: string): Small {
  return [...SMALL, ...SHAPES].find((one) => one.name === name) as Small;
}

function mutantNamed(name: string): Mutant {
  return MUTANTS.find((one) => one.name === name) as Mutant;
}

function linkNamed(name: string): link.LinkShape {
  return link.LINK_SHAPES.find((one) => one.name === name) as link.LinkShape;
}

/** The ends of an exploration, in words. */
function endsOf(found: Explored): Set<string> {
  const out = new Set<string>();
  const row = new Int32Array(found.system.width);
  for (let i = 0; i < found.states; i++) {
    found.rows.read(i, row);
    if (found.system.list(row) === 0) out.add(found.system.signature(row));
  }
  return out;
}

describe('every state', () => {
  for (const small of SHAPES) {
    test(`${small.name}, as far as ${FAST} states`, { timeout: 120_000 }, () => {
      const found = exploreAll(smallWorld(small), { states: FAST });
      expect(found.wrongs, JSON.stringify(found.path)).toEqual([]);
      expect(found.complete || found.states >= FAST).toBe(true);
      // the world, with every check of traces, comes to the same
      const row = new Int32Array(found.system.width);
      for (let i = 0; i < 12; i++) {
        const state = Math.floor((i * found.states) / 12);
        const path = found.pathTo(state);
        found.rows.read(state, row);
        const world = smallWorld(small);
        const ended = found.system.list(row) === 0;
        expect(replay(world, path, ended), JSON.stringify(path)).toEqual([]);
        expect(differences(found.system, row, world), JSON.stringify(path)).toEqual([]);
      }
    });
  }

  for (const name of REDUCED) {
    test(`${name}: of orders that come to the same, one is enough`, { timeout: 120_000 }, () => {
      const small = [...SMALL, ...SHAPES].find((one) => one.name === name);
      if (!small) throw new Error(`no shape ${name}`);
      const all = exploreAll(smallWorld(small), { states: 500_000, reduced: false });
      const some = exploreAll(smallWorld(small), { states: 500_000 });
      expect([all.complete, some.complete]).toEqual([true, true]);
      expect(some.states).toBeLessThan(all.states);
      const [many, few] = [endsOf(all), endsOf(some)];
      expect([...many].filter((end) => !few.has(end)).map((end) => end.slice(0, 2000))).toEqual([]);
      expect([...few].filter((end) => !many.has(end)).map((end) => end.slice(0, 2000))).toEqual([]);
    });
  }

  test('each of the mistakes 9 to 28 is looked for', () => {
    const numbered = MUTANTS.map((mutant) => mutant.name).filter((name) => /^(9|[12]\d) /.test(name));
    expect([...MISTAKES.map(([name]) => name), LINK_MISTAKE].sort()).toEqual(numbered.sort());
  });

  for (const [name, shape, rule, where] of MISTAKES) {
    test(`finds mistake ${name}, in ${shape}`, { timeout: 120_000 }, async () => {
      const { core, mistakes } = await subjectOf(mutantNamed(name));
      const small = shapeNamed(shape);
      const found = exploreAll(smallWorld(small, core), { states: 60_000, mistakes });
      expect(found.wrongs.map((w) => w.rule)).toContain(rule);
      if (mistakes || where) return;
      // and the checks of traces say so too
      const violations = replay(smallWorld(small, core), found.path, rule === 'progress');
      expect(violations.map((v) => v.rule)).toContain(rule);
    });
  }

  test('finds a log that is dropped as soon as it is validated', { timeout: 120_000 }, async () => {
    const core = await withMistake([
      ['border.ts', 'entry.q <= self.safeQ[entry.to]) return;', 'entry.q <= self.V[0]) return;'],
    ]);
    const found = exploreAll(smallWorld(shapeNamed('crash'), core), { states: 200_000 });
    expect(found.wrongs).not.toEqual([]);
    const violations = replay(smallWorld(shapeNamed('crash'), core), found.path, false);
    expect(violations.map((v) => v.rule)).toContain(found.wrongs[0]?.rule);
  });
});

/** Boards that lose power (PROTOCOL 6): at every state, every board. */
describe('power cuts', () => {
  for (const name of ['power-one', 'power-pair']) {
    test(`${name}, whole: after every power cut all is as before`, { timeout: 120_000 }, () => {
      const small = shapeNamed(name);
      const found = exploreAll(smallWorld(small), { states: 100_000 });
      expect(found.wrongs, JSON.stringify(found.path)).toEqual([]);
      expect(found.complete).toBe(true);
      expect(found.cuts).toBe(2 * found.system.boards.length * found.states);
      expect(found.changed).toBe(0);
      // and the stable storage of the simulation, base and log, brings the same processes back
      for (let i = 0; i < 40; i++) {
        const path = found.pathTo(Math.floor((i * found.states) / 40));
        expect(replayStored(smallWorld(small), path)).toBe(null);
      }
    });
  }

  test('power-bases-start, whole: bases at moments of their own bring the same back', { timeout: 120_000 }, () => {
    const found = exploreAll(smallWorld(shapeNamed('power-bases-start')), { states: 200_000 });
    expect(found.wrongs, JSON.stringify(found.path)).toEqual([]);
    expect(found.complete).toBe(true);
    expect(found.changed).toBe(0);
    // nobody has to be clean, thawed or done with anything for it
    const { counts } = found.system;
    for (const moment of MOMENTS) expect(counts[`base: ${moment}`], moment).toBeGreaterThan(500);
    expect(found.system.locals.logs).toBeGreaterThan(500);
  });

  const FORGETS: [keyof Mistakes, shape: string, rule: string][] = [
    ['forgottenJournal', 'power-bases-timer', 'containment'],
    ['forgottenHeld', 'power-bases-shared', 'containment'],
    ['forgottenReports', 'power-bases-start', 'orphans'],
    ['forgottenSeat', 'power-bases-migrate', 'progress'],
  ];
  for (const [mistake, shape, rule] of FORGETS) {
    test(`finds a base that forgets: ${mistake}, and what would come of it`, { timeout: 120_000 }, () => {
      const mistakes = { [mistake]: true };
      const found = exploreAll(smallWorld(shapeNamed(shape)), { states: 10_000, mistakes });
      expect(found.wrongs.map((w) => w.why).join()).toMatch(/bring another process back|has other effects/);
      const wanted = (w: Wrong) => w.rule !== 'trace';
      const later = exploreAll(smallWorld(shapeNamed(shape)), { states: 300_000, mistakes, wanted });
      expect(later.wrongs.map((w) => w.rule)).toContain(rule);
    });
  }

  test('finds a record that lacks a part of its event', { timeout: 120_000 }, async () => {
    const changed = await buildChanged<Exploring>(
      "export * from '../host/explore/explore.ts'; export * from '../host/explore/shapes.ts';",
      [['wire.ts', "  ['cut', 'op', 'why', 'V', 'ends'],", "  ['cut', 'op', 'why', 'V'],"]],
      'a planted mistake',
    );
    const small = changed.SHAPES.find((one) => one.name === 'power-one') as Small;
    const found = changed.exploreAll(changed.smallWorld(small), { states: 60_000 });
    expect(found.wrongs.map((w) => w.rule)).toContain('trace');
  });

  test('finds a boot that gives outputs in another order', { timeout: 120_000 }, () => {
    const mistakes = { bootOrder: true };
    const found = exploreAll(smallWorld(shapeNamed('power-start-shared')), { states: 60_000, mistakes });
    expect(found.wrongs.map((w) => w.rule)).toContain('border');
  });

  test('finds a machine that remembers something beside its state', { timeout: 120_000 }, async () => {
    const core = await withMistake([
      ['core.ts', 'export function gate(self', 'let times = 0;\nexport function gate(self'],
      ['core.ts', '  self.n++;\n', '  self.n++;\n  times++;\n  self.since = times;\n'],
    ]);
    const found = exploreAll(smallWorld(shapeNamed('power-one'), core), { states: 60_000 });
    expect(found.wrongs.map((w) => w.rule)).toContain('trace');
  });
});

type Exploring = typeof import('../host/explore/explore.ts') & typeof import('../host/explore/shapes.ts');

/** The code of the link with something changed in the firmware, built anew. */
function linkWith(changes: Change[]): Promise<typeof link> {
  return buildChanged<typeof link>("export * from '../host/explore/link.ts';", changes, 'a planted mistake');
}

const OLD_FRAMES: Change[] = [
  ['core.ts', "  if (message.n <= got) return 'repeat';\n", ''],
  [
    'core.ts',
    "  if (message.epoch > self.epoch || message.n > got + 1) return 'wait';",
    "  if (message.n <= got) return 'repeat';\n  if (message.epoch > self.epoch || message.n > got + 1) return 'wait';",
  ],
];

describe('the link', () => {
  const WHOLE = [
    'link',
    'link-epoch',
    'link-verdict',
    'link-power',
    'link-power-verdict',
    'link-inputs-power',
    'link-restart-power',
  ];
  for (const name of WHOLE) {
    test(`${name}, whole: each message once, in order, and none acknowledged that was not taken`, {
      timeout: 120_000,
    }, () => {
      const found = link.exploreLink(linkNamed(name), { states: 100_000 });
      expect(found.wrongs, found.path.join('; ')).toEqual([]);
      expect(found.complete).toBe(true);
    });
  }

  const inCore = (changes: Change[]): Change[] => changes.map(([file, a, b]) => [`core/${file}`, a, b]);
  const LINKS: [string, Change[], string, RegExp][] = [
    [
      'an acknowledgement by number alone',
      [['channel.ts', 'return outgoing.queue[i].epoch === epoch;', 'return true;']],
      'link-seat',
      /counts as acknowledged, and was never taken/,
    ],
    [
      'a message of a later start taken for a repeat',
      [['core/core.ts', "  if (message.epoch > self.epoch && self.role === 'seat') return 'wait';\n", '']],
      'link-seat',
      /counts as acknowledged, and was never taken/,
    ],
    ['27 old frames refused, and never acknowledged', inCore(OLD_FRAMES), 'link-epoch', /never acknowledged/],
    [
      LINK_MISTAKE,
      inCore(mutantNamed(LINK_MISTAKE).changes),
      'link-verdict',
      /counts as acknowledged, and was never taken/,
    ],
    [
      'taken from one that is declared dead',
      [
        [
          'core/core.ts',
          "  if (self.role === 'stopped' || self.closed.indexOf(from) >= 0) return 'refuse';",
          "  if (self.role === 'stopped') return 'refuse';",
        ],
      ],
      'link-verdict',
      /declared dead/,
    ],
    [
      'taken in the order of arrival',
      [['core/core.ts', 'message.epoch > self.epoch || message.n > got + 1', 'message.epoch > self.epoch']],
      'link',
      /after|never/,
    ],
    [
      'a base without its queue',
      [['base.ts', '    o.queue = q[5];\n', '']],
      'link-power',
      /counts as acknowledged, and was never taken/,
    ],
    [
      'frames to a life that is over are taken',
      [['bus.ts', '  if (packet[4] !== rt.life || !localOf(rt, to)) return;', '  if (!localOf(rt, to)) return;']],
      'link-restart',
      /takes app/,
    ],
    [
      'frames of a life that is over are taken',
      [['bus.ts', 'return life === rt.peers[board].life && ready(rt, board);', 'return ready(rt, board);']],
      'link-restart',
      /takes app/,
    ],
    [
      'an acknowledgement of a life that is over counts',
      [['bus.ts', 'board === rt.board || rt.peers[board].life !== byLife) return;', 'board === rt.board) return;']],
      'link-restart',
      /counts as acknowledged, and was never taken/,
    ],
    [
      'a channel to who begins anew is not begun again',
      [['beat.ts', '    renewTo(rt, [gone[i]]);\n', '']],
      'link-restart',
      /takes app|never arrive|never acknowledged/,
    ],
    [
      'nothing is repeated',
      [['channel.ts', '      repeatHead(rt, outgoing, board);\n    }\n    const due', '    }\n    const due']],
      'link',
      /never arrive/,
    ],
  ];
  for (const [name, changes, shape, why] of LINKS) {
    test(`finds a planted mistake: ${name}`, { timeout: 120_000 }, async () => {
      const changed = await linkWith(changes);
      const found = changed.exploreLink(linkNamed(shape), { states: 100_000 });
      expect(found.wrongs.map((w) => w.why).join('; ')).toMatch(why);
    });
  }
});

describe('the rules of the paper', () => {
  for (const finding of FINDINGS) {
    test(`${finding.number} ${finding.title} is found, and not under the corrected rules`, { timeout: 120_000 }, () => {
      const found = search(finding, 'paper', 100_000);
      expect(found.violation?.rule).toBe(finding.rule);
      const clean = search(finding, 'corrected', FAST);
      expect(clean.violation).toBe(null);
      expect(clean.explored.wrongs).toEqual([]);
    });
  }
});

/** Runs the scenario and brings it to an end in several orders; gives what `look` sees each time. */
function always<T>(
  shape: Parameters<typeof shapeOf>[2],
  run: (s: Scenario) => void,
  look: (s: Scenario) => T,
  lows = 1,
): T[] {
  const out: T[] = [];
  for (let seed = 0; seed < 15; seed++) {
    const s = new Scenario(shapeOf(lows, 2, shape));
    run(s);
    s.finish(seed === 0 ? undefined : seededChoose(seed));
    expect(s.judge(), `order ${seed}`).toEqual([]);
    out.push(look(s));
  }
  return out;
}

function decisions(s: Scenario): string[] {
  const out: string[] = [];
  for (const line of s.world.lines) {
    for (const e of (line.effects ?? []) as TraceEffect[]) if (e.kind === 'decide') out.push(`${e.epoch} ${e.cut}`);
  }
  return [...new Set(out)];
}

function role(s: Scenario, pid: number): string {
  return processAt(s.world, pid)?.role ?? '';
}

describe('cuts', () => {
  test('a migrate that throws cancels the start, with everything as it was but the epoch', () => {
    const before: unknown[] = [];
    const states = (s: Scenario) =>
      [S, A, B].map((pid) => {
        const { state, live, role: is, V, journal, held } = processAt(s.world, pid) ?? ({} as never);
        return { state, live, is, V, journal, held };
      });
    const run = (s: Scenario) => {
      s.does(A, to(S));
      s.does(S, to(A));
      s.finish();
      s.stage([0]);
      before.push(structuredClone(states(s)));
      s.word(A, 'start');
      s.world.hooks.failMigrate = true;
    };
    const after = always({ operation: null }, run, (s) => [decisions(s), states(s), role(s, L)]);
    after.forEach(([cuts, now, seat], i) => {
      expect(cuts).toEqual(['1 cancel']);
      expect(now).toEqual(before[i]);
      expect(seat).toBe('seat');
    });
  });

  test('after a cancelled start the same upgrade can be started', () => {
    const run = (s: Scenario) => {
      s.stage([0]);
      s.word(A, 'start');
      s.world.hooks.failMigrate = true;
      s.finish();
      s.world.hooks.failMigrate = false;
      s.word(B, 'start');
      s.finish();
      s.does(L, to(A));
      s.does(S, to(A));
    };
    for (const cuts of always({ operation: null }, run, decisions)) expect(cuts).toEqual(['1 cancel', '2 start']);
  });

  test('a pending message of the old format reaches the new version', () => {
    const run = (s: Scenario) => {
      s.stage([0, 1]);
      s.does(2, { to: 0 });
      s.word(0, 'start');
    };
    const seen = always(
      { operation: null },
      run,
      (s) => {
        const low = s.world.lines.filter((l) => l.process === 'low1/1');
        const handed = low.find((l) => l.event?.kind === 'handover')?.event?.pending ?? [];
        const delivered = low.flatMap((l) => l.effects ?? []).filter((e) => e.kind === 'deliver').length;
        return [handed.length, delivered];
      },
      2,
    );
    for (const one of seen) expect(one).toEqual([1, 1]);
  });

  test('a commit that races with a failure ends the same way everywhere', () => {
    const kinds = new Set<string>();
    for (let hears = 0; hears < 3; hears++) {
      const run = (s: Scenario) => {
        s.does(S, to(A));
        s.does(L, to(A));
        s.word(A, 'commit');
        if (hears > 0) s.hears(L, A, 'freeze');
        if (hears > 1) s.spread('freeze');
        s.event(L, { kind: 'fail', why: 'threw' });
      };
      for (const cuts of always({}, run, decisions)) {
        expect(cuts).toHaveLength(1);
        kinds.add(cuts[0] as string);
      }
    }
    expect([...kinds].sort()).toEqual(['1 commit', '1 recovery']);
  });

  test('a low process that dies in a commit does not keep another from going on (PROTOCOL 5.0.6)', () => {
    const run = (s: Scenario) => {
      s.word(4, 'commit');
      s.spread('freeze');
    };
    const lost = (s: Scenario) => {
      s.word(4, 'commit');
      s.hears(3, 4, 'freeze');
      s.dies(3, { '3>1': 1 });
    };
    for (const seen of always({}, run, (s) => [...decisions(s), role(s, 1), role(s, 3)], 2)) {
      expect(seen).toEqual(['1 commit', 'active', 'active']);
    }
    const seen = always({}, lost, (s) => [...decisions(s), role(s, 1)], 2);
    expect(seen.some((one) => one[0] === '1 commit')).toBe(true);
    for (const one of seen)
      expect(one).toEqual(one[0] === '1 commit' ? ['1 commit', 'active'] : ['1 recovery', 'stopped']);
  });

  test('the policy commits by itself', () => {
    const operation = {
      id: 'u1',
      cluster: [0],
      lows: [1],
      added: [],
      policy: { commitAfterMs: 50, validated: 2, lead: 9 },
    };
    const run = (s: Scenario) => {
      for (let i = 0; i < 2; i++) {
        s.does(L, to(A));
        s.does(S, to(A));
      }
      s.world.state.t = 60;
      s.event(B, { kind: 'tick' });
      expect(decisions(s)).toEqual([]);
      s.takes(A, L);
      s.takes(A, L, out(A));
      s.hears(B, A, 'passed');
    };
    for (const seen of always({ operation }, run, (s) => [...decisions(s), role(s, L), role(s, S)])) {
      expect(seen).toEqual(['1 commit', 'active', 'stopped']);
    }
  });

  test('two starts that meet are both cancelled', () => {
    const run = (s: Scenario) => {
      s.stage([0], 'u1', [S, L, A]);
      s.stage([1], 'u2', [B, 3]);
      s.word(S, 'start', 'u1');
      s.word(B, 'start', 'u2');
    };
    for (const cuts of always({ operation: null }, run, decisions)) expect(cuts).toEqual(['1 cancel']);
  });

  test('divergence in the types of messages, and in the lead of either version, is a failure', () => {
    const operation = {
      id: 'u1',
      cluster: [0],
      lows: [1],
      added: [],
      policy: { commitAfterMs: 0, validated: 0, lead: 1 },
    };
    const runs: ((s: Scenario) => void)[] = [
      (s) => {
        s.does(S, { to: 1, type: 1 });
        s.does(L, { to: 1 });
        s.beats(L, S);
      },
      (s) => {
        s.does(L, { to: 1 });
        s.beats(L, S);
        s.does(S, { to: 1, type: 1 });
      },
      (s) => {
        s.does(L, { to: 1 });
        s.does(L, { to: 1 });
        s.beats(L, S);
      },
      (s) => {
        s.does(S, { to: 1 });
        s.does(S, { to: 1 });
      },
    ];
    for (const run of runs)
      for (const cuts of always({ operation }, run, decisions)) expect(cuts).toEqual(['1 recovery']);
  });
});

describe('found by exploration', () => {
  test('components that are removed and come back (PROTOCOL 5.2.4)', () => {
    for (const seed of [331, 375]) {
      const run = simulate(seed, { steps: 600, lows: 1 + (seed % 4), actives: 1 + (seed % 5) });
      expect(run.violations, `seed ${seed}`).toEqual([]);
    }
  });

  test('a seat keeps its handover when a new version beside it begins first (PROTOCOL 5.3.1)', () => {
    const run = (s: Scenario) => {
      const [S1, L1, S2, L2, A2, B2] = [0, 1, 2, 3, 4, 6];
      s.stage([0, 1]);
      s.does(A2, { to: 0 });
      s.word(B2, 'start');
      s.hears(S1, B2, 'freeze');
      s.takes(S1, A2, { to: 1 });
      s.spread('freeze');
      for (const [seat, old] of [
        [L1, S1],
        [L2, S2],
      ] as const) {
        s.hears(seat, old, 'handover');
        s.hears(old, seat, 'migrated');
      }
      for (const from of [S1, S2, A2, B2]) s.hears(L1, from, 'report');
      // it delivers what was handed over, and sends to the seat
      expect(role(s, L1)).toBe('low');
      expect(s.world.state.wires[`${L1}>${L2}`]).toHaveLength(1);
    };
    const roles = always({ operation: null }, run, (s) => role(s, 3), 2);
    for (const is of roles) expect(is).toBe('low');
  });

  test('a low process that sends to a component which the upgrade removes', () => {
    const operation = {
      id: 'u1',
      cluster: [0, 1],
      lows: [1],
      added: [],
      policy: { commitAfterMs: 0, validated: 0, lead: 9 },
    };
    const run = (s: Scenario) => {
      s.does(L, { to: 1 });
      s.does(L, { to: 2 });
      s.does(S, { to: 2 });
      s.word(4, 'commit');
    };
    for (const cuts of always({ operation }, run, decisions, 2)) expect(cuts).toEqual(['1 commit']);
  });

  test('the shadow of a removed component has nobody to diverge from (PROTOCOL 4.5.4)', () => {
    const operation = {
      id: 'u1',
      cluster: [0, 1],
      lows: [1],
      added: [],
      policy: { commitAfterMs: 0, validated: 0, lead: 1 },
    };
    const run = (s: Scenario) => {
      for (let i = 0; i < 3; i++) s.does(2, { to: 2 });
      s.word(4, 'commit');
    };
    for (const cuts of always({ operation }, run, decisions, 2)) expect(cuts).toEqual(['1 commit']);
  });

  test('inputs that keep coming do not keep a cut from ending (PROTOCOL 8.7)', () => {
    const s = new Scenario(shapeOf(1, 2));
    for (let i = 0; i < 20; i++) s.does(A, to(B));
    s.word(B, 'commit');
    for (let i = 0; i < 600; i++) input(s.world, 2);
    while (takeable(s.world, B).length > 0) takeInput(s.world, B, 0, 0);
    expect(processAt(s.world, B)?.held.length).toBeLessThan(480);
    s.finish();
    expect(s.judge()).toEqual([]);
    expect(decisions(s)).toEqual(['1 commit']);
  });

  test('inputs that reach a seat whose migrate has failed are not taken twice', () => {
    const run = (s: Scenario) => {
      s.stage([0]);
      s.does(S);
      s.word(A, 'start');
      s.world.hooks.failMigrate = true;
      s.spread('freeze');
      s.hears(L, S, 'handover');
      s.does(S);
      s.world.hooks.failMigrate = false;
    };
    for (const cuts of always({ operation: null }, run, decisions)) expect(cuts).toEqual(['1 cancel']);
  });
});
