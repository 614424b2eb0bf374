// What one process does with one event, worked out once: the core is asked, the ground truth follows, and the result is
// kept by the numbers of state and event. A state here is a process of the real core with its ghost; two of them are
// one where they differ in nothing that the core or a check could ever see (`keyOf` says what is left out, and why).

import type { Process } from '../../firmware/core/core.ts';
import type { Application, Effect, Event, Message, Pid } from '../../firmware/core/types.ts';
import { createApp } from './app.ts';
import type { AppState, Hooks } from './app.ts';
import type { Shape } from './shape.ts';
import type { Check, Cluster, Entry, Ghost, Given } from './state-ghost.ts';
import { createGhost, tell } from './state-ghost.ts';
import type { Done, Durable } from './state-durable.ts';
import { based, canonical, inOrder, outward, recorded, replayed } from './state-durable.ts';
import type { Mistakes } from './storage.ts';
import { Pairs } from './state.ts';
import type { Core } from './world.ts';
import { structuredCloneFast } from './world.ts';

export interface Local {
  pid: Pid;
  /** null: there is no such process, or its board is gone */
  process: Process | null;
  ghost: Ghost;
  dead: boolean;
}

/** A message with what travels beside it. */
export interface Item {
  message: Message;
  entry: Entry | null;
  given: Given | null;
  /** in the order of `head` verdicts and notes */
  kind: Message['kind'] | 'heartbeat';
}

export interface Send {
  to: Pid;
  item: number;
}

export type Doing =
  | { kind: 'output'; device: number; e: number; low: number }
  | {
      kind: 'decided';
      cut: string;
      epoch: number;
      survivor: boolean;
      seat: boolean;
      live: Pid[];
      guarded: boolean;
      lows: Pid[];
    };

export interface Step {
  /** its place among all steps, from 1 */
  id: number;
  local: number;
  sends: Send[];
  doings: Doing[];
  checks: Check[];
  /** what of the decisions of a world this step shows, for counting */
  shows: number[];
  /** its process stops */
  stops: boolean;
  /** for replays from bases, where there are any */
  done: Done | null;
}

/** What a step may show, of that which a world decides or which follows from it. */
export const SHOWN = [
  'test fails at low',
  'test fails at active',
  'compensated',
  'freezes',
  'rollback',
  'decides start',
  'decides commit',
  'decides recovery',
  'decides cancel',
] as const;
export type Shown = (typeof SHOWN)[number];

/** Values by their keys, numbered from 1; 0 is nothing. */
export class Pool<T> {
  private readonly ids = new Map<string, number>();
  readonly values: T[] = [undefined as T];

  put(key: string, value: () => T): number {
    const known = this.ids.get(key);
    if (known !== undefined) return known;
    const id = this.values.length;
    this.values.push(value());
    this.ids.set(key, id);
    return id;
  }

  at(id: number): T {
    return this.values[id] as T;
  }
}

/** Left out of comparisons: reasons (for people), sizes and counters (for status), link numbers of events kept. */
const UNSEEN = new Set([
  'why',
  'bytes',
  'journalBytes',
  'counters',
  't',
  'since',
  'rules',
  'component',
  'pid',
  'latest',
]);

function plain(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(plain);
  if (value === null || typeof value !== 'object') return value;
  const out: Record<string, unknown> = {};
  for (const key of Object.keys(value)) {
    if (!UNSEEN.has(key)) out[key] = plain((value as Record<string, unknown>)[key]);
  }
  return out;
}

/**
 * The key of a state. The numbers of events only name them, and their order is all that counts: they are replaced by
 * their ranks, so that states differ by what they are and not by how many notifications it took. What a set holds is
 * put in order.
 */
export function keyOf(local: Local): string {
  const { process, ghost } = local;
  if (!process || local.dead) return `${local.pid} gone`;
  const numbers = new Set<number>();
  const p = process as unknown as Record<string, unknown> & {
    journal?: { n: number }[];
    held?: { n: number }[];
    checkpoints?: { n: number }[];
    received?: { n: number }[];
  };
  for (const list of [p.journal, p.held, p.checkpoints, p.received]) for (const { n } of list ?? []) numbers.add(n);
  for (const n of ghost.journal) numbers.add(n);
  for (const n of ghost.held) numbers.add(n);
  for (const { n } of ghost.since) numbers.add(n);
  const order = [...numbers].sort((a, b) => a - b);
  const rank = (n: number) => order.indexOf(n);
  const ranked = (list: { n: number }[] | undefined) =>
    list?.map((r) => plain({ ...r, n: rank(r.n), event: 'event' in r ? { ...(r.event as object), n: 0 } : undefined }));
  const cut = process.cut
    ? {
        ...process.cut,
        ends: sorted(process.cut.ends),
        reports: sorted(process.cut.reports.map(([pid, r]) => [pid, { cut: r.cut, op: r.op, V: r.V, ends: r.ends }])),
      }
    : null;
  const own = plain({
    ...p,
    n: 0,
    journal: ranked(p.journal),
    held: ranked(p.held),
    checkpoints: ranked(p.checkpoints),
    received: ranked(p.received),
    closed: sorted(process.closed ?? []),
    failed: process.failed !== null,
    cut,
  });
  const known: unknown[] = [];
  for (const n of order) if (ghost.known[n]) known.push([rank(n), ghost.known[n]]);
  const truth = {
    ...ghost,
    journal: ghost.journal.map(rank),
    held: ghost.held.map(rank),
    since: ghost.since.map((s) => [rank(s.n), s.input, s.books]),
    known,
  };
  return `${local.pid} ${JSON.stringify(own)} ${JSON.stringify(truth)}`;
}

function sorted<T>(list: T[]): T[] {
  return list.slice().sort((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1));
}

/** For comparison with a process of the world: the core's own state, without the digests that its application keeps. */
export function coreKey(pid: Pid, process: Process | null, dead: boolean): string {
  const ghost = createGhost('', -1, 0, 0);
  return keyOf({ pid, process, ghost, dead }).replace(/(\\*"h\\*":)\d+/g, '$10');
}

/** The application of an explored system keeps nothing: what it does is asked each time, so nothing hangs on its past. */
export function createPlainApp(shape: Shape, pid: Pid, hooks: Hooks): Application {
  const base = createApp(shape, pid, hooks);
  if (shape.mixed) return base;
  const forget = (value: unknown) => {
    (value as AppState).h = 0;
  };
  return {
    ...base,
    initial: () => ({ h: 0 }),
    handle(state, event, out) {
      base.handle(state, event, out);
      forget(state);
      for (const emission of out) if (emission.data !== undefined) forget(emission.data);
    },
    compensate(state, device, data) {
      const other = base.compensate(state, device, data);
      if (other) forget(other);
      return other;
    },
    migrate(old, pending) {
      const migrated = base.migrate(old, pending);
      forget(migrated.state);
      return migrated;
    },
  };
}

export class Locals {
  readonly shape: Shape;
  readonly core: Core;
  readonly cluster: Cluster;
  readonly items = new Pool<Item>();
  readonly events = new Pool<{ event: Event; item: number; fails: boolean }>();
  readonly locals = new Pool<Local>();
  private readonly apps: Application[];
  private readonly hooks: Hooks = { failMigrate: false, passed: () => {} };
  private readonly done = new Pairs();
  private readonly made: Step[] = [undefined as unknown as Step];
  private readonly sent = new Map<string, number>();
  /** how often the core was asked, and how long it took, ms; and the ground truth */
  steps = 0;
  spent = 0;
  told = 0;
  /** steps done again from the written-down state, as a boot does */
  replayed = 0;
  redone = 0;
  /** logs replayed from bases of their own moments, and the records in them */
  logs = 0;
  records = 0;
  private readonly mistakes: Mistakes;

  constructor(shape: Shape, core: Core, cluster: Cluster, mistakes: Mistakes = {}) {
    this.shape = shape;
    this.mistakes = mistakes;
    this.core = core;
    this.cluster = cluster;
    this.apps = shape.boards.map((_, pid) => createPlainApp(shape, pid, this.hooks));
  }

  put(local: Local): number {
    return this.locals.put(keyOf(local), () => local);
  }

  event(event: Event, item = 0, fails = false): number {
    const { t: _, ...rest } = event;
    return this.events.put(JSON.stringify([rest, item, fails]), () => ({ event, item, fails }));
  }

  item(message: Message, entry: Entry | null, given: Given | null): number {
    const { why: _, ...rest } = message;
    return this.items.put(JSON.stringify([rest, entry, given]), () => ({ message, entry, given, kind: message.kind }));
  }

  step(id: number, eventId: number): Step {
    const known = this.done.get(id, eventId);
    if (known) return this.made[known] as Step;
    const made = this.make(this.locals.at(id), eventId);
    made.id = this.made.length;
    this.done.set(id, eventId, made.id);
    this.made.push(made);
    return made;
  }

  stepAt(id: number): Step {
    return this.made[id] as Step;
  }

  appOf(pid: Pid): Application {
    return this.apps[pid] as Application;
  }

  /** The heartbeat that a process would send now. */
  beat(id: number, acked: number[], doneE: number[]): number {
    const asked = `${id} ${acked.join()} ${doneE.join()}`;
    const known = this.sent.get(asked);
    if (known !== undefined) return known;
    const event = this.core.heartbeat(this.locals.at(id).process as Process, acked, doneE);
    const message = event as unknown as Message;
    const item = this.items.put(JSON.stringify(['beat', event]), () => ({
      message,
      entry: null,
      given: null,
      kind: 'heartbeat',
    }));
    this.sent.set(asked, item);
    return item;
  }

  private make(before: Local, eventId: number): Step {
    const { event: asked, item, fails } = this.events.at(eventId);
    const beside = item > 0 ? this.items.at(item) : null;
    const process = structuredCloneFast(before.process) as Process;
    const event = structuredCloneFast(asked);
    const effects: Effect[] = [];
    const epoch = process.epoch;
    this.hooks.failMigrate = fails;
    const start = performance.now();
    this.core.step(process, event, effects, this.apps[before.pid] as Application);
    const between = performance.now();
    this.spent += between - start;
    this.steps++;
    const told = tell(
      before.ghost,
      before.pid,
      process.n,
      asked,
      beside?.entry ?? null,
      beside?.given ?? null,
      effects,
      this.cluster,
    );
    this.told += performance.now() - between;
    if (this.shape.power) {
      const begun = performance.now();
      const why = this.again(before, asked, process, effects);
      this.redone += performance.now() - begun;
      if (why) told.checks.push({ kind: 'wrong', rule: 'trace', why });
    }
    const sends: Send[] = [];
    const doings: Doing[] = [];
    const shows: number[] = [];
    const show = (what: Shown) => shows.push(SHOWN.indexOf(what));
    effects.forEach((effect, place) => {
      if (effect.kind === 'send') {
        const { entry, given } = told.beside.get(place) ?? { entry: null, given: null };
        const message = structuredCloneFast(effect.message as Message);
        sends.push({ to: effect.to as Pid, item: this.item(message, entry, given) });
      } else if (effect.kind === 'output') {
        const low = process.role === 'low' ? epoch : -1;
        doings.push({ kind: 'output', device: effect.device as number, e: effect.e as number, low });
      } else if (effect.kind === 'tested' && !effect.ok) {
        show(before.process?.role === 'low' ? 'test fails at low' : 'test fails at active');
      } else if (effect.kind === 'tested' && effect.compensated) show('compensated');
      else if (effect.kind === 'rollback') show('rollback');
      else if (effect.kind === 'freeze' && asked.kind !== 'freeze') show('freezes');
      else if (effect.kind === 'decide') {
        if (effect.cut) show(`decides ${effect.cut}`);
        doings.push({
          kind: 'decided',
          cut: effect.cut as string,
          epoch: effect.epoch as number,
          survivor: process.role === 'active' || process.role === 'shadow',
          seat: process.role === 'seat',
          live: process.live.slice(),
          guarded: process.guarded ?? false,
          lows: process.op ? process.op.lows.slice() : [],
        });
      }
    });
    const local = this.put({ ...before, process, ghost: told.ghost });
    const stops = process.role === 'stopped' && before.process?.role !== 'stopped';
    const done = this.shape.power ? { event: asked, fails, outward: outward(effects) } : null;
    return { id: 0, local, sends, doings, checks: told.checks, shows, stops, done };
  }

  /** What a boot makes of a base and the records behind it, and what is wrong with that, if it is not what there is now. */
  replay(durable: Durable, now: number): Pick<Durable, 'differs' | 'instead'> {
    const base = this.locals.at(durable.base);
    const local = this.locals.at(now);
    const log = durable.log.map((id) => this.stepAt(id).done as Done);
    const app = this.apps[base.pid] as Application;
    const begun = performance.now();
    const { self, differs } = replayed(this.core, base.process as Process, log, app, this.hooks, this.mistakes);
    this.redone += performance.now() - begun;
    this.logs++;
    this.records += log.length;
    const key = (one: Process | null) => coreKey(base.pid, inOrder(one) as Process, local.dead);
    if (key(self) === key(local.process)) return { differs, instead: 0 };
    const other = `a base and ${log.length} records bring another process back than there was`;
    return { differs: differs ?? other, instead: this.put({ ...local, process: self }) };
  }

  /**
   * The same event, upon the same state, both written down and read again as flash has them: what a boot makes of a base
   * and the record behind it. It must come to the same process and the same effects, to the letter (PROTOCOL 6).
   */
  private again(before: Local, asked: Event, after: Process, effects: Effect[]): string | null {
    const self = based(before.process as Process, {});
    const others: Effect[] = [];
    this.core.step(self, recorded(asked), others, this.apps[before.pid] as Application);
    this.replayed++;
    const same = canonical(self) === canonical(after) && canonical(others) === canonical(effects);
    return same ? null : `${asked.kind} comes to something else when it is replayed`;
  }
}
