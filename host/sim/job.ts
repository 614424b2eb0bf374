// One process of several that share runs: does its part, tells how far it is, and hands over its report.

import type { Plan } from './plan.ts';
import { planOf } from './plan.ts';
import type { SimReport } from './report.ts';
import { addRun, emptyReport } from './report.ts';
import { simulateLarge } from './run.ts';

export interface Job {
  seed: number;
  /** the runs are those of seeds seed + first, seed + first + step, … below seed + runs */
  runs: number;
  first: number;
  step: number;
  set: Partial<Plan>;
}

export interface Told {
  runs: number;
  failed: number;
  report: SimReport | null;
}

const TELL_MS = 500;

function tell(told: Told): Promise<void> {
  return new Promise((done) => {
    process.send?.(told, undefined, undefined, () => done());
  });
}

async function work(job: Job): Promise<void> {
  const report = emptyReport('corrected');
  const began = Date.now();
  let last = began;
  for (let i = job.first; i < job.runs; i += job.step) {
    addRun(report, simulateLarge(planOf(job.seed + i, job.set)), job.set);
    if (Date.now() - last < TELL_MS) continue;
    last = Date.now();
    await tell({ runs: report.runs, failed: report.failed, report: null });
  }
  report.seconds = (Date.now() - began) / 1000;
  await tell({ runs: report.runs, failed: report.failed, report });
  process.disconnect?.();
}

process.once('message', (job) => {
  void work(job as Job);
});
// who asked for the runs is gone
process.once('disconnect', () => process.exit());
