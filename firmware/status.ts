// What a board says of itself: state of its processes, devices and lines.

import { contaminated, others, survivors } from './core/core.ts';
import type { Pid } from './core/types.ts';
import { STATUS_PROCESSES, WAITING_SHOWN } from './limits.ts';
import { needed, ready } from './peer.ts';
import type { DevicePlan } from './plan.ts';
import type { Local, Runtime } from './state.ts';
import { boardOf, boardTime } from './state.ts';
import { room } from './store.ts';

function nameOf(rt: Runtime, pid: Pid): string {
  const plan = rt.staged ? rt.staged.plan : rt.active.plan;
  const entry = plan.components[pid >> 1] || rt.active.plan.components[pid >> 1];
  return (entry ? entry.name : 'component ' + (pid >> 1)) + '/' + (pid & 1);
}

function hasEnded(self: Local['self'], pid: Pid): boolean {
  const ends = self.cut ? self.cut.ends : [];
  for (let i = 0; i < ends.length; i++) if (ends[i][0] === pid) return true;
  return false;
}

function hasReported(self: Local['self'], pid: Pid): boolean {
  const reports = self.cut ? self.cut.reports : [];
  for (let i = 0; i < reports.length; i++) if (reports[i][0] === pid) return true;
  return false;
}

/**
 * Whom a frozen process waits for: those whose marker has not come, for the others can report only after it; then the
 * new versions that have not answered, then the survivors that have not reported.
 */
export function missing(rt: Runtime, local: Local): string[] {
  const self = local.self;
  if (!self.cut) return [];
  const all = others(self);
  let pids: Pid[] = [];
  for (let i = 0; i < all.length; i++) if (!hasEnded(self, all[i])) pids.push(all[i]);
  if (pids.length === 0) pids = (self.cut.waiting || []).slice();
  if (pids.length === 0) {
    const live = survivors(self);
    for (let i = 0; i < live.length; i++) if (!hasReported(self, live[i])) pids.push(live[i]);
  }
  const out: string[] = [];
  for (let i = 0; i < pids.length; i++) {
    out.push(nameOf(rt, pids[i]) + ' on ' + rt.active.plan.boards[boardOf(rt, pids[i])]);
  }
  // the first few say enough, and a reply is one frame
  return out.length <= WAITING_SHOWN ? out : out.slice(0, WAITING_SHOWN).concat(['and more']);
}

function processStatus(rt: Runtime, local: Local): { [key: string]: unknown } {
  const self = local.self;
  const counters = self.counters;
  return {
    pid: local.pid,
    name: local.name,
    role: self.role,
    module: local.module,
    crc: local.crc,
    epoch: self.epoch,
    T: self.state.T,
    V: self.V,
    contaminated: self.role === 'low' || (self.role !== 'seat' && contaminated(self)),
    journalRecords: self.journal.length,
    journalBytes: self.journalBytes,
    log: self.state.log.length,
    held: self.held.length,
    testsPassed: counters.testsPassed,
    testsFailed: counters.testsFailed,
    compensated: counters.compensated,
    withheld: counters.withheld,
    errors: counters.errors,
    repeats: counters.repeats,
    rollbacks: counters.rollbacks,
    failed: self.failed,
    cut:
      self.cut && self.role !== 'seat' ? { kind: self.cut.cut, why: self.cut.why, waiting: missing(rt, local) } : null,
  };
}

/** Messages that are not acknowledged yet, in all channels. */
function queued(rt: Runtime): number {
  let count = 0;
  for (let i = 0; i < rt.outgoing.length; i++) count += rt.outgoing[i].queue.length;
  return count;
}

/**
 * What the journal holds and has held. Addresses of the ring only grow: `written` tells of all bytes that ever went to
 * it, `turns` how often each of its sectors was erased.
 */
function journalStatus(rt: Runtime): { [key: string]: unknown } {
  const store = rt.store;
  const ring = store.ring;
  let bases = 0;
  for (let i = 0; i < store.streams.length; i++) bases += store.streams[i].size;
  return {
    durability: rt.active.plan.durability,
    kept: ring !== null,
    on: store.on,
    full: store.full,
    why: store.why,
    sectors: ring ? ring.sectors : 0,
    capacity: ring ? ring.data * (ring.sectors - 1) : 0,
    room: ring ? room(ring) : 0,
    written: ring ? ring.end : 0,
    turns: ring ? Math.ceil((ring.head + 1) / ring.sectors) : 0,
    bases: bases,
    events: store.count.events,
    writes: store.count.writes,
  };
}

/**
 * The reply to `status`, but for what the agent itself knows. A reply is one frame: it tells of STATUS_PROCESSES
 * processes from number `from` on, and how many there are.
 */
export function statusOf(rt: Runtime, from: number): { [key: string]: unknown } {
  const processes: unknown[] = [];
  const end = Math.min(rt.locals.length, from + STATUS_PROCESSES);
  for (let i = from; i < end; i++) processes.push(processStatus(rt, rt.locals[i]));
  const devices: unknown[] = [];
  for (let d = 0; d < rt.devices.length; d++) {
    const state = rt.devices[d];
    if (!state) continue;
    const device = rt.active.plan.devices[d] as DevicePlan;
    devices.push({
      name: device.name,
      reads: device.in !== null,
      inputs: state.inputs,
      done: state.done,
      dropped: state.dropped,
      held: state.held,
    });
  }
  const silent: string[] = [];
  const now = boardTime(rt);
  const boards = needed(rt);
  for (let i = 0; i < boards.length; i++) {
    const peer = rt.peers[boards[i]];
    const late = now - peer.heardAt > rt.active.plan.policy.absentMs;
    if (late || !ready(rt, boards[i])) silent.push(rt.active.plan.boards[boards[i]]);
  }
  return {
    epoch: rt.epoch,
    guarded: rt.guarded,
    started: rt.started,
    lost: rt.lost,
    uptimeMs: Math.round(now - rt.bootedAt),
    system: rt.active.plan.boards,
    processes: processes,
    processCount: rt.locals.length,
    devices: devices,
    bus: {
      sent: rt.bus.sent,
      received: rt.bus.received,
      resent: rt.bus.resent,
      bad: rt.bus.bad,
      channels: rt.outgoing.length,
      queued: queued(rt),
      stashed: rt.stash.length,
    },
    journal: journalStatus(rt),
    stalled: silent,
  };
}
