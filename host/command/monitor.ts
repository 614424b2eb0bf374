// understudy monitor: what the boards do, as text, while others work with them too.

import type { Command } from 'commander';
import type { TraceLine } from '../check/types.ts';
import { systemStatus } from '../operate/status.ts';
import type { Client } from '../testbed/client.ts';
import { createTeller, type Verbosity } from '../trace/text.ts';
import { common, contextOf, withLab } from './context.ts';
import { knownVersions, namesFrom, systemHeader } from './header.ts';
import { colour, positive } from './output.ts';

/** How often the testbed is asked whether it is still there, ms. */
const ALIVE_MS = 1000;

/** Until the testbed ends, which is thrown, or so many seconds have passed. */
async function listen(lab: Client, seconds: number): Promise<void> {
  const end = Date.now() + seconds * 1000;
  while (Date.now() < end) {
    await new Promise((resolve) => setTimeout(resolve, Math.min(ALIVE_MS, end - Date.now())));
    await lab.info();
  }
}

/** A line before the first event: what runs, and what is silent. */
async function opening(lab: Client): Promise<string> {
  const status = await systemStatus(lab);
  const runs = [...new Set(status.boards.flatMap((b) => (b.plan ? [`${b.plan.name} (${b.plan.hash})`] : [])))];
  const guarded = status.boards.some((b) => b.guarded) ? ', in guarded operation' : '';
  const silent = status.silent.map(({ board }) => board);
  const without = silent.length > 0 ? `; no answer from ${silent.join(', ')}` : '';
  return `${status.boards.length} boards run ${runs.join(' and ') || 'no system yet'}${guarded}${without}`;
}

export function register(program: Command): void {
  common(program.command('monitor'))
    .description('show what happens on the boards, until interrupted')
    .option('-v, --verbose', 'messages and outputs too; twice: everything', (_: string, n: number) => n + 1, 0)
    .option('--for <seconds>', 'end after so long', positive)
    .action(async (options) => {
      const context = contextOf(options);
      const { out } = context;
      const verbosity = Math.min(3, 1 + options.verbose) as Verbosity;
      const header = namesFrom(context, systemHeader(context), knownVersions(context));
      const teller = createTeller(header, { verbosity, color: colour() });
      await withLab(context, async (lab) => {
        out.say(`${await opening(lab)}; Ctrl-C ends the monitor, not the testbed`);
        if (verbosity === 1) out.say('told: failures, failed tests, cuts, boots; -v tells messages and outputs too');
        const stop = lab.onTrace((line: TraceLine) => {
          if (out.json) {
            out.data(line, () => '');
            return;
          }
          const text = teller.tell(line);
          if (text) process.stdout.write(`${text}\n`);
        });
        await listen(lab, options.for ?? Number.POSITIVE_INFINITY);
        stop();
        if (lab.missed > 0) out.say(`${lab.missed} lines were left out: this terminal did not keep up`);
      });
    });
}
