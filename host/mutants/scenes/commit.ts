// Scenes of PROTOCOL 5.2: commit.

import type { Scenario } from '../../explore/scenario.ts';
import { stage } from '../../explore/world.ts';
import type { Scene } from './steps.ts';
import { S, L, A, to, out, fails, wants, decides, policyOf, doneNotes, removal } from './steps.ts';

function ticks(s: Scenario, ms: number): void {
  s.world.state.t += ms;
  s.event(A, { kind: 'tick' });
}

export const COMMIT: Scene[] = [
  {
    name: 'the policy: not so long',
    shape: policyOf({ commitAfterMs: 20, validated: 2 }),
    run: (s) => {
      for (let i = 0; i < 2; i++) {
        s.does(S, to(A));
        s.does(L, to(A));
      }
      s.does(L, out(L));
      s.finish();
      ticks(s, 10);
    },
    expect: decides(''),
  },
  {
    name: 'the policy: not so many',
    shape: policyOf({ commitAfterMs: 20, validated: 2 }),
    run: (s) => {
      for (let i = 0; i < 2; i++) {
        s.does(S, to(A));
        s.does(L, to(A));
        s.takes(A, L);
      }
      ticks(s, 30);
    },
    expect: decides(''),
  },
  {
    name: 'the policy: met',
    shape: policyOf({ commitAfterMs: 20, validated: 2 }),
    run: (s) => {
      for (let i = 0; i < 2; i++) {
        s.does(S, to(A));
        s.does(L, to(A));
      }
      s.does(L, out(L));
      s.finish();
      ticks(s, 20);
    },
    expect: decides('commit'),
  },
  {
    name: 'the new version fails in a commit',
    run: (s) => {
      s.word(A, 'commit');
      s.event(L, fails);
    },
    expect: decides('recovery'),
  },
  {
    name: 'the operator commits, and aborts',
    run: (s) => {
      s.word(A, 'commit');
      s.word(A, 'abort');
    },
    expect: decides('recovery'),
  },
  {
    name: 'a component goes, and comes back',
    lows: 2,
    shape: () => removal(9),
    run: (s) => {
      const [A2, B2] = [4, 6];
      s.does(A2, { to: 1 });
      s.does(2, { to: 2 });
      s.word(A2, 'commit');
      s.finish();
      stage(s.world, [0, 1], 'u2', { lows: [0, 2], added: [1] });
      s.word(B2, 'start', 'u2');
      s.finish();
      s.word(B2, 'commit');
      s.finish();
      s.does(A2, { to: 1 });
      s.does(2, { to: 2 });
      s.does(2, { device: 1 });
    },
    expect: decides('commit start commit', 4),
  },
  {
    name: 'a component that had talked goes, and comes back',
    lows: 2,
    shape: () => ({ operation: null }),
    run: (s) => {
      const [A2, B2] = [4, 6];
      s.does(A2, { to: 1 });
      s.does(2, { to: 2 });
      s.does(2, { device: 1 });
      s.finish();
      stage(s.world, [0, 1], 'u1', { lows: [1] });
      s.word(A2, 'start');
      s.finish();
      s.word(A2, 'commit');
      s.finish();
      stage(s.world, [0, 1], 'u2', { lows: [0, 2], added: [1] });
      s.word(B2, 'start', 'u2');
      s.finish();
      s.word(B2, 'commit');
      s.finish();
      s.does(A2, { to: 1 });
      s.does(2, { to: 2 });
      s.does(2, { device: 1 });
      s.finish();
      s.stage([0], 'u3');
      s.word(B2, 'start', 'u3');
    },
    expect: (s) =>
      decides('start commit start commit start', 4)(s) ?? wants('done by the driver', [true, true], doneNotes(s, 1)),
  },
];
