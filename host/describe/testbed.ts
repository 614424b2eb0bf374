// testbed.json: which boards there are, and of what kind. Boards of one system may be of different kinds.

import { EXIT, Failure } from '../failure.ts';
import type { Problem, TypeOf } from './shape.ts';
import { anything, choice, named, nullable, object, optional, suggestion, text } from './shape.ts';

const KINDS = ['virtual', 'engine', 'emulated', 'real'] as const;
const ENGINES = ['espruino', 'jerryscript', 'duktape'] as const;
/** Kinds of `testbed up --boards`: an engine's name stands for a program of this machine. */
export const BOARDS_KINDS = ['virtual', 'emulated', ...ENGINES] as const;

export type Engine = (typeof ENGINES)[number];
export type BoardsKind = (typeof BOARDS_KINDS)[number];

/** Where the chips of an emulated board run nothing else. */
const EMULATED = 'mps2-an385';
const EMULATED_ENGINE: Engine = 'duktape';

const board = object('a board', {
  kind: choice(
    'what it is: virtual: Node; engine: the real engine as a program of this machine; emulated: QEMU; real',
    KINDS,
  ),
  engine: optional(nullable(choice('the engine of an engine or emulated board', ENGINES)), null),
  type: optional(
    nullable(text('type of board: a name in boards/, or a path to a file of your own; left out: that of its kind')),
    null,
  ),
  port: optional(nullable(text('serial port of a real board: a path, id:<usb serial>, tcp://host:port')), null),
});

const world = object('the device world beside the boards', {
  module: text('path of its module, from this file'),
  options: optional(named('its options', anything('a value')), {}),
});

export const testbedShape = object('a testbed', {
  understudy: choice('the format of this file', [1] as const),
  boards: named('boards', board),
  world: optional(nullable(world), null),
});

type Given = TypeOf<typeof testbedShape>;
export type BoardEntry = Omit<TypeOf<typeof board>, 'type'> & { type: string };
export type TestbedFile = Omit<Given, 'boards'> & { boards: Record<string, BoardEntry> };

/** The type of board where none is named. */
function typeOf(kind: BoardEntry['kind'], engine: Engine | null): string {
  if (kind === 'engine') return `linux-${engine}`;
  if (kind !== 'emulated') return 'virtual';
  return engine === null || engine === EMULATED_ENGINE ? EMULATED : `${EMULATED}-${engine}`;
}

/** What is said in a shorter way in the file, filled in; and what is missing in it. */
export function completedTestbed(given: Given): { value: TestbedFile; problems: Problem[] } {
  const problems: Problem[] = [];
  const boards: Record<string, BoardEntry> = Object.create(null);
  for (const [name, entry] of Object.entries(given.boards)) {
    const path = `boards.${name}`;
    const { kind, engine, port, type } = entry;
    if (kind === 'real' && !port) {
      problems.push({ path: `${path}.port`, reason: 'missing; a real board needs one: a path, or id:<usb serial>' });
    }
    if (kind === 'engine' && engine === null && type === null) {
      problems.push({ path: `${path}.engine`, reason: `missing; wanted one of ${ENGINES.join(', ')}` });
    }
    if (engine !== null && kind !== 'engine' && kind !== 'emulated') {
      const reason = `is ${engine}, but the kind is ${kind}; only an engine or emulated board has one here`;
      problems.push({ path: `${path}.engine`, reason });
    }
    boards[name] = { ...entry, type: type ?? typeOf(kind, engine) };
  }
  return { value: { ...given, boards }, problems };
}

/** Every board of another kind: what `--boards` says over the file. Throws Failure E_USAGE. */
export function ofKind(file: TestbedFile, boardsKind: string): TestbedFile {
  const known: readonly string[] = BOARDS_KINDS;
  if (!known.includes(boardsKind)) {
    const next = suggestion(boardsKind, [...BOARDS_KINDS]);
    throw new Failure('E_USAGE', EXIT.usage, `there are no boards of kind ${boardsKind}`, next);
  }
  const own = boardsKind === 'virtual' || boardsKind === 'emulated';
  const kind = own ? boardsKind : 'engine';
  const engine = own ? null : (boardsKind as Engine);
  const entry: BoardEntry = { kind, engine, port: null, type: typeOf(kind, engine) };
  return { ...file, boards: Object.fromEntries(Object.keys(file.boards).map((name) => [name, { ...entry }])) };
}

/** The file as the testbed was brought up that runs: `--boards` may have said something else. */
export function asRunning(
  file: TestbedFile,
  running: { name: string; kind: BoardEntry['kind']; type: string }[],
): TestbedFile {
  const boards = { ...file.boards };
  for (const { name, kind, type } of running) {
    const entry = boards[name];
    if (entry) boards[name] = { ...entry, kind, type };
  }
  return { ...file, boards };
}
