// understudy build: the modules and plan of a system, or of an upgrade of the version that the boards run.

import type { Command } from 'commander';
import { readSystem, readUpgrade } from '../describe/read.ts';
import { buildSystem, buildUpgrade } from '../operate/build.ts';
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
  const images = plan.boards.map((board) => `${board} ${bytes(imageOf(version, board).bytes.length)}`).join(', ');
  const name = plan.upgrade ? `${plan.upgrade.name}, upgrade of ${plan.upgrade.base}` : plan.name;
  return `${table(['component', 'board', 'module', 'size'], rows)}\nversion ${hash}  ${name}\nimages: ${images}`;
}

/** The upgrade is built against the running version where a testbed is up, else against the system as described. */
export async function buildFrom(context: Context, upgradeFile: string | undefined): Promise<Version> {
  const system = readSystem(needSystem(context));
  if (!upgradeFile) return buildSystem(system);
  const upgrade = readUpgrade(upgradeFile);
  const running = await withLab(context, (lab) => runningVersion(context, lab)).catch((error) => {
    if (['E_NO_TESTBED', 'E_EMPTY'].includes((error as { code?: string }).code ?? '')) return null;
    throw error;
  });
  return buildUpgrade(running ?? (await buildSystem(system)), upgrade);
}

export function register(program: Command): void {
  common(program.command('build'))
    .argument('[upgrade]', 'path of an upgrade.json; left out: the system itself')
    .description('build and check the modules and the plan, without touching a board')
    .action(async (upgradeFile, options) => {
      const context = contextOf(options);
      const version = await buildFrom(context, upgradeFile);
      saveVersion(context.stateDir, version);
      const components = version.plan.components.flatMap((c) => (c ? [{ name: c.name, module: c.module }] : []));
      context.out.data({ hash: version.hash, components }, () => versionText(version));
    });
}
