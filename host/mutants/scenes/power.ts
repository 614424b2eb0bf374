// Scenes of PROTOCOL 6: what must survive a loss of power.

import { mustHave } from '../../explore/world.ts';
import type { Scene } from './steps.ts';
import { S, L, A, to, out, wants } from './steps.ts';

export const POWER: Scene[] = [
  {
    name: 'what a low process forgets, and when',
    run: (s) => {
      s.does(S, to(A));
      s.does(L, to(A));
      s.takes(A, L, out(A));
      s.hears(L, A, 'passed');
      s.beats(L, S);
      const wrong = wants('marks after a heartbeat', 1, mustHave(s.world, L).marks.length);
      s.event(L, { kind: 'acked', acked: [[1, 1]] });
      return wrong ?? wants('marks after the event', 0, mustHave(s.world, L).marks.length);
    },
  },
];
