// One process of several that share runs: does its part, and tells of each run.

import { draw } from './boards-draw.ts';
import type { Draw } from './boards-draw.ts';
import { runBoards } from './boards-run.ts';
import { toldOf } from './boards-told.ts';

/** Seeds `first`, `first + step`, … until nobody wants more. */
export interface Job {
  first: number;
  step: number;
  set: Partial<Draw>;
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
