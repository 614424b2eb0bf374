// No orphans, no losses (PROTOCOL 8): after a cut, what a process has taken from another is what the other's state
// says it sent, in order; both as rollbacks have left them. What was sent in the new epoch is still in flight.

import { causality } from './causal.ts';
import type { CutRecord, Step } from './facts.ts';
import type { Entry, Taken } from './model.ts';
import type { Tally, TraceLine, Violation } from './types.ts';
import { count } from './types.ts';

/** Shadows talk to shadows and low ones to low ones; the receiver tells from whom it takes. */
function talks(from: CutRecord, to: CutRecord): boolean {
  if (from.component === to.component) return false;
  if (from.role === 'low' && to.role === 'shadow') return false;
  return !(from.role === 'shadow' && to.role === 'low');
}

/** The first thing that is wrong between the two lists, or null. `checked` holds how far a former cut has looked. */
function compare(from: CutRecord, to: CutRecord, checked: WeakMap<object, number>, tally: Tally): string | null {
  const sent = from.sent.get(to.component) ?? { list: [] as Entry[], length: 0, fresh: 0 };
  const base = to.taken.get(from.component) ?? { list: [] as Taken[], length: 0 };
  const held = to.held.filter((e) => e.to === to.component && e.from >> 1 === from.component);
  const total = base.length + held.length;
  const settled = sent.length - sent.fresh;
  const start = Math.min(checked.get(base.list) ?? 0, base.length, settled);
  for (let i = start; i < Math.max(total, settled); i++) {
    const x: Taken | undefined =
      i < base.length
        ? base.list[i]
        : i < total
          ? { q: held[i - base.length]?.q ?? 0, entry: held[i - base.length] ?? null }
          : undefined;
    const y = i < sent.length ? sent.list[i] : undefined;
    count(tally, 'messages accounted for at cuts');
    if (!x) return `message q=${y?.q} was sent, and is neither taken, held nor in flight`;
    // of the other version of the component: then it is the number that counts
    const other = x.entry !== null && x.entry.life !== (y ?? from).life;
    if (!y) {
      if (other) continue;
      return `message q=${x.q} was taken, but the sender's state says it was never sent`;
    }
    if (x.q !== y.q) return `took q=${x.q} where the sender's state says q=${y.q}`;
    if (x.entry !== y && !other) return `took another message q=${x.q} than the sender's state says it sent`;
  }
  checked.set(base.list, Math.min(base.length, settled));
  return null;
}

export function orphans(lines: TraceLine[], tally: Tally = {}): Violation[] {
  const c = causality(lines);
  const out: Violation[] = [];
  const latest = new Map<number, { record: CutRecord; step: Step }>();
  const checked = new Map<number, WeakMap<object, number>>();
  for (const step of c.steps) {
    for (const { fact } of step.facts) {
      if (fact.kind === 'undelivered') {
        const why = `${fact.event.kind} was neither delivered nor held`;
        out.push({ rule: 'orphans', process: step.process, n: step.n, t: step.t, why });
      }
      if (fact.kind !== 'cut') continue;
      const record = fact.record;
      for (const [pid, other] of latest) {
        if (pid === record.pid || other.record.epoch !== record.epoch) continue;
        for (const [from, to] of [[record, other.record] as const, [other.record, record] as const]) {
          if (!talks(from, to)) continue;
          count(tally, 'pairs compared at cuts');
          let memory = checked.get(from.pid);
          if (!memory) {
            memory = new WeakMap();
            checked.set(from.pid, memory);
          }
          const wrong = compare(from, to, memory, tally);
          if (!wrong) continue;
          const where = to === record ? step : other.step;
          const why = `${record.cut} to epoch ${record.epoch}, from ${c.names.get(from.pid)}: ${wrong}`;
          out.push({ rule: 'orphans', process: where.process, n: where.n, t: where.t, why });
        }
      }
      latest.set(record.pid, { record, step });
    }
  }
  return out;
}
