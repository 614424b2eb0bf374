// No cascade (PROTOCOL 8): at most one rollback per process per recovery, only where one is needed, no further than
// what arrived since the first unvalidated message, and not over anything that the process had emitted before that.

import { causality } from './causal.ts';
import type { Step } from './facts.ts';
import type { Tally, TraceLine, Violation } from './types.ts';
import { count } from './types.ts';
import type { History } from './vector.ts';
import { show, within } from './vector.ts';

/** What a process delivered, by the numbers of the events: what each carried, and whether anything was emitted. */
type Delivered = Map<number, { carried: History; emitted: boolean }>;

function note(step: Step, delivered: Delivered): void {
  for (const { fact } of step.facts) {
    if (fact.kind === 'deliver') delivered.set(fact.n, { carried: fact.carried, emitted: false });
  }
  let last = -1;
  for (const effect of step.line.effects ?? []) {
    if (effect.kind === 'deliver') last = effect.event ?? step.n;
    const app = effect.kind === 'send' && effect.message?.kind === 'app';
    if (!app && effect.kind !== 'output' && effect.kind !== 'suppressed') continue;
    const event = delivered.get(last);
    if (event) event.emitted = true;
  }
}

/** The first event that V* covers, and in which something was emitted, before the first that V* does not cover. */
function emittedBefore(undone: number[], delivered: Delivered, limit: History): number | null {
  let found: number | null = null;
  for (const n of undone.slice().sort((a, b) => a - b)) {
    const event = delivered.get(n);
    if (event && !within(event.carried, limit)) return found;
    if (event?.emitted && found === null) found = n;
  }
  return null;
}

export function cascade(lines: TraceLine[], tally: Tally = {}): Violation[] {
  const c = causality(lines);
  const out: Violation[] = [];
  const processes = new Map<number, Delivered>();
  for (const step of c.steps) {
    const delivered: Delivered = processes.get(step.pid) ?? new Map();
    processes.set(step.pid, delivered);
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
      const over = emittedBefore(fact.undone, delivered, limit);
      if (over !== null) say(`rolls back over what it emitted at event ${over}, which V* ${show(limit)} covers`);
      if (within(fact.H, limit)) {
        say(`rolls back without need: depends on ${show(fact.H)}, V* is ${show(limit)}`);
      }
    }
    note(step, delivered);
    if (step.facts.some(({ fact }) => fact.kind === 'decide')) processes.delete(step.pid);
  }
  return out;
}
