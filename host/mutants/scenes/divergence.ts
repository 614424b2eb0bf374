// Scenes of PROTOCOL 4.5: old and new version drift apart.

import { NO_POLICY } from '../../explore/shape.ts';
import { stage } from '../../explore/world.ts';
import type { Scene } from './steps.ts';
import { S, L, A, B, to, decides, policyOf, removal } from './steps.ts';

export const DIVERGENCE: Scene[] = [
  {
    name: 'types in another order',
    run: (s) => {
      s.does(L, { to: 1, type: 1 });
      s.does(L, { to: 1 });
      s.does(S, { to: 1 });
      s.does(S, { to: 1, type: 1 });
      s.beats(L, S);
    },
    expect: decides('recovery'),
  },
  {
    name: 'other types, the shadow leads',
    run: (s) => {
      s.does(S, { to: 1, type: 1 });
      s.does(S, { to: 1 });
      s.does(L, { to: 1 });
      s.beats(L, S);
    },
    expect: decides('recovery'),
  },
  {
    name: 'other types, the shadow lags',
    run: (s) => {
      s.does(L, { to: 1 });
      s.beats(L, S);
      s.does(S, { to: 1, type: 1 });
    },
    expect: decides('recovery'),
  },
  {
    name: 'the same types, the shadow lags by two',
    run: (s) => {
      s.does(L, { to: 1 });
      s.does(L, { to: 1, type: 1 });
      s.beats(L, S);
      s.does(S, { to: 1 });
    },
    expect: decides(''),
  },
  {
    name: 'the new version leads too far',
    shape: policyOf({ lead: 2 }),
    run: (s) => {
      for (let i = 0; i < 3; i++) s.does(L, to(A));
      s.beats(L, S);
    },
    expect: decides('recovery'),
  },
  {
    name: 'the old version leads too far',
    shape: policyOf({ lead: 2 }),
    run: (s) => {
      for (let i = 0; i < 3; i++) s.does(S, to(A));
    },
    expect: decides('recovery'),
  },
  {
    name: 'both versions lead as far as they may',
    shape: policyOf({ lead: 2 }),
    run: (s) => {
      for (let i = 0; i < 2; i++) s.does(S, to(A));
      for (let i = 0; i < 2; i++) s.does(L, to(B));
      s.beats(L, S);
    },
    expect: decides(''),
  },
  {
    name: 'the old version had sent much before the start',
    shape: () => ({ operation: null }),
    run: (s) => {
      for (let i = 0; i < 4; i++) s.does(S, to(A));
      s.finish();
      stage(s.world, [0], 'u1', { policy: { ...NO_POLICY, lead: 2 } });
      s.word(A, 'start');
      s.finish();
      s.does(S, to(A));
      s.does(L, to(A));
    },
    expect: decides('start'),
  },
  {
    name: 'the shadow of a component that the upgrade removes',
    lows: 2,
    shape: () => removal(2),
    run: (s) => {
      for (let i = 0; i < 4; i++) s.does(2, { to: 2 });
    },
    expect: decides('', 4),
  },
];
