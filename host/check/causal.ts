// The causal engine: goes through a trace, and tells from sends and receipts alone what every state, message and
// output truly depends on. It never looks at the protocol's `T`, and counts boundary messages itself.

import type { Channel } from './channels.ts';
import { canReceive, createChannel, isNumbered, noteReceipt, noteSend } from './channels.ts';
import type { Causality, CutRecord, Fact, Step } from './facts.ts';
import type { Entry, Handover, Proc, Received, Taken } from './model.ts';
import {
  append,
  closePast,
  countOutput,
  createProc,
  isLive,
  isSurvivor,
  listOf,
  rollBack,
  setHistory,
  setTimer,
} from './model.ts';
import type { Operation } from './operations.ts';
import { createOperation, findOperations } from './operations.ts';
import { inCausalOrder } from './schedule.ts';
import type { TraceEffect, TraceEvent, TraceLine, TraceMessage } from './types.ts';
import type { History } from './vector.ts';
import { join, NOTHING, withValue } from './vector.ts';

/** What holds only within one step. */
const NOTHING_FIRST: TraceEvent[] = [];

interface Moment {
  step: Step;
  p: Proc;
  unblocked: number[];
  limit: History | null;
  decided: { cut: string; epoch: number } | null;
  /** outcome of the last test of each device, since the last delivery */
  tests: Map<number, 'passed' | 'failed' | 'compensated'>;
  /** how many emissions still come from the log */
  resend: number;
  /** event just named by `replay` */
  redoing: number;
  settled: Set<number>;
  /** the last application message, for its twin */
  last: Entry | null;
  /** what a new version must deliver first */
  first: TraceEvent[];
}

const NONE: readonly number[] = [];

function channelKey(from: number, to: number): number {
  return from * 65536 + to;
}

/** What of an event must be the same when a board that comes back with its log has it again. */
function signatureOf(event: TraceEvent): string {
  return `${event.kind} ${event.from ?? ''} ${event.n ?? ''} ${event.i ?? ''} ${event.name ?? ''}`;
}

class Engine {
  readonly steps: Step[] = [];
  readonly names = new Map<number, string>();
  private procs = new Map<string, Proc>();
  private byPid = new Map<number, Proc>();
  private channels = new Map<number, Channel<Entry>>();
  private handovers = new Map<TraceMessage, Handover>();
  private operations = new Map<number, Operation>();
  private readonly lines: TraceLine[];
  /** of the step that is looked at */
  private readonly tests: Moment['tests'] = new Map();
  private readonly settled: Moment['settled'] = new Set();

  constructor(lines: TraceLine[]) {
    this.lines = lines;
  }

  blocked(line: TraceLine): number | null {
    const p = line.process === undefined ? undefined : this.procs.get(line.process);
    const event = line.event;
    if (!p || !event || !isNumbered(event)) return null;
    if (p.resumed && (line.n ?? 0) <= p.lastN) return null;
    const key = channelKey(event.from as number, p.pid);
    return canReceive(this.channels.get(key), event) ? null : key;
  }

  visit(line: TraceLine): readonly number[] {
    if (line.trace !== undefined) this.begin(line);
    else if (line.note) {
      if (line.note.kind === 'boot') this.boot(line.board ?? '', line.note.resumed === true);
      // made anew: what it does from now on is no replay
      const made = line.note.kind === 'process' ? this.procs.get(line.note.process ?? '') : undefined;
      if (made) made.resumed = false;
      const gone = line.note.kind === 'gone' ? this.byPid.get(line.note.pid ?? -1) : undefined;
      if (gone) this.renew(gone, 'seat');
    } else if (line.process !== undefined) return this.step(line, line.process);
    return NONE;
  }

  private begin(header: TraceLine): void {
    this.procs = new Map();
    this.byPid = new Map();
    this.channels = new Map();
    const roles = new Map(header.roles ?? []);
    const taken = new Set<number>();
    for (const [pid, name, board] of header.processes ?? []) {
      const role = roles.get(pid) ?? (header.roles || taken.has(pid >> 1) ? 'seat' : 'active');
      taken.add(pid >> 1);
      const p = createProc(pid, name, board, role);
      this.procs.set(name, p);
      this.byPid.set(pid, p);
      this.names.set(pid, name);
    }
    const from = this.lines.indexOf(header) + 1;
    let to = from;
    while (to < this.lines.length && this.lines[to]?.trace === undefined) to++;
    this.operations = findOperations(this.lines.slice(from, to), (name) => this.procs.get(name)?.pid ?? -1);
    if (!header.operation) return;
    const operation = createOperation(header.operation.cluster, header.operation.lows, header.operation.added);
    for (const p of this.procs.values()) if (isLive(p.role)) p.operation = operation;
  }

  private channel(from: number, to: number): Channel<Entry> {
    const key = channelKey(from, to);
    let channel = this.channels.get(key);
    if (!channel) {
      channel = createChannel();
      this.channels.set(key, channel);
    }
    return channel;
  }

  /** A new life: its channels begin again. */
  private renew(p: Proc, role: string): void {
    const fresh = createProc(p.pid, p.name, p.board, role);
    this.procs.set(p.name, fresh);
    this.byPid.set(p.pid, fresh);
    for (const pid of this.byPid.keys()) {
      this.channel(p.pid, pid).renewed = true;
      this.channel(pid, p.pid).renewed = true;
    }
  }

  private boot(board: string, resumed: boolean): void {
    for (const p of [...this.procs.values()]) {
      if (p.board !== board) continue;
      if (resumed) p.resumed = true;
      else this.renew(p, isSurvivor(p.role) ? 'active' : 'seat');
    }
  }

  private step(line: TraceLine, name: string): readonly number[] {
    const step: Step = {
      index: this.steps.length,
      line,
      pid: -1,
      process: name,
      board: line.board ?? '',
      n: line.n ?? 0,
      t: line.t ?? 0,
      role: '',
      operation: null,
      repeat: false,
      facts: [],
    };
    this.steps.push(step);
    const broken = (why: string): readonly number[] => {
      step.facts.push({ fact: { kind: 'broken', why }, validated: NOTHING, limit: null });
      return NONE;
    };
    const known = this.procs.get(name);
    if (!known) return broken(this.procs.size ? 'no such process in the header' : 'the trace has no header');
    let p = known;
    const event = line.event ?? { kind: '' };
    if (step.n <= p.lastN) {
      if (p.resumed) {
        step.pid = p.pid;
        step.repeat = true;
        const before = p.seen[step.n];
        const same = before !== undefined && signatureOf(before) === signatureOf(event);
        return same ? NONE : broken(`after a power cut event ${step.n} is another than before`);
      }
      if (step.n !== 1 || isLive(p.role)) return broken(`event ${step.n} after event ${p.lastN}`);
      this.renew(p, 'seat');
      p = this.procs.get(name) as Proc;
    } else if (step.n > p.lastN + 1) broken(`event ${step.n} after event ${p.lastN}: lines are missing`);
    p.lastN = step.n;
    p.resumed = false;
    p.seen[step.n] = event;
    // the header names one board for both versions; an upgrade may place the new one elsewhere
    if (line.board !== undefined) p.board = line.board;
    step.pid = p.pid;
    step.role = p.role;
    step.operation = p.operation;
    if (p.epoch < 0 || (line.epoch !== undefined && p.role === 'seat')) p.epoch = epochBefore(line);
    return this.run(p, step, event);
  }

  private run(p: Proc, step: Step, event: TraceEvent): readonly number[] {
    // clearing makes a new table, also of an empty one
    if (this.tests.size > 0) this.tests.clear();
    if (this.settled.size > 0) this.settled.clear();
    const m: Moment = {
      step,
      p,
      unblocked: [],
      limit: null,
      decided: null,
      tests: this.tests,
      resend: 0,
      redoing: -1,
      settled: this.settled,
      last: null,
      first: NOTHING_FIRST,
    };
    this.receive(m, event);
    for (const effect of step.line.effects ?? []) this.effect(m, effect);
    if (m.first.length > 0) this.begun(m);
    const asks = event.kind === 'app' || event.kind === 'input';
    if (asks && !m.settled.has(step.n)) {
      if (p.frozen || p.role === 'seat') p.held.push(step.n);
      else if (isLive(p.role)) this.note(m, { kind: 'undelivered', event });
    }
    if (m.decided) {
      this.close(m, m.decided);
      this.undelivered(m);
    }
    if (p.operation) this.note(m, { kind: 'end', role: p.role, H: p.H, journal: p.journal.length });
    else if (!p.held.includes(step.n)) p.events.delete(step.n);
    return m.unblocked;
  }

  /** A new version that has begun has delivered what was held for it, unless it failed on the way. */
  private begun(m: Moment): void {
    if (m.p.frozen || m.p.role !== 'low') return;
    const effects = m.step.line.effects ?? [];
    // all of it has the number of the event upon which it began
    const delivered = effects.filter((e) => e.kind === 'deliver' && e.event === m.step.n).length;
    for (const event of m.first.slice(delivered)) this.note(m, { kind: 'undelivered', event });
  }

  /** A survivor that has resumed holds nothing any more: what it held it has delivered, or said that it leaves it out. */
  private undelivered(m: Moment): void {
    const p = m.p;
    if (!isSurvivor(m.step.role) || !isLive(p.role) || p.frozen) return;
    for (const n of p.held.splice(0)) {
      const event = p.events.get(n)?.event;
      // what a seat held for a start that was cancelled is of no account
      if (event && n >= p.frozenAt) this.note(m, { kind: 'undelivered', event });
    }
  }

  private note(m: Moment, fact: Fact): void {
    const validated = m.p.operation ? m.p.operation.validated : NOTHING;
    m.step.facts.push({ fact, validated, limit: m.limit });
  }

  private receive(m: Moment, event: TraceEvent): void {
    const p = m.p;
    const received: Received = { event, entry: null, carried: NOTHING, operation: null };
    p.events.set(m.step.n, received);
    if (isNumbered(event)) {
      const { sent, why } = noteReceipt(this.channel(event.from as number, p.pid), event);
      this.note(m, { kind: 'receive', sent, why });
      if (sent?.entry && event.kind === 'app') {
        received.entry = sent.entry;
        received.carried = sent.entry.H;
        received.operation = sent.entry.operation;
      }
      const from = sent ? this.handovers.get(sent.message) : undefined;
      if (event.kind === 'handover' && from && from.component === p.component) p.handover = { from, event };
    } else if (event.kind === 'timer') {
      received.carried = p.timers.get(event.name ?? '') ?? NOTHING;
      received.operation = p.operation;
    } else if (event.kind === 'reborn' && event.pid !== undefined) {
      // what was on its way to the former life, also since that ended unnoticed, is for nobody
      const channel = this.channel(p.pid, event.pid);
      channel.got = channel.sends.length - 1;
      channel.renewed = true;
      // a low process or a seat has no channels that its component's live process has not
      if (!isLive(this.byPid.get(event.pid)?.role ?? '')) return;
      p.sent.delete(event.pid >> 1);
      p.taken.delete(event.pid >> 1);
    }
  }

  private effect(m: Moment, effect: TraceEffect): void {
    const p = m.p;
    switch (effect.kind) {
      case 'send':
        this.send(m, effect.to as number, effect.message as TraceMessage);
        break;
      case 'output':
        this.output(m, effect);
        break;
      case 'suppressed':
        this.suppress(m, effect);
        break;
      case 'deliver':
        if (m.redoing !== (effect.event ?? m.step.n)) this.deliver(m, effect.event ?? m.step.n);
        m.redoing = -1;
        break;
      case 'replay':
        this.deliver(m, effect.event as number);
        this.note(m, { kind: 'redone', n: effect.event as number });
        m.redoing = effect.event as number;
        break;
      case 'forget':
        this.forget(m, effect.event ?? m.step.n);
        break;
      case 'armed':
        setTimer(p, effect.name ?? '', p.H);
        break;
      case 'tested':
        this.tested(m, effect);
        break;
      case 'checkpoint':
      case 'journal':
        p.journal.push(m.step.n);
        break;
      case 'reclaim':
        p.journal.splice(0, effect.records ?? p.journal.length);
        break;
      case 'freeze':
        p.frozen = true;
        p.frozenAt = m.step.n;
        this.note(m, { kind: 'freeze' });
        break;
      case 'decide':
        this.decide(m, effect);
        break;
      case 'rollback': {
        const H = p.H;
        const from = p.journal[0] ?? -1;
        const undone = rollBack(p, effect.event as number);
        this.note(m, { kind: 'rollback', n: effect.event as number, undone, H, from });
        break;
      }
      case 'takeover':
        m.resend = effect.count ?? 0;
        break;
      case 'role':
        this.role(m, effect.role ?? '');
        break;
      default:
    }
  }

  private settle(m: Moment, n: number): void {
    m.settled.add(n);
    const place = m.p.held.indexOf(n);
    if (place >= 0) m.p.held.splice(place, 1);
  }

  private deliver(m: Moment, n: number): void {
    const p = m.p;
    this.settle(m, n);
    if (m.tests.size > 0) m.tests.clear();
    const received = p.events.get(n);
    if (!received) {
      m.step.facts.push({
        fact: { kind: 'broken', why: `event ${n} is delivered, but not known` },
        validated: NOTHING,
        limit: null,
      });
      return;
    }
    if (p.operation && !p.marks.has(n)) p.marks.set(n, p.trail.length);
    const { event, entry } = received;
    const carried = p.operation && received.operation === p.operation ? received.carried : NOTHING;
    let last = 0;
    if (event.kind === 'app' && event.from !== undefined) {
      const list = listOf(p.taken, event.from >> 1);
      last = list.length > 0 ? (list[list.length - 1] as Taken).q : 0;
      append(p, list, { q: event.q ?? last + 1, entry });
    } else if (event.kind === 'timer') setTimer(p, event.name ?? '', undefined);
    setHistory(p, join(p.H, carried));
    this.note(m, { kind: 'deliver', event, n, entry, carried, last });
  }

  private forget(m: Moment, n: number): void {
    this.settle(m, n);
    const event = m.p.events.get(n)?.event ?? null;
    this.note(m, { kind: 'forget', event, n, redone: m.limit !== null });
  }

  private send(m: Moment, to: number, message: TraceMessage): void {
    const p = m.p;
    const numbered = message.n !== undefined && message.n > 0 && message.kind !== 'input';
    const key = channelKey(p.pid, to);
    let entry: Entry | null = null;
    let q = 0;
    let k = 0;
    let resent = false;
    let logged = false;
    if (message.kind === 'app') {
      const component = to >> 1;
      const list = listOf(p.sent, component);
      if (m.resend > 0) {
        m.resend--;
        resent = true;
        q = message.q ?? 0;
        entry = findLogged(list, q);
        logged = entry !== null;
        if (entry) {
          entry.epoch = p.epoch;
          entry.suppressed = false;
        }
      } else if (m.last && m.last.to === component && m.last.q === message.q && list[list.length - 1] === m.last) {
        entry = m.last;
        q = m.last.q;
      } else {
        q = list.length > 0 ? (list[list.length - 1] as Entry).q + 1 : 1;
        const slot = p.role === 'low' && p.operation ? p.operation.slots.get(p.component) : undefined;
        if (p.operation && slot !== undefined && !p.operation.slots.has(component)) {
          k = (p.operation.sent[slot] as number) + 1;
          p.operation.sent[slot] = k;
          setHistory(p, withValue(p.H, slot, k));
        }
        entry = this.entry(m, component, message.q ?? q);
        append(p, list, entry);
      }
      m.last = entry;
    } else if (message.kind === 'handover') {
      this.handovers.set(message, handoverOf(p));
    }
    const why = numbered
      ? noteSend(this.channel(p.pid, to), message, entry, m.step.index, this.renewable(p.pid, to))
      : null;
    if (numbered) m.unblocked.push(key);
    const H = resent && entry ? entry.H : p.H;
    this.note(m, { kind: 'send', to, message, entry, H, q, k, resent, logged, why });
  }

  private entry(m: Moment, component: number, q: number): Entry {
    const p = m.p;
    const operation = m.limit === null ? p.operation : null;
    const H = p.H;
    const { pid, life, epoch } = p;
    return { from: pid, life, to: component, q, epoch, H, operation, suppressed: false, step: m.step.index };
  }

  /** Numbers begin again with a process that is not, or no longer, part of the system. */
  private renewable(a: number, b: number): boolean {
    return !isLive(this.byPid.get(a)?.role ?? '') || !isLive(this.byPid.get(b)?.role ?? '');
  }

  private suppress(m: Moment, effect: TraceEffect): void {
    const p = m.p;
    if (effect.to !== undefined) {
      const entry = this.entry(m, effect.to, effect.q ?? 0);
      entry.suppressed = true;
      append(p, listOf(p.sent, effect.to), entry);
    } else if (effect.device !== undefined) {
      countOutput(p, effect.device);
      append(p, p.logged, { device: effect.device, e: effect.e ?? 0, H: p.H });
    }
  }

  private output(m: Moment, effect: TraceEffect): void {
    const p = m.p;
    const device = effect.device ?? -1;
    const e = effect.e ?? 0;
    let H = p.H;
    const resent = m.resend > 0;
    let logged = false;
    if (resent) {
      m.resend--;
      for (const item of p.logged) {
        if (item.device !== device || item.e !== e) continue;
        H = item.H;
        logged = true;
      }
    }
    const expected = resent || e === 0 ? e : countOutput(p, device);
    const test = m.tests.get(device) ?? 'none';
    m.tests.delete(device);
    let late = false;
    if (p.role === 'low') {
      for (const other of this.procs.values()) {
        const decided = isSurvivor(other.role) && other.lastCut === 'recovery' && other.epoch > p.epoch;
        if (other.board === p.board && decided) late = true;
      }
    }
    this.note(m, { kind: 'output', role: p.role, device, e, expected, H, test, resent, logged, late });
  }

  private tested(m: Moment, effect: TraceEffect): void {
    const p = m.p;
    const ok = effect.ok === true;
    const compensated = effect.compensated === true;
    m.tests.set(effect.device ?? -1, ok ? (compensated ? 'compensated' : 'passed') : 'failed');
    if (ok && !compensated && p.operation && m.limit === null) {
      p.operation.validated = join(p.operation.validated, p.H);
    }
    this.note(m, { kind: 'tested', ok, compensated });
  }

  private decide(m: Moment, effect: TraceEffect): void {
    const p = m.p;
    const cut = effect.cut ?? '';
    const epoch = effect.epoch ?? p.epoch + 1;
    // a rule set that agrees on no V* is judged by what tests have vouched for by now
    const V = effect.V ?? (cut === 'recovery' && p.operation ? p.operation.validated : NOTHING);
    const agreed = effect.V !== undefined;
    this.note(m, {
      kind: 'decide',
      cut,
      op: effect.op ?? '',
      V,
      agreed,
      epoch,
      before: p.epoch,
      seat: !isLive(p.role),
      H: p.H,
    });
    p.epoch = epoch;
    p.frozen = false;
    p.lastCut = cut;
    m.decided = { cut, epoch };
    if (cut === 'recovery' && isSurvivor(p.role) && p.operation) {
      m.limit = V;
      return;
    }
    if (cut === 'commit') forgetAll(p, p.operation?.removed ?? []);
    closePast(p, m.step.n);
    p.H = NOTHING;
    for (const name of p.timers.keys()) p.timers.set(name, NOTHING);
    p.operation = cut === 'start' ? (this.operations.get(epoch) ?? null) : null;
  }

  private role(m: Moment, role: string): void {
    const p = m.p;
    if (role === 'low' && p.role !== 'low' && p.handover) m.first = adopt(p, p.handover.from, p.handover.event);
    p.role = role;
    if (role !== 'stopped') return;
    p.operation = null;
    p.frozen = false;
    p.held = [];
  }

  /** The end of a step that carried out a decision. */
  private close(m: Moment, decided: { cut: string; epoch: number }): void {
    const p = m.p;
    if (m.limit !== null) {
      const held = p.held.map((n) => p.events.get(n)?.entry).filter((e): e is Entry => !!e);
      this.note(m, { kind: 'recovered', H: p.H, held: held.filter((e) => e.operation === p.operation) });
      forgetAll(p, p.operation?.added ?? []);
      p.operation = null;
      closePast(p, m.step.n);
      p.H = NOTHING;
      p.timers.clear();
      m.limit = null;
    }
    if (isLive(p.role)) this.note(m, { kind: 'cut', record: recordOf(p, decided) });
    else p.operation = null;
    p.handover = null;
  }
}

/** A component that is gone begins anew where a later upgrade brings it back. */
function forgetAll(p: Proc, components: number[]): void {
  for (const c of components) {
    p.sent.delete(c);
    p.taken.delete(c);
  }
}

/** The log holds the last of what was sent: searched from the end. */
function findLogged(list: Entry[], q: number): Entry | null {
  for (let i = list.length - 1; i >= 0; i--) {
    const entry = list[i] as Entry;
    if (entry.q === q) return entry.suppressed ? entry : null;
  }
  return null;
}

function epochBefore(line: TraceLine): number {
  for (const effect of line.effects ?? []) if (effect.kind === 'decide') return (effect.epoch ?? 1) - 1;
  return line.epoch ?? 0;
}

function handoverOf(p: Proc): Handover {
  const sent = new Map<number, Entry[]>();
  const taken = new Map<number, Taken[]>();
  for (const [c, list] of p.sent) sent.set(c, list.slice());
  for (const [c, list] of p.taken) taken.set(c, list.slice());
  const held = p.held.map((n) => p.events.get(n)?.entry).filter((e): e is Entry => !!e);
  return { sent, taken, held, outputs: new Map(p.outputs), component: p.component };
}

/**
 * The new low process begins with its shadow's counters, and what was handed over to it (PROTOCOL 5.3). Returns what
 * was held for it, all of which it must deliver first; what comes of pending messages is `migrate`'s.
 */
function adopt(p: Proc, from: Handover, event: TraceEvent): TraceEvent[] {
  p.sent = from.sent;
  p.taken = from.taken;
  p.outputs = from.outputs;
  const given = event.held || event.pending ? [...(event.pending ?? []), ...(event.held ?? [])] : null;
  const first = (event.held ?? []).filter((held) => {
    const list = held.kind === 'app' ? p.taken.get((held.from ?? 0) >> 1) : undefined;
    return !list || list.length === 0 || (list[list.length - 1] as Taken).q < (held.q ?? 0);
  });
  for (const entry of from.held) {
    const has = given === null || given.some((g) => g.kind === 'app' && g.from === entry.from && g.q === entry.q);
    const list = listOf(p.taken, entry.from >> 1);
    // what its state holds already it leaves out
    const repeat = list.length > 0 && (list[list.length - 1] as Taken).q >= entry.q;
    if (has && !repeat) list.push({ q: entry.q, entry });
  }
  return first;
}

function recordOf(p: Proc, decided: { cut: string; epoch: number }): CutRecord {
  const sent: CutRecord['sent'] = new Map();
  const taken: CutRecord['taken'] = new Map();
  for (const [c, list] of p.sent) {
    let fresh = 0;
    while (fresh < list.length && (list[list.length - 1 - fresh] as Entry).epoch === decided.epoch) fresh++;
    sent.set(c, { list, length: list.length, fresh });
  }
  for (const [c, list] of p.taken) taken.set(c, { list, length: list.length });
  const held = p.held.map((n) => p.events.get(n)?.entry).filter((e): e is Entry => !!e);
  return { pid: p.pid, life: p.life, component: p.component, role: p.role, ...decided, sent, taken, held };
}

const known = new WeakMap<TraceLine[], { length: number; result: Causality }>();

/** Goes through the trace once, however many checks ask; again where it has grown. Lines must not change between. */
export function causality(lines: TraceLine[]): Causality {
  const before = known.get(lines);
  if (before && before.length === lines.length) return before.result;
  const engine = new Engine(lines);
  inCausalOrder(lines, engine);
  const result = { steps: engine.steps, names: engine.names };
  known.set(lines, { length: lines.length, result });
  return result;
}
