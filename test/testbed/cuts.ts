// An upgrade of the sample mission on boards that keep their own time, with a power cut (SIGKILL) in each of its phases.
// What is judged does not depend on how fast it goes: the mission is flown in slow motion, and patience is long.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { check } from '../../host/check/check.ts';
import type { TraceLine } from '../../host/check/types.ts';
import { readSystem, readUpgrade } from '../../host/describe/read.ts';
import { MISSION } from '../../host/mission/run.ts';
import { buildSystem, buildUpgrade } from '../../host/operate/build.ts';
import { flash } from '../../host/operate/flash.ts';
import { stage } from '../../host/operate/stage.ts';
import type { BoardStatus } from '../../host/operate/status.ts';
import { boardStatus } from '../../host/operate/status.ts';
import type { Version } from '../../host/operate/version.ts';
import { outputs, withheld } from '../../host/power/boards-judge.ts';
import type { CutKind } from '../../host/power/boards-phase.ts';
import { Phases } from '../../host/power/boards-phase.ts';
import type { Client } from '../../host/testbed/client.ts';
import { startTestbed, stopTestbed } from '../../host/testbed/client.ts';
import { headerOf } from '../../host/testbed/header.ts';
import { createRandom } from '../../host/testbed/random.ts';
import { reached as within } from '../fixtures/failure.ts';

/** Nobody is gone, nothing hangs and nothing has failed before that: a machine with other work is slow, ms. */
const PATIENCE_MS = 300_000;
const LOOK_MS = 50;
const HEARTBEAT_MS = 500;
/** Boards are without power for up to so long, ms. */
const OFF_MS = 300;
const RADIO = 'radio';

export interface Trial {
  /** as of `testbed up --boards` */
  boards: string;
  /** letter of the upgrade */
  upgrade: string;
  /** real seconds for each of the mission's */
  slow: number;
  /** mission time at which it begins, s */
  begin: number;
  /** the word that ends guarded operation after so much mission time, s; 0: it ends by itself */
  commitAfter: number;
  /** boards tell that they live, and where they stand, each so many ms */
  heartbeatMs?: number;
  seed: number;
}

export interface Flown {
  /** nothing, if all is well */
  problems: string[];
  /** what decided the end of guarded operation, and why */
  end: string;
  why: string;
  /** power cuts, and the phase that each came in */
  cuts: { board: string; phase: string }[];
  counts: Record<string, number>;
  /** real s */
  seconds: number;
}

/** UNDERSTUDY_TELL=1: where a flight stands, and after how many real seconds, for it may take minutes. */
function teller(): (what: string) => void {
  const began = performance.now();
  return (what) => {
    if (process.env.UNDERSTUDY_TELL) console.error(`${((performance.now() - began) / 1000).toFixed(1)} s: ${what}`);
  };
}

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** The mission's world, each second of which takes `slow` seconds. */
function worldText(): string {
  return `import { createWorld as plant } from ${JSON.stringify(join(MISSION, 'plant.ts'))};
export function createWorld(bench, { slow, ...options }) {
  const slower = {
    ...bench,
    now: () => bench.now() / slow,
    every: (ms, fn) => bench.every(ms * slow, fn),
  };
  return plant(slower, options);
}
`;
}

async function versions({ upgrade, heartbeatMs }: Trial): Promise<{ old: Version; fresh: Version; header: TraceLine }> {
  const system = readSystem(join(MISSION, 'system.json'));
  // what is on its way while nothing is guarded is not to be lost either
  system.value.durability = 'always';
  system.value.policy = { ...system.value.policy, heartbeatMs: heartbeatMs ?? HEARTBEAT_MS, absentMs: PATIENCE_MS };
  const old = await buildSystem(system);
  const file = readUpgrade(join(MISSION, 'upgrades', upgrade, 'upgrade.json'));
  // it ends by word, or by its failure
  file.value.policy = { commitAfterS: 0, validated: 0, heartbeatMs: null, absentMs: null, lead: 2000 };
  const fresh = await buildUpgrade(old, file);
  const header = headerOf(system);
  const processes = (header.processes ?? []).map(([pid, name, board]): [number, string, string] => {
    const moved = pid & 1 ? fresh.plan.components[pid >> 1] : null;
    return [pid, name, moved ? (fresh.plan.boards[moved.board] as string) : board];
  });
  return { old, fresh, header: { ...header, processes } };
}

export async function fly(trial: Trial): Promise<Flown> {
  const began = performance.now();
  const folder = mkdtempSync(join(tmpdir(), `cuts-${trial.boards}-`));
  const stateDir = join(folder, 'state');
  try {
    const { old, fresh, header } = await versions(trial);
    writeFileSync(join(folder, 'world.ts'), worldText());
    const boards = Object.fromEntries(old.plan.boards.map((name) => [name, { kind: 'virtual' }]));
    const world = { module: 'world.ts', options: { slow: trial.slow, begin: trial.begin } };
    const testbedFile = join(folder, 'testbed.json');
    writeFileSync(testbedFile, JSON.stringify({ understudy: 1, boards, world }));
    const systemFile = join(MISSION, 'system.json');
    const lab = await startTestbed({ systemFile, testbedFile, stateDir, boards: trial.boards, seed: trial.seed });
    try {
      const flown = await flight(trial, lab, old, fresh, header);
      return { ...flown, seconds: (performance.now() - began) / 1000 };
    } finally {
      await lab.close();
    }
  } finally {
    await stopTestbed(stateDir).catch(() => undefined);
    rmSync(folder, { recursive: true, force: true });
  }
}

async function flight(trial: Trial, lab: Client, old: Version, fresh: Version, header: TraceLine): Promise<Judged> {
  const tell = teller();
  const boards = old.plan.boards;
  const random = createRandom(trial.seed, `${trial.boards} ${trial.upgrade}`);
  const some = (): string => boards[Math.floor(random.next() * boards.length)] as string;
  const lines: TraceLine[] = [header];
  const phases = new Phases();
  const killed: { board: string; t: number }[] = [];
  const cuts: Flown['cuts'] = [];
  /** a board loses its power as soon as this cut of the protocol begins */
  let armed: CutKind | null = null;
  let cutting: Promise<void> = Promise.resolve();

  /** A power cut, as one comes: from outside, at any instant. Resolves when the board is back. */
  async function cut(board: string): Promise<void> {
    const found = lab.boards().find((b) => b.name === board);
    if (!found?.powered) throw new Error(`${board} has no power to lose`);
    cuts.push({ board, phase: phases.of(board) });
    tell(`${board} loses power: ${phases.of(board)}`);
    process.kill(found.pid, 'SIGKILL');
    await until(`power of ${board} is off`, () => lab.boards().some((b) => b.name === board && !b.powered));
    await sleep(OFF_MS * random.next());
    // all that it has put out came before, and all that it will put out again comes later
    killed.push({ board, t: lab.now() });
    await lab.power(board, true);
  }

  lab.onTrace((line) => {
    lines.push(line);
    phases.hear(line, lab.now());
    if (armed === null || phases.cut() !== armed) return;
    armed = null;
    cutting = cut(some());
  });

  const all = async (): Promise<BoardStatus[] | null> => {
    try {
      return await Promise.all(boards.map((board) => boardStatus(lab, board)));
    } catch {
      return null;
    }
  };

  /** Again and again: what is said may go down with who hears it. */
  async function word(what: string, done: () => boolean): Promise<void> {
    await until(`what ${what} leads to`, async () => {
      for (const board of ['compute', 'control', 'actuators']) {
        if (done()) return true;
        const heard = await lab.request(board, 'word', { word: what, op: fresh.hash }).then(
          () => true,
          () => false,
        );
        for (let i = 0; i < 40 && heard && !done(); i++) await sleep(50);
      }
      return done();
    });
  }

  await flash(lab, old);
  tell('flashed');
  const torques = async (): Promise<number> => (await lab.records()).filter(({ name }) => name === 'torque').length;
  await until('the craft flies', async () => (await torques()) > 2);
  tell('the craft flies');
  const begun = lines.length;

  // staging: it is tried again where the power cut has ended it
  phases.told = 'staging';
  const staging = (async () => {
    await sleep(1000 * random.next());
    await cut(some());
  })();
  let refused = '';
  const tryStage = (): Promise<boolean> =>
    stage(lab, fresh).then(
      () => true,
      (error: Error) => {
        refused = error.message;
        tell(`not staged: ${refused}`);
        return false;
      },
    );
  if (!(await reached(tryStage))) throw new Error(`never staged: ${refused}`);
  await staging;
  await until('staged after the power cut', async () => {
    const statuses = await all();
    if (statuses?.every((b) => b.upgrade?.hash === fresh.hash)) return true;
    if (statuses) await tryStage();
    return false;
  });
  phases.told = 'staged';
  tell('staged');

  const epoch = Math.max(...((await all()) ?? []).map((b) => b.epoch));
  phases.epoch = epoch;
  const started = epoch + 1;
  armed = 'start';
  await word('start', () => phases.epoch >= started);
  const start = [...(phases.verdicts.get(started) ?? [])];
  await cutting;
  await reached(() => phases.cut() === null || phases.epoch > started);
  if (phases.epoch === started) await cut(some());
  tell('guarded');

  if (trial.commitAfter > 0) {
    armed = 'commit';
    await sleep(trial.commitAfter * trial.slow * 1000);
    await word('commit', () => phases.epoch > started);
  } else {
    if (phases.epoch === started) armed = 'recovery';
    await until('the end of guarded operation', () => phases.epoch > started);
  }
  tell('guarded operation has ended');
  await cutting;
  const wanted = trial.commitAfter > 0 ? fresh : old;
  let last: BoardStatus[] = [];
  const agreed = await reached(async () => {
    last = (await all()) ?? [];
    return last.length > 0 && last.every((b) => b.plan?.hash === wanted.hash && !b.guarded && cutless(b));
  });
  tell('the boards agree');
  const before = await torques();
  const flies = await reached(async () => (await torques()) > before + 5);
  const end = [...(phases.verdicts.get(started + 1) ?? [])];
  const records = await lab.records();

  const problems: string[] = [];
  if (start.join() !== 'start') problems.push(`the start ended with ${start.join(' and ')}`);
  if (!agreed) problems.push(`the boards do not agree: ${JSON.stringify(last.map((b) => [b.board, b.plan, b.epoch]))}`);
  if (!flies) problems.push('the wheels stand still');
  for (const kind of ['error', 'journal', 'lost', 'behind']) {
    for (const line of lines.filter(({ note }) => note?.kind === kind)) {
      problems.push(`${line.board}: ${kind}: ${String(line.note?.why)}`);
    }
  }
  const anew = lines.slice(begun).filter(({ note }) => note?.kind === 'boot' && note.resumed === false);
  for (const { board } of anew) problems.push(`${board} began anew`);
  const report = check(lines, { live: true });
  for (const v of report.violations) problems.push(`${v.rule}: ${v.process} event ${v.n}: ${v.why}`);
  const radio = records.filter(({ name }) => name === RADIO);
  const numbers = radio.map(({ values }) => values[0] as number);
  const device = old.plan.devices.findIndex(({ name }) => name === RADIO);
  const put = { device: RADIO, board: 'compute', numbers, times: radio.map(({ t }) => t), step: 1 };
  problems.push(...outputs({ ...put, atLeastOnce: false, withheld: withheld(lines, device) }, killed));
  if (numbers.length < 5) problems.push(`only ${numbers.length} frames came down`);
  const why = lines
    .flatMap(({ effects }) => effects ?? [])
    .find((e) => e.kind === 'decide' && e.epoch === started + 1 && e.why)?.why;
  return { problems, end: end.join(' and '), why: why ?? '', cuts, counts: { ...report.counts, frames: radio.length } };
}

type Judged = Omit<Flown, 'seconds'>;

function cutless(board: BoardStatus): boolean {
  return board.processes.every((process) => !process.cut);
}

/** Not often: on a slow board each look takes its time. */
const reached = (holds: () => boolean | Promise<boolean>): Promise<boolean> => within(holds, PATIENCE_MS, LOOK_MS);

async function until(what: string, holds: () => boolean | Promise<boolean>): Promise<void> {
  if (!(await reached(holds))) throw new Error(`never came: ${what}`);
}
