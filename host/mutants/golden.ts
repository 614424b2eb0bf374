// Interactions that are kept as text in test/golden, to be read: what each is about, and what happens in it.

import { readFileSync } from 'node:fs';
import path from 'node:path';
import type { Violation } from '../check/types.ts';
import { Scenario } from '../explore/scenario.ts';
import { shapeOf } from '../explore/shape.ts';
import { textOf } from '../explore/text.ts';
import type { Core } from '../explore/world.ts';

export const DIRECTORY = path.join(import.meta.dirname, '..', '..', 'test', 'golden');
const S = 0;
const L = 1;
const A = 2;
const B = 4;
const C = 6;
const to = (pid: number) => ({ to: pid >> 1 });
const out = (pid: number) => ({ device: pid >> 1 });

export interface Golden {
  name: string;
  about: string;
  actives: number;
  guarded: boolean;
  run: (s: Scenario) => void;
}

export const GOLDEN: Golden[] = [
  {
    name: 'two-components',
    about:
      'The original MDCD: one component under upgrade, one active. A test validates, a second one fails, the old version takes over.',
    actives: 1,
    guarded: true,
    run: (s) => {
      s.does(L, to(A));
      s.does(S, to(A));
      s.takes(A, L, out(A));
      s.hears(L, A, 'passed');
      s.hears(S, A, 'passed');
      s.beats(L, S);
      s.does(L, to(A));
      s.does(S, to(A));
      s.takes(A, L, { device: 1, test: 'fail' });
      s.finish();
    },
  },
  {
    name: 'one-low-many-active',
    about:
      'The (1,n) architecture: contamination spreads by relays, one test validates a part of it, and after the failure each process goes back only as far as it must.',
    actives: 3,
    guarded: true,
    run: (s) => {
      for (const pid of [A, B, A]) s.does(S, to(pid));
      s.does(L, to(A));
      s.does(L, to(B));
      s.does(L, to(A));
      s.takes(A, L, to(C));
      s.takes(C, A, { timer: 'one' });
      s.takes(B, L, out(B));
      s.spread('passed');
      s.takes(A, L, to(C));
      s.takes(C, A);
      s.fires(C, 'one');
      s.does(L, { device: 0, test: 'fail' });
      s.finish();
    },
  },
  {
    name: 'start',
    about: 'A start: markers, handover with a held message and a pending input, migrate, reports, decision.',
    actives: 1,
    guarded: false,
    run: (s) => {
      s.stage([0]);
      s.does(S, to(A));
      s.does(A, to(S));
      s.word(S, 'start');
      s.takes(S, A);
      s.takes(A, S);
      s.finish();
    },
  },
  {
    name: 'cancel',
    about: 'A start whose migrate throws: cancelled for all.',
    actives: 1,
    guarded: false,
    run: (s) => {
      s.stage([0]);
      s.word(A, 'start');
      s.world.hooks.failMigrate = true;
      s.finish();
    },
  },
  {
    name: 'commit',
    about: 'A commit on a word, with a message still under way: it is held, and delivered in the new epoch.',
    actives: 1,
    guarded: true,
    run: (s) => {
      s.does(L, to(A));
      s.does(S, to(A));
      s.word(A, 'commit');
      s.takes(A, L);
      s.finish();
      s.does(A, to(S));
      s.finish();
    },
  },
  {
    name: 'recovery',
    about:
      'The board of the new version dies with a message in its queue; two survivors notice; the old version sends it instead.',
    actives: 2,
    guarded: true,
    run: (s) => {
      s.does(L, to(A));
      s.does(L, out(L));
      s.does(L, to(B));
      s.does(S, to(A));
      s.does(S, out(L));
      s.does(S, to(B));
      s.takes(A, L);
      s.dies(L, { '1>4': 1 });
      s.event(A, { kind: 'absent', pid: L, why: 'silent' });
      s.event(S, { kind: 'absent', pid: L, why: 'silent' });
      s.finish();
    },
  },
];

export function fileOf(golden: Golden): string {
  return path.join(DIRECTORY, `${golden.name}.txt`);
}

const kept = new Map<string, string>();

export function keptText(golden: Golden): string {
  const file = fileOf(golden);
  const text = kept.get(file) ?? readFileSync(file, 'utf8');
  kept.set(file, text);
  return text;
}

export function playGolden(golden: Golden, core?: Core): { text: string; violations: Violation[] } {
  const s = new Scenario(shapeOf(1, golden.actives, golden.guarded ? {} : { operation: null }), core);
  golden.run(s);
  return { text: `# ${golden.about}\n\n${textOf(s.world.lines)}`, violations: s.judge() };
}
