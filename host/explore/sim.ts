// npm run sim: seeded runs of large systems.

import { readFile, writeFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { colourWanted, renderText } from '../trace/diagram.ts';
import { EXIT, Failure } from '../failure.ts';
import type { SimReport } from './simreport.ts';
import { addRun, commandOf, emptyReport, mergeReports, reportText } from './simreport.ts';
import type { Plan } from './simrun.ts';
import { planOf, simulateLarge } from './simrun.ts';
import { shrink } from './simshrink.ts';

const HELP = `usage: npm run sim -- [options]

  --runs N            so many runs, of seeds from --seed (1) on; 100 by default
  --seed S            without --runs: this one run again, with its diagram and what it is made of
  --shard i/n         every n-th of the runs, from the i-th on (1 to n)
  --rules R           corrected: the paper's own rules know no starts and power cuts (npm run explore has them)
  --set a=1,b=2       sets what otherwise follows from the seed: components, cluster, events, durability, powerCuts,
                      partitions, crashes, fails, upgrades, words, migrateFails, lost, twice, corrupted, late
  --around WHAT       the part of the run that the diagram shows: cut, start, commit, recovery, cancel, failure, begin,
                      end; the last cut by default
  --json FILE         writes the report of this shard
  --merge             makes one report of those in the files named
`;

function usage(cause: string): Failure {
  return new Failure('E_USAGE', EXIT.usage, cause, 'npm run sim -- --help');
}

function whole(text: string | undefined, otherwise: number, name: string): number {
  if (text === undefined) return otherwise;
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 0) throw usage(`--${name} ${text} is no whole number`);
  return value;
}

function settings(text: string | undefined, rules: string): Partial<Plan> {
  const set: Record<string, unknown> = {};
  const known = planOf(1) as unknown as Record<string, unknown>;
  for (const part of text ? text.split(',') : []) {
    const [name = '', value = ''] = part.split('=');
    if (!(name in known) || name === 'seed') throw usage(`--set ${part}: there is no ${name || 'such setting'}`);
    if (typeof known[name] === 'string') set[name] = value;
    else set[name] = whole(value, 0, `set ${name}`);
  }
  if (set.durability !== undefined && set.durability !== 'always' && set.durability !== 'guard') {
    throw usage(`durability=${set.durability}: it is always or guard`);
  }
  const asked = set.rules ?? rules;
  if (asked === 'paper') {
    const next = 'npm run explore -- --rules paper';
    throw new Failure('E_RULES', EXIT.usage, 'the paper has no rules for starts and power cuts, so no such runs', next);
  }
  if (asked !== 'corrected') throw usage(`--rules ${asked}: they are corrected or paper`);
  return set as Partial<Plan>;
}

function shardOf(text: string | undefined): [number, number] {
  if (text === undefined) return [1, 1];
  const match = /^(\d+)\/(\d+)$/.exec(text);
  const i = Number(match?.[1]);
  const n = Number(match?.[2]);
  if (!match || i < 1 || i > n) throw usage(`--shard ${text}: it is i/n, with i from 1 to n`);
  return [i, n];
}

function say(text: string): void {
  process.stdout.write(text);
}

function replay(seed: number, set: Partial<Plan>, around: string | undefined): boolean {
  const began = Date.now();
  const run = simulateLarge(planOf(seed, set));
  const report = emptyReport(run.plan.rules);
  report.seconds = (Date.now() - began) / 1000;
  addRun(report, run, set);
  const color = colourWanted(process.env, process.stdout.isTTY === true);
  const width = process.stdout.columns || 140;
  try {
    say(`${renderText(run.trace, { width, color, around: around as 'cut', max: 120 })}\n`);
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    // a run without such an event has no such picture
    say(`${renderText(run.trace, { width, color, around: 'end', max: 120 })}\n`);
  }
  say(`${JSON.stringify(run.plan)}\n\n${reportText(report)}`);
  for (const v of run.violations.slice(0, 10)) say(`${v.rule} ${v.process} event ${v.n}: ${v.why}\n`);
  return run.violations.length === 0;
}

function runAll(first: number, runs: number, shard: [number, number], set: Partial<Plan>): SimReport {
  const report = emptyReport(set.rules ?? 'corrected');
  const began = Date.now();
  let told = began;
  for (let i = shard[0] - 1; i < runs; i += shard[1]) {
    const run = simulateLarge(planOf(first + i, set));
    addRun(report, run, set);
    const now = Date.now();
    report.seconds = (now - began) / 1000;
    if (process.stderr.isTTY && now - told > 2000) {
      told = now;
      process.stderr.write(
        `\r${report.runs} runs, ${report.failed} failed, ${(report.runs / report.seconds).toFixed(1)}/s `,
      );
    }
  }
  if (process.stderr.isTTY) process.stderr.write('\r\x1b[K');
  return report;
}

function shrinkFirst(report: SimReport): void {
  const [first] = report.broken;
  if (!first) return;
  const small = shrink(simulateLarge(planOf(first.seed, first.set)), first.set);
  const { run } = small;
  say(
    `\nshrunk, after ${small.tries} tries, to ${run.plan.components} components and ${run.happened.events} events:\n`,
  );
  for (const v of run.violations.slice(0, 5)) say(`  ${v.rule} ${v.process} event ${v.n}: ${v.why}\n`);
  say(`  ${commandOf({ seed: first.seed, set: small.set })}\n`);
}

async function main(): Promise<boolean> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      runs: { type: 'string' },
      seed: { type: 'string' },
      shard: { type: 'string' },
      rules: { type: 'string', default: 'corrected' },
      set: { type: 'string' },
      around: { type: 'string' },
      json: { type: 'string' },
      merge: { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  if (values.help) {
    say(HELP);
    return true;
  }
  const set = settings(values.set, values.rules);
  let report: SimReport;
  if (values.merge) {
    if (positionals.length === 0) throw usage('--merge wants the files of the shards');
    const read = async (file: string) => JSON.parse(await readFile(file, 'utf8')) as SimReport;
    report = mergeReports(await Promise.all(positionals.map(read)));
  } else {
    if (positionals.length > 0) throw usage(`${positionals[0]} is no option`);
    const seed = whole(values.seed, 1, 'seed');
    if (values.seed !== undefined && values.runs === undefined) return replay(seed, set, values.around);
    report = runAll(seed, whole(values.runs, 100, 'runs'), shardOf(values.shard), set);
  }
  if (values.json !== undefined) await writeFile(values.json, `${JSON.stringify(report)}\n`);
  if (report.runs === 0) throw usage('no runs');
  say(reportText(report));
  if (!values.merge && report.rules === 'corrected') shrinkFirst(report);
  return report.failed === 0;
}

// whoever reads this may have seen enough
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
  process.exit(process.exitCode);
});

main().then(
  (clean) => {
    process.exitCode = clean ? EXIT.done : EXIT.testsFailed;
  },
  (error: unknown) => {
    const known = error instanceof Failure;
    const parsing = error instanceof TypeError && 'code' in error;
    const failure = known ? error : parsing ? usage(error.message) : null;
    process.stderr.write(
      failure ? `${failure.code} ${failure.message}\n${failure.next}\n` : `${(error as Error).stack}\n`,
    );
    process.exitCode = failure ? failure.exit : EXIT.bug;
  },
);
