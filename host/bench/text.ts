// The figures of the ring's bench as tables, for a terminal of 100 columns.

import { number, wrap } from '../costs/text.ts';
import type { Counted } from './count.ts';
import type { Other } from './others.ts';
import { OTHERS, OTHERS_NOTE } from './others.ts';
import type { Measured, Row } from './rows.ts';
import { erasesPerMiB, programmed, programsPerRecord, reached, rowsOf, unitLimit } from './rows.ts';
import type { Speed } from './speed.ts';
import type { Live, Lives } from './stores.ts';
import { KINDS } from './stores.ts';
import type { Work } from './work.ts';
import { PROGRAM_BYTES, SECTOR_BYTES, payloadOf, recordsOf } from './work.ts';

export const WIDTH = 100;

export interface UnitRow {
  programBytes: number;
  each: Counted;
  together: Counted;
}

export interface Report {
  quick: boolean;
  measured: Measured[];
  units: { work: Work; rows: UnitRow[] };
  speeds: { work: Work; speed: Speed }[];
  /** null: not asked for */
  lives: Lives | null;
}

function size(bytes: number): string {
  if (bytes < 10_000) return `${number(Math.round(bytes))} B`;
  if (bytes < 1024 * 1024) return `${number(bytes / 1024)} KB`;
  return `${number(bytes / 1024 / 1024)} MiB`;
}

function digits(value: number): string {
  if (Number.isInteger(value)) return number(value);
  return value >= 100 ? value.toFixed(1) : value.toFixed(value >= 10 ? 2 : 3);
}

function timesText(value: number): string {
  if (!Number.isFinite(value)) return '';
  return `×${value >= 10 ? value.toFixed(1) : value.toFixed(2)}`;
}

/** Lines of cells, right-aligned but for the first. */
export function table(widths: number[], lines: string[][]): string[] {
  return lines.map((cells) =>
    cells
      .map((cell, i) => (i === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[i] ?? 0)))
      .join('')
      .trimEnd(),
  );
}

function cell(value: number, unit: Row['unit']): string {
  if (unit === 'ms') return `${value > 0 ? value.toFixed(2) : '0'} ms`;
  if (unit === 'GiB') return `${value.toFixed(2)} GiB`;
  return unit === '' ? digits(value) : `${number(Math.round(value))} ${unit}`;
}

function rowText(row: Row): string[] {
  const { label, unit, value, limit, target } = row;
  const ratio = limit !== null && limit > 0 ? timesText(value / limit) : '';
  const aim = target === null ? '' : `≤ ${cell(target, unit)}`;
  const seen = { true: '✓', false: '✗', null: '' }[`${reached(row)}`];
  return [label, cell(value, unit), limit === null ? '' : cell(limit, unit), ratio, aim, seen];
}

function workText(work: Work): string {
  const { checkpoint, logs, log, regionBytes, every } = work;
  return (
    `${work.name}  ${number(work.rounds)} × (checkpoint of ${number(checkpoint)} B + ${logs} logs of ${log} B), ` +
    `${regionBytes / 1024} KB in sectors of ${SECTOR_BYTES / 1024} KB, programs of ${PROGRAM_BYTES} B; every ${every} ` +
    `checkpoints all but the last 2 are reclaimed. ${number(recordsOf(work))} records, ${size(payloadOf(work))} of payload.`
  );
}

const LIMITS = [
  'LIMIT is what no store can do better. Programmed: each byte of payload once, with nothing that says where a record ends ' +
    'or whether it is whole (with 8 B a record that says so: 1.057 in W1). Erases: what is programmed was erased, a ' +
    'sector at a time. Most − fewest: 0 only where the erases are a multiple of the sectors. Programs: one for each ' +
    'record, for each has to be durable before the next comes. Append: the program of the largest record (30 µs + 2.5 µs ' +
    'a byte); on demand also an erase (45 ms). Mount: a bisection for the end of what is programmed, and the largest ' +
    'record, to see that it is whole. A bisection trusts blanks, and what a power cut tore defeats it: this ring reads all ' +
    'headers and the newest sector. RAM: the address of the end.',
  'Times are modelled: what a typical part would take. RAM is counted over the fields of the ring: 8 B a number, 4 B a ' +
    'reference, the bytes of its arrays; what an engine adds for each field is not in it, nor the buffers of one batch ' +
    'that an append makes and drops. Between a mount and the first append the ring may hold what it then programs anew; ' +
    'that is told by itself.',
];

function unitsText({ work, rows }: Report['units']): string[] {
  const parts = ({ each, together, programBytes }: UnitRow): string[] =>
    [each, together].flatMap((counted, i) => [
      digits(programmed(counted)),
      digits(unitLimit(work, programBytes, i === 1)),
      erasesPerMiB(counted).toFixed(0),
      digits(programsPerRecord(counted)),
    ]);
  const head = ['programmed', 'limit', 'erases', 'programs'];
  const widths = [12, 12, 9, 9, 10, 16, 9, 9, 10];
  return [
    ...wrap(
      `PROGRAM UNITS  ${work.name} with other parts: bytes programmed per payload byte (limit: whole units of payload), ` +
        'erases per MiB, program operations per record. On the right a checkpoint and its logs share one write, and ' +
        'are durable together.',
      WIDTH,
    ),
    '',
    ...table([12, 40, 44], [['', 'each record durable by itself', 'five records in one write']]),
    ...table(widths, [['unit', ...head, ...head], ...rows.map((row) => [`  ${row.programBytes} B`, ...parts(row)])]),
  ];
}

function othersText(measured: Measured[]): string[] {
  const [one, two] = ['W1', 'W2'].map((name) => measured.find(({ work }) => work.name === name));
  const line = (other: Other): string[] => [
    other.name,
    other.programmed1.toFixed(3),
    number(other.erases1),
    other.worst,
    other.mount,
    other.programmed2.toFixed(3),
    number(other.erases2),
    other.cuts,
  ];
  const own =
    one && two
      ? [
          'this ring, in this run',
          programmed(one.ahead).toFixed(3),
          erasesPerMiB(one.ahead).toFixed(0),
          `${one.ahead.appendMs.toFixed(1)} ms`,
          `${(one.looked.mostBytes / 1024).toFixed(1)} KB`,
          programmed(two.ahead).toFixed(3),
          erasesPerMiB(two.ahead).toFixed(0),
          'npm run power',
        ]
      : [];
  return [
    ...wrap(
      'OTHER STORES of flash, as they were measured in November 2026, each in its own build, all under one harness: the ' +
        'same work, sectors of 4 KB, programs of 4 B, every record durable on return.',
      WIDTH,
    ),
    '',
    ...table(
      [33, 8, 7, 14, 9, 8, 7, 14],
      [
        ['', 'W1', 'W1', 'W1 worst', 'W1', 'W2', 'W2', 'survives'],
        ['', 'progr.', 'erases', 'append', 'mount', 'progr.', 'erases', 'power cuts %'],
        own,
        ...OTHERS.map(line),
      ],
    ),
    '',
    ...wrap(OTHERS_NOTE, WIDTH),
  ];
}

function livesText(measured: Measured[], lives: Lives): string[] {
  const lines: string[][] = [];
  for (const { work, ahead, looked } of measured) {
    const byStore = lives.figures[work.name];
    if (!byStore) continue;
    if (lines.length > 0) lines.push([]);
    const own = programmed(ahead);
    const ram = `${size(looked.ramBytes)}`;
    lines.push([`${work.name} this ring`, digits(own), '', '', size(looked.mostBytes), size(looked.findBytes), ram]);
    for (const { store, title } of KINDS) {
      const figures = byStore[store];
      if (figures) lines.push(storeLine(work, title.join(' '), figures, own, byStore.file));
    }
  }
  const missing = lives.missing.flatMap(({ what, why }) => wrap(`${what} could not be run: ${why}`, WIDTH));
  const hint =
    lives.missing.length === 0
      ? []
      : wrap(
          'All else is as it would be with it. They come from the npm registry: try again when it can be reached.',
          WIDTH,
        );
  return [
    ...wrap(
      'STORES OF FILES, live: the same work on the disk of this machine, each in a process of its own. Each record is ' +
        'synchronized to the disk before the next comes; at the end the process is killed, and another one opens what it ' +
        'left and reads the newest checkpoint.',
      WIDTH,
    ),
    '',
    ...table(
      [35, 9, 9, 10, 10, 9, 9, 9],
      [
        ['', 'written', '× ring', 'to disk', 'read at', 'to find', 'memory', 'speed'],
        ['', 'B/payl.', '', 'B/payl.', 'open', 'one', '', '× file'],
        ...lines,
      ],
    ),
    '',
    ...wrap(
      'Written: bytes that the process handed to the system (wchar of /proc/self/io), per byte of payload. To disk: ' +
        'write_bytes of the same, in pages of the file system, without its own journal. Read: rchar, to which files that ' +
        'are mapped into memory (tables of LevelDB) do not count. Memory: growth of the resident set at its peak, data and ' +
        'code of the engine included. Speed: records a second, over those of a plain file with an fdatasync a record; they ' +
        'run one after the other, so whatever else uses the disk is in it.',
      WIDTH,
    ),
    ...(missing.length > 0 ? ['', ...missing, ...hint] : []),
  ];
}

function storeLine(work: Work, title: string, live: Live, own: number, file: Live | undefined): string[] {
  const payload = payloadOf(work);
  const written = live.written / payload;
  return [
    `${work.name} ${title}`,
    digits(written),
    timesText(written / own),
    digits(live.toDisk / payload),
    file === live ? '' : size(live.openRead),
    file === live ? '' : size(live.findRead),
    size(live.memory),
    file ? timesText(file.seconds / live.seconds) : '',
  ];
}

function speedText(speeds: Report['speeds']): string[] {
  const round = (value: number): string => number(Number(value.toPrecision(3)));
  return [
    ...wrap(
      'SPEED on this machine, on memory in place of flash, against the least that any store does: copy the bytes and take ' +
        'their CRC, by the same code, in turns in this run.',
      WIDTH,
    ),
    '',
    ...table(
      [12, 22, 22, 12],
      [
        ['', 'ring, records/s', 'copy + CRC, records/s', 'ratio'],
        ...speeds.map(({ work, speed }) => [
          work.name,
          round(speed.perSecond),
          round(speed.basePerSecond),
          timesText(speed.ratio),
        ]),
      ],
    ),
  ];
}

export function reportText(report: Report): string {
  const { measured, lives } = report;
  const lines = wrap(
    'RING  the journal ring on a NOR emulator that counts. Each record is durable when its append returns.' +
      (report.quick ? ' Quick: a quarter of the rounds.' : ''),
    WIDTH,
  );
  for (const one of measured) {
    lines.push('', ...wrap(workText(one.work), WIDTH), '');
    lines.push(
      ...table([46, 13, 13, 9, 12, 3], [['', 'ring', 'limit', 'ratio', 'target'], ...rowsOf(one).map(rowText)]),
    );
  }
  for (const text of LIMITS) lines.push('', ...wrap(text, WIDTH));
  lines.push('', '', ...unitsText(report.units));
  lines.push('', '', ...othersText(measured));
  lines.push('', '');
  if (lives) lines.push(...livesText(measured, lives));
  else
    lines.push(
      ...wrap('STORES OF FILES (SQLite, LevelDB) are measured live with --stores; that installs them first.', WIDTH),
    );
  lines.push('', '', ...speedText(report.speeds), '');
  const aims = measured.flatMap((one) => rowsOf(one).map((row) => ({ work: one.work, row, ok: reached(row) })));
  const missed = aims.filter(({ ok }) => ok === false);
  lines.push(
    `${aims.filter(({ ok }) => ok === true).length} of ${aims.filter(({ ok }) => ok !== null).length} targets reached` +
      (missed.length > 0 ? '; not:' : '.'),
  );
  for (const { work, row } of missed) {
    lines.push(`  ${work.name} ${row.label}: ${cell(row.value, row.unit)}, not ${cell(row.target ?? 0, row.unit)}`);
  }
  return `${lines.join('\n')}\n`;
}
