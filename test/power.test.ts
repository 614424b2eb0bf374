// A part of what `npm run power -- ring` does, large enough that every planted mistake is noticed in it.

import { describe, expect, test } from 'vitest';
import type { Part } from '../host/power/campaign.ts';
import { FIRMWARE, FULL, PARTS, piecesOf, replay, runPart, TEST } from '../host/power/campaign.ts';
import { runCycles } from '../host/power/cycles.ts';
import { runForked } from '../host/power/fork.ts';
import type { Bench } from '../host/power/fork.ts';
import { PLANTED, runPlanted } from '../host/power/planted.ts';
import { Complaint, createTally } from '../host/power/tally.ts';
import { Failure } from '../host/failure.ts';

const SEED = 1;
/** Power cuts that each part must at least have. */
const LEAST: Record<Part, number> = {
  ring: 30_000,
  pairs: 10_000,
  cycles: 3000,
  board: 4000,
  'board-pairs': 10_000,
  'board-cycles': 1500,
};

describe('after every power cut, all that was acknowledged is there', () => {
  test.each(Object.keys(PARTS) as Part[])('%s', (part) => {
    const tally = createTally();
    const { faults, mounts } = runPart(FIRMWARE, part, TEST, SEED, tally);
    // a complaint is told with the path that `npm run power -- ring --replay` takes
    expect([...tally.findings.values()]).toEqual([]);
    expect(faults).toBeGreaterThan(LEAST[part]);
    expect(mounts).toBeGreaterThan(faults);
  });

  test('10,000 cycles in the whole campaign', () => {
    expect(piecesOf('cycles', FULL, SEED).length * FULL.cycles).toBeGreaterThanOrEqual(10_000);
  });
});

describe('a planted mistake is noticed', () => {
  test.each(PLANTED.map((planted) => [planted.name, planted] as const))('%s', async (_, planted) => {
    const { finding, faults } = await runPlanted(planted, FIRMWARE, TEST, SEED);
    expect(finding, `not in ${faults} power cuts`).not.toBeNull();
  });
});

describe('the campaign itself', () => {
  /** A counter in the first bytes of sectors 0 and 1, the higher one counts; with `care` it is written before the other goes. */
  interface Count {
    acked: number;
    asked: number;
  }

  function counter(care: boolean) {
    const read = ({ flash }: Bench<Count>, sector: number): number => {
      const [low = 0, check = 0] = flash.read(sector * flash.sectorBytes, 2);
      return (low ^ check) === 0xff ? low : 0;
    };
    const step = (bench: Bench<Count>): void => {
      const [a, b] = [read(bench, 0), read(bench, 1)];
      const now = Math.max(a, b);
      const { acked, asked } = bench.model;
      if (now < acked || now > asked) throw new Complaint(`${now} is counted, not ${acked} to ${asked}`);
      bench.model.acked = now;
      const sector = a >= b === care ? 1 : 0;
      bench.model.asked = now + 1;
      bench.flash.erase(sector);
      bench.flash.program(sector * bench.flash.sectorBytes, Uint8Array.of(now + 1, (now + 1) ^ 0xff, 0xff, 0xff));
      bench.model.acked = now + 1;
    };
    return {
      model: (): Count => ({ acked: 0, asked: 0 }),
      copy: (model: Count): Count => ({ ...model }),
      begin(bench: Bench<Count>) {
        for (let i = 0; i < 5; i++) step(bench);
      },
      recover(bench: Bench<Count>) {
        for (let i = 0; i < 2; i++) step(bench);
      },
      cycle(bench: Bench<Count>) {
        for (let i = 0; i < 3; i++) step(bench);
      },
    };
  }

  const plan = {
    path: 'counter',
    geometry: { sectorBytes: 64, sectors: 2, programBytes: 4 },
    torn: 'bits' as const,
    seed: 1,
  };

  test('cuts each operation in each way, and then each that follows', () => {
    const one = createTally();
    runForked(counter(true), { ...plan, depth: 1 }, one);
    // five times an erase and a program
    expect(one.faults).toBe(10 * 4);
    const two = createTally();
    runForked(counter(true), { ...plan, depth: 2 }, two);
    expect(two.faults).toBe(10 * 4 + 40 * 4 * 4);
    expect([...one.findings.values(), ...two.findings.values()]).toEqual([]);
  });

  test('notices who erases the wrong one, says where, and only there again', () => {
    const tally = createTally();
    runForked(counter(false), { ...plan, depth: 1 }, tally);
    const [finding] = tally.findings.values();
    expect(finding?.text).toMatch(/is counted, not/);
    const only = (finding?.path ?? '').split('/').slice(1);
    const again = createTally();
    runForked(counter(false), { ...plan, depth: only.length, only }, again);
    expect(again.faults).toBe(1);
    expect([...again.findings.values()][0]?.text).toBe(finding?.text);
    const cycled = createTally();
    runCycles(counter(false), { ...plan, cycles: 50 }, cycled);
    expect(cycled.findings.size).toBe(1);
  });

  test('a rule of the part that was broken is told, even if nobody lets the error through', () => {
    const work = {
      ...counter(true),
      begin({ flash }: Bench<Count>) {
        flash.program(0, new Uint8Array(4));
        try {
          flash.program(0, new Uint8Array(4));
        } catch {
          // as a ring does that takes it for a worn sector
        }
      },
    };
    const tally = createTally();
    runForked(work, { ...plan, depth: 0 }, tally);
    expect([...tally.findings.values()][0]?.text).toMatch(/programmed already/);
  });

  test('who goes on after a power cut as if nothing had been is told', () => {
    const work = {
      ...counter(true),
      cycle({ flash }: Bench<Count>) {
        for (let i = 0; i < 30; i++) {
          try {
            flash.erase(0);
          } catch {
            // swallowed
          }
        }
      },
    };
    const tally = createTally();
    runCycles(work, { ...plan, cycles: 5 }, tally);
    expect([...tally.findings.values()][0]?.text).toMatch(/went on after a power cut/);
  });

  test('replays what it has named, and nothing else', () => {
    const tally = createTally();
    replay(FIRMWARE, 'ring/wrap/4/bits/1/7.random', tally);
    expect(tally.faults).toBe(1);
    replay(FIRMWARE, 'pairs/brim/8/faults/2/3.half/1.done', tally);
    expect(tally.faults).toBe(3);
    expect(() => replay(FIRMWARE, 'ring/wrap/3/bits/1', tally)).toThrow(Failure);
    expect(() => replay(FIRMWARE, 'ring/wrap/4/perhaps/1', tally)).toThrow(/no path/);
  });
});
