// What a virtual board runs on: Node, in a process of its own (board-process.ts); its side line is a pipe (pipe.ts).

import { rmSync } from 'node:fs';
import type { Failure } from '../failure.ts';
import type { TestbedBoard } from './config.ts';
import type { WireError } from './message.ts';
import { fromWire } from './message.ts';
import { deviceBody, PIPE, pipeMessage, pipeReader, readDeviceBody } from './pipe.ts';
import type { End, Machine, Run, Told } from './power.ts';
import { PoweredSeat } from './power.ts';
import { launchBoard } from './process.ts';
import type { Pty } from './pty.ts';
import type { SeatEvents, Socketed } from './seat.ts';
import { openSerial } from './serial.ts';
import { BOARD_EXIT, type BoardSpec, type Cause } from './spec.ts';

export interface VirtualOptions {
  spec: Omit<BoardSpec, 'boot' | 'cause'>;
  /** null: the line is a pipe */
  pty: Pty | null;
  /** arguments for node that run board-process */
  program: string[];
  /** descriptor that the process's own stderr goes to */
  logFd: number;
  /** a board must kick its watchdog within this time, ms */
  watchdogMs?: number;
}

function endOf(code: number | null, signal: NodeJS.Signals | null, fault: Failure | null): End {
  const how = fault ? fault.message : signal ? `killed by ${signal}` : `exit code ${code}`;
  const cause = code === BOARD_EXIT.reset ? 'reset' : 'fault';
  return { how, killed: signal === 'SIGKILL', cause, fault: code === BOARD_EXIT.fault ? fault : null };
}

class VirtualMachine implements Machine {
  readonly kind = 'virtual';
  readonly mute = false;
  readonly port: string;
  private readonly options: VirtualOptions;

  constructor(options: VirtualOptions) {
    this.options = options;
    this.port = options.pty?.path ?? '';
  }

  async open(line: Socketed): Promise<void> {
    if (this.options.pty) line.plug(await openSerial(this.options.pty.path));
  }

  start(boot: number, cause: Cause, line: Socketed, told: Told): Run {
    const { pty, program, spec, logFd } = this.options;
    if (cause === 'power') rmSync(spec.keptFile, { force: true });
    /** why its process said that it ends */
    let fault: Failure | null = null;
    const hear = (kind: number, body: Uint8Array): void => {
      const text = (): string => Buffer.from(body).toString('utf8');
      if (kind === PIPE.bus) told.bus(body);
      else if (kind === PIPE.output) {
        const { device, bytes } = readDeviceBody(body);
        told.output(device, bytes);
      } else if (kind === PIPE.log) told.log(text());
      else if (kind === PIPE.fault) fault = fromWire(JSON.parse(text()) as WireError);
      else if (kind === PIPE.kick) told.kick();
      else if (kind === PIPE.booted) told.booted(`bundle ${text()}`);
    };
    const read = pipeReader(hear);
    const own = JSON.stringify({ ...spec, boot, cause } satisfies BoardSpec);
    const { child, write } = launchBoard(
      {
        command: [process.execPath, ...program, own],
        pty,
        output: [logFd, logFd],
        heard: (chunk) => {
          try {
            read(chunk);
          } catch (error) {
            told.broken((error as Error).message);
          }
        },
        failed: (error) => told.log(`cannot start: ${error.message}`),
        ended: (code, signal) => told.ended(endOf(code, signal, fault)),
      },
      line,
    );
    return {
      pid: child.pid ?? 0,
      bus: (bytes) => write(pipeMessage(PIPE.bus, bytes)),
      input: (device, bytes) => write(pipeMessage(PIPE.input, deviceBody(device, bytes))),
      said: () => '',
      kill: () => void child.kill('SIGKILL'),
    };
  }
}

export class VirtualSeat extends PoweredSeat {
  constructor(board: TestbedBoard, options: VirtualOptions, events: SeatEvents) {
    super(board, new VirtualMachine(options), events, options.watchdogMs);
  }
}
