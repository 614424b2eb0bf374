// Boards as processes of their own, ended by SIGKILL at any instant over whole upgrades. What they keep is in their
// flash files, and nothing else. Real time passes here: what is judged does not depend on how fast.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { check } from '../host/check/check.ts';
import type { TraceLine } from '../host/check/types.ts';
import { flash } from '../host/operate/flash.ts';
import { stage } from '../host/operate/stage.ts';
import type { BoardStatus } from '../host/operate/status.ts';
import { boardStatus } from '../host/operate/status.ts';
import type { Version } from '../host/operate/version.ts';
import { outputs, withheld } from '../host/power/boards-judge.ts';
import { Phases } from '../host/power/boards-phase.ts';
import type { Change } from '../host/power/boards-system.ts';
import { BOARDS, base, COIL, CONTROLLER, ESTIMATOR, SPARE, upgradeOf, WHEEL } from '../host/power/boards-system.ts';
import type { Client } from '../host/testbed/client.ts';
import { startDaemon, stopTestbed } from '../host/testbed/client.ts';
import { createRandom } from '../host/testbed/random.ts';
import { bundleText } from './fixtures/bundle.ts';
import { until as within } from './fixtures/failure.ts';

const KILLS = 25;
const SEED = 1;
/** A machine with other work is slow, and that is nobody's failure, ms. */
const PATIENCE_MS = 40_000;
const WORLD = `
export function createWorld(bench) {
  let k = 0;
  bench.every(100, () => bench.input('gyro', { x: Math.sin(k++ / 7) }));
  return { output(device, values) { bench.record(device, [values.n ?? values.m]); } };
}`;

const folder = mkdtempSync(join(tmpdir(), 'kill-'));
const state = join(folder, 'state');

afterAll(async () => {
  await stopTestbed(state).catch(() => undefined);
  rmSync(folder, { recursive: true, force: true });
});

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

const until = (what: string, holds: () => boolean | Promise<boolean>): Promise<void> =>
  within(what, holds, PATIENCE_MS);

async function bring(version: Version): Promise<Client> {
  writeFileSync(join(folder, 'world.ts'), WORLD);
  writeFileSync(join(folder, 'board.js'), await bundleText());
  const { plan } = version;
  const lab = await startDaemon({
    bundle: join(folder, 'board.js'),
    boards: BOARDS.map((name) => ({
      name,
      kind: 'virtual',
      type: 'virtual',
      flash: { sectorBytes: 4096, sectors: 64, programBytes: 4 },
    })),
    devices: plan.devices.map((d) => ({ name: d.name, board: plan.boards[d.board] as string, in: d.in, out: d.out })),
    world: { module: join(folder, 'world.ts'), options: {} },
    seed: SEED,
    speed: 1,
    stateDir: state,
    systemFile: 'system.json',
    header: { v: 1, trace: 'understudy', processes: [] },
    // what was written to a pipe is out, whatever becomes of who wrote it
    line: 'pipe',
  });
  return lab;
}

/** Where each process runs, for the checks. */
const HEADER: TraceLine = {
  v: 1,
  trace: 'understudy',
  processes: ['sensors', 'compute', 'compute', 'control', 'sensors'].flatMap((board, c): [number, string, string][] => {
    const name = ['sensor', 'estimator', 'controller', 'actuator', 'telemetry'][c] as string;
    return [
      [2 * c, `${name}/0`, board],
      [2 * c + 1, `${name}/1`, c === ESTIMATOR ? 'spare' : board],
    ];
  }),
  roles: [0, 1, 2, 3, 4].flatMap((c): [number, string][] => [
    [2 * c, 'active'],
    [2 * c + 1, 'seat'],
  ]),
};

interface Round {
  what: string;
  components: Change['components'];
  end: 'commit' | 'abort' | null;
  expected: 'commit' | 'recovery';
}

const WRONG = 's.bad = (s.bad || 0) + 1; if (s.bad > 10) u = 9;';
const ROUNDS: Round[] = [
  { what: 'wrong', components: { [CONTROLLER]: { handler: WRONG } }, end: null, expected: 'recovery' },
  {
    what: 'aborted',
    components: { [ESTIMATOR]: { board: SPARE }, [CONTROLLER]: {} },
    end: 'abort',
    expected: 'recovery',
  },
  {
    what: 'good',
    components: { [ESTIMATOR]: { board: SPARE }, [CONTROLLER]: {} },
    end: 'commit',
    expected: 'commit',
  },
];

test(`${KILLS} times SIGKILL over upgrades: nothing is lost or repeated, and each ends as it should`, async () => {
  const version = base((plan) => {
    plan.durability = 'always';
    const [, wheel] = plan.devices;
    if (wheel) wheel.atLeastOnce = true;
    plan.policy.absentMs = PATIENCE_MS;
  });
  const lab = await bring(version);
  const lines: TraceLine[] = [HEADER];
  const phases = new Phases();
  const random = createRandom(SEED, 'kill');
  const killed: { board: string; t: number }[] = [];
  const cuts: string[] = [];
  const story = (): string => `${cuts.join('; ')}; epoch ${phases.epoch}, ${phases.decided}`;
  lab.onTrace((line) => {
    lines.push(line);
    phases.hear(line, lab.now());
  });
  await flash(lab, version);
  await until('the wheel turns', async () => (await lab.records()).some(({ name }) => name === 'wheel'));
  const begun = lines.length;

  /** One power cut, at any instant, as one comes: from outside. */
  async function kill(): Promise<void> {
    const board = BOARDS[Math.floor(random.next() * BOARDS.length)] as string;
    await sleep(350 * random.next());
    const found = lab.boards().find((b) => b.name === board);
    if (!found?.powered) return;
    cuts.push(`${board} ${phases.of(board)}`);
    process.kill(found.pid, 'SIGKILL');
    await until(`power of ${board} is off`, () => lab.boards().some((b) => b.name === board && !b.powered));
    await sleep(150 * random.next());
    // all that it has put out came before, and all that it will put out again comes later
    killed.push({ board, t: lab.now() });
    await lab.power(board, true);
  }

  let over = false;
  const killing = (async () => {
    while (killed.length < KILLS && !over) await kill();
  })();

  /** Again and again: what is said may go down with who hears it. */
  async function word(what: string, op: string, done: () => boolean): Promise<void> {
    await until(what, async () => {
      if (done()) return true;
      for (const board of ['compute', 'control', 'sensors']) {
        const heard = await lab.request(board, 'word', { word: what, op }, 1500).then(
          () => true,
          () => false,
        );
        for (let i = 0; i < 20 && heard && !done(); i++) await sleep(50);
        if (done()) return true;
      }
      return false;
    });
  }

  const all = async (): Promise<BoardStatus[] | null> => {
    try {
      return await Promise.all(BOARDS.map((board) => boardStatus(lab, board)));
    } catch {
      return null;
    }
  };
  const agreed = async (hash: string): Promise<boolean> => {
    const boards = await all();
    return boards?.every((b) => b.plan?.hash === hash && !b.guarded && b.processes.every((p) => !p.cut)) === true;
  };

  let running = version;
  phases.epoch = (await boardStatus(lab, 'control')).epoch;
  const live = [0, 0, 0, 0, 0];
  for (let i = 0; killed.length < KILLS || i < ROUNDS.length; i++) {
    const round = ROUNDS[i % ROUNDS.length] as Round;
    // each process has one place: the new estimator is on the spare board if the old one is not
    const components: Change['components'] = {};
    for (const [c, twist] of Object.entries(round.components)) {
      const board = Number(c) === ESTIMATOR ? (live[ESTIMATOR] ? 1 : SPARE) : twist.board;
      components[Number(c)] = board === undefined ? twist : { ...twist, board };
    }
    const upgrade = upgradeOf(running, {
      name: `${round.what} ${i}`,
      components,
      policy: { absentMs: PATIENCE_MS },
    });
    await until('staged', () =>
      stage(lab, upgrade).then(
        () => true,
        () => false,
      ),
    );
    phases.told = 'staged';
    const started = phases.epoch + 1;
    await word('start', upgrade.hash, () => phases.epoch >= started);
    expect([...(phases.verdicts.get(started) ?? [])], story()).toEqual(['start']);
    if (round.end) {
      await sleep(300);
      await word(round.end, upgrade.hash, () => phases.epoch > started);
    } else await until('the end of the guard', () => phases.epoch > started);
    const kept = round.expected === 'commit' ? upgrade : running;
    await until(`all boards run ${kept.plan.name}`, () => agreed(kept.hash));
    expect([...(phases.verdicts.get(started + 1) ?? [])], story()).toEqual([round.expected]);
    if (kept === upgrade) for (const c of Object.keys(components)) live[Number(c)] = 1 - (live[Number(c)] as number);
    running = kept;
  }
  over = true;
  await killing;
  await until('all boards agree', () => agreed(running.hash));
  const before = (await lab.records()).filter(({ name }) => name === 'wheel').length;
  await until('the wheel turns', async () => {
    return (await lab.records()).filter(({ name }) => name === 'wheel').length > before + 5;
  });

  expect(killed.length).toBe(KILLS);
  for (const kind of ['error', 'journal', 'lost', 'behind']) {
    expect(lines.filter((line) => line.note?.kind === kind)).toEqual([]);
  }
  expect(lines.slice(begun).filter(({ note }) => note?.kind === 'boot' && note.resumed === false)).toEqual([]);
  expect(check(lines, { live: true }).violations.slice(0, 3), story()).toEqual([]);
  const rows = await lab.records();
  const numbered = (device: string, d: number, board: string, step: number, atLeastOnce: boolean): string[] => {
    // a `hold` value has number 0
    const own = rows.filter(({ name, values }) => name === device && values[0] !== 0);
    const numbers = own.map(({ values }) => values[0] as number);
    expect(numbers.length).toBeGreaterThan(10);
    const times = own.map(({ t }) => t);
    return outputs({ device, board, numbers, times, step, atLeastOnce, withheld: withheld(lines, d) }, killed);
  };
  expect(numbered('wheel', WHEEL, 'control', 1, true), story()).toEqual([]);
  expect(numbered('coil', COIL, 'compute', 4, false), story()).toEqual([]);
  await lab.close();
}, 240_000);
