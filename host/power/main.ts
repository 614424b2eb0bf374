// npm run power: power is cut, everywhere.

import { parseArgs } from 'node:util';
import { createTool, progress } from '../command/tool.ts';
import { table } from '../command/output.ts';
import { BOARDS_HELP, boardsCommand } from './boards.ts';
import type { Part, Row, Scale } from './campaign.ts';
import { FIRMWARE, FULL, PARTS, piecesOf, QUICK, replay, runPart, TEST } from './campaign.ts';
import { PLANTED, runPlanted } from './planted.ts';
import { createTally } from './tally.ts';
import type { Tally } from './tally.ts';

const HELP = `usage: npm run power -- ring [options]

ring: power goes at every program and every erase of many pieces of work on the journal ring (hal/ring.ts), and on a
board's records and image slots, in each of four ways: it was not begun, half done, done in any of its bits, or done but
not reported. After each of them the ring is started from what is left, what must be there is compared, and the work
goes on, to another start. Then every pair of power cuts in a short piece of work, and random cycles in which power goes
again and again, often right after a start. What was torn reads in three ways: as it is, differently each time, or not
at all.

  --quick         a quarter of it
  --seed N        other lengths, contents and torn bits; 1 by default
  --part NAME     this part only: ${Object.keys(PARTS).join(', ')}
  --replay PATH   what a complaint names, again, alone
  --planted       mistakes planted in the ring, one at a time: each must be noticed
`;

const tool = createTool('power');
const { usage, whole, run } = tool;

const SHOWN = 10;

function say(text: string): void {
  process.stdout.write(text);
}

function findings(tally: Tally): void {
  const all = [...tally.findings.values()].sort((a, b) => b.times - a.times).slice(0, SHOWN);
  if (tally.findings.size > SHOWN) say(`\n${tally.findings.size} kinds of complaint; the most frequent:\n`);
  for (const { times, path, text } of all) {
    say(`\n${text}\n  ${times} of that kind; the first: npm run power -- ring --replay ${path}\n`);
  }
}

function rowOf({ part, faults, mounts, complaints, seconds }: Row, scale: Scale, seed: number): (string | number)[] {
  const cycles = piecesOf(part, scale, seed).length * scale.cycles;
  return [
    part.endsWith('cycles') ? `${PARTS[part]}, ${cycles}` : PARTS[part],
    faults,
    mounts,
    seconds.toFixed(1),
    complaints === 0 ? '' : complaints,
  ];
}

function campaign(parts: Part[], scale: Scale, seed: number): boolean {
  const begun = performance.now();
  let part: Part = 'ring';
  const tally = createTally({
    progress: ({ faults }) => {
      const seconds = (performance.now() - begun) / 1000;
      progress(`${PARTS[part]}: ${faults} power cuts, ${Math.round(faults / seconds)} a second`);
    },
  });
  const rows: Row[] = [];
  for (part of parts) rows.push(runPart(FIRMWARE, part, scale, seed, tally));
  progress('');
  say(
    `${table(
      ['', 'power cuts', 'starts', 'seconds', 'complaints'],
      rows.map((row) => rowOf(row, scale, seed)),
    )}\n`,
  );
  const seconds = ((performance.now() - begun) / 1000).toFixed(0);
  say(`\n${tally.faults} power cuts, ${tally.mounts} starts, ${seconds} s, seed ${seed}\n`);
  findings(tally);
  if (tally.findings.size === 0) say('Nothing acknowledged was lost or changed, and every start succeeded.\n');
  return tally.findings.size === 0;
}

function again(path: string): boolean {
  const tally = createTally();
  replay(FIRMWARE, path, tally);
  say(`${tally.faults} power cuts, ${tally.mounts} starts\n`);
  findings(tally);
  if (tally.findings.size === 0) say('Nothing was wrong.\n');
  return tally.findings.size === 0;
}

/** What was planted, how soon it was noticed, and by what complaint. */
async function planted(quick: boolean, seed: number): Promise<boolean> {
  const rows: (string | number)[][] = [];
  let missed = 0;
  for (const one of PLANTED) {
    progress(`${one.name} …`);
    const { finding, faults, seconds } = await runPlanted(one, FIRMWARE, quick ? TEST : QUICK, seed);
    if (!finding) missed++;
    const what = finding ? finding.text : 'NOBODY HAS NOTICED';
    rows.push([one.name, faults, seconds.toFixed(1), what.length > 90 ? `${what.slice(0, 89)}…` : what]);
  }
  progress('');
  say(`${table(['planted', 'power cuts', 'seconds', 'noticed by'], rows)}\n`);
  say(`\n${PLANTED.length - missed} of ${PLANTED.length} noticed\n`);
  return missed === 0;
}

async function ringCommand(args: string[]): Promise<boolean> {
  const { values } = parseArgs({
    args,
    options: {
      quick: { type: 'boolean' },
      seed: { type: 'string' },
      part: { type: 'string' },
      replay: { type: 'string' },
      planted: { type: 'boolean' },
    },
  });
  if (values.replay !== undefined) return again(values.replay);
  const seed = whole(values.seed ?? '1', 'seed');
  if (values.planted === true) return planted(values.quick === true, seed);
  const all = Object.keys(PARTS) as Part[];
  const parts = all.filter((part) => values.part === undefined || part === values.part);
  if (parts.length === 0) throw usage(`there is no part ${values.part}; there are ${all.join(', ')}`);
  return campaign(parts, values.quick === true ? QUICK : FULL, seed);
}

/** By their first argument. */
const COMMANDS: Record<string, (args: string[]) => Promise<boolean>> = {
  ring: ringCommand,
  boards: (args) => boardsCommand(args, tool),
};

await run(async () => {
  const [command, ...args] = process.argv.slice(2);
  if (command === undefined || command === '--help' || args.includes('--help')) {
    say(`${HELP}\n${BOARDS_HELP}`);
    return true;
  }
  const chosen = COMMANDS[command];
  if (!chosen) throw usage(`there is no ${command}; there is ${Object.keys(COMMANDS).join(', ')}`);
  return chosen(args);
});
