// understudy start, commit, abort: an operator's words in a guarded operation, and how they ended.

import type { Command } from 'commander';
import { EXIT, Failure } from '../failure.ts';
import { journalFailure } from '../journal.ts';
import type { Lab } from '../lab.ts';
import type { Outcome } from '../operate/guard.ts';
import { end, guard, start } from '../operate/guard.ts';
import { common, contextOf, rescued, withLab } from './context.ts';
import type { Output } from './output.ts';
import { positive } from './output.ts';

const WORDS: Record<Outcome['cut'], string> = {
  start: 'guarded operation has begun: the new version is live, the old one runs beside it as a shadow',
  commit: 'committed: the new version is active, no shadow is left',
  recovery: 'reverted: the old version has taken over in place',
  cancel: 'cancelled: everything is as it was',
};

const WHAT_BECAME: Record<Outcome['cut'], string> = {
  start: 'started',
  commit: 'committed',
  recovery: 'reverted',
  cancel: 'not started',
};

/**
 * Exit 0 where the word was followed, 7 where a start was cancelled, 11 where the guard reverted instead; 9, as an error,
 * where a board's journal is to blame for either.
 */
function report(out: Output, outcome: Outcome, wanted: Outcome['cut']): void {
  const validated = outcome.V.length > 0 ? `; validated boundary messages [${outcome.V.join(' ')}]` : '';
  const why = outcome.why === 'operator' ? "the operator's word" : outcome.why;
  out.data(outcome, () => `${WORDS[outcome.cut]}\n  why: ${why || 'not told'}; epoch ${outcome.epoch}${validated}`);
  if (outcome.cut === wanted) return;
  if (outcome.journal) {
    const { board, why: words } = outcome.journal;
    throw journalFailure(board, words, `the upgrade is not to blame, and was ${WHAT_BECAME[outcome.cut]}`);
  }
  process.exitCode = outcome.cut === 'recovery' ? EXIT.reverted : EXIT.refused;
}

/** Starts, and stays until guarded operation has ended. `timeoutS` is the boards' time. */
async function startAndWait(lab: Lab, out: Output, timeoutS: number): Promise<void> {
  out.say(`starting; waiting up to ${timeoutS} s of the boards' time for the end of guarded operation`);
  const outcome = await guard(lab, timeoutS * 1000);
  report(out, outcome.start, 'start');
  if (outcome.start.cut !== 'start') return;
  if (outcome.end) {
    report(out, outcome.end, 'commit');
    return;
  }
  const cause = `guarded operation still goes on after ${timeoutS} s`;
  throw new Failure('E_TIMEOUT', EXIT.inconclusive, cause, 'npx understudy status, then commit or abort');
}

export function register(program: Command): void {
  common(program.command('start'))
    .description('begin guarded operation with the staged upgrade')
    .option('--wait <seconds>', 'wait for its end: exit 0 committed, 11 reverted, 8 neither in time', positive)
    .action(async (options) => {
      const context = contextOf(options);
      await withLab(context, async (lab) => {
        if (options.wait) {
          const leave = async (): Promise<void> => {
            context.out.say('interrupted: the boards go on by themselves; next: npx understudy status');
          };
          await rescued(leave, () => startAndWait(lab, context.out, options.wait));
        } else {
          report(context.out, await start(lab), 'start');
          if (process.exitCode === undefined) context.out.say('next: npx understudy status; then commit or abort');
        }
      });
    });
  for (const word of ['commit', 'abort'] as const) {
    const text = word === 'commit' ? 'make the new version the active one' : 'have the old version take over';
    common(program.command(word))
      .description(`end guarded operation: ${text}`)
      .action(async (options) => {
        const context = contextOf(options);
        await withLab(context, async (lab) => {
          report(context.out, await end(lab, word), word === 'commit' ? 'commit' : 'recovery');
        });
      });
  }
}
