// understudy monitor: what the boards do, as text, while others work with them too.

import type { Command } from 'commander';
import type { TraceLine } from '../check/types.ts';
import { readSystem } from '../describe/read.ts';
import { headerOf } from '../testbed/setup.ts';
import { createTeller, type Verbosity } from '../trace/text.ts';
import { common, contextOf, needSystem, withLab } from './context.ts';
import { colour } from './output.ts';

export function register(program: Command): void {
  common(program.command('monitor'))
    .description('show what happens on the boards, until interrupted')
    .option('-v, --verbose', 'more: every message (twice: heartbeats too)', (_: string, n: number) => n + 1, 0)
    .option('--for <seconds>', 'end after so long', Number)
    .action(async (options) => {
      const context = contextOf(options);
      const verbosity = Math.min(3, 1 + options.verbose) as Verbosity;
      const teller = createTeller(headerOf(readSystem(needSystem(context))), { verbosity, color: colour() });
      await withLab(context, async (lab) => {
        const stop = lab.onTrace((line: TraceLine) => {
          if (context.out.json) {
            context.out.data(line, () => '');
            return;
          }
          const text = teller.tell(line);
          if (text) process.stdout.write(`${text}\n`);
        });
        context.out.say('listening; Ctrl-C ends the monitor, not the testbed');
        await new Promise<void>((resolve) => {
          if (options.for) setTimeout(resolve, options.for * 1000);
        });
        stop();
      });
    });
}
