// Border continuity (PROTOCOL 8): processes receive q = 1, 2, 3… of each component and devices e = 1, 2, 3…,
// across every cut, whichever version sends.

import { causality } from './causal.ts';
import type { Causality } from './facts.ts';
import type { Tally, TraceLine, Violation } from './types.ts';
import { count } from './types.ts';

interface Line {
  last: number;
  /** power cuts, each of which may have caught one output in the driver's hands */
  slack: number;
  /** the board began anew: the driver may have kept its number or not */
  anew: boolean;
  /** how often its board had come back when the component was no more, or -1; should that come back it begins at 1 */
  gone: number;
}

/** By line of the trace: components that there are no more after the decision that it holds (PROTOCOL 5.2.4). */
function departures(c: Causality): Map<TraceLine, number[]> {
  const out = new Map<TraceLine, number[]>();
  for (const step of c.steps) {
    for (const { fact } of step.facts) {
      if (fact.kind !== 'decide' || !step.operation) continue;
      if (fact.cut === 'commit') out.set(step.line, step.operation.removed);
      if (fact.cut === 'recovery') out.set(step.line, step.operation.added);
    }
  }
  return out;
}

/** Drivers tell what devices did; the only exceptions are power cuts. */
function drivers(lines: TraceLine[], c: Causality, tally: Tally, out: Violation[]): number {
  const known = new Map<string, { line: Line; board: string }>();
  const gone = departures(c);
  /** boards that have come back, how often: the very first output may have been in the driver's hands */
  const back = new Map<string, number>();
  let seen = 0;
  for (const trace of lines) {
    for (const component of gone.get(trace) ?? []) {
      for (const [key, { line, board }] of known) {
        if (line.gone < 0 && key.endsWith(`, component ${component}`)) line.gone = back.get(board) ?? 0;
      }
    }
    const note = trace.note;
    if (trace.trace !== undefined) {
      known.clear();
      back.clear();
    }
    if (!note) continue;
    if (note.kind === 'boot') {
      back.set(trace.board ?? '', (back.get(trace.board ?? '') ?? 0) + 1);
      for (const { line, board } of known.values()) {
        if (board !== trace.board) continue;
        line.slack++;
        if (note.resumed !== true) line.anew = true;
      }
    }
    if (note.kind !== 'driver') continue;
    seen++;
    const e = note.e ?? 0;
    if (note.done !== true || e === 0) continue;
    count(tally, 'outputs done by drivers');
    const key = `device ${note.device}, component ${note.component}`;
    const entry = known.get(key) ?? {
      line: { last: 0, slack: back.get(trace.board ?? '') ?? 0, anew: false, gone: -1 },
      board: trace.board ?? '',
    };
    known.set(key, entry);
    const { line } = entry;
    const missing = e - line.last - 1;
    const lenient = missing === -1 ? line.slack > 0 : missing > 0 && missing <= line.slack;
    // the first outputs of one that has come back may have been in the driver's hands at a power cut
    const first = line.gone < 0 ? 0 : 1 + (back.get(trace.board ?? '') ?? 0) - line.gone;
    const begins = e <= first || (line.anew && e === 1);
    if (e !== line.last + 1 && !lenient && !begins) {
      const why = `${key}: did e=${e} after e=${line.last}`;
      out.push({ rule: 'border', process: key, n: 0, t: trace.t ?? 0, why });
    }
    if (lenient && !begins) line.slack -= Math.abs(missing);
    line.anew = false;
    if (e <= first) line.gone = -1;
    line.last = e;
  }
  return seen;
}

export function border(lines: TraceLine[], tally: Tally = {}): Violation[] {
  const out: Violation[] = [];
  const c = causality(lines);
  const driven = drivers(lines, c, tally, out) > 0;
  /** by device and component: last e put out, and by whom in which epoch */
  const outputs = new Map<string, { last: number; repeats: boolean }>();
  for (const step of c.steps) {
    const say = (why: string) => {
      out.push({ rule: 'border', process: step.process, n: step.n, t: step.t, why });
    };
    for (const { fact, limit } of step.facts) {
      if (fact.kind === 'deliver' && fact.event.kind === 'app') {
        count(tally, 'messages delivered');
        const q = fact.event.q;
        if (q === undefined || q === fact.last + 1) continue;
        const from = c.names.get(fact.event.from ?? -1);
        say(`takes q=${q} of ${from} after q=${fact.last}`);
      } else if (fact.kind === 'send' && fact.message.kind === 'app' && !fact.resent) {
        if (fact.message.q !== undefined && fact.message.q !== fact.q) {
          say(`sends q=${fact.message.q} to ${c.names.get(fact.to)}, expected ${fact.q}`);
        }
      } else if (fact.kind === 'output') {
        if (fact.late) say(`a low process puts out e=${fact.e} after its board has decided the recovery`);
        if (fact.e !== fact.expected) say(`device ${fact.device}: puts out e=${fact.e}, expected ${fact.expected}`);
        if (driven || fact.e === 0) continue;
        count(tally, 'outputs in order');
        const key = `${fact.device} ${step.pid >> 1}`;
        const line = outputs.get(key) ?? { last: 0, repeats: false };
        outputs.set(key, line);
        if (limit) line.repeats = true;
        if (fact.e > line.last + 1) say(`device ${fact.device}: e=${fact.e} after e=${line.last}`);
        else if (fact.e <= line.last && !line.repeats) say(`device ${fact.device}: e=${fact.e} again`);
        if (fact.e > line.last) line.last = fact.e;
      }
    }
  }
  return out;
}
