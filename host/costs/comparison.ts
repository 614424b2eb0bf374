// The recoveries of four cores on the same runs, side by side.

import type { Hold, Summary, Total } from './summary.ts';
import { bar, number, spreadText, wrap } from './text.ts';
import type { Name } from './variants.ts';
import { TITLES } from './variants.ts';

const NAMES: Name[] = ['ours', 'every', 'restart', 'paper'];
const LABEL = 24;
const COLUMNS = [23, 26, 26, 20];
const BAR = 14;

const BUCKETS: [string, number, number][] = [
  ['1', 1, 1],
  ['2', 2, 2],
  ['3', 3, 3],
  ['4 to 7', 4, 7],
  ['8 to 15', 8, 15],
  ['16 to 31', 16, 31],
  ['32 and more', 32, Number.POSITIVE_INFINITY],
];

const FAILED: Record<string, string> = { test: 'a failed test', crash: 'a dead board', abort: "the operator's abort" };

function line(label: string, cells: string[]): string {
  return `${label.padEnd(LABEL)}${cells.map((cell, i) => cell.padEnd(COLUMNS[i] ?? 0)).join('')}`.trimEnd();
}

function histogram(totals: Summary['totals']): string[] {
  const counts = NAMES.map((name) =>
    BUCKETS.map(([, from, to]) => totals[name].back.filter((value) => value >= from && value <= to).length),
  );
  const most = Math.max(1, ...counts.flat());
  return BUCKETS.map(([label], place) => {
    const cells = counts.map((column) => {
      const count = column[place] ?? 0;
      return `${number(count).padStart(5)}  ${bar(count / most, BAR)}`;
    });
    return line(`  ${label}`, cells);
  });
}

function failures(total: Total): string {
  const rules = Object.keys(total.failed).sort((a, b) => (total.failed[b] ?? 0) - (total.failed[a] ?? 0));
  return rules.map((rule) => `${rule} ${total.failed[rule]}`).join(', ');
}

function holdText({ what, held, of, must }: Hold): string {
  const all = held === of && of > 0;
  const count = all ? `in all of ${number(of)}` : `in ${number(held)} of ${number(of)}`;
  return `  ${what.padEnd(84)} ${count}${must && !all ? '  WRONG' : ''}`;
}

export function comparisonText(summary: Summary): string {
  const { totals } = summary;
  const cells = (of: (total: Total) => string) => NAMES.map((name) => of(totals[name]));
  const count = (of: (total: Total) => number) => cells((total) => number(of(total)).padStart(5));
  const each = (of: (total: Total) => number) => cells((total) => number(of(total) / total.boundary));
  const failing = Object.entries(summary.failing)
    .sort()
    .map(([what, times]) => `${times} by ${FAILED[what]}`);
  const range = ([from, to]: [number, number]) => (from === to ? `${from}` : `${from} to ${to}`);
  const intro = wrap(
    `ROLLBACK in ${summary.runs} recoveries (${failing.join(', ')}) of systems of ${range(summary.components)} ` +
      `components, clusters of ${range(summary.clusters)}, seeds from ${summary.seed}. Up to the failure of each run all ` +
      `four cores took the same ${number(summary.deliveries)} messages and inputs at the same times; then each recovered ` +
      'by its own rules.',
  );
  const lines = [
    ...intro,
    '',
    line(
      '',
      NAMES.map((name) => TITLES[name]),
    ),
    line(
      'survivors',
      count((t) => t.survivors),
    ),
    line(
      'not rolled back',
      count((t) => t.survivors - t.back.length),
    ),
    'rolled back, by events',
    ...histogram(totals),
    '',
    line(
      'of those rolled back',
      cells(() => 'median · p99 · most'),
    ),
    line(
      '  events taken back',
      cells((t) => spreadText(t.back)),
    ),
    line(
      '    executed again',
      cells((t) => spreadText(t.redone)),
    ),
    line(
      '    gone for good',
      cells((t) => spreadText(t.gone)),
    ),
    line(
      '  ms taken back',
      cells((t) => spreadText(t.ms)),
    ),
    '',
    line(
      'rollbacks of a process',
      cells((t) => `${t.most} at most`),
    ),
    line(
      'valid events gone',
      cells((t) => number(t.validGone)),
    ),
    line(
      'left contaminated',
      cells((t) => (t.left > 0 ? `${number(t.left)}, in ${t.leftRuns} runs` : '0')),
    ),
    line(
      'sent again in vain',
      NAMES.map((name) => (name === 'paper' ? 'not counted' : number(totals[name].repeats))),
    ),
    line(
      'runs that fail a check',
      NAMES.map((name) => (name === 'restart' ? 'see below' : number(totals[name].failedRuns))),
    ),
    '',
    'for each boundary message',
    line(
      '  checkpoints',
      each((t) => t.checkpoints),
    ),
    line(
      '    their bytes',
      each((t) => t.checkpointBytes),
    ),
    line(
      '  journaled events',
      each((t) => t.journaled),
    ),
    line(
      '  control messages',
      each((t) => t.passed + t.counters),
    ),
    '',
    line(
      'most kept by a survivor',
      cells(() => 'median · p99 · most'),
    ),
    line(
      '  records',
      cells((t) => spreadText(t.records)),
    ),
    line(
      '  bytes',
      cells((t) => spreadText(t.bytes)),
    ),
    '',
    'Of ours, looked at survivor by survivor:',
    ...summary.holds.map(holdText),
    ...wrap(
      `Where it goes back further than with '${TITLES.every}', then by ${summary.further} events at most: they came ` +
        'between its last checkpoint and the first unvalidated event, and it emitted nothing in them, or it would have ' +
        'taken another.',
    ),
    ...wrap(
      `'${TITLES.restart}' is not put to the checks: it sends again what others hold, and goes back too far, by design. ` +
        'That all ends in the same state says that it is right as well.',
    ),
  ];
  if (totals.paper.failedRuns > 0) {
    lines.push(...wrap(`Checks that the paper's rules fail, each with in how many runs: ${failures(totals.paper)}.`));
  }
  for (const name of ['ours', 'every'] as const) {
    const own = failures(totals[name]);
    if (own) lines.push(...wrap(`WRONG: checks that '${TITLES[name]}' fails, each with in how many runs: ${own}.`));
  }
  return `${lines.join('\n')}\n`;
}
