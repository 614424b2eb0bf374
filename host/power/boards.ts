// npm run power -- boards: whole boards lose power while a system is upgraded.

import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { table } from '../command/output.ts';
import type { Tool } from '../command/tool.ts';
import { progress } from '../command/tool.ts';
import { EXIT, Failure } from '../failure.ts';
import { writeTrace } from '../trace/file.ts';
import type { Report } from './boards-campaign.ts';
import { campaign } from './boards-campaign.ts';
import { draw } from './boards-draw.ts';
import type { Told } from './boards-told.ts';
import { toldOf } from './boards-told.ts';
import type { Phase } from './boards-phase.ts';
import { PHASES } from './boards-phase.ts';
import type { Caught } from './boards-planted.ts';
import { changedBundle, PLANTED, plantedDraw, runPlanted } from './boards-planted.ts';
import { runBoards } from './boards-run.ts';

export const BOARDS_HELP = `usage: npm run power -- boards [options]

boards: four boards run a small system and upgrade it, well and badly, while power goes on any of them: at a call of the
board's hardware or within an operation of its flash, from before an upgrade is staged to after its end, and again while
the board boots. Flashes, what is torn in them, buses, devices and durability are drawn. Then all must be as if power had
only paused: by the checkers of the trace, by what the boards say of themselves, and by what reached the devices.

  --kills N       power cuts that must have come about; 1000 by default
  --seed N        the first run's; each has the next one; 1 by default (--planted: one known to notice)
  --workers N     processes that share them; one a processor by default
  --planted       mistakes planted in the firmware, one at a time: each must be noticed
  --replay N      the run of this seed again, and what happened in it
  --trace FILE    with --replay: its trace, for npx understudy trace
  --mistake N     with --replay: with that mistake of --planted
`;

const SHOWN = 10;
/** Runs within which a planted mistake must be noticed. */
export const PLANTED_RUNS = 20;

const PHASE_TEXT: Record<Phase, string> = {
  idle: 'before any upgrade',
  staging: 'while an upgrade is brought to the boards',
  staged: 'it is staged',
  start: 'in the cut that starts it',
  guard: 'in guarded operation',
  recovery: 'in the cut of a recovery',
  commit: 'in the cut of a commit',
  after: 'after its end',
  boot: 'while the board boots, or takes up what was',
};

function say(text: string): void {
  process.stdout.write(text);
}

function finding({ seed, complaints, story }: Told, more = ''): void {
  say(`\n${story.join('\n')}\n`);
  for (const complaint of complaints.slice(0, SHOWN)) say(`  WRONG: ${complaint}\n`);
  say(`  npm run power -- boards --replay ${seed}${more}\n`);
}

function summary({ runs, kills, anew, phases, ends, failed, seconds }: Report): void {
  say(
    `${table(
      ['power went', 'times'],
      PHASES.map((phase) => [PHASE_TEXT[phase], phases[phase]]),
    )}\n\n`,
  );
  const rows = Object.entries(ends).sort((a, b) => (a[0] < b[0] ? -1 : 1));
  say(`${table(['an upgrade', 'times'], rows)}\n`);
  say(`\n${kills} power cuts in ${runs} runs, in ${anew} of which a board without a log began anew; `);
  say(`${seconds.toFixed(0)} s\n`);
  for (const told of failed.slice(0, SHOWN)) finding(told);
  if (failed.length === 0) say('No message was lost or repeated, and every upgrade ended as it should.\n');
  else say(`\n${failed.length} of ${runs} runs went wrong\n`);
}

/** From the run that noticed each when it was planted, or from run `first` on. */
async function plantedCommand(first: number | null): Promise<boolean> {
  const rows: (string | number)[][] = [];
  let missed = 0;
  for (const one of PLANTED) {
    progress(`${one.name} …`);
    const caught: Caught = await runPlanted(one, first ?? one.seed, PLANTED_RUNS);
    let what = caught.told?.complaints[0] ?? 'NOBODY HAS NOTICED';
    // what is complained of is the mistake, and nothing else
    const clean = caught.told && (await runBoards(plantedDraw(one, caught.told.seed)));
    await clean?.rig.close();
    if (clean && clean.complaints.length > 0) what = `WRONG WITHOUT IT TOO: ${clean.complaints[0]}`;
    if (!clean || clean.complaints.length > 0) missed++;
    const seed = caught.told ? caught.told.seed : '';
    rows.push([one.name, caught.runs, caught.kills, seed, caught.seconds.toFixed(0), what.slice(0, 90)]);
  }
  progress('');
  say(`${table(['planted', 'runs', 'power cuts', 'seed', 'seconds', 'noticed by'], rows)}\n`);
  say(`\n${PLANTED.length - missed} of ${PLANTED.length} noticed\n`);
  return missed === 0;
}

async function replay(seed: number, mistake: string | undefined, trace: string | undefined): Promise<boolean> {
  const one = mistake === undefined ? undefined : PLANTED[Number(mistake) - 1];
  if (mistake !== undefined && !one) {
    throw new Failure('E_USAGE', EXIT.usage, `there is no mistake ${mistake}`, `1 to ${PLANTED.length}`);
  }
  const run = await runBoards(
    one ? plantedDraw(one, seed) : draw(seed),
    one && (await changedBundle(one.changes, one.name)),
  );
  if (trace !== undefined) await writeTrace(trace, run.rig.lines);
  await run.rig.close();
  finding({ ...toldOf(run), story: run.story }, mistake === undefined ? '' : ` --mistake ${mistake}`);
  if (run.complaints.length === 0) say('Nothing was wrong.\n');
  return run.complaints.length === 0;
}

export async function boardsCommand(args: string[], { whole }: Tool): Promise<boolean> {
  const { values } = parseArgs({
    args,
    options: {
      kills: { type: 'string' },
      seed: { type: 'string' },
      workers: { type: 'string' },
      planted: { type: 'boolean' },
      replay: { type: 'string' },
      trace: { type: 'string' },
      mistake: { type: 'string' },
    },
  });
  if (values.replay !== undefined) return replay(whole(values.replay, 'replay'), values.mistake, values.trace);
  const seed = whole(values.seed ?? '1', 'seed');
  if (values.planted === true) return plantedCommand(values.seed === undefined ? null : seed);
  const kills = whole(values.kills ?? '1000', 'kills', 1);
  const workers = whole(values.workers ?? String(availableParallelism()), 'workers', 1);
  const report = await campaign({
    kills,
    seed,
    workers,
    set: {},
    progress: ({ kills: done, runs, failed, seconds }) => {
      progress(`${done} of ${kills} power cuts, ${runs} runs, ${failed.length} went wrong, ${seconds.toFixed(0)} s`);
    },
  });
  progress('');
  summary(report);
  return report.failed.length === 0;
}
