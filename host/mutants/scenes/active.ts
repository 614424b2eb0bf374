// Scenes of PROTOCOL 4.2: active processes.

import { mustHave } from '../../explore/world.ts';
import type { Scene } from './steps.ts';
import { S, L, A, B, to, out, fails, acts, wants, decides, effectsOf, own } from './steps.ts';

export const ACTIVE: Scene[] = [
  {
    name: 'a message to the cluster',
    run: (s) => {
      s.does(A, to(S));
      s.finish();
      const wrong = wants('received of a', [1, 1], [mustHave(s.world, S).state.r[1], mustHave(s.world, L).state.r[1]]);
      s.does(A, to(S));
      s.word(B, 'commit');
      return wrong;
    },
  },
  {
    name: 'a clean process puts out what a test would refuse',
    run: (s) => {
      s.does(A, { device: 1, test: 'fail' });
    },
    expect: (s) => decides('')(s) ?? wants('outputs', 1, effectsOf(s, A, 'output').length),
  },
  {
    name: 'a contaminated process fails its test',
    run: (s) => {
      s.does(S, to(A));
      s.does(L, to(A));
      s.takes(A, L, { device: 1, test: 'fail' });
    },
    expect: decides('recovery'),
  },
  {
    name: 'validated, emitted, contaminated anew: messages',
    run: (s) => {
      s.does(S, to(A));
      s.does(S, to(A));
      s.does(L, to(A));
      s.takes(A, L, to(B));
      s.takes(B, A, out(B));
      s.does(L, to(A));
      s.takes(A, L);
      s.event(L, fails);
    },
  },
  {
    name: 'validated, emitted, contaminated anew: outputs',
    run: (s) => {
      for (const pid of [A, B, A]) s.does(S, to(pid));
      for (const pid of [A, B, A]) s.does(L, to(pid));
      s.takes(A, L, { device: 1, test: 'compensate' });
      s.takes(A, L);
      s.takes(B, L, out(B));
      s.event(L, fails);
    },
  },
  {
    name: 'validated, logged, contaminated anew',
    run: (s) => {
      s.does(L, to(A));
      s.takes(A, L, to(S));
      s.takes(S, A, to(B));
      s.takes(L, A, to(B));
      s.does(A, out(A));
      s.takes(B, L, to(S));
      s.takes(S, B);
      s.event(L, fails);
    },
  },
  {
    name: 'a contaminated process throws',
    run: (s) => {
      s.does(S, to(A));
      s.does(L, to(A));
      s.takes(A, L, { throws: true });
    },
    expect: decides('recovery'),
  },
  {
    name: 'a clean process throws',
    shape: own(B, [{ to: 1 }, { throws: true }]),
    run: (s) => {
      acts(s, B, 1);
      s.does(S, { throws: true });
    },
    expect: (s) => decides('')(s) ?? wants('messages of b', [0], [mustHave(s.world, B).state.q[1]]),
  },
];
