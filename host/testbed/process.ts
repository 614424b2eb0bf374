// The process that a board is: its console on descriptor 3, its side line on 4, for some a control line on 5, all for as
// long as it lives.

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
  output: [number | 'pipe', number | 'pipe'];
  /** pieces of what came on the side line */
  heard(chunk: Buffer): void;
  /** with a control line: who hears what comes on it */
  control?: ((send: (text: string) => void) => (chunk: Buffer) => void) | undefined;
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

function socketOf(child: ChildProcess, fd: number): Socket | null {
  const socket = child.stdio[fd] as Socket | null;
  socket?.on('error', () => undefined);
  return socket;
}

/** Starts it; where its console is no pty, that is plugged into `line`. */
export function launchBoard(launch: Launch, line: Socketed): Launched {
  const { pty, control } = launch;
  // What was sent while it was off is gone.
  if (pty) dropInput(pty.master);
  const command = existsSync(SETPRIV) ? [SETPRIV, '--pdeathsig', 'KILL', '--', ...launch.command] : launch.command;
  const stdio: StdioOptions = ['ignore', ...launch.output, pty ? pty.master : 'pipe', 'pipe'];
  if (control) stdio.push('pipe');
  const child = spawn(command[0] as string, command.slice(1), { stdio });
  child.once('error', launch.failed);
  // `close` comes after everything that the process said; `exit` may not.
  child.once('close', launch.ended);
  const console = pty ? null : socketOf(child, 3);
  if (console) {
    line.plug({
      write: (bytes) => void (console.writable && console.write(bytes)),
      onData: (fn) => void console.on('data', fn),
      close: () => void console.destroy(),
    });
  }
  const side = socketOf(child, 4);
  side?.on('data', launch.heard);
  const controlled = control ? socketOf(child, 5) : null;
  if (control && controlled)
    controlled.on(
      'data',
      control((text) => void controlled.write(text)),
    );
  return { child, write: (bytes) => void (side?.writable && side.write(bytes)) };
}
