// npm run bench -- durability: what it costs that each event is on flash before anything of it leaves a board.

import { plainBench } from './bench.ts';
import type { Figures, Setting, Way } from './durable-work.ts';
import { courseOf } from './durable-work.ts';
import type { Group, Row } from './durable-text.ts';
import { durabilityText } from './durable-text.ts';

const HELP = `usage: npm run bench -- durability [options]

The sample mission in lockstep, with durability off, guard and always; with and without incremental checkpoints and shared
writes; on flash with program units of 4 and of 256 bytes. What flash counts is exact and the same in every run. Speed is
told as a ratio to durability off in the same run, in turns.

  --quick       shorter turns, and fewer of them
  --json FILE   writes the figures
`;

/** Turns of each setting, and how long each is, ms of the boards' time. */
const TURNS = 7;
const TURN_MS = 20_000;
const QUICK_TURNS = 3;
const QUICK_TURN_MS = 6000;
/** Of 9 bytes each, in every component's state. */
const NUMBERS = 450;

function settings(
  guarded: boolean,
  durability: Setting['durability'],
  numbers: number,
  kept: [number, Way][],
): Setting[] {
  const off: Setting = { durability: 'off', guarded, way: 'as it is', programBytes: 4, numbers };
  return [off, ...kept.map(([programBytes, way]) => ({ ...off, durability, programBytes, way }))];
}

const ALL: [number, Way][] = [
  [4, 'as it is'],
  [4, 'no patches'],
  [4, 'own writes'],
  [256, 'as it is'],
  [256, 'no patches'],
  [256, 'own writes'],
];

const GROUPS: { title: string; settings: Setting[] }[] = [
  { title: 'under guard', settings: settings(true, 'guard', 0, ALL) },
  { title: 'no guard', settings: settings(false, 'always', 0, ALL) },
  {
    title: 'under guard, 4 KB more of state in each component, of which 8 numbers change',
    settings: settings(true, 'guard', NUMBERS, ALL.slice(0, 2)),
  },
  {
    title: 'no guard, 4 KB more of state in each component, of which 8 numbers change',
    settings: settings(false, 'always', NUMBERS, ALL.slice(0, 2)),
  },
];

function sum(all: Figures[]): Figures {
  const [first, ...others] = all as [Figures, ...Figures[]];
  return others.reduce(
    (a, b) => ({
      messages: a.messages + b.messages,
      seconds: a.seconds + b.seconds,
      programs: a.programs + b.programs,
      bytes: a.bytes + b.bytes,
      flashMs: a.flashMs + b.flashMs,
      // in a steady mission it is the same board each time
      most: { board: b.most.board, bytes: a.most.bytes + b.most.bytes },
      cpuMs: a.cpuMs + b.cpuMs,
    }),
    first,
  );
}

function median(values: number[]): number {
  const sorted = values.slice().sort((a, b) => a - b);
  return sorted[sorted.length >> 1] ?? Number.NaN;
}

/** All settings of a group in turns: what else the machine does hits them all. */
async function measureGroup(title: string, all: Setting[], turns: number, turnMs: number): Promise<Group> {
  const courses = [];
  for (const setting of all) courses.push(await courseOf(setting));
  const flown: Figures[][] = all.map(() => []);
  // the first turn is for the compiler
  for (let turn = 0; turn <= turns; turn++) {
    for (const [i, course] of courses.entries()) {
      const figures = await course.fly(turn === 0 ? turnMs / 2 : turnMs);
      if (turn > 0) flown[i]?.push(figures);
    }
  }
  for (const course of courses) await course.close();
  const base = flown[0] ?? [];
  const rows = all.map((setting, i): Row => {
    const own = flown[i] ?? [];
    const speeds = own.map((f, turn) => {
      const off = base[turn] as Figures;
      return f.messages / f.cpuMs / (off.messages / off.cpuMs);
    });
    return { setting, figures: sum(own), speed: median(speeds) };
  });
  return { title, rows };
}

export async function measureDurability(quick: boolean, told: (text: string) => void = () => {}): Promise<Group[]> {
  const groups: Group[] = [];
  for (const { title, settings: all } of GROUPS) {
    told(`${title} `);
    groups.push(await measureGroup(title, all, quick ? QUICK_TURNS : TURNS, quick ? QUICK_TURN_MS : TURN_MS));
  }
  return groups;
}

export const durability = plainBench({
  what: 'what it costs that a power cut is a pause: messages a second, flash bytes, erases, lifetime',
  help: HELP,
  measure: measureDurability,
  text: durabilityText,
  indent: 2,
});
