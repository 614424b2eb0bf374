// understudy testbed up, down, list, power: the boards of a testbed and who holds their ports.

import type { Command } from 'commander';
import { EXIT, Failure } from '../failure.ts';
import type { System, Testbed } from '../describe/read.ts';
import { readSystem, readTestbed } from '../describe/read.ts';
import { BOARDS_KINDS } from '../describe/testbed.ts';
import type { LabBoard } from '../lab.ts';
import { connect, startTestbed, stopTestbed } from '../testbed/client.ts';
import { ownedAlready } from '../testbed/state.ts';
import { common, contextOf, needSystem, withLab } from './context.ts';
import { positive, table, whole } from './output.ts';

function boardsText(boards: LabBoard[]): string {
  const rows = boards.map((b) => [b.name, b.kind, b.type, b.port || '-', b.powered ? 'on' : 'off']);
  return table(['board', 'kind', 'type', 'port', 'power'], rows);
}

/** A testbed must have every board that the system names. Throws Failure E_BOARD. */
function checkBoards(system: System, testbed: Testbed): void {
  const { components, devices, spares } = system.value;
  const needed = new Set([...Object.values(components), ...Object.values(devices)].map((x) => x.board).concat(spares));
  const there = Object.keys(testbed.value.boards);
  const missing = [...needed].filter((board) => !there.includes(board));
  if (missing.length === 0) return;
  const cause = `${system.file} needs board ${missing.join(', ')}, which ${testbed.file} does not have`;
  throw new Failure(
    'E_BOARD',
    EXIT.noBoard,
    cause,
    `it has ${there.join(', ') || 'none'}: add the board, or rename it`,
  );
}

/** Told at once, and not after all that a testbed needs is built. Throws Failure E_BUSY. */
async function refuseSecond(stateDir: string): Promise<void> {
  const running = await connect(stateDir).catch(() => null);
  if (!running) return;
  const { pid } = await running.info();
  await running.close();
  throw ownedAlready(stateDir, pid);
}

export function register(program: Command): void {
  const testbed = program.command('testbed').description('the boards of a testbed, and who holds their ports');

  common(testbed.command('up'))
    .description('start the testbed: boards on this machine get power, real ones are attached')
    .option('--boards <kind>', `kind of all boards, whatever the testbed file says: ${BOARDS_KINDS.join(', ')}`)
    .option('--speed <n>', 'if all boards are virtual: let time pass n times as fast', positive, 1)
    .option('--seed <n>', 'seed of the device world', whole, 1)
    .option('--line <kind>', 'serial lines of boards on this machine: pty, pipe, or auto: the first that works', 'auto')
    .action(async (options) => {
      const context = contextOf(options);
      const system = readSystem(needSystem(context));
      const testbed = readTestbed(context.testbedFile);
      checkBoards(system, testbed);
      await refuseSecond(context.stateDir);
      const { stateDir, systemFile, testbedFile } = context;
      const { speed, seed, line, boards: kind } = options;
      const note = context.out.say;
      const lab = await startTestbed({ systemFile, testbedFile, stateDir, speed, seed, line, boards: kind, note });
      const boards = lab.boards();
      context.out.data({ state: context.stateDir, boards }, () => boardsText(boards));
      context.out.say('the testbed is up; next: npx understudy flash');
      await lab.close();
    });

  common(testbed.command('down'))
    .description('stop the testbed; boards on this machine keep their flash')
    .action(async (options) => {
      const context = contextOf(options);
      await stopTestbed(context.stateDir);
      context.out.data({ state: context.stateDir }, () => 'the testbed is down');
    });

  common(testbed.command('list'))
    .description('list the boards')
    .action(async (options) => {
      const context = contextOf(options);
      await withLab(context, async (lab) => {
        const boards = lab.boards();
        context.out.data(boards, () => boardsText(boards));
      });
    });

  common(testbed.command('power'))
    .argument('<board>', 'its name')
    .argument('<state>', 'on or off')
    .description('power of a board on this machine: off is a power cut, on a boot from its flash')
    .action(async (board, state, options) => {
      if (state !== 'on' && state !== 'off') {
        const next = `npx understudy testbed power ${board} on, or off`;
        throw new Failure('E_USAGE', EXIT.usage, `power ${state}: there is on and off`, next);
      }
      const context = contextOf(options);
      await withLab(context, (lab) => lab.power(board, state === 'on'));
      context.out.data({ board, power: state }, () => `${board} is ${state}`);
    });
}
