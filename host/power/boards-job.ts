// One process of several that share runs: does its part, and tells of each run.

import { draw } from './boards-draw.ts';
import type { Draw } from './boards-draw.ts';
import type { Phase } from './boards-phase.ts';
import type { Run } from './boards-run.ts';
import { runBoards } from './boards-run.ts';

/** Seeds `first`, `first + step`, … until nobody wants more. */
export interface Job {
  first: number;
  step: number;
  set: Partial<Draw>;
}

/** What came of one run. */
export interface Told {
  seed: number;
  /** phase of each power cut that came about */
  killed: Phase[];
  ended: string[];
  anew: boolean;
  complaints: string[];
  story: string[];
}

export function toldOf(run: Run): Told {
  return {
    seed: run.draw.seed,
    killed: run.killed.map(({ phase }) => phase),
    ended: run.ended.map(({ round, expected }) => `${round.fate === 'good' ? round.end : round.fate}: ${expected}`),
    anew: run.anew.size > 0,
    complaints: run.complaints,
    story: run.complaints.length > 0 ? run.story : [],
  };
}

async function work({ first, step, set }: Job): Promise<void> {
  for (let seed = first; ; seed += step) {
    const run = await runBoards(draw(seed, set));
    await run.rig.close();
    await new Promise<void>((done) => {
      process.send?.(toldOf(run), undefined, undefined, () => done());
    });
  }
}

process.once('message', (job) => {
  void work(job as Job);
});
// who asked for the runs is gone, or has enough
process.once('disconnect', () => process.exit());
