// The daemon as a program: started by client.ts through Perl (pty.ts), with its configuration as one JSON argument.
// One line of JSON on stdout tells how it went, {ready: true} or {error: …}; nothing after that.

import { writeSync } from 'node:fs';
import { constants, setPriority } from 'node:os';
import type { TestbedConfig } from './config.ts';
import { Daemon } from './daemon.ts';
import { toWire } from './message.ts';
import { boardProgram } from './program.ts';
import { inheritedPtys } from './pty.ts';

/** A signal ends us by then, ms. */
const END_MS = 5000;

function tell(line: object): void {
  try {
    writeSync(1, `${JSON.stringify(line)}\n`);
  } catch {
    // whoever started us did not wait
  }
}

/** Boards keep time: where we are allowed to, they and we come before other programs. */
function hurry(): void {
  try {
    setPriority(constants.priority.PRIORITY_HIGH);
  } catch {
    // only the machine's owner may; then a busy machine is heard as late boards
  }
}

async function main(): Promise<void> {
  hurry();
  const ptys = inheritedPtys();
  const config = JSON.parse(process.argv[2] ?? '{}') as TestbedConfig;
  const program = await boardProgram(config.stateDir);
  const daemon = new Daemon({ config, ptys, program, version: process.env.UNDERSTUDY_VERSION ?? '' });
  const end = (): void => {
    void daemon.down();
    // Boards end with us, whatever it is that does not.
    setTimeout(() => process.exit(70), END_MS);
  };
  process.on('SIGTERM', end);
  process.on('SIGINT', end);
  process.on('SIGHUP', () => undefined);
  process.on('uncaughtException', (error) => {
    daemon.log(`bug: ${error.stack ?? error.message}`);
    process.exitCode = 70;
    end();
  });
  daemon.onDown = () => setTimeout(() => process.exit(), 20);
  await daemon.up();
  tell({ ready: true, pid: process.pid });
}

main().catch((error: unknown) => {
  tell({ error: toWire(error) });
  process.exit(70);
});
