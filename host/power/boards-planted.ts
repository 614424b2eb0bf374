// Mistakes that one can make in durable operation, planted in the boards' firmware one at a time: runs must notice each.
// The numbers are those of PROTOCOL 9.

import { changedText } from '../mutants/core.ts';
import type { Change } from '../mutants/core.ts';
import type { Aim, Draw, Round, Wanted } from './boards-draw.ts';
import { draw } from './boards-draw.ts';
import type { Told } from './boards-told.ts';
import { toldOf } from './boards-told.ts';
import type { Phase } from './boards-phase.ts';
import { runBoards } from './boards-run.ts';
import { ACTUATOR, COMPUTE, CONTROL, CONTROLLER, SENSORS } from './boards-system.ts';

export interface Planted {
  name: string;
  changes: Change[];
  /** where it can be noticed */
  set: Partial<Draw> | ((seed: number) => Partial<Draw>);
  /** the first run that notices it */
  seed: number;
}

/** Power cuts around the cuts of the protocol, on a bus that loses something: more is on its way then. */
function around(phases: Phase[], more: Partial<Draw> = {}, wanted: Wanted = {}): Partial<Draw> {
  const bus = { loss: 0.12 };
  return { durability: 'guard', loose: false, bus, wanted: { phases, rounds: 1, aims: 4, ...wanted }, ...more };
}

const GUARD: Partial<Draw> = { durability: 'guard', loose: false, wanted: { rounds: 1 } };
const ALWAYS: Partial<Draw> = { durability: 'always', loose: false };

function aimAt(phase: Phase, board: number, seed: number, more: number, rest: Partial<Aim> = {}): Aim {
  return { phase, board, later: 0, at: 'call', more, how: 'done', seed, offMs: 5, again: [], ...rest };
}

function oneRound(round: Partial<Round>, more: Partial<Draw>): Partial<Draw> {
  const plain: Round = {
    cluster: [CONTROLLER],
    changed: false,
    fate: 'good',
    after: 3,
    end: 'commit',
    word: SENSORS,
    aims: [],
  };
  return { ...GUARD, gyro: SENSORS, bus: {}, rounds: [{ ...plain, ...round }], ...more };
}

/**
 * A commit: the actuator's board loses power when it has reported, and has perhaps not heard the shadow yet, which
 * decides then and stops; then the shadow's board does.
 */
function leftBehind(seed: number): Partial<Draw> {
  const next = aimAt('commit', COMPUTE, seed, seed % 6, { upon: 'decide' });
  const first = aimAt('commit', CONTROL, seed, 2 + (seed % 9), { upon: 'report', offMs: 700, next });
  return oneRound({ aims: [first] }, {});
}

/** A recovery: power goes just before the outputs that a takeover causes. */
function takenOver(seed: number): Partial<Draw> {
  const aims = [aimAt('recovery', CONTROL, seed, seed % 3, { upon: 'decide' })];
  return oneRound({ cluster: [CONTROLLER, ACTUATOR], fate: 'wrong', after: 5 + seed, aims }, { atLeastOnce: true });
}

/** An upgrade has just been staged, and no base tells of it yet; power goes, and again after the boot. */
function stagedTwice(seed: number): Partial<Draw> {
  const board = [SENSORS, COMPUTE, CONTROL][seed % 3] as number;
  const again = [6 + 2 * (seed % 7)];
  const aims = [aimAt('staging', board, seed, seed % 4, { at: 'flash', how: 'none', upon: 'stage', again })];
  return oneRound({ aims }, { durability: 'always' });
}

/** Upgrades that are none of the trouble. */
const GOOD: Wanted = { fates: ['good'], ends: ['commit', 'abort'] };

function planted(name: string, set: Planted['set'], seed: number, ...changes: Change[]): Planted {
  return { name, set, seed, changes };
}

export const PLANTED: Planted[] = [
  planted(
    '15 effects leave before they are durable',
    GUARD,
    3,
    ['main.ts', '    commit(rt, logs(rt));\n', ''],
    [
      'main.ts',
      '    if (rt.beatDue) sendBeat(rt);\n',
      '    if (rt.beatDue) sendBeat(rt);\n    commit(rt, logs(rt));\n',
    ],
  ),
  planted('16 a base without what is not acknowledged', around(['start', 'guard']), 1, [
    'base.ts',
    '    queues: queuesOf(rt, local.pid),\n',
    '    queues: [],\n',
  ]),
  planted('24 a stopped process takes with it what it sent', around(['recovery', 'commit']), 30, [
    'runtime.ts',
    "  for (let i = 0; i < list.length; i++) if (list[i].self.role !== 'stopped') kept.push(list[i]);\n",
    `  for (let i = 0; i < list.length; i++) {
    if (list[i].self.role !== 'stopped') kept.push(list[i]);
    else for (let j = 0; j < rt.outgoing.length; j++) if (rt.outgoing[j].from === list[i].pid) clear(rt.outgoing[j]);
  }
`,
  ]),
  planted("24 the board's base without what stopped processes sent", leftBehind, 38, [
    'base.ts',
    '    queues: queuesOf(rt, -1),\n',
    '    queues: [],\n',
  ]),
  // nothing else would show it: bases are written where all that has happened is out
  planted(
    '25 bases before outputs are out, and without them',
    takenOver,
    1,
    ['main.ts', '    rt.flush();\n    release(rt);\n', '    rt.flush();\n    keepBases(rt);\n    release(rt);\n'],
    ['base.ts', '    outputs: outputsOf(rt, local.pid),\n', '    outputs: [],\n'],
  ),
  planted('27 an old frame is refused without acknowledgement', GUARD, 1, [
    'runtime.ts',
    "  if (verdict === 'take' || verdict === 'repeat') {\n",
    `  if (verdict === 'repeat' && message.epoch < (localOf(rt, to) as Local).self.epoch) return;
  if (verdict === 'take' || verdict === 'repeat') {
`,
  ]),
  planted(
    'an output at most once is told of after it was done',
    {
      ...GUARD,
      atLeastOnce: false,
      periodMs: 37,
      wanted: { ...GOOD, phases: ['guard'], boards: [CONTROL], operations: [0, 6], aims: 6, rounds: 1 },
    },
    1,
    ['device.ts', '  if (!device.latest && !device.atLeastOnce && !output.claimed) {', '  if (false) {'],
    ['device.ts', '  if (!device.atLeastOnce) return;\n', ''],
    ['device.ts', "  if (!rt.store.on || rt.lost !== '') return;\n  for (let d", '  if (rt) return;\n  for (let d'],
  ),
  planted(
    'what a driver has done is forgotten',
    {
      ...GUARD,
      periodMs: 37,
      wanted: { phases: ['guard', 'recovery'], boards: [CONTROL, COMPUTE], aims: 5, rounds: 1 },
    },
    2,
    [
      'resume.ts',
      'else if (kind === FACT_DONE && state) admit(',
      'else if (kind === FACT_DONE && state && !rt) admit(',
    ],
  ),
  planted(
    'an input is no fact',
    {
      ...GUARD,
      gyro: SENSORS,
      periodMs: 37,
      wanted: { ...GOOD, phases: ['guard'], boards: [SENSORS], aims: 5, rounds: 1 },
    },
    1,
    ['device.ts', '  recordFact(rt, [FACT_INPUT, d, state.inputs, data]);\n', ''],
  ),
  planted(
    'a session whose bases do not all stand is believed',
    around(['start'], {}, { later: [0, 1], operations: [0, 4], aims: 3 }),
    10,
    [
      'resume.ts',
      '      next = nothingFound();\n      nextBegun = [];\n',
      '      out = nothingFound();\n      out.open = true;\n      begun = [];\n',
    ],
  ),
  planted(
    'a session that begins anew is all that counts, though its bases do not all stand',
    around(['start', 'guard'], {}, { again: 1 }),
    10,
    [
      'resume.ts',
      '      next = nothingFound();\n      nextBegun = [];\n',
      '      out = nothingFound();\n      begun = [];\n',
    ],
    [
      'resume.ts',
      '    } else if (kind === RECORD_OPENING && next) addBase(next, nextBegun, fields, at);\n    else if (kind === RECORD_READY && next) {\n      out = next;\n',
      '    } else if (kind === RECORD_READY) {\n      out = next || out;\n',
    ],
    ['resume.ts', '      begun = nextBegun;\n', ''],
  ),
  planted(
    'the end of a session is not told',
    { ...GUARD, loose: true, wanted: { phases: ['after'], aims: 4, rounds: 1 } },
    5,
    ['store.ts', '  records.push({ kind: RECORD_END, bytes: encode([keep]) });\n', ''],
  ),
  planted('a board that goes on says that it began anew', GUARD, 1, ['resume.ts', '  rt.life = base.life;\n', '']),
  planted('board time begins again with the boot', { ...ALWAYS, freshClocks: true }, 1, [
    'main.ts',
    '    rt.clock = Math.max(0, found.t / 1000 - hal.now());\n',
    '',
  ]),
  planted(
    'of a board, the first process alone ends a cut with a base',
    { ...ALWAYS, wanted: { ...GOOD, phases: ['staging'], ends: ['commit'], aims: 4, rounds: 2 } },
    7,
    ['runtime.ts', '  rebase(rt, local.pid);\n', ''],
  ),
  planted(
    'a base of an upgrade that is gone is in the way',
    { ...ALWAYS, wanted: { phases: ['staging'], aims: 4, rounds: 2 } },
    35,
    [
      'resume.ts',
      '  if (!image) return;\n',
      "  if (!image) throw new Error('the flash no longer holds version ' + base.plan);\n",
    ],
  ),
  planted('a boot that tells anew of the staged upgrade forgets its slot', stagedTwice, 1, [
    'resume.ts',
    '      if (wanted && why === null) rt.records.value.staged = slot;\n',
    '',
  ]),
];

/** The boards' firmware with these changes. */
export function changedBundle(changes: Change[], name: string): Promise<string> {
  const entry = "import { boot } from './main.ts';\nglobalThis.understudy = { boot: boot };";
  return changedText(entry, changes, name, 'iife');
}

/** Its run of this seed. */
export function plantedDraw({ set }: Planted, seed: number): Draw {
  return draw(seed, typeof set === 'function' ? set(seed) : set);
}

export interface Caught {
  planted: Planted;
  /** the run that noticed; null: none has */
  told: Told | null;
  runs: number;
  kills: number;
  seconds: number;
}

/** Runs with it until one notices, at most so many. */
export async function runPlanted(one: Planted, first: number, runs: number): Promise<Caught> {
  const begun = performance.now();
  const bundle = await changedBundle(one.changes, one.name);
  const caught: Caught = { planted: one, told: null, runs: 0, kills: 0, seconds: 0 };
  while (caught.runs < runs && !caught.told) {
    const run = await runBoards(plantedDraw(one, first + caught.runs), bundle);
    await run.rig.close();
    caught.runs++;
    caught.kills += run.killed.length;
    if (run.complaints.length > 0) caught.told = toldOf(run);
  }
  caught.seconds = (performance.now() - begun) / 1000;
  return caught;
}
