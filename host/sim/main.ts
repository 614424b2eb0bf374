// npm run sim: seeded runs of large systems.

import { readFile, writeFile } from 'node:fs/promises';
import { EXIT, Failure } from '../failure.ts';
import { colourWanted, renderText } from '../trace/diagram.ts';
import { runAll } from './jobs.ts';
import type { Options } from './options.ts';
import { HELP, optionsOf, tool } from './options.ts';
import { planOf } from './plan.ts';
import type { SimReport } from './report.ts';
import { addRun, commandOf, emptyReport, mergeReports, reportText } from './report.ts';
import { simulateLarge } from './run.ts';
import { shrink } from './shrink.ts';

function say(text: string): void {
  process.stdout.write(text);
}

/** One run again, with its diagram. */
function replay({ seed, set, around }: Options): SimReport {
  const began = Date.now();
  const run = simulateLarge(planOf(seed, set));
  const report = emptyReport(run.plan.rules);
  report.seconds = (Date.now() - began) / 1000;
  addRun(report, run, set);
  const color = colourWanted(process.env, process.stdout.isTTY === true);
  const width = process.stdout.columns || 140;
  try {
    say(`${renderText(run.trace, { width, color, around, max: 120 })}\n`);
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    say(`The run has no ${around}; this is its end.\n\n`);
    say(`${renderText(run.trace, { width, color, around: 'end', max: 120 })}\n`);
  }
  const parts = Object.entries(run.plan).map(([name, value]) => `${name}=${value}`);
  say(`made of         ${parts.join(' ')}\n\n${reportText(report)}`);
  for (const v of run.violations.slice(0, 10)) say(`${v.rule} ${v.process} event ${v.n}: ${v.why}\n`);
  return report;
}

function shrinkFirst(report: SimReport): void {
  const [first] = report.broken;
  if (!first) return;
  const small = shrink(simulateLarge(planOf(first.seed, first.set)), first.set);
  const { run } = small;
  const size = `${run.plan.components} components and ${run.happened.events} events`;
  say(`\nseed ${first.seed} shrunk, after ${small.tries} tries, to ${size}:\n`);
  for (const v of run.violations.slice(0, 5)) say(`  ${v.rule} ${v.process} event ${v.n}: ${v.why}\n`);
  say(`  ${commandOf({ seed: first.seed, set: small.set })}\n`);
}

async function reportFrom(file: string): Promise<SimReport> {
  try {
    return JSON.parse(await readFile(file, 'utf8')) as SimReport;
  } catch (error) {
    throw new Failure(
      'E_REPORT',
      EXIT.usage,
      `${file}: ${(error as Error).message}`,
      'npm run sim -- --json FILE makes one',
    );
  }
}

async function main(): Promise<boolean> {
  const options = optionsOf(process.argv.slice(2));
  if (options.help) {
    say(HELP);
    return true;
  }
  let report: SimReport;
  if (options.merge) report = mergeReports(await Promise.all(options.merge.map(reportFrom)));
  else if (options.runs === null) return replay(options).failed === 0;
  else report = await runAll(options);
  if (options.json !== null) await writeFile(options.json, `${JSON.stringify(report)}\n`);
  if (report.runs === 0) throw tool.usage('no runs');
  say(reportText(report));
  if (!options.merge) shrinkFirst(report);
  return report.failed === 0;
}

await tool.run(main);
