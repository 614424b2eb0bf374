// `npm start`: a guarded upgrade from staging to recovery, and another to its commit, on virtual boards. Every board is
// a process of its own with a serial line and a flash file; nothing is left running.

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative, resolve } from 'node:path';
import { check } from './check/check.ts';
import { beforeLoss } from './check/part.ts';
import type { TraceLine } from './check/types.ts';
import { explain, table } from './command/output.ts';
import { createBars } from './command/progress.ts';
import { statusText } from './command/status.ts';
import { EXIT, Failure } from './failure.ts';
import type { Lab } from './lab.ts';
import type { Flight } from './mission/run.ts';
import { fly, MISSION, originalVersion, pointingOf, upgradeVersion } from './mission/run.ts';
import { flash } from './operate/flash.ts';
import type { Outcome } from './operate/guard.ts';
import { guard } from './operate/guard.ts';
import { stage } from './operate/stage.ts';
import { systemStatus } from './operate/status.ts';
import { startTestbed, stopTestbed } from './testbed/client.ts';
import { lineChart, textChart, type Chart } from './trace/chart.ts';
import { colourWanted, renderSvg, renderText } from './trace/diagram.ts';
import { readTrace } from './trace/file.ts';
import { phases, phasesText } from './trace/phases.ts';

const SEED = 1;
/** Virtual time passes so many times as fast as real time. */
const SPEED = Number(process.env.UNDERSTUDY_SPEED ?? 2);
/** Mission time at which upgrade B is started, s. */
const START_S = 12;
/** Length of the profile that is shown, s. */
const PROFILE_S = 140;
/** After a recovery the craft counts as settled below this error, degrees. */
const SETTLED_DEGREES = 0.6;
/** The mission's requirement, and what the craft must pass without a guard for the demonstration to show anything. */
const REQUIRED_DEGREES = 5;
const ASTRAY_DEGREES = 20;
/** The power of this board, which drives the wheels, goes so long after A was started, for so long, ms. */
const CUT_BOARD = 'actuators';
const CUT_AFTER_MS = 8000;
const CUT_MS = 400;
/** Guarded operation takes no longer than this, ms of mission time. */
const GUARD_MS = 110_000;
const FOLDER = resolve('understudy-demo');

const colour = colourWanted(process.env, process.stdout.isTTY === true);
const bold = (text: string): string => (colour ? `\u001b[1m${text}\u001b[0m` : text);

function title(text: string): void {
  process.stdout.write(`\n${bold(`── ${text} ${'─'.repeat(Math.max(0, 92 - text.length))}`)}\n`);
}

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}

/** Time of the mission, s: the profile begins when the first torque releases the craft. */
async function missionTime(lab: Lab): Promise<number> {
  const last = pointingOf(await lab.records()).at(-1);
  return last ? last[0] : -1;
}

async function until(lab: Lab, seconds: number): Promise<void> {
  for (;;) {
    const t = await missionTime(lab);
    if (t >= seconds) return;
    await lab.wait(t < 0 ? 200 : Math.max(50, (seconds - t) * 1000));
  }
}

/** An upgrade is not started on a craft that is still coming back from another one's error. */
async function settle(lab: Lab): Promise<void> {
  for (;;) {
    const last = pointingOf(await lab.records()).slice(-20);
    if (last.length === 20 && last.every(([, error]) => error < SETTLED_DEGREES)) return;
    await lab.wait(500);
  }
}

/** Power goes under guard, on a board that all depend on; and comes back. */
async function cutPower(lab: Lab): Promise<void> {
  await lab.wait(CUT_AFTER_MS);
  await lab.power(CUT_BOARD, false);
  say(`t = ${(await missionTime(lab)).toFixed(1)} s: ${CUT_BOARD} loses power, in the middle of guarded operation`);
  await lab.wait(CUT_MS);
  await lab.power(CUT_BOARD, true);
  const back = await missionTime(lab);
  say(
    `t = ${back.toFixed(1)} s: ${CUT_BOARD} is back, and goes on where it was, from its journal: the others noticed a pause`,
  );
}

/** Stages and starts an upgrade, and waits for the end of guarded operation. */
async function upgrade(lab: Lab, letter: string): Promise<{ started: number; end: Outcome | null }> {
  const version = await upgradeVersion(letter);
  const bars = createBars(false);
  const before = (await systemStatus(lab)).boards.flatMap((b) => b.devices).reduce((n, d) => n + d.done, 0);
  await stage(lab, version, { onProgress: (p) => bars.update(p) });
  bars.finish();
  const after = (await systemStatus(lab)).boards.flatMap((b) => b.devices).reduce((n, d) => n + d.done, 0);
  say(`staged on every board; meanwhile the running version put out ${after - before} outputs`);
  if (letter === 'B') await until(lab, START_S);
  const started = await missionTime(lab);
  say(`t = ${started.toFixed(1)} s: start; the new version goes live, the old one runs on beside it as a shadow`);
  const [outcome] = await Promise.all([guard(lab, GUARD_MS), letter === 'A' ? cutPower(lab) : null]);
  if (outcome.start.cut !== 'start') {
    throw new Failure('E_DEMO', EXIT.refused, `the start of ${letter} was cancelled: ${outcome.start.why}`, '');
  }
  return { started, end: outcome.end };
}

interface Live {
  pointing: [number, number][];
  trace: TraceLine[];
  startedB: number;
  caughtB: number;
  committedA: number;
}

async function onBoards(): Promise<Live> {
  const state = mkdtempSync(join(tmpdir(), 'understudy-'));
  title('a testbed of five virtual boards');
  const lab = await startTestbed({
    systemFile: join(MISSION, 'system.json'),
    testbedFile: join(MISSION, 'testbed.json'),
    stateDir: state,
    seed: SEED,
    speed: SPEED,
  });
  const down = async (): Promise<void> => {
    await lab.close().catch(() => undefined);
    await stopTestbed(state).catch(() => undefined);
    rmSync(state, { recursive: true, force: true });
  };
  const interrupted = (): void => {
    void down().then(() => process.exit(EXIT.interrupted));
  };
  process.once('SIGINT', interrupted);
  process.once('SIGTERM', interrupted);
  try {
    const rows = lab.boards().map((b) => [b.name, b.kind, b.port || 'pipe', b.powered ? 'on' : 'off']);
    say(table(['board', 'kind', 'serial line', 'power'], rows));
    title('flash the sample mission: attitude control of a small satellite');
    const bars = createBars(false);
    await flash(lab, await originalVersion(), (p) => bars.update(p));
    bars.finish();
    await until(lab, 1);
    say(`the craft is released and flies its profile; time passes ${SPEED} times as fast`);

    title('upgrade B: quaternions, but q and -q are taken for two attitudes');
    const b = await upgrade(lab, 'B');
    const caughtB = await missionTime(lab);
    if (b.end?.cut !== 'recovery')
      throw new Failure(
        'E_DEMO',
        EXIT.testsFailed,
        `the guard did not catch upgrade B: ${b.end ? `${b.end.cut}, ${b.end.why}` : 'nothing happened'}`,
        '',
      );
    say(`t = ${caughtB.toFixed(1)} s: ${b.end.why}; the old version has taken over in place: no reboot, no transfer`);

    await settle(lab);

    title('upgrade A: quaternions done right');
    const a = await upgrade(lab, 'A');
    const committedA = await missionTime(lab);
    if (a.end?.cut !== 'commit') {
      throw new Failure(
        'E_DEMO',
        EXIT.testsFailed,
        `upgrade A was not committed: ${a.end?.why ?? 'nothing happened'}`,
        '',
      );
    }
    say(`t = ${committedA.toFixed(1)} s: ${a.end.why}; A is committed, no shadow is left`);
    await until(lab, PROFILE_S);
    say(`\n${statusText(await systemStatus(lab))}`);
    const pointing = pointingOf(await lab.records());
    const info = await lab.info();
    await lab.close();
    await stopTestbed(state);
    const { lines } = await readTrace(info.trace);
    return { pointing, trace: lines, startedB: b.started, caughtB, committedA };
  } finally {
    process.off('SIGINT', interrupted);
    process.off('SIGTERM', interrupted);
    await down();
  }
}

function chartOf(live: Live, unguarded: Flight, plain: Flight): Chart {
  return {
    title: 'Pointing error of the craft: upgrade B with the guard, without it, and no upgrade at all',
    xLabel: 'mission time, s',
    yLabel: 'pointing error, degrees',
    log: true,
    yMin: 0.01,
    yMax: 200,
    xMin: 0,
    xMax: PROFILE_S,
    series: [
      { name: 'B without guard', points: unguarded.pointing },
      { name: 'B guarded, then A', points: live.pointing.filter(([t]) => t <= PROFILE_S) },
      { name: 'no upgrade', points: plain.pointing },
    ],
    limits: [{ y: REQUIRED_DEGREES, text: 'required' }],
    marks: [
      { x: live.startedB, text: 'B starts' },
      { x: live.caughtB, text: 'B is caught' },
      { x: live.committedA, text: 'A is committed' },
    ],
    bands: [{ from: live.startedB, to: live.caughtB, text: 'B guarded' }],
  };
}

function peakOf(points: [number, number][]): number {
  return Math.max(...points.map(([, error]) => error));
}

async function demonstrate(): Promise<number> {
  const begun = Date.now();
  say('building the sample mission and its upgrades, each component to an ES5 text of its own');
  for (const version of [await originalVersion(), await upgradeVersion('B'), await upgradeVersion('A')]) {
    const size = Object.values(version.modules).reduce((n, text) => n + text.length, 0);
    say(`  ${version.hash}  ${version.plan.upgrade?.name ?? version.plan.name}, ${size} bytes of modules`);
  }
  const live = await onBoards();

  title('the same flight without guard, and without upgrade (in lockstep: same bundle, seed, disturbances)');
  const same = { seed: SEED, seconds: PROFILE_S, guarded: false, startAt: live.startedB, traces: false };
  const unguarded = await fly({ ...same, upgrade: 'B' });
  const plain = await fly({ ...same, upgrade: null });

  title('what happened around the recovery');
  const width = Math.min(process.stdout.columns ?? 100, 120);
  say(renderText(live.trace, { around: 'recovery', width, color: colour, max: 40 }));
  const times = phases(live.trace);
  if (times) say(phasesText(times));

  title('pointing error');
  const chart = chartOf(live, unguarded, plain);
  say(textChart(chart, { width: Math.min(width, 100), height: 16, color: colour }));
  const whole = beforeLoss(live.trace);
  const report = check(live.trace.slice(0, whole.to), { live: true });
  const peaks = { guarded: peakOf(live.pointing), unguarded: unguarded.peak, plain: plain.peak };
  const degrees = (x: number): string => `${x.toFixed(2)}°`;
  say('');
  say(
    table(
      ['flight', 'peak error', 'wanted'],
      [
        ['no upgrade', degrees(peaks.plain), `within ${REQUIRED_DEGREES}°`],
        ['B guarded, then A', degrees(peaks.guarded), `within ${REQUIRED_DEGREES}°`],
        ['B without guard', degrees(peaks.unguarded), `goes beyond ${ASTRAY_DEGREES}°`],
      ],
    ),
  );
  const { counts, violations } = report;
  say(
    `\nchecked from the trace: ${counts.steps} steps, ${counts['messages delivered']} messages delivered, ` +
      `${counts.cuts} cuts, ${violations.length} violations${violations.length === 0 ? ': no message lost or repeated' : ''}`,
  );
  for (const v of violations.slice(0, 5)) say(`  ${v.rule}: ${v.process} event ${v.n}: ${v.why}`);
  if (whole.until !== '') say(`  what follows is not judged, because ${whole.until}: this machine was too busy`);

  mkdirSync(FOLDER, { recursive: true });
  const files = {
    pointing: join(FOLDER, 'pointing.svg'),
    recovery: join(FOLDER, 'recovery.svg'),
    start: join(FOLDER, 'start.svg'),
  };
  writeFileSync(files.pointing, lineChart(chart));
  writeFileSync(
    files.recovery,
    renderSvg(live.trace, { around: 'recovery', title: 'The old version takes over from B' }),
  );
  writeFileSync(files.start, renderSvg(live.trace, { around: 'start', title: 'The start of A' }));
  say(
    `\npictures: ${Object.values(files)
      .map((f) => relative('.', f))
      .join('  ')}`,
  );
  const good =
    violations.length === 0 &&
    peaks.plain <= REQUIRED_DEGREES &&
    peaks.guarded <= REQUIRED_DEGREES &&
    peaks.unguarded >= ASTRAY_DEGREES;
  say(
    `${good ? 'as announced' : 'NOT as announced'}, in ${((Date.now() - begun) / 1000).toFixed(0)} s; nothing is left running`,
  );
  return good ? EXIT.done : EXIT.testsFailed;
}

try {
  process.exitCode = await demonstrate();
} catch (error) {
  process.exitCode = explain(error, false);
}
