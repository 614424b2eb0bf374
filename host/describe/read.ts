// Reads a description: an error names file, place, reason, and what would be right.

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { root } from '../build/root.ts';
import { EXIT, Failure } from '../failure.ts';
import type { BoardType, SystemFile, TestbedFile, UpgradeFile } from './formats.ts';
import { boardShape, systemShape, testbedShape, upgradeShape } from './formats.ts';
import type { Parsed, Place } from './json.ts';
import { JsonError, parseJson, placeOf } from './json.ts';
import type { Problem, Shape } from './shape.ts';
import { suggestion } from './shape.ts';

/** More problems of one file are not printed. */
const PROBLEMS_MAX = 12;

export interface Described<T> {
  /** absolute path */
  file: string;
  value: T;
  /** where in the file its values stand; a description that was not read has none */
  places?: Map<string, Place>;
}

export type System = Described<SystemFile>;
export type Upgrade = Described<UpgradeFile>;
export type Testbed = Described<TestbedFile>;

/** Throws all problems of a file as one Failure E_DESCRIPTION (exit 7). */
export function refuse(from: Pick<Described<unknown>, 'file' | 'places'>, problems: Problem[], next = ''): void {
  if (problems.length === 0) return;
  const { file, places } = from;
  const lines = problems.slice(0, PROBLEMS_MAX).map(({ path, reason }) => {
    const place = places ? placeOf(places, path) : null;
    return `${file}${place ? `:${place.line}:${place.column}` : ''}: ${path || 'the file'}: ${reason}`;
  });
  if (problems.length > PROBLEMS_MAX) lines.push(`… and ${problems.length - PROBLEMS_MAX} more`);
  throw new Failure('E_DESCRIPTION', EXIT.refused, lines.join('\n'), next || `mend ${file}`);
}

function source(file: string, what: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') {
      throw new Failure('E_NO_FILE', EXIT.usage, `there is no ${what} at ${file}`, 'check the path');
    }
    if (code === 'EISDIR') {
      throw new Failure('E_NO_FILE', EXIT.usage, `${file} is a folder, no ${what}`, 'name the file in it');
    }
    const exit = code === 'EACCES' || code === 'EPERM' ? EXIT.permission : EXIT.usage;
    throw new Failure('E_READ', exit, `cannot read ${file}: ${message}`, 'check who may read it');
  }
}

function parse(file: string, what: string): Parsed {
  const text = source(file, what);
  try {
    return parseJson(text);
  } catch (error) {
    if (!(error instanceof JsonError)) throw error;
    const { line, column } = error.place;
    const cause = `${file}:${line}:${column}: line ${line}, column ${column}: ${error.message}`;
    throw new Failure('E_JSON', EXIT.usage, cause, 'mend the JSON');
  }
}

function read<T>(path: string, what: string, shape: Shape<T>): Described<T> {
  const file = resolve(path);
  const problems: Problem[] = [];
  const { value: given, places } = parse(file, what);
  const value = shape.check(given, '', problems);
  refuse({ file, places }, problems);
  return { file, value, places };
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
  refuse(testbed, problems);
  return testbed;
}

/** The types of board that come with the package. */
export function boardTypes(): string[] {
  return readdirSync(join(root(), 'boards'))
    .filter((file) => file.endsWith('.json'))
    .map((file) => file.slice(0, -'.json'.length))
    .sort();
}

function readBoard(file: string): BoardType {
  const board = read(file, 'board description', boardShape);
  const figures = ['memoryBytes', 'watchdog', 'uarts', 'flash.sectorBytes', 'flash.sectors', 'flash.programBytes'];
  const problems: Problem[] = [];
  board.value.unknown.forEach((figure, i) => {
    if (!figures.includes(figure))
      problems.push({ path: `unknown[${i}]`, reason: `${figure} is no figure; ${suggestion(figure, figures)}` });
  });
  refuse(board, problems);
  return board.value;
}

/** A type of board by its name in boards/, or by the path of a user's own file. Throws Failure. */
export function boardType(name: string, folder = '.'): BoardType {
  if (name.endsWith('.json')) return readBoard(resolve(folder, name));
  const file = join(root(), 'boards', `${name}.json`);
  if (!existsSync(file)) {
    const next = `${suggestion(name, boardTypes())}; or name a file of your own, ending in .json`;
    throw new Failure('E_BOARD_TYPE', EXIT.refused, `no type of board is named ${name}`, next);
  }
  return readBoard(file);
}
