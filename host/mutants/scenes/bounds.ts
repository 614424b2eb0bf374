// Scenes of PROTOCOL 8.7: bounds.

import type { Scenario } from '../../explore/scenario.ts';
import { headOf, input, mustHave, takeable, takeInput } from '../../explore/world.ts';
import type { Scene } from './steps.ts';
import { S, L, A, B, to, decides, policyOf } from './steps.ts';

/** The rest of the scene would never come to an end. */
function stopHere(s: Scenario): null {
  s.world.lines.length = 1;
  s.world.state.wires = {};
  for (const self of s.world.state.processes) if (self) self.cut = null;
  return null;
}

export const BOUNDS: Scene[] = [
  {
    name: 'a journal that is full',
    long: true,
    run: (s) => {
      s.does(S, to(A));
      s.does(L, to(A));
      s.takes(A, L);
      for (let i = 0; i < 2000; i++) if (!mustHave(s.world, A).cut) s.does(A);
    },
    expect: decides('recovery'),
  },
  {
    name: 'a log that is full',
    long: true,
    shape: policyOf({ lead: 5000 }),
    run: (s) => {
      for (let i = 0; i < 2000; i++) if (!mustHave(s.world, S).cut) s.does(S, to(A));
    },
    expect: decides('recovery'),
  },
  {
    name: 'too many unvalidated messages',
    long: true,
    run: (s) => {
      for (let i = 0; i < 2000; i++) {
        if (mustHave(s.world, L).cut) break;
        const at = i % 2 === 0 ? A : B;
        s.does(L, to(at));
        s.takes(at, L);
      }
    },
    expect: decides('recovery'),
  },
  {
    name: 'more messages than can be held',
    long: true,
    run: (s) => {
      for (let i = 0; i < 510; i++) s.does(B, to(A));
      s.word(A, 'commit');
      for (let i = 0; i < 510; i++) if (headOf(s.world, `${B}>${A}`)?.kind === 'app') s.takes(A, B);
      const held = mustHave(s.world, A).held.length;
      return held > 500 ? `${held} messages are held` : stopHere(s);
    },
  },
  {
    name: 'more inputs than can be held',
    long: true,
    run: (s) => {
      s.does(B, to(A));
      s.word(A, 'commit');
      for (let i = 0; i < 510; i++) {
        input(s.world, 1);
        const [place] = takeable(s.world, A);
        if (place !== undefined) takeInput(s.world, A, place, 0);
      }
    },
    expect: decides('commit'),
  },
];
