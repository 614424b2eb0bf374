// Guarded operation as an operator sees it: start, commit, abort, and how it ends.

import type { TraceLine } from '../check/types.ts';
import { EXIT, Failure } from '../failure.ts';
import { journalFailure, troubleOf } from '../journal.ts';
import type { Lab } from '../lab.ts';
import { patienceOf } from '../lab.ts';
import type { BoardStatus, SystemStatus } from './status.ts';
import { boardStatus, journalTrouble, systemStatus } from './status.ts';

/** Longest time that a cut may take while every board is powered and linked, ms. */
const CUT_MS = 15_000;
const POLL_MS = 50;
/** How often a word is given again to a board that does not answer: its power may come back, or another one may do. */
const WORDS_MAX = 3;
/** A board that is switched on again answers after so long, ms. */
const BOOT_MS = 500;

/** A journal that could no longer be kept, and why. */
export interface JournalEnd {
  board: string;
  why: string;
}

export interface Outcome {
  /** what the survivors decided */
  cut: 'start' | 'commit' | 'recovery' | 'cancel';
  epoch: number;
  why: string;
  V: number[];
  /** the flash of a board is the reason, and not the upgrade */
  journal?: JournalEnd;
}

/** Listens for decisions; the first one of an epoch above a given one is the outcome. Close it when done. */
export class Verdicts {
  private readonly known = new Map<number, Outcome>();
  /** what boards have told of their journals, and which of them has first told that the guard is lost */
  readonly journals: JournalEnd[] = [];
  lost = '';
  private readonly end: () => void;

  constructor(lab: Lab) {
    this.end = lab.onTrace((line) => this.hear(line));
  }

  private hear(line: TraceLine): void {
    const { note, board = '' } = line;
    if (note?.kind === 'journal') this.journals.push({ board, why: String(note.why ?? '') });
    if (note?.kind === 'lost') this.lost ||= board;
    for (const effect of line.effects ?? []) {
      if (effect.kind !== 'decide' || effect.epoch === undefined) continue;
      // a low process knows the verdict, but not always the reason
      const before = this.known.get(effect.epoch);
      const why = before?.why || effect.why || '';
      const cut = effect.cut as Outcome['cut'];
      this.known.set(effect.epoch, { cut, epoch: effect.epoch, why, V: effect.V ?? [] });
    }
  }

  after(epoch: number): Outcome | null {
    const epochs = [...this.known.keys()].filter((e) => e > epoch).sort((a, b) => a - b);
    return this.known.get(epochs[0] ?? -1) ?? null;
  }

  close(): void {
    this.end();
  }
}

function survivorOn(status: BoardStatus): boolean {
  return status.processes.some((p) => p.role === 'active' || p.role === 'shadow');
}

async function anywhere(lab: Lab): Promise<SystemStatus> {
  const status = await systemStatus(lab);
  const first = status.silent[0];
  if (status.boards.length === 0 && first) throw first.failure;
  return status;
}

/** Without a survivor there is nobody to end a guarded operation. */
function refuseLost(boards: BoardStatus[]): void {
  const lost = boards.find((b) => b.lost !== '');
  if (!lost) return;
  const cause = `board ${lost.board}: the guard could not be kept: ${lost.lost}`;
  const next = 'bring the system up anew on the old version: npx understudy flash';
  throw new Failure('E_LOST', EXIT.refused, cause, next);
}

/** Of what the boards say: guarded operation goes on, and nobody can end it any more. */
function throwLost(boards: BoardStatus[], journals: JournalEnd[]): void {
  const lost = boards.find((b) => b.lost !== '');
  if (!lost) return;
  const cause = `the guard could not be kept: ${lost.lost}`;
  const journal = journals[0];
  if (journal) throw journalFailure(journal.board, journal.why, cause);
  const next = 'bring the system up anew on the old version: npx understudy flash';
  throw new Failure('E_LOST', EXIT.boardFault, `board ${lost.board}: ${cause}`, next);
}

/** Without its journals a guard is not what was asked for; and a cut waits for every board of the system. */
function refuseUnfit(boards: BoardStatus[], silent: { board: string; failure: Failure }[]): void {
  const system = new Set(boards.flatMap((b) => b.system));
  for (const { board, failure } of silent) {
    if (!system.has(board)) continue;
    throw new Failure(failure.code, failure.exit, `${failure.message}; a start would wait for it`, failure.next);
  }
  for (const board of boards) {
    const why = journalTrouble(board);
    if (why) throw journalFailure(board.board, why, 'nothing was started');
  }
}

/** A cut of this word's is under way, or has ended, wherever it was heard. */
async function heeded(lab: Lab, epoch: number): Promise<boolean> {
  const { boards } = await systemStatus(lab);
  return boards.some((b) => b.epoch > epoch || b.processes.some((p) => p.cut !== null));
}

/**
 * Gives a word to one survivor, on whichever board one lives. Power may go at a board that has just taken it: its journal
 * brings the word back, but no answer comes, or, asked again, a refusal; so what counts is whether a cut has begun.
 */
async function say(lab: Lab, boards: BoardStatus[], word: string, op: string, epoch: number): Promise<void> {
  const able = boards.filter(survivorOn);
  if (able.length === 0) throw new Failure('E_EMPTY', EXIT.refused, 'no board runs a process', 'npx understudy flash');
  for (let i = 0; ; i++) {
    const { board } = able[i % able.length] as BoardStatus;
    try {
      await lab.request(board, 'word', { word, op });
      return;
    } catch (error) {
      if (!(error instanceof Failure) || error.exit === EXIT.bug) throw error;
      if (await heeded(lab, epoch)) return;
      if (i >= WORDS_MAX || (error.exit !== EXIT.link && error.code !== 'E_OFF')) throw error;
      await lab.wait(BOOT_MS);
    }
  }
}

/** How a cut ended, from what the boards say afterwards: for a lab whose boards send no trace. */
function infer(statuses: BoardStatus[], upgrade: string): Outcome {
  const epoch = Math.max(...statuses.map((s) => s.epoch));
  const some = (test: (s: BoardStatus) => boolean): boolean => statuses.some(test);
  let cut: Outcome['cut'] = 'recovery';
  if (some((s) => s.guarded)) cut = 'start';
  else if (some((s) => s.plan?.hash === upgrade)) cut = 'commit';
  else if (some((s) => s.upgrade !== null)) cut = 'cancel';
  return { cut, epoch, why: 'as the boards say; their trace is off', V: [] };
}

/** The outcome, with the journal that has brought it about, if one has. */
function blamed(outcome: Outcome, verdicts: Verdicts, statuses: BoardStatus[]): Outcome {
  if (outcome.cut !== 'recovery' && outcome.cut !== 'cancel') return outcome;
  const failed = statuses.find((s) => journalTrouble(s) !== '');
  const told = verdicts.journals.at(-1) ?? (failed && { board: failed.board, why: journalTrouble(failed) });
  if (told) return { ...outcome, journal: told };
  if (!troubleOf(outcome.why)) return outcome;
  return { ...outcome, journal: { board: /board (\S+)/.exec(outcome.why)?.[1] ?? '', why: outcome.why } };
}

/** Waits for the end of the cut that leaves `epoch`. */
async function settled(
  lab: Lab,
  verdicts: Verdicts,
  epoch: number,
  boards: string[],
  upgrade: string,
): Promise<Outcome> {
  const limit = CUT_MS * patienceOf(lab.boards());
  const end = lab.now() + limit;
  for (;;) {
    const statuses: BoardStatus[] = [];
    for (const board of boards) {
      const status = await boardStatus(lab, board).catch(() => null);
      if (status) statuses.push(status);
    }
    if (statuses.length === boards.length && statuses.every((s) => s.epoch > epoch)) {
      return blamed(verdicts.after(epoch) ?? infer(statuses, upgrade), verdicts, statuses);
    }
    throwLost(statuses, verdicts.journals);
    if (lab.now() > end) {
      const status = await systemStatus(lab);
      const waiting = new Set(status.boards.flatMap((b) => b.processes.flatMap((p) => p.cut?.waiting ?? [])));
      const silent = status.silent.map((s) => `board ${s.board}`);
      const names = [...silent, ...waiting].join(', ');
      const cause = `the cut has not ended after ${limit / 1000} s${names ? `; it waits for ${names}` : ''}`;
      const kept = status.boards.some((b) => b.journal.on);
      const next = kept
        ? 'power those boards: their journals bring them back into the cut; then npx understudy status'
        : 'power those boards, or flash the system anew on the old version';
      throw new Failure('E_STALLED', EXIT.link, cause, next);
    }
    await lab.wait(POLL_MS);
  }
}

/**
 * Starts the staged upgrade. A start that is cancelled is an outcome too, not an error. Who wants to know how guarded
 * operation ends hands in `verdicts`, lest its end come before they listen.
 */
export async function start(lab: Lab, given?: Verdicts): Promise<Outcome> {
  const status = await anywhere(lab);
  const boards = status.boards.filter((b) => b.plan);
  const staged = boards.find((b) => b.upgrade)?.upgrade;
  if (!staged) throw new Failure('E_STAGED', EXIT.refused, 'no upgrade is staged', 'npx understudy stage UPGRADE');
  refuseLost(boards);
  for (const board of boards) {
    if (board.guarded)
      throw new Failure('E_GUARDED', EXIT.busy, 'guarded operation is under way already', 'npx understudy status');
    if (board.upgrade?.hash === staged.hash) continue;
    const cause = `board ${board.board} does not have upgrade ${staged.hash} (${staged.name})`;
    throw new Failure('E_STAGED', EXIT.refused, cause, 'npx understudy stage UPGRADE');
  }
  refuseUnfit(boards, status.silent);
  const epoch = Math.max(...boards.map((b) => b.epoch));
  const verdicts = given ?? new Verdicts(lab);
  try {
    await say(lab, boards, 'start', staged.hash, epoch);
    return await settled(
      lab,
      verdicts,
      epoch,
      boards.map((b) => b.board),
      staged.hash,
    );
  } finally {
    if (!given) verdicts.close();
  }
}

/** Commits or aborts the guarded operation by the operator's word; a failure that races with a commit wins. */
export async function end(lab: Lab, word: 'commit' | 'abort'): Promise<Outcome> {
  const boards = (await anywhere(lab)).boards.filter((b) => b.plan);
  refuseLost(boards);
  const guarded = boards.find((b) => b.guarded);
  if (!guarded)
    throw new Failure('E_GUARDED', EXIT.refused, 'no guarded operation is under way', 'npx understudy start');
  const epoch = Math.max(...boards.map((b) => b.epoch));
  const verdicts = new Verdicts(lab);
  try {
    await say(lab, boards, word, guarded.upgrade?.hash ?? '', epoch);
    return await settled(
      lab,
      verdicts,
      epoch,
      boards.map((b) => b.board),
      guarded.upgrade?.hash ?? '',
    );
  } finally {
    verdicts.close();
  }
}

/**
 * Waits for the end of the guarded operation that has begun with this epoch, listened to since then: it may have ended
 * already. Null: it still goes on after `ms`.
 */
export async function awaitEnd(lab: Lab, ms: number, verdicts: Verdicts, epoch: number): Promise<Outcome | null> {
  const boards = (await anywhere(lab)).boards.filter((b) => b.plan).map((b) => b.board);
  return ended(lab, verdicts, epoch, boards, ms);
}

async function ended(
  lab: Lab,
  verdicts: Verdicts,
  epoch: number,
  boards: string[],
  ms: number,
): Promise<Outcome | null> {
  const until = lab.now() + ms;
  while (lab.now() < until) {
    if (verdicts.after(epoch)) return settled(lab, verdicts, epoch, boards, '');
    if (verdicts.lost) {
      verdicts.lost = '';
      throwLost((await systemStatus(lab)).boards, verdicts.journals);
    }
    await lab.wait(POLL_MS);
  }
  return null;
}

/** Starts the staged upgrade and waits for the end of guarded operation; `end` null: it goes on after `ms`. */
export async function guard(lab: Lab, ms: number): Promise<{ start: Outcome; end: Outcome | null }> {
  const verdicts = new Verdicts(lab);
  try {
    const begun = await start(lab, verdicts);
    if (begun.cut !== 'start') return { start: begun, end: null };
    return { start: begun, end: await awaitEnd(lab, ms, verdicts, begun.epoch) };
  } finally {
    verdicts.close();
  }
}
