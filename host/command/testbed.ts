// understudy testbed up, down, list, power: the boards of a testbed and who holds their ports.

import type { Command } from 'commander';
import { EXIT, Failure } from '../failure.ts';
import type { LabBoard } from '../lab.ts';
import { readSystem, readTestbed } from '../describe/read.ts';
import { startDaemon, stopTestbed } from '../testbed/client.ts';
import { configOf } from '../testbed/setup.ts';
import { common, contextOf, needSystem, withLab } from './context.ts';
import { table } from './output.ts';

function boardsText(boards: LabBoard[]): string {
  const rows = boards.map((b) => [b.name, b.kind, b.type, b.port || '-', b.powered ? 'on' : 'off']);
  return table(['board', 'kind', 'type', 'port', 'power'], rows);
}

function positive(text: string): number {
  const value = Number(text);
  if (value > 0) return value;
  throw new Failure('E_USAGE', EXIT.usage, `${text} is no positive number`, '');
}

export function register(program: Command): void {
  const testbed = program.command('testbed').description('the boards of a testbed, and who holds their ports');

  common(testbed.command('up'))
    .description('start the testbed: virtual boards get power, real ones are attached')
    .option('--speed <n>', 'virtual boards: let time pass n times as fast', positive, 1)
    .option('--seed <n>', 'seed of the device world', Number, 1)
    .action(async (options) => {
      const context = contextOf(options);
      const system = readSystem(needSystem(context));
      const testbed = readTestbed(context.testbedFile);
      const { stateDir } = context;
      const { speed, seed } = options;
      const lab = await startDaemon(await configOf({ system, testbed, stateDir, speed, seed }));
      const boards = lab.boards();
      context.out.data({ state: context.stateDir, boards }, () => boardsText(boards));
      context.out.say('the testbed is up; next: npx understudy flash');
      await lab.close();
    });

  common(testbed.command('down'))
    .description('stop the testbed; virtual boards keep their flash')
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
    .description('power of a virtual board: off is a power cut, on a boot from its flash')
    .action(async (board, state, options) => {
      if (state !== 'on' && state !== 'off') {
        throw new Failure('E_USAGE', EXIT.usage, `power ${state}: there is on and off`, '');
      }
      const context = contextOf(options);
      await withLab(context, (lab) => lab.power(board, state === 'on'));
      context.out.data({ board, power: state }, () => `${board} is ${state}`);
    });
}
