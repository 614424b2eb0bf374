// Scenes of PROTOCOL 5.1: recovery.

import { mustHave } from '../../explore/world.ts';
import type { Scene } from './steps.ts';
import { S, L, A, B, to, out, fails, effectsOf, wants, decides } from './steps.ts';

export const RECOVERY: Scene[] = [
  {
    name: '19 takeover out of order',
    run: (s) => {
      s.does(S, to(B));
      s.does(L, to(A));
      s.takes(A, L, to(S));
      s.takes(S, A);
      s.does(S, to(B));
      s.event(L, fails);
    },
  },
  {
    name: 'what is sent again in a replay',
    run: (s) => {
      s.does(S, to(A));
      s.does(L, to(A));
      s.takes(A, L);
      s.does(A, to(B));
      s.takes(B, A);
      s.event(L, fails);
      s.finish();
      s.does(A, to(B));
    },
  },
  {
    name: 'an old version takes over, and goes on',
    run: (s) => {
      s.does(S, to(A));
      s.does(S, to(B));
      s.does(S, out(L));
      s.does(L, to(A));
      s.takes(A, L);
      s.does(L, out(L));
      s.event(L, fails);
      s.finish();
      s.does(S, to(A));
      s.does(S, out(L));
    },
    expect: (s) => wants('role', 'active', mustHave(s.world, S).role) ?? decides('recovery')(s),
  },
  {
    name: 'an output that fails again in the replay',
    run: (s) => {
      s.does(S, to(A));
      s.does(L, to(A));
      s.takes(A, L);
      s.does(A, { device: 1, test: 'fail' });
    },
    expect: (s) =>
      wants('withheld', 1, mustHave(s.world, A).counters.withheld) ??
      wants('outputs', 0, effectsOf(s, A, 'output').length),
  },
];
