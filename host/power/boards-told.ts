// What is left of a run when it is over: what a campaign counts and shows.

import type { Phase } from './boards-phase.ts';
import type { Run } from './boards-run.ts';

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
