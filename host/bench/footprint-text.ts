// The figures of footprint as a table, for a terminal of 100 columns.

import { number, wrap } from '../costs/text.ts';
import type { Variables } from './espruino-memory.ts';
import type { Smallest } from './heap.ts';
import type { Room } from './rooms.ts';
import type { Sections } from './sections.ts';
import { table, WIDTH } from './text.ts';

export interface EngineFootprint {
  engine: string;
  version: string;
  boot: Smallest;
  /** null: not tried */
  run: Smallest | null;
  sections: Sections;
}

export interface FootprintReport {
  quick: boolean;
  /** of the bundle, minified, and its parts */
  bytes: number;
  rooms: Room[];
  engines: EngineFootprint[];
  espruino: Variables | null;
  /** what is not here, and why */
  missing: string[];
}

export interface FootprintRow {
  label: string;
  value: number;
  unit: 'KB' | 'variables';
  target: number | null;
}

const KB = 1024;
export const BUNDLE_TARGET = 24 * KB;
export const HEAP_TARGETS: Record<string, number> = { duktape: 144 * KB, jerryscript: 64 * KB };
export const VARIABLES_TARGET = 5450;

export function rowsOf({ bytes, engines, espruino }: FootprintReport): FootprintRow[] {
  const kb = (label: string, value: number, target: number | null = null): FootprintRow => ({
    label,
    value,
    unit: 'KB',
    target,
  });
  const count = (label: string, value: number, target: number | null = null): FootprintRow => ({
    label,
    value,
    unit: 'variables',
    target,
  });
  const rows = [kb('bundle, minified', bytes, BUNDLE_TARGET)];
  for (const { engine, version, boot, run, sections } of engines) {
    const name = `${engine} ${version}`;
    rows.push(kb(`${name}: smallest heap that boots`, boot.bytes));
    if (run) rows.push(kb(`${name}: smallest heap, with a takeover`, run.bytes, HEAP_TARGETS[engine] ?? null));
    rows.push(kb(`${name}: code and constants`, sections.flash));
    rows.push(kb(`${name}: RAM beside heap and stack`, sections.ram));
    rows.push(kb(`${name}: stack at most`, Math.max(boot.stackPeak, run?.stackPeak ?? 0)));
  }
  if (espruino) {
    const name = `Espruino ${espruino.version}`;
    rows.push(count(`${name}: booted, no system`, espruino.booted));
    if (espruino.system !== null) rows.push(count(`${name}: booted with the mission’s board`, espruino.system));
    const most = espruino.trouble === null ? 'with a takeover' : 'as far as it came';
    if (espruino.peak !== null) rows.push(count(`${name}: at most, ${most}`, espruino.peak, VARIABLES_TARGET));
  }
  return rows;
}

export function met({ value, target }: FootprintRow): boolean | null {
  return target === null ? null : value <= target;
}

function valueText(value: number, unit: FootprintRow['unit']): string {
  return unit === 'KB' ? `${(value / KB).toFixed(1)} KB` : number(value);
}

function rowText(row: FootprintRow): string[] {
  const { label, value, unit, target } = row;
  if (target === null) return [label, valueText(value, unit)];
  return [
    label,
    valueText(value, unit),
    `≤ ${valueText(target, unit)}`,
    `×${(value / target).toFixed(2)}`,
    met(row) ? '✓ met' : '✗ not met',
  ];
}

export function footprintText(report: FootprintReport): string {
  const { bytes, espruino, missing, engines } = report;
  const rows = rowsOf(report);
  const lines = wrap(
    'FOOTPRINT  the firmware on one board. Heaps: on an emulated Cortex-M3 (QEMU mps2-an385, 32 bits), in steps of 4 KB. With ' +
      'a takeover: the sample mission’s control board, recorded in lockstep, with the controller and its shadow from boot ' +
      'through start, guard, and recovery; it passes where it says the same to the byte. The player of the recording is in ' +
      'these figures.' +
      (report.quick ? ' Quick: coarser steps, boot alone.' : ''),
    WIDTH,
  );
  lines.push('', ...table([52, 14, 14, 9, 11], [['', 'measured', 'target', 'ratio', ''], ...rows.map(rowText)]), '');
  lines.push('the bundle’s parts, by their share', '');
  lines.push(
    ...table(
      [30, 12, 10],
      report.rooms.map(({ name, bytes: own }) => [
        `  ${name}`,
        `${(own / KB).toFixed(1)} KB`,
        `${((100 * own) / bytes).toFixed(0)} %`,
      ]),
    ),
    '',
  );
  const marks = engines[0]?.sections.marks ?? 0;
  if (marks > 0) {
    const note = `RAM: without ${number(marks / KB)} KB of marks that only emulated flash needs, and with the rings of five lines and three boards.`;
    lines.push(...wrap(note, WIDTH), '');
  }
  if (espruino) {
    const { total, bytes: each, calls, trouble } = espruino;
    const note =
      `Espruino: ${number(total)} variables of ${each} B; the program in flash, garbage collected at each look.` +
      (trouble !== null && calls > 0 ? ` The run ended after ${calls} calls: ${trouble}.` : '');
    lines.push(...wrap(note, WIDTH), '');
  }
  for (const text of missing) lines.push(...wrap(text, WIDTH), '');
  const aimed = rows.filter(({ target }) => target !== null);
  lines.push(`${aimed.filter(met).length} of ${aimed.length} targets reached`, '');
  return lines.join('\n');
}
