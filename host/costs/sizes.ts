// What the guard costs by the size of the system, as tables and as a picture.

import { lineChart } from '../trace/chart.ts';
import type { Cost, Growth, Row } from './sweep.ts';
import { CLUSTERS, growth } from './sweep.ts';
import { measured, number, wrap } from './text.ts';

interface Figure {
  head: [string, string];
  width: number;
  of: (row: Row) => number;
  /** counted in whole numbers */
  whole?: boolean;
}

const FIGURES: Figure[] = [
  { head: ['tests', 'passed'], width: 8, of: (r) => r.ours.tests },
  { head: ['check-', 'points'], width: 8, of: (r) => r.ours.checkpoints },
  { head: ['journal', 'records'], width: 9, of: (r) => r.ours.records },
  { head: ['notifi-', 'cations'], width: 9, of: (r) => r.ours.passed },
  { head: ['heard', 'by each'], width: 9, of: (r) => r.ours.heard },
  { head: ['T and V,', 'message'], width: 10, of: (r) => r.ours.vectorBytes },
  { head: ['V, in', 'a beat'], width: 8, of: (r) => r.ours.beatBytes },
  { head: ['beat of', 'a low'], width: 9, of: (r) => r.ours.lowBeatBytes },
  { head: ['one re-', 'covery'], width: 9, of: (r) => r.ours.cut, whole: true },
  { head: ['check-', 'points'], width: 10, of: (r) => r.paper.checkpoints },
  { head: ['notifi-', 'cations'], width: 9, of: (r) => r.paper.passed },
  { head: ['', 'counters'], width: 9, of: (r) => r.paper.counters },
];

const GROWING: [string, (cost: Cost) => number][] = [
  ['passed tests, each told to all', (c) => c.tests],
  ['checkpoints', (c) => c.checkpoints],
  ['journaled events', (c) => c.records],
  ['notifications, heard by each', (c) => c.heard],
  ['notifications, in all', (c) => c.passed],
  ['bytes of T and V in a message', (c) => c.vectorBytes],
  ['bytes of V in a heartbeat', (c) => c.beatBytes],
  ["bytes of a low process's heartbeat", (c) => c.lowBeatBytes],
  ['messages of one recovery', (c) => c.cut],
];

/** What counts as growing: a fifth, for four times the components or six times the cluster. */
const MUCH = 1.2;

function grows({ first, second, cluster }: Growth): string {
  if (first * second > MUCH) return cluster > MUCH ? 'both' : 'components';
  return cluster > MUCH ? 'cluster' : 'neither';
}

function table(rows: Row[]): string[] {
  const lines = [
    [
      ['', 11],
      ['ours, for each boundary message', 43],
      ['ours, bytes in a', 27],
      ['messages', 9],
      ['paper, for each of them', 28],
    ]
      .map(([text, width]) => `${text}`.padStart(width as number))
      .join(''),
    `compo- clus-${FIGURES.map(({ head, width }) => head[0].padStart(width))
      .join('')
      .slice(1)}`.trimEnd(),
    `nents  ter  ${FIGURES.map(({ head, width }) => head[1].padStart(width))
      .join('')
      .slice(1)}`,
  ];
  let before = -1;
  for (const row of rows) {
    const { components, cluster } = row.ours;
    if (components !== before && before >= 0) lines.push('');
    const figures = FIGURES.map(({ of, width, whole }) => (whole ? number : measured)(of(row)).padStart(width)).join(
      '',
    );
    const size = `${components === before ? '' : components}`.padStart(5);
    lines.push(`${size}${`${cluster}`.padStart(5)} ${figures}`);
    before = components;
  }
  return lines;
}

function growthTable(rows: Row[]): string[] {
  const cells = ({ first, second, cluster }: Growth) =>
    [first, second, cluster]
      .map((value) => (Number.isFinite(value) ? `×${value.toFixed(2)}` : '-').padStart(9))
      .join('');
  const kinds: [string, Cost[]][] = [
    ['neighbours', rows.map((row) => row.ours)],
    ['any', rows.flatMap((row) => row.anywhere ?? [])],
  ];
  const heads = [
    kinds.map(([name]) => `sends to ${name}`.padStart(27)),
    ['     components     cluster'],
    ['  8 to 16 16 to 32   1 to 6'],
  ];
  const lines = heads.map((head, i) => {
    const cell = (text = '') => `${text.padEnd(27)}  ${(['', 'grows', 'with the'][i] ?? '').padEnd(13)}`;
    return `${''.padEnd(36)}${kinds.map((_, k) => cell(head[k] ?? head[0])).join('')}`.trimEnd();
  });
  for (const [name, of] of GROWING) {
    const all = kinds.map(([, costs]) => growth(costs, of)).map((by) => `${cells(by)}  ${grows(by).padEnd(13)}`);
    lines.push(`${name.padEnd(36)}${all.join('')}`.trimEnd());
  }
  return lines;
}

function untoldTable(rows: Row[]): string[] {
  const lines: string[] = [];
  for (const { ours, untold } of rows) {
    if (!untold) continue;
    const size = `  ${ours.components} components, cluster of ${ours.cluster}`.padEnd(36);
    const from = (a: number, b: number) => `${measured(a).padStart(6)} → ${measured(b)}`.padEnd(18);
    lines.push(`${size}${from(ours.checkpoints, untold.checkpoints)}${from(ours.records, untold.records)}`.trimEnd());
  }
  return lines;
}

export function sizesText(rows: Row[]): string {
  const lines = [
    ...wrap(
      'COST of the guard before anything fails. Every component has the same traffic, however many there are: it sends ' +
        'to three neighbours.',
    ),
    '',
    ...table(rows),
    '',
    ...wrap(
      'GROWTH of the cost of ours, as a factor: from 8 to 16 and from 16 to 32 components; from 1 to 6 in the cluster. ' +
        'On the left the neighbours are the same whatever the size. On the right a component sends to any three: what a ' +
        'boundary message contaminates meets what another did in a small system, and more rarely in a larger one.',
    ),
    '',
    ...growthTable(rows),
    '',
    ...wrap(
      'With the cluster grow the vectors, and, where its components are neighbours, the tests for each boundary message: ' +
        'more of what they send stays inside. A passed test is told to all other processes, on the channel to each: so notifications grow with the number of ' +
        'processes, in the paper as here, and so do the markers and reports of a cut. Where ' +
        'the neighbours stay the same, what one process hears does not grow, nor does the number of tests to be told: ' +
        'on a bus, where one frame reaches all, that is the cost.',
    ),
    '',
    ...wrap(
      'WITHOUT NOTIFICATIONS, V told by messages and heartbeats alone, no control message depends on passed tests. ' +
        'Contamination then lasts until the next of them; checkpoints and journaled events for each boundary message:',
    ),
    ...untoldTable(rows),
  ];
  return `${lines.join('\n')}\n`;
}

/** Costs for each boundary message over the number of components, for the smallest and the largest cluster. */
export function sizesChart(rows: Row[]): string {
  const figures: [string, (cost: Cost) => number][] = [
    ['notifications, in all', (c) => c.passed],
    ['checkpoints', (c) => c.checkpoints],
    ['notifications, heard by each', (c) => c.heard],
  ];
  const ends = [CLUSTERS[0], CLUSTERS[CLUSTERS.length - 1]];
  const series = figures.flatMap(([name, of]) =>
    ends.map((cluster) => ({
      name: `${name}, cluster of ${cluster}`,
      points: rows
        .filter(({ ours }) => ours.cluster === cluster)
        .map(({ ours }): [number, number] => [ours.components, of(ours)]),
    })),
  );
  return lineChart({
    title: 'Cost of the guard, by the size of the system',
    xLabel: 'components',
    yLabel: 'for each boundary message',
    series,
    xMin: 0,
    log: true,
  });
}
