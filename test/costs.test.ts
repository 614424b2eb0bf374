import { beforeAll, describe, expect, it } from 'vitest';
import type { Effect, Event } from '../firmware/core/types.ts';
import { compare, deliveries, parted } from '../host/costs/compare.ts';
import { comparisonText } from '../host/costs/comparison.ts';
import { planOf } from '../host/costs/plan.ts';
import { run } from '../host/costs/run.ts';
import { sizesChart, sizesText } from '../host/costs/sizes.ts';
import type { Summary } from '../host/costs/summary.ts';
import { compareAll } from '../host/costs/summary.ts';
import type { Row } from '../host/costs/sweep.ts';
import { sweep } from '../host/costs/sweep.ts';
import { spread } from '../host/costs/text.ts';
import type { Name, Variant } from '../host/costs/variants.ts';
import { untold, variants } from '../host/costs/variants.ts';
import { CORE } from '../host/explore/world.ts';
import { withMistake } from '../host/mutants/core.ts';

let cores: Variant[];
let ours: Variant;

function named(name: Name): Variant {
  return cores.find((variant) => variant.name === name) as Variant;
}

function figures(summary: Summary): string {
  return JSON.stringify({ ...summary, seconds: 0 });
}

function tooWide(text: string): string[] {
  return text.split('\n').filter((line) => [...line].length > 120);
}

beforeAll(async () => {
  cores = await variants();
  ours = named('ours');
});

describe('rollback, on the same runs', () => {
  let summary: Summary;
  beforeAll(() => {
    summary = compareAll(9, 6, cores);
  });

  it('rolls back at most once, what every baseline takes back for good, and no survivor is left contaminated', () => {
    expect(summary.holds.length).toBeGreaterThan(7);
    for (const { what, held, of, must } of summary.holds) {
      expect(of, what).toBeGreaterThan(0);
      if (must) expect(held, what).toBe(of);
    }
    expect(summary.totals.ours.most).toBe(1);
    expect(summary.totals.ours.back.length).toBeGreaterThan(15);
    expect(summary.totals.ours.failedRuns).toBe(0);
  });

  it('goes back about as far as with a checkpoint before every message, with far fewer of them', () => {
    const { ours: own, every, restart } = summary.totals;
    const all = (list: number[]) => list.reduce((sum, value) => sum + value, 0);
    expect(own.back.length).toBe(every.back.length);
    expect(all(own.back)).toBeGreaterThanOrEqual(all(every.back));
    expect(all(own.back)).toBeLessThan(1.1 * all(every.back));
    expect(own.checkpoints).toBeLessThan(0.6 * every.checkpoints);
    expect(spread(own.back)[0]).toBeLessThan(spread(restart.back)[0] / 4);
    expect(all(restart.records)).toBeGreaterThan(2 * all(own.records));
  });

  it('and the rules of the paper leave contamination, and fail most runs', () => {
    const { paper } = summary.totals;
    expect(paper.failedRuns).toBeGreaterThan(summary.runs / 2);
    expect(paper.left).toBeGreaterThan(0);
  });

  it('is the same for the same seed', () => {
    const again = compareAll(9, 2, cores);
    expect(figures(compareAll(9, 2, cores))).toBe(figures(again));
    expect(figures(compareAll(10, 2, cores))).not.toBe(figures(again));
  });

  it('fits on a page', () => {
    expect(tooWide(comparisonText(summary))).toEqual([]);
  });
});

describe('the comparison can fail', () => {
  it('where the runs part before the failure', () => {
    const plan = planOf(3);
    const first = deliveries(run(plan, ours).world.lines, plan.endMs);
    expect([...first.values()].flat().length).toBeGreaterThan(50);
    expect(parted(first, deliveries(run(plan, named('paper')).world.lines, plan.endMs))).toBeNull();
    const later = run({ ...plan, delayMs: plan.delayMs + 1 }, ours).world.lines;
    expect(parted(first, deliveries(later, plan.endMs))).toMatch(/takes as number/);
    const other: Variant = {
      ...named('every'),
      core: {
        ...CORE,
        step(self, event: Event, effects: Effect[], app) {
          if (event.kind === 'app') event.seed = 0;
          CORE.step(self, event, effects, app);
        },
      },
    };
    expect(() => compare(plan, [ours, other])).toThrow(/another run/);
  });

  it('where a process rolls back twice', async () => {
    const anchor = 'self.counters.rollbacks++;';
    const core = await withMistake([
      ['resume.ts', anchor, `${anchor} effects.push({ kind: 'rollback', event: records[0].n });`],
    ]);
    const all = cores.map((variant) => (variant.name === 'ours' ? { ...variant, core } : variant));
    const summary = compareAll(3, 1, all);
    expect(summary.totals.ours.most).toBe(2);
    expect(summary.holds[0]?.held).toBeLessThan(summary.holds[0]?.of ?? 0);
  });

  it('where a rollback goes back too far', async () => {
    const core = await withMistake([['journal.ts', 'if (!event) checkpoint = i;', 'if (!event) checkpoint = 0;']]);
    const all = cores.map((variant) => (variant.name === 'ours' ? { ...variant, core } : variant));
    const summary = compareAll(3, 1, all);
    expect(summary.totals.ours.failed.cascade).toBe(1);
    expect(comparisonText(summary)).toContain('WRONG');
  });
});

describe('the cost by size', () => {
  let rows: Row[];
  beforeAll(async () => {
    const effort = { boundary: 90, systems: 1 };
    rows = sweep({ ours, paper: named('paper'), untold: await untold() }, 1, effort, () => {}, [8, 32], [1, 3]);
  });
  const at = (components: number, cluster: number) =>
    rows.find((row) => row.ours.components === components && row.ours.cluster === cluster) as Row;

  it('of checkpoints and of T and V does not depend on the number of processes', () => {
    for (const cluster of [1, 3]) {
      const [small, large] = [at(8, cluster).ours, at(32, cluster).ours];
      expect(small.boundary).toBeGreaterThan(45);
      expect(large.checkpoints / small.checkpoints).toBeLessThan(1.25);
      expect(large.vectorBytes / small.vectorBytes).toBeLessThan(1.1);
      expect(large.tests / small.tests).toBeLessThan(1.5);
    }
    expect(at(32, 3).ours.vectorBytes).toBeGreaterThan(1.3 * at(32, 1).ours.vectorBytes);
  });

  it('of notifications is one for each passed test to each other process, and none where nobody is told', () => {
    for (const { ours: own, untold: none } of rows) {
      const others = own.components + own.cluster - 1;
      expect(own.passed).toBeCloseTo(own.tests * others, 6);
      expect(own.cut).toBe((others + 1) * others + own.components * others);
      expect(none?.passed).toBe(0);
      expect(none?.checkpoints).toBeGreaterThan(own.checkpoints);
    }
  });

  it('is told as a table and as a picture', () => {
    const text = sizesText(rows);
    expect(tooWide(text)).toEqual([]);
    expect(text).toContain('WITHOUT NOTIFICATIONS');
    expect(sizesChart(rows)).toMatch(/^<svg .*<\/svg>\s*$/s);
  });
});
