// One plan, run with every variant of the core that is compared.

import type { TraceLine } from '../check/types.ts';
import { check } from '../check/check.ts';
import { stuck } from '../explore/world.ts';
import { Meter } from './meter.ts';
import type { Plan } from './plan.ts';
import type { Rolled } from './rollback.ts';
import { rollbacks } from './rollback.ts';
import { run } from './run.ts';
import type { Name, Variant } from './variants.ts';
import { TITLES } from './variants.ts';

export interface Outcome {
  rolled: Rolled[];
  meter: Meter;
  /** violations by the check that found them; null: not judged */
  violations: Record<string, number> | null;
  /** messages that their receivers held already */
  repeats: number;
  /** state of every process that lives on, once all is done */
  end: string;
}

export type Compared = { plan: Plan; deliveries: number } & Record<Name, Outcome>;

/** Every message and input that a process of the application was given before this time, in order, process by process. */
export function deliveries(lines: TraceLine[], ms: number): Map<string, string[]> {
  const out = new Map<string, string[]>();
  for (const { process, event, t } of lines) {
    if (process === undefined || !event || (t ?? 0) >= ms * 1000) continue;
    if (event.kind !== 'app' && event.kind !== 'input') continue;
    const what = event.kind === 'app' ? `q=${event.q} of ${event.from}` : `i=${event.i} of device ${event.device}`;
    const list = out.get(process) ?? [];
    out.set(process, list);
    list.push(`${what} at ${t}: ${JSON.stringify(event.data)}`);
  }
  return out;
}

/** Where two runs part before the failure, in words; null: nowhere. */
export function parted(a: Map<string, string[]>, b: Map<string, string[]>): string | null {
  for (const process of new Set([...a.keys(), ...b.keys()])) {
    const [left, right] = [a.get(process) ?? [], b.get(process) ?? []];
    for (let i = 0; i < Math.max(left.length, right.length); i++) {
      if (left[i] === right[i]) continue;
      return `${process} takes as number ${i + 1}: ${left[i] ?? 'nothing'}; and ${right[i] ?? 'nothing'}`;
    }
  }
  return null;
}

// what a journal of a core without bounds holds is no violation of theirs
const LIMITS = { journalRecords: Infinity, journalBytes: Infinity, logEntries: 2000, held: 500 };

export function compare(plan: Plan, variants: Variant[]): Compared {
  const outcomes: Partial<Record<Name, Outcome>> = {};
  let first: Map<string, string[]> | null = null;
  let count = 0;
  for (const variant of variants) {
    const meter = new Meter(plan.endMs);
    const { world } = run(plan, variant, meter);
    const taken = deliveries(world.lines, plan.endMs);
    const otherwise = first && parted(first, taken);
    if (otherwise) throw new Error(`seed ${plan.seed}: under '${TITLES[variant.name]}' another run: ${otherwise}`);
    if (!first) for (const list of taken.values()) count += list.length;
    first = first ?? taken;
    let violations: Record<string, number> | null = null;
    if (variant.name !== 'restart') {
      violations = {};
      const found = check(world.lines, { limits: LIMITS }).violations.concat(stuck(world));
      for (const { rule } of found) violations[rule] = (violations[rule] ?? 0) + 1;
    }
    let repeats = 0;
    const end: unknown[] = [];
    for (const self of world.state.processes) {
      if (!self || world.state.dead[self.pid]) continue;
      repeats += self.counters.repeats;
      const { app, q, e } = self.state;
      if (self.role !== 'stopped') end.push([self.pid, self.role, app, q, e]);
    }
    outcomes[variant.name] = { rolled: rollbacks(world.lines), meter, violations, repeats, end: JSON.stringify(end) };
  }
  return { plan, deliveries: count, ...(outcomes as Record<Name, Outcome>) };
}
