// Scenes of PROTOCOL 4.4: what a journal and a log let go.

import type { Shape } from '../../explore/shape.ts';
import { shapeOf } from '../../explore/shape.ts';
import { mustHave } from '../../explore/world.ts';
import type { Scene } from './steps.ts';
import { S, L, A, B, to, out, fails, effectsOf, wants, doneNotes } from './steps.ts';

function latest(): Partial<Shape> {
  const { devices } = shapeOf(1, 2);
  (devices[0] as { latest: boolean }).latest = true;
  return { devices };
}

export const RECLAIM: Scene[] = [
  {
    name: '11 index instead of channel',
    run: (s) => {
      s.does(L, to(A));
      s.does(L, out(L));
      s.does(L, to(B));
      s.does(S, to(B));
      s.does(S, to(A));
      s.takes(A, L);
      s.hears(S, L, 'passed');
      s.beats(L, S);
      s.dies(L, { '1>4': 1 });
      s.event(A, { kind: 'absent', pid: L, why: 'silent' });
    },
  },
  {
    name: '13 an output announced, but never put out',
    shape: () => ({ prompt: false }),
    run: (s) => {
      s.does(L, out(L));
      s.does(S, out(L));
      s.does(S, out(L));
      s.event(L, fails);
    },
  },
  {
    name: '22 announced is not done',
    shape: () => ({ prompt: false }),
    run: (s) => {
      s.does(L, out(L));
      s.does(S, out(L));
      s.beats(L, S);
      s.does(S, out(L));
      s.event(L, fails);
    },
  },
  {
    name: 'reclaim, with checkpoints before and behind what is vouched for',
    lows: 2,
    run: (s) => {
      const [S1, L1, S2, L2, A2, B2] = [0, 1, 2, 3, 4, 6];
      for (const pid of [A2, A2]) s.does(S1, to(pid));
      s.does(S2, to(B2));
      s.does(L1, to(A2));
      s.takes(A2, L1, to(B2));
      s.does(L1, to(A2));
      s.takes(A2, L1);
      s.does(L2, to(B2));
      s.does(L2, out(L2));
      s.hears(A2, L2, 'passed');
      s.event(L1, fails);
    },
  },
  {
    name: 'reclaim, with a covered record before the first that is not',
    run: (s) => {
      for (const pid of [A, B, A]) s.does(S, to(pid));
      s.does(L, to(A));
      s.does(L, to(B));
      s.does(L, to(A));
      s.takes(A, L);
      s.takes(A, L);
      s.takes(B, L, out(B));
      s.hears(A, B, 'passed');
      s.does(A, { device: 1, test: 'fail' });
    },
  },
  {
    name: 'acknowledged, and not validated',
    run: (s) => {
      s.does(S, to(A));
      s.does(L, to(A));
      s.takes(A, L);
      s.beats(L, S);
      s.event(L, fails);
    },
  },
  {
    name: 'the log of a shadow, done and late',
    run: (s) => {
      s.does(S, out(L));
      s.does(S, to(A));
      s.does(L, out(L));
      s.does(L, to(A));
      s.does(L, to(A));
      s.does(L, out(L));
      s.finish();
      s.beats(L, S);
      const log = mustHave(s.world, S).state.log;
      const wrong = wants('log', 0, log.length);
      s.does(S, to(A));
      s.does(S, out(L));
      return wrong ?? wants('log of what is late', 0, mustHave(s.world, S).state.log.length);
    },
  },
  {
    name: 'the log of a shadow, for a latest device',
    shape: latest,
    run: (s) => {
      s.does(L, out(L));
      s.does(S, out(L));
      const first = JSON.stringify(mustHave(s.world, S).state.log);
      s.does(L, out(L));
      s.does(S, out(L));
      s.beats(L, S);
      const log = mustHave(s.world, S).state.log;
      const wrong = wants('log', 1, log.length);
      if (JSON.stringify(log) === first) return 'the log holds an older output than the last';
      s.event(L, fails);
      return wrong;
    },
    expect: (s) =>
      wants('outputs of the old version', 1, effectsOf(s, S, 'output').length) ??
      wants('done by the driver', [true, true, true], doneNotes(s, 0)),
  },
];
