// Bounded memory (PROTOCOL 8): journals, logs and held messages stay within their bounds, and reaching one starts
// a recovery. Counted here from the effects.

import { causality } from './causal.ts';
import type { Tally, TraceLine, Violation } from './types.ts';
import { count } from './types.ts';

export interface Limits {
  journalRecords: number;
  journalBytes: number;
  logEntries: number;
  held: number;
}

export const DEFAULT_LIMITS: Limits = {
  journalRecords: 2000,
  journalBytes: 256 * 1024,
  logEntries: 2000,
  held: 500,
};

interface Kept {
  bytes: number[];
  total: number;
  held: number;
  frozen: boolean;
}

export function memory(lines: TraceLine[], tally: Tally = {}, limits: Limits = DEFAULT_LIMITS): Violation[] {
  const out: Violation[] = [];
  const kept = new Map<string, Kept>();
  for (const step of causality(lines).steps) {
    const line = step.line;
    if (step.repeat) continue;
    const say = (why: string) => {
      out.push({ rule: 'memory', process: step.process, n: step.n, t: step.t, why });
    };
    if (step.n === 1) kept.delete(step.process);
    const k = kept.get(step.process) ?? { bytes: [], total: 0, held: 0, frozen: false };
    kept.set(step.process, k);
    const full = () => k.bytes.length >= limits.journalRecords || k.total >= limits.journalBytes;
    const wasFull = full();
    let acted = k.frozen;
    let past = false;
    let over = false;
    let settled = false;
    for (const effect of line.effects ?? []) {
      if (effect.kind === 'checkpoint' || effect.kind === 'journal') {
        count(tally, 'journal records');
        k.bytes.push(effect.bytes ?? 0);
        k.total += effect.bytes ?? 0;
        if (wasFull) past = true;
      } else if (effect.kind === 'reclaim') {
        const gone = k.bytes.splice(0, effect.records ?? k.bytes.length);
        for (const bytes of gone) k.total -= bytes;
        if (effect.left !== undefined && effect.left !== k.bytes.length) {
          say(`journal holds ${effect.left} records, counted ${k.bytes.length}`);
        }
      } else if (effect.kind === 'takeover') {
        if ((effect.count ?? 0) > limits.logEntries) say(`output log of ${effect.count} entries`);
      } else if (effect.kind === 'freeze') {
        k.frozen = true;
        acted = true;
      } else if (effect.kind === 'failure') acted = true;
      else if (effect.kind === 'decide') {
        over = true;
        k.frozen = false;
      } else if (effect.kind === 'deliver' || effect.kind === 'forget') {
        if (effect.event === undefined || effect.event === step.n) settled = true;
        else if (effect.event < step.n && k.held > 0) k.held--;
      }
    }
    const size = `${k.bytes.length} records, ${k.total} bytes`;
    if (past) say(`journal grows past its bound: ${size}`);
    tally['longest journal'] = Math.max(tally['longest journal'] ?? 0, k.bytes.length);
    if (full() && !acted && !over) say(`journal is full (${size}), and nothing follows`);
    if (over) {
      k.bytes = [];
      k.total = 0;
      if (!k.frozen) k.held = 0;
    }
    const kind = line.event?.kind;
    if (k.frozen && !settled && (kind === 'app' || kind === 'input')) {
      k.held++;
      tally['most messages held'] = Math.max(tally['most messages held'] ?? 0, k.held);
      if (k.held > limits.held) say(`holds ${k.held} messages`);
    }
  }
  return out;
}
