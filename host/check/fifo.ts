// Channels (PROTOCOL 2.1, 4.1.2, 5.0.1, 5.2, 5.5): every message taken was sent, in order, once; in the epoch it
// belongs to; its marker is the last that a process says in an epoch; low processes and shadows do not talk across; and
// nothing comes from a process that the receiver has reported as absent.

import { causality } from './causal.ts';
import type { Tally, TraceEvent, TraceLine, TraceMessage, Violation } from './types.ts';
import { count } from './types.ts';

/** What was sent is what was taken. */
function same(sent: TraceMessage, taken: TraceEvent): boolean {
  if (sent.kind !== 'app' || sent.q === undefined || taken.q === undefined) return true;
  if (sent.q !== taken.q) return false;
  const content = (sent as TraceEvent).data;
  return content === taken.data || JSON.stringify(content) === JSON.stringify(taken.data);
}

export function fifo(lines: TraceLine[], tally: Tally = {}): Violation[] {
  const c = causality(lines);
  const out: Violation[] = [];
  /** by receiver: processes that it has reported as absent in this epoch */
  const closed = new Map<number, Set<number>>();
  const epochs = new Map<number, number>();
  const frozen = new Set<number>();
  for (const step of c.steps) {
    const say = (why: string, rule: 'fifo' | 'trace' = 'fifo') => {
      out.push({ rule, process: step.process, n: step.n, t: step.t, why });
    };
    count(tally, 'steps');
    if (step.repeat) count(tally, 'steps repeated after power cuts');
    if ((step.n === 1 && !step.repeat) || step.role === 'seat' || step.role === 'stopped') {
      epochs.delete(step.pid);
      closed.delete(step.pid);
      frozen.delete(step.pid);
    }
    for (const { fact } of step.facts) {
      if (fact.kind === 'broken') say(fact.why, 'trace');
      else if (fact.kind === 'receive') {
        const event = step.line.event;
        const from = event?.from ?? -1;
        count(tally, 'messages received');
        if (fact.why) say(`${event?.kind} from ${c.names.get(from)}: ${fact.why}`);
        else if (fact.sent && fact.sent.message.kind !== event?.kind) {
          say(`took ${event?.kind} number ${event?.n}; ${c.names.get(from)} sent ${fact.sent.message.kind}`);
        } else if (fact.sent && event && !same(fact.sent.message, event)) {
          say(`took another message number ${event.n} than ${c.names.get(from)} sent`);
        }
        const sender = fact.sent ? c.steps[fact.sent.step] : undefined;
        const roles = [sender?.role, step.role];
        const across = roles.includes('low') && roles.includes('shadow');
        if (event?.kind === 'app' && across && step.operation && sender?.operation === step.operation) {
          say(`takes a message of ${c.names.get(from)}, the ${roles[0]} one, as the ${roles[1]} one`);
        }
        if (closed.get(step.pid)?.has(from)) say(`took ${event?.kind} from ${c.names.get(from)} after its verdict`);
        const epoch = epochs.get(step.pid);
        if (epoch !== undefined && event?.epoch !== undefined && event.epoch !== epoch) {
          say(`took ${event.kind} of epoch ${event.epoch} in epoch ${epoch}`);
        }
      } else if (fact.kind === 'send') {
        const { kind } = fact.message;
        if (fact.why) say(`to ${c.names.get(fact.to)}: ${fact.why}`);
        if (frozen.has(step.pid) && (kind === 'app' || kind === 'passed')) {
          say(`to ${c.names.get(fact.to)}: sends ${kind} behind its marker`);
        }
        if (fact.message.kind !== 'report') continue;
        for (const [pid, how] of fact.message.ends ?? []) {
          if (how !== 'absent') continue;
          const set = closed.get(step.pid) ?? new Set();
          set.add(pid);
          closed.set(step.pid, set);
        }
      } else if (fact.kind === 'freeze') frozen.add(step.pid);
      else if (fact.kind === 'decide') {
        frozen.delete(step.pid);
        closed.delete(step.pid);
        epochs.set(step.pid, fact.epoch);
      }
    }
  }
  return out;
}
