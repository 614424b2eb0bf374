// From detection to takeover with four boards on one wire at 1 M baud: the mission in lockstep, on a bus that takes the
// time of hal/BUS.md, on boards that take the time of the instructions which the emulated chip needed for the same.

import type { PolicyPlan } from '../../firmware/plan.ts';
import { boardBundle } from '../build/bundle.ts';
import type { TraceLine } from '../check/types.ts';
import type { CreateWorld } from '../lab.ts';
import { FIELD, SUN } from '../mission/components/craft.ts';
import { flash } from '../operate/flash.ts';
import { guard } from '../operate/guard.ts';
import { stage } from '../operate/stage.ts';
import { planHash } from '../describe/compile.ts';
import type { Version } from '../operate/version.ts';
import { Lockstep } from '../testbed/lockstep.ts';
import type { Phases } from '../trace/phases.ts';
import { phases } from '../trace/phases.ts';
import { replayOnChip } from './emulate.ts';
import type { Chip } from './instructions.ts';
import { meansOf, PART } from './instructions.ts';
import { missionVersion, placesOf, surroundings, upgradeOf } from './mission.ts';
import { meaningOf, record } from './recording.ts';
import { SharedWire } from './wire.ts';

export const WIRE = { baud: 1_000_000, slotMs: 0.2 };
/** Of the boards that count, and of faster ones where those do not come to an end. */
export const MEGAHERTZ = [100, 400, 1600] as const;
/** Slower than the mission: so that boards are idle when the test fails, and what is measured is the cut. */
export const SAMPLE_MS = 1000;
export const BEAT_MS = 500;
/** The controller's new version goes wrong at this attitude, and the wheels' acceptance test refuses it. */
const FAILS_AT = 3;
const GUARD_MS = 20_000;

/** A craft that stands still, as its sensors see it. */
const still: CreateWorld = (bench) => {
  bench.every(SAMPLE_MS, () => {
    bench.input('tacho', { momentum: [0, 0, 0] });
    bench.input('sun', { vector: SUN });
    bench.input('field', { vector: FIELD });
    bench.input('gyro', { time: 0, rates: [0, 0, 0] });
  });
  return { output: () => {} };
};

export interface FourBoards {
  base: Version;
  upgrade: Version;
}

/** The mission without its spare board; the new controller beside the old one. */
export async function fourBoards(): Promise<FourBoards> {
  const base = await missionVersion({ blank: null, spare: false });
  const policy: Partial<PolicyPlan> = { heartbeatMs: BEAT_MS, absentMs: 10 * BEAT_MS };
  Object.assign(base.plan.policy, policy);
  base.hash = planHash(base.plan);
  return { base, upgrade: upgradeOf(base, ['controller'], FAILS_AT) };
}

/** Instructions of a call alone and of the poll behind it, by what came (Meaning.what). */
export type Prices = Record<string, [number, number]>;

/** Of the boards on which most happens in a takeover: the one whose test fails, and the one whose shadow takes over. */
export const PRICED = ['actuators', 'control'];

/** What the chip needs for each kind of call in a takeover. */
export async function pricesOf(chip: Chip): Promise<Prices> {
  const { base, upgrade } = await fourBoards();
  const sums: Record<string, { calls: number; alone: number; polling: number }> = {};
  for (const board of PRICED) {
    const times = { settleMs: 1500, beforeMs: 0, sliceMs: FAILS_AT * SAMPLE_MS + 1000 };
    const recording = await record({ board, base, upgrade, part: PART, ...times, createWorld: still });
    recording.from = 1;
    const { trouble, taken } = await replayOnChip(recording, { ...chip, each: true });
    if (trouble) throw new Error(`a takeover: the chip does not do what was recorded: ${trouble}`);
    for (const [key, mean] of Object.entries(meansOf(recording, taken))) {
      const what = /^(app|passed|freeze|report|input packet) /.exec(key)?.[1] ?? key;
      sums[what] ??= { calls: 0, alone: 0, polling: 0 };
      const sum = sums[what];
      sum.calls += mean.calls;
      sum.alone += mean.calls * (mean.instructions - mean.polling);
      sum.polling += mean.calls * mean.polling;
    }
  }
  return Object.fromEntries(
    Object.entries(sums).map(([what, { calls, alone, polling }]) => [what, [alone / calls, polling / calls]]),
  );
}

export interface Takeover {
  phases: Phases;
  /** on the wire from detection to takeover, and ms that they took */
  frames: number;
  busyMs: number;
}

/** `prices` null: boards that need no time at all. */
export async function takeover(prices: Prices | null, megahertz: number = MEGAHERTZ[0]): Promise<Takeover> {
  const { base, upgrade } = await fourBoards();
  const { devices, header } = await surroundings();
  const place = placesOf([base, upgrade]);
  const { plan } = base;
  const trace: TraceLine[] = [header];
  let frames: SharedWire['frames'] = [];
  const lab = new Lockstep({
    bundle: (await boardBundle()).text,
    boards: plan.boards.map((name) => ({ name, type: 'virtual', interrupts: true, memoryBytes: 0, flash: PART })),
    devices,
    createWorld: still,
    seed: 1,
    takes: (board, call, waiting) => {
      // the host asks for status far more often than a ground station would
      if (!prices || call.kind === 'serial') return 0;
      const { what } = meaningOf(call, { board, place, plan });
      const [alone, poll] = prices[what] ?? [0, 0];
      // a board polls once behind all that has come (boards/native/main.c)
      return (alone + (waiting > 0 ? 0 : poll)) / (megahertz * 1000);
    },
    bus: (end) => {
      const wire = new SharedWire(end, plan.boards, WIRE);
      frames = wire.frames;
      return (from, bytes, at) => wire.offer(from, bytes, at);
    },
  });
  lab.onTrace((line) => trace.push(line));
  try {
    await flash(lab, base);
    await lab.wait(2 * SAMPLE_MS);
    await stage(lab, upgrade);
    const { start, end } = await guard(lab, GUARD_MS);
    if (end?.cut !== 'recovery') throw new Error(`no takeover: ${start.cut}, then ${end?.cut ?? 'nothing'}`);
    await lab.wait(2 * SAMPLE_MS);
    const found = phases(trace);
    if (!found) throw new Error('the trace has no recovery');
    const until = found.acting ?? Number.POSITIVE_INFINITY;
    const own = frames.filter(({ at }) => at * 1000 >= found.detection && at * 1000 < until);
    return { phases: found, frames: own.length, busyMs: own.reduce((sum, { ms }) => sum + ms, 0) };
  } finally {
    await lab.close();
  }
}
