// understudy stage: brings an upgrade to the boards while they keep working.

import type { Command } from 'commander';
import { saveVersion } from '../operate/library.ts';
import { insist } from '../operate/preflight.ts';
import { stage } from '../operate/stage.ts';
import { boardsOf } from '../operate/version.ts';
import { common, contextOf, rescued, withLab } from './context.ts';
import { plan, preflightText } from './preflight.ts';
import { createBars } from './progress.ts';

export function register(program: Command): void {
  common(program.command('stage'))
    .argument('<upgrade>', 'path of an upgrade.json')
    .description('transfer an upgrade to the boards while they keep working')
    .option('--again', 'even if these boards have reverted it before')
    .option('--dry-run', 'show the plan, send nothing')
    .action(async (upgradeFile, options) => {
      const context = contextOf(options);
      const { upgrade, flight } = await plan(context, upgradeFile);
      if (options.dryRun) {
        context.out.data(flight, () => preflightText(flight));
        insist(flight);
        context.out.say('nothing was sent');
        return;
      }
      context.out.say(preflightText(flight));
      insist(flight);
      const bars = createBars(context.out.json);
      const boards = await withLab(context, (lab) => {
        saveVersion(context.stateDir, upgrade);
        const drop = async (): Promise<void> => {
          const all = boardsOf(upgrade.plan).map((board) => lab.request(board, 'drop'));
          await Promise.allSettled(all);
          context.out.say('interrupted: no board keeps the upgrade');
        };
        return rescued(drop, () =>
          stage(lab, upgrade, { again: options.again === true, onProgress: (p) => bars.update(p) }),
        );
      });
      bars.finish();
      context.out.data({ hash: upgrade.hash, boards }, () => `${upgrade.hash} is staged on ${boards.join(', ')}`);
      context.out.say('the boards go on as before; next: npx understudy start');
    });
}
