// The command `understudy`: one file a verb in command/.

import { Command, CommanderError } from 'commander';
import { VERSION } from '../firmware/main.ts';
import * as build from './command/build.ts';
import * as flash from './command/flash.ts';
import * as guard from './command/guard.ts';
import * as monitor from './command/monitor.ts';
import { explain } from './command/output.ts';
import * as preflight from './command/preflight.ts';
import * as stage from './command/stage.ts';
import * as status from './command/status.ts';
import * as testbed from './command/testbed.ts';
import * as trace from './command/trace.ts';
import { EXIT } from './failure.ts';

const VERBS = [testbed, build, flash, preflight, stage, guard, status, monitor, trace];

const program = new Command('understudy')
  .description('Guarded onboard software upgrades for distributed microcontroller boards that run JavaScript')
  .version(VERSION)
  .showHelpAfterError('(understudy --help lists the commands)');
for (const verb of VERBS) verb.register(program);

/** Every command of the tree ends by throwing, so that exit codes are ours. */
function override(command: Command): void {
  command.exitOverride();
  for (const child of command.commands) override(child);
}
override(program);

process.on('SIGINT', () => process.exit(EXIT.interrupted));
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(EXIT.done);
});

try {
  await program.parseAsync(process.argv);
} catch (error) {
  if (error instanceof CommanderError) process.exitCode = error.exitCode === 0 ? EXIT.done : EXIT.usage;
  else process.exitCode = explain(error, process.argv.includes('--json'));
}
