// Large systems under a seed: clean runs, the same run from the same seed, and mistakes of stable storage (PROTOCOL 9)
// planted and caught.

import { expect, test } from 'vitest';
import { create, forgettable, heartbeat, step } from '../firmware/core/core.ts';
import type { Effect } from '../firmware/core/types.ts';
import { createApp } from '../host/explore/app.ts';
import { shapeOf } from '../host/explore/shape.ts';
import type { Mistakes } from '../host/explore/storage.ts';
import type { Core } from '../host/explore/world.ts';
import { CORE } from '../host/explore/world.ts';
import { runAll } from '../host/sim/jobs.ts';
import { optionsOf } from '../host/sim/options.ts';
import type { Plan } from '../host/sim/plan.ts';
import { planOf } from '../host/sim/plan.ts';
import { addRun, emptyReport, mergeReports, reportText } from '../host/sim/report.ts';
import type { SimRun } from '../host/sim/run.ts';
import { simulateLarge } from '../host/sim/run.ts';
import { shrink } from '../host/sim/shrink.ts';
import { withMistake } from '../host/mutants/core.ts';

const RUNS = Number(process.env.RUNS ?? 200);

/** Small systems that lose power often. */
function often(seed: number): Partial<Plan> {
  return { components: 2 + (seed % 5), events: 800, powerCuts: 10 };
}

test(`${RUNS} runs of large and small systems`, { timeout: 600_000 }, () => {
  const report = emptyReport('corrected');
  for (let seed = 1; seed <= RUNS; seed++) {
    const set = seed % 2 === 0 ? {} : often(seed);
    const run = simulateLarge(planOf(seed, set));
    expect(run.violations, `seed ${seed} ${JSON.stringify(set)}`).toEqual([]);
    addRun(report, run, set);
  }
  // they have seen what they are there to see
  const seen = [
    'cuts: start',
    'cuts: commit',
    'cuts: recovery',
    'cuts: cancel',
    'rollbacks',
    'powerCutsInCuts',
    'undone',
    'suspectBases',
    'frozenBases',
    'eager',
  ];
  for (const what of seen) expect(report.counts[what], what).toBeGreaterThan(RUNS / 20);
  for (const what of ['commits that add', 'commits that remove']) expect(report.counts[what], what).toBeGreaterThan(0);
  expect(report.withPowerCut).toBeGreaterThan(RUNS / 2);
  expect(report.goneOn).toBeGreaterThan(RUNS / 10);
  expect(reportText(report)).toContain('violations      none');
});

test('runs shared between processes give the report of one', { timeout: 120_000 }, async () => {
  const set: Partial<Plan> = { components: 4, events: 300 };
  const alone = emptyReport('corrected');
  for (let seed = 11; seed < 21; seed += 2) addRun(alone, simulateLarge(planOf(seed, set)), set);
  const args = ['--runs', '10', '--seed', '11', '--shard', '1/2', '--jobs', '2', '--set', 'components=4,events=300'];
  const shared = await runAll(optionsOf(args));
  expect(shared.seconds).toBeGreaterThan(0);
  expect({ ...shared, seconds: 0 }).toEqual(alone);
});

test('a seed repeats its run exactly', () => {
  for (const seed of [4, 10, 13]) {
    const one = simulateLarge(planOf(seed));
    const two = simulateLarge(planOf(seed));
    expect(JSON.stringify(two.trace)).toBe(JSON.stringify(one.trace));
    expect(two.happened).toEqual(one.happened);
  }
});

test('reports of shards are one report', () => {
  const runs = [1, 2, 3, 4].map((seed) => simulateLarge(planOf(seed, { ...often(seed), events: 200 })));
  const whole = emptyReport('corrected');
  const odd = emptyReport('corrected');
  const even = emptyReport('corrected');
  runs.forEach((run, i) => {
    addRun(whole, run, {});
    addRun(i % 2 === 0 ? even : odd, run, {});
  });
  expect(mergeReports([even, odd])).toEqual(whole);
});

test('a heartbeat changes nothing, and what a low process forgets it forgets on an event', () => {
  const shape = shapeOf(1, 1, { menu: [[[{ to: 1 }]], [[]]] });
  const app = createApp(shape, 1, { failMigrate: false, passed() {} });
  const setup = { rules: 'corrected', pid: 1, epoch: 0, live: [0, 2], devices: 2, latest: [false, false] } as const;
  const self = create({ ...setup, live: [0, 2], latest: [false, false], operation: shape.operation, role: 'low' }, app);
  const give = (event: object) => {
    const effects: Effect[] = [];
    step(self, { t: 0, seed: 0, ...event } as never, effects, app);
  };
  for (let i = 1; i <= 3; i++) give({ kind: 'input', device: 0, i, epoch: 0 });
  give({ kind: 'passed', from: 2, n: 1, epoch: 0, V: [2] });
  const before = JSON.stringify(self);
  expect(heartbeat(self, [0, 3], []).acked).toEqual([[1, 2]]);
  expect(heartbeat(self, [0, 1], []).acked).toEqual([[1, 1]]);
  expect(JSON.stringify(self)).toBe(before);
  expect(forgettable(self, [0, 3], 3)).toBe(false);
  expect(forgettable(self, [0, 3], 2)).toBe(true);
  give({ kind: 'acked', acked: [[1, 3]] });
  expect(self.marks).toEqual([{ to: 1, q: 3, k: 3 }]);
  expect(heartbeat(self, [], []).acked).toEqual([[1, 2]]);
});

const REPEATS = "  if (message.n <= got) return 'repeat';\n";

const MISTAKES: { name: string; mistakes?: Mistakes; core?: () => Promise<Core>; caught: RegExp }[] = [
  { name: '15 late log', mistakes: { lateLog: true }, caught: /^(fifo|orphans)/ },
  { name: '16 forgotten queue', mistakes: { forgottenQueue: true }, caught: /^progress/ },
  { name: '24 report lost with its sender', mistakes: { reportLost: true }, caught: /^progress/ },
  { name: '25 base without outputs', mistakes: { forgottenOutputs: true }, caught: /^border/ },
  { name: 'logs of one process each, not of a board', mistakes: { ownLogs: true }, caught: /^(fifo|orphans)/ },
  { name: 'base without the journal', mistakes: { forgottenJournal: true }, caught: /^trace/ },
  { name: 'base without held messages', mistakes: { forgottenHeld: true }, caught: /^orphans/ },
  { name: 'base without reports', mistakes: { forgottenReports: true }, caught: /^progress/ },
  { name: 'base without a handover', mistakes: { forgottenSeat: true }, caught: /^(trace|orphans|progress)/ },
  {
    name: '27 old frames',
    core: () => withMistake([['core.ts', REPEATS, `  if (message.epoch < self.epoch) return 'refuse';\n${REPEATS}`]]),
    caught: /^progress/,
  },
];

for (const { name, mistakes, core, caught } of MISTAKES) {
  test(`planted: ${name}`, { timeout: 120_000 }, async () => {
    const planted = core ? await core() : CORE;
    let found: SimRun | null = null;
    for (let seed = 1; seed <= 400 && !found; seed++) {
      const run = simulateLarge(planOf(seed, often(seed)), planted, mistakes);
      if (run.violations.length > 0) found = run;
    }
    const [first] = found?.violations ?? [];
    expect(`${first?.rule} ${first?.why}`).toMatch(caught);
    // and the run without it is clean
    expect(simulateLarge((found as SimRun).plan).violations).toEqual([]);
  });
}

test('a failing run shrinks to one that still fails', { timeout: 60_000 }, () => {
  const mistakes = { forgottenQueue: true };
  let failing: SimRun | null = null;
  for (let seed = 1; !failing; seed++) {
    const run = simulateLarge(planOf(seed, often(seed)), CORE, mistakes);
    if (run.violations.length > 0) failing = run;
  }
  const small = shrink(failing, often(failing.plan.seed), 40, CORE, mistakes);
  expect(small.run.violations[0]?.rule).toBe(failing.violations[0]?.rule);
  expect(small.run.happened.events).toBeLessThan(failing.happened.events);
  const again = simulateLarge(planOf(failing.plan.seed, small.set), CORE, mistakes);
  expect(again.violations).toEqual(small.run.violations);
});
