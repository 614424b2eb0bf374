// From descriptions to plans: names become numbers, and what does not fit together is refused.

import { createHash } from 'node:crypto';
import { COMPONENTS_MAX } from '../../firmware/core/limits.ts';
import { pack, packedBytes } from '../../firmware/link/pack.ts';
import type { ComponentPlan, DevicePlan, Field, Plan, PolicyPlan, TypePlan } from '../../firmware/plan.ts';
import type { SystemFile, UpgradeFile } from './formats.ts';
import type { System, Upgrade } from './read.ts';
import { refuse } from './read.ts';
import type { Problem } from './shape.ts';
import { nearest, suggestion } from './shape.ts';

/** What the build says of a component's module. */
export interface ModuleInfo {
  /** SHA-256 of its text, hex */
  hash: string;
  /** names that its exports handle: message types, input devices, output devices with an acceptance test */
  on: string[];
  inputs: string[];
  accept: string[];
}

export type Modules = Record<string, ModuleInfo>;

const HASH_DIGITS = 16;
/** A message travels in one packet of the device bus, and is kept whole in journals and logs. */
export const MESSAGE_BYTES_MAX = 1024;
/** One heartbeat may be lost or late without its process counting as gone. */
const BEATS_MIN = 2;

export function fieldsOf(fields: Record<string, string>): Field[] {
  return Object.entries(fields).map(([name, type]) => {
    const [, kind, count] = /^(\w+)(?:\[(\d+)\])?$/.exec(type) as unknown as [string, string, string?];
    return { name, kind, count: Number(count ?? 0) };
  });
}

export function fieldText(field: Field): string {
  return field.count > 0 ? `${field.kind}[${field.count}]` : field.kind;
}

function packedFields(given: Record<string, string>, path: string, names: Names): Field[] {
  const fields = fieldsOf(given);
  const bytes = packedBytes(fields);
  if (bytes > MESSAGE_BYTES_MAX) names.say(path, `makes ${bytes} bytes; at most ${MESSAGE_BYTES_MAX}`);
  return fields;
}

function typePlan(name: string, type: SystemFile['messages'][string], names: Names): TypePlan {
  const fields = packedFields(type.fields, `messages.${name}.fields`, names);
  return { name, fields, perSecond: type.perSecond, bytes: packedBytes(fields) };
}

/** What an upgrade leaves open is as in the running version: boards that it does not touch go on with that. */
function policyPlan(policy: UpgradeFile['policy'], before: PolicyPlan, names: Names): PolicyPlan {
  const heartbeatMs = policy.heartbeatMs ?? before.heartbeatMs;
  const absentMs = policy.absentMs ?? before.absentMs;
  const lead = policy.lead ?? before.lead;
  const slowest = Math.max(heartbeatMs, before.heartbeatMs);
  if (absentMs < BEATS_MIN * slowest) {
    const reason = `is ${absentMs}, with a heartbeat every ${slowest} ms; wanted ${BEATS_MIN * slowest} or more`;
    names.say('policy.absentMs', reason);
  }
  return { commitAfterMs: policy.commitAfterS * 1000, validated: policy.validated, heartbeatMs, absentMs, lead };
}

function policyOf({ commitAfterS, ...policy }: SystemFile['policy']): PolicyPlan {
  return { commitAfterMs: commitAfterS * 1000, ...policy };
}

/** First 16 hex digits of the SHA-256 of the plan, its keys sorted and its bytes in base64. */
export function planHash(plan: Plan): string {
  const canonical = (value: unknown): unknown => {
    if (value instanceof Uint8Array) return { b64: Buffer.from(value).toString('base64') };
    if (Array.isArray(value)) return value.map(canonical);
    if (typeof value !== 'object' || value === null) return value;
    return Object.fromEntries(
      Object.entries(value)
        .sort(([a], [b]) => (a < b ? -1 : 1))
        .map(([key, v]) => [key, canonical(v)]),
    );
  };
  return createHash('sha256')
    .update(JSON.stringify(canonical(plan)))
    .digest('hex')
    .slice(0, HASH_DIGITS);
}

/** Looks names up, and says what is unknown. */
class Names {
  readonly problems: Problem[] = [];

  find(names: string[], name: string, path: string, what: string): number {
    const index = names.indexOf(name);
    if (index < 0) this.problems.push({ path, reason: `no ${what} is named ${name}; ${suggestion(name, names)}` });
    return index;
  }

  say(path: string, reason: string): void {
    this.problems.push({ path, reason });
  }
}

function holdBytes(device: SystemFile['devices'][string], out: Field[], path: string, names: Names): Uint8Array | null {
  if (!device.hold) return null;
  try {
    return pack(out, device.hold);
  } catch (error) {
    names.say(path, (error as Error).message);
    return null;
  }
}

function devicePlans(file: SystemFile, boards: string[], names: Names): DevicePlan[] {
  return Object.entries(file.devices).map(([name, device]) => {
    const path = `devices.${name}`;
    if ((device.in === null) === (device.out === null)) names.say(path, 'wants either `in` or `out`');
    if (device.hold && !device.out) names.say(`${path}.hold`, 'an input has nothing to hold; wanted only with `out`');
    const out = device.out ? packedFields(device.out, `${path}.out`, names) : null;
    return {
      name,
      board: names.find(boards, device.board, `${path}.board`, 'board with components or devices'),
      in: device.in ? packedFields(device.in, `${path}.in`, names) : null,
      out,
      latest: device.takeover === 'latest',
      atLeastOnce: device.powerCut === 'at-least-once',
      hold: out ? holdBytes(device, out, `${path}.hold`, names) : null,
      perSecond: device.perSecond,
    };
  });
}

interface ComponentSource {
  board: string;
  sends: Record<string, string[]>;
  reads: string[];
  drives: string[];
}

interface Tables {
  boards: string[];
  components: string[];
  devices: DevicePlan[];
  /** index of a type as this version of the component knows it */
  typeOf: (name: string, path: string) => number;
}

function componentPlan(
  name: string,
  source: ComponentSource,
  module: string,
  tables: Tables,
  names: Names,
): ComponentPlan {
  const path = `components.${name}`;
  const devices = tables.devices.map((d) => d.name);
  const device = (list: 'reads' | 'drives', wanted: 'in' | 'out') =>
    source[list].map((deviceName, i) => {
      const index = names.find(devices, deviceName, `${path}.${list}[${i}]`, 'device');
      const plan = tables.devices[index];
      if (plan && plan[wanted] === null) names.say(`${path}.${list}[${i}]`, `${deviceName} has no \`${wanted}\``);
      return index;
    });
  const board = names.find(tables.boards, source.board, `${path}.board`, 'board of the system (`spares` included)');
  const drives = device('drives', 'out');
  for (const index of drives) {
    const plan = tables.devices[index];
    if (!plan || plan.board === board || board < 0) continue;
    const at = tables.boards[plan.board];
    names.say(
      `${path}.board`,
      `drives ${plan.name}, which is wired to board ${at}: both versions must run there (PROTOCOL 7)`,
    );
  }
  const sends = Object.entries(source.sends).map(([type, to]): [number, number[]] => [
    tables.typeOf(type, `${path}.sends.${type}`),
    to.map((receiver, i) => {
      const at = `${path}.sends.${type}[${i}]`;
      if (receiver === name) names.say(at, 'a component cannot send to itself; keep it in its state');
      return names.find(tables.components, receiver, at, 'component');
    }),
  ]);
  return { name, board, module, sends, reads: device('reads', 'in'), drives };
}

/** What a module must handle: the messages it is sent, the devices it reads, and a test for each output. */
export function checkModules(plan: Plan, modules: Modules, names: { say(path: string, reason: string): void }): void {
  plan.components.forEach((component, index) => {
    const module = component ? modules[component.name] : undefined;
    if (!component || !module || module.hash !== component.module) return;
    const path = `components.${component.name}.module`;
    for (const sender of plan.components) {
      for (const [type, to] of sender?.sends ?? []) {
        const name = plan.types[type]?.name ?? '';
        if (to.includes(index) && !module.on.includes(name)) {
          names.say(path, `has no handler on.${name}, which ${sender?.name} sends it`);
        }
      }
    }
    for (const d of component.reads) {
      const name = plan.devices[d]?.name ?? '';
      if (!module.inputs.includes(name)) names.say(path, `has no handler inputs.${name}, a device that it reads`);
    }
    for (const d of component.drives) {
      const name = plan.devices[d]?.name ?? '';
      if (!module.accept.includes(name)) {
        names.say(path, `has no acceptance test accept.${name} for an output that it drives (PROTOCOL 4.1)`);
      }
    }
  });
}

/** Throws Failure E_DESCRIPTION. Boards are numbered in the order of their names. */
export function compileSystem(system: System, modules: Modules): Plan {
  const { value: file } = system;
  const names = new Names();
  const components = Object.keys(file.components);
  const types = Object.keys(file.messages);
  const used = [...Object.values(file.components), ...Object.values(file.devices)].map((x) => x.board);
  const boards = [...new Set([...used, ...file.spares])].sort();
  if (components.length === 0) names.say('components', 'is empty; a system has at least one component');
  if (components.length > COMPONENTS_MAX)
    names.say('components', `has ${components.length}; at most ${COMPONENTS_MAX}`);
  const devices = devicePlans(file, boards, names);
  const tables: Tables = {
    boards,
    components,
    devices,
    typeOf: (name, path) => names.find(types, name, path, 'message type'),
  };
  const plan: Plan = {
    name: file.name,
    sequence: file.sequence,
    durability: file.durability,
    sharedFate: false,
    boards,
    types: types.map((name) => typePlan(name, file.messages[name] as SystemFile['messages'][string], names)),
    devices,
    components: components.map((name) =>
      componentPlan(name, file.components[name] as ComponentSource, modules[name]?.hash ?? '', tables, names),
    ),
    policy: policyPlan(file.policy, policyOf(file.policy), names),
    upgrade: null,
  };
  if (names.problems.length === 0) checkModules(plan, modules, names);
  refuse(system, names.problems);
  return plan;
}

function sameFields(a: Field[], b: Field[]): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}

export interface Draft {
  plan: Plan;
  /** components for which the upgrade brings a module, removed ones included */
  brought: number[];
  added: number[];
  removed: number[];
  /** changed types: [old index, new index] */
  changed: [number, number][];
}

/** The plan after an upgrade, before its cluster is known. Throws Failure E_DESCRIPTION. */
export function draftUpgrade(base: Plan, upgrade: Upgrade, modules: Modules): Draft {
  const { value: file } = upgrade;
  const names = new Names();
  if (file.system !== base.name) {
    names.say('system', `is ${file.system}; the boards run ${base.name}`);
  }
  if (file.sequence <= base.sequence) {
    names.say('sequence', `is ${file.sequence}; the running version has ${base.sequence}, and upgrades must go up`);
  }
  const types = base.types.slice();
  const changed: [number, number][] = [];
  // the newest of a name is the running version's
  const latest = (name: string): number => types.map((t) => t.name).lastIndexOf(name);
  const inUse = (name: string): number => {
    for (const component of base.components) {
      for (const [type] of component?.sends ?? []) if (base.types[type]?.name === name) return type;
    }
    return latest(name);
  };
  for (const [name, message] of Object.entries(file.messages)) {
    const old = inUse(name);
    const before = old < 0 ? undefined : base.types[old];
    const type = typePlan(name, { ...message, perSecond: message.perSecond ?? before?.perSecond ?? 0 }, names);
    if (before && sameFields(before.fields, type.fields) && before.perSecond === type.perSecond) continue;
    if (old >= 0) changed.push([old, types.length]);
    types.push(type);
  }
  const boards = base.boards;
  const components = base.components.map((c) => c?.name ?? '');
  const added: number[] = [];
  const removed: number[] = [];
  for (const [name, source] of Object.entries(file.components)) {
    const index = components.indexOf(name);
    if (index >= 0) {
      if (source === null) removed.push(index);
      continue;
    }
    if (source === null) {
      names.say(
        `components.${name}`,
        `is to be removed, but the system has no such component; ${suggestion(name, components)}`,
      );
    } else if (source.board === null || source.sends === null) {
      const known = nearest(name, components.filter(Boolean));
      const meant = known ? `, or did you mean ${known}?` : '';
      names.say(`components.${name}`, `is new to the system: it wants \`board\` and \`sends\`${meant}`);
    }
    added.push(components.length);
    components.push(name);
  }
  const gone = (c: number): boolean => !base.components[c] || removed.includes(c);
  if (components.length > COMPONENTS_MAX)
    names.say('components', `would be ${components.length}; at most ${COMPONENTS_MAX}`);
  const tables: Tables = {
    boards,
    components,
    devices: base.devices,
    typeOf: (name, path) => {
      const known = [...new Set(types.map((t) => t.name))];
      names.find(known, name, path, 'message type');
      return latest(name);
    },
  };
  const brought: number[] = [];
  const plans = components.map((name, index): ComponentPlan | null => {
    const old = base.components[index] ?? null;
    if (!Object.hasOwn(file.components, name)) return old;
    brought.push(index);
    const source = file.components[name];
    if (!source || (!old && source.board === null)) return null;
    const sends = Object.fromEntries(
      (old?.sends ?? []).map(([type, to]) => [
        base.types[type]?.name ?? '',
        to.filter((c) => !gone(c)).map((c) => components[c] ?? ''),
      ]),
    );
    for (const [type, to] of Object.entries(source.sends ?? {})) {
      to.forEach((receiver, i) => {
        if (removed.includes(components.indexOf(receiver)))
          names.say(`components.${name}.sends.${type}[${i}]`, `${receiver} is removed by this very upgrade`);
      });
    }
    const deviceNames = (list: number[] | undefined) => (list ?? []).map((d) => base.devices[d]?.name ?? '');
    const full: ComponentSource = {
      board: source.board ?? base.boards[old?.board ?? -1] ?? '',
      sends: source.sends ?? sends,
      reads: source.reads ?? deviceNames(old?.reads),
      drives: source.drives ?? deviceNames(old?.drives),
    };
    return componentPlan(name, full, modules[name]?.hash ?? '', tables, names);
  });
  if (brought.length === 0) names.say('components', 'is empty; an upgrade brings at least one');
  const plan: Plan = {
    ...base,
    sequence: file.sequence,
    sharedFate: file.sharedFate,
    boards,
    types,
    components: plans,
    policy: policyPlan(file.policy, base.policy, names),
    upgrade: null,
  };
  for (const name of Object.keys(file.messages)) {
    const sent = plans.some((component) => component?.sends.some(([type]) => types[type]?.name === name));
    const known = [...new Set(base.types.map((t) => t.name))].filter((other) => other !== name);
    if (!sent) names.say(`messages.${name}`, `no component sends it; ${suggestion(name, known)}`);
  }
  refuse(upgrade, names.problems);
  return { plan, brought, added, removed, changed };
}
