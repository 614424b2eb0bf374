// npm run costs: how far recoveries roll back, and what the guard costs, against three other sets of rules.

import { writeFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { createTool, progress } from '../command/tool.ts';
import { comparisonText } from './comparison.ts';
import { sizesChart, sizesText } from './sizes.ts';
import { compareAll } from './summary.ts';
import type { Cores, Row } from './sweep.ts';
import { sweep } from './sweep.ts';
import type { Variant } from './variants.ts';
import { untold, variants } from './variants.ts';

const HELP = `usage: npm run costs -- [options]

Runs the same systems, traffic and failures with four cores: ours; ours with a checkpoint before every journaled
message; ours with one checkpoint, at the start of the guard; and the rules of the paper. Reports how far recoveries
roll processes back, and what that costs; then the costs of ours and of the paper for systems of 2 to 32 components
and clusters of 1 to 6. Deterministic for a seed, but for the time it takes.

  --runs N            recoveries that are compared; 60 by default, 0: only the costs by size
  --seed S            seed of the first; 1 by default
  --boundary N        boundary messages for each size; 400 by default, 0: only the recoveries
  --json FILE         writes the figures
  --svg FILE          draws the costs by size
`;

const { usage, whole, run } = createTool('costs');

async function sizes(cores: Variant[], seed: number, boundary: number): Promise<Row[]> {
  const ours = cores.find(({ name }) => name === 'ours') as Variant;
  const paper = cores.find(({ name }) => name === 'paper') as Variant;
  const all: Cores = { ours, paper, untold: await untold() };
  const effort = { boundary, systems: 3 };
  const rows = sweep(all, seed, effort, ({ ours: { components, cluster } }) => {
    progress(`${components} components, cluster of ${cluster} `);
  });
  progress('');
  return rows;
}

async function main(): Promise<boolean> {
  const { values } = parseArgs({
    options: {
      runs: { type: 'string', default: '60' },
      seed: { type: 'string', default: '1' },
      boundary: { type: 'string', default: '400' },
      json: { type: 'string' },
      svg: { type: 'string' },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  if (values.help) {
    process.stdout.write(HELP);
    return true;
  }
  const runs = whole(values.runs, 'runs');
  const seed = whole(values.seed, 'seed');
  const boundary = whole(values.boundary, 'boundary');
  if (runs + boundary === 0) throw usage('there is nothing to do');
  if (values.svg !== undefined && boundary === 0) throw usage('--svg draws the costs by size: it wants --boundary');
  const cores = await variants();
  const summary = runs > 0 ? compareAll(seed, runs, cores, (done) => progress(`${done} of ${runs} recoveries `)) : null;
  progress('');
  if (summary) process.stdout.write(comparisonText(summary));
  if (summary && boundary > 0) process.stdout.write('\n\n');
  const rows = boundary > 0 ? await sizes(cores, seed, boundary) : [];
  if (rows.length > 0) process.stdout.write(sizesText(rows));
  if (values.svg !== undefined) await writeFile(values.svg, sizesChart(rows));
  if (values.json !== undefined) {
    const figures = summary && { ...summary, seconds: undefined };
    await writeFile(values.json, `${JSON.stringify({ v: 1, rollback: figures, costs: rows })}\n`);
  }
  const holds = summary?.holds.every(({ held, of, must }) => (held === of && of > 0) || !must) ?? true;
  return holds && (summary?.totals.ours.failedRuns ?? 0) === 0;
}

await run(main);
