// understudy build: the modules and plan of a system, or of an upgrade of the version that the boards run.

import type { Command } from 'commander';
import { readSystem, readUpgrade } from '../describe/read.ts';
import { Failure } from '../failure.ts';
import { saveVersion } from '../operate/library.ts';
import type { Version } from '../operate/version.ts';
import { imageOf } from '../operate/version.ts';
import type { Context } from './context.ts';
import { common, contextOf, needSystem, runningVersion, withLab } from './context.ts';
import { bytes, table } from './output.ts';

export function versionText(version: Version): string {
  const { plan, hash } = version;
  const rows = plan.components.flatMap((c) =>
    c
      ? [[c.name, plan.boards[c.board] ?? '', c.module.slice(0, 16), bytes((version.modules[c.module] ?? '').length)]]
      : [],
  );
  const images = plan.boards.map((board) => [board, bytes(imageOf(version, board).bytes.length)]);
  const name = plan.upgrade ? `${plan.upgrade.name}, an upgrade of ${plan.upgrade.base}` : plan.name;
  return [
    `version ${hash}  ${name}`,
    '',
    table(['component', 'board', 'module', 'size'], rows),
    '',
    table(['board', 'image'], images),
  ].join('\n');
}

/** Loads the compilers, which only building needs. */
export function builder(): Promise<typeof import('../operate/build.ts')> {
  return import('../operate/build.ts');
}

/** The version that the boards run; null where no testbed is up, or nothing is flashed. */
async function runningOrNone(context: Context): Promise<Version | null> {
  try {
    return await withLab(context, (lab) => runningVersion(context, lab));
  } catch (error) {
    if (error instanceof Failure && ['E_NO_TESTBED', 'E_EMPTY'].includes(error.code)) return null;
    throw error;
  }
}

/** The upgrade is built against the running version where a testbed is up, else against the system as described. */
export async function buildBoth(context: Context, upgradeFile: string): Promise<{ base: Version; upgrade: Version }> {
  const described = readUpgrade(upgradeFile);
  const { buildSystem, buildUpgrade } = await builder();
  const base = (await runningOrNone(context)) ?? (await buildSystem(readSystem(needSystem(context))));
  return { base, upgrade: await buildUpgrade(base, described) };
}

export function register(program: Command): void {
  common(program.command('build'))
    .argument('[upgrade]', 'path of an upgrade.json; left out: the system itself')
    .description('build and check modules and plan, without touching a board')
    .action(async (upgradeFile, options) => {
      const context = contextOf(options);
      const version = upgradeFile
        ? (await buildBoth(context, upgradeFile)).upgrade
        : await (await builder()).buildSystem(readSystem(needSystem(context)));
      saveVersion(context.stateDir, version);
      const components = version.plan.components.flatMap((c) => (c ? [{ name: c.name, module: c.module }] : []));
      context.out.data({ hash: version.hash, components }, () => versionText(version));
      context.out.say(`next: npx understudy ${upgradeFile ? `stage ${upgradeFile}` : 'flash'}`);
    });
}
