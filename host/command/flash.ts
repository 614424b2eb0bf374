// understudy flash: brings the system onto its boards.

import type { Command } from 'commander';
import { readSystem } from '../describe/read.ts';
import { flash } from '../operate/flash.ts';
import { saveVersion } from '../operate/library.ts';
import { builder } from './build.ts';
import { common, contextOf, needSystem, withLab } from './context.ts';
import { bytes, table } from './output.ts';
import { createBars } from './progress.ts';

export function register(program: Command): void {
  common(program.command('flash'))
    .description('put the system on its boards and start it')
    .action(async (options) => {
      const context = contextOf(options);
      const system = readSystem(needSystem(context));
      const version = await (await builder()).buildSystem(system);
      const bars = createBars(context.out.json);
      const done = await withLab(context, async (lab) => {
        saveVersion(context.stateDir, version);
        return flash(lab, version, (p) => bars.update(p));
      });
      bars.finish();
      const rows = done.map((d) => [d.board, bytes(d.bytes), d.hash]);
      context.out.data(done, () => table(['board', 'image', 'running version'], rows));
      context.out.say('every board runs it; next: npx understudy preflight UPGRADE, then stage UPGRADE');
    });
}
