// The smallest heap of an engine on the emulated chip with which the firmware passes: it boots; and it runs a board of the
// mission through start, guard and takeover, and does the same as in lockstep.

import { boardBundle } from '../build/bundle.ts';
import { replayOnChip, peaksOf, runOnChip } from './emulate.ts';
import { PART } from './instructions.ts';
import { missionVersion, upgradeOf } from './mission.ts';
import type { Recording } from './recording.ts';
import { record } from './recording.ts';

/** The board with one guarded component and its shadow. */
export const GUARDED = 'control';
/** The new version goes wrong at this attitude after the start. */
const FAILS_AT = 3;
const STEP = 4096;

/** Boot, start, guard, takeover, and some time after that. */
export async function guardedRecording(part = PART, settleMs = 400, sliceMs = 900): Promise<Recording> {
  const base = await missionVersion({ blank: null, spare: true });
  const upgrade = upgradeOf(base, ['controller'], FAILS_AT);
  return record({ board: GUARDED, base, upgrade, part, settleMs, beforeMs: 0, sliceMs });
}

export interface Smallest {
  bytes: number;
  /** what it had in use at most where there was plenty */
  peak: number;
  stackPeak: number;
}

interface Attempt {
  passed: boolean;
  heapPeak: number;
  stackPeak: number;
}

/** Between `least`, which fails, and the peak of a run with `plenty`, in steps of 4 KB. Throws where that fails too. */
async function smallest(least: number, plenty: number, attempt: (heap: number) => Promise<Attempt>): Promise<Smallest> {
  const first = await attempt(plenty);
  if (!first.passed) throw new Error(`not even with ${plenty} B of heap`);
  let fails = Math.floor(least / STEP);
  let passes = Math.min(Math.ceil(first.heapPeak / STEP) + 1, Math.floor(plenty / STEP));
  let stackPeak = first.stackPeak;
  while (passes - fails > 1) {
    const middle = (passes + fails) >> 1;
    const tried = await attempt(middle * STEP);
    if (tried.passed) passes = middle;
    else fails = middle;
    stackPeak = Math.max(stackPeak, tried.stackPeak);
  }
  return { bytes: passes * STEP, peak: first.heapPeak, stackPeak };
}

/** The firmware alone, without a system. */
export async function smallestBoot(program: string, least: number, plenty: number): Promise<Smallest> {
  const { text } = await boardBundle();
  return smallest(least, plenty, async (heap) => {
    const run = await runOnChip({
      program,
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
    return { passed: run.ended, ...peaksOf(run.log) };
  });
}

export async function smallestRun(
  program: string,
  recording: Recording,
  least: number,
  plenty: number,
): Promise<Smallest> {
  return smallest(least, plenty, async (heap) => {
    const { trouble, heapPeak, stackPeak } = await replayOnChip(recording, { program, heap, each: false });
    return { passed: trouble === null, heapPeak, stackPeak };
  });
}
