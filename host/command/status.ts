// understudy status: role, version, contamination, journals, tests and lines of every board.

import type { Command } from 'commander';
import { EXIT, Failure } from '../failure.ts';
import type { SystemStatus } from '../operate/status.ts';
import { systemStatus } from '../operate/status.ts';
import { common, contextOf, withLab } from './context.ts';
import { bytes, table } from './output.ts';

function processRows(status: SystemStatus): (string | number)[][] {
  return status.boards.flatMap((board) =>
    board.processes.map((p) => [
      board.board,
      p.name,
      p.role,
      p.module.slice(0, 8),
      p.epoch,
      `[${p.T.join(' ')}]`,
      `[${p.V.join(' ')}]`,
      p.contaminated ? 'contaminated' : 'clean',
      `${p.journalRecords} (${bytes(p.journalBytes)})`,
      p.log,
      `${p.testsPassed}/${p.testsFailed}`,
      p.errors,
    ]),
  );
}

function boardRows(status: SystemStatus): (string | number)[][] {
  return status.boards.map((b) => [
    b.board,
    b.plan ? `${b.plan.name} ${b.plan.hash}` : 'nothing flashed',
    b.upgrade ? `${b.upgrade.name} ${b.guarded ? 'guarded' : 'staged'}` : '-',
    b.boot,
    b.epoch,
    `${b.bus.sent}/${b.bus.received}`,
    `${b.bus.resent}/${b.bus.bad}`,
    `${b.link.frames}/${b.link.bad}`,
    b.devices.map((d) => `${d.name}${d.held ? ' HELD' : ''}`).join(' ') || '-',
  ]);
}

/** What a person has to know first: lost guards, stalled cuts, silent boards. */
function warnings(status: SystemStatus): string[] {
  const out: string[] = [];
  for (const { board, failure } of status.silent) out.push(`! board ${board} does not answer: ${failure.message}`);
  for (const board of status.boards) {
    if (board.lost) {
      out.push(`! ${board.board}: the guard could not be kept: ${board.lost}`);
      out.push('  next: bring the system up anew on the old version: npx understudy flash');
    }
    for (const p of board.processes) {
      if (p.cut) out.push(`! ${p.name} is frozen in a cut (${p.cut.kind}) and waits for ${p.cut.waiting.join(', ')}`);
    }
    if (board.quarantined.length > 0) out.push(`  ${board.board} has reverted ${board.quarantined.join(', ')}`);
  }
  return [...new Set(out)];
}

export function statusText(status: SystemStatus): string {
  const boards = table(
    ['board', 'version', 'upgrade', 'boot', 'epoch', 'bus tx/rx', 'resent/bad', 'link/bad', 'devices'],
    boardRows(status),
  );
  const processes = table(
    ['board', 'process', 'role', 'module', 'epoch', 'T', 'V', 'state', 'journal', 'log', 'tests ✓/✗', 'errors'],
    processRows(status),
  );
  return [boards, '', processes, ...warnings(status)].join('\n');
}

/** Judged as a gate: what `--watch` waits for. */
const GOALS: Record<string, (status: SystemStatus) => boolean> = {
  guarded: (s) => s.boards.every((b) => b.guarded || b.plan === null),
  idle: (s) => s.boards.every((b) => !b.guarded),
  clean: (s) => s.boards.every((b) => b.processes.every((p) => !p.contaminated || p.role === 'low')),
};

const WATCH_MS = 500;

function milliseconds(text: string): number {
  const found = /^(\d+(?:\.\d+)?)(ms|s|m)?$/.exec(text);
  if (!found) throw new Failure('E_USAGE', EXIT.usage, `${text} is no time`, 'for example 500ms, 60s, 5m');
  return Number(found[1]) * ({ ms: 1, s: 1000, m: 60_000 }[found[2] ?? 's'] ?? 1000);
}

export function register(program: Command): void {
  common(program.command('status'))
    .description('show what every board and process does')
    .option('--watch [goal]', `show it again and again, or until: ${Object.keys(GOALS).join(', ')}`)
    .option('--timeout <time>', 'with --watch GOAL: give up after this long (exit 8)', '60s')
    .action(async (options) => {
      const context = contextOf(options);
      const goal = typeof options.watch === 'string' ? GOALS[options.watch] : undefined;
      if (typeof options.watch === 'string' && !goal) {
        const known = Object.keys(GOALS).join(', ');
        throw new Failure('E_USAGE', EXIT.usage, `--watch ${options.watch}: no such goal`, `one of ${known}`);
      }
      const limit = Date.now() + milliseconds(options.timeout);
      await withLab(context, async (lab) => {
        for (;;) {
          const status = await systemStatus(lab);
          context.out.data(status, () => statusText(status));
          if (!options.watch || goal?.(status)) {
            const silent = status.silent[0];
            if (silent && !options.watch) process.exitCode = silent.failure.exit;
            return;
          }
          if (goal && Date.now() > limit) {
            const cause = `not ${options.watch} within ${options.timeout}`;
            throw new Failure('E_TIMEOUT', EXIT.inconclusive, cause, 'npx understudy monitor shows what goes on');
          }
          await new Promise((resolve) => setTimeout(resolve, WATCH_MS));
        }
      });
    });
}
