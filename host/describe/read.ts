// Reads a description: an error names file, place, reason, and what would be right.

import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { root } from '../build/root.ts';
import { EXIT, Failure } from '../failure.ts';
import type { BoardType, SystemFile, TestbedFile, UpgradeFile } from './formats.ts';
import { boardShape, systemShape, testbedShape, upgradeShape } from './formats.ts';
import type { Problem, Shape } from './shape.ts';
import { suggestion } from './shape.ts';

/** More problems of one file are not printed. */
const PROBLEMS_MAX = 12;

export interface Described<T> {
  /** absolute path */
  file: string;
  value: T;
}

export type System = Described<SystemFile>;
export type Upgrade = Described<UpgradeFile>;
export type Testbed = Described<TestbedFile>;

/** Throws all problems of a file as one Failure E_DESCRIPTION (exit 7). */
export function refuse(file: string, problems: Problem[], next = ''): void {
  if (problems.length === 0) return;
  const lines = problems.slice(0, PROBLEMS_MAX).map((p) => `${file}: ${p.path || 'the file'}: ${p.reason}`);
  if (problems.length > PROBLEMS_MAX) lines.push(`… and ${problems.length - PROBLEMS_MAX} more`);
  throw new Failure('E_DESCRIPTION', EXIT.refused, lines.join('\n'), next || `mend ${file}`);
}

function lineOf(source: string, offset: number): string {
  const before = source.slice(0, offset).split('\n');
  return `line ${before.length}, column ${(before[before.length - 1] ?? '').length + 1}`;
}

function parseJson(file: string, what: string): unknown {
  if (!existsSync(file)) {
    throw new Failure('E_NO_FILE', EXIT.usage, `there is no ${what} at ${file}`, 'check the path');
  }
  const source = readFileSync(file, 'utf8');
  try {
    return JSON.parse(source);
  } catch (error) {
    const message = (error as Error).message;
    const at = /position (\d+)/.exec(message);
    const place = at ? lineOf(source, Number(at[1])) : lineOf(source, source.length);
    const reason = message.replace(/ in JSON.*$/, '');
    throw new Failure('E_JSON', EXIT.usage, `${file}: ${place}: ${reason}`, 'mend the JSON');
  }
}

function read<T>(path: string, what: string, shape: Shape<T>): Described<T> {
  const file = resolve(path);
  const problems: Problem[] = [];
  const value = shape.check(parseJson(file, what), '', problems);
  refuse(file, problems);
  return { file, value };
}

export function readSystem(file: string): System {
  return read(file, 'system description', systemShape);
}

export function readUpgrade(file: string): Upgrade {
  return read(file, 'upgrade description', upgradeShape);
}

export function readTestbed(file: string): Testbed {
  const testbed = read(file, 'testbed description', testbedShape);
  const problems: Problem[] = [];
  for (const [name, board] of Object.entries(testbed.value.boards)) {
    if (board.kind === 'real' && !board.port) {
      problems.push({
        path: `boards.${name}.port`,
        reason: 'missing; a real board needs one: a path, or id:<usb serial>',
      });
    }
  }
  refuse(testbed.file, problems);
  return testbed;
}

const BOARDS = [
  'virtual',
  'nrf52840-dk',
  'stm32f4-discovery',
  'nucleo-f411re',
  'rp2040',
  'esp32',
  'pico',
  'espruino-wifi',
];

/** A type of board by its name in boards/, or by the path of a user's own file. Throws Failure. */
export function boardType(name: string, folder = '.'): BoardType {
  if (name.endsWith('.json')) return read(resolve(folder, name), 'board description', boardShape).value;
  const file = join(root(), 'boards', `${name}.json`);
  if (!existsSync(file)) {
    const next = `${suggestion(name, BOARDS)}; or name a file of your own, ending in .json`;
    throw new Failure('E_BOARD_TYPE', EXIT.refused, `no type of board is named ${name}`, next);
  }
  return read(file, 'board description', boardShape).value;
}
