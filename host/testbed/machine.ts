// What boards run on that are neither virtual nor real: a program with the console on descriptor 3 and the bus line on
// descriptor 4. Engine programs (engine.ts) and the emulator (emulated.ts) differ in how they are started, and in what
// their ends mean.

import { createBusLine } from './busline.ts';
import type { End, Machine, Run, Told } from './power.ts';
import { launchBoard } from './process.ts';
import type { Pty } from './pty.ts';
import type { Socketed } from './seat.ts';
import { openSerial } from './serial.ts';
import type { Cause } from './spec.ts';

/** What it said last, for whoever wants to know why it ended. */
const SAID_LINES = 12;
/** Of what it uses, it tells for the log alone. */
const REPORT = /: heap \d+ of \d+ B/;

export interface Program {
  kind: 'engine' | 'emulated';
  /** null: the console is a socket */
  pty: Pty | null;
  command(boot: number, cause: Cause): string[];
  endOf(code: number | null, signal: NodeJS.Signals | null, said: string[]): End;
  /** lines that it always says and nobody wants to read */
  noise?: RegExp;
  /** what comes on descriptor 5, where the program has one */
  control?(told: Told, write: (text: string) => void): (chunk: Buffer) => void;
}

/** Splits what comes into lines. */
function liner(tell: (line: string) => void): { add(chunk: Buffer): void; flush(): void } {
  let held = '';
  return {
    add(chunk) {
      const lines = (held + chunk.toString('utf8')).split(/\r?\n/);
      held = lines.pop() ?? '';
      for (const line of lines) if (line.trim() !== '') tell(line.trim());
    },
    flush() {
      if (held.trim() !== '') tell(held.trim());
      held = '';
    },
  };
}

export class ProgramMachine implements Machine {
  readonly kind: 'engine' | 'emulated';
  readonly mute = true;
  readonly port: string;
  private readonly program: Program;

  constructor(program: Program) {
    this.program = program;
    this.kind = program.kind;
    this.port = program.pty?.path ?? '';
  }

  async open(line: Socketed): Promise<void> {
    // One descriptor for good: what a board says at its boot would be lost without.
    if (this.program.pty) line.plug(await openSerial(this.program.pty.path));
  }

  start(boot: number, cause: Cause, line: Socketed, told: Told): Run {
    const { pty, noise, control } = this.program;
    const said: string[] = [];
    const say = (text: string): void => {
      if (noise?.test(text)) return;
      told.log(text);
      if (REPORT.test(text)) return;
      said.push(text);
      if (said.length > SAID_LINES) said.shift();
    };
    const out = liner(say);
    const err = liner(say);
    const bus = createBusLine(told);
    const { child, write } = launchBoard(
      {
        command: this.program.command(boot, cause),
        pty,
        output: ['pipe', 'pipe'],
        heard: (chunk) => bus.heard(chunk),
        control: control && ((send) => control(told, send)),
        failed: (error) => say(`cannot start: ${error.message}`),
        ended: (code, signal) => {
          out.flush();
          err.flush();
          told.ended(this.program.endOf(code, signal, said));
        },
      },
      line,
    );
    child.stdout?.on('data', (chunk: Buffer) => out.add(chunk));
    child.stderr?.on('data', (chunk: Buffer) => err.add(chunk));
    return {
      pid: child.pid ?? 0,
      bus: (bytes) => write(bus.packet(bytes)),
      input: (device, bytes) => write(bus.input(device, bytes)),
      said: () => said[said.length - 1] ?? '',
      kill: () => void child.kill('SIGKILL'),
    };
  }
}
