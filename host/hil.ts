// Hardware-in-the-loop tests: a system on its boards, driven from a test. `import { openRig } from 'understudy/hil'`.

import { dirname, join, resolve } from 'node:path';
import { check } from './check/check.ts';
import { beforeLoss } from './check/part.ts';
import type { Report, TraceEffect, TraceLine } from './check/types.ts';
import type { System, Testbed } from './describe/read.ts';
import { readSystem, readTestbed, readUpgrade } from './describe/read.ts';
import { EXIT, Failure } from './failure.ts';
import type { CreateWorld, Lab } from './lab.ts';
import { buildSystem, buildUpgrade } from './operate/build.ts';
import { flash } from './operate/flash.ts';
import type { Outcome } from './operate/guard.ts';
import { end, guard, start } from './operate/guard.ts';
import { stage } from './operate/stage.ts';
import type { SystemStatus } from './operate/status.ts';
import { systemStatus } from './operate/status.ts';
import type { Version } from './operate/version.ts';
import { connect } from './testbed/client.ts';
import { headerOf, openLockstep } from './testbed/setup.ts';

export type { Report, TraceLine } from './check/types.ts';
export { Failure } from './failure.ts';
export type { Bench, CreateWorld, DeviceWorld, Lab, WorldRecord } from './lab.ts';
export type { Outcome } from './operate/guard.ts';
export type { SystemStatus } from './operate/status.ts';

export interface RigOptions {
  /** path of system.json */
  system: string;
  /** path of testbed.json; left out: beside the system */
  testbed?: string;
  /** state folder of a testbed that is up: its boards are used, in real time; left out: lockstep, in this process */
  state?: string;
  /** lockstep: the run is a function of it */
  seed?: number;
  /** lockstep: in place of the testbed's device world */
  createWorld?: CreateWorld;
  worldOptions?: Record<string, unknown>;
  /** lockstep: share of bus packets that are lost */
  loss?: number;
  /** false: boards send no trace, which is faster; then nothing can be awaited or checked */
  traces?: boolean;
}

/** Longest time that `awaitEvent` moves on at once, ms. */
const STEP_MS = 20;

/** What an event must be like: a function, or fields that must be equal. */
export type Match = ((effect: TraceEffect, line: TraceLine) => boolean) | Partial<TraceEffect>;

function fits(match: Match, effect: TraceEffect, line: TraceLine): boolean {
  if (typeof match === 'function') return match(effect, line);
  return Object.entries(match).every(([key, value]) => effect[key as keyof TraceEffect] === value);
}

/** A system on its boards. Times are the lab's, in ms. */
export class Rig {
  readonly lab: Lab;
  readonly system: System;
  readonly trace: TraceLine[];
  /** the version that was flashed or committed last from here; null: none yet */
  running: Version | null = null;
  private staged: Version | null = null;

  constructor(lab: Lab, system: System) {
    this.lab = lab;
    this.system = system;
    this.trace = [headerOf(system)];
    lab.onTrace((line) => this.trace.push(line));
  }

  /** Puts the system on its boards and waits until it runs. */
  async flash(version?: Version): Promise<void> {
    this.running = version ?? (await buildSystem(this.system));
    await flash(this.lab, this.running);
  }

  /** Stages an upgrade: the path of its upgrade.json, from the system's folder, or a version built before. */
  async stage(upgrade: string | Version, again = false): Promise<void> {
    if (!this.running)
      throw new Failure('E_EMPTY', EXIT.refused, 'nothing was flashed from here', 'call flash() first');
    const file = (path: string): string => resolve(dirname(this.system.file), path);
    const version =
      typeof upgrade === 'string' ? await buildUpgrade(this.running, readUpgrade(file(upgrade))) : upgrade;
    await stage(this.lab, version, { again });
    this.staged = version;
  }

  private follow(outcome: Outcome): Outcome {
    if (outcome.cut === 'commit') this.running = this.staged;
    return outcome;
  }

  start(): Promise<Outcome> {
    return start(this.lab);
  }

  async commit(): Promise<Outcome> {
    return this.follow(await end(this.lab, 'commit'));
  }

  async abort(): Promise<Outcome> {
    return this.follow(await end(this.lab, 'abort'));
  }

  /** Starts and waits for the end of guarded operation; `end` null: it still goes on after `ms`. */
  async guard(ms: number): Promise<{ start: Outcome; end: Outcome | null }> {
    const outcome = await guard(this.lab, ms);
    if (outcome.end) this.follow(outcome.end);
    return outcome;
  }

  status(): Promise<SystemStatus> {
    return systemStatus(this.lab);
  }

  wait(ms: number): Promise<void> {
    return this.lab.wait(ms);
  }

  /** The next effect that fits, from now on. Throws Failure E_AWAIT (exit 10) where none comes within `ms`. */
  async awaitEvent(match: Match, ms: number): Promise<{ effect: TraceEffect; line: TraceLine }> {
    const until = this.lab.now() + ms;
    for (let at = this.trace.length; ; ) {
      for (; at < this.trace.length; at++) {
        const line = this.trace[at] as TraceLine;
        for (const effect of line.effects ?? []) if (fits(match, effect, line)) return { effect, line };
      }
      if (this.lab.now() >= until) {
        const what = typeof match === 'function' ? 'event' : JSON.stringify(match);
        throw new Failure('E_AWAIT', EXIT.testsFailed, `no ${what} within ${ms} ms`, 'look at the trace');
      }
      await this.lab.wait(STEP_MS);
    }
  }

  /**
   * Judges the whole trace by the checkers. Throws Failure E_VIOLATION (exit 10) with the first few, and E_TRACE_LOST
   * (exit 8) where no rule is violated, but lines were lost on their way here and what follows cannot be judged.
   */
  verify(): Report {
    const whole = beforeLoss(this.trace);
    const report = check(this.trace.slice(0, whole.to), { live: true });
    if (report.violations.length === 0) {
      if (whole.until === '') return report;
      const next = 'give the machine less to do, or ask in lockstep, where nothing is lost';
      throw new Failure('E_TRACE_LOST', EXIT.inconclusive, whole.until, next);
    }
    const lines = report.violations.slice(0, 5).map((v) => `${v.rule}: ${v.process} event ${v.n}: ${v.why}`);
    throw new Failure('E_VIOLATION', EXIT.testsFailed, lines.join('\n'), 'npx understudy trace draws it');
  }

  close(): Promise<void> {
    return this.lab.close();
  }
}

/** Opens a system's testbed: in lockstep inside this process, or the one that is up. */
export async function openRig(options: RigOptions): Promise<Rig> {
  const system = readSystem(options.system);
  if (options.state) return new Rig(await connect(options.state), system);
  const testbed: Testbed = readTestbed(options.testbed ?? join(dirname(system.file), 'testbed.json'));
  const { createWorld, worldOptions, loss, traces } = options;
  const setup = { testbed, system, seed: options.seed ?? 1, createWorld, worldOptions, loss, traces };
  return new Rig(await openLockstep(setup), system);
}
