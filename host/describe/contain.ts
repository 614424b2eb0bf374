// What the guard can contain of a new version, and what not, on each engine. The README has the same table.

import type { BoardType } from './board.ts';

export type Engine = BoardType['engine'];

/** What a failure of a low process costs. */
export type Cost =
  /** that process alone: the guard takes over */
  | 'process'
  /** its board is reset; who is there comes back from the journal, and the process counts as failed */
  | 'reset'
  /** `reset`, if it is found at all: what is wrong may show elsewhere first */
  | 'shared'
  /** nothing: the board goes on where it was */
  | 'pause';

export interface Failing {
  what: string;
  costs: Record<Engine, Cost>;
  why: Record<Engine, string>;
}

function everywhere(what: string, cost: Cost, why: string): Failing {
  const all = <T>(value: T): Record<Engine, T> => ({
    virtual: value,
    duktape: value,
    jerryscript: value,
    espruino: value,
  });
  return { what, costs: all(cost), why: all(why) };
}

/** What the board's own file decides, not its engine alone. */
export const HANGING = 'a call that never returns';

export const FAILINGS: Failing[] = [
  everywhere('outputs that an acceptance test refuses', 'process', 'taken over'),
  everywhere('an exception, a breach of schema, a flood', 'process', 'taken over'),
  {
    what: HANGING,
    costs: { virtual: 'process', duktape: 'process', jerryscript: 'process', espruino: 'reset' },
    why: {
      virtual: 'interrupted',
      duktape: 'interrupted',
      jerryscript: 'interrupted',
      espruino: 'no interruption: the watchdog resets the board',
    },
  },
  {
    what: 'endless recursion',
    costs: { virtual: 'process', duktape: 'process', jerryscript: 'process', espruino: 'reset' },
    why: {
      virtual: 'an exception',
      duktape: 'an exception',
      jerryscript: 'an exception',
      espruino: 'no `catch` sees it: the board begins anew',
    },
  },
  {
    what: 'all memory taken',
    costs: { virtual: 'reset', duktape: 'shared', jerryscript: 'reset', espruino: 'reset' },
    why: {
      virtual: 'the board’s process ends',
      duktape: 'an exception in whoever asks next, or a reset',
      jerryscript: 'the engine gives up: the board is reset',
      espruino: 'no `catch` sees it: the board begins anew',
    },
  },
  everywhere('a fault of the engine that it meets', 'reset', 'the chip is reset'),
  everywhere('built-in objects changed for all', 'shared', 'the build refuses it; no board does'),
  everywhere('a power cut', 'pause', 'with durability, a pause'),
];

/** For the README. */
export function failingTable(): string {
  const engines: Engine[] = ['virtual', 'duktape', 'jerryscript', 'espruino'];
  const names = ['virtual boards', 'Duktape', 'JerryScript', 'Espruino'];
  const rows = FAILINGS.map(({ what, costs, why }) => {
    const cells = engines.map((engine) => `**${costs[engine]}**: ${why[engine]}`);
    return `| ${[what, ...(new Set(cells).size === 1 ? [cells[0], 'same', 'same', 'same'] : cells)].join(' | ')} |`;
  });
  return [`| a new version’s … | ${names.join(' | ')} |`, '|---|---|---|---|---|', ...rows].join('\n');
}

/** Everything that shares a board shares its heap and its resets: the way out, by what the board offers. */
export function isolation(type: Pick<BoardType, 'partitions' | 'interrupts'>): string {
  if (type.partitions > 1) {
    const own = `${type.partitions} boards of the system on one chip, each with a heap of its own: place the new version there`;
    return `${own}. A hang holds all of them up until it is interrupted; the watchdog and a fault of the engine reset all`;
  }
  return 'place the new version on a board of its own';
}
