// Plays a recording into the boards in place of the plant: a CSV file with a column `time` (s) and one for each
// number of a device input, named device.field or, for one element of an array, device.field.index:
//
//   time,gyro.rates.0,gyro.rates.1,gyro.rates.2,sun.vector.0,sun.vector.1,...
//   0.1,0.001,-0.002,0.14,0.8,0.36,...
//
// A device whose cells are all empty in a row gets no input then. `gyro.time` is the row's time where the file has
// no such column. Outputs change nothing in a recording; they are recorded for comparison.

import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { EXIT, Failure } from '../failure.ts';
import type { Bench, DeviceWorld } from '../lab.ts';

interface Column {
  name: string;
  device: string;
  field: string;
  /** -1: a scalar */
  index: number;
}

export type Values = Record<string, number | number[]>;

export interface Row {
  /** s */
  time: number;
  inputs: [string, Values][];
}

export interface RecordingOptions {
  /** the CSV file */
  file?: string;
  /** s between two looks for rows that are due */
  step?: number;
}

function bad(file: string, line: number, why: string, next: string): Failure {
  return new Failure('E_RECORDING', EXIT.usage, `${file}:${line}: ${why}`, next);
}

const FORM = 'name columns time, device.field or device.field.index, as in gyro.rates.0';

function readHeader(file: string, text: string): (Column | null)[] {
  const columns = text.split(',').map((cell) => {
    const name = cell.trim();
    if (name === 'time') return null;
    const parts = name.split('.');
    const index = parts.length === 3 ? Number(parts[2]) : -1;
    if (parts.length < 2 || parts.length > 3 || parts.includes('') || !Number.isInteger(index)) {
      throw bad(file, 1, `'${name}' is no name of a column`, FORM);
    }
    return { name, device: parts[0] as string, field: parts[1] as string, index };
  });
  const times = columns.filter((column) => column === null).length;
  if (times !== 1)
    throw bad(file, 1, times ? 'more than one column time' : 'no column time', 'give one column time, in seconds');
  const names = columns.map((column) => column?.name);
  const twice = names.find((name, i) => names.indexOf(name) !== i);
  if (twice) throw bad(file, 1, `two columns ${twice}`, 'leave one of them out');
  for (const column of columns) checkArray(file, columns, column);
  return columns;
}

/** Elements of an array are complete from 0 on, and no scalar has the same name. */
function checkArray(file: string, columns: (Column | null)[], column: Column | null): void {
  if (!column) return;
  const same = columns.filter((other) => other && other.device === column.device && other.field === column.field);
  const indices = same.map((other) => other?.index as number).sort((a, b) => a - b);
  if (column.index < 0 ? same.length === 1 : indices.every((index, i) => index === i)) return;
  const name = `${column.device}.${column.field}`;
  throw bad(
    file,
    1,
    `columns of ${name} have the indices ${indices.join(', ')}`,
    `give ${name}.0, ${name}.1 ... without a gap`,
  );
}

function readCell(file: string, line: number, name: string, cell: string): number {
  const value = Number(cell);
  if (cell !== '' && Number.isFinite(value)) return value;
  throw bad(
    file,
    line,
    `${name}: '${cell}' is no number`,
    'write a decimal number, or leave all cells of the device empty',
  );
}

function readRow(file: string, line: number, columns: (Column | null)[], cells: string[]): Row {
  const time = readCell(file, line, 'time', cells[columns.indexOf(null)] as string);
  const devices = new Map<string, Values>();
  const empty = new Map<string, string>();
  columns.forEach((column, i) => {
    if (!column) return;
    if (cells[i] === '') {
      empty.set(column.device, column.name);
      return;
    }
    const value = readCell(file, line, column.name, cells[i] as string);
    const values = devices.get(column.device) ?? {};
    devices.set(column.device, values);
    if (column.index < 0) values[column.field] = value;
    else {
      const list = (values[column.field] ?? []) as number[];
      list[column.index] = value;
      values[column.field] = list;
    }
  });
  for (const [device, name] of empty) {
    if (devices.has(device))
      throw bad(file, line, `${name} is empty`, `fill it, or leave all cells of ${device} empty`);
  }
  const gyro = devices.get('gyro');
  if (gyro && gyro.time === undefined) gyro.time = time;
  return { time, inputs: [...devices] };
}

/** Reads the text of a recording; throws Failure E_RECORDING with file, line and reason. */
export function readRecording(text: string, file = 'recording'): Row[] {
  const lines = text.split(/\r?\n/);
  const columns = readHeader(file, lines[0] as string);
  const rows: Row[] = [];
  lines.forEach((content, i) => {
    if (i === 0 || content.trim() === '') return;
    const cells = content.split(',').map((cell) => cell.trim());
    if (cells.length !== columns.length) {
      throw bad(
        file,
        i + 1,
        `${cells.length} cells instead of ${columns.length}`,
        'give every row as many cells as the first',
      );
    }
    const row = readRow(file, i + 1, columns, cells);
    const last = rows.at(-1);
    if (last && row.time < last.time) {
      throw bad(file, i + 1, `time ${row.time} comes after ${last.time}`, 'sort the rows by time');
    }
    rows.push(row);
  });
  if (rows.length === 0) throw bad(file, lines.length, 'no rows', 'give at least one row below the names');
  return rows;
}

/** A device world that plays a file: `"world": {"module": "recording.ts", "options": {"file": "flight.csv"}}`. */
export function createWorld(bench: Bench, options: RecordingOptions = {}): DeviceWorld {
  if (!options.file) {
    throw new Failure(
      'E_RECORDING',
      EXIT.usage,
      'no file to play',
      'give the world an option file, the path of a CSV file',
    );
  }
  const file = resolve(options.file);
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    const why = (error as NodeJS.ErrnoException).code;
    throw new Failure('E_RECORDING', EXIT.usage, `${file}: ${why}`, 'give the path of a CSV file that can be read');
  }
  const rows = readRecording(text, options.file);
  const first = (rows[0] as Row).time;
  const begun = bench.now();
  let at = 0;
  bench.every((options.step ?? 0.01) * 1000, () => {
    // half a millisecond of grace for the rounding of times
    while (at < rows.length && ((rows[at] as Row).time - first) * 1000 <= bench.now() - begun + 0.5) {
      for (const [device, values] of (rows[at] as Row).inputs) bench.input(device, values);
      at++;
    }
  });
  return {
    output: (device, values) => bench.record(`output.${device}`, Object.values(values).flat().map(Number)),
  };
}
