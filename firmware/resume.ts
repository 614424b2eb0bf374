// A boot after a power cut (PROTOCOL 6): takes up every process from its base and does the events since again, in the
// order in which they were. What they had sent goes out once more, and receivers drop what they know.

import { firstRecord, nextRecord } from '../hal/ring.ts';
import type { Placed, Ring } from '../hal/ring.ts';
import { BOARD_STREAM, takeBack } from './base.ts';
import type { BoardBase, ProcessBase } from './base.ts';
import { enqueueInput, sortOutputs } from './device.ts';
import type { Pid } from './core/types.ts';
import { patch } from './delta.ts';
import type { Patch } from './delta.ts';
import { admit } from './driver.ts';
import {
  digestOf,
  FACT_DONE,
  FACT_INPUT,
  FACT_LIFE,
  FACT_RENEW,
  RECORD_BASE,
  RECORD_BEGIN,
  RECORD_END,
  RECORD_EVENT,
  RECORD_FACT,
  RECORD_FIRST,
  RECORD_LAST,
  RECORD_MORE,
  RECORD_OPENING,
  RECORD_PATCH,
  RECORD_READY,
  seedOf,
  unpackEvent,
} from './entry.ts';
import type { Crc, Image } from './image.ts';
import { decode, encode } from './link/cbor.ts';
import { renewTo } from './beat.ts';
import { createDevices } from './device.ts';
import { unknownPeer } from './peer.ts';
import { deliver, dropSeats, makeProcess, performAll, reportError, stepLocal, withoutStopped } from './runtime.ts';
import { dropStaged, takeStaged } from './stage.ts';
import type { Local, Runtime } from './state.ts';
import { boardTime, localOf } from './state.ts';
import { renewSession } from './store.ts';
import type { Stream } from './store.ts';

/** What the ring holds, as far as one reading tells. */
export interface Survey {
  /** all bases of a session stand, and it has not ended: it is to be resumed */
  open: boolean;
  /** it has ended */
  ended: boolean;
  /** and its bases may be begun with */
  keep: boolean;
  /** time of the last record, µs */
  t: number;
  streams: Stream[];
  /** by stream: address of the last record of its last base or patch */
  last: number[];
}

function join(parts: Uint8Array[]): Uint8Array {
  if (parts.length === 1) return parts[0];
  let length = 0;
  for (let i = 0; i < parts.length; i++) length += parts[i].length;
  const out = new Uint8Array(length);
  let at = 0;
  for (let i = 0; i < parts.length; i++) {
    out.set(parts[i], at);
    at += parts[i].length;
  }
  return out;
}

/** Calls `visit` for each record in order, with its fields; long ones are put together. */
function walk(ring: Ring, visit: (kind: number, fields: unknown[], at: number) => void): void {
  let parts: Uint8Array[] = [];
  for (let record: Placed | null = firstRecord(ring); record; record = nextRecord(ring, record)) {
    const kind = record.kind;
    if (kind === RECORD_FIRST) parts = [];
    if (kind === RECORD_FIRST || kind === RECORD_MORE || kind === RECORD_LAST) parts.push(record.bytes);
    if (kind === RECORD_LAST) visit(RECORD_EVENT, decode(join(parts)) as unknown[], record.at);
    else if (kind !== RECORD_FIRST && kind !== RECORD_MORE) visit(kind, decode(record.bytes) as unknown[], record.at);
  }
}

export function nothingFound(): Survey {
  return { open: false, ended: false, keep: false, t: 0, streams: [], last: [] };
}

/** A base's record: with its last part the stream has a new beginning. */
function addBase(to: Survey, begun: number[], fields: unknown[], at: number): void {
  const pid = fields[0] as number;
  if (fields[1] === 0) begun[pid] = at;
  if ((fields[1] as number) + 1 !== fields[2] || begun[pid] === undefined) return;
  const size = (fields[1] as number) * (fields[4] as Uint8Array).length;
  let i = 0;
  while (i < to.streams.length && to.streams[i].pid !== pid) i++;
  to.streams[i] = { pid: pid, at: begun[pid], size: size, patches: 0, events: 0, mark: null, due: false };
  to.last[i] = at;
}

export function survey(ring: Ring): Survey {
  let out = nothingFound();
  let begun: number[] = [];
  let t = 0;
  // a session counts when all its bases stand; until then what was before it does
  let next: Survey | null = null;
  let nextBegun: number[] = [];
  let first = true;
  const visit = function (kind: number, fields: unknown[], at: number): void {
    if (kind === RECORD_BASE || kind === RECORD_OPENING) t = fields[3] as number;
    // nothing was before it
    if (kind === RECORD_BEGIN && first) out.open = false;
    first = false;
    if (kind === RECORD_BEGIN) {
      next = nothingFound();
      nextBegun = [];
    } else if (kind === RECORD_OPENING && next) addBase(next, nextBegun, fields, at);
    else if (kind === RECORD_READY && next) {
      out = next;
      out.open = true;
      begun = nextBegun;
      next = null;
    } else if (kind === RECORD_END) {
      out.open = false;
      out.ended = true;
      out.keep = fields[0] === true;
    } else if (kind === RECORD_EVENT) t += fields[1] as number;
    else if (kind === RECORD_BASE || kind === RECORD_OPENING) addBase(out, begun, fields, at);
    else if (kind === RECORD_PATCH) {
      t = fields[1] as number;
      for (let i = 0; i < out.streams.length; i++) if (out.streams[i].pid === fields[0]) out.last[i] = at;
    }
  };
  // its beginning may have been given up long ago: then all that it began with has been written anew
  out.open = firstRecord(ring) !== null;
  walk(ring, visit);
  out.t = t;
  return out;
}

/** Builds the streams' values: full bases and the patches to them, each complete at the record `last`. */
interface Builder {
  found: Survey;
  crc: Crc;
  parts: Uint8Array[][];
  values: Uint8Array[];
}

/** The value of the stream if this record completes it. */
function build(b: Builder, kind: number, fields: unknown[], at: number): Uint8Array | null {
  let i = 0;
  while (i < b.found.streams.length && b.found.streams[i].pid !== fields[0]) i++;
  if (i === b.found.streams.length || at < b.found.streams[i].at || at > b.found.last[i]) return null;
  if (kind !== RECORD_PATCH) {
    if (fields[1] === 0) b.parts[i] = [];
    b.parts[i].push(fields[4] as Uint8Array);
    if ((fields[1] as number) + 1 !== fields[2]) return null;
    b.values[i] = join(b.parts[i]);
    b.found.streams[i].size = b.values[i].length;
    b.parts[i] = [];
  } else {
    const value = patch(b.values[i], fields[2] as Patch, b.crc);
    if (!value) throw new Error('a checkpoint of its journal does not fit the one before it');
    b.values[i] = value;
  }
  return at === b.found.last[i] ? b.values[i] : null;
}

function imageOf(images: Image[], hash: string): Image | null {
  for (let i = 0; i < images.length; i++) if (images[i].hash === hash) return images[i];
  return null;
}

function takeBoard(rt: Runtime, base: BoardBase, images: Image[]): void {
  const active = imageOf(images, base.active);
  if (!active) throw new Error('the flash no longer holds version ' + base.active);
  rt.active = active;
  rt.staged = imageOf(images, base.staged);
  rt.other = imageOf(images, base.other);
  rt.previous = base.previous;
  rt.board = active.plan.boards.indexOf(rt.hal.board);
  rt.life = base.life;
  rt.epoch = base.epoch;
  rt.guarded = base.guarded;
  rt.started = base.started;
  rt.lost = base.lost;
  rt.live = base.live;
  rt.op = base.op;
  for (let b = 0; b < base.lives.length; b++) {
    if (b >= rt.peers.length) rt.peers.push(unknownPeer());
    rt.peers[b].life = base.lives[b];
  }
  // what is left of outputs is in the bases: those of processes may have been taken up before
  const before = rt.devices;
  rt.devices = createDevices(active.plan, rt.board);
  for (let d = 0; d < rt.devices.length; d++) {
    const state = rt.devices[d];
    const kept = base.devices[d];
    if (!state || !kept) continue;
    const old = before[d];
    if (old) state.queue = old.queue;
    state.inputs = kept[0];
    state.done = kept[1];
    state.dropped = kept[2];
    state.driver.done = kept[3];
    state.driver.recovered = kept[4];
  }
  const locals: Local[] = [];
  for (let i = 0; i < rt.locals.length; i++) {
    const local = rt.locals[i];
    if (base.locals.indexOf(local.pid) < 0) continue;
    locals.push(local);
    // it decided a commit before this base was written
    if (local.self.role === 'active' && local.self.epoch === rt.epoch) local.plan = active.plan;
  }
  rt.locals = locals;
  takeBack(rt, -1, base.queues, base.outputs);
  rt.replaying = 2;
}

function takeProcess(rt: Runtime, pid: Pid, base: ProcessBase, images: Image[]): void {
  const image = imageOf(images, base.plan);
  // of an upgrade that is gone, its slot too: what the board still runs is looked for at the end
  if (!image) return;
  const kept: Local[] = [];
  for (let i = 0; i < rt.locals.length; i++) if (rt.locals[i].pid !== pid) kept.push(rt.locals[i]);
  rt.locals = kept;
  const local = makeProcess(rt, pid, base.self.role, image.plan, image.modules);
  local.self = base.self;
  local.seed = base.seed;
  local.begun = base.begun;
  rt.locals.push(local);
  takeBack(rt, pid, base.queues, base.outputs);
}

/** An event is done again. False: it has other effects than the first time. */
function redo(rt: Runtime, local: Local, us: number, fields: unknown[], data: Uint8Array | null): boolean {
  const event = unpackEvent(fields, 3);
  event.t = us / 1000;
  event.seed = seedOf(local);
  if (event.kind === 'input' && event.data === undefined) event.data = data;
  const epoch = local.self.epoch;
  const effects = stepLocal(rt, local, event);
  if (digestOf(effects, rt.crc) !== fields[2]) return false;
  performAll(rt, local, epoch, event, effects);
  return true;
}

function redoFact(rt: Runtime, fact: unknown[]): void {
  const kind = fact[0];
  if (kind === FACT_RENEW) renewTo(rt, fact[1] as Pid[]);
  if (rt.replaying !== 2) return;
  const d = fact[1] as number;
  const state = rt.devices[d];
  if (kind === FACT_LIFE) rt.peers[d].life = fact[2] as number;
  else if (kind === FACT_INPUT && state) {
    state.inputs = fact[2] as number;
    enqueueInput(rt, d, fact[3] as Uint8Array);
  } else if (kind === FACT_DONE && state) admit(state.driver, fact[2] as number, fact[3] as number, false);
}

/**
 * Brings the processes of this board to where they were when power went. Throws where that is not possible: then they
 * have to begin anew, and the others will hear of it.
 */
export function resume(rt: Runtime, found: Survey, images: Image[]): void {
  const store = rt.store;
  const builder: Builder = { found: found, crc: rt.crc, parts: [], values: [] };
  const facts: ([number, Uint8Array] | null)[] = [];
  const differs: Pid[] = [];
  let t = 0;
  let board = false;
  rt.replaying = 1;
  store.streams = found.streams;
  const visit = function (kind: number, fields: unknown[], at: number): void {
    if (kind === RECORD_EVENT) {
      t += fields[1] as number;
      const local = localOf(rt, fields[0] as Pid);
      if (!local || differs.indexOf(local.pid) >= 0) return;
      const device = fields[3] === null ? (fields[7] as number) : -1;
      const fact = device >= 0 ? facts[device] : null;
      for (let i = 0; i < found.streams.length; i++) if (found.streams[i].pid === local.pid) found.streams[i].events++;
      if (!redo(rt, local, t, fields, fact ? fact[1] : null)) differs.push(local.pid);
    } else if (kind === RECORD_FACT) {
      if (fields[0] === FACT_INPUT) facts[fields[1] as number] = [fields[2] as number, fields[3] as Uint8Array];
      redoFact(rt, fields);
    } else if (kind === RECORD_BASE || kind === RECORD_OPENING || kind === RECORD_PATCH) {
      t = fields[kind === RECORD_PATCH ? 1 : 3] as number;
      const value = build(builder, kind, fields, at);
      if (!value) return;
      if (fields[0] !== BOARD_STREAM) takeProcess(rt, fields[0] as Pid, decode(value) as ProcessBase, images);
      else {
        board = true;
        takeBoard(rt, decode(value) as BoardBase, images);
      }
    }
  };
  if (!store.ring) return;
  walk(store.ring, visit);
  rt.replaying = 0;
  if (!board) throw new Error('the base of the board is missing');
  withoutStopped(rt);
  distrust(rt, differs);
  for (let c = 0; c < rt.live.length; c++) {
    const entry = rt.active.plan.components[c];
    if (entry && entry.board === rt.board && rt.live[c] >= 0 && !localOf(rt, rt.live[c])) {
      throw new Error('the base of ' + entry.name + ' is missing');
    }
  }
  for (let i = 0; i < rt.locals.length; i++) if (rt.locals[i].self.cut) rt.locals[i].frozenAt = boardTime(rt);
  sortOutputs(rt);
  store.t = t;
  // what is done again is told before a base makes sure that it is not done once more
  rt.flush();
  renewSession(rt);
}

/** PROTOCOL 6: a process that does not do again what it had done is not believed. */
function distrust(rt: Runtime, differs: Pid[]): void {
  for (let i = 0; i < differs.length; i++) {
    const local = localOf(rt, differs[i]);
    if (!local) continue;
    const why = 'replayed after a power cut, it does not send what it had sent: its code is not deterministic';
    if (local.self.role !== 'low') throw new Error(local.name + ': ' + why);
    // the others will miss it, and recover
    reportError(rt, local.name, new Error(why));
    rt.locals.splice(rt.locals.indexOf(local), 1);
  }
}

/** What power may have interrupted between the processes, and between them and the board's record, is completed. */
export function reconcile(rt: Runtime, staged: Image | null): void {
  let busy = rt.guarded;
  for (let i = 0; i < rt.locals.length; i++) {
    const local = rt.locals[i];
    const self = local.self;
    if (self.cut || self.guarded || self.seat) busy = true;
    // a survivor beside it has decided a recovery (PROTOCOL 5.4)
    const reverted =
      self.role === 'low' && self.epoch < rt.epoch && !rt.guarded && rt.live[self.component] !== local.pid;
    if (reverted) deliver(rt, local, { kind: 'stop', t: 0, seed: 0 });
  }
  if (!rt.staged) dropSeats(rt);
  if (!busy) {
    const wanted = staged && staged.plan.upgrade && staged.plan.upgrade.base === rt.active.hash ? staged : null;
    const id = wanted ? wanted.hash : '';
    let told = (rt.staged ? rt.staged.hash : '') === id;
    for (let i = 0; i < rt.locals.length; i++) {
      const self = rt.locals[i].self;
      if ((self.role === 'active' || self.role === 'seat') && (self.staged ? self.staged.id : '') !== id) told = false;
    }
    // power may have gone after the old versions were told, and before the seats of the new ones were there
    const lows = wanted && rt.op ? rt.op.lows : [];
    for (let i = 0; i < lows.length; i++) {
      const entry = (wanted as Image).plan.components[lows[i] >> 1];
      if (entry && entry.board === rt.board && !localOf(rt, lows[i])) told = false;
    }
    if (!told) {
      // told anew, and where it stands in flash is as it was
      const slot = rt.records.value.staged;
      dropStaged(rt);
      const why = wanted ? takeStaged(rt, wanted) : null;
      if (wanted && why === null) rt.records.value.staged = slot;
      if (why !== null) reportError(rt, 'staged upgrade', why);
    }
  }
  const marked = rt.hal.cause === 'power' ? null : localOf(rt, rt.hal.marked);
  if (marked) {
    const why = 'the board was reset (' + rt.hal.cause + ') inside ' + marked.name;
    deliver(rt, marked, { kind: 'fail', t: 0, seed: 0, why: why });
  }
}

/**
 * State and timers of the last base of a process, for one that begins anew outside guarded operation (PROTOCOL 6); null
 * where there is none of this module.
 */
export function lastState(rt: Runtime, found: Survey, pid: Pid, module: string): Uint8Array | null {
  const builder: Builder = { found: found, crc: rt.crc, parts: [], values: [] };
  let saved: Uint8Array | null = null;
  const visit = function (kind: number, fields: unknown[], at: number): void {
    if (fields[0] !== pid || (kind !== RECORD_BASE && kind !== RECORD_OPENING && kind !== RECORD_PATCH)) return;
    const value = build(builder, kind, fields, at);
    if (!value) return;
    const base = decode(value) as ProcessBase;
    if (base.module !== module || base.self.role !== 'active') return;
    const timers: [string, number][] = [];
    const list = base.self.state.timers;
    for (let i = 0; i < list.length; i++) timers.push([list[i].name, Math.max(0, list[i].at - base.t)]);
    saved = encode({ app: base.self.state.app, timers: timers });
  };
  if (rt.store.ring) walk(rt.store.ring, visit);
  return saved;
}
