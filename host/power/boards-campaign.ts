// Runs until enough power cuts have come about, in several processes at once.

import type { ChildProcess } from 'node:child_process';
import { fork } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Draw } from './boards-draw.ts';
import type { Job } from './boards-job.ts';
import type { Told } from './boards-told.ts';
import type { Phase } from './boards-phase.ts';
import { PHASES } from './boards-phase.ts';

export interface CampaignOptions {
  /** power cuts that are wanted */
  kills: number;
  seed: number;
  workers: number;
  set: Partial<Draw>;
  progress: (report: Report) => void;
}

export interface Report {
  runs: number;
  kills: number;
  /** runs in which a board began anew without a log */
  anew: number;
  phases: Record<Phase, number>;
  /** by how an upgrade ended */
  ends: Record<string, number>;
  failed: Told[];
  seconds: number;
}

export function emptyReport(): Report {
  const phases = Object.fromEntries(PHASES.map((phase) => [phase, 0])) as Record<Phase, number>;
  return { runs: 0, kills: 0, anew: 0, phases, ends: {}, failed: [], seconds: 0 };
}

export function addTold(report: Report, told: Told): void {
  report.runs++;
  report.kills += told.killed.length;
  if (told.anew) report.anew++;
  for (const phase of told.killed) report.phases[phase]++;
  for (const end of told.ended) report.ends[end] = (report.ends[end] ?? 0) + 1;
  if (told.complaints.length > 0) report.failed.push(told);
}

/** Children from their sources: what they import compiles on the way, in each of them once. */
function child(folder: string): ChildProcess {
  const entry = path.join(import.meta.dirname, 'boards-job.ts');
  return fork(entry, [], { execArgv: ['--import', 'tsx'], env: { ...process.env, TMPDIR: folder } });
}

export async function campaign(options: CampaignOptions): Promise<Report> {
  const { kills, seed, workers, set } = options;
  const report = emptyReport();
  const began = Date.now();
  const folder = await mkdtemp(path.join(tmpdir(), 'understudy-boards-'));
  const children: ChildProcess[] = [];
  try {
    await new Promise<void>((done, fail) => {
      for (let i = 0; i < workers; i++) {
        const one = child(folder);
        children.push(one);
        one.on('message', (told) => {
          if (report.kills >= kills) return;
          addTold(report, told as Told);
          report.seconds = (Date.now() - began) / 1000;
          options.progress(report);
          if (report.kills >= kills) done();
        });
        one.once('error', fail);
        one.once('exit', (code, signal) => fail(new Error(`a process that ran boards ended with ${signal ?? code}`)));
        const job: Job = { first: seed + i, step: workers, set };
        one.send(job);
      }
    });
    return report;
  } finally {
    for (const one of children) {
      one.removeAllListeners();
      one.kill();
    }
    await rm(folder, { recursive: true, force: true });
  }
}
