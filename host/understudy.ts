// The command `understudy`: one file a verb in command/.

import { Command, CommanderError } from 'commander';
import { VERSION } from '../firmware/main.ts';
import * as board from './command/board.ts';
import * as build from './command/build.ts';
import { interrupted } from './command/context.ts';
import * as flash from './command/flash.ts';
import * as guard from './command/guard.ts';
import * as init from './command/init.ts';
import * as install from './command/install.ts';
import * as monitor from './command/monitor.ts';
import { explain } from './command/output.ts';
import * as preflight from './command/preflight.ts';
import * as stage from './command/stage.ts';
import * as status from './command/status.ts';
import * as testbed from './command/testbed.ts';
import * as trace from './command/trace.ts';
import { EXIT, Failure } from './failure.ts';

const VERBS = [init, testbed, build, flash, preflight, stage, guard, status, monitor, trace, board, install];

const HELP_COLUMNS = 100;

const json = process.argv.includes('--json');

const EXITS = `
From nothing to a guarded upgrade: init, testbed up, flash, preflight, stage, start; then commit or abort.

Exit codes: 0 done, 2 usage, 3 no such board or testbed, 4 permission, 5 busy, 6 link or timeout,
7 refused, 8 inconclusive, 9 board fault, 10 checks failed, 11 reverted (the guard worked),
70 our bug, 130 interrupted.`;

const program = new Command('understudy')
  .description('Guarded onboard software upgrades for distributed microcontroller boards that run JavaScript')
  .version(VERSION)
  .exitOverride()
  .addHelpText('after', EXITS)
  .configureHelp({ helpWidth: Math.min(HELP_COLUMNS, process.stdout.columns ?? HELP_COLUMNS) })
  .configureOutput({ outputError: () => undefined });
for (const verb of VERBS) verb.register(program);

/** The command that was meant, as far as its words are known. */
function helpOf(): string {
  let at: Command = program;
  const words = ['npx understudy'];
  for (const word of process.argv.slice(2)) {
    const child = at.commands.find((command) => command.name() === word);
    if (!child) break;
    at = child;
    words.push(word);
  }
  return `${words.join(' ')} --help`;
}

/** What commander throws: help and version that were asked for, or a mistake in usage. */
function usage(error: CommanderError): number {
  if (error.exitCode === 0) return EXIT.done;
  if (error.code === 'commander.help') return EXIT.usage;
  return explain(new Failure('E_USAGE', EXIT.usage, error.message.replace(/^error: /, ''), helpOf()), json);
}

function end(error: unknown): void {
  process.exitCode = error instanceof CommanderError ? usage(error) : explain(error, json);
}

process.on('SIGINT', () => void interrupted());
for (const stream of [process.stdout, process.stderr]) {
  // who reads has seen enough, as `head` does
  stream.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? EXIT.done : EXIT.bug));
}
for (const event of ['uncaughtException', 'unhandledRejection']) {
  process.on(event, (error: unknown) => {
    end(error);
    process.exit();
  });
}

await program.parseAsync(process.argv).catch(end);
