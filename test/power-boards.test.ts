// A part of what `npm run power -- boards` does, large enough that every planted mistake is noticed in it.

import { spawnSync } from 'node:child_process';
import { describe, expect, test } from 'vitest';
import { root } from '../host/build/root.ts';
import { draw } from '../host/power/boards-draw.ts';
import { PLANTED } from '../host/power/boards-planted.ts';
import { runBoards } from '../host/power/boards-run.ts';
import { encodeLine } from '../host/trace/file.ts';
import { BOARDS, base, bring, CONTROLLER, ESTIMATOR, SPARE, sha, upgradeOf } from './fixtures/lab.ts';

/** What these have found once: a base of an upgrade that is gone, a start in a row of power cuts, and others. */
const SEEDS = [2, 13, 19, 119, 134, 207, 237];
const KILLS = 40;
/** All of them together may take so long on a busy machine, ms. */
const PLANTED_MS = 400_000;

describe('boards lose power at any instant of whole upgrades', () => {
  let kills = 0;
  const phases = new Set<string>();

  test.each(SEEDS)('seed %i', async (seed) => {
    const run = await runBoards(draw(seed));
    await run.rig.close();
    // again: npm run power -- boards --replay SEED
    expect(run.complaints, run.story.join('\n')).toEqual([]);
    expect(run.ended).toHaveLength(2);
    kills += run.killed.length;
    for (const { phase } of run.killed) phases.add(phase);
  });

  test(`that were at least ${KILLS} power cuts, in all phases that matter`, () => {
    expect(kills).toBeGreaterThanOrEqual(KILLS);
    for (const phase of ['staging', 'start', 'guard', 'recovery', 'after', 'boot']) expect(phases).toContain(phase);
  });

  test('a run is a function of its seed', async () => {
    const digests: string[] = [];
    for (let i = 0; i < 2; i++) {
      const { rig, story } = await runBoards(draw(5));
      await rig.close();
      digests.push(sha(story.join() + rig.lines.map(encodeLine).join()));
    }
    expect(digests[0]).toBe(digests[1]);
  });
});

test(
  'each planted mistake is noticed',
  () => {
    // in a process of its own, as a person would run it
    const tool = ['--import', 'tsx', 'host/power/main.ts', 'boards', '--planted'];
    const run = spawnSync(process.execPath, tool, { cwd: root(), encoding: 'utf8', timeout: PLANTED_MS });
    expect(run.stdout, `${run.stdout}\n${run.stderr}`).toContain(`${PLANTED.length} of ${PLANTED.length} noticed`);
    expect(run.status).toBe(0);
  },
  PLANTED_MS,
);

test('a journal that is full ends the guard, though markers stand behind messages that nobody takes', async () => {
  const flash = { sectorBytes: 1024, sectors: 42, programBytes: 8 };
  const rig = await bring({
    version: base((plan) => {
      plan.durability = 'guard';
    }),
    periodMs: 20,
    lockstep: {
      jitterMs: 12,
      boards: BOARDS.map((name) => ({ name, type: 'virtual', interrupts: true, memoryBytes: 0, flash })),
    },
    places: { 'estimator/1': 'spare' },
  });
  const upgrade = upgradeOf(rig.version, { components: { [ESTIMATOR]: { board: SPARE }, [CONTROLLER]: {} } });
  await rig.stage(upgrade);
  await rig.start();
  await rig.wait(8000);
  expect(rig.notes('journal').map(({ note }) => note?.why)).toContainEqual(expect.stringContaining('full'));
  for (const board of BOARDS) {
    expect(await rig.status(board)).toMatchObject({ guarded: false, lost: '', plan: { hash: rig.version.hash } });
  }
  expect(rig.check().violations).toEqual([]);
  expect(rig.put('wheel', rig.lab.now() - 500).length).toBeGreaterThan(0);
  await rig.close();
});
