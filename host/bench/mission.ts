// The sample mission as the benches want it: with a message of 32 B more that nobody does anything with, without its
// spare board, and with upgrades of any components that do what their old versions do, or fail when they are told to.

import { createHash } from 'node:crypto';
import type { Plan } from '../../firmware/plan.ts';
import type { TraceLine } from '../check/types.ts';
import { planHash } from '../describe/compile.ts';
import { readSystem, readTestbed } from '../describe/read.ts';
import type { CreateWorld } from '../lab.ts';
import { MISSION, originalVersion } from '../mission/run.ts';
import type { Version } from '../operate/version.ts';
import type { LockstepDevice } from '../testbed/lockstep.ts';
import { devicesOf, headerOf, worldOf } from '../testbed/setup.ts';
import { loadWorld } from '../testbed/world.ts';
import { join } from 'node:path';

/** The handler that does nothing, and the message that it gets. */
export const EMPTY = 'empty';
const BLANK = 'Blank';
export const BLANK_BYTES = 32;

const EMPTY_TEXT = `({ initial: function () { return {}; }, on: { ${BLANK}: function () {} } })`;

function sha(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

/** The sensors, which send a blank with each sun vector as well. */
function sendsBlanks(text: string): string {
  return `(function () {
    var module = ${text};
    var sun = module.inputs.sun;
    module.inputs.sun = function (state, event, io) {
      sun(state, event, io);
      var words = [];
      for (var i = 0; i < ${BLANK_BYTES}; i++) words.push(i);
      io.send('${BLANK}', { words: words });
    };
    return module;
  })()`;
}

/** The controller, which from its so many-th attitude on asks the wheels for what their acceptance test refuses. */
function demandsTooMuch(text: string, steps: number): string {
  return `(function () {
    var module = ${text};
    var attitude = module.on.Attitude;
    module.on.Attitude = function (state, event, io) {
      state.seen = (state.seen || 0) + 1;
      attitude(state, event, { output: io.output, after: io.after, cancel: io.cancel, random: io.random,
        send: function (type, data) {
          if (type === 'Torque' && state.seen >= ${steps}) data.torque = [1, 1, 1];
          io.send(type, data);
        } });
    };
    return module;
  })()`;
}

export function componentNumber(plan: Plan, name: string): number {
  return plan.components.findIndex((component) => component?.name === name);
}

function put(version: Version, plan: Plan, name: string, change: (text: string) => string): void {
  const component = plan.components[componentNumber(plan, name)];
  if (!component) throw new Error(`the mission has no ${name}`);
  const made = change(version.modules[component.module] ?? '');
  component.module = sha(made);
  version.modules[component.module] = made;
}

/** `blank`: with the empty handler, on `blank`'s board. `spare`: with the board that runs nothing. */
export async function missionVersion({ blank, spare }: { blank: string | null; spare: boolean }): Promise<Version> {
  const original = await originalVersion();
  const plan = structuredClone(original.plan);
  const version: Version = { plan, hash: '', modules: { ...original.modules } };
  if (!spare) {
    const last = plan.boards.pop();
    if (last !== 'spare') throw new Error('the mission’s last board is no spare');
  }
  if (blank !== null) {
    const fields = [{ name: 'words', kind: 'u8', count: BLANK_BYTES }];
    plan.types.push({ name: BLANK, fields, perSecond: 20, bytes: BLANK_BYTES });
    const module = sha(EMPTY_TEXT);
    version.modules[module] = EMPTY_TEXT;
    const board = plan.boards.indexOf(blank);
    plan.components.push({ name: EMPTY, board, module, sends: [], reads: [], drives: [] });
    put(version, plan, 'sensors', sendsBlanks);
    const sensors = plan.components[componentNumber(plan, 'sensors')];
    sensors?.sends.push([plan.types.length - 1, [plan.components.length - 1]]);
  }
  version.hash = planHash(plan);
  return version;
}

/**
 * New versions of these components, beside the old ones, which do what those do. `failsAfter`: but the controller goes
 * wrong after so many attitudes.
 */
export function upgradeOf(base: Version, names: string[], failsAfter = 0): Version {
  const plan = structuredClone(base.plan);
  const version: Version = { plan, hash: '', modules: { ...base.modules } };
  plan.sequence++;
  const cluster = names.map((name) => componentNumber(plan, name)).sort((a, b) => a - b);
  plan.upgrade = { name: 'bench', base: base.hash, cluster, added: [], removed: [], changed: [] };
  // it goes on for as long as it is measured
  Object.assign(plan.policy, { commitAfterMs: 0, validated: 0 });
  for (const name of names) {
    put(version, plan, name, (text) => {
      const made = failsAfter > 0 && name === 'controller' ? demandsTooMuch(text, failsAfter) : text;
      return `${made}/* new */`;
    });
  }
  version.hash = planHash(plan);
  return version;
}

export interface Surroundings {
  devices: LockstepDevice[];
  createWorld: CreateWorld;
  /** first line of a trace */
  header: TraceLine;
}

/** The mission's devices, and the craft that moves them. */
export async function surroundings(): Promise<Surroundings> {
  const system = readSystem(join(MISSION, 'system.json'));
  const world = worldOf(readTestbed(join(MISSION, 'testbed.json')));
  const createWorld = await loadWorld(world?.module ?? '', MISSION);
  return { devices: devicesOf(system), createWorld, header: headerOf(system) as TraceLine };
}

/** Where a process of these versions runs. */
export function placesOf(versions: Version[]): (pid: number) => string {
  return (pid) => {
    const { plan } = versions[Math.min(pid & 1, versions.length - 1)] as Version;
    return plan.boards[plan.components[pid >> 1]?.board ?? -1] ?? '';
  };
}
