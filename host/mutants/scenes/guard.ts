// Scenes of PROTOCOL 4: what comes with every receipt.

import { mustHave } from '../../explore/world.ts';
import type { Scene } from './steps.ts';
import { S, L, A, B, to, out, wants } from './steps.ts';

export const GUARD: Scene[] = [
  {
    name: 'messages and notifications bring V',
    run: (s) => {
      s.does(S, to(A));
      s.does(L, to(A));
      s.does(L, out(L));
      s.takes(A, L);
      s.hears(A, L, 'passed');
      const a = mustHave(s.world, A);
      const wrong = wants('V of a', [1], a.V) ?? wants('journal of a', 0, a.journal.length);
      s.does(A, to(B));
      s.takes(B, A);
      const b = mustHave(s.world, B);
      return wrong ?? wants('V of b', [1], b.V) ?? wants('journal of b', 0, b.journal.length);
    },
  },
  {
    name: 'a test of a process that is declared dead',
    run: (s) => {
      s.does(S, to(A));
      s.does(L, to(A));
      s.takes(A, L);
      s.event(A, { kind: 'absent', pid: L, why: 'silent' });
      s.hears(S, A, 'freeze');
      s.hears(B, A, 'freeze');
      s.event(S, { kind: 'absent', pid: L, why: 'silent' });
      s.event(B, { kind: 'absent', pid: L, why: 'silent' });
      s.hears(A, S, 'freeze');
      s.hears(A, B, 'freeze');
      s.does(L, out(L));
      s.beats(L, A);
    },
  },
];
