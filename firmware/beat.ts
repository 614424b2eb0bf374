// Heartbeats: each board tells the others, several times a second, that it lives, what it runs, and what its
// processes know (PROTOCOL 1, 4.4, 4.5). They become events only where they tell something new.

import { clear, dropOld, renew, repeatDue, repeatTo } from './channel.ts';
import { forgettable, heartbeat, isSurvivor } from './core/core.ts';
import type { Pid } from './core/types.ts';
import { covered, sum } from './core/vector.ts';
import { holdDevices } from './device.ts';
import { FACT_LIFE, FACT_RENEW } from './entry.ts';
import { FORGET_MARKS, GATHER_MS, LOW_PATIENCE } from './limits.ts';
import { compatible, needed, ready } from './peer.ts';
import {
  deliver,
  enterEpoch,
  followCommit,
  followRecovery,
  followStart,
  logs,
  nextTimer,
  stopLows,
  tellAll,
} from './runtime.ts';
import type { Local, Runtime } from './state.ts';
import { missing } from './status.ts';
import { boardOf, boardTime, localOf, note } from './state.ts';
import { endSession, rebaseAll, recordFact } from './store.ts';
import { encodePacket, PACKET_BEAT } from './wire.ts';

/** [pid, role, epoch, V, acked, done, sent] */
type Entry = [Pid, string, number, number[], [number, number][], [number, number][], [number, number, number][]];

/** What is acknowledged and validated need not be remembered. A new event: it comes seldom, each is a record. */
function forgetMarks(rt: Runtime, local: Local, acked: number[]): void {
  if (!forgettable(local.self, acked, FORGET_MARKS)) return;
  const list: [number, number][] = [];
  for (let c = 0; c < acked.length; c++) if (acked[c] > 0) list.push([c, acked[c]]);
  deliver(rt, local, { kind: 'acked', t: 0, seed: 0, acked: list });
}

function entryOf(rt: Runtime, local: Local): Entry {
  const acked: number[] = [];
  const done: number[] = [];
  if (local.self.role === 'low') {
    for (let c = 0; c < rt.live.length; c++) acked.push(0);
    for (let i = 0; i < rt.outgoing.length; i++) {
      const outgoing = rt.outgoing[i];
      if (outgoing.from === local.pid && rt.live[outgoing.to >> 1] === outgoing.to) {
        acked[outgoing.to >> 1] = outgoing.ackedQ;
      }
    }
    for (let d = 0; d < rt.devices.length; d++) {
      const state = rt.devices[d];
      done.push(state ? state.driver.done[local.pid >> 1] || 0 : 0);
    }
  }
  forgetMarks(rt, local, acked);
  const beat = heartbeat(local.self, acked, done);
  const self = local.self;
  return [local.pid, self.role, self.epoch, beat.V || [], beat.acked || [], beat.done || [], beat.sent || []];
}

/** True where a shadow learns something of its low process. */
function news(local: Local, entry: Entry): boolean {
  const self = local.self;
  if (self.role !== 'shadow' || entry[1] !== 'low' || entry[0] >> 1 !== self.component) return false;
  for (let i = 0; i < entry[4].length; i++) if (entry[4][i][1] > self.safeQ[entry[4][i][0]]) return true;
  for (let i = 0; i < entry[5].length; i++) if (entry[5][i][1] > self.safeE[entry[5][i][0]]) return true;
  for (let i = 0; i < entry[6].length; i++) if (entry[6][i][1] > self.lead[entry[6][i][0]][0]) return true;
  return false;
}

/** What a process tells with the beat of its board, to the processes here. */
function tell(rt: Runtime, entry: Entry): void {
  if (entry[1] === 'low') rt.lowAt[entry[0]] = boardTime(rt);
  for (let i = 0; i < rt.locals.length; i++) {
    const local = rt.locals[i];
    const self = local.self;
    if (!self.guarded || self.epoch !== entry[2] || local.pid === entry[0]) continue;
    if (covered(entry[3], self.V) && !news(local, entry)) continue;
    deliver(rt, local, {
      kind: 'heartbeat',
      t: 0,
      seed: 0,
      from: entry[0],
      epoch: entry[2],
      V: entry[3],
      acked: entry[4],
      done: entry[5],
      sent: entry[6],
    });
  }
}

/** What this board knows: it goes out when all of it is durable. */
export function sendBeat(rt: Runtime): void {
  rt.beatDue = false;
  const entries: Entry[] = [];
  for (let i = 0; i < rt.locals.length; i++) entries.push(entryOf(rt, rt.locals[i]));
  const op = rt.guarded && rt.staged ? rt.staged.hash : '';
  rt.bus.sent++;
  rt.hal.bus(encodePacket([PACKET_BEAT, rt.board, rt.life, rt.epoch, rt.active.hash, op, entries], rt.crc));
  for (let i = 0; i < entries.length; i++) tell(rt, entries[i]);
}

/** Channels to these processes begin again. */
export function renewTo(rt: Runtime, pids: Pid[]): void {
  for (let i = 0; i < rt.outgoing.length; i++) if (pids.indexOf(rt.outgoing[i].to) >= 0) renew(rt.outgoing[i]);
}

/** A board came back without what it knew: its processes' channels begin again at 1 (PROTOCOL 6). */
function reborn(rt: Runtime, board: number): void {
  const gone: Pid[] = [];
  let survivors = false;
  for (let c = 0; c < rt.live.length; c++) {
    for (let side = 0; side < 2; side++) {
      const pid = 2 * c + side;
      const live = rt.live[c] === pid;
      if (boardOf(rt, pid) !== board || (!live && !rt.op)) continue;
      gone.push(pid);
      if (live) survivors = true;
    }
  }
  const devices = rt.active.plan.devices;
  for (let i = rt.stash.length - 1; i >= 0; i--) {
    const d = rt.stash[i].message.device;
    if (d === undefined ? gone.indexOf(rt.stash[i].from) >= 0 : devices[d].board === board) rt.stash.splice(i, 1);
  }
  if (rt.guarded && survivors) {
    rt.lost = 'board ' + rt.active.plan.boards[board] + ' restarted under guard and lost the state of its processes';
    note(rt, { kind: 'lost', why: rt.lost });
  }
  const why = 'board ' + rt.active.plan.boards[board] + ' restarted';
  for (let i = 0; i < gone.length; i++) {
    // each just before its senders number anew: what one of them has sent because of the last has an old number
    renewTo(rt, [gone[i]]);
    recordFact(rt, [FACT_RENEW, [gone[i]]]);
    tellAll(rt, { kind: 'reborn', t: 0, seed: 0, pid: gone[i], why: why }, false);
  }
  for (let d = 0; d < devices.length; d++) {
    if (devices[d].board === board) tellAll(rt, { kind: 'reborn', t: 0, seed: 0, device: d }, false);
  }
}

/** Longest time that a cut may take in which every board answers: one that has to declare a process dead, and more. */
function longestCut(rt: Runtime): number {
  const policy = rt.active.plan.policy;
  return policy.absentMs + 5 * policy.heartbeatMs;
}

/**
 * The guard is over, and nothing of it is under way any more: the others have ended the last cut too, and need nothing
 * from here to do so.
 */
function settled(rt: Runtime): boolean {
  if (logs(rt)) return false;
  const patienceMs = LOW_PATIENCE * rt.active.plan.policy.absentMs;
  for (let i = 0; i < rt.outgoing.length; i++) {
    const outgoing = rt.outgoing[i];
    if (outgoing.queue.length === 0 || outgoing.device >= 0) continue;
    if (outgoing.queue[0].epoch >= rt.epoch && localOf(rt, outgoing.from)) continue;
    // what a new version has missed that was declared dead is not waited for until it may come back
    const board = boardOf(rt, outgoing.to);
    const away = board >= 0 && board !== rt.board && boardTime(rt) - rt.peers[board].heardAt > patienceMs;
    if (rt.live[outgoing.to >> 1] === outgoing.to || !away) return false;
  }
  const boards = needed(rt);
  for (let i = 0; i < boards.length; i++) {
    const peer = rt.peers[boards[i]];
    if (!ready(rt, boards[i]) || peer.epoch < rt.epoch || peer.lowest < rt.epoch) return false;
  }
  for (let i = 0; i < rt.locals.length; i++) {
    const self = rt.locals[i].self;
    if (self.role !== 'seat' && self.epoch < rt.epoch) return false;
  }
  return true;
}

/**
 * A low process alone on its board, which was away while the others recovered: their beats tell it that its version is
 * no more, if its own cut does not (PROTOCOL 5.4).
 */
function missedRecovery(rt: Runtime, epoch: number, plan: string, op: string): void {
  const hash = rt.staged ? rt.staged.hash : '';
  let low: Local | null = null;
  for (let i = 0; i < rt.locals.length; i++) {
    const local = rt.locals[i];
    if (isSurvivor(local.self)) return;
    if (local.self.role === 'low' && local.self.epoch < epoch) low = local;
  }
  if (!low || plan !== rt.active.hash || op === hash) rt.behindAt = -1;
  else if (rt.behindAt < 0) rt.behindAt = boardTime(rt);
  else if (boardTime(rt) - rt.behindAt > longestCut(rt)) stopLows(rt);
}

/** A board without processes of its own, or with vacant seats alone, follows what the others have decided. */
function follow(rt: Runtime, epoch: number, plan: string, op: string): void {
  if (epoch <= rt.epoch) return;
  for (let i = 0; i < rt.locals.length; i++) if (rt.locals[i].self.role !== 'seat') return;
  if (rt.staged && plan === rt.staged.hash) {
    followCommit(rt);
    // a process of the new version may have its place here: it died, and begins anew
    rt.restart = true;
    if (rt.store.on) endSession(rt, false);
  } else if (rt.staged && op === rt.staged.hash) followStart(rt);
  else if (rt.guarded) followRecovery(rt);
  enterEpoch(rt, epoch);
}

/**
 * Others cannot end a cut without the survivors of this board; if they have, it restarted in the middle of it. Then its
 * processes begin anew once more, in the epoch and the version that the others are in (PROTOCOL 6).
 */
function catchUp(rt: Runtime, epoch: number, plan: string, op: string): void {
  // with a log nothing is missed, however long it takes
  if (epoch <= rt.epoch || rt.restart || rt.store.on) return;
  let behind = false;
  for (let i = 0; i < rt.locals.length; i++) {
    const local = rt.locals[i];
    if (!isSurvivor(local.self)) continue;
    if (local.self.cut && boardTime(rt) - local.frozenAt <= longestCut(rt)) return;
    behind = true;
  }
  if (!behind) return;
  if (rt.staged && plan === rt.staged.hash) followCommit(rt);
  else if (rt.staged && op === rt.staged.hash) followStart(rt);
  else if (rt.guarded || rt.interrupted !== '') followRecovery(rt);
  rt.restart = true;
  enterEpoch(rt, epoch);
  note(rt, { kind: 'behind', why: 'a cut ended while this board restarted: it begins anew' });
}

/** What became of the guard under which this board restarted (PROTOCOL 6)? */
function watchInterrupted(rt: Runtime): void {
  if (rt.interrupted === '') return;
  let believed = false;
  let all = true;
  const boards = needed(rt);
  for (let i = 0; i < boards.length; i++) if (!ready(rt, boards[i])) all = false;
  for (let b = 0; b < rt.peers.length; b++) if (rt.peers[b].op === rt.interrupted) believed = true;
  if (believed) {
    // survivors here have lost what they knew, and others still count on it
    if (rt.lost !== '' || rt.locals.length === 0) return;
    rt.lost = 'this board restarted under guard and lost the state of its processes';
    note(rt, { kind: 'lost', why: rt.lost });
  } else if (all) {
    rt.interrupted = '';
    rt.lost = '';
    if (rt.staged === null) return;
    followRecovery(rt);
    rt.recordDue = true;
  }
}

/** Nobody goes on with a channel whose sender is no more, nor with one from or to a seat whose start has been called off. */
function isOver(rt: Runtime, from: Pid, to: Entry): boolean {
  const local = localOf(rt, from);
  return !local || to[1] === 'seat' || (local.self.role === 'seat' && !local.self.cut);
}

export function hearBeat(rt: Runtime, packet: unknown[]): void {
  const board = packet[1] as number;
  const life = packet[2] as number;
  const peer = rt.peers[board];
  if (!peer || board === rt.board || life < peer.life) return;
  const plan = packet[4] as string;
  const entries = packet[6] as Entry[];
  if (life > peer.life) {
    if (peer.life > 0) reborn(rt, board);
    peer.life = life;
    // behind what it means to the processes: if power goes in between, they hear it again
    recordFact(rt, [FACT_LIFE, board, life]);
    // at once: a board that begins waits for the others
    rt.beatAt = boardTime(rt);
  }
  // it was away: patience with its silence is no longer called for
  if (boardTime(rt) - peer.heardAt > 2 * rt.active.plan.policy.heartbeatMs) repeatTo(rt, board);
  peer.heardAt = boardTime(rt);
  peer.plan = plan;
  peer.op = packet[5] as string;
  peer.epoch = packet[3] as number;
  peer.pids = [];
  peer.lowest = peer.epoch;
  for (let i = 0; i < entries.length; i++) {
    peer.pids.push(entries[i][0]);
    if (entries[i][1] !== 'seat' && entries[i][2] < peer.lowest) peer.lowest = entries[i][2];
  }
  if (!compatible(rt, plan)) return;
  missedRecovery(rt, peer.epoch, plan, peer.op);
  follow(rt, peer.epoch, plan, peer.op);
  catchUp(rt, peer.epoch, plan, peer.op);
  if (rt.restart) return;
  watchInterrupted(rt);
  for (let i = 0; i < rt.outgoing.length; i++) {
    const outgoing = rt.outgoing[i];
    if (boardOf(rt, outgoing.to) !== board) continue;
    const at = peer.pids.indexOf(outgoing.to);
    // its receiver is no more, or has gone on where nobody else does
    if (at < 0 && rt.live[outgoing.to >> 1] !== outgoing.to) clear(outgoing);
    else if (at >= 0 && outgoing.device < 0 && isOver(rt, outgoing.from, entries[at])) {
      dropOld(outgoing, entries[at][2]);
    }
  }
  for (let i = 0; i < entries.length; i++) tell(rt, entries[i]);
}

/** PROTOCOL 5.2: a low process whose board is silent is declared dead by each survivor that notices. */
function watchSilence(rt: Runtime, now: number): void {
  if (!rt.op) return;
  const absentMs = (rt.staged ? rt.staged.plan : rt.active.plan).policy.absentMs;
  for (let i = 0; i < rt.locals.length; i++) {
    const local = rt.locals[i];
    const self = local.self;
    // a low process has to know who is gone only to end a commit (PROTOCOL 5.0.6), and must not take who is late for gone
    const low = self.role === 'low';
    if (!isSurvivor(self) && !(low && self.cut)) continue;
    const patienceMs = low ? LOW_PATIENCE * absentMs : absentMs;
    const waiting = self.cut && self.cut.waiting ? self.cut.waiting.slice() : [];
    if (waiting.length === 0) local.waitingAt = -1;
    else if (local.waitingAt < 0) local.waitingAt = now;
    else if (now - local.waitingAt > absentMs) {
      local.waitingAt = now;
      for (let j = 0; j < waiting.length; j++) {
        const why = 'the new version has not answered the handover for ' + absentMs + ' ms';
        deliver(rt, local, { kind: 'absent', t: 0, seed: 0, pid: waiting[j], why: why });
      }
    }
    const lows = self.guarded && self.op ? self.op.lows : [];
    for (let j = 0; j < lows.length; j++) {
      const board = boardOf(rt, lows[j]);
      if (board < 0 || self.closed.indexOf(lows[j]) >= 0) continue;
      if (self.cut && self.cut.reported) continue;
      if (now - Math.max(rt.lowAt[lows[j]] || 0, self.since, rt.bootedAt) <= patienceMs) continue;
      // the board is gone; or it lives, but what should be a low process there is none
      const why = 'nothing heard of the new version on board ' + rt.active.plan.boards[board];
      deliver(rt, local, { kind: 'absent', t: 0, seed: 0, pid: lows[j], why: why });
    }
  }
}

/** A board that comes late to its own beat cannot have heard the others meanwhile: that time is no silence of theirs. */
function forgive(rt: Runtime, lateMs: number, beatMs: number): void {
  if (lateMs <= beatMs) return;
  for (let pid = 0; pid < rt.lowAt.length; pid++) if (rt.lowAt[pid] > 0) rt.lowAt[pid] += lateMs;
}

/** PROTOCOL 5.2: time alone may meet the guard policy. */
function watchPolicy(rt: Runtime, now: number): void {
  if (rt.lost !== '') return;
  for (let i = 0; i < rt.locals.length; i++) {
    const self = rt.locals[i].self;
    if (!self.guarded || self.cut || !self.op || !isSurvivor(self)) continue;
    const policy = self.op.policy;
    if (policy.commitAfterMs === 0 && policy.validated === 0) continue;
    if (now - self.since < policy.commitAfterMs || sum(self.V) < policy.validated) continue;
    deliver(rt, rt.locals[i], { kind: 'tick', t: 0, seed: 0 });
  }
}

/** Processes begin once the other boards are there, or have been waited for long enough. */
function gather(rt: Runtime, now: number): void {
  if (rt.started) return;
  const boards = needed(rt);
  let all = true;
  for (let i = 0; i < boards.length; i++) if (!ready(rt, boards[i])) all = false;
  if (!all && now - rt.bootedAt < GATHER_MS) return;
  rt.started = true;
  for (let i = 0; i < rt.locals.length; i++) {
    const local = rt.locals[i];
    // what goes on from an old base has begun long ago
    if (local.self.role !== 'seat' && !local.begun) deliver(rt, local, { kind: 'start', t: 0, seed: 0 });
  }
  rebaseAll(rt);
}

/** Whom a cut that has lasted too long waits for; null: none lasts so long. */
function stalled(rt: Runtime, now: number): string | null {
  const longest = longestCut(rt);
  for (let i = 0; i < rt.locals.length; i++) {
    const local = rt.locals[i];
    if (local.frozenAt >= 0 && now - local.frozenAt > longest) return missing(rt, local).join(', ');
  }
  return null;
}

function sooner(a: number, b: number): number {
  return b < 0 || a <= b ? a : b;
}

/** Does what time asks for; returns when it wants to be called again, ms. */
export function tick(rt: Runtime): number {
  const now = boardTime(rt);
  const beatMs = rt.active.plan.policy.heartbeatMs;
  gather(rt, now);
  if (now >= rt.beatAt) {
    forgive(rt, now - rt.beatAt, beatMs);
    rt.beatAt = now + beatMs;
    rt.beatDue = true;
    watchSilence(rt, now);
    watchPolicy(rt, now);
    holdDevices(rt, stalled(rt, now));
    if (rt.store.on && settled(rt)) endSession(rt, true);
  }
  return sooner(sooner(rt.beatAt, repeatDue(rt, now)), nextTimer(rt, now));
}
