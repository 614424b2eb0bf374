// Scenes of PROTOCOL 4.1: low processes.

import { mustHave } from '../../explore/world.ts';
import type { Scene } from './steps.ts';
import { S, L, A, to, out, fails, acts, effectsOf, wants, decides, own, removal } from './steps.ts';

export const LOW: Scene[] = [
  {
    name: '14 uncounted compensation',
    run: (s) => {
      s.does(L, { device: 0, test: 'compensate' });
      s.does(L, out(L));
      s.does(S, out(L));
      s.does(S, out(L));
      s.event(L, fails);
    },
  },
  {
    name: 'a message to a component that the upgrade removes',
    lows: 2,
    shape: () => removal(9),
    run: (s) => {
      s.does(L, { to: 1 });
      s.does(L, { to: 2 });
      s.does(S, { to: 2 });
      s.word(4, 'commit');
    },
  },
  {
    name: 'two low processes send, inside the cluster too',
    lows: 2,
    run: (s) => {
      const [S1, L1, S2, L2, A2, B2] = [0, 1, 2, 3, 4, 6];
      s.does(S1, to(A2));
      s.does(S1, to(S2));
      s.does(L1, to(A2));
      s.does(L1, to(L2));
      s.takes(S2, S1);
      s.takes(L2, L1, to(B2));
      s.does(S2, to(B2));
      s.does(L2, to(A2));
      s.does(S2, to(A2));
      s.does(S2, to(S1));
      s.does(L2, to(L1));
      s.takes(A2, L2);
      s.takes(A2, L1, to(B2));
      s.takes(B2, L2, out(B2));
      s.event(L1, fails);
      s.finish();
      s.does(S1, to(S2));
    },
  },
  {
    name: 'two low processes commit',
    lows: 2,
    run: (s) => {
      const [S1, L1, S2, L2, A2] = [0, 1, 2, 3, 4];
      s.does(L1, to(L2));
      s.finish();
      s.does(S1, to(S2));
      s.does(L1, to(L2));
      s.does(A2, to(S1));
      s.does(L2, to(A2));
      s.does(S2, to(A2));
      s.word(A2, 'commit');
      s.finish();
      s.does(L1, to(L2));
      s.does(A2, to(S2));
    },
  },
  {
    name: 'a compensated output leaves V alone',
    run: (s) => {
      s.does(S, to(A));
      s.does(L, to(A));
      s.takes(A, L, { device: 1, test: 'compensate' });
      s.does(L, { device: 0, test: 'compensate' });
    },
  },
  {
    name: 'what is compensated fails too',
    run: (s) => {
      (s.world.apps[L] as { compensate: unknown }).compensate = () => ({ h: 1, test: 'fail' });
      s.does(L, { device: 0, test: 'compensate' });
    },
    expect: (s) => wants('outputs', 0, effectsOf(s, L, 'output').length) ?? decides('recovery')(s),
  },
  {
    name: 'a failed test of a state that another has vouched for',
    run: (s) => {
      s.does(S, to(A));
      s.does(L, to(A));
      s.takes(A, L);
      s.does(L, out(L));
      s.does(A, { device: 1, test: 'fail' });
      s.finish();
      s.does(A, out(A));
    },
    expect: decides('recovery'),
  },
  {
    name: 'a failed test of a low process',
    run: (s) => {
      s.does(L, { device: 0, test: 'fail' });
    },
    expect: decides('recovery'),
  },
  {
    name: 'a low process keeps no journal',
    run: (s) => {
      s.does(S, to(A));
      s.does(L, to(A));
      s.takes(A, L, to(L));
      s.takes(L, A);
      return wants('journal', 0, mustHave(s.world, L).journal.length);
    },
  },
  {
    name: 'a low process throws',
    run: (s) => {
      s.does(L, { throws: true });
    },
    expect: decides('recovery'),
  },
  {
    name: 'a low process emits without end',
    shape: own(
      L,
      Array.from({ length: 65 }, () => ({ to: 1 })),
    ),
    run: (s) => {
      acts(s, L, 1);
    },
    expect: decides('recovery'),
  },
  {
    name: 'a low process arms timers without end',
    shape: own(
      L,
      Array.from({ length: 33 }, (_, i) => ({ timer: `t${i}` })),
    ),
    run: (s) => {
      acts(s, L, 1);
    },
    expect: decides('recovery'),
  },
  {
    name: 'the operator aborts',
    run: (s) => {
      s.word(A, 'abort');
    },
    expect: decides('recovery'),
  },
];
