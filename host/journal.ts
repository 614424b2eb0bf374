// What can become of a board's journal (PROTOCOL 6), for people: the firmware tells it in words, in `status`, in notes of
// the trace and in the reason of a recovery; here those words get a code, a cause and a next step. All of it is the
// board's flash and no fault of an upgrade: exit code 9, even where the upgrade was reverted for it.

import {
  JOURNAL_BLIND,
  JOURNAL_FULL,
  JOURNAL_NO_ROOM,
  JOURNAL_RESERVE,
  JOURNAL_SMALL,
  JOURNAL_UNREADABLE,
  JOURNAL_WORN,
} from '../firmware/limits.ts';
import { EXIT, Failure } from './failure.ts';

/** Erases that a sector of an ordinary part stands. */
export const CYCLES = 100_000;

export type Trouble = 'full' | 'worn' | 'unreadable' | 'small';

const WORDS: [Trouble, string][] = [
  ['worn', JOURNAL_WORN],
  ['unreadable', JOURNAL_UNREADABLE],
  ['unreadable', JOURNAL_BLIND],
  ['small', JOURNAL_SMALL],
  ['small', JOURNAL_NO_ROOM],
  ['full', JOURNAL_FULL],
  ['full', JOURNAL_RESERVE],
];

const JOURNAL_CODES: Record<Trouble, string> = {
  full: 'E_JOURNAL_FULL',
  worn: 'E_JOURNAL_WORN',
  unreadable: 'E_JOURNAL_UNREADABLE',
  small: 'E_JOURNAL_SMALL',
};

const UNGUARDED = 'or set "durability": "off" and flash anew: a power cut then ends a guard';

const JOURNAL_NEXT: Record<Trouble, string> = {
  full: `give the board more flash or fewer processes (npx understudy preflight has the figures), then stage --again; ${UNGUARDED}`,
  worn: `replace the board; the same one keeps a journal again only after npx understudy flash; ${UNGUARDED}`,
  unreadable:
    'npx understudy status; where the guard was lost: npx understudy flash; if it comes again, replace the board',
  small: `use a type of board with more flash, ${UNGUARDED}`,
};

/** What the firmware's words are about; null: not about a journal. */
export function troubleOf(why: string): Trouble | null {
  for (const [trouble, words] of WORDS) if (why.includes(words)) return trouble;
  return null;
}

/** Code and next step for the firmware's words. */
export function journalAdvice(why: string): { code: string; next: string } {
  const trouble = troubleOf(why);
  if (!trouble) return { code: 'E_JOURNAL', next: 'npx understudy status' };
  return { code: JOURNAL_CODES[trouble], next: JOURNAL_NEXT[trouble] };
}

/** `after`: what has become of it, in words that go on with the cause. */
export function journalFailure(board: string, why: string, after = ''): Failure {
  const { code, next } = journalAdvice(why);
  const named = why.includes(`board ${board}`) ? why : `the journal of board ${board}: ${why}`;
  const cause = after ? `${named}; ${after}` : named;
  return new Failure(code, EXIT.boardFault, cause, next);
}
