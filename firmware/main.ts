// A board's start: reads what its flash holds, runs it, and answers the host. `boot` is the bundle's one export.

import type { Board, Hal } from '../hal/hal.ts';
import { createAgent, hearSerial, keepLine, sendLines, sendReplies } from './agent.ts';
import type { Agent } from './agent.ts';
import { sendBeat, tick } from './beat.ts';
import { hearPacket } from './bus.ts';
import { isSurvivor } from './core/core.ts';
import type { Pid } from './core/types.ts';
import { claimOutputs, createDevices, takeInput } from './device.ts';
import type { Image } from './image.ts';
import { readSlot } from './image.ts';
import { JOURNAL_UNREADABLE, ROUNDS_MAX } from './limits.ts';
import { crc32 } from './link/crc.ts';
import { unknownPeer } from './peer.ts';
import type { ComponentPlan } from './plan.ts';
import { openRecords, saveRecord } from './record.ts';
import { lastState, nothingFound, reconcile, resume, survey } from './resume.ts';
import type { Survey } from './resume.ts';
import { addProcess, deliver, logs, pump, release, reportError } from './runtime.ts';
import { interrupt, takeStaged } from './stage.ts';
import type { Local, Peer, Runtime } from './state.ts';
import { boardTime, note } from './state.ts';
import { commit, endSession, keepBases, openStore, prepare, sharesUntil } from './store.ts';
import type { Store } from './store.ts';

export const VERSION = '0.1.0';
/** Without a system a board has nothing to do but listen, ms. */
const IDLE_MS = 1000;

/** In a function of its own, for on Espruino a closure keeps all that is known where it is made. */
function createTracer(agent: Agent): Pick<Runtime, 'flush' | 'trace'> {
  return {
    flush: function () {
      sendLines(agent);
    },
    trace: function (line) {
      if (agent.tracing) keepLine(agent, line);
    },
  };
}

function createRuntime(hal: Hal, agent: Agent, image: Image, store: Store): Runtime {
  const plan = image.plan;
  const value = agent.records.value;
  const tracer = createTracer(agent);
  const live: number[] = [];
  for (let c = 0; c < plan.components.length; c++) {
    live.push(plan.components[c] ? 2 * c + (value.sides[c] || 0) : -1);
  }
  const board = plan.boards.indexOf(hal.board);
  const peers: Peer[] = [];
  for (let b = 0; b < plan.boards.length; b++) peers.push(unknownPeer());
  return {
    hal: hal,
    crc: agent.crc,
    records: agent.records,
    store: store,
    boot: value.boot,
    life: value.boot,
    clock: 0,
    board: board,
    active: image,
    staged: null,
    op: null,
    other: null,
    previous: '',
    epoch: value.epoch,
    guarded: false,
    live: live,
    locals: [],
    outgoing: [],
    busy: [],
    stash: [],
    acks: [],
    peers: peers,
    lowAt: [],
    devices: createDevices(plan, board),
    started: false,
    bootedAt: hal.now(),
    beatAt: hal.now(),
    lost: '',
    interrupted: '',
    behindAt: -1,
    restart: false,
    replaying: 0,
    stirred: false,
    acted: false,
    beatDue: false,
    recordDue: false,
    abort: '',
    flush: tracer.flush,
    trace: tracer.trace,
    bus: { sent: 0, received: 0, resent: 0, bad: 0 },
  };
}

function noteBoot(rt: Runtime, resumed: boolean): void {
  note(rt, { kind: 'boot', boot: rt.boot, resumed: resumed, firmware: VERSION });
}

/** What the journal holds; where that cannot be told, it is as if it held what cannot be taken up. */
function examine(store: Store): Survey {
  const found = nothingFound();
  if (!store.ring) return found;
  try {
    const read = survey(store.ring);
    if (store.ring.lost > 0 && !read.ended) read.open = true;
    return read;
  } catch (error) {
    found.open = true;
    return found;
  }
}

/** Takes up what the journal holds of before a power cut; null: there is nothing, or it cannot be taken up. */
function takeUp(hal: Hal, agent: Agent, store: Store, found: Survey, slots: (Image | string)[]): Runtime | null {
  const images: Image[] = [];
  for (let i = 0; i < slots.length; i++) if (typeof slots[i] !== 'string') images.push(slots[i] as Image);
  if (!found.open || images.length === 0) return null;
  const value = agent.records.value;
  const active = slots[value.active];
  const rt = createRuntime(hal, agent, typeof active === 'string' || !active ? images[0] : active, store);
  try {
    if (store.ring && store.ring.lost > 0) throw new Error(store.ring.lost + ' of its records cannot be read');
    rt.clock = Math.max(0, found.t / 1000 - hal.now());
    noteBoot(rt, true);
    resume(rt, found, images);
    const staged = value.staged < 0 ? 'none' : slots[value.staged];
    reconcile(rt, typeof staged === 'string' ? null : staged);
    rt.bootedAt = boardTime(rt);
    rt.beatAt = boardTime(rt);
    return rt;
  } catch (error) {
    store.why = JOURNAL_UNREADABLE + ': ' + ((error && (error as Error).message) || error);
    store.on = false;
    store.pending = [];
    store.streams = [];
    return null;
  }
}

/** What a process may begin with; null: its initial state, also where what there was cannot be read any more. */
function stateOf(rt: Runtime, found: Survey, pid: Pid, module: string): Uint8Array | null {
  try {
    return lastState(rt, found, pid, module);
  } catch (error) {
    return null;
  }
}

function begin(hal: Hal, agent: Agent): void {
  'cold';
  const records = agent.records;
  const value = records.value;
  value.boot++;
  const slots = [readSlot(hal.flash, 0, agent.crc, hal.board), readSlot(hal.flash, 1, agent.crc, hal.board)];
  const active = value.active < 0 ? 'no system was flashed yet' : slots[value.active];
  const staged = value.staged < 0 ? 'nothing is staged' : slots[value.staged];
  saveRecord(records);
  agent.rt = null;
  agent.transfer = null;
  const store = openStore(hal.flash, agent.crc, value);
  const found = examine(store);
  agent.rt = takeUp(hal, agent, store, found, slots);
  if (agent.rt) return;
  const lost = value.guarded;
  if (lost !== '' && (typeof staged === 'string' || staged.hash !== lost)) {
    value.guarded = '';
    value.staged = -1;
    saveRecord(records);
  }
  agent.problem = typeof active === 'string' ? active : '';
  if (typeof active === 'string') return;
  const rt = createRuntime(hal, agent, active, store);
  agent.rt = rt;
  noteBoot(rt, false);
  // under guard there was a session, whatever is left of it; that it has ended is told there first
  const missed = store.ring && lost !== '' && active.plan.durability !== 'off' && !found.ended;
  if (found.open || missed) {
    if (store.why === '') store.why = JOURNAL_UNREADABLE + ': nothing of it is left';
    note(rt, { kind: 'journal', why: store.why });
    endSession(rt, false);
  }
  for (let c = 0; c < rt.live.length; c++) {
    const entry = active.plan.components[c] as ComponentPlan | null;
    if (!entry || entry.board !== rt.board) continue;
    try {
      const saved = found.keep ? stateOf(rt, found, rt.live[c], entry.module) : null;
      addProcess(rt, rt.live[c], 'active', active.plan, active.modules, saved);
    } catch (error) {
      reportError(rt, entry.name, error);
    }
  }
  if (typeof staged === 'string') return;
  // the power went during guarded operation, and with it what the processes knew (PROTOCOL 6, durability off); the
  // other boards will tell what became of the upgrade
  if (lost === staged.hash) interrupt(rt, staged);
  else if (lost === '') {
    const why = takeStaged(rt, staged);
    if (why !== null) reportError(rt, 'staged upgrade', why);
  }
}

/** Tells a process here that the guarded operation has to end: the journal no longer holds what it stands on. */
function tellAbort(rt: Runtime): void {
  const why = rt.abort;
  rt.abort = '';
  let low: Local | null = null;
  for (let i = 0; i < rt.locals.length; i++) {
    const self = rt.locals[i].self;
    if (self.role === 'low') low = rt.locals[i];
    if (!isSurvivor(self) || !(self.guarded || self.cut)) continue;
    deliver(rt, rt.locals[i], { kind: 'word', t: 0, seed: 0, word: 'abort', op: '', why: why });
    return;
  }
  if (low) deliver(rt, low, { kind: 'fail', t: 0, seed: 0, why: why });
}

/**
 * Lets the processes go on, makes durable what they did, and only then lets it out (PROTOCOL 6); again, as long as that
 * makes something happen. True: there is more to do at once.
 */
function work(rt: Runtime): boolean {
  'hot';
  for (let round = 0; round < ROUNDS_MAX; round++) {
    if (rt.abort !== '') tellAbort(rt);
    const more = pump(rt);
    if (!more && sharesUntil(rt) > 0) return false;
    claimOutputs(rt);
    commit(rt, logs(rt));
    // who watches hears of an event before anything of it is to be seen elsewhere
    rt.flush();
    release(rt);
    if (rt.beatDue) sendBeat(rt);
    if (rt.stirred || rt.abort !== '') continue;
    if (!more) return false;
  }
  return true;
}

/** Starts the firmware on a board. The board calls what this returns, and lets nothing of it overlap. */
export function boot(hal: Hal): Board {
  const crc = hal.crc32 || crc32;
  const agent = createAgent(hal, crc, VERSION, openRecords(hal.flash, crc));
  try {
    begin(hal, agent);
  } catch (error) {
    // an image that is whole and yet of no use must leave a board that can be flashed
    agent.rt = null;
    agent.problem = 'its image cannot be run: ' + ((error && (error as Error).message) || error);
  }
  // what it told of is over; another reset may come outside of all calls
  if (hal.mark) hal.mark(-1);

  /** What every call ends with; true: there is more to do at once. */
  const finish = function (): boolean {
    const rt = agent.rt;
    const more = rt ? work(rt) : false;
    // nothing is told of what is not durable yet
    if (rt && rt.store.pending.length > 0) return more;
    sendReplies(agent);
    sendLines(agent);
    if (rt) {
      keepBases(rt);
      if (rt.restart) agent.restarting = true;
    }
    if (agent.restarting) {
      agent.restarting = false;
      hal.reset();
    }
    return more;
  };

  /** Until then, on the HAL's clock, nothing is to be done, if nothing comes that is for this board; -1: something is. */
  let idle = -1;

  return {
    serial: function (bytes) {
      idle = -1;
      hearSerial(agent, bytes);
      finish();
    },
    bus: function (bytes) {
      if (!agent.rt || !hearPacket(agent.rt, bytes)) return;
      idle = -1;
      finish();
    },
    input: function (device, bytes) {
      idle = -1;
      if (agent.rt) takeInput(agent.rt, device, bytes);
      finish();
    },
    poll: function () {
      hal.kick();
      if (hal.now() < idle) return idle;
      idle = -1;
      const rt = agent.rt;
      let next = rt ? tick(rt) : hal.now() + IDLE_MS;
      if (rt) next -= rt.clock;
      if (rt) rt.acted = false;
      // what has been done now may want to be looked after sooner than what was known before
      if (finish() || (rt && rt.acted)) return hal.now();
      const until = rt ? sharesUntil(rt) : 0;
      if (rt && until > 0) next = Math.min(next, until - rt.clock);
      // in idle time, for it takes long: a sector that a later write will need
      else if (rt && prepare(rt)) return hal.now();
      idle = next;
      return next;
    },
  };
}
