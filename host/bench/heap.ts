// The smallest heap of an engine on the emulated chip with which the firmware passes: it boots; and it runs a board of the
// mission through start, guard and takeover, and does the same as in lockstep.

import { boardBundle } from '../build/bundle.ts';
import { planHash } from '../describe/compile.ts';
import { replayOnChip, peaksOf, runOnChip } from './emulate.ts';
import { PART } from './instructions.ts';
import { missionVersion, upgradeOf } from './mission.ts';
import type { Recording } from './recording.ts';
import { record } from './recording.ts';

/** The board with one guarded component and its shadow. */
export const GUARDED = 'control';
/** The new version goes wrong at this attitude after the start. */
const FAILS_AT = 3;

/** Boot, start, guard, takeover, and some time after that; `short`: as little of each, and as few heartbeats, as can be. */
export async function guardedRecording(part = PART, short = false): Promise<Recording> {
  const base = await missionVersion({ blank: null, spare: !short });
  if (short) {
    base.plan.policy.heartbeatMs = 500;
    base.hash = planHash(base.plan);
  }
  const upgrade = upgradeOf(base, ['controller'], short ? 1 : FAILS_AT);
  const [settleMs, sliceMs] = short ? [100, 250] : [400, 900];
  return record({ board: GUARDED, base, upgrade, part, settleMs, beforeMs: 0, sliceMs });
}

export interface Smallest {
  bytes: number;
  /** what it had in use at most where there was plenty */
  peak: number;
  stackPeak: number;
}

/** The native board for the chip, and what is in it. */
export interface Engine {
  program: string;
  engine: string;
}

/** Where to look, bytes. */
export interface Range {
  least: number;
  plenty: number;
  step: number;
}

interface Attempt {
  passed: boolean;
  why: string;
  heapPeak: number;
  stackPeak: number;
}

/** Between `least`, which fails, and the peak of a run with `plenty`, in steps. Throws where that fails too. */
async function smallest(range: Range, attempt: (heap: number) => Promise<Attempt>): Promise<Smallest> {
  const { least, plenty, step } = range;
  const first = await attempt(plenty);
  if (!first.passed) throw new Error(`not even with ${plenty} B of heap: ${first.why}`);
  let fails = Math.floor(least / step);
  let passes = Math.min(Math.ceil(first.heapPeak / step) + 1, Math.floor(plenty / step));
  let stackPeak = first.stackPeak;
  while (passes - fails > 1) {
    const middle = (passes + fails) >> 1;
    const tried = await attempt(middle * step);
    if (tried.passed) passes = middle;
    else fails = middle;
    stackPeak = Math.max(stackPeak, tried.stackPeak);
  }
  return { bytes: passes * step, peak: first.heapPeak, stackPeak };
}

/** The firmware alone, without a system. */
export async function smallestBoot({ program, engine }: Engine, range: Range): Promise<Smallest> {
  const { text } = await boardBundle();
  return smallest(range, async (heap) => {
    const run = await runOnChip({
      program,
      engine,
      bundle: text,
      heap,
      flash: null,
      made: 0,
      sectorBytes: PART.sectorBytes,
      programBytes: PART.programBytes,
      count: false,
      // the report behind the boot
      until: /has booted, .*\n.*heap .*\n/,
    });
    return { passed: run.ended, why: run.log.at(-1) ?? '', ...peaksOf(run.log) };
  });
}

export async function smallestRun(chip: Engine, recording: Recording, range: Range): Promise<Smallest> {
  return smallest(range, async (heap) => {
    const { trouble, heapPeak, stackPeak } = await replayOnChip(recording, { ...chip, heap, each: false });
    return { passed: trouble === null, why: trouble ?? '', heapPeak, stackPeak };
  });
}
