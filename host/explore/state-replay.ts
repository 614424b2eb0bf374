// What the exploration found, done again in the world itself: with the applications that keep digests, the trace
// written down, and every check of traces applied to it.

import type { Process } from '../../firmware/core/core.ts';
import type { Application, Effect, Event } from '../../firmware/core/types.ts';
import { check } from '../check/check.ts';
import type { TraceLine, Violation } from '../check/types.ts';
import { processName } from './shape.ts';
import { coreKey } from './state-local.ts';
import type { Action, System } from './state-system.ts';
import { wordEvent } from './state-system.ts';
import type { Store } from './storage.ts';
import { FAILS_MIGRATE, restore, writeBase } from './storage.ts';
import type { DeviceState, World } from './world.ts';
import {
  beat,
  boardOf,
  crash,
  deliver,
  give,
  headOf,
  input,
  note,
  processAt,
  putOut,
  stage,
  structuredCloneFast,
  stuck,
  takeable,
  takeInput,
} from './world.ts';

function actorOf(action: Action): number {
  if (action.kind === 'deliver' || action.kind === 'hear') return action.to;
  return 'pid' in action ? action.pid : -1;
}

export function act(world: World, action: Action): void {
  const { state } = world;
  switch (action.kind) {
    case 'deliver': {
      const before = world.hooks.failMigrate;
      if (action.fails) world.hooks.failMigrate = true;
      deliver(world, `${action.from}>${action.to}`, action.seed);
      world.hooks.failMigrate = before;
      break;
    }
    case 'take': {
      takeable(world, action.pid);
      const list = state.inputs[action.pid] ?? [];
      const place = list.findIndex((m) => m.device === action.device && m.i === action.i);
      takeInput(world, action.pid, place, action.seed);
      break;
    }
    case 'hear': {
      const key = `${action.from}>${action.to}`;
      const event = state.beats[key];
      delete state.beats[key];
      if (event) give(world, action.to, { ...event, from: action.from });
      break;
    }
    case 'input':
      input(world, action.device);
      break;
    case 'absent':
      give(world, action.pid, { kind: 'absent', t: 0, seed: 0, pid: action.low, why: 'silent' });
      break;
    case 'fail':
      give(world, action.pid, { kind: 'fail', t: 0, seed: 0, why: 'flood' });
      break;
    case 'crash':
      crash(world, action.pid, (key) => action.lost[key] ?? 0);
      break;
    case 'word':
      give(world, action.pid, wordEvent(action.word, action.op));
      break;
    case 'timer':
      give(world, action.pid, { kind: 'timer', t: 0, seed: action.seed, name: action.name });
      break;
    case 'drive':
      putOut(world, action.device);
      break;
    case 'stage':
      stage(world, action.cluster, 'u2');
      break;
    case 'base':
      break;
    case 'power': {
      note(world, action.board, { kind: 'off' });
      for (const [from, to, list] of action.wires) {
        if (from < 0) state.inputs[to] = structuredCloneFast(list);
        else state.wires[`${from}>${to}`] = structuredCloneFast(list);
      }
      for (const [d, queue] of action.queues) (state.devices[d] as DeviceState).queue = structuredCloneFast(queue);
      note(world, action.board, { kind: 'boot', resumed: true });
      break;
    }
    case 'undone': {
      const { processes, inputs } = structuredCloneFast(state);
      const pid = actorOf(action.of);
      const key = action.of.kind === 'deliver' ? `${action.of.from}>${pid}` : '';
      const wire = structuredCloneFast(state.wires[key] ?? []);
      const length = world.lines.length;
      act(world, action.of);
      note(world, boardOf(world, pid), { kind: 'off' });
      note(world, boardOf(world, pid), { kind: 'boot', resumed: true });
      state.processes[pid] = processes[pid] ?? null;
      state.inputs[pid] = inputs[pid] ?? [];
      if (key) state.wires[key] = wire;
      // the event is not in the log: nobody knows of it
      world.lines.splice(length, world.lines.length - length - 2);
      break;
    }
    default: {
      const event = beat(world, action.pid);
      const self = processAt(world, action.pid) as Process;
      for (const other of state.processes) {
        if (!other || other.pid === action.pid || other.role === 'stopped' || other.role === 'seat') continue;
        const survivor = other.role === 'active' || other.role === 'shadow';
        if (self.role === 'low' ? other.role !== 'shadow' : !survivor) continue;
        state.beats[`${action.pid}>${other.pid}`] = { ...event };
      }
    }
  }
}

/** What nobody will take any more goes, as the exploration lets it go at once. */
function tidy(world: World): void {
  for (const key of Object.keys(world.state.wires)) headOf(world, key);
  for (const pid of Object.keys(world.state.inputs)) takeable(world, Number(pid));
}

/**
 * Does it all again; what the checks of traces say of it. `ended`: nothing more can happen then. `pace`: so much time
 * passes before each action, for pictures of it.
 */
export function replay(world: World, path: Action[], ended: boolean, pace = 0): Violation[] {
  for (const action of path) {
    world.state.t += pace;
    act(world, action);
    tidy(world);
  }
  // a trace without a word of its drivers says that outputs come out as they are given
  for (let d = 0; d < world.state.devices.length; d++) {
    while ((world.state.devices[d] as DeviceState).queue.length > 0) putOut(world, d);
  }
  const violations = check(world.lines.slice(), { live: !ended }).violations;
  return ended ? violations.concat(stuck(world)) : violations;
}

/** Where the exploration's state and the world's are not the same, process by process; empty: nowhere. */
export function differences(system: System, row: Int32Array, world: World): string[] {
  const out: string[] = [];
  world.shape.boards.forEach((_, pid) => {
    const dead = world.state.dead[pid] === true;
    const there = coreKey(pid, processAt(world, pid), dead);
    const local = system.locals.locals.at(row[pid] as number);
    const here = coreKey(pid, local.process, local.dead);
    if (here !== there) out.push(`process ${pid}: ${here}\nin the world: ${there}`);
  });
  return out;
}

/**
 * Does it all with stable storage beside each process, the simulation's: a base at the beginning, then every event in the
 * log. In the end every board loses power and boots. What is wrong with a process then, or null: it is the process that
 * it was, to the letter, and has had the same effects again.
 */
export function replayStored(world: World, path: Action[]): string | null {
  let stores = new Map<string, { pid: number; store: Store }>();
  let seen = 0;
  const begin = () => {
    stores = new Map();
    for (const self of world.state.processes) {
      if (!self) continue;
      const store: Store = { base: null, log: [] };
      writeBase(store, self, [], [], [], {});
      stores.set(processName(world.shape, self.pid), { pid: self.pid, store });
    }
    seen = world.lines.length;
  };
  begin();
  for (const action of path) {
    act(world, action);
    if (action.kind === 'base') {
      const stored = stores.get(processName(world.shape, action.pid));
      if (stored) writeBase(stored.store, processAt(world, action.pid) as Process, [], [], [], {});
    }
    // staging ends with a base; seats are made anew then
    if (action.kind === 'stage') begin();
    for (; seen < world.lines.length; seen++) {
      const line = world.lines[seen] as TraceLine;
      const stored = stores.get(line.process ?? '');
      if (!stored || !line.event || line.n === undefined) continue;
      // as they are now: what a process hands over it goes on using itself
      const event = structuredCloneFast(line.event) as unknown as Event;
      const effects = structuredCloneFast(line.effects ?? []) as unknown as Effect[];
      const failed = effects.some((e) => e.message?.kind === 'migrated' && !e.message.ok);
      if (event.kind === 'handover' && failed) event.seed = FAILS_MIGRATE;
      stored.store.log.push({ n: line.n, event, effects, low: -1 });
    }
  }
  for (const [name, { pid, store }] of stores) {
    const restored = restore(world.core, store, world.apps[pid] as Application, world.hooks);
    if (restored.differs) return `${name}: ${restored.differs}`;
    if (JSON.stringify(restored.self) !== JSON.stringify(processAt(world, pid))) {
      return `${name} is another after a power cut`;
    }
  }
  return null;
}
