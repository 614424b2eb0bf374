// The real engine as a program of this machine (boards/native/linux): flash in a file, killing it is a power cut.

import { rmSync } from 'node:fs';
import { EXIT, Failure } from '../failure.ts';
import type { TestbedBoard } from './config.ts';
import { ProgramMachine } from './machine.ts';
import type { End } from './power.ts';
import type { Pty } from './pty.ts';
import { createRandom } from './random.ts';
import { BOARD_EXIT, type Cause } from './spec.ts';

/** Time that a risky call may take, ms: far beyond what one takes on a machine under load. */
export const HANG_MS = 1000;

export interface EngineOptions {
  board: TestbedBoard;
  bundle: string;
  flashFile: string;
  keptFile: string;
  seed: number;
  /** beginning of the lab's time on the machine's monotonic clock, ns */
  epochNs: string;
  pty: Pty | null;
}

function endOf(code: number | null, signal: NodeJS.Signals | null, said: string[]): End {
  const last = said[said.length - 1] ?? 'it gave no reason';
  const how = signal ? `killed by ${signal}` : code === BOARD_EXIT.reset ? 'it was reset' : last;
  const causes: Record<number, Cause> = { [BOARD_EXIT.reset]: 'reset', [BOARD_EXIT.watchdog]: 'watchdog' };
  const next = 'see testbed.log in the state folder';
  const fault = code === BOARD_EXIT.fault ? new Failure('E_BOARD_FAULT', EXIT.boardFault, last, next) : null;
  return { how, killed: signal === 'SIGKILL', cause: causes[code ?? 0] ?? 'fault', fault };
}

export function engineMachine(options: EngineOptions): ProgramMachine {
  const { board, bundle, flashFile, keptFile, seed, epochNs, pty } = options;
  const { sectorBytes, sectors, programBytes } = board.flash ?? { sectorBytes: 0, sectors: 0, programBytes: 0 };
  const fixed: Record<string, string | number> = {
    name: board.name,
    bundle,
    flash: flashFile,
    kept: keptFile,
    'sector-bytes': sectorBytes,
    sectors,
    'program-bytes': programBytes,
    heap: board.memoryBytes ?? 0,
    'epoch-ns': epochNs,
    'hang-ms': HANG_MS,
  };
  return new ProgramMachine({
    kind: 'engine',
    pty,
    command: (boot, cause) => {
      // memory that a reset leaves alone
      if (cause === 'power') rmSync(keptFile, { force: true });
      const all = { ...fixed, cause, seed: createRandom(seed, `${board.name} ${boot}`).bits() >>> 0 };
      return [board.program ?? '', ...Object.entries(all).flatMap(([key, value]) => [`--${key}`, String(value)])];
    },
    endOf,
  });
}
