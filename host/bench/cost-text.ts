// The figures of cost as tables, for a terminal of 100 columns.

import { number, wrap } from '../costs/text.ts';
import type { Counted, Mean } from './instructions.ts';
import { CASES, ESTIMATOR } from './instructions.ts';
import { BLANK_BYTES, EMPTY } from './mission.ts';
import type { Prices, Takeover } from './takeover.ts';
import { BEAT_MS, MEGAHERTZ, SAMPLE_MS, WIRE } from './takeover.ts';
import { table, WIDTH } from './text.ts';

export type Attempt = Takeover | { failed: string };

export interface EngineCost {
  /** with its version */
  engine: string;
  cases: Counted[];
  /** null: no takeover was tried */
  prices: Prices | null;
  takeovers: { megahertz: number; tried: Attempt }[];
}

export interface CostReport {
  quick: boolean;
  costs: EngineCost[];
  /** engines that are not here, and why */
  missing: string[];
  /** the takeover on boards that need no time */
  bus: Attempt;
}

/** Times the unguarded figure, at most. */
export const TARGETS: Record<string, number> = { 'guarded, clean': 1.3, 'guarded, contaminated': 2 };
export const TAKEOVER_MS = 50;

const WIDTHS = [40, 14, 12, 9, 4, 11, 9];
const HEAD = ['', 'instructions', 'ratio', 'target', '', 'flash B', 'writes'];

export interface CostRow {
  name: string;
  instructions: number;
  /** to the same, unguarded */
  ratio: number;
  target: number | null;
  mean: Mean | null;
}

/** Of one handler (as `meaningText`), or null: of the whole board, for each message to the estimator. */
export function rowsOf(cases: Counted[], handler: string | null): CostRow[] {
  const value = (one: Counted): number =>
    handler === null ? one.whole : (one.means[handler]?.instructions ?? Number.NaN);
  const base = cases[0] ? value(cases[0]) : Number.NaN;
  return cases.map((one) => ({
    name: one.name,
    instructions: value(one),
    ratio: value(one) / base,
    target: handler === null ? null : (TARGETS[one.name] ?? null),
    mean: handler === null ? null : (one.means[handler] ?? null),
  }));
}

export function met({ ratio, target }: CostRow): boolean | null {
  return target === null ? null : ratio <= target;
}

function rowText(row: CostRow): string[] {
  const seen = { true: '✓', false: '✗', null: '' }[`${met(row)}`];
  const { name, instructions, ratio, target, mean } = row;
  return [
    `  ${name}`,
    number(Math.round(instructions)),
    `×${ratio.toFixed(2)}`,
    target === null ? '' : `≤ ${target.toFixed(2)}`,
    seen,
    mean ? mean.programmed.toFixed(0) : '',
    mean ? mean.programs.toFixed(1) : '',
  ];
}

const ELSE: [string, string][] = [
  ['for others', 'a packet for another board'],
  ['acknowledgement', 'an acknowledgement'],
  ['beat', 'another board’s heartbeat'],
  [`passed ${ESTIMATOR}`, 'news that a test has passed'],
  ['poll', 'a poll alone, its own heartbeat with it'],
];

function elseText(cases: Counted[]): string[] {
  const value = (one: Counted | undefined, what: string): string => {
    const mean = one?.means[what];
    return mean ? number(Math.round(mean.instructions)) : '-';
  };
  const columns = [CASES[0], CASES[2]].map((one) => cases.find(({ name }) => name === one?.name));
  return table(
    [40, 14, 14],
    [
      ['what else it hears', 'unguarded', 'guarded'],
      ...ELSE.map(([what, words]) => [`  ${words}`, ...columns.map((one) => value(one, what))]),
    ],
  );
}

function engineText({ engine, cases }: EngineCost): string[] {
  return [
    engine.toUpperCase(),
    '',
    ...table(WIDTHS, [
      ['the estimator: 44 B in, 32 B out', ...HEAD.slice(1)],
      ...rowsOf(cases, `app ${ESTIMATOR}`).map(rowText),
      [`an empty handler: ${BLANK_BYTES} B in`],
      ...rowsOf(cases, `app ${EMPTY}`).map(rowText),
      ['all that the board does, for each sample'],
      ...rowsOf(cases, null).map(rowText),
    ]),
    '',
    ...elseText(cases),
    '',
  ];
}

function ratioText(done: Attempt): string {
  const total = 'failed' in done ? null : done.phases.ms.total;
  if (total === null) return '✗';
  return `×${number(Math.round((total / TAKEOVER_MS) * 100) / 100)} ${total < TAKEOVER_MS ? '✓' : '✗'}`;
}

function takeoverText({ bus, costs }: CostReport): string[] {
  const columns: [string, Attempt][] = [
    ['wire alone', bus],
    ...costs.flatMap(({ engine, takeovers }) =>
      takeovers.map(({ megahertz, tried }): [string, Attempt] => [`${engine.split(' ')[0]}, ${megahertz} MHz`, tried]),
    ),
  ];
  const ms = (pick: (done: Takeover) => number | null): string[] =>
    columns.map(([, done]) => {
      const value = 'failed' in done ? null : pick(done);
      return value === null ? '-' : `${number(Math.round(value * 10) / 10)} ms`;
    });
  const widths = [40, ...columns.map(() => 12)];
  const failures = columns.flatMap(([name, done]) => ('failed' in done ? [`${name}: ${done.failed}`] : []));
  return [
    ...wrap(
      `TAKEOVER  four boards of the mission on one wire of ${WIRE.baud / 1e6} M baud, slots of ${WIRE.slotMs} ms (hal/BUS.md); ` +
        'five survivors and one new version; the wheels’ acceptance test fails. Virtual time; boards take the instructions ' +
        `that the chip needed for each kind of packet, at ${MEGAHERTZ[0]} MHz and one instruction a cycle, or as much ` +
        `faster as it takes to come to an end. Samples every ${SAMPLE_MS} ms and heartbeats every ${BEAT_MS} ms, so that boards are idle when it fails.`,
      WIDTH,
    ),
    '',
    ...table(widths, [
      ['', ...columns.map(([name]) => name.split(', ')[0] ?? '')],
      ['', ...columns.map(([name]) => name.split(', ')[1] ?? '')],
      ['detection until all are frozen', ...ms(({ phases }) => phases.ms.freeze)],
      ['until channels are flushed, reported', ...ms(({ phases }) => phases.ms.report)],
      ['until the shadow has decided, replayed', ...ms(({ phases }) => phases.ms.decide)],
      ['until it has taken over', ...ms(({ phases }) => phases.ms.takeOver)],
      ['until it acts', ...ms(({ phases }) => phases.ms.act)],
      [`in all (target ${TAKEOVER_MS} ms)`, ...ms(({ phases }) => phases.ms.total)],
      ['  ratio to the target', ...columns.map(([, done]) => ratioText(done))],
      ['frames on the wire meanwhile', ...columns.map(([, done]) => ('failed' in done ? '-' : number(done.frames)))],
      ['  the wire’s time for them', ...ms(({ busyMs }) => busyMs)],
    ]),
    ...failures.flatMap((failure) => wrap(failure, WIDTH)),
    '',
  ];
}

export function costText(report: CostReport): string {
  const lines = wrap(
    'COST  instructions of a Cortex-M3 (QEMU mps2-an385, -icount) for a message: the call that brings it to its board, with ' +
      'what it makes the process do and send, and the poll behind it; the mean, garbage collection included. A board of the ' +
      'sample mission, recorded in lockstep, does the same again in the firmware on the chip, and says the same to the byte. ' +
      'Programs of 4 B; flash B and writes are the journal’s.' +
      (report.quick ? ' Quick: fewer messages.' : ''),
    WIDTH,
  );
  lines.push('');
  for (const one of report.costs) lines.push(...engineText(one));
  for (const text of report.missing) lines.push(...wrap(text, WIDTH), '');
  lines.push(...takeoverText(report));
  const rows = report.costs.flatMap(({ cases }) =>
    [`app ${ESTIMATOR}`, `app ${EMPTY}`].flatMap((handler) => rowsOf(cases, handler)),
  );
  const aimed = rows.filter((row) => row.target !== null);
  lines.push(`${aimed.filter(met).length} of ${aimed.length} targets of instructions reached`, '');
  return lines.join('\n');
}
