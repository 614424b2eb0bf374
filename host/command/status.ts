// understudy status: role, version, contamination, journals, tests and lines of every board.

import type { Command } from 'commander';
import { EXIT, Failure } from '../failure.ts';
import { CYCLES, journalFailure } from '../journal.ts';
import type { BoardStatus, SystemStatus } from '../operate/status.ts';
import { journalTrouble, systemStatus, without } from '../operate/status.ts';
import { common, contextOf, withLab } from './context.ts';
import { bytes, table } from './output.ts';

function vector(v: number[]): string {
  return v.length > 0 ? `[${v.join(' ')}]` : '-';
}

function boardRows(status: SystemStatus): (string | number)[][] {
  return [
    ...status.boards.map((b) => [
      b.board,
      b.plan ? `${b.plan.name} ${b.plan.hash}` : '-',
      b.upgrade ? `${b.upgrade.name} ${b.guarded ? 'guarded' : 'staged'}` : '-',
      String(b.boot),
      String(b.epoch),
      `${b.bus.sent}/${b.bus.received}`,
      `${b.bus.resent}/${b.bus.bad}`,
      String(b.link.bad),
    ]),
    ...status.silent.map(({ board, failure }) => [board, failure.code, '-', '-', '-', '-', '-', '-']),
  ];
}

function processRows(status: SystemStatus): (string | number)[][] {
  return status.boards.flatMap((board) =>
    board.processes.map((p) => [
      board.board,
      p.name,
      p.role,
      p.module.slice(0, 8),
      p.epoch,
      vector(p.T),
      vector(p.V),
      p.contaminated ? 'contaminated' : 'clean',
      `${p.journalRecords} (${bytes(p.journalBytes)})`,
      p.log,
      `${p.testsPassed}/${p.testsFailed}`,
    ]),
  );
}

/** What boards keep of events on flash, where anything is wanted of it. */
function journalRows(status: SystemStatus): (string | number)[][] {
  return status.boards.flatMap(({ board, journal: j }) => {
    if (j.durability === '' || j.durability === 'off') return [];
    if (!j.kept) return [[board, 'none', '-', '-', '-', '-', '-']];
    const state = j.full ? 'FULL' : j.on ? 'recording' : 'ready';
    const used = `${bytes(j.capacity - j.room)} of ${bytes(j.capacity)}`;
    const rate = j.writes > 0 ? (j.events / j.writes).toFixed(1) : '-';
    return [[board, state, used, bytes(j.bases), String(j.events), rate, `${j.turns} of ${CYCLES}`]];
  });
}

function deviceText(board: BoardStatus): string {
  const each = board.devices.map((d) => {
    const counted = d.reads ? `${d.inputs} in` : `${d.done} out`;
    const dropped = d.dropped > 0 ? `, ${d.dropped} dropped` : '';
    return `${d.name} ${counted}${dropped}${d.held ? ', HELD' : ''}`;
  });
  return each.join('; ');
}

const NO_JOURNAL = 'none is kept until the board is flashed anew, and no upgrade can be started';

function boardWarnings(board: BoardStatus, needed: boolean): string[] {
  const out: string[] = [];
  if (!board.plan) {
    const why = board.problem ? `: ${board.problem}` : '';
    out.push(needed ? `! ${board.board} runs no system${why}` : `  ${board.board} is not a board of the system`);
  } else if (!board.started) out.push(`! ${board.board} has a system, and waits for the other boards to begin it`);
  if (board.lost) {
    out.push(`! ${board.board}: the guard could not be kept: ${board.lost}`);
    out.push('  next: bring the system up anew on the old version: npx understudy flash');
  }
  const trouble = journalTrouble(board);
  if (trouble) {
    const failure = journalFailure(
      board.board,
      trouble,
      board.journal.kept ? 'the upgrade is rolled back' : NO_JOURNAL,
    );
    out.push(`! ${failure.code}  ${failure.message}`, `  next: ${failure.next}`);
  } else if (board.journal.why) {
    const failure = journalFailure(board.board, board.journal.why, 'its processes began anew');
    out.push(`! ${failure.code}  ${failure.message}`);
  }
  if (board.plan && board.stalled.length > 0) out.push(`! ${board.board} hears nothing of ${board.stalled.join(', ')}`);
  for (const device of board.devices) {
    if (device.held) out.push(`! ${device.name} on ${board.board} is held: it does its hold value`);
  }
  for (const p of board.processes) {
    if (p.cut) {
      const waits = p.cut.waiting.length > 0 ? `, and waits for ${p.cut.waiting.join(', ')}` : '';
      out.push(`! ${p.name} is frozen in a cut (${p.cut.kind})${waits}`);
    }
    if (p.errors > 0) {
      out.push(`! ${p.name} had ${p.errors} errors, whose effects were discarded: npx understudy trace shows them`);
    }
  }
  return out;
}

/** What a person has to know first: silent boards, mixed versions, lost guards, stalled cuts. */
function warnings(status: SystemStatus): string[] {
  const out: string[] = [];
  for (const { failure } of status.silent) {
    out.push(`! ${failure.message}`);
    if (failure.next) out.push(`  next: ${failure.next}`);
  }
  const versions = new Set(status.boards.flatMap((b) => (b.plan ? [b.plan.hash] : [])));
  const none = without(status);
  if (versions.size > 1) out.push('! the boards run different versions\n  next: npx understudy flash');
  else if (none.length > 0 && versions.size > 0)
    out.push('! not every board has the system\n  next: npx understudy flash');
  for (const board of status.boards) out.push(...boardWarnings(board, none.includes(board)));
  if (none.length > 0 && versions.size === 0) out.push('  next: npx understudy flash');
  const reverted = new Set(status.boards.flatMap((b) => b.quarantined));
  if (reverted.size > 0) out.push(`  in quarantine, because reverted before: ${[...reverted].join(', ')}`);
  return [...new Set(out)];
}

export function statusText(status: SystemStatus): string {
  const boards = table(
    ['board', 'version', 'upgrade', 'boot', 'epoch', 'bus tx/rx', 'again/bad', 'link bad'],
    boardRows(status),
  );
  const rows = processRows(status);
  const processes = table(
    ['board', 'process', 'role', 'module', 'epoch', 'T', 'V', 'state', 'journal', 'log', 'tests ✓/✗'],
    rows,
  );
  const devices = status.boards.flatMap((b) => (b.devices.length > 0 ? [[b.board, deviceText(b)]] : []));
  const journals = journalRows(status);
  const head = ['board', 'journal', 'used', 'bases', 'events', 'per write', 'erases of each sector'];
  return [
    boards,
    ...(rows.length > 0 ? ['', processes] : []),
    ...(journals.length > 0 ? ['', table(head, journals)] : []),
    ...(devices.length > 0 ? ['', table(['board', 'devices'], devices)] : []),
    ...warnings(status),
  ].join('\n');
}

/** Every board answers, each that the system needs runs it, and is as wanted. */
function all(status: SystemStatus, wanted: (board: BoardStatus) => boolean): boolean {
  const runs = (b: BoardStatus): boolean => b.started && b.lost === '' && wanted(b);
  if (status.silent.length > 0 || without(status).length > 0) return false;
  return status.boards.every((b) => b.plan === null || runs(b));
}

/** Judged as a gate: what `--watch` waits for. */
const GOALS: Record<string, (status: SystemStatus) => boolean> = {
  guarded: (s) => all(s, (b) => b.guarded),
  idle: (s) => all(s, (b) => !b.guarded),
  clean: (s) => all(s, (b) => b.processes.every((p) => !p.contaminated || p.role === 'low')),
};

const WATCH_MS = 500;
const TIMEOUT_MS = 60_000;

function milliseconds(text: string): number {
  const found = /^(\d+(?:\.\d+)?)(ms|s|m)?$/.exec(text);
  if (!found) throw new Failure('E_USAGE', EXIT.usage, `${text} is no time`, 'for example 500ms, 60s, 5m');
  return Number(found[1]) * ({ ms: 1, s: 1000, m: 60_000 }[found[2] ?? 's'] ?? 1000);
}

function goalOf(watch: string | true | undefined): ((status: SystemStatus) => boolean) | null {
  if (typeof watch !== 'string') return null;
  const goal = GOALS[watch];
  if (goal) return goal;
  const known = Object.keys(GOALS).join(', ');
  throw new Failure('E_USAGE', EXIT.usage, `--watch ${watch}: no such goal`, `one of ${known}`);
}

export function register(program: Command): void {
  common(program.command('status'))
    .description('show what every board and process does')
    .option('--watch [goal]', `show it again and again, or until: ${Object.keys(GOALS).join(', ')}`)
    .option(
      '--timeout <time>',
      'with --watch GOAL: give up after this long, 60s where nothing is said (exit 8)',
      milliseconds,
    )
    .action(async (options) => {
      const context = contextOf(options);
      const goal = goalOf(options.watch);
      const timeoutMs = options.timeout ?? TIMEOUT_MS;
      const limit = Date.now() + timeoutMs;
      await withLab(context, async (lab) => {
        for (;;) {
          const status = await systemStatus(lab);
          context.out.data(status, () => statusText(status));
          if (!options.watch || goal?.(status)) {
            const silent = status.silent[0];
            if (silent && !options.watch) process.exitCode = silent.failure.exit;
            else if (!options.watch && status.boards.some(journalTrouble)) process.exitCode = EXIT.boardFault;
            return;
          }
          if (goal && Date.now() > limit) {
            const cause = `the system was not ${options.watch} within ${timeoutMs / 1000} s`;
            throw new Failure('E_TIMEOUT', EXIT.inconclusive, cause, 'npx understudy monitor shows what goes on');
          }
          await new Promise((resolve) => setTimeout(resolve, WATCH_MS));
        }
      });
    });
}
