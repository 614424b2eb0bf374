// A satellite in a nutshell, for pictures: the protocol core's processes in this process, with a bus that takes a
// moment, so that the traces which the pictures are made of are the core's own.

import type { TraceHeader } from '../host/trace/file.ts';
import type { TraceEffect, TraceEvent, TraceLine } from '../host/check/types.ts';
import type { Process } from '../firmware/core/core.ts';
import { create, gate, heartbeat, step } from '../firmware/core/rules.ts';
import type { Application, Effect, Emission, Event, Message, Operation } from '../firmware/core/types.ts';

const COMPONENTS = ['sensors', 'estimator', 'controller', 'wheels', 'telemetry'];
const BOARDS = ['sensors', 'compute', 'control', 'actuators', 'sensors'];
const NEW_BOARDS: Record<number, string> = { 1: 'spare', 2: 'control' };
const DEVICES = ['gyro', 'torque', 'magnetorquer', 'radio'];
const TYPES = ['Rates', 'Attitude', 'Torque', 'Housekeeping'];
const OPERATION: Operation = {
  id: 'quaternion',
  cluster: [1, 2],
  lows: [3, 5],
  added: [],
  policy: { commitAfterMs: 0, validated: 0, lead: 50 },
};

interface State {
  count: number;
  bad: number;
}

/** `badFrom`: the new controller's torque is implausible from its so-manieth message on. */
function application(pid: number, badFrom: number): Application {
  const component = pid >> 1;
  const low = pid % 2 === 1;
  return {
    initial: () => ({ count: 0, bad: 0 }),
    handle(state, event: Event, out: Emission[]) {
      const s = state as State;
      s.count++;
      if (component === 0 && event.kind === 'input') {
        out.push({ to: 1, type: 0, data: { n: s.count } });
        if (s.count % 3 === 0) out.push({ to: 4, type: 3, data: { n: s.count } });
      } else if (component === 1) out.push({ to: 2, type: 1, data: { n: s.count } });
      else if (component === 2) {
        out.push({ device: 2, data: { moment: s.count } });
        out.push({ to: 3, type: 2, data: { bad: low && s.count >= badFrom } });
      } else if (component === 3) {
        s.bad = (event.data as { bad?: boolean }).bad ? s.bad + 1 : 0;
        out.push({ to: 4, type: 3, data: { wheel: s.count } });
        out.push({ device: 1, data: { torque: s.bad } });
      } else if (component === 4 && s.count % 4 === 0) out.push({ device: 3, data: { n: s.count } });
    },
    accept: (state) => (state as State).bad < 1,
    compensate: () => null,
    migrate: (old, pending) => ({ state: old, pending }),
    save: (value) => structuredClone(value),
    load: (saved) => structuredClone(saved),
    bytes: (saved) => JSON.stringify(saved ?? null).length,
  };
}

export interface MissionOptions {
  /** after how many messages the new controller goes wrong; 0: never */
  badFrom: number;
  /** ms of the mission */
  until: number;
  /** ms of the words; 0: not given */
  start: number;
  commit?: number;
  /** a board loses power for good */
  cut?: { board: string; at: number };
}

export function mission(options: MissionOptions): TraceLine[] {
  const pids = [0, 2, 3, 4, 5, 6, 8];
  const nameOf = (pid: number) => `${COMPONENTS[pid >> 1]}/${pid % 2}`;
  const boardOf = (pid: number) => (pid % 2 ? (NEW_BOARDS[pid >> 1] as string) : (BOARDS[pid >> 1] as string));
  const lines: TraceLine[] = [];
  const header: TraceHeader = {
    v: 1,
    trace: 'understudy',
    system: 'smallsat',
    plan: '0123456789abcdef',
    processes: pids.map((p) => [p, nameOf(p), boardOf(p)]),
    devices: DEVICES,
    types: TYPES,
  };
  lines.push(header);
  const apps = new Map<number, Application>();
  const processes = new Map<number, Process>();
  for (const pid of pids) {
    const app = application(pid, options.badFrom || Number.POSITIVE_INFINITY);
    apps.set(pid, app);
    const role = pid % 2 ? 'seat' : 'active';
    processes.set(
      pid,
      create(
        {
          rules: 'corrected',
          pid,
          epoch: 4,
          live: [0, 2, 4, 6, 8],
          devices: DEVICES.length,
          latest: [false, false, false, false],
          operation: null,
          role,
        },
        app,
      ),
    );
  }
  // queue of things to come: [µs, order, what]
  const queue: [number, number, () => void][] = [];
  let order = 0;
  let now = 0;
  const at = (us: number, what: () => void) => {
    queue.push([us, order++, what]);
  };
  const channels = new Map<string, Message[]>();
  const dead = new Set<number>();
  const last = new Map<string, number>();

  const happen = (pid: number, event: Omit<Event, 't' | 'seed'>): void => {
    const self = processes.get(pid) as Process;
    if (dead.has(pid)) return;
    const effects: Effect[] = [];
    const full: Event = { ...event, t: now / 1000, seed: order } as Event;
    const epoch = self.epoch;
    step(self, full, effects, apps.get(pid) as Application);
    const line = { v: 1, t: now, board: boardOf(pid), process: nameOf(pid), epoch, n: self.n, event: full, effects };
    const plain = structuredClone(line) as unknown as TraceLine & { event: TraceEvent; effects: TraceEffect[] };
    lines.push(plain);
    for (const effect of effects) {
      if (effect.kind !== 'send' || !effect.message) continue;
      const to = effect.to as number;
      const key = `${pid}>${to}`;
      const bus = boardOf(pid) === boardOf(to) ? 60 : 420 + ((pid * 7 + to * 13) % 5) * 70;
      const arrives = Math.max(now + bus, (last.get(key) ?? 0) + 90);
      last.set(key, arrives);
      const message = structuredClone(effect.message);
      at(arrives, () => {
        const list = channels.get(key) ?? [];
        channels.set(key, list);
        list.push(message);
        pump(pid, to);
      });
    }
    for (const from of pids) pump(from, pid);
  };
  const pump = (from: number, to: number): void => {
    const list = channels.get(`${from}>${to}`);
    while (list && list.length > 0) {
      const message = list[0] as Message;
      const verdict = gate(processes.get(to) as Process, from, message);
      if (verdict === 'wait') return;
      list.shift();
      if (verdict === 'take') happen(to, { ...message, from } as Omit<Event, 't' | 'seed'>);
    }
  };

  const inputs = new Map<number, number>();
  for (let t = 100; t <= options.until; t += 100) {
    at(t * 1000, () => {
      const i = (inputs.get(0) ?? 0) + 1;
      inputs.set(0, i);
      happen(0, {
        kind: 'input',
        device: 0,
        i,
        epoch: (processes.get(0) as Process).epoch,
        data: { rates: [i, 0, 0] },
      });
    });
    at(t * 1000 + 50_000, () => {
      for (const from of pids) {
        if (dead.has(from) || !(processes.get(from) as Process).guarded) continue;
        const beat = heartbeat(processes.get(from) as Process, [], []);
        for (const to of pids) if (to !== from) happen(to, structuredClone({ ...beat, from }));
      }
    });
  }
  if (options.start) {
    at(options.start * 1000 - 30_000, () => {
      for (const pid of pids) happen(pid, { kind: 'word', word: 'stage', operation: OPERATION });
    });
    at(options.start * 1000, () => happen(6, { kind: 'word', word: 'start', op: OPERATION.id }));
  }
  if (options.commit) at(options.commit * 1000, () => happen(6, { kind: 'word', word: 'commit', op: OPERATION.id }));
  const cut = options.cut;
  if (cut) {
    at(cut.at * 1000, () => {
      lines.push({ v: 1, t: now, board: cut.board, note: { kind: 'off' } });
      for (const pid of pids) if (boardOf(pid) === cut.board) dead.add(pid);
    });
    at(cut.at * 1000 + 300_000, () => {
      for (const pid of pids) {
        if (!dead.has(pid)) continue;
        for (const to of pids) happen(to, { kind: 'absent', pid, why: 'silent for 300 ms' });
      }
    });
  }
  while (queue.length > 0) {
    queue.sort((a, b) => a[0] - b[0] || a[1] - b[1]);
    const [t, , what] = queue.shift() as [number, number, () => void];
    now = t;
    what();
  }
  return lines;
}
