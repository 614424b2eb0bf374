// How long a recovery takes, phase by phase, from the detection of the failure until the old version acts.

import type { TraceLine } from '../check/types.ts';
import type { CutSpan, History, Lane, Step } from './history.ts';
import { readHistory } from './history.ts';
import { secondsText } from './names.ts';

/** Times in µs, as the trace has them; null where the trace ends before. */
export interface Phases {
  why: string;
  /** the process that noticed */
  by: string;
  epoch: number;
  detection: number;
  /** the last survivor stopped delivering */
  frozen: number | null;
  /** the last survivor had every channel flushed, and said what it knows */
  reported: number | null;
  /** the last shadow knew the verdict */
  decided: number | null;
  /** the last shadow became active */
  takenOver: number | null;
  /** every shadow is active, and a message or output of an old version has left */
  acting: number | null;
  /** length of each phase, ms, and of all together; null where it did not end */
  ms: {
    freeze: number | null;
    report: number | null;
    decide: number | null;
    takeOver: number | null;
    act: number | null;
    total: number | null;
  };
}

function lastTime(steps: Step[]): number | null {
  return steps.length > 0 ? steps.reduce((t, s) => Math.max(t, s.t), Number.NEGATIVE_INFINITY) : null;
}

/** A survivor by what it was when the cut began for it. */
function survivorsOnly(steps: Step[]): Step[] {
  return steps.filter((s) => s.before.role === 'active' || s.before.role === 'shadow');
}

function emits(step: Step): boolean {
  const passage = step.sent.some((p) => p.message.kind === 'app');
  return passage || step.marks.some((m) => m.kind === 'output');
}

/** When an old version first emitted something, of its own or from its log. */
function emissionAt(history: History, takeovers: Step[], until: number): number | null {
  const lanes = new Set<Lane>(takeovers.map((s) => s.lane));
  const begun = new Set<Lane>();
  const first = takeovers.reduce((i, s) => Math.min(i, s.index), until);
  for (let i = first; i < until; i++) {
    const step = history.steps[i] as Step;
    if (takeovers.includes(step)) begun.add(step.lane);
    if (lanes.has(step.lane) && begun.has(step.lane) && emits(step)) return step.t;
  }
  return null;
}

function between(a: number | null, b: number | null): number | null {
  return a === null || b === null ? null : Math.round(b - a) / 1000;
}

function phasesOf(history: History, cut: CutSpan, next: CutSpan | undefined): Phases {
  const own = history.steps.slice(cut.first.index, cut.last.index + 1);
  const failing = own.find((s) =>
    s.marks.some((m) => m.kind === 'failure' || m.kind === 'failed' || m.kind === 'absent'),
  );
  const first = failing ?? cut.first;
  const takeovers = own.filter((s) => s.marks.some((m) => m.kind === 'takeover'));
  const frozen = lastTime(survivorsOnly(cut.frozen));
  const reported = lastTime(cut.reported);
  // all that were shadows must have decided, or the trace ends too early to tell
  const shadows = survivorsOnly(cut.frozen).filter((s) => s.before.role === 'shadow').length;
  const decided = cut.decided.filter((s) => (shadows > 0 ? s.before.role === 'shadow' : s.before.role === 'active'));
  const decidedAt = decided.length >= Math.max(1, shadows) ? lastTime(decided) : null;
  const takenOver = decidedAt === null ? null : lastTime(takeovers);
  const emission = emissionAt(history, takeovers, next ? next.first.index : history.steps.length);
  const acting = takenOver === null || emission === null ? null : Math.max(takenOver, emission);
  const detection = Math.min(first.t, cut.first.t);
  return {
    why: cut.why,
    by: first.lane.name,
    epoch: cut.epoch,
    detection,
    frozen,
    reported,
    decided: decidedAt,
    takenOver,
    acting,
    ms: {
      freeze: between(detection, frozen),
      report: between(frozen, reported),
      decide: between(reported, decidedAt),
      takeOver: between(decidedAt, takenOver),
      act: between(takenOver, acting),
      total: between(detection, acting),
    },
  };
}

/** Every recovery of a trace, in order. */
export function recoveries(lines: TraceLine[]): Phases[] {
  const history = readHistory(lines);
  const out: Phases[] = [];
  history.cuts.forEach((cut, i) => {
    if (cut.kind === 'recovery') out.push(phasesOf(history, cut, history.cuts[i + 1]));
  });
  return out;
}

/** The last recovery of a trace, or null: there was none. */
export function phases(lines: TraceLine[]): Phases | null {
  return recoveries(lines).pop() ?? null;
}

/** A line a phase, for people. */
export function phasesText(p: Phases): string {
  const row = (name: string, ms: number | null) =>
    `  ${name.padEnd(38)}${ms === null ? 'not seen' : `${ms.toFixed(2)} ms`.padStart(12)}`;
  return [
    `${secondsText(p.detection)} s  ${p.by}: ${p.why} (recovery into epoch ${p.epoch})`,
    row('from detection until all are frozen', p.ms.freeze),
    row('until all channels are flushed', p.ms.report),
    row('until the shadows know the verdict', p.ms.decide),
    row('until they are active', p.ms.takeOver),
    row('until an old version acts', p.ms.act),
    row('in all', p.ms.total),
    '',
  ].join('\n');
}
