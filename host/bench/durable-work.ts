// The sample mission in lockstep with a journal kept in one way or another: what its boards' flash counts, and how much
// time of this machine it takes.

import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { slotAt } from '../../firmware/image.ts';
import { planHash } from '../describe/compile.ts';
import { readSystem, readTestbed, readUpgrade } from '../describe/read.ts';
import { MISSION, originalVersion } from '../mission/run.ts';
import type { Change } from '../mutants/core.ts';
import { changedText } from '../mutants/core.ts';
import { buildUpgrade } from '../operate/build.ts';
import { flash } from '../operate/flash.ts';
import { start } from '../operate/guard.ts';
import { stage } from '../operate/stage.ts';
import type { Version } from '../operate/version.ts';
import { Lockstep } from '../testbed/lockstep.ts';
import { boardsOf, devicesOf, worldOf } from '../testbed/setup.ts';
import { loadWorld } from '../testbed/world.ts';

/** How the journal is kept; all but the first are no options of the product, but other builds of it. */
export type Way = 'as it is' | 'no patches' | 'own writes';

export const WAYS: Record<Way, Change[]> = {
  'as it is': [],
  'no patches': [['store.ts', 'if (stream.mark && !full && bytes', 'if (!stream && bytes']],
  'own writes': [
    [
      'store.ts',
      'if (records.length > 0 && !write(rt, records)) return;',
      'for (let i = 0; i < records.length; i++) if (!write(rt, [records[i]])) return;',
    ],
    ['store.ts', 'if (unit < SHARE_UNIT || ', 'if (unit > 0 || '],
  ],
};

export interface Setting {
  durability: 'off' | 'guard' | 'always';
  /** the upgrade is started, and guarded operation goes on */
  guarded: boolean;
  way: Way;
  programBytes: number;
  /** each component has so many more numbers of 9 bytes in its state; a message changes one of FEW of them */
  numbers: number;
}

/** Sums over all boards, and the board that wrote most. */
export interface Figures {
  /** messages and inputs that came to processes */
  messages: number;
  /** of the boards' time, s */
  seconds: number;
  programs: number;
  bytes: number;
  /** what a typical part takes for it, ms */
  flashMs: number;
  most: { board: string; bytes: number };
  /** of a processor of this machine: others that work on it do not count */
  cpuMs: number;
}

const ENTRY = "import { boot } from './main.ts'; globalThis.understudy = { boot: boot };";
const SECTORS = 128;
const FEW = 8;
const SECTOR_BYTES = 4096;
/** The craft is released, and queues have settled, ms. */
const SETTLE_MS = 2000;

const bundles = new Map<Way, Promise<string>>();

function bundleOf(way: Way): Promise<string> {
  const known = bundles.get(way) ?? changedText(ENTRY, WAYS[way], `a journal kept ${way}`, 'iife');
  bundles.set(way, known);
  return known;
}

function withNumbers(text: string, numbers: number): string {
  return `(function () {
    var module = ${text};
    var grown = function (state) {
      if (state.numbers) return state;
      state.numbers = [];
      state.at = 0;
      for (var i = 0; i < ${numbers}; i++) state.numbers.push(i * 0.37 + 0.1);
      return state;
    };
    var around = function (handlers, name) {
      var inner = handlers[name];
      handlers[name] = function (state, event, io) {
        state.at = (state.at + ${Math.floor(numbers / FEW)}) % ${numbers - (numbers % FEW)};
        state.numbers[state.at] += 0.5;
        return inner(state, event, io);
      };
    };
    var initial = module.initial;
    var migrate = module.migrate;
    module.initial = function () { return grown(initial()); };
    if (migrate) module.migrate = function (old, pending) {
      var made = migrate(old, pending);
      grown(made.state);
      return made;
    };
    for (var name in module.on || {}) around(module.on, name);
    for (name in module.inputs || {}) around(module.inputs, name);
    return module;
  })()`;
}

function altered(version: Version, { durability, numbers }: Setting, base: Version | null): Version {
  const plan = structuredClone(version.plan);
  const modules: Record<string, string> = {};
  plan.durability = durability;
  for (const component of plan.components) {
    if (!component) continue;
    const text = version.modules[component.module] ?? '';
    const made = numbers > 0 ? withNumbers(text, numbers) : text;
    component.module = createHash('sha256').update(made).digest('hex');
    modules[component.module] = made;
  }
  if (base && plan.upgrade) {
    plan.upgrade.base = base.hash;
    // it goes on for as long as it is measured
    plan.policy.commitAfterMs = 0;
    plan.policy.validated = 0;
  }
  return { plan, hash: planHash(plan), modules };
}

/** The versions that fly, of the sample mission and its upgrade A. */
export async function versionsOf(setting: Setting): Promise<{ base: Version; upgrade: Version }> {
  const original = await originalVersion();
  const next = await buildUpgrade(original, readUpgrade(join(MISSION, 'upgrades', 'A', 'upgrade.json')));
  const base = altered(original, setting, null);
  return { base, upgrade: altered(next, setting, base) };
}

/** A mission that flies, in slices of its time. */
export interface Course {
  setting: Setting;
  /** lets it go on; what it did */
  fly(ms: number): Promise<Figures>;
  close(): Promise<void>;
}

export async function courseOf(setting: Setting, seed = 1): Promise<Course> {
  const system = readSystem(join(MISSION, 'system.json'));
  const testbed = readTestbed(join(MISSION, 'testbed.json'));
  const world = worldOf(testbed);
  const { base, upgrade } = await versionsOf(setting);
  const { programBytes } = setting;
  const part = { sectorBytes: SECTOR_BYTES, sectors: SECTORS, programBytes };
  const lab = new Lockstep({
    bundle: await bundleOf(setting.way),
    boards: boardsOf(testbed).map(({ name, type }) => ({ name, type, interrupts: true, memoryBytes: 0, flash: part })),
    devices: devicesOf(system),
    createWorld: await loadWorld(world?.module ?? '', MISSION),
    worldOptions: world?.options,
    seed,
  });
  const boards = base.plan.boards;
  await flash(lab, base);
  await lab.wait(SETTLE_MS);
  if (setting.guarded) {
    await stage(lab, upgrade);
    const { cut, why } = await start(lab);
    if (cut !== 'start') throw new Error(`the bench’s upgrade did not start: ${why}`);
  }
  await lab.wait(SETTLE_MS);
  // messages are counted by the traces, which then are switched off: they would cost more than what is measured
  let messages = 0;
  const begun = lab.now();
  const stop = lab.onTrace(({ event }) => {
    if (event?.kind === 'app' || event?.kind === 'input') messages++;
  });
  await lab.wait(5 * SETTLE_MS);
  stop();
  const perMs = messages / (lab.now() - begun);
  for (const board of boards) await lab.request(board, 'trace', { on: false });

  const counts = () => boards.map((board) => ({ ...lab.nor(board).counts }));
  return {
    setting,
    async fly(ms) {
      const before = counts();
      const from = process.cpuUsage();
      await lab.wait(ms);
      const { user, system: kernel } = process.cpuUsage(from);
      const out: Figures = {
        messages: perMs * ms,
        seconds: ms / 1000,
        programs: 0,
        bytes: 0,
        flashMs: 0,
        most: { board: '', bytes: -1 },
        cpuMs: (user + kernel) / 1000,
      };
      counts().forEach((now, i) => {
        const old = before[i] ?? now;
        const bytes = now.programmedBytes - old.programmedBytes;
        out.programs += now.programs - old.programs;
        out.bytes += bytes;
        out.flashMs += (now.microseconds - old.microseconds) / 1000;
        if (bytes > out.most.bytes) out.most = { board: boards[i] ?? '', bytes };
      });
      return out;
    },
    close: () => lab.close(),
  };
}

/** Sectors of the ring of such a board, and what one of them holds. */
export function ringOf(programBytes: number): { sectors: number; data: number } {
  const part = { sectorBytes: SECTOR_BYTES, sectors: SECTORS, programBytes };
  const first = slotAt(part as Parameters<typeof slotAt>[0], 2) / SECTOR_BYTES;
  return { sectors: SECTORS - first, data: SECTOR_BYTES - Math.max(12, programBytes) };
}
