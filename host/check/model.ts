// What is known of each process while a trace is read: the part of its state that the checks are about, as a
// rollback would take it back.

import type { Operation } from './operations.ts';
import type { TraceEvent } from './types.ts';
import type { History } from './vector.ts';
import { NOTHING } from './vector.ts';

/** An application message as its sender's state knows it: the twins to `L_i` and `S_i` are one. */
export interface Entry {
  from: number;
  /** which life of the sender: its number may serve another process later */
  life: number;
  to: number;
  q: number;
  /** epoch of the sender when it was sent (again) */
  epoch: number;
  H: History;
  operation: Operation | null;
  /** a shadow's, in its log */
  suppressed: boolean;
  step: number;
}

export interface Taken {
  q: number;
  entry: Entry | null;
}

/** An event that a process received, until nothing can come back to it. */
export interface Received {
  event: TraceEvent;
  entry: Entry | null;
  carried: History;
  operation: Operation | null;
}

export interface Handover {
  sent: Map<number, Entry[]>;
  taken: Map<number, Taken[]>;
  held: Entry[];
  outputs: Map<number, number>;
  component: number;
}

export interface Proc {
  pid: number;
  life: number;
  name: string;
  component: number;
  board: string;
  role: string;
  epoch: number;
  lastN: number;
  /** the events so far, by their numbers: a board that comes back with its log may repeat them */
  seen: TraceEvent[];
  resumed: boolean;
  operation: Operation | null;
  H: History;
  /** what the states that armed the timers depended on */
  timers: Map<string, History>;
  /** by component: messages sent and taken, as the state counts them */
  sent: Map<number, Entry[]>;
  taken: Map<number, Taken[]>;
  /** by device: outputs so far, suppressed ones included */
  outputs: Map<number, number>;
  /** a shadow's suppressed outputs */
  logged: { device: number; e: number; H: History }[];
  events: Map<number, Received>;
  held: number[];
  frozen: boolean;
  /** number of the event at which it froze last */
  frozenAt: number;
  /** journal records, by the number of their event */
  journal: number[];
  /** undoes the state's changes, latest last; and where it stood before each event was delivered */
  trail: (() => void)[];
  marks: Map<number, number>;
  handover: { from: Handover; event: TraceEvent } | null;
  lastCut: string;
}

let lives = 0;

export function createProc(pid: number, name: string, board: string, role: string): Proc {
  return {
    pid,
    life: ++lives,
    name,
    component: pid >> 1,
    board,
    role,
    epoch: -1,
    lastN: 0,
    seen: [],
    resumed: false,
    operation: null,
    H: NOTHING,
    timers: new Map(),
    sent: new Map(),
    taken: new Map(),
    outputs: new Map(),
    logged: [],
    events: new Map(),
    held: [],
    frozen: false,
    frozenAt: 0,
    journal: [],
    trail: [],
    marks: new Map(),
    handover: null,
    lastCut: '',
  };
}

export function isLive(role: string): boolean {
  return role === 'active' || role === 'shadow' || role === 'low';
}

export function isSurvivor(role: string): boolean {
  return role === 'active' || role === 'shadow';
}

export function listOf<T>(map: Map<number, T[]>, key: number): T[] {
  let list = map.get(key);
  if (!list) {
    list = [];
    map.set(key, list);
  }
  return list;
}

function remember(p: Proc, undo: () => void): void {
  if (p.operation) p.trail.push(undo);
}

export function setHistory(p: Proc, H: History): void {
  if (H === p.H) return;
  const before = p.H;
  p.H = H;
  remember(p, () => {
    p.H = before;
  });
}

export function setTimer(p: Proc, name: string, H: History | undefined): void {
  const before = p.timers.get(name);
  const put = (value: History | undefined) => {
    if (value) p.timers.set(name, value);
    else p.timers.delete(name);
  };
  put(H);
  remember(p, () => {
    put(before);
  });
}

/** Counts an output of the device; the number it should have. */
export function countOutput(p: Proc, device: number): number {
  const before = p.outputs.get(device) ?? 0;
  p.outputs.set(device, before + 1);
  remember(p, () => {
    p.outputs.set(device, before);
  });
  return before + 1;
}

export function append<T>(p: Proc, list: T[], item: T): void {
  list.push(item);
  remember(p, () => {
    list.pop();
  });
}

/** Takes the state back to before the event of number `n`; the events that this undoes, or null: not known. */
export function rollBack(p: Proc, n: number): number[] | null {
  const mark = p.marks.get(n);
  if (mark === undefined) return null;
  while (p.trail.length > mark) p.trail.pop()?.();
  const delivered = [...p.marks.keys()];
  const undone = delivered.slice(delivered.indexOf(n));
  for (const event of undone) p.marks.delete(event);
  return undone;
}

/** At a cut nothing of the past can come back but what is held, and the event of number `n` itself. */
export function closePast(p: Proc, n: number): void {
  p.trail = [];
  p.marks.clear();
  p.journal = [];
  p.logged = [];
  const kept = new Map<number, Received>();
  for (const event of [...p.held, n]) {
    const received = p.events.get(event);
    if (received) kept.set(event, received);
  }
  p.events = kept;
}
