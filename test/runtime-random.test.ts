// Seeded runs of the whole runtime: upgrades good and bad, on a bus that loses, damages and delays, while boards lose
// power and links at any moment, cuts included. A failing run prints its seed and what happened in it.

import { expect, test } from 'vitest';
import type { Version } from '../host/operate/version.ts';
import type { LockstepOptions } from '../host/testbed/lockstep.ts';
import { createRandom } from '../host/testbed/random.ts';
import type { Change, Rig } from './fixtures/lab.ts';
import {
  BOARDS,
  base,
  bring,
  COMPUTE,
  CONTROL,
  CONTROLLER,
  ESTIMATOR,
  SENSOR,
  SENSORS,
  SPARE,
  TELEMETRY,
  upgradeOf,
} from './fixtures/lab.ts';

const TWISTS = [
  '',
  '',
  'if (s.n > 80) u = 9;',
  'if (s.n > 60 && io.random() < 0.1) throw new Error("x");',
  'if (s.n > 70 && s.n % 2) return;',
];

const BUSES: Partial<LockstepOptions>[] = [
  {},
  { loss: 0.05 },
  { loss: 0.15 },
  { jitterMs: 15 },
  { damage: 0.05, repeat: 0.1, loss: 0.03 },
];

interface Run {
  rig: Rig;
  log: string[];
}

/** Two upgrades one after the other; boards of `victims` lose power or link now and then. */
async function run(seed: number, victims: string[]): Promise<Run> {
  const random = createRandom(seed, 'runtime');
  const pick = <T>(list: T[]): T => list[Math.floor(random.next() * list.length)] as T;
  const gyro = pick([SENSORS, SENSORS, SPARE, CONTROL]);
  const version = base((plan) => {
    const device = plan.devices[0];
    if (device) device.board = gyro;
  });
  const side = pick([SPARE, SPARE, COMPUTE]);
  const rig = await bring({
    version,
    seed,
    periodMs: pick([100, 37, 211]),
    lockstep: pick(BUSES),
    places: { 'estimator/1': BOARDS[side] as string, 'sensor/1': 'spare' },
  });
  const log = [`seed ${seed}: gyro on ${BOARDS[gyro]}, new estimator on ${BOARDS[side]}`];
  const word = async (board: string, what: string, op = ''): Promise<void> => {
    log.push(`${Math.round(rig.lab.now())} ${what} at ${board}`);
    await rig.lab.request(board, 'word', { word: what, op }).catch((error) => log.push(`  ${error.message}`));
  };
  let running: Version = version;
  for (let round = 0; round < 2; round++) {
    const twist = pick(TWISTS);
    const controller = { [CONTROLLER]: { handler: twist } };
    const components = pick<Change['components']>([
      { [ESTIMATOR]: { board: side }, ...controller },
      { [SENSOR]: { board: SPARE }, [ESTIMATOR]: { board: side }, ...controller },
      { [SENSOR]: { board: SPARE } },
      { [TELEMETRY]: {} },
      controller,
    ]);
    const policy = pick([{}, { lead: 20 }, { commitAfterMs: 3000, validated: 10 }]);
    const upgrade = upgradeOf(running, { name: `${seed} ${round}`, components, policy });
    log.push(`stage ${Object.keys(components)} ${twist}`);
    await rig.stage(upgrade).catch((error) => log.push(`  ${error.message}`));
    await rig.wait(random.next() * 300);
    await word(pick(['sensors', 'compute', 'control']), 'start', upgrade.hash);
    for (let acts = Math.floor(random.next() * 4); acts > 0; acts--) {
      await rig.wait(pick([1, 2, 5, 400, 1500, 3000]) * random.next());
      const what = pick(['link', 'power', 'commit', 'abort', 'commit', 'none']);
      const board = pick(victims);
      const gap = pick([20, 300, 2000]) * random.next();
      log.push(`${Math.round(rig.lab.now())} ${what} ${board} ${Math.round(gap)} ms`);
      if (what === 'power') {
        await rig.lab.power(board, false);
        await rig.wait(gap);
        await rig.lab.power(board, true);
      } else if (what === 'link') {
        rig.lab.linked(board, false);
        await rig.wait(gap);
        rig.lab.linked(board, true);
      } else if (what !== 'none') await word(pick(['sensors', 'compute', 'control']), what);
    }
    await rig.wait(2500);
    const open = await rig.status('control');
    if (open.guarded && !open.lost) {
      await word('control', pick(['commit', 'abort']));
      await rig.wait(4000);
    }
    const status = await rig.status('control');
    log.push(
      `then: guarded ${status.guarded}, lost '${status.lost}', runs ${status.plan?.name}, epoch ${status.epoch}`,
    );
    if (status.lost || status.guarded) break;
    running = status.plan?.hash === upgrade.hash ? upgrade : running;
  }
  await rig.wait(2000);
  return { rig, log };
}

/** All boards agree, nothing is left over, and the wheel turns; unless the guard was lost, which they say. */
async function settled({ rig, log }: Run): Promise<void> {
  const boards = [];
  for (const board of BOARDS) boards.push(await rig.status(board));
  const story = log.join('\n');
  expect(rig.notes('error'), story).toEqual([]);
  if (boards.some((b) => b.lost !== '')) return;
  expect(new Set(boards.map((b) => b.epoch)).size, story).toBe(1);
  expect(new Set(boards.map((b) => b.plan?.hash)).size, story).toBe(1);
  for (const b of boards) {
    expect(b.guarded, story).toBe(false);
    expect(b.bus.queued, story).toBeLessThan(60);
    for (const p of b.processes) expect(p.cut, story).toBeNull();
  }
  expect(rig.put('wheel', rig.lab.now() - 1500).length, story).toBeGreaterThan(0);
}

const SPARE_SEEDS = [1, 7, 34, 40, 53, 54];
const ALL_SEEDS = [201, 207, 213, 222, 230, 238];

test.each(SPARE_SEEDS)('a spare board that fails at any moment, seed %i: no check is violated', async (seed) => {
  const made = await run(seed, ['spare']);
  await settled(made);
  expect(made.rig.check().violations.slice(0, 3), made.log.join('\n')).toEqual([]);
  await made.rig.close();
});

test.each(ALL_SEEDS)(
  'any board that fails at any moment, seed %i: one verdict, nothing unvalidated gets out',
  async (seed) => {
    const made = await run(seed, BOARDS);
    await settled(made);
    // durability is off: what a survivor loses with its power is lost, and messages with it
    const kept = ['verdict', 'containment', 'truth', 'cascade', 'memory'];
    expect(
      made.rig
        .check()
        .violations.filter((v) => kept.includes(v.rule))
        .slice(0, 3),
      made.log.join('\n'),
    ).toEqual([]);
    await made.rig.close();
  },
);
