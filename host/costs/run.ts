// One run of one variant: real cores in a world with time. What arrives when is the schedule's to say.

import { forgettable } from '../../firmware/core/core.ts';
import type { Event, Message, Pid } from '../../firmware/core/types.ts';
import { covered } from '../../firmware/core/vector.ts';
import type { TraceLine } from '../check/types.ts';
import { Heap } from '../sim/heap.ts';
import { processName } from '../explore/shape.ts';
import type { Core, World } from '../explore/world.ts';
import { beat, crash, createWorld, deliver, ends, give, headOf, input, takeable, takeInput } from '../explore/world.ts';
import type { Plan } from './plan.ts';
import { FAIL, Schedule } from './schedule.ts';

/** How long after the failure devices still have inputs: what a recovery has broken shows then. */
const AFTER_MS = 100;
const ABSENT_MS = 40;
const FORGET_MARKS = 4;

/** Looks on: at each step, with the world just after it; and at each heartbeat. */
export interface Watcher {
  watch(line: TraceLine, pid: Pid, world: World): void;
  beat(event: Event, low: boolean): void;
}

export interface Ran {
  world: World;
  schedule: Schedule;
}

class Runner {
  readonly world: World;
  readonly schedule: Schedule;
  private readonly plan: Plan;
  private readonly watcher: Watcher | null;
  private readonly keep: boolean;
  private readonly tasks = new Heap<() => void>();
  private readonly pids = new Map<string, Pid>();
  private readonly arrived = new Set<Message>();
  /** by process: channels on which something has arrived that may not be taken yet */
  private readonly open: Set<string>[] = [];
  private now = 0;
  private seen = 1;
  private failed = false;

  constructor(plan: Plan, rules: 'corrected' | 'paper', core: Core, watcher: Watcher | null, keep: boolean) {
    this.plan = plan;
    this.watcher = watcher;
    this.keep = keep;
    this.schedule = new Schedule(plan, rules);
    this.world = createWorld(this.schedule.shape, {}, core);
    this.schedule.shape.boards.forEach((_, pid) => {
      this.pids.set(processName(this.schedule.shape, pid), pid);
      this.open.push(new Set());
    });
  }

  run(): void {
    const { plan, schedule, world } = this;
    schedule.shape.devices.forEach((_, d) => {
      this.inputs(d, 1, 0);
    });
    for (const self of world.state.processes) {
      if (self && self.rules === 'corrected') this.beats(self.pid, schedule.hash(8, self.pid) * plan.beatMs);
    }
    if (plan.failing) this.at(plan.endMs, () => this.fail());
    for (let task = this.tasks.pop(); task; task = this.tasks.pop()) {
      this.now = Math.max(this.now, this.tasks.t);
      world.state.t = Math.round(this.now * 1000);
      task();
      this.look();
    }
  }

  private at(t: number, run: () => void): void {
    this.tasks.push(t, run);
  }

  private untilMs(): number {
    return this.plan.endMs + (this.plan.failing ? AFTER_MS : 0);
  }

  private inputs(d: number, i: number, after: number): void {
    const t = after + this.schedule.gap(d, i);
    if (t > this.untilMs()) return;
    this.at(t, () => {
      this.input(d);
      this.inputs(d, i + 1, t);
    });
  }

  private input(d: number, low?: Pid): void {
    const { world, schedule } = this;
    input(world, d);
    for (const pid of world.state.devices[d]?.readers ?? []) {
      const list = world.state.inputs[pid] ?? [];
      const message = list[list.length - 1] as Message;
      this.at(schedule.arrival(-1 - d, pid, this.now), () => {
        this.arrived.add(message);
        this.take(pid, pid === low ? message : null);
      });
    }
  }

  /** Takes what has arrived at a process and may be taken; `failing`: the input at which it fails its test. */
  private take(pid: Pid, failing: Message | null = null): void {
    const { world, schedule, arrived } = this;
    for (let again = true; again; ) {
      again = false;
      for (const place of takeable(world, pid)) {
        const message = world.state.inputs[pid]?.[place] as Message;
        if (!arrived.delete(message)) continue;
        takeInput(world, pid, place, message === failing ? FAIL : schedule.place(pid, message));
        this.look();
        again = true;
        break;
      }
      for (const key of this.open[pid] ?? []) {
        const head = headOf(world, key);
        if (!head || !arrived.delete(head)) {
          const first = world.state.wires[key]?.[0];
          if (!first || !arrived.has(first)) this.open[pid]?.delete(key);
          continue;
        }
        deliver(world, key, schedule.place(pid, head, ends(key)[0]));
        this.look();
        again = true;
      }
    }
  }

  /** What the steps since the last look have sent is on its way. */
  private look(): void {
    const { world, schedule } = this;
    const lines = world.lines;
    for (; this.seen < lines.length; this.seen++) {
      const line = lines[this.seen] as TraceLine;
      const from = line.process === undefined ? undefined : this.pids.get(line.process);
      if (from === undefined) continue;
      this.watcher?.watch(line, from, world);
      const sent = new Map<Pid, number>();
      for (const effect of line.effects ?? []) {
        if (effect.kind === 'send') sent.set(effect.to as Pid, (sent.get(effect.to as Pid) ?? 0) + 1);
      }
      for (const [to, count] of sent) {
        const key = `${from}>${to}`;
        const t = schedule.arrival(from, to, this.now);
        for (const message of (world.state.wires[key] ?? []).slice(-count)) {
          this.at(t, () => {
            this.arrived.add(message);
            this.open[to]?.add(key);
            this.take(to);
          });
        }
      }
    }
    if (this.keep) return;
    lines.length = 1;
    this.seen = 1;
  }

  private beats(pid: Pid, t: number): void {
    this.at(t, () => {
      const { world, schedule } = this;
      const self = world.state.processes[pid];
      if (!self?.guarded || world.state.dead[pid] || (!this.plan.failing && t > this.plan.endMs)) return;
      const acked = world.state.acked[pid] as number[];
      if (forgettable(self, acked, FORGET_MARKS)) {
        const list = acked.map((q, c): [number, number] => [c, q]).filter(([, q]) => q > 0);
        give(world, pid, { kind: 'acked', t: 0, seed: 0, acked: list });
      }
      const event = beat(world, pid);
      if (t < this.plan.endMs) this.watcher?.beat(event, self.role === 'low');
      for (const other of world.state.processes) {
        if (!other || other.pid === pid) continue;
        this.at(schedule.arrival(pid, other.pid, t), () => this.hear(pid, other.pid, event));
      }
      this.beats(pid, t + this.plan.beatMs);
    });
  }

  /** A heartbeat is an event where it tells something new. */
  private hear(from: Pid, to: Pid, event: Event): void {
    const { world } = this;
    const self = world.state.processes[to];
    if (!self?.guarded || world.state.dead[to] || self.epoch !== event.epoch) return;
    const own = self.role === 'shadow' && event.sent !== undefined && from >> 1 === to >> 1;
    if (covered(event.V ?? [], self.V) && !own) return;
    give(world, to, { ...event, from });
    this.look();
    this.take(to);
  }

  private fail(): void {
    const { world, schedule, plan } = this;
    if (this.failed) return;
    this.failed = true;
    const which = Math.floor(schedule.hash(9) * plan.cluster);
    const low = 2 * which + 1;
    if (plan.failing === 'test') this.input(which, low);
    else if (plan.failing === 'abort') {
      const at = plan.cluster + Math.floor(schedule.hash(10) * (plan.components - plan.cluster));
      give(world, 2 * at, { kind: 'word', t: 0, seed: 0, word: 'abort' });
    } else {
      // of what is under way on each channel the end is lost with the board
      crash(world, low, (key, length) => Math.round(schedule.hash(11, ends(key)[1]) * length));
      world.state.processes.forEach((other, pid) => {
        if (other && pid !== low)
          this.at(this.now + ABSENT_MS * (1 + schedule.hash(12, pid)), () => this.miss(pid, low));
      });
    }
  }

  private miss(pid: Pid, low: Pid): void {
    const { world } = this;
    const self = world.state.processes[pid];
    if (!self || self.role === 'stopped' || self.role === 'low' || !self.op?.lows.includes(low)) return;
    if (self.cut && (self.cut.reported || self.cut.ends.some(([gone]) => gone === low))) return;
    give(world, pid, { kind: 'absent', t: 0, seed: 0, pid: low, why: 'silent' });
    this.look();
    this.take(pid);
  }
}

/** `keep`: the trace is wanted afterwards. */
export function run(
  plan: Plan,
  variant: { rules: 'corrected' | 'paper'; core: Core },
  watcher: Watcher | null = null,
  keep = true,
): Ran {
  const runner = new Runner(plan, variant.rules, variant.core, watcher, keep);
  runner.run();
  return { world: runner.world, schedule: runner.schedule };
}
