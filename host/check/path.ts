// How an unvalidated boundary message got where it should not be: hop by hop, from its sender on.

import type { Causality, Fact, Step } from './facts.ts';
import { at } from './vector.ts';

type Delivery = Extract<Fact, { kind: 'deliver' }>;

/** The delivery, at or before step `from`, that last brought dependence on message `k` of slot `slot` to `pid`. */
function broughtTo(c: Causality, pid: number, from: number, slot: number, k: number): [Step, Delivery] | null {
  let found: [Step, Delivery] | null = null;
  const epoch = c.steps[from]?.operation;
  for (let i = from; i >= 0; i--) {
    const step = c.steps[i] as Step;
    if (step.pid !== pid) continue;
    if (step.operation !== epoch) break;
    for (const { fact } of step.facts) {
      if (fact.kind === 'deliver' && at(fact.carried, slot) >= k) found = [step, fact];
    }
  }
  return found;
}

export function pathTo(c: Causality, step: Step, slot: number, k: number): string[] {
  const path: string[] = [`${step.process} event ${step.n}`];
  let pid = step.pid;
  let index = step.index;
  for (let hops = 0; hops < 32; hops++) {
    const found = broughtTo(c, pid, index, slot, k);
    if (!found) break;
    const [where, fact] = found;
    const entry = fact.entry;
    path.push(`${c.names.get(pid)} event ${where.n} takes ${fact.event.kind} q=${fact.event.q ?? '-'}`);
    if (!entry || entry.step >= where.index) break;
    path.push(`${c.names.get(entry.from)} event ${c.steps[entry.step]?.n} sends it, carrying ${at(entry.H, slot)}`);
    pid = entry.from;
    index = entry.step;
  }
  return path.reverse();
}
