// One verdict (PROTOCOL 8): all decide a cut alike, and nobody goes past one.

import { causality } from './causal.ts';
import type { Tally, TraceLine, Violation } from './types.ts';
import { count } from './types.ts';
import type { History } from './vector.ts';
import { show, within } from './vector.ts';

export function verdict(lines: TraceLine[], tally: Tally = {}): Violation[] {
  const c = causality(lines);
  const out: Violation[] = [];
  const first = new Map<number, { cut: string; op: string; V: History; process: string }>();
  for (const step of c.steps) {
    for (const { fact } of step.facts) {
      if (fact.kind !== 'decide') continue;
      count(tally, 'decisions');
      const say = (why: string) => {
        out.push({ rule: 'verdict', process: step.process, n: step.n, t: step.t, why });
      };
      if (!fact.seat && fact.epoch !== fact.before + 1) say(`decides epoch ${fact.epoch} in epoch ${fact.before}`);
      const known = first.get(fact.epoch);
      if (!known) {
        count(tally, 'cuts');
        count(tally, `cuts: ${fact.cut}`);
        first.set(fact.epoch, { cut: fact.cut, op: fact.op, V: fact.V, process: step.process });
        continue;
      }
      if (known.cut !== fact.cut) {
        say(`epoch ${fact.epoch}: decides ${fact.cut}, but ${known.process} decided ${known.cut}`);
      } else if (known.op !== fact.op) {
        say(`epoch ${fact.epoch}: begins operation ${fact.op}, but ${known.process} began ${known.op}`);
      } else if (fact.agreed && (!within(known.V, fact.V) || !within(fact.V, known.V))) {
        say(`epoch ${fact.epoch}: V* is ${show(fact.V)}, but ${known.process} has ${show(known.V)}`);
      }
    }
  }
  return out;
}
