// One flight of the sample mission in lockstep: the system is flashed, flies its profile, and is upgraded on the way:
// guarded, or started and committed at once, or not at all.

import { join, resolve } from 'node:path';
import { root } from '../build/root.ts';
import { check } from '../check/check.ts';
import type { Report, TraceLine } from '../check/types.ts';
import { readSystem, readUpgrade } from '../describe/read.ts';
import { openRig } from '../hil.ts';
import type { WorldRecord } from '../lab.ts';
import { buildSystem, buildUpgrade } from '../operate/build.ts';
import type { Outcome } from '../operate/guard.ts';
import type { SystemStatus } from '../operate/status.ts';
import type { Version } from '../operate/version.ts';

export const MISSION = resolve(root(), 'host/mission');

export interface FlightOptions {
  seed: number;
  /** of mission time from the release on, s */
  seconds: number;
  /** letter of the upgrade, or its folder; null: none */
  upgrade: string | null;
  guarded: boolean;
  /** mission time of the start, s */
  startAt: number;
  /** false: no trace is kept and nothing is checked */
  traces?: boolean;
  loss?: number;
  worldOptions?: Record<string, unknown>;
}

export interface Flight {
  /** greatest true pointing error, degrees */
  peak: number;
  /** [mission time s, true pointing error degrees] */
  pointing: [number, number][];
  started: Outcome | null;
  /** how guarded operation ended; null: it goes on, or there was none */
  ended: Outcome | null;
  /** mission time of that end, s */
  endedAt: number;
  report: Report | null;
  trace: TraceLine[];
  records: WorldRecord[];
  status: SystemStatus;
}

const versions = new Map<string, Promise<Version>>();

function once(key: string, make: () => Promise<Version>): Promise<Version> {
  const known = versions.get(key) ?? make();
  versions.set(key, known);
  return known;
}

export function originalVersion(): Promise<Version> {
  return once('', () => buildSystem(readSystem(join(MISSION, 'system.json'))));
}

/** `upgrade`: a folder of host/mission/upgrades, or the path of another. */
export function upgradeVersion(upgrade: string): Promise<Version> {
  return once(upgrade, async () => {
    const file = resolve(MISSION, 'upgrades', upgrade, 'upgrade.json');
    return buildUpgrade(await originalVersion(), readUpgrade(file));
  });
}

/** [mission time s, true pointing error degrees] */
export function pointingOf(records: WorldRecord[]): [number, number][] {
  return records
    .filter((record) => record.name === 'pointing')
    .map((record) => [record.values[0] as number, record.values[1] as number]);
}

/** Decision of the cut that ended guarded operation, from the trace. */
function findEnd(trace: TraceLine[], after: number): { outcome: Outcome; t: number } | null {
  for (const line of trace) {
    for (const effect of line.effects ?? []) {
      if (effect.kind !== 'decide' || (effect.epoch ?? 0) <= after) continue;
      const { cut, epoch, why, V } = effect;
      return { outcome: { cut, epoch, why: why ?? '', V: V ?? [] } as Outcome, t: (line.t ?? 0) / 1000 };
    }
  }
  return null;
}

export async function fly(options: FlightOptions): Promise<Flight> {
  const { seed, loss, traces, worldOptions } = options;
  const rig = await openRig({ system: join(MISSION, 'system.json'), seed, loss, traces, worldOptions });
  const lab = rig.lab;
  try {
    await rig.flash(await originalVersion());
    let released = -1;
    while (released < 0) {
      await lab.wait(100);
      const first = (await lab.records()).find((record) => record.name === 'pointing');
      if (first) released = first.t - (first.values[0] as number) * 1000;
    }
    let started: Outcome | null = null;
    if (options.upgrade) {
      await rig.stage(await upgradeVersion(options.upgrade));
      await lab.wait(Math.max(0, released + options.startAt * 1000 - lab.now()));
      started = await rig.start();
      if (!options.guarded && started.cut === 'start') await rig.commit();
    }
    await lab.wait(Math.max(0, released + options.seconds * 1000 - lab.now()));
    const records = await lab.records();
    const pointing = pointingOf(records);
    const found = started && options.guarded ? findEnd(rig.trace, started.epoch) : null;
    return {
      peak: Math.max(...pointing.map(([, error]) => error)),
      pointing,
      started,
      ended: found?.outcome ?? null,
      endedAt: found ? (found.t - released) / 1000 : -1,
      report: traces === false ? null : check(rig.trace, { live: true }),
      trace: rig.trace,
      records,
      status: await rig.status(),
    };
  } finally {
    await rig.close();
  }
}
