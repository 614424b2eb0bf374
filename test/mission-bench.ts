// The sample mission without boards: plant and components as they are, messages with a few milliseconds on the way,
// and of the guard only what the mission needs: old and new version side by side, and the acceptance test. Cheap
// enough for hundreds of seeds. The protocol itself is tested on boards.

import { readdirSync, readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { runInThisContext, Script } from 'node:vm';
import { createApplication } from '../firmware/application.ts';
import type { Module } from '../firmware/application.ts';
import type { Application, Emission, Event } from '../firmware/core/types.ts';
import { pack, unpack } from '../firmware/link/pack.ts';
import type { Field, Plan } from '../firmware/plan.ts';
import { componentText } from '../host/build/bundle.ts';
import { compileUpgrade } from '../host/describe/cluster.ts';
import type { Modules } from '../host/describe/compile.ts';
import { compileSystem, planHash } from '../host/describe/compile.ts';
import { readSystem, readUpgrade } from '../host/describe/read.ts';
import type { CreateWorld, DeviceWorld } from '../host/lab.ts';
import { createRandom } from '../host/testbed/random.ts';

export const MISSION = resolve(import.meta.dirname, '../host/mission');

export interface Upgrade {
  plan: Plan;
  /** by component: its new module */
  modules: Record<string, Module>;
}

interface Loaded {
  hash: string;
  module: Module;
}

const loaded = new Map<string, Promise<Loaded>>();

/** A component's module, built as for a board. */
function loadModule(file: string): Promise<Loaded> {
  let module = loaded.get(file);
  if (!module) {
    module = componentText(file).then(({ hash, text }) => ({ hash, module: runInThisContext(text) as Module }));
    loaded.set(file, module);
  }
  return module;
}

async function loadModules(file: string, components: Record<string, { module: string } | null>) {
  const infos: Modules = {};
  const modules: Record<string, Module> = {};
  for (const [name, component] of Object.entries(components)) {
    if (!component) continue;
    const { hash, module } = await loadModule(resolve(dirname(file), component.module));
    const keys = (of: object | undefined) => Object.keys(of ?? {});
    modules[name] = module;
    infos[name] = { hash, on: keys(module.on), inputs: keys(module.inputs), accept: keys(module.accept) };
  }
  return { infos, modules };
}

const system = readSystem(resolve(MISSION, 'system.json'));
const original = await loadModules(system.file, system.value.components);
const basePlan = compileSystem(system, original.infos);
const names = Object.keys(system.value.components);

/** Reads an upgrade's folder; throws what its descriptions deserve. */
export async function loadUpgrade(folder: string): Promise<Upgrade> {
  const upgrade = readUpgrade(resolve(folder, 'upgrade.json'));
  const { infos, modules } = await loadModules(upgrade.file, upgrade.value.components);
  return { plan: compileUpgrade(basePlan, planHash(basePlan), upgrade, infos), modules };
}

/** Runs what may loop for ever: an Error that begins with 'hang' after so many ms. */
const HANG_MS = 100;
const box = globalThis as { missionCall?: () => void };
const boxed = new Script('missionCall()');

function interruptible(fn: () => void): void {
  box.missionCall = fn;
  try {
    boxed.runInThisContext({ timeout: HANG_MS });
  } catch (error) {
    if ((error as { code?: string }).code !== 'ERR_SCRIPT_EXECUTION_TIMEOUT') throw error;
    throw new Error(`hang: a handler did not return within ${HANG_MS} ms`);
  }
}

export interface MissionOptions {
  createWorld: CreateWorld;
  worldOptions?: Record<string, unknown>;
  seed: number;
  seconds?: number;
  upgrade?: Upgrade;
  /** s after the release */
  upgradeAt?: number;
  /** false: the upgrade is started and committed at once */
  guarded?: boolean;
  /** the new version may loop for ever: run it with a watch, which is slow */
  hangs?: boolean;
  /** ms from the alarm until the old version acts */
  takeoverMs?: number;
}

export interface MissionResult {
  /** largest true pointing error, degrees */
  peak: number;
  /** s after the release; -1: none */
  alarmAt: number;
  alarm: string;
  records: { t: number; name: string; values: number[] }[];
  outputs: Record<string, number>;
  errors: string[];
}

interface Proc {
  component: number;
  side: number;
  app: Application;
  state: unknown;
  plan: Plan;
}

class Alarm extends Error {}

export function runMission(options: MissionOptions): MissionResult {
  let now = 0;
  let count = 0;
  const queue: { at: number; count: number; run: () => void }[] = [];
  const later = (at: number, run: () => void) => {
    const item = { at, count: count++, run };
    let i = queue.length;
    while (i > 0 && (queue[i - 1] as typeof item).at > at) i--;
    queue.splice(i, 0, item);
  };
  const busRandom = createRandom(options.seed, 'bus');
  const worldRandom = createRandom(options.seed, 'world');
  const result: MissionResult = { peak: 0, alarmAt: -1, alarm: '', records: [], outputs: {}, errors: [] };
  const make = (plan: Plan, component: number, side: number, module: Module): Proc => {
    const app = createApplication(
      module,
      () => plan,
      component,
      options.hangs && side === 1 ? interruptible : (fn) => fn(),
    );
    return { component, side, app, plan, state: app.initial() };
  };
  const live = names.map((_, i) => make(basePlan, i, 0, original.modules[names[i] as string] as Module));
  let shadows: Proc[] = [];
  let guarded = false;
  let release = -1;
  let world: DeviceWorld | null = null;
  const pending = new Map<number, Event[]>();
  const arrival = new Map<string, number>();
  const isShadow = (proc: Proc) => shadows.includes(proc);
  const stopped = new Set<Proc>();

  const fail = (why: string) => {
    if (!guarded) return;
    guarded = false;
    result.alarm = why;
    result.alarmAt = release < 0 ? 0 : (now - release) / 1000;
    const old = shadows;
    shadows = [];
    for (const proc of old) stopped.add(live[proc.component] as Proc);
    for (const proc of old) live[proc.component] = proc;
  };

  const send = (from: Proc, emission: Emission) => {
    const to = emission.to as number;
    const inside = shadows.some((s) => s.component === to);
    const targets: Proc[] = [];
    if (isShadow(from)) {
      const mirror = shadows.find((s) => s.component === to);
      if (mirror) targets.push(mirror);
    } else {
      targets.push(live[to] as Proc);
      const mirror = inside && !shadows.some((s) => s.component === from.component);
      if (mirror) targets.push(shadows.find((s) => s.component === to) as Proc);
    }
    for (const target of targets) {
      const key = `${from.component}/${from.side}-${to}/${target.side}`;
      const at = Math.max(now + 1 + 2 * busRandom.next(), arrival.get(key) ?? 0);
      arrival.set(key, at);
      const event: Event = {
        kind: 'app',
        t: 0,
        seed: 1,
        type: emission.type,
        data: emission.data,
        from: from.component,
      };
      const list = pending.get(to) ?? [];
      pending.set(to, list);
      if (target.side === 0) list.push(event);
      later(at, () => {
        if (target.side === 0) list.splice(list.indexOf(event), 1);
        deliver(target, event);
      });
    }
  };

  const output = (proc: Proc, emission: Emission) => {
    const device = emission.device as number;
    if (isShadow(proc)) return;
    let data = emission.data as Uint8Array;
    if (guarded && !proc.app.accept(proc.state, device, data)) {
      const other = proc.app.compensate(proc.state, device, data) as Uint8Array | null;
      if (!other || !proc.app.accept(proc.state, device, other)) throw new Alarm('acceptance test failed');
      data = other;
    }
    const plan = basePlan.devices[device] as Plan['devices'][number];
    result.outputs[plan.name] = (result.outputs[plan.name] ?? 0) + 1;
    if (plan.name === 'wheel' && release < 0) release = now;
    world?.output(plan.name, unpack(plan.out as Field[], data));
  };

  const deliver = (proc: Proc, event: Event) => {
    if (stopped.has(proc)) return;
    const emissions: Emission[] = [];
    event.t = now;
    try {
      proc.app.handle(proc.state, event, emissions);
      for (const emission of emissions) {
        if (emission.timer !== undefined) {
          const { timer, at } = emission;
          later(at as number, () => deliver(proc, { kind: 'timer', t: now, seed: 1, name: timer }));
        } else if (emission.device !== undefined) output(proc, emission);
        else send(proc, emission);
      }
    } catch (error) {
      const why = (error as Error).message;
      if (
        guarded &&
        (error instanceof Alarm || (!isShadow(proc) && shadows.some((s) => s.component === proc.component)))
      ) {
        later(now + (options.takeoverMs ?? 30), () => fail(why));
      } else result.errors.push(`${names[proc.component]}: ${why}`);
    }
  };

  const begin = (upgrade: Upgrade) => {
    const { plan } = upgrade;
    const cluster = plan.upgrade?.cluster ?? [];
    for (const component of cluster) {
      const old = live[component] as Proc;
      const low = make(plan, component, 1, upgrade.modules[names[component] as string] as Module);
      const inside = (pending.get(component) ?? []).filter((event) => cluster.includes(event.from as number));
      const moved = low.app.migrate(low.app.load(old.app.save(old.state)), inside) as {
        state: unknown;
        pending: Event[];
      };
      low.state = moved.state;
      live[component] = low;
      if (options.guarded === false) stopped.add(old);
      else shadows.push(old);
      for (const event of moved.pending) later(now + 2, () => deliver(low, event));
    }
    guarded = options.guarded !== false;
  };

  world = options.createWorld(
    {
      now: () => now,
      every: (periodMs, fn) => {
        const start = now;
        let n = 1;
        const again = () => {
          fn();
          later(start + ++n * periodMs, again);
        };
        later(start + periodMs, again);
      },
      input: (name, values) => {
        const device = basePlan.devices.findIndex((d) => d.name === name);
        const data = pack(basePlan.devices[device]?.in as Field[], values);
        for (const proc of [...live, ...shadows]) {
          if (!basePlan.components[proc.component]?.reads.includes(device)) continue;
          later(now + 0.5, () => deliver(proc, { kind: 'input', t: now, seed: 1, device, data }));
        }
      },
      random: () => worldRandom.next(),
      record: (name, values) => {
        result.records.push({ t: now, name, values });
        if (name === 'pointing') result.peak = Math.max(result.peak, values[1] as number);
      },
    },
    options.worldOptions ?? {},
  );
  for (const proc of live) later(0, () => deliver(proc, { kind: 'start', t: 0, seed: 1 }));
  if (options.upgrade) {
    const { upgrade } = options;
    later(100 + 1000 * (options.upgradeAt ?? 10) + 37, () => begin(upgrade));
  }
  const end = (options.seconds ?? 120) * 1000 + 150;
  while (queue.length > 0 && (queue[0] as { at: number }).at <= end) {
    const next = queue.shift() as { at: number; run: () => void };
    now = next.at;
    next.run();
  }
  return result;
}

/** Every source of the mission that runs on boards: [file, text]. */
export function boardFiles(): [string, string][] {
  const files = readdirSync(MISSION, { recursive: true, encoding: 'utf8' });
  return files
    .filter((file) => /^(components|upgrades)\b.*\.ts$/.test(file))
    .map((file) => [resolve(MISSION, file), readFileSync(resolve(MISSION, file), 'utf8')]);
}
