// Reads a description: an error names file, place, reason, and what would be right.

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { root } from '../build/root.ts';
import { EXIT, Failure } from '../failure.ts';
import type { BoardType } from './board.ts';
import { boardProblems, boardShape, completed, tooSmall } from './board.ts';
import type { SystemFile, UpgradeFile } from './formats.ts';
import { systemShape, upgradeShape } from './formats.ts';
import type { Parsed, Place } from './json.ts';
import { JsonError, parseJson, placeOf } from './json.ts';
import type { Problem, Shape } from './shape.ts';
import { suggestion } from './shape.ts';
import type { TestbedFile } from './testbed.ts';
import { completedTestbed, testbedShape } from './testbed.ts';

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
  const given = read(file, 'testbed description', testbedShape);
  const { value, problems } = completedTestbed(given.value);
  refuse(given, problems);
  return { ...given, value };
}

/** The types of board that come with the package. */
export function boardTypes(): string[] {
  return readdirSync(join(root(), 'boards'))
    .filter((file) => file.endsWith('.json'))
    .map((file) => file.slice(0, -'.json'.length))
    .sort();
}

/** A description of a board that may be too small for any system. Throws Failure. */
function readBoard(file: string): Described<BoardType> {
  const board = read(file, 'board description', boardShape);
  refuse(board, boardProblems(board.value));
  return { ...board, value: completed(board.value) };
}

/** Where the file of a type of board is: its name in boards/, or the path of a user's own. Throws Failure. */
function boardFile(name: string, folder: string): string {
  if (name.endsWith('.json')) return resolve(folder, name);
  const file = join(root(), 'boards', `${name}.json`);
  if (existsSync(file)) return file;
  const next = `${suggestion(name, boardTypes())}; or name a file of your own, ending in .json`;
  throw new Failure('E_BOARD_TYPE', EXIT.refused, `no type of board is named ${name}`, next);
}

/** A type of board as it is described, whether a system can live on it or not (`tooSmall`). Throws Failure. */
export function boardDescription(name: string, folder = '.'): Described<BoardType> {
  return readBoard(boardFile(name, folder));
}

/** A type of board on which a system can live, by its name in boards/ or the path of a user's own file. Throws Failure. */
export function boardType(name: string, folder = '.'): BoardType {
  const board = boardDescription(name, folder);
  const small = tooSmall(board.value);
  if (small) refuse(board, [small], `use another board; npx understudy board ${name} says what fits on it`);
  return board.value;
}
