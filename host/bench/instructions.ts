// Instructions of the chip per message: the mission's estimator, and a handler that does nothing, unguarded, clean under
// guard, and contaminated. The same board in each case, and the same firmware as everywhere.

import type { Version } from '../operate/version.ts';
import type { Taken } from './emulate.ts';
import { replayOnChip } from './emulate.ts';
import { EMPTY, missionVersion, upgradeOf } from './mission.ts';
import type { Recording } from './recording.ts';
import { meaningOf, record } from './recording.ts';

export const ESTIMATOR = 'estimator';
/** Where both run, with the telemetry. */
const BOARD = 'compute';
export const PART = { sectorBytes: 4096, sectors: 128, programBytes: 4 };
const SETTLE_MS = 600;
const BEFORE_MS = 400;

export interface Case {
  name: string;
  /** whose new version is under guard; none: no guard */
  upgraded: string[];
}

export const CASES: Case[] = [
  { name: 'unguarded', upgraded: [] },
  { name: 'guarded, clean', upgraded: ['wheels'] },
  { name: 'guarded, contaminated', upgraded: ['sensors'] },
];
/** Not of the target: the estimator is clean, and sends each message to two versions. */
export const TWICE: Case = { name: 'guarded, clean, sends twice', upgraded: ['controller'] };

/** Mean of so many calls of one kind. */
export interface Mean {
  calls: number;
  instructions: number;
  polling: number;
  programs: number;
  programmed: number;
}

export interface Counted {
  name: string;
  /** by what came, and to whom: as `meaningText` */
  means: Record<string, Mean>;
  /** all that the board did, for each message to the estimator */
  whole: number;
}

export function meaningText({ what, component }: { what: string; component: string }): string {
  return component === '' ? what : `${what} ${component}`;
}

/** What the calls that count took, by what they were. */
export function meansOf(recording: Recording, taken: Taken[]): Record<string, Mean> {
  const means: Record<string, Mean> = {};
  for (let i = recording.from; i < recording.to; i++) {
    const call = recording.calls[i];
    const one = taken[i];
    if (!call || !one) continue;
    const key = meaningText(meaningOf(call, recording));
    means[key] ??= { calls: 0, instructions: 0, polling: 0, programs: 0, programmed: 0 };
    const mean = means[key];
    mean.calls++;
    for (const field of ['instructions', 'polling', 'programs', 'programmed'] as const) {
      mean[field] += (one[field] - mean[field]) / mean.calls;
    }
  }
  return means;
}

export async function countCase({ name, upgraded }: Case, chip: Chip, sliceMs: number): Promise<Counted> {
  const base: Version = await missionVersion({ blank: BOARD, spare: true });
  const upgrade = upgraded.length > 0 ? upgradeOf(base, upgraded) : null;
  const times = { settleMs: SETTLE_MS, beforeMs: BEFORE_MS, sliceMs };
  const recording = await record({ board: BOARD, base, upgrade, part: PART, ...times });
  const { trouble, taken } = await replayOnChip(recording, { ...chip, each: true });
  if (trouble) throw new Error(`${name}: the chip does not do what was recorded: ${trouble}`);
  const means = meansOf(recording, taken);
  const all = taken.slice(recording.from, recording.to).reduce((sum, { instructions }) => sum + instructions, 0);
  return { name, means, whole: all / (means[`app ${ESTIMATOR}`]?.calls ?? 1) };
}

export interface Chip {
  program: string;
  engine: string;
  heap: number;
}

export const HANDLERS = [`app ${ESTIMATOR}`, `app ${EMPTY}`];
