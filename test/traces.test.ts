// PROTOCOL 9, traces 1 to 8: each violates under the rules of the paper, read literally, and holds under the corrected
// ones, also however it is brought to an end.

import { describe, expect, test } from 'vitest';
import type { Rule } from '../host/check/types.ts';
import { Scenario } from '../host/explore/scenario.ts';
import { explore } from '../host/explore/search.ts';
import { shapeOf } from '../host/explore/shape.ts';
import { seededChoose } from '../host/explore/simulate.ts';
import type { Core } from '../host/explore/world.ts';
import { withMistake } from '../host/mutants/core.ts';

// one low process and its shadow, two active ones; or two low ones
const S = 0;
const L = 1;
const A = 2;
const B = 4;
const to = (pid: number) => ({ to: pid >> 1 });
const out = (pid: number) => ({ device: pid >> 1 });

interface Trace {
  name: string;
  lows?: number;
  run: (s: Scenario) => void;
  /** how the checks name what goes wrong under `paper` */
  rule: Rule;
  why: RegExp;
  /** a reading of the paper that the trace needs */
  reading?: [file: string, anchor: string, by: string];
}

function fails(s: Scenario): void {
  s.event(L, { kind: 'fail', why: 'threw' });
}

function mirror(s: Scenario, ...pids: number[]): void {
  for (const pid of pids) s.does(S, to(pid));
}

const TRACES: Trace[] = [
  {
    name: '1 false clean',
    run: (s) => {
      mirror(s, A, B, A);
      s.does(L, to(A));
      s.does(L, to(B));
      s.does(L, to(A));
      s.takes(A, L);
      s.takes(A, L);
      s.takes(B, L, out(B));
      s.hears(A, B, 'passed');
      s.does(A, { device: 1, test: 'fail' });
    },
    rule: 'containment',
    why: /contaminated process puts out untested/,
  },
  {
    name: '1 false clean, checkpoints indexed by the counter before the message',
    reading: [
      'paper.ts',
      'checkpointing(self, sn, effects, app);\n      self.propagates',
      'checkpointing(self, self.sn, effects, app);\n      self.propagates',
    ],
    run: (s) => {
      mirror(s, A, B);
      s.does(L, to(A));
      s.does(L, to(B));
      s.takes(A, L, out(A));
      s.takes(B, L);
      s.hears(B, A, 'passed');
      s.does(B, { device: 2, test: 'fail' });
    },
    rule: 'containment',
    why: /contaminated process puts out untested/,
  },
  {
    name: '2 still contaminated after recovery',
    run: (s) => {
      mirror(s, A, B, A);
      s.does(L, to(A));
      s.does(L, to(B));
      s.does(L, to(A));
      s.takes(A, L);
      s.takes(A, L);
      s.takes(B, L, out(B));
      s.hears(A, B, 'passed');
      s.does(L, { device: 0, test: 'fail' });
    },
    rule: 'containment',
    why: /state after a recovery/,
  },
  {
    name: '3 valid message lost',
    run: (s) => {
      mirror(s, B, A);
      s.does(L, to(B));
      s.does(L, to(A));
      s.takes(A, L);
      s.takes(B, L, to(A));
      s.takes(A, B);
      s.does(B, out(B));
      s.hears(A, B, 'passed');
      fails(s);
    },
    rule: 'orphans',
    why: /from b\/0: message q=1 was sent, and is neither taken/,
  },
  {
    name: '4 stale contamination',
    run: (s) => {
      mirror(s, A);
      s.does(L, to(A));
      s.takes(A, L, to(B));
      s.does(L, out(L));
      s.hears(B, L, 'passed');
      s.hears(A, L, 'passed');
      s.takes(B, A);
      fails(s);
    },
    rule: 'orphans',
    why: /from a\/0: message q=1 was sent, and is neither taken/,
  },
  {
    name: '5 notification in flight',
    run: (s) => {
      mirror(s, A);
      s.does(L, to(A));
      s.takes(A, L, to(B));
      s.takes(B, A);
      s.does(A, out(A));
      fails(s);
      s.takes(B, L);
    },
    rule: 'orphans',
    why: /from a\/0: message q=1 was sent, and is neither taken/,
  },
  {
    name: '6 two components, one counter',
    lows: 2,
    run: (s) => {
      const [S1, L1, S2, L2, A2, B2] = [0, 1, 2, 3, 4, 6];
      s.does(L1, to(A2));
      s.spread('counter');
      s.does(L2, to(B2));
      s.does(S2, to(B2));
      s.spread('counter');
      s.does(S1, to(A2));
      s.takes(A2, L1, out(A2));
      s.spread('passed');
      s.takes(B2, L2);
      s.event(L2, { kind: 'fail', why: 'threw' });
    },
    rule: 'orphans',
    why: /to epoch 1, from low2\/0: message q=1 was sent, and is neither taken/,
  },
  {
    name: '7 validated, then lost with its sender',
    run: (s) => {
      mirror(s, A, B);
      s.does(L, to(A));
      s.does(L, to(B));
      s.takes(B, L, out(B));
      s.spread('passed');
      s.dies(L, { '1>2': 1 });
      s.event(B, { kind: 'absent', pid: L, why: 'silent' });
    },
    rule: 'orphans',
    why: /from low\/0: message q=1 was sent, and is neither taken/,
  },
  {
    name: '8 re-sent contamination',
    run: (s) => {
      s.does(L, to(A));
      s.takes(A, L, to(S));
      s.takes(S, A, to(B));
      fails(s);
    },
    rule: 'containment',
    why: /message from a log that a rollback took back/,
  },
];

function scenario(trace: Trace, rules: 'paper' | 'corrected', core?: Core): Scenario {
  const s = new Scenario(shapeOf(trace.lows ?? 1, 2, { rules }), core);
  trace.run(s);
  return s;
}

describe('traces of PROTOCOL 9', () => {
  for (const trace of TRACES) {
    test(`${trace.name}: violates under paper`, async () => {
      const core = trace.reading ? await withMistake([trace.reading]) : undefined;
      const s = scenario(trace, 'paper', core);
      s.finish();
      const found = s.judge();
      expect(
        found.some((v) => v.rule === trace.rule && trace.why.test(v.why)),
        JSON.stringify(found, null, 1),
      ).toBe(true);
    });

    test(`${trace.name}: holds under the corrected rules, however it ends`, () => {
      for (let seed = 0; seed < 12; seed++) {
        const s = scenario(trace, 'corrected');
        s.finish(seed === 0 ? undefined : seededChoose(seed));
        expect(s.judge(), `seed ${seed}`).toEqual([]);
      }
      const found = explore(scenario(trace, 'corrected').world, { states: 120, depth: 200 }, true);
      expect(found.violations).toEqual([]);
    });
  }
});
