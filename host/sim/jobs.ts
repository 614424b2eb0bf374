// Shares runs between processes, one a processor. What they run is bundled first: tsx gives every function a name of its
// own when it runs, and takes half as long again.

import type { ChildProcess } from 'node:child_process';
import { fork } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { availableParallelism, tmpdir } from 'node:os';
import path from 'node:path';
import { build } from 'esbuild';
import type { Job, Told } from './job.ts';
import type { Options } from './options.ts';
import type { SimReport } from './report.ts';
import { mergeReports } from './report.ts';

/** How far all are, every so often: people look, logs of machines only want to know that it goes on. */
const LOOK_MS = 1000;
const LOG_MS = 60_000;

function progress(all: Told[], expected: number, began: number): string {
  const runs = all.reduce((sum, told) => sum + told.runs, 0);
  const failed = all.reduce((sum, told) => sum + told.failed, 0);
  const seconds = (Date.now() - began) / 1000;
  const left = runs === 0 ? '?' : `${Math.ceil((seconds * (expected - runs)) / runs / 60)} min`;
  return `${runs} of ${expected} runs, ${failed} failed, ${(runs / seconds).toFixed(1)}/s, ${left} left`;
}

function follow(child: ChildProcess, job: Job, told: Told): Promise<SimReport> {
  return new Promise((done, fail) => {
    child.on('message', (message) => {
      Object.assign(told, message as Told);
    });
    child.once('error', fail);
    child.once('exit', (code, signal) => {
      if (told.report) done(told.report);
      else fail(new Error(`a process that ran simulations ended with ${signal ?? code}`));
    });
    child.send(job);
  });
}

/** All the runs that the options ask for, one report. */
export async function runAll(options: Options): Promise<SimReport> {
  const { seed, set, shard } = options;
  const runs = options.runs ?? 1;
  const first = shard[0] - 1;
  const expected = Math.max(0, Math.ceil((runs - first) / shard[1]));
  const jobs = Math.max(1, Math.min(options.jobs || availableParallelism(), expected));
  const folder = await mkdtemp(path.join(tmpdir(), 'understudy-sim-'));
  const children: ChildProcess[] = [];
  let look: NodeJS.Timeout | undefined;
  try {
    const outfile = path.join(folder, 'job.mjs');
    const entry = path.join(import.meta.dirname, 'job.ts');
    await build({ entryPoints: [entry], bundle: true, platform: 'node', format: 'esm', target: 'node20', outfile });
    const all: Told[] = [];
    const reports: Promise<SimReport>[] = [];
    const began = Date.now();
    for (let j = 0; j < jobs; j++) {
      const told: Told = { runs: 0, failed: 0, report: null };
      all.push(told);
      // each has a processor of its own: none to spare for collecting garbage beside
      const child = fork(outfile, [], { execArgv: ['--single-threaded-gc'] });
      children.push(child);
      reports.push(follow(child, { seed, runs, set, first: first + j * shard[1], step: jobs * shard[1] }, told));
    }
    const people = process.stderr.isTTY === true;
    look = setInterval(
      () => {
        const text = progress(all, expected, began);
        process.stderr.write(people ? `\r\x1b[K${text}` : `${text}\n`);
      },
      people ? LOOK_MS : LOG_MS,
    );
    const report = mergeReports(await Promise.all(reports));
    report.seconds = (Date.now() - began) / 1000;
    if (people) process.stderr.write('\r\x1b[K');
    return report;
  } finally {
    clearInterval(look);
    for (const child of children) child.kill();
    await rm(folder, { recursive: true, force: true });
  }
}
