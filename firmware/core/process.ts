// The state of one process of the protocol, and what every part of the core asks of it.

import { zeros } from './vector.ts';
import type {
  Application,
  Cut,
  Effect,
  Event,
  JournalRecord,
  Message,
  Operation,
  Pid,
  Role,
  State,
  Vector,
} from './types.ts';

export interface Setup {
  rules: 'corrected' | 'paper';
  pid: Pid;
  epoch: number;
  /** by component: the process that is live, or -1 */
  live: Pid[];
  /** how many devices the system has */
  devices: number;
  /** by device: declared `latest` (PROTOCOL 7) */
  latest: boolean[];
  /** the guarded operation the process is in from the beginning, or null */
  operation: Operation | null;
  role: Role;
}

/** A cut under way (PROTOCOL 5). */
export interface CutState {
  cut: Cut;
  op: string;
  why: string;
  /** channels that have ended, and how: the kind of the marker, or `absent` */
  ends: [Pid, string][];
  /** messages of kind `report` by their sender, ours included */
  reports: [Pid, Event | Message][];
  reported: boolean;
  /** a start: seats that have not answered yet; null before the handover */
  waiting: Pid[] | null;
}

/** A message or input that came while the process was frozen, with the number of its event. */
export interface Held {
  n: number;
  event: Event;
}

/** What a seat keeps between handover and decision (PROTOCOL 5.3). */
export interface Seat {
  state: State | null;
  /** first events of the low process */
  first: Event[];
  ok: boolean;
}

/** A boundary message of a low process that it has not yet reported as acknowledged and validated. */
export interface Mark {
  to: number;
  q: number;
  k: number;
}

export interface Counters {
  testsPassed: number;
  testsFailed: number;
  compensated: number;
  withheld: number;
  errors: number;
  repeats: number;
  rollbacks: number;
}

export interface Process {
  rules: 'corrected' | 'paper';
  pid: Pid;
  component: number;
  role: Role;
  epoch: number;
  /** events so far */
  n: number;
  live: Pid[];
  latest: boolean[];
  op: Operation | null;
  /** true from the decision of a start until the decision of a commit or recovery */
  guarded: boolean;
  /** board time of the start, ms */
  since: number;
  staged: Operation | null;
  V: Vector;
  state: State;
  /** emitted anything since the last checkpoint record (PROTOCOL 4.2.4) */
  emitted: boolean;
  journal: JournalRecord[];
  journalBytes: number;
  held: Held[];
  /** by component, by device: numbers the low process has reported as safe (PROTOCOL 4.4) */
  safeQ: number[];
  safeE: number[];
  /** by component: [q, digest] last heard of the low process (PROTOCOL 4.5) */
  lead: [number, number][];
  marks: Mark[];
  /** by process: last number sent and taken on the channel; never rolled back */
  sentN: number[];
  gotN: number[];
  /** by device: last input taken; -1: none yet, any may come */
  gotI: number[];
  /** processes whose channel is closed for good in this epoch (PROTOCOL 5.0.2) */
  closed: Pid[];
  cut: CutState | null;
  /** a failure that has to start a recovery */
  failed: string | null;
  /** re-executing in a recovery: outputs are tested even where clean (PROTOCOL 5.1) */
  redo: boolean;
  seat: Seat | null;
  counters: Counters;
}

function freshState(components: number, devices: number, slots: number, app: unknown): State {
  return {
    app: app,
    q: zeros(components),
    r: zeros(components),
    e: zeros(devices),
    digest: zeros(components),
    k: 0,
    T: zeros(slots),
    timers: [],
    log: [],
  };
}

/** A process as after a boot, or, where `setup.operation` is given, as just after a start. */
export function create(setup: Setup, app: Application): Process {
  const components = setup.live.length;
  const slots = setup.operation ? setup.operation.cluster.length : 0;
  const gotI: number[] = [];
  const lead: [number, number][] = [];
  for (let d = 0; d < setup.devices; d++) gotI.push(-1);
  for (let c = 0; c < components; c++) lead.push([0, 0]);
  return {
    rules: setup.rules,
    pid: setup.pid,
    component: setup.pid >> 1,
    role: setup.role,
    epoch: setup.epoch,
    n: 0,
    live: setup.live.slice(),
    latest: setup.latest,
    op: setup.operation,
    guarded: setup.operation !== null,
    since: 0,
    staged: null,
    V: zeros(slots),
    state: freshState(components, setup.devices, slots, setup.role === 'seat' ? null : app.initial()),
    emitted: false,
    journal: [],
    journalBytes: 0,
    held: [],
    safeQ: zeros(components),
    safeE: zeros(setup.devices),
    lead: lead,
    marks: [],
    sentN: zeros(2 * components),
    gotN: zeros(2 * components),
    gotI: gotI,
    closed: [],
    cut: null,
    failed: null,
    redo: false,
    seat: null,
    counters: {
      testsPassed: 0,
      testsFailed: 0,
      compensated: 0,
      withheld: 0,
      errors: 0,
      repeats: 0,
      rollbacks: 0,
    },
  };
}

/** All survivors of the system (PROTOCOL 1): the live process of each component. */
export function survivors(self: Process): Pid[] {
  const out: Pid[] = [];
  for (let c = 0; c < self.live.length; c++) if (self.live[c] >= 0) out.push(self.live[c]);
  return out;
}

/** Every other process: survivors, and in guarded operation the low processes too. */
export function others(self: Process): Pid[] {
  const all = survivors(self);
  if (self.guarded && self.op) for (let i = 0; i < self.op.lows.length; i++) all.push(self.op.lows[i]);
  const at = all.indexOf(self.pid);
  if (at >= 0) all.splice(at, 1);
  return all;
}

/** The low process of a component, or -1. */
export function lowOf(op: Operation, component: number): Pid {
  for (let i = 0; i < op.lows.length; i++) if (op.lows[i] >> 1 === component) return op.lows[i];
  return -1;
}

export function isSurvivor(self: Process): boolean {
  return self.role === 'active' || self.role === 'shadow';
}

/** Sends on the channel to `to`: numbers the message and stamps it with the epoch. */
export function send(self: Process, to: Pid, message: Message, effects: Effect[]): void {
  while (self.sentN.length <= to) self.sentN.push(0);
  message.n = ++self.sentN[to];
  message.epoch = self.epoch;
  effects.push({ kind: 'send', to: to, message: message });
}

export function blank(kind: Message['kind']): Message {
  return { kind: kind, n: 0, epoch: 0 };
}

/** A channel begins again at 1 (a new low process, a board that came back without its log). */
export function renumber(self: Process, pid: Pid): void {
  while (self.sentN.length <= pid) self.sentN.push(0);
  while (self.gotN.length <= pid) self.gotN.push(0);
  self.sentN[pid] = 0;
  self.gotN[pid] = 0;
  const at = self.closed.indexOf(pid);
  if (at >= 0) self.closed.splice(at, 1);
}

/** The tables by component reach as far as the components that an upgrade may add. */
export function makeRoom(self: Process, components: number[]): void {
  const state = self.state;
  for (let i = 0; i < components.length; i++) {
    while (self.live.length <= components[i]) {
      self.live.push(-1);
      self.safeQ.push(0);
      self.lead.push([0, 0]);
      state.q.push(0);
      state.r.push(0);
      state.digest.push(0);
    }
  }
}
