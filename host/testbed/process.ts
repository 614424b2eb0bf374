// The process that a board is: its console on descriptor 3, its side line on 4, both for as long as it lives.

import type { ChildProcess, StdioOptions } from 'node:child_process';
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import type { Socket } from 'node:net';
import type { Pty } from './pty.ts';
import { dropInput } from './pty.ts';
import type { Socketed } from './seat.ts';

/** Ends the board with the daemon even while the board's own loop is stuck. */
const SETPRIV = '/usr/bin/setpriv';

export interface Launch {
  command: string[];
  /** null: the console is a stream socket, as the side line is */
  pty: Pty | null;
  /** for stdout and stderr */
  output: [number | 'pipe' | 'ignore', number | 'pipe'];
  env?: NodeJS.ProcessEnv;
  cwd?: string;
  /** pieces of what came on the side line */
  heard(chunk: Buffer): void;
  /** it could not even be started */
  failed(error: Error): void;
  /** after everything that it said */
  ended(code: number | null, signal: NodeJS.Signals | null): void;
}

export interface Launched {
  child: ChildProcess;
  /** to its side line */
  write(bytes: Uint8Array): void;
}

/** Starts it; where its console is no pty, that is plugged into `line`. */
export function launchBoard(launch: Launch, line: Socketed): Launched {
  const { pty } = launch;
  // What was sent while it was off is gone.
  if (pty) dropInput(pty.master);
  const command = existsSync(SETPRIV) ? [SETPRIV, '--pdeathsig', 'KILL', '--', ...launch.command] : launch.command;
  const stdio: StdioOptions = ['ignore', ...launch.output, pty ? pty.master : 'pipe', 'pipe'];
  const child = spawn(command[0] as string, command.slice(1), {
    stdio,
    ...(launch.env && { env: launch.env }),
    ...(launch.cwd !== undefined && { cwd: launch.cwd }),
  });
  child.once('error', launch.failed);
  // `close` comes after everything that the process said; `exit` may not.
  child.once('close', launch.ended);
  const console = child.stdio[3] as Socket | null;
  if (!pty && console) {
    console.on('error', () => undefined);
    line.plug({
      write: (bytes) => void (console.writable && console.write(bytes)),
      onData: (fn) => void console.on('data', fn),
      close: () => void console.destroy(),
    });
  }
  const side = child.stdio[4] as Socket | null;
  side?.on('error', () => undefined);
  side?.on('data', launch.heard);
  return { child, write: (bytes) => void (side?.writable && side.write(bytes)) };
}
