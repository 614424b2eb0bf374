// A whole explored system as a row of numbers: what may happen next in it, and what comes of it. The world
// (host/explore/world.ts) says the same in full; a sample of what is found here is done again there.

import type { Process, Setup } from '../../firmware/core/core.ts';
import type { Event, Message, Operation, Pid } from '../../firmware/core/types.ts';
import type { Driver } from '../../firmware/driver.ts';
import type { Rule } from '../check/types.ts';
import type { History } from '../check/vector.ts';
import { beyond, join, NOTHING, show, within } from '../check/vector.ts';
import { menuOf } from './app.ts';
import type { Budget, Shape } from './shape.ts';
import { NO_POLICY, NOTHING_LEFT, processName } from './shape.ts';
import type { Check, Cluster, CutRecord } from './state-ghost.ts';
import { compare, createGhost } from './state-ghost.ts';
import { contaminated } from '../../firmware/core/core.ts';
import type { Durable } from './state-durable.ts';
import { MOMENTS } from './state-durable.ts';
import type { Item, Step } from './state-local.ts';
import { keyOf, Locals, Pool, SHOWN } from './state-local.ts';
import type { Given, Kept } from './state-power.ts';
import type { Mistakes } from './storage.ts';
import { add, nothingKept, POWER } from './state-power.ts';
import { Pairs } from './state.ts';
import type { World } from './world.ts';
import { structuredCloneFast } from './world.ts';

/** One thing that happens, as the world would be told. */
export type Action =
  | { kind: 'deliver'; from: Pid; to: Pid; seed: number; fails: boolean }
  | { kind: 'take'; pid: Pid; device: number; i: number; seed: number }
  | { kind: 'hear'; from: Pid; to: Pid }
  | { kind: 'input'; device: number }
  | { kind: 'absent'; pid: Pid; low: Pid }
  | { kind: 'fail'; pid: Pid }
  | { kind: 'crash'; pid: Pid; lost: Record<string, number> }
  | { kind: 'word'; pid: Pid; word: 'start' | 'commit' | 'abort'; op: string | undefined }
  | { kind: 'beat'; pid: Pid }
  | { kind: 'timer'; pid: Pid; name: string; seed: number }
  | { kind: 'drive'; device: number }
  | { kind: 'stage'; cluster: number[] }
  | { kind: 'base'; pid: Pid }
  | { kind: 'power'; board: string; wires: [Pid, Pid, Message[]][]; queues: [number, Output[]][] } // from -1: inputs
  | { kind: 'undone'; of: Action };

export interface Wrong {
  rule: Rule;
  process: string;
  why: string;
}

/** An operator's word; the runtime's own abort says why. */
export function wordEvent(word: 'start' | 'commit' | 'abort', op: string | undefined): Event {
  const event: Event = { kind: 'word', t: 0, seed: 0, word };
  if (op !== undefined) event.op = op;
  if (word === 'abort') event.why = 'the journal is full';
  return event;
}

interface Device {
  driver: Driver;
  epoch: number;
  readers: Pid[];
  inputs: number;
  /** by component: last `e` done */
  last: number[];
  /** in the driver's hands, where it takes its time */
  queue: Output[];
}

interface Output {
  pid: Pid;
  e: number;
  low: number;
}

interface Verdict {
  epoch: number;
  cut: string;
  op: string;
  V: History | null;
}

interface Whole {
  valid: History;
  verdicts: Verdict[];
}

/** What a process may take now. */
interface Head {
  slot: number;
  place: number;
  item: number;
  kind: Item['kind'];
  note: Note;
}

/** Whether an arrival commutes with all else that can happen, so that it may go first alone; see `noteOf`. */
const NONE = 0;
/** always */
const ALWAYS = 1;
/** unless its sender may be declared absent, or lose it */
const KEPT = 2;
/** the last marker: where moreover nobody can turn the cut any more, and no input can still come */
const MARKER = 3;
/** the last report of a survivor; of a low process or a seat */
const REPORT = 4;
const LOW_REPORT = 5;
type Note = 0 | 1 | 2 | 3 | 4 | 5;

const FIELDS: (keyof Budget)[] = [
  'inputs',
  'timers',
  'beats',
  'crashes',
  'verdicts',
  'fails',
  'aborts',
  'commits',
  'starts',
  'migrates',
  'acts',
  'stages',
  'lapses',
  'bases',
];
const FIELD = Object.fromEntries(FIELDS.map((f, i) => [f, i])) as Record<string, number>;
const UNLIMITED = 15;

interface Look {
  /** the inbox without what will never be taken */
  norm: number;
  heads: Head[];
  /** one of them may go first alone */
  noted: boolean;
  /** what was taken before, and is acknowledged again */
  again: [Pid, Message][];
}

type Inbox = number[][];

/** Kinds of move, in the order of their numbers. */
export const MOVES = [
  'deliver',
  'deliver, migrate fails',
  'take',
  'hear',
  'input',
  'absent',
  'fail',
  'crash',
  'commit',
  'abort',
  'start',
  'beat',
  'timer',
  'drive',
  'stage',
  'base',
] as const;
const ABSENT = 5;
const DRIVE = 13;
const STAGE = 14;
const BASE = 15;

/** Numbers of choices that are no places in the list of moves: power cuts, and moves that one takes back. */
const POWER_CUT = 0xff00;
const UNDONE = 0x8000;

const MOMENT = MOVES.length + 2 + SHOWN.length;
const TALLY = MOMENT + MOMENTS.length;

/** What was seen to happen, how often. */
export type Counts = Record<string, number>;

export class System {
  readonly shape: Shape;
  readonly locals: Locals;
  readonly width: number;
  readonly first: Int32Array;
  /** all orders of what comes to the same, too */
  readonly reduced: boolean;
  /** violations of the step just made */
  wrongs: Wrong[] = [];
  private readonly P: number;
  private readonly D: number;
  private readonly beats: boolean;
  private readonly verdicts: boolean;
  private readonly shared: boolean;
  readonly boards: string[];
  private readonly mistakes: Mistakes;
  private readonly keptAt: number;
  /** bases are written at moments of their own, too */
  private readonly bases: boolean;
  private readonly durableAt: number;
  private readonly durables = new Pool<Durable>();
  private readonly followed = new Pairs();
  private readonly fineSince = new Pairs();
  private readonly kept = new Pool<Kept>();
  private readonly keptOf = new Pairs();
  private readonly fineOf = new Pairs();
  private readonly putOf = new Pairs();
  private readonly decidedOf = new Pairs();
  private readonly fixedEvents: number[] = [];
  private readonly tally = new Float64Array(TALLY);
  private readonly inboxes = new Pool<Inbox>();
  private readonly devices = new Pool<Device>();
  private readonly wholes = new Pool<Whole>();
  private readonly acks = new Pool<number[]>();
  private readonly pushed = new Pairs();
  private readonly shifted = new Pairs();
  private readonly lookOf = new Pairs();
  private readonly looks: Look[] = [undefined as unknown as Look];
  private readonly eventOf = new Pairs();
  // moves of the state in hand: kind and three numbers each
  private moves: number[] = [];
  private readonly seen: Look[] = [];
  private lost: Record<string, number>[] = [];

  constructor(world: World, reduced = true, mistakes: Mistakes = {}) {
    const { shape, state } = world;
    this.shape = shape;
    this.reduced = reduced;
    this.P = shape.boards.length;
    this.D = shape.devices.length;
    this.beats = state.left.beats > 0;
    this.verdicts = state.left.verdicts > 0;
    this.shared = shape.boards.some(
      (board, pid) => shape.boards.indexOf(board) !== pid && shape.boards[pid ^ 1] === board,
    );
    this.boards = [...new Set(shape.boards)];
    this.mistakes = mistakes;
    const op = shape.operation ?? state.processes.find((p) => p?.staged)?.staged ?? null;
    const components = op?.cluster ?? [];
    const cluster: Cluster = {
      components,
      removed: op ? components.filter((c) => !op.lows.some((low) => low >> 1 === c)) : [],
      added: op?.added ?? [],
    };
    this.locals = new Locals(shape, world.core, cluster, mistakes);
    this.keptAt = 2 * this.P + this.D + (this.beats ? this.P : 0);
    this.bases = state.left.bases > 0;
    this.durableAt = this.keptAt + (shape.power ? this.P : 0);
    this.width = this.durableAt + (this.bases ? this.P : 0) + 3;
    this.first = new Int32Array(this.width);
    const row = this.first;
    for (let pid = 0; pid < this.P; pid++) {
      const process = state.processes[pid] ?? null;
      const role = process?.role ?? 'seat';
      const made = process ? (structuredCloneFast(process) as Process) : null;
      if (made && !shape.mixed && made.state.app) (made.state.app as { h: number }).h = 0;
      const opening = shape.operation && role !== 'seat' ? 0 : -1;
      const ghost = createGhost(role, opening, shape.live.length, this.D);
      row[pid] = this.locals.put({ pid, process: made, ghost, dead: false });
      row[this.P + pid] = this.inbox(Array.from({ length: 2 * this.P + 1 }, () => []));
      if (this.beats) row[2 * this.P + this.D + pid] = this.ack(shape.live.map(() => 0));
      if (shape.power) row[this.keptAt + pid] = this.keep(nothingKept(this.P));
    }
    state.devices.forEach((d, i) => {
      const device = {
        driver: d.driver,
        epoch: d.epoch,
        readers: d.readers,
        inputs: d.inputs,
        last: shape.live.map(() => 0),
        queue: [],
      };
      row[2 * this.P + i] = this.device(structuredCloneFast(device));
    });
    row[this.width - 3] = this.whole({ valid: NOTHING, verdicts: [] });
    const left = { ...NOTHING_LEFT, ...state.left, lapses: mistakes.lateLog ? 1 : 0 };
    for (const field of FIELDS) this.setLeft(row, field, Math.min(left[field], UNLIMITED));
    for (const pid of Object.keys(state.inputs).map(Number)) {
      for (const message of state.inputs[pid] ?? []) {
        const item = this.locals.item(structuredCloneFast(message), null, null);
        row[this.P + pid] = this.push(row[this.P + pid] as number, 2 * this.P, item);
      }
    }
    if (Object.keys(state.wires).length > 0) throw new Error('an exploration begins with nothing under way');
    for (let pid = 0; pid < this.P; pid++) this.normalise(row, pid);
  }

  // ---- numbers of things

  private inbox(slots: Inbox): number {
    return this.inboxes.put(slots.map((s) => s.join(',')).join(';'), () => slots);
  }

  private device(device: Device): number {
    return this.devices.put(JSON.stringify(device), () => device);
  }

  private whole(whole: Whole): number {
    return this.wholes.put(JSON.stringify(whole), () => whole);
  }

  private ack(acked: number[]): number {
    return this.acks.put(acked.join(','), () => acked);
  }

  private keep(kept: Kept): number {
    return this.kept.put(JSON.stringify(kept), () => kept);
  }

  /** What was seen to happen, how often. */
  get counts(): Counts {
    const out: Counts = {};
    const say = (name: string, at: number) => {
      if (this.tally[at]) out[name] = this.tally[at] as number;
    };
    MOVES.forEach(say);
    say('silent', MOVES.length);
    say('initiators', MOVES.length + 1);
    SHOWN.forEach((name, i) => {
      say(name, MOVES.length + 2 + i);
    });
    MOMENTS.forEach((name, i) => {
      say(`base: ${name}`, MOMENT + i);
    });
    return out;
  }

  private count(what: number): void {
    this.tally[what] = (this.tally[what] as number) + 1;
  }

  private push(inbox: number, slot: number, item: number): number {
    const known = this.pushed.get(inbox * 32 + slot, item);
    if (known) return known;
    const slots = this.inboxes.at(inbox).slice();
    // of heartbeats only the newest counts; and what begins a channel again leaves its old life behind
    const beat = slot >= this.P && slot < 2 * this.P;
    const alone = beat || (slot < this.P && this.locals.items.at(item).message.n === 1);
    slots[slot] = alone ? [item] : [...(slots[slot] as number[]), item];
    const made = this.inbox(slots);
    this.pushed.set(inbox * 32 + slot, item, made);
    return made;
  }

  private remove(inbox: number, slot: number, place: number): number {
    const known = this.shifted.get(inbox * 32 + slot, place);
    if (known) return known;
    const slots = this.inboxes.at(inbox).slice();
    slots[slot] = (slots[slot] as number[]).filter((_, i) => i !== place);
    const made = this.inbox(slots);
    this.shifted.set(inbox * 32 + slot, place, made);
    return made;
  }

  left(row: Int32Array, field: string): number {
    const i = FIELD[field] as number;
    const at = this.width - 2 + (i >= 7 ? 1 : 0);
    return ((row[at] as number) >>> (4 * (i % 7))) & 15;
  }

  private setLeft(row: Int32Array, field: string, value: number): void {
    const i = FIELD[field] as number;
    const at = this.width - 2 + (i >= 7 ? 1 : 0);
    const shift = 4 * (i % 7);
    row[at] = ((row[at] as number) & ~(15 << shift)) | (value << shift);
  }

  private spend(row: Int32Array, field: string): void {
    const value = this.left(row, field);
    if (value !== UNLIMITED) this.setLeft(row, field, value - 1);
  }

  process(row: Int32Array, pid: Pid): Process | null {
    const local = this.locals.locals.at(row[pid] as number);
    return local.dead ? null : local.process;
  }

  // ---- what a process may take

  private look(local: number, inbox: number): Look {
    const known = this.lookOf.get(local, inbox);
    if (known) return this.looks[known] as Look;
    const { process, dead } = this.locals.locals.at(local);
    const { core } = this.locals;
    const slots = this.inboxes.at(inbox).slice();
    const heads: Head[] = [];
    const again: Look['again'] = [];
    if (!process || dead || process.role === 'stopped') {
      for (let s = 0; s < slots.length; s++) slots[s] = [];
    } else {
      for (let from = 0; from < this.P; from++) {
        let list = slots[from] as number[];
        while (list.length > 0) {
          const item = list[0] as number;
          const { message, kind } = this.locals.items.at(item);
          const verdict = core.gate(process, from, message);
          if (verdict === 'take') {
            const note = this.reduced ? noteOf(this.shape, process, from, message) : NONE;
            heads.push({ slot: from, place: 0, item, kind, note });
          }
          if (verdict === 'take' || verdict === 'wait') break;
          if (verdict === 'repeat') again.push([from, message]);
          list = list.slice(1);
        }
        slots[from] = list;
      }
      if (process.role === 'seat') for (let s = this.P; s < 2 * this.P; s++) slots[s] = [];
      for (let s = this.P; s < 2 * this.P; s++) {
        const item = (slots[s] as number[])[0];
        if (item !== undefined) heads.push({ slot: s, place: 0, item, kind: 'heartbeat', note: NONE });
      }
      const inputs = (slots[2 * this.P] as number[]).filter((item) => {
        const verdict = core.gate(process, -1, this.locals.items.at(item).message);
        return verdict === 'take' || verdict === 'wait';
      });
      slots[2 * this.P] = inputs;
      const lowest: Record<number, number> = {};
      inputs.forEach((item, place) => {
        const { message } = this.locals.items.at(item);
        if (core.gate(process, -1, message) !== 'take') return;
        // a process that has taken none yet takes any; its driver sends the first one first
        const d = message.device as number;
        const first = inputs.every((other) => {
          const o = this.locals.items.at(other).message;
          return o.device !== d || (o.i as number) >= (message.i as number);
        });
        if (!first || lowest[d] !== undefined) return;
        lowest[d] = place;
        heads.push({ slot: 2 * this.P, place, item, kind: 'input', note: NONE });
      });
    }
    const made = { norm: this.inbox(slots), heads, noted: heads.some((head) => head.note !== NONE), again };
    this.lookOf.set(local, inbox, this.looks.length);
    this.looks.push(made);
    return made;
  }

  private normalise(row: Int32Array, pid: Pid): void {
    const { norm, again } = this.look(row[pid] as number, row[this.P + pid] as number);
    row[this.P + pid] = norm;
    if (this.beats) for (const [from, message] of again) this.acknowledge(row, from, pid, message);
  }

  // ---- what may happen

  /** Lists what may happen in a state; how many things. */
  list(row: Int32Array): number {
    const moves = this.moves;
    moves.length = 0;
    if (this.lost.length > 0) this.lost = [];
    const P = this.P;
    const seen = this.seen;
    for (let p = 0; p < P; p++) {
      const look = this.look(row[p] as number, row[P + p] as number);
      seen[p] = look;
      if (!look.noted) continue;
      for (const head of look.heads) {
        if (head.note === NONE || !this.goesFirst(row, p, head)) continue;
        moves.push(0, p, head.slot, 0);
        this.baseMoves(row);
        return moves.length / 4;
      }
    }
    const acts = this.left(row, 'acts');
    for (let p = 0; p < P; p++) {
      const { heads } = seen[p] as Look;
      if (heads.length === 0) continue;
      const process = this.process(row, p) as Process;
      const places = acts > 0 && process.role !== 'seat' ? menuOf(this.shape, p).length : 1;
      for (const head of heads) {
        if (head.kind === 'app') for (let s = 0; s < places; s++) moves.push(0, p, head.slot, s);
        else if (head.kind === 'input') for (let s = 0; s < places; s++) moves.push(2, p, head.place, s);
        else if (head.kind === 'heartbeat') moves.push(3, p, head.slot, 0);
        else {
          moves.push(0, p, head.slot, 0);
          if (head.kind === 'handover' && this.left(row, 'migrates') > 0) moves.push(1, p, head.slot, 0);
        }
      }
    }
    this.absences(row);
    if (this.left(row, 'inputs') > 0) {
      for (let d = 0; d < this.D; d++) {
        if (this.devices.at(row[2 * P + d] as number).readers.length > 0) moves.push(4, d, 0, 0);
      }
    }
    if (!this.shape.prompt) {
      for (let d = 0; d < this.D; d++) {
        if (this.devices.at(row[2 * P + d] as number).queue.length > 0) moves.push(DRIVE, d, 0, 0);
      }
    }
    if (this.left(row, 'stages') > 0 && this.settled(row)) moves.push(STAGE, 0, 0, 0);
    for (let p = 0; p < P; p++) this.ownDoings(row, p, acts);
    // where nothing else can happen, a base of now is what a power cut tries anyway
    if (moves.length > 0) this.baseMoves(row);
    return moves.length / 4;
  }

  /** Any process's base may be written in any state: all that has happened in it is durable, and out. */
  private baseMoves(row: Int32Array): void {
    if (!this.bases || this.left(row, 'bases') === 0) return;
    for (let p = 0; p < this.P; p++) {
      const self = this.process(row, p);
      if (self && self.role !== 'stopped' && !row[this.durableAt + p]) this.moves.push(BASE, p, 0, 0);
    }
  }

  private goesFirst(row: Int32Array, p: Pid, head: Head): boolean {
    if (head.note === ALWAYS) return true;
    if (head.note <= MARKER) {
      const low = !(this.process(row, p) as Process).live.includes(head.slot);
      if (low && (this.left(row, 'crashes') > 0 || this.left(row, 'verdicts') > 0 || !this.process(row, head.slot))) {
        return false;
      }
      if (head.note === KEPT) return true;
    }
    const inputs = this.inboxes.at(row[this.P + p] as number)[2 * this.P] as number[];
    if (this.beats || this.left(row, 'inputs') > 0 || inputs.length > 0) return false;
    if (head.note === MARKER) return this.left(row, 'aborts') === 0;
    if (this.verdicts || this.driving(row)) return false;
    return head.note === REPORT || this.left(row, 'crashes') === 0;
  }

  /** A decision closes drivers to low processes: what a driver has in its hands may come before or after. */
  private driving(row: Int32Array): boolean {
    if (this.shape.prompt) return false;
    for (let d = 0; d < this.D; d++) {
      if (this.devices.at(row[2 * this.P + d] as number).queue.length > 0) return true;
    }
    return false;
  }

  /** Nothing is under guard or cut anywhere, and all are in one epoch: another upgrade may be staged. */
  private settled(row: Int32Array): boolean {
    let epoch = -1;
    for (let p = 0; p < this.P; p++) {
      const self = this.process(row, p);
      if (!self) continue;
      if (self.guarded || self.cut) return false;
      const survivor = self.role === 'active' || self.role === 'shadow';
      if (self.role === 'shadow' || (survivor && epoch >= 0 && self.epoch !== epoch)) return false;
      if (survivor) epoch = self.epoch;
      if (self.role === 'low') return false;
    }
    for (const pid of this.liveOf(row)) if (pid >= 0 && !this.process(row, pid)) return false;
    return true;
  }

  private liveOf(row: Int32Array): Pid[] {
    for (let p = 0; p < this.P; p++) {
      const self = this.process(row, p);
      if (self && self.role === 'active') return self.live;
    }
    return this.shape.live;
  }

  private absences(row: Int32Array): void {
    for (let p = 0; p < this.P; p++) {
      const self = this.process(row, p);
      if (!self) continue;
      const survivor = self.role === 'active' || self.role === 'shadow';
      if (!survivor && self.role !== 'low') continue;
      const cut = self.cut ?? null;
      const lows = self.op && (self.guarded ?? true) ? self.op.lows : cut?.waiting ? cut.waiting : [];
      for (const low of lows) {
        const gone = this.process(row, low) === null;
        if (cut && (cut.reported || cut.ends.some(([pid]) => pid === low))) continue;
        if (!gone && (!survivor || this.left(row, 'verdicts') < 1 || self.closed.includes(low))) continue;
        this.moves.push(5, p, low, gone ? 1 : 0);
      }
    }
  }

  private ownDoings(row: Int32Array, p: Pid, acts: number): void {
    const { moves } = this;
    const self = this.process(row, p);
    if (!self || self.role === 'stopped') return;
    const survivor = self.role === 'active' || self.role === 'shadow';
    if (self.role === 'low' && this.left(row, 'fails') > 0) moves.push(6, p, 0, 0);
    if ((self.role === 'low' || self.role === 'seat') && this.left(row, 'crashes') > 0) this.crashes(row, p);
    if (self.role === 'seat') return;
    if (this.left(row, 'timers') > 0 && !self.cut) {
      const places = acts > 0 ? menuOf(this.shape, p).length : 1;
      self.state.timers.forEach((_, i) => {
        for (let s = 0; s < places; s++) moves.push(12, p, i, s);
      });
    }
    if (self.rules === 'paper') return;
    if (survivor) {
      if (self.guarded && !self.cut && this.left(row, 'commits') > 0) moves.push(8, p, 0, 0);
      if ((self.guarded || self.cut) && this.left(row, 'aborts') > 0) moves.push(9, p, 0, 0);
      if (self.staged && !self.guarded && !self.cut && this.left(row, 'starts') > 0) moves.push(10, p, 0, 0);
    }
    if (self.guarded && this.left(row, 'beats') > 0) moves.push(11, p, 0, 0);
  }

  /** A crash loses any suffix of what the process has under way on each of its channels. */
  private crashes(row: Int32Array, p: Pid): void {
    const channels: [Pid, number][] = [];
    for (let to = 0; to < this.P; to++) {
      const list = this.inboxes.at(row[this.P + to] as number)[p] as number[];
      if (list.length > 0) channels.push([to, list.length]);
    }
    const go = (i: number, lost: Record<string, number>): void => {
      const channel = channels[i];
      if (!channel) {
        this.lost.push(lost);
        this.moves.push(7, p, this.lost.length - 1, 0);
        return;
      }
      for (let n = 0; n <= channel[1]; n++) go(i + 1, { ...lost, [`${p}>${channel[0]}`]: n });
    };
    go(0, {});
  }

  // ---- what comes of it

  /** Makes move number `choice` of the list in the state; `row` becomes the next state. */
  make(row: Int32Array, choice: number): void {
    this.wrongs = [];
    const at = choice * 4;
    const kind = this.moves[at] as number;
    const a = this.moves[at + 1] as number;
    const b = this.moves[at + 2] as number;
    const c = this.moves[at + 3] as number;
    const P = this.P;
    this.count(kind === ABSENT && c === 1 ? MOVES.length : kind);
    if (kind === 0 || kind === 1) {
      const inbox = row[P + a] as number;
      const item = (this.inboxes.at(inbox)[b] as number[])[0] as number;
      row[P + a] = this.remove(inbox, b, 0);
      if (c > 0) this.spend(row, 'acts');
      if (kind === 1) this.spend(row, 'migrates');
      if (this.beats) this.acknowledge(row, b, a, this.locals.items.at(item).message);
      this.run(row, a, this.arrival(item, b, c, kind === 1));
    } else if (kind === 2) {
      const inbox = row[P + a] as number;
      const item = (this.inboxes.at(inbox)[2 * P] as number[])[b] as number;
      row[P + a] = this.remove(inbox, 2 * P, b);
      if (c > 0) this.spend(row, 'acts');
      this.run(row, a, this.arrival(item, -1, c, false));
    } else if (kind === 3) {
      const inbox = row[P + a] as number;
      const item = (this.inboxes.at(inbox)[b] as number[])[0] as number;
      row[P + a] = this.remove(inbox, b, 0);
      this.run(row, a, this.arrival(item, b - P, 0, false));
    } else if (kind === 4) this.input(row, a);
    else if (kind === 5) {
      if (c === 0) this.spend(row, 'verdicts');
      this.run(
        row,
        a,
        this.fixed(b, () => ({ kind: 'absent', t: 0, seed: 0, pid: b, why: 'silent' })),
      );
    } else if (kind === 6) {
      this.spend(row, 'fails');
      this.run(
        row,
        a,
        this.fixed(P, () => ({ kind: 'fail', t: 0, seed: 0, why: 'flood' })),
      );
    } else if (kind === 7) {
      this.spend(row, 'crashes');
      this.crash(row, a, this.lost[b] as Record<string, number>);
    } else if (kind === 8 || kind === 9 || kind === 10) {
      const word = kind === 8 ? 'commit' : kind === 9 ? 'abort' : 'start';
      this.spend(row, kind === 8 ? 'commits' : kind === 9 ? 'aborts' : 'starts');
      const op = kind === 10 ? this.process(row, a)?.staged?.id : undefined;
      const place = P + 2 + (kind - 8) * 2 + (op === 'u2' ? 1 : 0);
      this.run(
        row,
        a,
        this.fixed(place, () => wordEvent(word, op)),
      );
    } else if (kind === 11) this.beat(row, a);
    else if (kind === DRIVE) this.drive(row, a);
    else if (kind === STAGE) this.stage(row);
    else if (kind === BASE) this.base(row, a);
    else {
      this.spend(row, 'timers');
      if (c > 0) this.spend(row, 'acts');
      const name = (this.process(row, a) as Process).state.timers[b]?.name ?? '';
      this.run(row, a, this.locals.event({ kind: 'timer', t: 0, seed: c, name }));
    }
  }

  /** The number of an event that is always the same. */
  private fixed(place: number, event: () => Event): number {
    const known = this.fixedEvents[place];
    if (known !== undefined) return known;
    const made = this.locals.event(event());
    this.fixedEvents[place] = made;
    return made;
  }

  /** The process whose event move number `choice` is, or -1. */
  private whose(choice: number): Pid {
    const kind = this.moves[choice * 4] as number;
    const none = kind === 4 || kind === 7 || kind === 11 || kind === DRIVE || kind === STAGE || kind === BASE;
    return none ? -1 : (this.moves[choice * 4 + 1] as number);
  }

  /** Move number `choice` in words that a world understands. */
  action(row: Int32Array, choice: number): Action {
    if (choice >= POWER_CUT) return this.powerAction(row, choice - POWER_CUT);
    if (choice >= UNDONE) return { kind: 'undone', of: this.action(row, choice - UNDONE) };
    const at = choice * 4;
    const [kind, a, b, c] = [this.moves[at], this.moves[at + 1], this.moves[at + 2], this.moves[at + 3]] as [
      number,
      number,
      number,
      number,
    ];
    if (kind === 0 || kind === 1) return { kind: 'deliver', from: b, to: a, seed: c, fails: kind === 1 };
    if (kind === 2) {
      const item = (this.inboxes.at(row[this.P + a] as number)[2 * this.P] as number[])[b] as number;
      const { message } = this.locals.items.at(item);
      return { kind: 'take', pid: a, device: message.device as number, i: message.i as number, seed: c };
    }
    if (kind === 3) return { kind: 'hear', from: b - this.P, to: a };
    if (kind === 4) return { kind: 'input', device: a };
    if (kind === 5) return { kind: 'absent', pid: a, low: b };
    if (kind === 6) return { kind: 'fail', pid: a };
    if (kind === 7) return { kind: 'crash', pid: a, lost: this.lost[b] as Record<string, number> };
    if (kind === 11) return { kind: 'beat', pid: a };
    if (kind === DRIVE) return { kind: 'drive', device: a };
    if (kind === STAGE) return { kind: 'stage', cluster: this.locals.cluster.components };
    if (kind === BASE) return { kind: 'base', pid: a };
    if (kind === 12) {
      const name = (this.process(row, a) as Process).state.timers[b]?.name ?? '';
      return { kind: 'timer', pid: a, name, seed: c };
    }
    const word = kind === 8 ? 'commit' : kind === 9 ? 'abort' : 'start';
    return { kind: 'word', pid: a, word, op: kind === 10 ? this.process(row, a)?.staged?.id : undefined };
  }

  private arrival(item: number, from: Pid, seed: number, fails: boolean): number {
    const known = this.eventOf.get(item * 32 + from + 1, seed * 2 + (fails ? 1 : 0));
    if (known) return known;
    const { message, kind } = this.locals.items.at(item);
    const event = { ...message, ...(from >= 0 ? { from } : {}), seed, t: 0 };
    const made = this.locals.event(event, kind === 'heartbeat' ? 0 : item, fails);
    this.eventOf.set(item * 32 + from + 1, seed * 2 + (fails ? 1 : 0), made);
    return made;
  }

  private acknowledge(row: Int32Array, from: Pid, to: Pid, message: Message): void {
    if (message.kind !== 'app') return;
    const at = 2 * this.P + this.D + from;
    const acked = this.acks.at(row[at] as number);
    if ((message.q ?? 0) <= (acked[to >> 1] ?? 0)) return;
    const next = acked.slice();
    next[to >> 1] = message.q as number;
    row[at] = this.ack(next);
  }

  private input(row: Int32Array, d: number): void {
    this.spend(row, 'inputs');
    const at = 2 * this.P + d;
    const device = structuredCloneFast(this.devices.at(row[at] as number));
    const i = ++device.inputs;
    row[at] = this.device(device);
    for (const pid of device.readers) {
      const message: Message = { kind: 'input', n: 0, epoch: device.epoch, device: d, i, data: { i } };
      const item = this.locals.item(message, null, null);
      row[this.P + pid] = this.push(row[this.P + pid] as number, 2 * this.P, item);
      this.normalise(row, pid);
    }
  }

  private crash(row: Int32Array, p: Pid, lost: Record<string, number>): void {
    for (let to = 0; to < this.P; to++) {
      for (let n = lost[`${p}>${to}`] ?? 0; n > 0; n--) {
        const inbox = row[this.P + to] as number;
        row[this.P + to] = this.remove(inbox, p, (this.inboxes.at(inbox)[p] as number[]).length - 1);
      }
    }
    const local = this.locals.locals.at(row[p] as number);
    row[p] = this.locals.put({ ...local, dead: true });
    if (this.bases) row[this.durableAt + p] = 0;
    for (let to = 0; to < this.P; to++) this.normalise(row, to);
  }

  private beat(row: Int32Array, p: Pid): void {
    this.spend(row, 'beats');
    const done: number[] = [];
    for (let d = 0; d < this.D; d++) {
      done.push(this.locals.core.doneBy(this.devices.at(row[2 * this.P + d] as number).driver, p >> 1));
    }
    const acked = this.acks.at(row[2 * this.P + this.D + p] as number);
    const item = this.locals.beat(row[p] as number, acked, done);
    const self = this.process(row, p) as Process;
    for (let to = 0; to < this.P; to++) {
      const other = this.process(row, to);
      if (!other || to === p || other.role === 'stopped' || other.role === 'seat') continue;
      const survivor = other.role === 'active' || other.role === 'shadow';
      if (self.role === 'low' ? other.role !== 'shadow' : !survivor) continue;
      row[this.P + to] = this.push(row[this.P + to] as number, this.P + p, item);
    }
  }

  private run(row: Int32Array, pid: Pid, event: number): void {
    const step = this.locals.step(row[pid] as number, event);
    for (let i = 0; i < step.shows.length; i++) {
      const what = step.shows[i] as number;
      this.count(MOVES.length + 2 + what);
      if (SHOWN[what] === 'freezes' && this.elsewhere(row, pid)) this.count(MOVES.length + 1);
    }
    row[pid] = step.local;
    if (this.shape.power) this.store(row, pid, step);
    if (this.bases && row[this.durableAt + pid]) this.follow(row, pid, step);
    for (const { to, item } of step.sends) {
      const input = this.locals.items.at(item).kind === 'input';
      row[this.P + to] = this.push(row[this.P + to] as number, input ? 2 * this.P : pid, item);
    }
    if (step.checks.length > 0) this.judge(row, pid, step.checks);
    if (step.doings.length > 0) this.perform(row, pid, step);
    this.normalise(row, pid);
    for (const { to } of step.sends) this.normalise(row, to);
  }

  /** Whether another process has begun, or decided, the cut of the epoch that this one begins on its own. */
  private elsewhere(row: Int32Array, pid: Pid): boolean {
    const epoch = this.process(row, pid)?.epoch ?? 0;
    for (let p = 0; p < this.P; p++) {
      const other = p === pid ? null : this.process(row, p);
      if (other && other.role !== 'seat' && other.role !== 'stopped' && other.cut && other.epoch === epoch) return true;
    }
    return false;
  }

  // ---- drivers that take their time

  private drive(row: Int32Array, d: number): void {
    const at = 2 * this.P + d;
    const device = structuredCloneFast(this.devices.at(row[at] as number));
    const output = device.queue.shift() as Output;
    row[at] = this.device(device);
    this.putOut(row, d, output);
  }

  private putOut(row: Int32Array, d: number, output: Output): void {
    const at = 2 * this.P + d;
    const before = row[at];
    this.admit(row, d, output);
    const { pid, e, low } = output;
    if (low < 0 || row[at] === before || !this.recovered(row, this.shape.devices[d]?.board ?? '', low)) return;
    this.say(pid, 'border', `device ${d}: does e=${e} of a low process after its board has decided`);
  }

  private admit(row: Int32Array, d: number, { pid, e, low }: Output): void {
    const at = 2 * this.P + d;
    const known = row[at] as number;
    const key = ((low + 1) * 256 + e) * 64 + pid;
    const memo = this.putOf.get(known * 16 + d, key);
    if (memo) {
      row[at] = memo;
      return;
    }
    const device = structuredCloneFast(this.devices.at(known));
    const latest = this.shape.devices[d]?.latest ?? false;
    let made = known;
    let good = true;
    if (this.locals.core.admit(device.driver, pid >> 1, e, latest, low < 0 ? undefined : low)) {
      const before = device.last[pid >> 1] ?? 0;
      good = e <= 0 || e === before + 1;
      if (!good) this.say(pid, 'border', `device ${d}: did e=${e} after e=${before}`);
      device.last[pid >> 1] = e;
      made = this.device(device);
      row[at] = made;
    }
    if (good) this.putOf.set(known * 16 + d, key, made);
  }

  // ---- another upgrade

  private stage(row: Int32Array): void {
    this.spend(row, 'stages');
    const { cluster, core } = this.locals;
    const live = this.liveOf(row);
    const lows = cluster.components.map((c) => (live[c] as Pid) ^ 1);
    const operation: Operation = { id: 'u2', cluster: cluster.components, lows, added: [], policy: NO_POLICY };
    for (const pid of lows) {
      if (this.process(row, pid)?.role === 'seat') continue;
      const before = this.locals.locals.at(row[pid] as number).ghost;
      const ghost = createGhost('seat', -1, live.length, this.D);
      ghost.former = before.former + 1;
      const setup: Setup = {
        rules: this.shape.rules,
        pid,
        epoch: 0,
        live: live.slice(),
        devices: this.D,
        latest: this.shape.devices.map((d) => d.latest),
        operation: null,
        role: 'seat',
      };
      const process = core.create(setup, this.locals.appOf(pid));
      row[pid] = this.locals.put({ pid, process, ghost, dead: false });
      row[this.P + pid] = this.inbox(Array.from({ length: 2 * this.P + 1 }, () => []));
      if (this.beats) row[2 * this.P + this.D + pid] = this.ack(live.map(() => 0));
      if (this.shape.power) row[this.keptAt + pid] = this.keep(nothingKept(this.P));
      for (let p = 0; p < this.P; p++) {
        if (p === pid) continue;
        const slots = this.inboxes.at(row[this.P + p] as number).slice();
        slots[pid] = [];
        slots[this.P + pid] = [];
        row[this.P + p] = this.inbox(slots);
        if (!this.shape.power) continue;
        const kept = this.kept.at(row[this.keptAt + p] as number);
        const sent = kept.sent.map((list, to) => (to === pid ? [] : list));
        row[this.keptAt + p] = this.keep({ ...kept, sent, inputs: kept.inputs.filter(([to]) => to !== pid) });
      }
    }
    // staging ends with bases
    if (this.bases) for (let p = 0; p < this.P; p++) row[this.durableAt + p] = 0;
    const event = this.locals.event({ kind: 'word', t: 0, seed: 0, word: 'stage', operation });
    for (let p = 0; p < this.P; p++) {
      const self = this.process(row, p);
      if (!self || self.role === 'stopped' || (self.role === 'seat' && !lows.includes(p))) continue;
      this.run(row, p, event);
    }
  }

  // ---- stable storage

  /** A step's record is written; what it sent and put out comes again after a boot. */
  private store(row: Int32Array, pid: Pid, step: Step): void {
    const at = this.keptAt + pid;
    let before = row[at] as number;
    const decides = step.doings.some((doing) => doing.kind === 'decided') || step.stops;
    const known = this.kept.at(before);
    if (known.decided > 0) {
      // the base of the cut stands by now, and in it what was not out yet
      const outputs: Given[] = [];
      for (let d = 0; d < this.D; d++) {
        for (const o of this.devices.at(row[2 * this.P + d] as number).queue) {
          if (o.pid === pid) outputs.push({ device: d, ...o });
        }
      }
      before = this.keep({ ...known, outputs, decided: 0 });
    }
    const memo = this.keptOf.get(before, step.id);
    if (memo) {
      row[at] = memo;
      return;
    }
    const made = this.keep({ ...this.after(this.kept.at(before), pid, step), decided: decides ? step.id : 0 });
    this.keptOf.set(before, step.id, made);
    row[at] = made;
  }

  /** What would come out again, with what a step sends and puts out. */
  private after(
    known: Pick<Kept, 'sent' | 'inputs' | 'outputs'>,
    pid: Pid,
    step: Step,
  ): Pick<Kept, 'sent' | 'inputs' | 'outputs'> {
    const sent = known.sent.slice();
    const inputs = known.inputs.slice();
    for (const { to, item } of step.sends) {
      const { message } = this.locals.items.at(item);
      if (message.kind === 'input') inputs.push([to, item]);
      else sent[to] = add(sent[to] as number[], item, message);
    }
    const outputs = known.outputs.slice();
    for (const doing of step.doings) {
      if (doing.kind === 'output') outputs.push({ device: doing.device, pid, e: doing.e, low: doing.low });
    }
    return { sent, inputs, outputs };
  }

  /** A base of the process as it is now. Acknowledgements have been heard of all that was taken. */
  private base(row: Int32Array, pid: Pid): void {
    this.spend(row, 'bases');
    const { mistakes } = this;
    const sent: number[][] = [];
    for (let to = 0; to < this.P; to++) {
      const slots = this.inboxes.at(row[this.P + to] as number);
      sent.push(mistakes.forgottenQueue ? [] : (slots[pid] as number[]).slice());
    }
    const inputs: [Pid, number][] = [];
    for (const [to, item] of this.kept.at(row[this.keptAt + pid] as number).inputs) {
      const slots = this.inboxes.at(row[this.P + to] as number);
      if ((slots[2 * this.P] as number[]).includes(item) && !mistakes.forgottenQueue) inputs.push([to, item]);
    }
    const outputs: Given[] = [];
    for (let d = 0; d < this.D && !mistakes.forgottenOutputs; d++) {
      for (const o of this.devices.at(row[2 * this.P + d] as number).queue) {
        if (o.pid === pid) outputs.push({ device: d, ...o });
      }
    }
    this.countMoment(row, pid, { sent, outputs });
    const made: Durable = {
      base: row[pid] as number,
      log: [],
      sent,
      inputs,
      outputs,
      decided: [],
      differs: null,
      instead: 0,
    };
    row[this.durableAt + pid] = this.durable(made, row[pid] as number);
  }

  private countMoment(row: Int32Array, pid: Pid, { sent, outputs }: Pick<Durable, 'sent' | 'outputs'>): void {
    const self = this.process(row, pid) as Process;
    const { cut, role } = self;
    const so = [
      self.guarded && contaminated(self),
      cut !== null,
      cut !== null && self.held.length > 0,
      cut !== null && role !== 'seat' && cut.reported,
      role === 'seat' && self.seat !== null,
      role === 'low',
      role === 'shadow',
      sent.some((list) => list.length > 0),
      outputs.length > 0,
    ];
    so.forEach((is, i) => {
      if (is) this.count(MOMENT + i);
    });
  }

  private durable(made: Durable, now: number): number {
    const { base, log, sent, inputs, outputs, decided } = made;
    const key = JSON.stringify([base, log, sent, inputs, outputs, decided]);
    return this.durables.put(key, () => ({ ...made, ...this.locals.replay(made, now) }));
  }

  /** A record more behind a base. */
  private follow(row: Int32Array, pid: Pid, step: Step): void {
    const at = this.durableAt + pid;
    const before = row[at] as number;
    const memo = this.followed.get(before, step.id);
    if (memo) {
      row[at] = memo;
      return;
    }
    const known = this.durables.at(before);
    const decides = step.doings.some((doing) => doing.kind === 'decided');
    const made: Durable = {
      ...this.after(known, pid, step),
      base: known.base,
      log: [...known.log, step.id],
      decided: decides ? [...known.decided, step.id] : known.decided,
      differs: null,
      instead: 0,
    };
    const id = this.durable(made, step.local);
    this.followed.set(before, step.id, id);
    row[at] = id;
  }

  /** How many choices of power cuts a state has. */
  get powerCuts(): number {
    return this.shape.power ? (this.bases ? POWER.length : POWER.length - 1) * this.boards.length : 0;
  }

  /** Whether that power cut is another than those before it. */
  mayCut(row: Int32Array, place: number): boolean {
    const kinds = this.powerCuts / this.boards.length;
    if (place % kinds < 2) return true;
    const board = this.boards[Math.floor(place / kinds)] as string;
    for (let p = 0; p < this.P; p++) if (row[this.durableAt + p] && this.shape.boards[p] === board) return true;
    return false;
  }

  powerChoice(place: number): number {
    return POWER_CUT + place;
  }

  undoneChoice(choice: number): number {
    return UNDONE + choice;
  }

  /** A board loses power and boots. True: that has changed something. */
  cutPower(row: Int32Array, place: number): boolean {
    this.wrongs = [];
    const kinds = this.powerCuts / this.boards.length;
    const board = this.boards[Math.floor(place / kinds)] as string;
    const kind = POWER[place % kinds];
    let changed = false;
    for (let p = 0; p < this.P; p++) {
      const { process, dead } = this.locals.locals.at(row[p] as number);
      if (!process || dead) continue;
      if (this.shape.boards[p] !== board) {
        // frames that were under way to the board are lost; who has forgotten them does not repeat them
        if (this.mistakes.reportLost && process.role === 'stopped') {
          for (let to = 0; to < this.P; to++) {
            if (this.shape.boards[to] === board && this.bring(row, p, to, [])) changed = true;
          }
        }
      } else if (kind === 'late') {
        if (this.bootLate(row, p)) changed = true;
      } else if (kind === 'own' && row[this.durableAt + p]) {
        if (this.bootOwn(row, p)) changed = true;
      } else if (this.bootEarly(row, p)) changed = true;
    }
    return changed;
  }

  private bootEarly(row: Int32Array, pid: Pid): boolean {
    const id = row[this.keptAt + pid] as number;
    const kept = this.kept.at(id);
    return this.comesAgain(row, pid, id, this.fineOf, kept, kept.decided > 0 ? [kept.decided] : []);
  }

  /** From a base that was written at some moment, and the records since. */
  private bootOwn(row: Int32Array, pid: Pid): boolean {
    const id = row[this.durableAt + pid] as number;
    const durable = this.durables.at(id);
    if (durable.differs) this.say(pid, 'trace', durable.differs);
    const again = this.comesAgain(row, pid, id, this.fineSince, durable, durable.decided);
    if (durable.instead === 0) return again;
    // for a search that goes past it: what comes of a base that forgets
    row[pid] = durable.instead;
    row[this.durableAt + pid] = 0;
    this.normalise(row, pid);
    return true;
  }

  /** What a boot puts into a channel; what its receiver has taken before goes again at once. True: it is other than before. */
  private bring(row: Int32Array, from: Pid, to: Pid, list: number[]): boolean {
    const before = row[this.P + to] as number;
    const slots = this.inboxes.at(before).slice();
    slots[from] = list;
    row[this.P + to] = this.inbox(slots);
    this.normalise(row, to);
    return row[this.P + to] !== before;
  }

  /** What storage brings out a second time: messages, inputs passed on, outputs, what decisions made the board do. */
  private comesAgain(
    row: Int32Array,
    pid: Pid,
    id: number,
    fine: Pairs,
    { sent, inputs, outputs }: Pick<Kept, 'sent' | 'inputs' | 'outputs'>,
    decided: number[],
  ): boolean {
    let changed = false;
    for (let to = 0; to < this.P; to++) {
      const list = sent[to] as number[];
      if (list.length === 0) continue;
      const local = row[to] as number;
      const inbox = row[this.P + to] as number;
      // a channel that has been gone through before, with the same at its other end
      if (fine.get(id * 32 + to, inbox) === local) continue;
      const { process, dead } = this.locals.locals.at(local);
      if (process && !dead && process.role !== 'stopped') {
        const got = process.gotN[pid] ?? 0;
        for (const item of list) {
          const { message } = this.locals.items.at(item);
          if (message.n > got || message.epoch > process.epoch) break;
          const verdict = this.locals.core.gate(process, pid, message);
          if (verdict === 'repeat') continue;
          const name = processName(this.shape, to);
          const what = `${message.kind} ${message.n}, which ${name} has taken, comes again after a power cut`;
          this.say(pid, 'progress', `${what}: ${verdict}, and never acknowledged`);
        }
      }
      if (this.bring(row, pid, to, list)) changed = true;
      else if (this.wrongs.length === 0) fine.set(id * 32 + to, inbox, local);
    }
    for (const [to, item] of inputs) {
      const inbox = row[this.P + to] as number;
      const { message } = this.locals.items.at(item);
      const there = (this.inboxes.at(inbox)[2 * this.P] as number[]).some((i) => {
        const other = this.locals.items.at(i).message;
        return other.device === message.device && other.i === message.i;
      });
      if (there) continue;
      row[this.P + to] = this.push(inbox, 2 * this.P, item);
      this.normalise(row, to);
      if (row[this.P + to] !== inbox) changed = true;
    }
    for (let d = 0; d < this.D; d++) {
      const at = 2 * this.P + d;
      const before = row[at] as number;
      const mine = outputs.filter((o) => o.device === d);
      if (this.shape.prompt) {
        for (const output of mine) this.putOut(row, d, output);
      } else if (mine.length > 0) {
        const device = structuredCloneFast(this.devices.at(before));
        const brought = mine.map((o): Output => ({ pid, e: o.e, low: o.low }));
        // whichever version a number is of: a driver drops what comes behind a higher one
        device.queue = [...device.queue.filter((o) => o.pid !== pid), ...brought];
        if (!this.mistakes.bootOrder) device.queue.sort((a, b) => a.e - b.e);
        row[at] = this.device(this.withoutDone(device, d));
        // the order in which a driver gets what is new to it from different processes is nobody's
        if (row[at] !== before && this.sameQueue(row[at] as number, before, d)) row[at] = before;
      }
      if (row[at] !== before) changed = true;
    }
    // what the board did upon the decision, again
    for (const step of decided) {
      const text = row.join();
      this.perform(row, pid, this.locals.stepAt(step), true);
      if (row.join() !== text) changed = true;
    }
    return changed;
  }

  private bootLate(row: Int32Array, pid: Pid): boolean {
    let changed = false;
    const forgets = this.mistakes.forgottenQueue;
    for (let to = 0; to < this.P; to++) {
      if (to !== pid && forgets && this.bring(row, pid, to, [])) changed = true;
    }
    for (let d = 0; d < this.D; d++) {
      if (!this.mistakes.forgottenOutputs) break;
      const at = 2 * this.P + d;
      const device = structuredCloneFast(this.devices.at(row[at] as number));
      const kept = device.queue.filter((o) => o.pid !== pid);
      if (kept.length === device.queue.length) continue;
      device.queue = kept;
      row[at] = this.device(device);
      changed = true;
    }
    return changed;
  }

  /** A driver's queue without what it would drop; a copy of its own counting says so. */
  private withoutDone(device: Device, d: number): Device {
    const { core } = this.locals;
    const driver = structuredCloneFast(device.driver);
    const latest = this.shape.devices[d]?.latest ?? false;
    const queue = device.queue.filter((o) =>
      core.admit(driver, o.pid >> 1, o.e, latest, o.low < 0 ? undefined : o.low),
    );
    return { ...device, queue };
  }

  private sameQueue(a: number, b: number, d: number): boolean {
    const text = (id: number) => {
      const device = this.withoutDone(this.devices.at(id), d);
      return JSON.stringify({ ...device, queue: device.queue.map((o) => JSON.stringify(o)).sort() });
    };
    return text(a) === text(b);
  }

  /**
   * With a mistake planted (PROTOCOL 9, 15), what a step sends leaves before its record is written: the power goes in
   * between, and the event has not happened. True: that has changed something.
   */
  takeBack(row: Int32Array, next: Int32Array, choice: number): boolean {
    const pid = this.whose(choice);
    if (this.left(row, 'lapses') === 0 || pid < 0) return false;
    for (let i = this.width - 2; i < this.width; i++) next[i] = row[i] as number;
    this.spend(next, 'lapses');
    next[pid] = row[pid] as number;
    next[this.P + pid] = row[this.P + pid] as number;
    next[this.keptAt + pid] = row[this.keptAt + pid] as number;
    for (let i = 0; i < next.length; i++) if (next[i] !== row[i] && i < this.width - 3) return true;
    return false;
  }

  private powerAction(row: Int32Array, place: number): Action {
    const next = row.slice();
    this.cutPower(next, place);
    const wires: [Pid, Pid, Message[]][] = [];
    const queues: [number, Output[]][] = [];
    for (let to = 0; to < this.P; to++) {
      const [before, after] = [row[this.P + to] as number, next[this.P + to] as number];
      for (let from = 0; from <= 2 * this.P && before !== after; from++) {
        if (from >= this.P && from < 2 * this.P) continue;
        const list = this.inboxes.at(after)[from] as number[];
        if (list.join() === (this.inboxes.at(before)[from] as number[]).join()) continue;
        wires.push([from < this.P ? from : -1, to, list.map((item) => this.locals.items.at(item).message)]);
      }
    }
    for (let d = 0; d < this.D; d++) {
      const at = 2 * this.P + d;
      if (row[at] !== next[at]) queues.push([d, this.devices.at(next[at] as number).queue]);
    }
    const board = this.boards[Math.floor(place / (this.powerCuts / this.boards.length))] as string;
    return { kind: 'power', board, wires, queues };
  }

  private say(pid: Pid, rule: Rule, why: string): void {
    this.wrongs.push({ rule, process: processName(this.shape, pid), why });
  }

  private judge(row: Int32Array, pid: Pid, checks: Check[]): void {
    const at = this.width - 3;
    for (const check of checks) {
      const whole = this.wholes.at(row[at] as number);
      if (check.kind === 'pass') {
        const valid = join(whole.valid, check.H);
        if (valid !== whole.valid) row[at] = this.whole({ ...whole, valid });
      } else if (check.kind === 'within') {
        if (beyond(check.H, whole.valid) < 0) continue;
        this.say(pid, check.rule, `${check.why}: ${show(check.H)}; vouched for is ${show(whole.valid)}`);
      } else if (check.kind === 'wrong') this.say(pid, check.rule, check.why);
      else if (check.kind === 'decide') this.verdict(row, pid, check);
      else if (check.kind === 'record') this.orphans(row, pid);
      else if (this.shared) this.late(row, pid);
    }
  }

  private verdict(row: Int32Array, pid: Pid, check: Verdict): void {
    const at = this.width - 3;
    const whole = this.wholes.at(row[at] as number);
    const { epoch, cut, op, V } = check;
    const known = whole.verdicts.find((v) => v.epoch === epoch);
    if (!known) {
      const valid = cut === 'start' ? NOTHING : whole.valid;
      row[at] = this.whole({ valid, verdicts: [...whole.verdicts, { epoch, cut, op, V }] });
    } else if (known.cut !== cut) this.say(pid, 'verdict', `epoch ${epoch}: decides ${cut}, another ${known.cut}`);
    else if (known.op !== op) this.say(pid, 'verdict', `epoch ${epoch}: begins ${op}, another ${known.op}`);
    else if (V && known.V && (!within(V, known.V) || !within(known.V, V))) {
      this.say(pid, 'verdict', `epoch ${epoch}: V* is ${show(V)}, another's ${show(known.V)}`);
    }
  }

  private orphans(row: Int32Array, pid: Pid): void {
    const own = this.recordOf(row, pid);
    if (!own) return;
    for (let other = 0; other < this.P; other++) {
      const record = this.recordOf(row, other);
      if (other === pid || !record || record.epoch !== own.epoch) continue;
      const there = compare(own, record, pid, other, this.flying(row, pid, other));
      if (there) this.say(other, 'orphans', `from ${processName(this.shape, pid)}: ${there}`);
      const here = compare(record, own, other, pid, this.flying(row, other, pid));
      if (here) this.say(pid, 'orphans', `from ${processName(this.shape, other)}: ${here}`);
    }
  }

  /** Channels of a process as its last cut left them; under the paper's rules, which flush nothing, as they are now. */
  private recordOf(row: Int32Array, pid: Pid): CutRecord | null {
    const { record, sent, taken } = this.locals.locals.at(row[pid] as number).ghost;
    if (!record || this.shape.rules !== 'paper') return record;
    return { ...record, sent: sent.map((list) => list.map((s) => s | 15)), taken, held: [] };
  }

  /** The paper's recovery flushes nothing, and what is under way from a survivor still arrives. */
  private flying(row: Int32Array, from: Pid, to: Pid): number[] {
    if (this.shape.rules !== 'paper' || this.process(row, to)?.closed.includes(from)) return [];
    const out: number[] = [];
    for (const item of this.inboxes.at(row[this.P + to] as number)[from] as number[]) {
      const { entry } = this.locals.items.at(item);
      if (entry) out.push(entry.id);
    }
    return out;
  }

  /** A survivor on the board has decided a recovery: nothing of the low process goes out any more. */
  private late(row: Int32Array, pid: Pid): void {
    const epoch = this.locals.locals.at(row[pid] as number).ghost.epoch;
    if (!this.recovered(row, this.shape.boards[pid] as string, epoch)) return;
    this.say(pid, 'border', 'a low process puts out after its board has decided');
  }

  /** Whether a survivor on the board has decided a recovery of a later epoch. */
  private recovered(row: Int32Array, board: string, epoch: number): boolean {
    for (let p = 0; p < this.P; p++) {
      if (this.shape.boards[p] !== board) continue;
      const { ghost } = this.locals.locals.at(row[p] as number);
      const survivor = ghost.role === 'active' || ghost.role === 'shadow';
      if (survivor && ghost.lastCut === 'recovery' && ghost.epoch > epoch) return true;
    }
    return false;
  }

  /** `again`: after a boot, what a decision makes the board do; its outputs are brought by `bootEarly`. */
  private perform(row: Int32Array, pid: Pid, step: Step, again = false): void {
    const { core } = this.locals;
    for (const doing of step.doings) {
      if (doing.kind === 'output') {
        if (again) continue;
        const output: Output = { pid, e: doing.e, low: doing.low };
        if (this.shape.prompt) this.putOut(row, doing.device, output);
        else {
          const at = 2 * this.P + doing.device;
          const device = structuredCloneFast(this.devices.at(row[at] as number));
          device.queue.push(output);
          row[at] = this.device(device);
        }
        continue;
      }
      const board = this.shape.boards[pid];
      this.shape.devices.forEach((shape, d) => {
        if (shape.board !== board) return;
        const at = 2 * this.P + d;
        const known = row[at] as number;
        const key = step.id * 8 + step.doings.indexOf(doing);
        const memo = this.decidedOf.get(known * 16 + d, key);
        if (memo) {
          row[at] = memo;
          return;
        }
        const device = structuredCloneFast(this.devices.at(known));
        if (doing.cut === 'recovery' && doing.survivor) core.closeToLow(device.driver, doing.epoch);
        if (doing.epoch > device.epoch && !doing.seat) {
          device.epoch = doing.epoch;
          doing.live.forEach((p, c) => {
            if (p < 0 && !doing.guarded) core.renewDriver(device.driver, c);
          });
          if (shape.reads >= 0) {
            const old = doing.live[shape.reads] as Pid;
            device.readers = old >= 0 ? [old] : [];
            const low = doing.guarded ? doing.lows.find((p) => p >> 1 === shape.reads) : undefined;
            if (low !== undefined) device.readers.push(low);
          }
        }
        row[at] = this.device(device);
        this.decidedOf.set(known * 16 + d, key, row[at] as number);
      });
      if (doing.cut !== 'recovery' || !doing.survivor) continue;
      for (let other = 0; other < this.P; other++) {
        const beside = this.process(row, other);
        if (!beside || this.shape.boards[other] !== board) continue;
        if (beside.role !== 'low' && !(beside.role === 'seat' && beside.seat && beside.epoch < doing.epoch)) continue;
        this.run(
          row,
          other,
          this.fixed(this.P + 1, () => ({ kind: 'stop', t: 0, seed: 0 })),
        );
      }
    }
  }

  /**
   * A state in words, whatever numbers this exploration gave its parts. What is left to happen is not in it, nor are the
   * counters of the links.
   */
  signature(row: Int32Array): string {
    const out: unknown[] = [];
    for (let p = 0; p < this.P; p++) {
      out.push(keyOf(this.locals.locals.at(row[p] as number)));
      for (const list of this.inboxes.at(row[this.P + p] as number)) {
        out.push(list.map((item) => ({ ...this.locals.items.at(item).message, why: undefined })));
      }
    }
    for (let d = 0; d < this.D; d++) out.push(this.devices.at(row[2 * this.P + d] as number));
    out.push(this.wholes.at(row[this.width - 3] as number).valid);
    return JSON.stringify(out).replace(/\\"(sentN|gotN)\\":\[[^\]]*\],/g, '');
  }

  /** What is wrong with a state in which nothing more can happen: a cut that has not ended, something never taken. */
  ended(row: Int32Array): Wrong[] {
    this.wrongs = [];
    let newest = 0;
    for (let p = 0; p < this.P; p++) newest = Math.max(newest, this.locals.locals.at(row[p] as number).ghost.epoch);
    for (let p = 0; p < this.P; p++) {
      const { ghost, dead } = this.locals.locals.at(row[p] as number);
      if (ghost.role !== 'stopped' && ghost.role !== 'seat' && !dead) {
        const inbox = this.inboxes.at(row[this.P + p] as number);
        const stuck = inbox.findIndex((list) => list.length > 0);
        if (stuck >= 0) this.say(p, 'progress', 'what is under way to it is never taken');
      }
      if (ghost.role === 'active' && !dead) {
        for (let d = 0; d < this.D; d++) {
          const last = this.devices.at(row[2 * this.P + d] as number).last[p >> 1] ?? 0;
          const e = ghost.outputs[d] ?? 0;
          if (e > last) this.say(p, 'border', `device ${d}: e=${e} never came out`);
        }
      }
      if (ghost.role !== 'active' && ghost.role !== 'shadow') continue;
      if (ghost.frozen) this.say(p, 'progress', 'froze, and has not decided');
      else if (ghost.epoch < newest)
        this.say(p, 'progress', `is in epoch ${ghost.epoch}; others are in epoch ${newest}`);
    }
    return this.wrongs;
  }
}

/**
 * Arrivals that commute with all else that can happen to their receiver, now and later; events of different processes
 * always do. Each may then go first, alone, without missing anything; test/PAPER.md has the argument for each.
 */
function noteOf(shape: Shape, self: Process, from: Pid, head: Message): Note {
  if (shape.rules === 'paper') return NONE;
  const cut = self.cut;
  const live = self.live.filter((pid) => pid >= 0);
  if (head.kind === 'freeze') {
    if (!cut || cut.cut !== head.cut || cut.op !== head.op) return NONE;
    const all = self.guarded && self.op ? live.concat(self.op.lows) : live;
    const missing = all.some((pid) => pid !== self.pid && pid !== from && !cut.ends.some(([ended]) => ended === pid));
    if (!missing) return self.role === 'low' ? NONE : MARKER;
    return live.includes(from) ? ALWAYS : KEPT;
  }
  if (head.kind === 'report') {
    if (!cut) return NONE;
    if (live.some((pid) => pid !== from && !cut.reports.some(([other]) => other === pid))) return ALWAYS;
    return self.role === 'active' || self.role === 'shadow' ? REPORT : LOW_REPORT;
  }
  if (head.kind !== 'passed' || self.role === 'seat') return NONE;
  if ((head.V ?? []).every((value, i) => value <= (self.V[i] ?? 0))) return ALWAYS;
  return cut ? KEPT : NONE;
}
