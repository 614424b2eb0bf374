// No cascade (PROTOCOL 8): at most one rollback per process per recovery, only where one is needed, and no further
// than what arrived since the first unvalidated message.

import { causality } from './causal.ts';
import type { Tally, TraceLine, Violation } from './types.ts';
import { count } from './types.ts';
import { show, within } from './vector.ts';

export function cascade(lines: TraceLine[], tally: Tally = {}): Violation[] {
  const c = causality(lines);
  const out: Violation[] = [];
  for (const step of c.steps) {
    let rollbacks = 0;
    for (const { fact, limit } of step.facts) {
      if (fact.kind !== 'rollback') continue;
      count(tally, 'rollbacks');
      const say = (why: string) => {
        out.push({ rule: 'cascade', process: step.process, n: step.n, t: step.t, why });
      };
      if (!limit) {
        say('rolls back outside a recovery');
        continue;
      }
      if (++rollbacks > 1) say('rolls back a second time in one recovery');
      if (fact.undone === null) {
        say(`rolls back to before event ${fact.n}, which it did not deliver in this operation`);
        continue;
      }
      const distance = fact.undone.length;
      tally['longest rollback'] = Math.max(tally['longest rollback'] ?? 0, distance);
      if (fact.from >= 0 && fact.n < fact.from) {
        say(`rolls back to before event ${fact.n}; its first unvalidated one is ${fact.from}`);
      }
      if (within(fact.H, limit)) {
        say(`rolls back without need: depends on ${show(fact.H)}, V* is ${show(limit)}`);
      }
    }
  }
  return out;
}
