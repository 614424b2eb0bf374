// understudy preflight: what an upgrade would do, and what speaks against it.

import type { Command } from 'commander';
import { differenceText } from '../describe/cluster.ts';
import { readTestbed } from '../describe/read.ts';
import type { Preflight } from '../operate/preflight.ts';
import { insist, preflight } from '../operate/preflight.ts';
import type { Version } from '../operate/version.ts';
import { buildBoth } from './build.ts';
import type { Context } from './context.ts';
import { common, contextOf } from './context.ts';
import { bytes, table } from './output.ts';

/** Speed of the serial line that the time is told for; a frame's start and stop bit count. */
const BAUD = 115_200;
const BITS = 10;

function policyText({ commitAfterMs, validated }: Preflight['policy']): string {
  const wanted = [
    ...(commitAfterMs > 0 ? [`${commitAfterMs / 1000} s without a failure`] : []),
    ...(validated > 0 ? [`${validated} validated messages`] : []),
  ];
  return wanted.length > 0 ? `after ${wanted.join(' and ')}` : 'on a word only';
}

export function preflightText(flight: Preflight): string {
  const rows = flight.boards.map((b) => [
    b.board,
    b.type,
    `${bytes(b.imageBytes)} of ${bytes(b.slotBytes)}`,
    `${bytes(b.memoryBytes)}${b.memoryLimit ? ` of ${bytes(b.memoryLimit)}` : ''}`,
    b.active.join(' ') || '-',
    b.low.join(' ') || '-',
    b.shadow.join(' ') || '-',
  ]);
  const total = flight.boards.reduce((sum, b) => sum + b.imageBytes, 0);
  const lines = [
    `upgrade    ${flight.upgrade} (${flight.hash}) of ${flight.base}`,
    `cluster    ${flight.cluster.join(', ')}`,
    ...flight.added.map((name) => `adds       ${name}`),
    ...flight.removed.map((name) => `removes    ${name}`),
    ...flight.differences.map((d) => `changes    ${differenceText(d)}`),
    `commit     ${policyText(flight.policy)}`,
    `failure    ${flight.policy.absentMs} ms of silence; versions ${flight.policy.lead} messages apart`,
    `transfer   ${bytes(total)} in all, ${((total * BITS) / BAUD).toFixed(1)} s at ${BAUD} baud`,
    '',
    table(['board', 'type', 'image', 'memory (est.)', 'active', 'low (new)', 'shadow (old)'], rows),
    ...flight.warnings.map((w) => `warning: ${w}`),
  ];
  return lines.join('\n');
}

/** Builds the upgrade and its base, and looks at both against the testbed. */
export async function plan(context: Context, upgradeFile: string): Promise<{ upgrade: Version; flight: Preflight }> {
  const { base, upgrade } = await buildBoth(context, upgradeFile);
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
      context.out.say(`nothing speaks against it; next: npx understudy stage ${upgradeFile}`);
    });
}
