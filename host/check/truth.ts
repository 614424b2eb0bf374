// Truth of the dirty bit (PROTOCOL 8): what the protocol says of dependence and of validation holds against what
// messages truly carried and acceptance tests truly vouched for.

import { causality } from './causal.ts';
import { pathTo } from './path.ts';
import type { Tally, TraceLine, Violation } from './types.ts';
import { count } from './types.ts';
import type { History } from './vector.ts';
import { at, beyond, join, show, within } from './vector.ts';

export function truth(lines: TraceLine[], tally: Tally = {}): Violation[] {
  const c = causality(lines);
  const out: Violation[] = [];
  for (const step of c.steps) {
    const say = (why: string, H: History, allowed: History) => {
      const slot = beyond(H, allowed);
      const path = slot < 0 ? [] : pathTo(c, step, slot, at(H, slot));
      out.push({ rule: 'truth', process: step.process, n: step.n, t: step.t, why, path });
    };
    for (const { fact, validated, limit } of step.facts) {
      if (fact.kind === 'end' && (fact.role === 'active' || fact.role === 'shadow') && fact.journal === 0) {
        count(tally, 'states that count as clean');
        if (!within(fact.H, validated)) {
          say(
            `counts as clean with an empty journal, but depends on ${show(fact.H)}; vouched for is ${show(validated)}`,
            fact.H,
            validated,
          );
        }
      } else if (fact.kind === 'send' && step.operation && !limit) {
        const { kind, T, V, k } = fact.message;
        if (V && !within(V, validated))
          say(`${kind} says ${show(V)} is validated; vouched for is ${show(validated)}`, V, validated);
        if (kind !== 'app' || !T) continue;
        count(tally, 'messages compared with their vectors');
        if (!within(fact.H, join(T, validated))) {
          say(`message says it depends on ${show(T)}, but it depends on ${show(fact.H)}`, fact.H, join(T, validated));
        }
        if (V && within(T, V) && !within(fact.H, validated)) {
          say(
            `message counts as clean, but depends on ${show(fact.H)}; vouched for is ${show(validated)}`,
            fact.H,
            validated,
          );
        }
        if ((k ?? 0) !== fact.k) say(`boundary index ${k ?? 0}, counted ${fact.k}`, [], []);
      } else if (fact.kind === 'decide' && fact.cut === 'recovery' && step.operation) {
        count(tally, 'verdicts compared with the tests');
        if (!within(fact.V, validated)) {
          say(`V* is ${show(fact.V)}; vouched for is ${show(validated)}`, fact.V, validated);
        }
      }
    }
  }
  return out;
}
