// The cores that are compared. The baselines are the core with a rule changed in its source, so that everything else
// about them is the same; the figures of the paper are a rule set of the core.

import type { Core } from '../explore/world.ts';
import { CORE } from '../explore/world.ts';
import type { Change } from '../mutants/core.ts';
import { withMistake } from '../mutants/core.ts';

export type Name = 'ours' | 'every' | 'restart' | 'paper';

export interface Rules {
  rules: 'corrected' | 'paper';
  core: Core;
}

export interface Variant extends Rules {
  name: Name;
}

export const TITLES: Record<Name, string> = {
  ours: 'ours',
  every: 'checkpoint every message',
  restart: 'no checkpoint, restart',
  paper: 'paper',
};

const ROOMY: Change[] = [
  ['limits.ts', 'JOURNAL_RECORDS_MAX = 2000', 'JOURNAL_RECORDS_MAX = 1e9'],
  ['limits.ts', 'JOURNAL_BYTES_MAX = 256 * 1024', 'JOURNAL_BYTES_MAX = 1e15'],
];

/** When the core checkpoints: PROTOCOL 4.2.4. */
const WHEN = 'if (!dirty || (!covered(T, self.state.T) && self.emitted)) {';

/** Every record of an event has a checkpoint before it. */
const EVERY: Change[] = [...ROOMY, ['journal.ts', WHEN, 'if (true) {']];

/** One checkpoint, before the first event of the guard; then every event is journaled, and none is reclaimed. */
const RESTART: Change[] = [
  ...ROOMY,
  ['journal.ts', 'if (covered(T, self.V) && !dirty) return;', ''],
  ['journal.ts', WHEN, 'if (self.journal.length === 0) {'],
  ['journal.ts', 'if (raise(self.V, V)) reclaim(self, self.V, effects);', 'raise(self.V, V);'],
];

/** Nobody is told of a passed test but by what messages and heartbeats carry of `V`. */
const UNTOLD: Change[] = [
  [
    'emit.ts',
    "const all = others(self);\n  for (let i = 0; i < all.length; i++) {\n    const message = blank('passed');",
    "const all: number[] = [];\n  for (let i = 0; i < all.length; i++) {\n    const message = blank('passed');",
  ],
];

export async function variants(): Promise<Variant[]> {
  return [
    { name: 'ours', rules: 'corrected', core: CORE },
    { name: 'every', rules: 'corrected', core: await withMistake(EVERY, TITLES.every) },
    { name: 'restart', rules: 'corrected', core: await withMistake(RESTART, TITLES.restart) },
    { name: 'paper', rules: 'paper', core: CORE },
  ];
}

export async function untold(): Promise<Rules> {
  return { rules: 'corrected', core: await withMistake(UNTOLD, 'no notifications') };
}
