// The small system on a testbed in lockstep, everything that it told, and what its devices did.

import { boardBundle } from '../build/bundle.ts';
import { check } from '../check/check.ts';
import type { Report, TraceEffect, TraceLine } from '../check/types.ts';
import type { Conformance, Core } from '../conform/conform.ts';
import { conform } from '../conform/conform.ts';
import { fromVersions } from '../conform/versions.ts';
import type { CreateWorld } from '../lab.ts';
import { flash } from '../operate/flash.ts';
import type { Outcome } from '../operate/guard.ts';
import { awaitEnd, end, start, Verdicts } from '../operate/guard.ts';
import { stage } from '../operate/stage.ts';
import type { BoardStatus, ProcessStatus } from '../operate/status.ts';
import { boardStatus } from '../operate/status.ts';
import type { Version } from '../operate/version.ts';
import type { LockstepOptions } from '../testbed/lockstep.ts';
import { Lockstep } from '../testbed/lockstep.ts';
import { base } from './boards-system.ts';

export interface Put {
  t: number;
  device: string;
  values: Record<string, number>;
}

export interface RigOptions {
  /** the boards' firmware; by default as it is in the sources */
  bundle?: string;
  seed?: number;
  version?: Version;
  /** period of the gyro, ms */
  periodMs?: number;
  lockstep?: Partial<LockstepOptions>;
  /** where each pid runs over the whole test; the plain one is: side 0 where the plain plan says, side 1 on `sides` */
  places?: Record<string, string>;
}

/** A testbed that runs the plain version, everything it told, and what its devices did. */
export class Rig {
  readonly lab: Lockstep;
  readonly version: Version;
  /** every version that was flashed or staged */
  readonly versions: Version[];
  readonly lines: TraceLine[] = [];
  readonly puts: Put[] = [];
  private verdicts: Verdicts | null = null;
  /** epoch of the last start */
  private started = 0;

  constructor(bundle: string, options: RigOptions) {
    this.version = options.version ?? base();
    this.versions = [this.version];
    const plan = this.version.plan;
    const createWorld: CreateWorld = (bench) => {
      let k = 0;
      bench.every(options.periodMs ?? 100, () => {
        k++;
        bench.input('gyro', { x: Math.sin(k / 7) });
      });
      return {
        output: (device, values) => {
          this.puts.push({ t: bench.now(), device, values: values as Record<string, number> });
        },
      };
    };
    this.lab = new Lockstep({
      bundle,
      seed: options.seed ?? 1,
      boards: plan.boards.map((name) => ({
        name,
        type: 'virtual',
        interrupts: true,
        memoryBytes: 0,
        flash: { sectorBytes: 4096, sectors: 64, programBytes: 4 },
      })),
      devices: plan.devices.map((d) => ({ name: d.name, board: plan.boards[d.board] as string, in: d.in, out: d.out })),
      createWorld,
      ...options.lockstep,
    });
    this.header(options.places ?? {});
    this.lab.onTrace((line) => this.lines.push(line));
  }

  /** Where processes run is fixed for a trace; a rig whose upgrades move them says where. */
  private header(places: Record<string, string>): void {
    const processes: [number, string, string][] = [];
    const roles: [number, string][] = [];
    const names = ['sensor', 'estimator', 'controller', 'actuator', 'telemetry', 'extra'];
    const homes = ['sensors', 'compute', 'compute', 'control', 'sensors', 'spare'];
    names.forEach((name, c) => {
      if (c >= this.version.plan.components.length && places[`${name}/0`] === undefined) return;
      for (const side of [0, 1]) {
        const process = `${name}/${side}`;
        processes.push([2 * c + side, process, places[process] ?? (homes[c] as string)]);
        roles.push([2 * c + side, side === 0 && c < this.version.plan.components.length ? 'active' : 'seat']);
      }
    });
    this.lines.push({ v: 1, trace: 'understudy', processes, roles });
  }

  stage(upgrade: Version, again = false): Promise<string[]> {
    this.versions.push(upgrade);
    return stage(this.lab, upgrade, { again });
  }

  async start(): Promise<Outcome> {
    this.verdicts?.close();
    this.verdicts = new Verdicts(this.lab);
    const outcome = await start(this.lab, this.verdicts);
    this.started = outcome.epoch;
    return outcome;
  }

  end(word: 'commit' | 'abort'): Promise<Outcome> {
    return end(this.lab, word);
  }

  /** Of what `start` has begun. */
  awaitEnd(ms: number): Promise<Outcome | null> {
    if (!this.verdicts) throw new Error('nothing was started');
    return awaitEnd(this.lab, ms, this.verdicts, this.started);
  }

  wait(ms: number): Promise<void> {
    return this.lab.wait(ms);
  }

  status(board: string): Promise<BoardStatus> {
    return boardStatus(this.lab, board);
  }

  async process(board: string, name: string): Promise<ProcessStatus | undefined> {
    return (await this.status(board)).processes.find((p) => p.name === name);
  }

  /** All effects of a kind, with who had them. */
  effects(kind: string): { process: string; t: number; effect: TraceEffect }[] {
    return this.lines.flatMap((line) =>
      (line.effects ?? [])
        .filter((effect) => effect.kind === kind)
        .map((effect) => ({ process: line.process ?? '', t: line.t ?? 0, effect })),
    );
  }

  notes(kind: string): TraceLine[] {
    return this.lines.filter((line) => line.note?.kind === kind);
  }

  /** What the decision of an epoch was, by process. */
  decisions(epoch: number): Record<string, string> {
    const out: Record<string, string> = {};
    for (const { process, effect } of this.effects('decide')) {
      if (effect.epoch === epoch) out[process] = effect.cut ?? '';
    }
    return out;
  }

  put(device: string, since = 0): Put[] {
    return this.puts.filter((p) => p.device === device && p.t >= since);
  }

  check(live = false): Report {
    return check(this.lines, { live });
  }

  /** Everything it told, replayed; or these lines in their place, or another core. */
  conform(lines = this.lines, core?: Core): Conformance {
    return conform(
      lines,
      fromVersions((hash) => this.versions.find((v) => v.hash === hash) ?? null, core),
      core,
    );
  }

  close(): Promise<void> {
    return this.lab.close();
  }
}

/** Boards flashed and running, for `ms` already. */
export async function bring(options: RigOptions = {}, ms = 1500): Promise<Rig> {
  const rig = new Rig(options.bundle ?? (await boardBundle()).text, options);
  await flash(rig.lab, rig.version);
  await rig.wait(ms);
  return rig;
}
