// understudy preflight: what an upgrade would do, and what speaks against it.

import type { Command } from 'commander';
import { differenceText } from '../describe/cluster.ts';
import { readSystem, readTestbed } from '../describe/read.ts';
import { buildSystem } from '../operate/build.ts';
import { loadVersion } from '../operate/library.ts';
import type { Preflight } from '../operate/preflight.ts';
import { insist, preflight } from '../operate/preflight.ts';
import type { Version } from '../operate/version.ts';
import { buildFrom } from './build.ts';
import type { Context } from './context.ts';
import { common, contextOf, needSystem } from './context.ts';
import { bytes, table } from './output.ts';

export function preflightText(flight: Preflight): string {
  const rows = flight.boards.map((b) => [
    b.board,
    b.type,
    `${bytes(b.imageBytes)} of ${bytes(b.slotBytes)}`,
    `~${bytes(b.memoryBytes)}${b.memoryLimit ? ` of ${bytes(b.memoryLimit)}` : ''}`,
    b.active.join(' ') || '-',
    b.low.join(' ') || '-',
    b.shadow.join(' ') || '-',
  ]);
  const { commitAfterMs, validated, absentMs, lead } = flight.policy;
  const lines = [
    `upgrade ${flight.upgrade} (${flight.hash}) of ${flight.base}`,
    `cluster: ${flight.cluster.join(', ')}`,
    ...flight.added.map((name) => `added: ${name}`),
    ...flight.removed.map((name) => `removed: ${name}`),
    ...flight.differences.map((d) => `changed inside the cluster: ${differenceText(d)}`),
    `commit: after ${commitAfterMs / 1000} s without a failure and ${validated} validated messages`,
    `absent after ${absentMs} ms of silence; versions may drift apart by ${lead} messages`,
    '',
    table(['board', 'type', 'image', 'memory', 'active', 'low (new)', 'shadow (old)'], rows),
    ...flight.warnings.map((w) => `warning: ${w}`),
    ...flight.refusals.map((r) => `refused: ${r.code} ${r.cause}`),
  ];
  return lines.join('\n');
}

/** Builds the upgrade and its base, and looks at both against the testbed. */
export async function plan(context: Context, upgradeFile: string): Promise<{ upgrade: Version; flight: Preflight }> {
  const upgrade = await buildFrom(context, upgradeFile);
  const system = readSystem(needSystem(context));
  const described = await buildSystem(system);
  const hash = upgrade.plan.upgrade?.base ?? '';
  const base = hash === described.hash ? described : loadVersion(context.stateDir, hash);
  return { upgrade, flight: preflight(base, upgrade, readTestbed(context.testbedFile)) };
}

export function register(program: Command): void {
  common(program.command('preflight'))
    .argument('<upgrade>', 'path of an upgrade.json')
    .description('print the plan of an upgrade, and refuse what cannot work, before the first byte')
    .action(async (upgradeFile, options) => {
      const context = contextOf(options);
      const { flight } = await plan(context, upgradeFile);
      context.out.data(flight, () => preflightText(flight));
      insist(flight);
    });
}
