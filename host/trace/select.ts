// Which part of a trace a picture shows: a window of time, or so much around an event; the steps worth a place in
// it; and what of a trace repeats itself and is left out.

import { EXIT, Failure } from '../failure.ts';
import type { CutSpan, History, Lane, Passage, Step } from './history.ts';
import { durationText, secondsText } from './names.ts';

export interface Selection {
  /** window, µs */
  from?: number;
  to?: number;
  /**
   * What to show the surroundings of, where no window is given: the last cut of a kind, the last `failure`, the
   * `begin` or `end` of the trace, a time in µs, or an event of a process. The last cut of any kind by default.
   */
  around?: 'cut' | 'start' | 'commit' | 'recovery' | 'cancel' | 'failure' | 'begin' | 'end' | number | EventName;
  /** processes or components by name; all by default */
  processes?: string[];
  /** how many places the picture has: columns of a drawing, rows of a text */
  max?: number;
  /** what repeats itself too: heartbeats, notifications, markers, reports, ticks */
  everything?: boolean;
}

export interface EventName {
  process: string;
  n: number;
}

/** Silence longer than this is folded. */
export const FOLD_US = 20_000;

export interface Selected {
  /** those worth a place, in order */
  steps: Step[];
  /** first and last step of what is shown around */
  anchor: [Step, Step] | null;
  lanes: Set<Lane>;
}

function chosenLanes(history: History, wanted: string[] | undefined): Set<Lane> {
  if (!wanted || wanted.length === 0) return new Set(history.lanes);
  const out = new Set<Lane>();
  for (const name of wanted) {
    const found = history.lanes.filter((l) => l.name === name || l.component === name);
    if (found.length === 0) {
      const known = history.lanes.map((l) => l.name).join(', ');
      throw new Failure('E_PROCESS', EXIT.usage, `the trace has no process or component ${name}`, `it has ${known}`);
    }
    for (const lane of found) out.add(lane);
  }
  return out;
}

/** A message worth an arrow. */
export function isDrawn(passage: Passage, everything: boolean): boolean {
  const kind = passage.message.kind;
  if (everything) return true;
  return kind === 'app' || kind === 'handover' || kind === 'migrated' || passage.effective;
}

function changed(step: Step): boolean {
  const { before, after } = step;
  return (
    before.role !== after.role ||
    before.contaminated !== after.contaminated ||
    before.frozen !== after.frozen ||
    before.off !== after.off
  );
}

function isShown(step: Step, lanes: Set<Lane>, everything: boolean): boolean {
  if (!lanes.has(step.lane)) return false;
  if (everything || changed(step)) return true;
  if (step.event.kind === 'word' && step.event.word === 'stage') return step.marks.length > 1;
  if (step.marks.length > 0) return true;
  if (step.received && isDrawn(step.received, false)) return true;
  return step.sent.some((p) => isDrawn(p, false) && lanes.has(p.lane));
}

/** The cuts of a trace in words: what `around` could have named. */
function cutsText(cuts: CutSpan[]): string {
  if (cuts.length === 0) return 'it has no cut at all';
  return `it has ${cuts.map((c) => `a ${c.kind} at ${secondsText(c.first.t)} s`).join(', ')}`;
}

function anchorOf(history: History, steps: Step[], around: Selection['around']): [Step, Step] | null {
  const end = steps[steps.length - 1];
  const begin = steps[0];
  if (!end || !begin) return null;
  if (around === 'begin') return [begin, begin];
  if (around === 'end') return [end, end];
  if (typeof around === 'number') {
    const step = steps.find((s) => s.t >= around) ?? end;
    return [step, step];
  }
  if (typeof around === 'object') {
    const step = history.steps.find((s) => s.lane.name === around.process && s.n === around.n);
    if (!step) {
      const cause = `the trace has no event ${around.n} of ${around.process}`;
      throw new Failure('E_EVENT', EXIT.usage, cause, 'name a process as in the trace, and an event by its "n"');
    }
    return [step, step];
  }
  if (around === 'failure') {
    const failed = steps.filter((s) => s.marks.some((m) => m.kind === 'failure' || m.kind === 'absent'));
    const step = failed[failed.length - 1];
    if (step) return [step, step];
    throw new Failure('E_EVENT', EXIT.usage, 'the trace has no failure', cutsText(history.cuts));
  }
  const kind = around ?? 'cut';
  const cuts = history.cuts.filter((c) => kind === 'cut' || c.kind === kind);
  const cut = cuts[cuts.length - 1];
  if (cut) return [cut.first, cut.last];
  if (around === undefined) return [end, end];
  throw new Failure('E_EVENT', EXIT.usage, `the trace has no ${kind}`, cutsText(history.cuts));
}

export function select(history: History, selection: Selection): Selected {
  const lanes = chosenLanes(history, selection.processes);
  let steps = history.steps.filter((s) => isShown(s, lanes, selection.everything === true));
  const { from, to } = selection;
  const windowed = from !== undefined || to !== undefined;
  if (windowed) {
    steps = steps.filter((s) => s.t >= (from ?? Number.NEGATIVE_INFINITY) && s.t <= (to ?? Number.POSITIVE_INFINITY));
  }
  if (steps.length === 0) {
    const first = history.steps[0];
    const last = history.steps[history.steps.length - 1];
    const span =
      first && last ? `the trace goes from ${secondsText(first.t)} s to ${secondsText(last.t)} s` : 'record longer';
    throw new Failure('E_EMPTY', EXIT.usage, 'nothing to show in this part of the trace', span);
  }
  const anchored = !windowed || selection.around !== undefined;
  const begin = steps[0] as Step;
  return { steps, lanes, anchor: anchored ? anchorOf(history, steps, selection.around) : [begin, begin] };
}

/**
 * The window of `max` places around those of the anchor, two thirds of what is left before it. `last` is the
 * highest place there is.
 */
export function windowOf(anchor: [number, number], last: number, max: number): [number, number] {
  const [a, b] = anchor;
  if (b - a + 1 >= max) return [a, Math.min(b, a + max - 1)];
  const spare = max - (b - a + 1);
  let first = a - Math.ceil((spare * 2) / 3);
  let end = b + Math.floor(spare / 3);
  if (first < 0) {
    end += -first;
    first = 0;
  }
  if (end > last) {
    first -= end - last;
    end = last;
  }
  return [Math.max(0, first), end];
}

/** Lanes with something to see in these steps: a process that never is, is left out. */
export function lanesOf(steps: Step[], start: Map<Lane, Step['before']>): Lane[] {
  const seen = new Set(steps.map((s) => s.lane));
  const out: Lane[] = [];
  for (const [lane, { role, off }] of start) {
    if (seen.has(lane) || (role !== 'seat' && role !== 'stopped' && !off)) out.push(lane);
  }
  return out.sort((a, b) => a.pid - b.pid);
}

/**
 * Every process's condition where the picture begins. `before` are the selected steps that stand before it: places
 * are not in the order of the steps, so that the first step shown does not tell.
 */
export function conditionsAt(history: History, selected: Selected, before: Step[]): Map<Lane, Step['before']> {
  const out = new Map<Lane, Step['before']>();
  const first = selected.steps[0] as Step;
  for (const lane of selected.lanes) out.set(lane, conditionBefore(history, lane, first));
  for (const step of [...before].sort((a, b) => a.index - b.index)) out.set(step.lane, step.after);
  return out;
}

/** A process's condition just before a step of any process. */
function conditionBefore(history: History, lane: Lane, step: Step): Step['before'] {
  for (let i = step.index - 1; i >= 0; i--) {
    const other = history.steps[i] as Step;
    if (other.lane === lane) return other.after;
  }
  for (let i = step.index; i < history.steps.length; i++) {
    const other = history.steps[i] as Step;
    if (other.lane === lane) return other.before;
  }
  return lane.first;
}

/** The text of a fold. */
export function foldText(us: number): string {
  return `${durationText(us)} later`;
}
