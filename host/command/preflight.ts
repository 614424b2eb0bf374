// understudy preflight: what an upgrade would do, and what speaks against it.

import { dirname } from 'node:path';
import type { Command } from 'commander';
import { differenceText } from '../describe/cluster.ts';
import { boardDescription, readTestbed } from '../describe/read.ts';
import { asRunning } from '../describe/testbed.ts';
import { Failure } from '../failure.ts';
import type { JournalPlan } from '../operate/durability.ts';
import type { LabBoard } from '../lab.ts';
import type { Preflight } from '../operate/preflight.ts';
import { insist, preflight } from '../operate/preflight.ts';
import { programBytes } from '../operate/programs.ts';
import type { Version } from '../operate/version.ts';
import { buildBoth } from './build.ts';
import type { Context } from './context.ts';
import { common, contextOf, withLab } from './context.ts';
import { bytes, spanText, table } from './output.ts';

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

function round(value: number): string {
  return value < 10 && value > 0 ? value.toFixed(1) : String(Math.round(value));
}

function journalRow(board: string, when: string, journal: JournalPlan): string[] {
  const { perSecond } = journal;
  const each = perSecond.events > 0 ? `${Math.round(perSecond.bytes / perSecond.events)} B` : '-';
  return [
    board,
    when,
    journal.capacity > 0 ? `${bytes(journal.bases)} of ${bytes(journal.capacity)}` : 'none',
    round(perSecond.events),
    round(perSecond.writes),
    each,
    `${bytes(Math.round(perSecond.bytes))}/s`,
    round(journal.erasesPerHour),
    spanText(journal.lifetimeHours),
  ];
}

const DURABILITY: Record<string, string> = {
  off: 'off: nothing is kept on flash; if a board of the old version loses power, the guard is lost',
  guard: 'guard: under guard events are on flash before their effects; a power cut is a pause',
  always: 'always: events are on flash before their effects; a power cut is a pause',
};

/** What durability costs, board by board, while the guard lasts, and with `always` at other times. */
function journalLines(flight: Preflight): string[] {
  const rows = flight.boards.flatMap(({ board, journal, always }) => [
    ...(journal && journal.perSecond.events > 0 ? [journalRow(board, 'guard', journal)] : []),
    ...(always && always.perSecond.events > 0 ? [journalRow(board, 'always', always)] : []),
  ]);
  if (rows.length === 0) return [];
  const head = ['board', 'when', 'bases', 'events/s', 'writes/s', 'event', 'flash', 'erases/h', 'lasts'];
  const lines = [
    '',
    table(head, rows),
    'at the rates of perSecond (a device without one: its component’s fastest message), without timers;',
    'bases: checkpoints, estimated; lasts: until its sectors have had the erases they stand',
  ];
  const seconds = flight.policy.commitAfterMs / 1000;
  const wear = flight.boards.flatMap(({ board, journal }) => {
    if (!journal || journal.sectors === 0) return [];
    const { erasesPerHour, sectors, endurance } = journal;
    return [{ board, turns: ((erasesPerHour / sectors) * seconds) / 3600, endurance }];
  });
  const [worst] = wear.sort((a, b) => b.turns / b.endurance - a.turns / a.endurance);
  if (worst && worst.turns > 0) {
    const times = worst.turns < 0.1 ? 'less than 0.1' : worst.turns.toFixed(1);
    const { board, endurance } = worst;
    lines.push(`this guard: ${seconds} s erase each sector of ${board}'s journal ${times} times, of ${endurance}`);
  }
  return lines;
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
    `durability ${DURABILITY[flight.durability] ?? flight.durability}`,
    `transfer   ${bytes(total)} in all, ${((total * BITS) / BAUD).toFixed(1)} s at ${BAUD} baud`,
    '',
    table(['board', 'type', 'image', 'memory (est.)', 'active', 'low (new)', 'shadow (old)'], rows),
    ...journalLines(flight),
    ...flight.warnings.map((w) => `warning: ${w}`),
  ];
  return lines.join('\n');
}

/** The boards of the testbed that is up; none where none is. */
async function runningBoards(context: Context): Promise<LabBoard[]> {
  try {
    return await withLab(context, async (lab) => lab.boards());
  } catch (error) {
    if (error instanceof Failure && error.code === 'E_NO_TESTBED') return [];
    throw error;
  }
}

/** Builds the upgrade and its base, and looks at both against the testbed. */
export async function plan(context: Context, upgradeFile: string): Promise<{ upgrade: Version; flight: Preflight }> {
  const { base, upgrade } = await buildBoth(context, upgradeFile);
  const testbed = readTestbed(context.testbedFile);
  const running = asRunning(testbed.value, await runningBoards(context));
  const real = Object.values(running.boards).filter(({ kind }) => kind === 'real');
  const folder = dirname(testbed.file);
  const program = await programBytes(real.map(({ type }) => boardDescription(type, folder).value));
  return { upgrade, flight: preflight(base, upgrade, { ...testbed, value: running }, program) };
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
