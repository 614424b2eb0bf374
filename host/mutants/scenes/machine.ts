// Scenes of PROTOCOL 3: the machine.

import { deliver, headOf, mustHave, processAt } from '../../explore/world.ts';
import type { Scene } from './steps.ts';
import { S, L, A, B, to, out, fails, among, acts, effectsOf, wants, decides, own } from './steps.ts';

export const MACHINE: Scene[] = [
  {
    name: '17 timer without a past',
    run: (s) => {
      s.does(S, to(A));
      s.does(L, to(A));
      s.takes(A, L, { timer: 'one' });
      s.fires(A, 'one', to(B));
      s.event(L, fails);
    },
  },
  {
    name: '18 counters outside the state: sent',
    run: (s) => {
      s.does(S, to(B));
      s.does(L, to(B));
      s.takes(B, L, to(A));
      s.takes(A, B);
      s.event(L, fails);
      s.finish();
      s.does(B, to(A));
    },
  },
  {
    name: '18 counters outside the state: received',
    run: (s) => {
      s.does(S, to(B));
      s.does(L, to(B));
      s.takes(B, L, to(A));
      s.takes(A, B);
      s.event(L, fails);
      s.finish();
      s.does(B, to(A));
      s.finish();
      s.stage([0], 'u2');
      s.word(A, 'start', 'u2');
    },
  },
  {
    name: '20 old vectors in a new operation',
    run: (s) => {
      s.does(L, to(A));
      s.takes(A, L, { timer: 'one' });
      s.word(B, 'commit');
      s.finish();
      s.stage([0], 'u2');
      s.word(A, 'start', 'u2');
      s.finish();
      s.fires(A, 'one');
      s.event(S, fails);
    },
  },
  {
    name: '21 late low output',
    shape: () => ({ boards: ['board0', 'board0', 'board1', 'board1', 'board2', 'board2'] }),
    run: (s) => {
      s.does(L, out(L));
      s.does(S, out(L));
      s.does(S, out(L));
      s.event(A, { kind: 'absent', pid: L, why: 'silent' });
      s.event(S, { kind: 'absent', pid: L, why: 'silent' });
      for (const [p, from] of [
        [S, A],
        [A, S],
        [B, A],
        [B, S],
        [S, B],
        [A, B],
      ] as const)
        s.hears(p, from, 'freeze');
      s.event(B, { kind: 'absent', pid: L, why: 'silent' });
      s.hears(S, A, 'report');
      s.hears(S, B, 'report');
      if (processAt(s.world, L)?.role === 'low') s.does(L, out(L));
    },
  },
  {
    name: '26 input during handover',
    shape: () => ({ operation: null }),
    run: (s) => {
      s.stage([0]);
      s.does(S);
      s.word(A, 'start');
      s.spread('freeze');
      s.does(S);
      s.finish();
      s.does(S);
    },
  },
  {
    name: 'an output that a rollback takes back',
    run: (s) => {
      s.does(S, to(A));
      s.does(L, to(A));
      s.takes(A, L, { device: 1, test: 'compensate' });
      s.event(L, fails);
      s.finish();
      s.does(A, out(A));
    },
  },
  {
    name: 'a timer that a rollback takes back',
    run: (s) => {
      s.does(S, to(A));
      s.does(L, to(A));
      s.takes(A, L, { timer: 'one' });
      s.event(L, fails);
    },
    expect: (s) => wants('timers', [], mustHave(s.world, A).state.timers),
  },
  {
    name: 'a timer that a clean state armed',
    run: (s) => {
      s.does(A, { timer: 'one' });
      s.does(S, to(A));
      s.does(L, to(A));
      s.takes(A, L);
      s.fires(A, 'one', to(B));
      s.event(L, fails);
    },
    expect: (s) => wants('events that the recovery leaves out', 1, effectsOf(s, A, 'forget').length),
  },
  {
    name: 'a second operation after a contaminated one',
    run: (s) => {
      s.does(S, to(A));
      s.does(L, to(A));
      s.takes(A, L);
      s.word(B, 'commit');
      s.finish();
      s.stage([0], 'u2');
      s.word(A, 'start', 'u2');
      s.finish();
      s.does(A, to(B));
      s.takes(B, A);
      s.event(S, fails);
    },
  },
  {
    name: 'a second operation after a validated one',
    run: (s) => {
      s.does(S, to(A));
      s.does(L, to(A));
      s.takes(A, L, out(A));
      s.word(B, 'commit');
      s.finish();
      s.stage([0], 'u2');
      s.word(A, 'start', 'u2');
      s.finish();
      s.does(L, to(A));
      s.does(S, to(A));
      s.takes(A, S);
      s.event(S, fails);
    },
  },
  {
    name: 'a handler goes on after its failed test',
    shape: own(A, [{ device: 1, test: 'fail' }, { to: 2 }]),
    run: (s) => {
      s.does(S, to(A));
      s.does(L, to(A));
      deliver(s.world, `${L}>${A}`, 0);
      s.does(L, out(L));
      acts(s, A, 1);
    },
    expect: decides('recovery', B),
  },
  {
    name: 'a seat that hears late of the start',
    shape: () => ({
      ...own(L, [{ device: 0 }])(),
      operation: null,
      boards: ['board0', 'board0', 'board1', 'board1', 'board2', 'board2'],
    }),
    run: (s) => {
      s.stage([0]);
      s.word(A, 'start');
      s.spread('freeze');
      s.hears(L, S, 'handover');
      s.hears(S, L, 'migrated');
      among(s, [S, A, B], 'report');
      for (const pid of [S, A, B]) s.event(pid, { kind: 'absent', pid: L, why: 'silent' });
      among(s, [S, A, B], 'freeze');
      among(s, [S, A, B], 'report');
      for (const from of [S, A, B]) if (headOf(s.world, `${from}>${L}`)) s.hears(L, from, 'report');
      if (mustHave(s.world, L).role !== 'low') return;
      s.event(L, { kind: 'input', device: 0, i: 1, epoch: 1, data: { i: 1 }, seed: 1 });
    },
  },
];
