// Containment (PROTOCOL 8): nothing external leaves a contaminated process untested, and after a recovery nothing
// depends on a boundary message beyond V*.

import { causality } from './causal.ts';
import type { Causality, Step } from './facts.ts';
import type { Operation } from './operations.ts';
import { pathTo } from './path.ts';
import type { Tally, TraceLine, Violation } from './types.ts';
import { count } from './types.ts';
import type { History } from './vector.ts';
import { at, beyond, show } from './vector.ts';

function blame(c: Causality, step: Step, why: string, H: History, allowed: History): Violation {
  const slot = beyond(H, allowed);
  return {
    rule: 'containment',
    process: step.process,
    n: step.n,
    t: step.t,
    why: `${why}: it depends on ${show(H)}, vouched for is ${show(allowed)}`,
    path: slot < 0 ? [] : pathTo(c, step, slot, at(H, slot)),
  };
}

export function containment(lines: TraceLine[], tally: Tally = {}): Violation[] {
  const c = causality(lines);
  const out: Violation[] = [];
  const ended = new Map<Operation, History>();
  for (const step of c.steps) {
    for (const { fact, validated, limit } of step.facts) {
      const here = (why: string, H: History, allowed: History) => {
        out.push(blame(c, step, why, H, allowed));
      };
      if (fact.kind === 'output') {
        count(tally, 'outputs');
        const suspect = beyond(fact.H, limit ?? validated) >= 0;
        if (suspect) count(tally, 'suspect outputs');
        const untested = fact.test === 'none' || fact.test === 'failed';
        if (limit) {
          if (suspect) here('output after a recovery', fact.H, limit);
        } else if (fact.test === 'failed') here('output that failed its acceptance test', fact.H, validated);
        else if (untested && fact.role === 'low') here('low process puts out untested', fact.H, validated);
        else if (untested && suspect) here('contaminated process puts out untested', fact.H, validated);
        if (fact.resent && !fact.logged) here('output from a log that a rollback took back', fact.H, limit ?? []);
      } else if (fact.kind === 'send' && limit && fact.message.kind === 'app') {
        count(tally, 'messages sent in recoveries');
        if (beyond(fact.H, limit) >= 0) here('message after a recovery', fact.H, limit);
        if (fact.resent && !fact.logged) here('message from a log that a rollback took back', fact.H, limit);
      } else if (fact.kind === 'deliver') {
        const over = fact.entry?.operation ? ended.get(fact.entry.operation) : undefined;
        if (limit && beyond(fact.carried, limit) >= 0) here('delivery in a recovery', fact.carried, limit);
        else if (over && fact.entry && fact.entry.operation !== step.operation && beyond(fact.entry.H, over) >= 0) {
          here('delivery after a recovery', fact.entry.H, over);
        }
      } else if (fact.kind === 'recovered' && limit) {
        count(tally, 'processes recovered');
        if (step.operation) ended.set(step.operation, limit);
        if (beyond(fact.H, limit) >= 0) here('state after a recovery', fact.H, limit);
        for (const entry of fact.held) {
          if (beyond(entry.H, limit) >= 0) here('held message after a recovery', entry.H, limit);
        }
      }
    }
  }
  return out;
}
