// Device inputs (PROTOCOL 3, 5.3, 8): each process takes i = 1, 2, 3… of each device, from the handover of a start on
// L_i the same as S_i; and a rollback loses none.

import { causality } from './causal.ts';
import type { Step } from './facts.ts';
import type { Tally, TraceEvent, TraceLine, TraceMessage, Violation } from './types.ts';
import { count } from './types.ts';

/** By process and device: the last input taken. */
type Last = Map<number, Map<number, number>>;

function lastOf(last: Last, pid: number): Map<number, number> {
  let devices = last.get(pid);
  if (!devices) {
    devices = new Map();
    last.set(pid, devices);
  }
  return devices;
}

/** What a rollback undid must be done again or, if contaminated, left out; an input is never contaminated. */
function lostInRollback(step: Step, taken: Set<number>, say: (why: string) => void): void {
  for (const { fact } of step.facts) {
    if (fact.kind !== 'rollback' || !fact.undone) continue;
    const redone = new Set<number>();
    for (const later of step.facts) if (later.fact.kind === 'redone') redone.add(later.fact.n);
    for (const n of fact.undone) {
      if (taken.has(n) && !redone.has(n)) say(`the input of event ${n} is lost in a rollback`);
    }
  }
}

/** The new version goes on where the old one stood when it handed over. */
function takeOver(
  step: Step,
  event: TraceEvent,
  devices: Map<number, number>,
  given: Map<TraceMessage, Map<number, number>>,
  say: (why: string) => void,
): void {
  devices.clear();
  for (const { fact } of step.facts) {
    const stood = fact.kind === 'receive' && fact.sent ? given.get(fact.sent.message) : undefined;
    if (!stood) continue;
    for (const [device, i] of stood) {
      devices.set(device, i);
      const told = event.got ? event.got[device] : i;
      if (told !== i) say(`device ${device}: the handover says input ${told}, the old version stands at ${i}`);
    }
  }
}

export function inputs(lines: TraceLine[], tally: Tally = {}): Violation[] {
  const c = causality(lines);
  const out: Violation[] = [];
  const last: Last = new Map();
  const events = new Map<number, Set<number>>();
  const given = new Map<TraceMessage, Map<number, number>>();
  const contents = new Map<string, string>();
  const boots = lines.filter((l) => l.note?.kind === 'boot' && l.note.resumed !== true).map((l) => l.t ?? 0);
  const seen = new Map<string, number>();
  for (const step of c.steps) {
    const event = step.line.event;
    const say = (why: string) => {
      out.push({ rule: 'inputs', process: step.process, n: step.n, t: step.t, why });
    };
    if (!event || step.repeat) continue;
    if (step.n === 1) last.delete(step.pid);
    const devices = lastOf(last, step.pid);
    if (event.kind === 'reborn' && event.device !== undefined) {
      // the driver's board began anew, and its numbers with it
      devices.delete(event.device);
      for (const key of contents.keys()) if (key.startsWith(`${event.device} `)) contents.delete(key);
    }
    if (event.kind === 'handover') takeOver(step, event, devices, given, say);
    if (event.kind === 'input' && event.device !== undefined && event.i !== undefined) {
      count(tally, 'device inputs');
      const where = `${step.pid} ${event.device}`;
      const since = seen.get(where) ?? Number.NEGATIVE_INFINITY;
      seen.set(where, step.t);
      // a board that began anew may be the device's: then its numbers begin again
      const anew = event.i === 1 && boots.some((t) => t > since && t <= step.t);
      if (anew) for (const key of contents.keys()) if (key.startsWith(`${event.device} `)) contents.delete(key);
      const before = anew ? undefined : devices.get(event.device);
      if (before !== undefined && event.i !== before + 1) {
        say(`device ${event.device}: takes input ${event.i} after ${before}`);
      }
      devices.set(event.device, event.i);
      const key = `${event.device} ${event.i}`;
      const content = JSON.stringify(event.data) ?? '';
      const same = contents.get(key);
      if (same === undefined) contents.set(key, content);
      else if (same !== content) say(`device ${event.device}: input ${event.i} is not what another process took`);
      const set = events.get(step.pid) ?? new Set();
      set.add(step.n);
      events.set(step.pid, set);
    }
    for (const { fact } of step.facts) {
      if (fact.kind === 'send' && fact.message.kind === 'handover' && fact.to >> 1 === step.pid >> 1) {
        given.set(fact.message, new Map(devices));
      }
      if (fact.kind === 'forget' && fact.event?.kind === 'input') say(`leaves out the input of event ${fact.n}`);
    }
    lostInRollback(step, events.get(step.pid) ?? new Set(), say);
    if (step.facts.some(({ fact }) => fact.kind === 'decide')) events.delete(step.pid);
  }
  return out;
}
