// What a trace tells to the eye: for each process its condition through time (role, contaminated, frozen, off), the
// marks of what happened in each step, the messages from step to step, and the cuts.

import type { TraceEffect, TraceEvent, TraceLine, TraceMessage } from '../check/types.ts';
import type { Names } from './names.ts';
import { componentOf, createNames, headerOf, typeOf, vectorText } from './names.ts';
import { inTimeOrder, receiptKey } from './order.ts';

export interface Lane {
  index: number;
  pid: number;
  name: string;
  board: string;
  component: string;
  /** as the header has it; what it is later its steps tell */
  first: Condition;
}

/** Of a process between two steps. */
export interface Condition {
  role: string;
  contaminated: boolean;
  frozen: boolean;
  off: boolean;
}

export type MarkKind =
  | 'passed' //      acceptance test passed
  | 'failed' //      … failed
  | 'output'
  | 'suppressed' //  a shadow's message or output went to its log
  | 'withheld'
  | 'checkpoint'
  | 'clean' //       no longer contaminated
  | 'failure'
  | 'error'
  | 'freeze'
  | 'report'
  | 'decide'
  | 'rollback'
  | 'takeover'
  | 'role'
  | 'word' //        the operator's, or a refusal of it
  | 'absent'
  | 'off'
  | 'boot'
  | 'dropped' //     a message left out: a repeat, or contaminated
  | 'handover';

export interface Mark {
  kind: MarkKind;
  text: string;
  /** rollback: the step it goes back to before */
  back?: Step;
}

export interface Passage {
  from: Step;
  to: Step | null;
  /** lane of the receiver, received or not */
  lane: Lane;
  message: TraceMessage;
  /** message type's name, where the trace has it */
  type: string;
  /** depends on what no acceptance test has vouched for, as its sender knew */
  contaminated: boolean;
  /** the receiver never gave it to its application */
  dropped: boolean;
  /** its receipt made the receiver clean, or freeze */
  effective: boolean;
}

export interface Step {
  index: number;
  line: TraceLine;
  lane: Lane;
  /** µs */
  t: number;
  n: number;
  event: TraceEvent;
  before: Condition;
  after: Condition;
  /** contaminated at some time in the step */
  touched: boolean;
  marks: Mark[];
  received: Passage | null;
  sent: Passage[];
}

export interface CutSpan {
  kind: string;
  why: string;
  /** the new epoch */
  epoch: number;
  first: Step;
  last: Step;
  frozen: Step[];
  reported: Step[];
  decided: Step[];
  validated: number[];
}

export interface History {
  names: Names;
  lanes: Lane[];
  steps: Step[];
  cuts: CutSpan[];
}

function covered(T: number[] | undefined, V: number[] | undefined): boolean {
  return (T ?? []).every((k, i) => k <= (V?.[i] ?? 0));
}

function isSurvivor(role: string): boolean {
  return role === 'active' || role === 'shadow';
}

/** What is known of a process while the trace is read. */
interface Track {
  lane: Lane;
  condition: Condition;
  lastN: number;
  resumed: boolean;
  byNumber: Map<number, Step>;
}

class Reader {
  readonly names: Names;
  readonly lanes: Lane[] = [];
  readonly steps: Step[] = [];
  private readonly tracks = new Map<string, Track>();
  private readonly byPid = new Map<number, Track>();
  private readonly open = new Map<string, Passage>();
  private readonly cuts = new Map<number, CutSpan>();

  constructor(lines: TraceLine[]) {
    this.names = createNames(headerOf(lines));
    let from = 0;
    while (from < lines.length) {
      const header = lines[from] as TraceLine;
      let to = from + 1;
      while (to < lines.length && lines[to]?.trace === undefined) to++;
      if (header.trace !== undefined) this.begin(header);
      const part = lines.slice(header.trace !== undefined ? from + 1 : from, to);
      for (const line of inTimeOrder(part, (name) => this.tracks.get(name)?.lane.pid ?? -1)) this.read(line);
      from = to;
    }
  }

  finish(): CutSpan[] {
    return [...this.cuts.values()].sort((a, b) => a.first.index - b.first.index);
  }

  private begin(header: TraceLine): void {
    const roles = new Map(header.roles ?? []);
    const taken = new Set<number>();
    for (const [pid, name, board] of header.processes ?? []) {
      const role = roles.get(pid) ?? (header.roles || taken.has(pid >> 1) ? 'seat' : 'active');
      taken.add(pid >> 1);
      const condition: Condition = { role, contaminated: role === 'low', frozen: false, off: false };
      this.addLane(pid, name, board, condition);
    }
  }

  private addLane(pid: number, name: string, board: string, condition: Condition): Track {
    const known = this.tracks.get(name);
    const lane: Lane = known?.lane ?? {
      index: this.lanes.length,
      pid,
      name,
      board,
      component: componentOf(name),
      first: { ...condition },
    };
    if (!known) this.lanes.push(lane);
    const track: Track = { lane, condition, lastN: 0, resumed: false, byNumber: new Map() };
    this.tracks.set(name, track);
    this.byPid.set(pid, track);
    return track;
  }

  private read(line: TraceLine): void {
    if (line.note) this.note(line, line.note.kind, line.note.resumed === true);
    else if (line.process !== undefined && line.event) this.step(line, line.process, line.event);
  }

  private note(line: TraceLine, kind: string, resumed: boolean): void {
    if (kind !== 'boot' && kind !== 'off') return;
    for (const track of this.tracks.values()) {
      if (track.lane.board !== line.board) continue;
      const step = this.add(line, track, { kind });
      if (kind === 'off') {
        step.after.off = true;
        step.marks.push({ kind: 'off', text: `${line.board} loses power` });
      } else {
        step.after.off = false;
        step.marks.push({
          kind: 'boot',
          text: resumed ? `${line.board} is back, with its log` : `${line.board} boots`,
        });
        track.resumed = resumed;
        if (!resumed) this.renew(track, step);
      }
      track.condition = step.after;
    }
  }

  /** A board that boots without its log begins anew, and so do its channels. */
  private renew(track: Track, step: Step): void {
    const role = isSurvivor(step.before.role) ? 'active' : 'seat';
    step.after = { role, contaminated: false, frozen: false, off: false };
    track.lastN = 0;
    track.byNumber = new Map();
    const pid = track.lane.pid;
    for (const [key, passage] of this.open) {
      if (passage.lane.pid === pid || passage.from.lane.pid === pid) this.open.delete(key);
    }
  }

  private add(line: TraceLine, track: Track, event: TraceEvent): Step {
    const before = track.condition;
    const step: Step = {
      index: this.steps.length,
      line,
      lane: track.lane,
      t: line.t ?? 0,
      n: line.n ?? 0,
      event,
      before,
      after: { ...before },
      touched: before.contaminated,
      marks: [],
      received: null,
      sent: [],
    };
    this.steps.push(step);
    return step;
  }

  private step(line: TraceLine, name: string, event: TraceEvent): void {
    const pid = -1 - this.lanes.length;
    const unknown: Condition = { role: 'active', contaminated: false, frozen: false, off: false };
    const track = this.tracks.get(name) ?? this.addLane(pid, name, line.board ?? '', unknown);
    // an upgrade may place the new version on another board than the header's
    if (line.board) track.lane.board = line.board;
    const n = line.n ?? track.lastN + 1;
    if (track.resumed && n <= track.lastN) return; // done again after a power cut, as before: nothing new
    track.resumed = false;
    track.lastN = n;
    const step = this.add(line, track, event);
    if (step.after.off) step.after.off = false;
    track.byNumber.set(n, step);
    const key = receiptKey(event, track.lane.pid);
    const passage = key === null ? undefined : this.open.get(key);
    if (key !== null && passage) {
      passage.to = step;
      step.received = passage;
      this.open.delete(key);
    }
    this.event(step, event);
    let epoch = line.epoch ?? 0;
    for (const effect of line.effects ?? []) {
      this.effect(step, track, effect, epoch);
      if (effect.kind === 'decide') epoch = effect.epoch ?? epoch + 1;
      if (step.after.contaminated) step.touched = true;
    }
    if (passage) {
      const froze =
        event.kind === 'freeze' && !step.before.frozen && (line.effects ?? []).some((e) => e.kind === 'freeze');
      passage.effective = froze || (event.kind === 'passed' && step.before.contaminated && !step.after.contaminated);
    }
    track.condition = step.after;
  }

  private event(step: Step, event: TraceEvent): void {
    const say = (kind: MarkKind, text: string) => step.marks.push({ kind, text });
    if (event.kind === 'word') say('word', `operator: ${event.word ?? '?'}`);
    else if (event.kind === 'absent' && (step.line.effects ?? []).length > 0)
      say('absent', `${this.names.process(event.pid)} is absent${because(event)}`);
    else if (event.kind === 'reborn') say('absent', `${this.names.process(event.pid)} begins anew${because(event)}`);
    else if (event.kind === 'handover') say('handover', 'migrates the old state');
  }

  private effect(step: Step, track: Track, effect: TraceEffect, epoch: number): void {
    const say = (kind: MarkKind, text: string) => step.marks.push({ kind, text });
    const state = step.after;
    const device = this.names.device(effect.device);
    switch (effect.kind) {
      case 'send':
        if (effect.message) this.send(step, track, effect.to ?? -1, effect.message);
        break;
      case 'output':
        say('output', effect.e ? `${device} output ${effect.e}` : `${device} output`);
        break;
      case 'suppressed': {
        const what = effect.to !== undefined ? `→ ${this.names.component(effect.to)} q${effect.q}` : device;
        say('suppressed', `${what} to the log`);
        break;
      }
      case 'tested':
        if (effect.ok)
          say('passed', effect.compensated ? `compensated ${device} passed its test` : `${device} test passed`);
        else say('failed', `${device} test FAILED`);
        break;
      case 'withheld':
        say('withheld', `${device} output withheld`);
        break;
      case 'checkpoint':
        say('checkpoint', 'checkpoint');
        state.contaminated = true;
        break;
      case 'journal':
        state.contaminated = true;
        break;
      case 'reclaim':
        if (effect.left === 0 && state.role !== 'low') {
          if (state.contaminated) say('clean', 'clean again');
          state.contaminated = false;
        }
        break;
      case 'deliver':
      case 'forget':
        if (effect.kind === 'forget') this.forget(step, track, effect.event);
        break;
      case 'failure':
        say('failure', `failure: ${effect.why ?? '?'}`);
        break;
      case 'error':
        say('error', `error, its effects discarded: ${effect.why ?? '?'}`);
        break;
      case 'refused':
        say('word', `refused: ${effect.why ?? '?'}`);
        break;
      case 'freeze':
        state.frozen = true;
        say('freeze', `freezes for ${effect.cut ?? 'a cut'}`);
        this.cut(step, effect, epoch + 1).frozen.push(step);
        break;
      case 'report':
        say('report', 'reports');
        this.cut(step, effect, epoch + 1).reported.push(step);
        break;
      case 'decide': {
        state.frozen = false;
        state.contaminated = state.role === 'low' && effect.cut !== 'commit';
        const V = (effect.V ?? []).length > 0 ? `, V* ${vectorText(effect.V)}` : '';
        say('decide', `decides ${effect.cut}: epoch ${effect.epoch}${V}`);
        const cut = this.cut(step, effect, effect.epoch ?? epoch + 1);
        cut.decided.push(step);
        cut.kind = effect.cut ?? cut.kind;
        if (effect.why) cut.why = effect.why;
        if ((effect.V ?? []).length > 0) cut.validated = effect.V as number[];
        break;
      }
      case 'rollback': {
        const back = track.byNumber.get(effect.event ?? -1);
        step.marks.push({ kind: 'rollback', text: `rolls back to before event ${effect.event}`, back });
        break;
      }
      case 'takeover':
        say('takeover', effect.count ? `TAKES OVER, ${effect.count} from its log` : 'TAKES OVER');
        break;
      case 'role':
        this.role(step, effect.role ?? '');
        break;
    }
  }

  private role(step: Step, role: string): void {
    step.after.role = role;
    step.after.contaminated = role === 'low';
    if (role === 'stopped') step.after.frozen = false;
    const text: Record<string, string> = {
      low: '→ new version on trial',
      shadow: '→ shadow',
      active: '→ active',
      stopped: '→ stopped',
    };
    step.marks.push({ kind: 'role', text: text[role] ?? `becomes ${role}` });
  }

  private send(step: Step, track: Track, to: number, message: TraceMessage): void {
    const receiver = this.byPid.get(to);
    if (!receiver || message.kind === 'input') return;
    const app = message.kind === 'app';
    const contaminated = app && !covered(message.T, message.V);
    if (contaminated && isSurvivor(step.after.role)) step.after.contaminated = true;
    const passage: Passage = {
      from: step,
      to: null,
      lane: receiver.lane,
      message,
      type: this.names.type(typeOf(message)),
      contaminated,
      dropped: false,
      effective: false,
    };
    step.sent.push(passage);
    const key = receiptKey({ ...message, from: track.lane.pid } as TraceEvent, to);
    if (key !== null) this.open.set(key, passage);
  }

  private forget(step: Step, track: Track, event: number | undefined): void {
    const forgotten = event === undefined ? undefined : track.byNumber.get(event);
    if (!forgotten?.received) return;
    forgotten.received.dropped = true;
    const label = `${this.names.process(forgotten.event.from)} q${forgotten.event.q ?? '?'}`;
    step.marks.push({ kind: 'dropped', text: forgotten === step ? 'a repeat, dropped' : `leaves out ${label}` });
  }

  private cut(step: Step, effect: TraceEffect, epoch: number): CutSpan {
    let cut = this.cuts.get(epoch);
    if (!cut) {
      cut = {
        kind: effect.cut ?? '',
        why: effect.why ?? whyOf(step.event),
        epoch,
        first: step,
        last: step,
        frozen: [],
        reported: [],
        decided: [],
        validated: [],
      };
      this.cuts.set(epoch, cut);
    }
    if (step.index > cut.last.index) cut.last = step;
    return cut;
  }
}

function whyOf(event: TraceEvent): string {
  return (event as TraceEvent & { why?: string }).why ?? '';
}

function because(event: TraceEvent): string {
  const why = whyOf(event);
  return why ? `: ${why}` : '';
}

export function readHistory(lines: TraceLine[]): History {
  const reader = new Reader(lines);
  return { names: reader.names, lanes: reader.lanes, steps: reader.steps, cuts: reader.finish() };
}
