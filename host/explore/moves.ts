// Everything that may happen next in a world. One call of `move` does one thing; which, and how it goes, it asks.

import type { Process } from '../../firmware/core/core.ts';
import type { Pid } from '../../firmware/core/types.ts';
import { menuOf, seedFor } from './app.ts';
import type { AppState } from './app.ts';
import type { Budget } from './shape.ts';
import type { World } from './world.ts';
import {
  beat,
  crash,
  deliver,
  ends,
  give,
  headOf,
  input,
  liveOf,
  mustHave,
  putOut,
  stage,
  takeable,
  takeInput,
} from './world.ts';

/** Asks for one of `count` possibilities. `weights`, where given, say how likely each should be. */
export type Choose = (count: number, why: string, weights?: number[]) => number;

interface Move {
  label: string;
  weight: number;
  run: () => void;
}

function isSurvivor(self: Process): boolean {
  return self.role === 'active' || self.role === 'shadow';
}

function spend(world: World, what: keyof Budget): void {
  world.state.left[what]--;
}

/** Asks what the process's next handler does. */
function seed(world: World, pid: Pid, choose: Choose): number {
  const self = mustHave(world, pid);
  if (self.role === 'seat') return 0;
  const count = menuOf(world.shape, pid).length;
  const place = count > 1 && world.state.left.acts > 0 ? choose(count, 'act') : 0;
  if (place > 0) spend(world, 'acts');
  return seedFor(world.shape, pid, self.state.app as AppState, place);
}

function arrivals(world: World, choose: Choose, moves: Move[]): void {
  const { state } = world;
  for (const key of Object.keys(state.wires).sort()) {
    const head = headOf(world, key);
    if (!head) continue;
    const to = ends(key)[1];
    const run = () => {
      const before = world.hooks.failMigrate;
      if (head.kind === 'handover' && state.left.migrates > 0 && choose(2, 'migrate fails') === 1) {
        spend(world, 'migrates');
        world.hooks.failMigrate = true;
      }
      deliver(world, key, head.kind === 'app' ? seed(world, to, choose) : 0);
      world.hooks.failMigrate = before;
    };
    moves.push({ label: `${key} ${head.kind}`, weight: 8, run });
  }
  for (const pid of Object.keys(state.inputs).map(Number)) {
    for (const place of takeable(world, pid)) {
      const run = () => {
        takeInput(world, pid, place, seed(world, pid, choose));
      };
      moves.push({ label: `input at ${pid}`, weight: 6, run });
    }
  }
  for (const key of Object.keys(state.beats)) {
    const [from, to] = ends(key);
    const self = state.processes[to];
    if (!self || state.dead[to] || self.role === 'stopped' || self.role === 'seat') continue;
    const run = () => {
      const event = state.beats[key];
      delete state.beats[key];
      if (event) give(world, to, { ...event, from });
    };
    moves.push({ label: `beat ${key}`, weight: 6, run });
  }
  state.devices.forEach((device, d) => {
    if (device.queue.length > 0) moves.push({ label: `driver ${d}`, weight: 6, run: () => putOut(world, d) });
  });
}

/** What must be noticed sooner or later: a board that is gone. */
function absences(world: World, moves: Move[]): void {
  const { state } = world;
  for (const self of state.processes) {
    if (!self || state.dead[self.pid] || !(isSurvivor(self) || self.role === 'low')) continue;
    const cut = self.cut ?? null;
    const lows = self.op && (self.guarded ?? true) ? self.op.lows : cut?.waiting ? cut.waiting : [];
    for (const low of lows) {
      const gone = state.dead[low] === true;
      if (cut && (cut.reported || cut.ends.some(([pid]) => pid === low))) continue;
      if (!gone && (!isSurvivor(self) || state.left.verdicts < 1 || self.closed.includes(low))) continue;
      const run = () => {
        if (!gone) spend(world, 'verdicts');
        give(world, self.pid, { kind: 'absent', t: 0, seed: 0, pid: low, why: 'silent' });
      };
      moves.push({ label: `${self.pid} misses ${low}`, weight: gone ? 3 : 1, run });
    }
  }
}

function ownDoings(world: World, choose: Choose, moves: Move[]): void {
  const { state } = world;
  const { left } = state;
  if (left.inputs > 0) {
    state.devices.forEach((device, d) => {
      if (device.readers.length === 0) return;
      const run = () => {
        spend(world, 'inputs');
        input(world, d);
      };
      moves.push({ label: `device ${d}`, weight: 4, run });
    });
  }
  for (const self of state.processes) {
    if (!self || state.dead[self.pid] || self.role === 'stopped' || self.role === 'seat') continue;
    const pid = self.pid;
    if (left.timers > 0 && !self.cut) {
      for (const timer of self.state.timers) {
        const run = () => {
          spend(world, 'timers');
          give(world, pid, { kind: 'timer', t: 0, seed: seed(world, pid, choose), name: timer.name });
        };
        moves.push({ label: `timer of ${pid}`, weight: 4, run });
      }
    }
    if (self.rules === 'paper') continue;
    if (left.beats > 0 && self.guarded) {
      const run = () => {
        spend(world, 'beats');
        const event = beat(world, pid);
        for (const other of state.processes) {
          if (!other || other.pid === pid || other.role === 'stopped' || other.role === 'seat') continue;
          if (self.role === 'low' ? other.role !== 'shadow' : !isSurvivor(other)) continue;
          state.beats[`${pid}>${other.pid}`] = { ...event };
        }
      };
      moves.push({ label: `heartbeat of ${pid}`, weight: self.role === 'low' ? 4 : 1, run });
    }
    if (left.ticks > 0 && isSurvivor(self)) {
      const run = () => {
        spend(world, 'ticks');
        state.t += 10;
        give(world, pid, { kind: 'tick', t: 0, seed: 0 });
      };
      moves.push({ label: `time passes for ${pid}`, weight: 2, run });
    }
  }
}

function failures(world: World, choose: Choose, moves: Move[]): void {
  const { state } = world;
  const { left } = state;
  for (const self of state.processes) {
    if (!self || state.dead[self.pid] || (self.role !== 'low' && self.role !== 'seat')) continue;
    const pid = self.pid;
    if (left.fails > 0 && self.role === 'low') {
      const run = () => {
        spend(world, 'fails');
        give(world, pid, { kind: 'fail', t: 0, seed: 0, why: 'flood' });
      };
      moves.push({ label: `${pid} fails`, weight: 1, run });
    }
    if (left.crashes > 0) {
      const run = () => {
        spend(world, 'crashes');
        crash(world, pid, (_, length) => choose(length + 1, 'lost'));
      };
      moves.push({ label: `${pid} crashes`, weight: 1, run });
    }
  }
}

function words(world: World, choose: Choose, moves: Move[]): void {
  const { state } = world;
  const { left } = state;
  const say = (self: Process, word: 'start' | 'commit' | 'abort', what: keyof Budget, op?: string) => {
    const run = () => {
      spend(world, what);
      give(world, self.pid, { kind: 'word', t: 0, seed: 0, word, op });
    };
    moves.push({ label: `${word} at ${self.pid}`, weight: 2, run });
  };
  let quiet = true;
  for (const self of state.processes) {
    if (!self || state.dead[self.pid]) continue;
    if (self.guarded || self.cut) quiet = false;
    if (!isSurvivor(self)) continue;
    if (left.commits > 0 && self.guarded && !self.cut) say(self, 'commit', 'commits');
    if (left.aborts > 0 && (self.guarded || self.cut)) say(self, 'abort', 'aborts');
    if (left.starts > 0 && self.staged && !self.guarded && !self.cut) say(self, 'start', 'starts', self.staged.id);
  }
  if (left.stages > 0 && quiet && settled(world)) {
    const run = () => {
      spend(world, 'stages');
      restage(world, choose);
    };
    moves.push({ label: 'stage', weight: 2, run });
  }
}

/** All are in one epoch, and nobody of those who are live is gone. */
function settled(world: World): boolean {
  let epoch = -1;
  for (const pid of liveOf(world)) {
    if (pid < 0) continue;
    const self = mustHave(world, pid);
    if (!isSurvivor(self) || world.state.dead[pid] || (epoch >= 0 && self.epoch !== epoch)) return false;
    epoch = self.epoch;
  }
  return true;
}

/** Another upgrade: of some of the components, which may add or remove one. */
function restage(world: World, choose: Choose): void {
  const { state } = world;
  const live = liveOf(world);
  const cluster: number[] = [];
  for (let c = 0; c < live.length; c++) {
    const vacant = (live[c] as Pid) < 0;
    if (choose(vacant ? 4 : 3, 'in the cluster') === 0) cluster.push(c);
  }
  const old = cluster.filter((c) => (live[c] as Pid) >= 0);
  if (old.length === 0) {
    const c = live.findIndex((pid) => pid >= 0);
    cluster.push(c);
    cluster.sort((a, b) => a - b);
    old.push(c);
  }
  if (live.filter((pid) => pid >= 0).length === old.length) {
    cluster.splice(cluster.indexOf(old.pop() as number), 1);
  }
  if (cluster.every((c) => (live[c] as Pid) < 0)) return;
  const lows = cluster.map((c) => ((live[c] as Pid) < 0 ? 2 * c : (live[c] as Pid) ^ 1));
  if (old.length > 1 && choose(4, 'removes one') === 0)
    lows.splice(lows.indexOf((live[old[0] as number] as Pid) ^ 1), 1);
  state.operations++;
  const policy = { commitAfterMs: 20, validated: 2, lead: 1000 };
  const change = state.left.ticks > 0 ? { lows, policy } : { lows };
  stage(world, cluster, `u${state.operations}`, change);
}

/**
 * A control message that its receiver only notes down, whenever it comes: the marker of a survivor in a process that
 * has frozen for the same kind of cut and waits for others too, a report where others are missing, a notification that
 * says nothing new. It commutes with everything else that can happen, so that exploring it alone first misses
 * nothing: what it would complete, it does not complete; and the channel holds nothing before it.
 */
function isNote(world: World, key: string): boolean {
  const head = headOf(world, key);
  if (!head || world.shape.rules === 'paper') return false;
  const [from, to] = ends(key);
  const self = mustHave(world, to);
  if (self.role === 'stopped') return true;
  const live = self.live.filter((pid) => pid >= 0);
  if (head.kind === 'freeze') {
    if (!self.cut || self.cut.cut !== head.cut || self.cut.op !== head.op || !live.includes(from)) return false;
    const cut = self.cut;
    const all = self.guarded && self.op ? live.concat(self.op.lows) : live;
    return all.some((pid) => pid !== self.pid && pid !== from && !cut.ends.some(([ended]) => ended === pid));
  }
  if (head.kind === 'report') {
    const cut = self.cut;
    if (!cut) return false;
    return live.some((pid) => pid !== from && !cut.reports.some(([other]) => other === pid));
  }
  if (head.kind !== 'passed' || self.role === 'seat') return false;
  return (head.V ?? []).every((value, i) => value <= (self.V[i] ?? 0));
}

/** Does one thing that may happen. False: nothing can. `reduced`: of orders that come to the same, only one. */
export function move(world: World, choose: Choose, reduced = false): boolean {
  if (reduced) {
    const key = Object.keys(world.state.wires)
      .sort()
      .find((wire) => isNote(world, wire));
    if (key !== undefined) {
      deliver(world, key, 0);
      return true;
    }
  }
  const moves: Move[] = [];
  arrivals(world, choose, moves);
  absences(world, moves);
  ownDoings(world, choose, moves);
  failures(world, choose, moves);
  words(world, choose, moves);
  if (moves.length === 0) return false;
  const place =
    moves.length > 1
      ? choose(
          moves.length,
          'next',
          moves.map((m) => m.weight),
        )
      : 0;
  (moves[place] as Move).run();
  return true;
}

/** What has to happen still happens, in an order that is asked for; nothing new begins. */
export function settle(world: World, choose: Choose, limit = 100_000): boolean {
  for (let i = 0; i < limit; i++) {
    const moves: Move[] = [];
    arrivals(world, choose, moves);
    if (moves.length === 0) absences(world, moves);
    if (moves.length === 0) return true;
    (moves[moves.length > 1 ? choose(moves.length, 'next') : 0] as Move).run();
  }
  return false;
}
