// Scenes of PROTOCOL 7: drivers.

import type { Scene } from './steps.ts';
import { S, L, A, out, fails, wants, doneNotes } from './steps.ts';

export const DRIVERS: Scene[] = [
  {
    name: '13 a driver that does not count',
    run: (s) => {
      s.does(L, out(L));
      s.does(S, out(L));
      s.event(L, fails);
    },
  },
  {
    name: 'two components put out to one device',
    run: (s) => {
      s.does(A, out(L));
      s.does(L, out(L));
      s.does(L, out(L));
      s.does(S, out(L));
      s.does(S, out(L));
      s.event(L, fails);
    },
    expect: (s) => wants('done by the driver', [true, true, false, false], doneNotes(s, 0)),
  },
  {
    name: 'an output of the new version in the hands of a driver',
    shape: () => ({ prompt: false }),
    run: (s) => {
      s.does(L, out(L));
      s.does(S, out(L));
      s.spread('passed');
      s.event(L, fails);
      s.spread('freeze');
      s.spread('report');
    },
    expect: (s) => wants('done by the driver', [false, true], doneNotes(s, 0)),
  },
];
