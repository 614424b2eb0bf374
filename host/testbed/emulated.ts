// An emulated chip: QEMU with the native board for it (boards/native/mps2-an385). Console on the board's pty, bus line
// on a socket, flash in the file that is the memory of the emulated flash chip: killing QEMU is a power cut.

import { writeFileSync } from 'node:fs';
import { BUNDLE_AT } from '../build/bundle-at.ts';
import { EXIT, Failure } from '../failure.ts';
import type { TestbedBoard } from './config.ts';
import { ProgramMachine } from './machine.ts';
import type { End } from './power.ts';
import type { Pty } from './pty.ts';
import { createQmp } from './qmp.ts';
import { createRandom } from './random.ts';

export const QEMU = 'qemu-system-arm';
export const QEMU_PACKAGE = 'qemu-system-arm';

/** Where boards/native/mps2-an385 looks for them. */
const SETTINGS_AT = '0x002ff000';
/** All of the memory that stands for the flash chip; the machine takes no other size. */
const FLASH_BYTES = '16M';
/** Time that a risky call may take, ms of the machine: far beyond what one takes while other boards want it too. */
const HANG_MS = 2000;
/** And the watchdog of a chip that is emulated beside others. */
const WATCHDOG_MS = 20_000;
const NOISE = /warning: nic lan9118|^qemu-system-arm:$/;

export interface EmulatedOptions {
  board: TestbedBoard;
  bundle: string;
  flashFile: string;
  seed: number;
  pty: Pty | null;
}

/** QEMU goes on while its chip resets itself: its end is always another's doing, or its own trouble. */
function endOf(code: number | null, signal: NodeJS.Signals | null, said: string[]): End {
  const last = said[said.length - 1] ?? 'it gave no reason';
  const how = signal ? `killed by ${signal}` : `${QEMU} ended with exit code ${code}: ${last}`;
  const next = `${QEMU} --version: 7.2 of Debian's package ${QEMU_PACKAGE} is known to work`;
  const fault = signal ? null : new Failure('E_QEMU', EXIT.boardFault, how, next);
  return { how, killed: signal === 'SIGKILL', cause: 'power', fault };
}

function commandOf(options: EmulatedOptions, settingsFile: string): string[] {
  const { board, bundle, flashFile, pty } = options;
  const comma = (path: string): string => path.replaceAll(',', ',,');
  const load = (file: string, at: string): string[] => [
    '-device',
    `loader,file=${comma(file)},addr=${at},force-raw=on`,
  ];
  const line = (name: string, chardev: string): string[] => ['-chardev', chardev, '-serial', `chardev:${name}`];
  return [
    QEMU,
    ...['-M', 'mps2-an385,memory-backend=nor', '-display', 'none', '-nodefaults'],
    ...['-object', `memory-backend-file,id=nor,size=${FLASH_BYTES},mem-path=${comma(flashFile)},share=on`],
    ...['-kernel', board.program ?? ''],
    ...load(settingsFile, SETTINGS_AT),
    ...load(bundle, String(BUNDLE_AT['mps2-an385'])),
    // the master of a pty that outlives the power; without one, a socket
    ...(pty ? ['-add-fd', 'fd=3,set=1'] : []),
    ...line('console', pty ? 'serial,id=console,path=/dev/fdset/1' : 'socket,id=console,fd=3'),
    ...line('bus', 'socket,id=bus,fd=4'),
    ...line('log', 'stdio,id=log,signal=off'),
    ...['-chardev', 'socket,id=control,fd=5', '-mon', 'chardev=control,mode=control'],
  ];
}

export function emulatedMachine(options: EmulatedOptions): ProgramMachine {
  const { board, flashFile, seed, pty } = options;
  const { sectorBytes, sectors, programBytes } = board.flash ?? { sectorBytes: 0, sectors: 0, programBytes: 0 };
  const settingsFile = `${flashFile}.settings`;
  return new ProgramMachine({
    kind: 'emulated',
    pty,
    command: (boot) => {
      const settings: Record<string, string | number> = {
        name: board.name,
        'sector-bytes': sectorBytes,
        sectors,
        'program-bytes': programBytes,
        heap: board.memoryBytes ?? 0,
        'hang-ms': HANG_MS,
        'watchdog-ms': WATCHDOG_MS,
        seed: createRandom(seed, `${board.name} ${boot}`).bits() >>> 0,
      };
      const text = Object.entries(settings).map(([key, value]) => `${key}=${value}\n`);
      writeFileSync(settingsFile, `${text.join('')}\0`);
      return commandOf(options, settingsFile);
    },
    endOf,
    noise: NOISE,
    control: (told, write) => {
      let bitten = false;
      const qmp = createQmp(write, ({ event, data }) => {
        if (event === 'WATCHDOG') bitten = true;
        if (event !== 'RESET' || data?.guest !== true) return;
        told.restarted(bitten ? 'watchdog' : 'reset');
        bitten = false;
      });
      return (chunk) => qmp.heard(chunk);
    },
  });
}
