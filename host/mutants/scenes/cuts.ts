// Scenes of PROTOCOL 5.0: the steps of every cut.

import { headOf, mustHave } from '../../explore/world.ts';
import type { Scene } from './steps.ts';
import { S, L, A, B, to, out, fails, among, wants, decides } from './steps.ts';

export const CUTS: Scene[] = [
  {
    name: '9 split verdict',
    run: (s) => {
      s.word(A, 'commit');
      s.spread('freeze');
      if (headOf(s.world, `${L}>${A}`)?.kind === 'report') s.hears(A, L, 'report');
      s.dies(L, { '1>0': 1, '1>4': 1 });
      for (const pid of [S, B]) s.event(pid, { kind: 'absent', pid: L, why: 'silent' });
    },
  },
  {
    name: '10 nobody told it',
    lows: 2,
    run: (s) => {
      s.event(L, fails);
    },
  },
  {
    name: '12 acknowledged after the verdict',
    run: (s) => {
      s.does(S, to(A));
      s.event(A, { kind: 'absent', pid: L, why: 'silent' });
      s.does(L, to(A));
      s.does(L, out(L));
      headOf(s.world, `${L}>${A}`);
      s.hears(S, L, 'passed');
      s.beats(L, S);
    },
  },
  {
    name: '23 commit without flush',
    lows: 2,
    run: (s) => {
      const [S1, L1, S2, L2, A2, B2] = [0, 1, 2, 3, 4, 6];
      s.does(L1, { to: 1 });
      s.word(A2, 'commit');
      for (const p of [S1, L1, S2, L2, B2]) s.hears(p, A2, 'freeze');
      const key = `${L1}>${L2}`;
      const kept = s.world.state.wires[key] ?? [];
      delete s.world.state.wires[key];
      s.finish();
      s.world.state.wires[key] = kept;
    },
  },
  {
    name: 'a timer is due while frozen',
    run: (s) => {
      s.does(A, { timer: 'one' });
      s.word(B, 'commit');
      s.spread('freeze');
      s.fires(A, 'one', to(B));
    },
  },
  {
    name: 'messages come while frozen',
    run: (s) => {
      s.does(B, to(A));
      s.does(S, to(B));
      s.does(L, to(B));
      s.word(A, 'commit');
      s.takes(A, B, to(B));
      s.takes(B, L);
      s.finish();
      s.does(B, to(A));
    },
  },
  {
    name: 'V that only a held message brings',
    lows: 2,
    run: (s) => {
      const [S1, L1, S2, L2, A2, B2] = [0, 1, 2, 3, 4, 6];
      s.does(S1, to(A2));
      s.does(L1, to(A2));
      s.takes(A2, L1);
      s.does(L1, out(L1));
      s.hears(L2, L1, 'passed');
      s.dies(L1, { '1>0': 9, '1>2': 9, '1>4': 9, '1>6': 9 });
      s.does(L2, to(A2));
      s.does(S2, to(A2));
      for (const pid of [A2, S1, S2, B2]) s.event(pid, { kind: 'absent', pid: L1, why: 'silent' });
      s.takes(A2, L2);
      return wants('V of a', [1, 0], mustHave(s.world, A2).V);
    },
  },
  {
    name: 'a low process is missed after the report',
    run: (s) => {
      s.word(A, 'commit');
      s.spread('freeze');
      for (const from of [S, A]) s.hears(B, from, 'report');
      s.event(A, { kind: 'absent', pid: L, why: 'silent' });
      for (const from of [S, B]) s.hears(A, from, 'report');
    },
    expect: decides('commit'),
  },
  {
    name: 'a low process dies before its marker, in a commit',
    run: (s) => {
      s.does(S, to(A));
      s.does(L, to(A));
      s.word(A, 'commit');
      s.dies(L, { '1>2': 1 });
    },
    expect: decides('recovery'),
  },
  {
    name: 'a commit waits for the markers of low processes',
    run: (s) => {
      s.does(S, to(A));
      s.does(L, to(A));
      s.word(A, 'commit');
      among(s, [S, A, B], 'freeze');
      among(s, [S, A, B], 'report');
    },
    expect: decides('commit'),
  },
  {
    name: 'one survivor alone declares a low process dead, in a commit',
    run: (s) => {
      s.does(S, to(A));
      s.does(L, to(A));
      s.word(B, 'commit');
      s.hears(A, B, 'freeze');
      s.event(A, { kind: 'absent', pid: L, why: 'silent' });
    },
    expect: decides('recovery'),
  },
  {
    name: 'one resumes, and speaks to one that has not',
    run: (s) => {
      s.word(A, 'commit');
      s.spread('freeze');
      s.hears(A, S, 'report');
      s.hears(A, B, 'report');
      s.does(A, to(B));
      s.hears(B, A, 'report');
      if (headOf(s.world, `${A}>${B}`)) s.takes(B, A);
    },
  },
  {
    name: 'a late message of a former epoch',
    run: (s) => {
      s.does(S, to(A));
      s.does(L, to(A));
      for (const pid of [S, A, B]) s.event(pid, { kind: 'absent', pid: L, why: 'silent' });
      among(s, [S, A, B], 'freeze');
      among(s, [S, A, B], 'report');
      headOf(s.world, `${L}>${A}`);
      return wants('acknowledged', 0, s.world.state.acked[L]?.[1]);
    },
  },
  {
    name: 'a repeat of a former epoch',
    run: (s) => {
      s.does(B, to(A));
      const message = structuredClone(headOf(s.world, `${B}>${A}`));
      s.takes(A, B);
      s.word(A, 'commit');
      s.finish();
      const self = mustHave(s.world, A);
      return message && wants('what the channel does', 'repeat', s.world.core.gate(self, B, message));
    },
  },
  {
    name: 'one of two low processes dies as the commit is decided',
    lows: 2,
    run: (s) => {
      const [S1, S2, L2, A2, B2] = [0, 2, 3, 4, 6];
      s.word(A2, 'commit');
      for (const p of [S1, S2, B2, 1, L2]) s.hears(p, A2, 'freeze');
      for (const p of [S1, S2, A2, B2]) s.hears(p, L2, 'freeze');
      s.dies(L2, { '3>1': 9 });
      s.finish();
      s.does(A2, { to: 0 });
    },
    expect: decides('commit', 1),
  },
];
