// Where a command works: the state folder, the files, the lab behind them.

import { existsSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import type { Command } from 'commander';
import { EXIT, Failure } from '../failure.ts';
import { loadVersion } from '../operate/library.ts';
import { systemStatus } from '../operate/status.ts';
import type { Version } from '../operate/version.ts';
import type { Lab } from '../lab.ts';
import type { Client } from '../testbed/client.ts';
import { connect } from '../testbed/client.ts';
import { createOutput, type Output } from './output.ts';

export interface Context {
  out: Output;
  stateDir: string;
  /** path of system.json; it need not exist for commands that only talk to boards */
  systemFile: string;
  testbedFile: string;
}

export const SYSTEM_FILE = 'system.json';
export const TESTBED_FILE = 'testbed.json';
export const STATE_FOLDER = '.understudy';

/** Options that every command has. */
export function common(command: Command): Command {
  return command
    .option('--system <file>', 'the system description', SYSTEM_FILE)
    .option('--testbed <file>', 'the testbed description (default: testbed.json beside the system)')
    .option('--state <dir>', 'state folder (default: .understudy beside the system)')
    .option('--json', 'data on stdout and errors on stderr as JSON');
}

export function contextOf(options: { system: string; testbed?: string; state?: string; json?: boolean }): Context {
  const systemFile = resolve(options.system);
  const folder = dirname(systemFile);
  return {
    out: createOutput(options.json === true),
    systemFile,
    testbedFile: resolve(options.testbed ?? join(folder, TESTBED_FILE)),
    stateDir: resolve(options.state ?? join(folder, STATE_FOLDER)),
  };
}

/** Runs `work` on the lab of the testbed that is up, and lets go of it. */
export async function withLab<T>(context: Context, work: (lab: Client) => Promise<T>): Promise<T> {
  const lab = await connect(context.stateDir);
  try {
    return await work(lab);
  } finally {
    await lab.close();
  }
}

const rescues = new Set<() => Promise<void>>();

/** While `work` runs, an interruption does `rescue` before the command ends. */
export async function rescued<T>(rescue: () => Promise<void>, work: () => Promise<T>): Promise<T> {
  rescues.add(rescue);
  try {
    return await work();
  } finally {
    rescues.delete(rescue);
  }
}

/** Ctrl-C. A second one does not wait. */
export async function interrupted(): Promise<never> {
  const pending = [...rescues];
  rescues.clear();
  await Promise.allSettled(pending.map((rescue) => rescue()));
  process.exit(EXIT.interrupted);
}

export function needSystem(context: Context): string {
  if (existsSync(context.systemFile)) return context.systemFile;
  const cause = `there is no system description at ${context.systemFile}`;
  const next = 'name it with --system FILE, go to its folder, or make one: npx understudy init FOLDER';
  throw new Failure('E_SYSTEM', EXIT.usage, cause, next);
}

/** The version that the boards run, as this state folder knows it. */
export async function runningVersion(context: Context, lab: Lab): Promise<Version> {
  const status = await systemStatus(lab);
  const silent = status.silent[0];
  if (silent) throw silent.failure;
  const hashes = new Set(status.boards.flatMap((b) => (b.plan ? [b.plan.hash] : [])));
  if (hashes.size === 0) {
    throw new Failure('E_EMPTY', EXIT.refused, 'the boards run no system yet', 'npx understudy flash');
  }
  if (hashes.size > 1) {
    const runs = status.boards.map((b) => `${b.board} ${b.plan?.hash ?? 'nothing'}`).join(', ');
    throw new Failure('E_MIXED', EXIT.refused, `the boards run different versions: ${runs}`, 'npx understudy flash');
  }
  return loadVersion(context.stateDir, [...hashes][0] as string);
}
