// How far each process was rolled back in a recovery, told from the trace by the causal engine of the checks: it knows
// what every event truly depended on, whichever rules the processes followed.

import { causality } from '../check/causal.ts';
import type { TraceLine } from '../check/types.ts';
import type { History } from '../check/vector.ts';
import { within } from '../check/vector.ts';

/** What the recovery did to one survivor. */
export interface Rolled {
  process: string;
  pid: number;
  shadow: boolean;
  rollbacks: number;
  /** events that were taken back: of these executed again, and not */
  back: number;
  redone: number;
  undone: number;
  /** of those not executed again, the ones that depend on nothing unvalidated */
  validGone: number;
  /** how long before it stopped for the recovery the first event taken back was executed */
  ms: number;
  /** it still depends on something unvalidated */
  left: boolean;
  /** numbers of the events that are gone for good */
  gone: number[];
}

interface Life {
  at: Map<number, number>;
  carried: Map<number, History>;
  frozen: number;
}

export function rollbacks(lines: TraceLine[]): Rolled[] {
  const out: Rolled[] = [];
  const lives = new Map<string, Life>();
  for (const step of causality(lines).steps) {
    const life = lives.get(step.process) ?? { at: new Map(), carried: new Map(), frozen: -1 };
    lives.set(step.process, life);
    let rolled: Rolled | null = null;
    let undone: number[] = [];
    const again = new Set<number>();
    for (const { fact, limit } of step.facts) {
      if (fact.kind === 'freeze') life.frozen = step.t;
      else if (fact.kind === 'deliver' && !rolled) {
        life.at.set(fact.n, step.t);
        life.carried.set(fact.n, fact.carried);
      } else if (
        fact.kind === 'decide' &&
        fact.cut === 'recovery' &&
        (step.role === 'active' || step.role === 'shadow')
      ) {
        rolled = {
          process: step.process,
          pid: step.pid,
          shadow: step.role === 'shadow',
          rollbacks: 0,
          back: 0,
          redone: 0,
          undone: 0,
          validGone: 0,
          ms: 0,
          left: false,
          gone: [],
        };
        out.push(rolled);
      } else if (rolled && fact.kind === 'rollback') {
        if (!fact.undone && rolled.rollbacks === 0)
          throw new Error(`${step.process} rolls back to before event ${fact.n}, which it did not execute`);
        rolled.rollbacks++;
        undone = undone.concat(fact.undone ?? []);
        const stopped = life.frozen >= 0 ? life.frozen : step.t;
        rolled.ms = Math.max(rolled.ms, (stopped - (life.at.get(fact.n) ?? stopped)) / 1000);
      } else if (rolled && fact.kind === 'redone') again.add(fact.n);
      else if (rolled && fact.kind === 'recovered') rolled.left = limit !== null && !within(fact.H, limit);
      if (!rolled || fact.kind !== 'recovered') continue;
      const V = limit ?? [];
      rolled.back = undone.length;
      rolled.gone = undone.filter((n) => !again.has(n)).sort((a, b) => a - b);
      rolled.undone = rolled.gone.length;
      rolled.redone = rolled.back - rolled.undone;
      rolled.validGone = rolled.gone.filter((n) => within(life.carried.get(n) ?? [], V)).length;
    }
  }
  return out;
}
