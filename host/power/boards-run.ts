// One run: a system is brought up, upgraded twice, and its boards lose power where the draw says. Then it is judged.

import type { TraceLine } from '../check/types.ts';
import type { Version } from '../operate/version.ts';
import type { Aim, Draw, Round } from './boards-draw.ts';
import { ABSENT_MS, CUT_PHASES, OUTLAST_MS } from './boards-draw.ts';
import { judge } from './boards-judge.ts';
import type { Phase } from './boards-phase.ts';
import { Phases } from './boards-phase.ts';
import type { Rig } from './boards-rig.ts';
import { bring } from './boards-rig.ts';
import {
  BOARDS,
  base,
  COMPUTE,
  CONTROL,
  CONTROLLER,
  ESTIMATOR,
  SENSOR,
  SENSORS,
  SPARE,
  TELEMETRY,
  upgradeOf,
} from './boards-system.ts';

/** A power cut that came about. */
export interface Killed {
  board: string;
  /** ms */
  t: number;
  phase: Phase;
}

/** What a round was to come to, and what it came to. */
export interface Ended {
  round: Round;
  expected: 'commit' | 'recovery';
  /** decisions of all processes in the epoch of its start, and in the one after it */
  verdicts: string[];
  started: string[];
  /** hash of the version that should run now, and those that do, by board */
  hash: string;
  runs: string[];
}

export interface Run {
  draw: Draw;
  rig: Rig;
  story: string[];
  killed: Killed[];
  ended: Ended[];
  /** boards that began anew without a log, so that their channels began again */
  anew: Set<string>;
  /** how often any board did, one with nothing but vacant seats too */
  reborn: number;
  complaints: string[];
}

/** Longest time that anything may take which only power cuts hold up, ms. */
const LONGEST_MS = 30_000;
/** An operator starts again where a start was called off, so often. */
const STARTS_MAX = 3;
/** Quiet time at the end of a round, ms. */
const QUIET_MS = 4000;
/** How long a board that is to be missed stays off, ms. */
const GONE_MS = 4000;
const POLICY = { commitAfterMs: 1200, validated: 3 };
/** No cut takes longer, however often power goes in it, ms. */
const CUT_MS = 8000;

function handlerOf({ fate, after }: Round): string {
  const count = `s.bad = (s.bad || 0) + 1; if (s.bad > ${after})`;
  if (fate === 'wrong') return `${count} u = 9;`;
  if (fate === 'crash') return `${count} throw new Error("as told");`;
  return fate === 'diverge' ? `${count} if (s.bad % 2) return;` : '';
}

/** The board of a process: where each side of each component runs, in whichever upgrade. */
function placeOf(draw: Draw, component: number, side: number): number {
  if (component === SENSOR) return side ? SPARE : SENSORS;
  if (component === ESTIMATOR) return side ? draw.side : COMPUTE;
  return [SENSORS, COMPUTE, COMPUTE, CONTROL, SENSORS][component] as number;
}

class Runner {
  readonly phases = new Phases();
  readonly run: Run;
  private readonly aims = new Map<string, Aim>();
  /** a power cut has taken from it what it must still have when it is back */
  private readonly must = new Map<string, boolean>();
  private waiting: Aim[] = [];
  private lines = 0;
  private live: number[] = [0, 0, 0, 0, 0];

  constructor(draw: Draw, rig: Rig) {
    this.run = { draw, rig, story: [], killed: [], ended: [], anew: new Set(), reborn: 0, complaints: [] };
    rig.lab.onTrace((line) => this.hear(line));
  }

  private get lab(): Rig['lab'] {
    return this.run.rig.lab;
  }

  say(text: string): void {
    this.run.story.push(`${this.lab.now().toFixed(1)} ${text}`);
  }

  complain(text: string): void {
    this.run.complaints.push(text);
  }

  private hear(line: TraceLine): void {
    const now = this.lab.now();
    if (line.note?.kind === 'off') this.off(line.board ?? '', now);
    if (line.note?.kind === 'boot') this.booted(line.board ?? '', line.note.resumed === true);
    const before = this.phases.cut();
    this.phases.hear(line, now);
    if (line.event?.word === 'stage' && line.event.operation) {
      this.due((aim) => aim.upon === 'stage' && BOARDS[aim.board] === line.board);
    }
    // a cut that ends with this line is still the one that it is aimed at
    const cut = this.phases.cut() ?? before;
    if (before === null) this.lines = 0;
    if (cut === null) return;
    this.lines++;
    this.due(({ phase, later, upon, board }) => {
      if (phase !== cut || later >= this.lines) return false;
      return (
        upon === undefined || (line.board === BOARDS[board] && line.effects?.some(({ kind }) => kind === upon) === true)
      );
    });
  }

  /** Those that have waited for this. */
  private due(holds: (aim: Aim) => boolean): void {
    for (const aim of this.waiting.filter(holds)) {
      this.waiting.splice(this.waiting.indexOf(aim), 1);
      this.arm(aim);
    }
  }

  private off(board: string, now: number): void {
    const aim = this.aims.get(board);
    if (!aim || this.lab.armed(board)) return;
    this.aims.delete(board);
    const phase = this.phases.of(board);
    this.run.killed.push({ board, t: now, phase });
    this.say(`power goes: ${board}, ${phase}`);
    const always = this.run.draw.durability === 'always' && board !== 'spare';
    const must = this.must.get(board) || always || this.phases.keeps(board, now);
    this.must.set(board, must);
    if (!must) this.phases.lose(board);
    if (aim.next) this.waiting.push(aim.next);
    const [more, ...again] = aim.again;
    if (more !== undefined)
      this.arm({ ...aim, board: BOARDS.indexOf(board), at: more % 2 ? 'call' : 'flash', more, again });
  }

  private booted(board: string, resumed: boolean): void {
    if (!resumed && this.must.get(board)) this.complain(`${board} came back without what it had to keep`);
    if (!resumed) this.run.reborn++;
    if (!resumed && (board !== 'spare' || this.run.draw.gyro === SPARE || this.phases.guarded()))
      this.run.anew.add(board);
    this.must.delete(board);
  }

  arm(aim: Aim): void {
    const board = BOARDS[aim.board] as string;
    if (this.lab.armed(board)) return;
    const { at, more, how, seed, offMs } = aim;
    this.say(`armed: ${board}, ${aim.phase}, at a ${at} after ${more} more, ${how}, for ${offMs} ms`);
    this.aims.set(board, aim);
    this.lab.kill(board, { at, more, how, seed, offMs });
  }

  disarm(): void {
    this.waiting = [];
    this.aims.clear();
    for (const board of BOARDS) this.lab.disarm(board);
  }

  private async until(what: string, holds: () => boolean, stepMs = 20): Promise<boolean> {
    const end = this.lab.now() + LONGEST_MS;
    while (!holds()) {
      if (this.lab.now() > end) {
        this.complain(`${what}: not after ${LONGEST_MS / 1000} s`);
        return false;
      }
      await this.lab.wait(stepMs);
    }
    return true;
  }

  /** The operator's word, again and again, until it has its effect: it may go down with the board that hears it. */
  private async word(word: string, op: string, board: number, done: () => boolean): Promise<void> {
    const homes: number[] = [SENSORS, COMPUTE, CONTROL];
    for (let i = 0; i < 20 && !done(); i++) {
      const name = BOARDS[homes[(homes.indexOf(board) + i) % homes.length] as number] as string;
      this.say(`${word} at ${name}`);
      await this.lab.request(name, 'word', { word, op }).catch((error) => this.say(`  ${(error as Error).message}`));
      for (let j = 0; j < 20 && !done(); j++) await this.lab.wait(50);
    }
  }

  /** Aims of the phase, one after the other, as long as it lasts. */
  private async during(round: Round, phase: Phase, lasts: () => boolean): Promise<void> {
    for (const aim of round.aims.filter((one) => one.phase === phase)) {
      await this.lab.wait(aim.later);
      if (!lasts()) return;
      this.arm(aim);
      await this.lab.wait(aim.later + 100);
    }
  }

  private upgrade(running: Version, round: Round, number: number): Version {
    const { draw } = this.run;
    const components: Parameters<typeof upgradeOf>[1]['components'] = {};
    for (const component of round.cluster) {
      const board = placeOf(draw, component, 1 - (this.live[component] as number));
      components[component] = { board, handler: component === CONTROLLER ? handlerOf(round) : '' };
    }
    const policy = {
      absentMs: round.fate === 'outlast' ? OUTLAST_MS : ABSENT_MS,
      // what waits while power is away in a cut, the versions do one before the other
      lead: round.fate === 'diverge' ? 8 : Math.ceil(CUT_MS / draw.periodMs),
      ...(round.fate === 'good' && round.end === 'policy' ? POLICY : {}),
      // nobody sends anything on from telemetry
      ...(round.cluster.includes(TELEMETRY) ? { validated: 0 } : {}),
    };
    return upgradeOf(running, {
      name: `${draw.seed} ${number}`,
      components,
      changed: round.changed && !running.plan.types.some((type) => type.fields.length === 3),
      policy,
    });
  }

  /** The spare board can only be missed where nothing of what runs has its place there. */
  possible(round: Round): Round {
    const { draw } = this.run;
    const home = draw.gyro === SPARE || this.live.some((side, c) => placeOf(draw, c, side) === SPARE);
    return round.fate === 'outlast' && home ? { ...round, fate: 'good' } : round;
  }

  /** The upgrade that the round is for; the version that runs then. */
  async round(running: Version, round: Round, number: number): Promise<Version> {
    const { phases, lab } = this;
    const upgrade = this.upgrade(running, round, number);
    this.waiting = round.aims.filter(({ phase, upon }) => upon !== undefined || CUT_PHASES.includes(phase));
    this.say(
      `round ${number}: ${round.fate}, ${round.end}, components ${round.cluster}${round.changed ? ', changed' : ''}`,
    );
    await this.during(round, 'idle', () => true);
    phases.told = 'staging';
    const staging = round.aims.filter(({ phase, upon }) => phase === 'staging' && upon === undefined);
    let staged = false;
    for (let i = 0; i < 8 && !staged; i++) {
      const aim = staging.shift();
      if (aim) this.arm(aim);
      staged = await this.run.rig.stage(upgrade).then(
        () => true,
        (error) => {
          this.say(`  ${(error as Error).message}`);
          return false;
        },
      );
      if (!staged) await lab.wait(1500);
    }
    if (!staged) this.complain('it could not be staged');
    phases.told = 'staged';
    await this.during(round, 'staged', () => true);
    await lab.wait(100);

    let started = phases.epoch + 1;
    const reborn = this.run.reborn;
    for (let i = 0; i < STARTS_MAX; i++) {
      await this.word('start', upgrade.hash, round.word, () => phases.epoch >= started);
      await this.until('the start', () => phases.epoch >= started);
      // a board that began anew has not kept what it was asked
      if (!phases.verdicts.get(started)?.has('cancel') || this.run.reborn === reborn) break;
      await this.until('the end of the start', () => phases.cut() === null);
      if (i + 1 < STARTS_MAX) started++;
    }
    if (phases.verdicts.get(started)?.has('start')) await this.guard(upgrade, round, started);
    await lab.wait(30);
    await this.during(round, 'after', () => true);
    this.disarm();
    await lab.wait(QUIET_MS);
    return this.ended(running, upgrade, round, started);
  }

  private async guard(upgrade: Version, round: Round, started: number): Promise<void> {
    const { phases, lab } = this;
    const ended = (): boolean => phases.epoch > started;
    await this.during(round, 'guard', () => phases.epoch === started && phases.cut() === null);
    if (round.fate === 'outlast') await this.gone();
    if (round.fate === 'reset') await this.reset(round);
    if (round.fate === 'good' && round.end !== 'policy') {
      await lab.wait(round.after * 20);
      const heard = (): boolean => ended() || ['commit', 'recovery'].includes(phases.cut() ?? '');
      await this.word(round.end, upgrade.hash, round.word, heard);
    }
    await this.until('the end of the guard', ended);
  }

  /** The spare board, which has nothing but new versions, is off for longer than it is waited for. */
  private async gone(): Promise<void> {
    await this.ready('spare');
    this.say('power of spare, for long');
    this.run.killed.push({ board: 'spare', t: this.lab.now(), phase: this.phases.of('spare') });
    await this.lab.power('spare', false);
    await this.lab.wait(GONE_MS);
    await this.lab.power('spare', true);
  }

  /** Nothing is to happen to it by chance. */
  private async ready(board: string): Promise<void> {
    await this.lab.wait(100);
    this.lab.disarm(board);
    this.aims.delete(board);
    await this.until(`power of ${board}`, () =>
      this.lab.boards().some(({ name, powered }) => name === board && powered),
    );
  }

  /** A watchdog, within what a new version does: no power cut, but a failure of its own making (PROTOCOL 6). */
  private async reset(round: Round): Promise<void> {
    const board = BOARDS[COMPUTE] as string;
    await this.ready(board);
    this.say(`armed: a watchdog of ${board}`);
    this.lab.kill(board, { at: 'mark', more: round.after, offMs: 50, cause: 'watchdog' });
  }

  private async ended(running: Version, upgrade: Version, round: Round, started: number): Promise<Version> {
    const { phases, run } = this;
    const good = round.fate === 'good' && round.end !== 'abort';
    const kept = good ? upgrade : running;
    const runs: string[] = [];
    for (const board of BOARDS) runs.push((await run.rig.status(board)).plan?.hash ?? '');
    run.ended.push({
      round,
      expected: good ? 'commit' : 'recovery',
      started: [...(phases.verdicts.get(started) ?? [])],
      verdicts: [...(phases.verdicts.get(started + 1) ?? [])],
      hash: kept.hash,
      runs,
    });
    const now = run.rig.versions.find(({ hash }) => hash === runs[0]) ?? running;
    if (now === upgrade) for (const c of round.cluster) this.live[c] = 1 - (this.live[c] as number);
    this.say(`then: ${phases.decided}, ${BOARDS.map((board, i) => `${board} ${runs[i]?.slice(0, 4)}`).join(', ')}`);
    return now;
  }
}

/** `bundle`: the boards' firmware, where it is another than that of the sources. The caller closes the rig. */
export async function runBoards(draw: Draw, bundle?: string): Promise<Run> {
  const version = base((plan) => {
    plan.durability = draw.durability;
    const [gyro, wheel] = plan.devices;
    if (gyro) gyro.board = draw.gyro;
    if (wheel) wheel.atLeastOnce = draw.atLeastOnce;
  });
  const { seed, periodMs, bus, flash, freshClocks } = draw;
  const rig = await bring({
    ...(bundle === undefined ? {} : { bundle }),
    version,
    seed,
    periodMs,
    lockstep: {
      ...bus,
      freshClocks,
      boards: BOARDS.map((name) => ({ name, type: 'virtual', interrupts: true, memoryBytes: 0, flash })),
    },
    places: { 'estimator/1': BOARDS[draw.side] as string, 'sensor/1': 'spare' },
  });
  const runner = new Runner(draw, rig);
  const { run } = runner;
  runner.phases.epoch = (await rig.status('control')).epoch;
  const flashText = `${flash.sectors} x ${flash.sectorBytes} B by ${flash.programBytes}, torn ${flash.torn}`;
  runner.say(
    `seed ${seed}: ${draw.durability}${draw.loose ? ', loose' : ''}, gyro on ${BOARDS[draw.gyro]}, new estimator on ${BOARDS[draw.side]}, ` +
      `every ${periodMs} ms, wheel at ${draw.atLeastOnce ? 'least' : 'most'} once, bus ${JSON.stringify(bus)}, flash ${flashText}`,
  );
  try {
    let running = version;
    for (const [number, round] of draw.rounds.entries()) {
      if (run.complaints.length === 0) running = await runner.round(running, runner.possible(round), number);
    }
    run.complaints.push(...(await judge(run)));
  } catch (error) {
    run.complaints.push(`it threw: ${(error as Error).stack?.split('\n').slice(0, 4).join(' ')}`);
  }
  return run;
}
