// Stages an upgrade: its images go to the boards while they keep working. Either all boards have it afterwards, or none.

import { EXIT, Failure } from '../failure.ts';
import type { Lab, Progress } from '../lab.ts';
import { greet } from './flash.ts';
import { boardStatus } from './status.ts';
import type { Version } from './version.ts';
import { boardsOf, imageOf } from './version.ts';

export interface StageOptions {
  /** stage an upgrade again that these boards have reverted before */
  again?: boolean;
  onProgress?: (p: Progress) => void;
}

/** Boards that take part in an upgrade: those of the new plan, which keeps all boards of the old one. */
export async function stage(lab: Lab, upgrade: Version, options: StageOptions = {}): Promise<string[]> {
  const base = upgrade.plan.upgrade?.base;
  if (!base) throw new Failure('E_UPGRADE', EXIT.usage, `${upgrade.plan.name} is no upgrade`, 'npx understudy flash');
  await greet(lab, upgrade);
  const boards = boardsOf(upgrade.plan);
  for (const board of boards) {
    const status = await boardStatus(lab, board);
    if (status.guarded) {
      const cause = `board ${board} is in guarded operation`;
      throw new Failure('E_GUARDED', EXIT.busy, cause, 'npx understudy abort, or wait for its end');
    }
    if (status.plan?.hash !== base) {
      const runs = status.plan ? `version ${status.plan.hash} (${status.plan.name})` : 'no system';
      const cause = `board ${board} runs ${runs}; the upgrade is for ${base}`;
      throw new Failure(
        'E_BASE',
        EXIT.refused,
        cause,
        'flash the version that the upgrade names, or rebuild the upgrade',
      );
    }
    if (status.quarantined.includes(upgrade.hash) && !options.again) {
      const cause = `board ${board} has reverted upgrade ${upgrade.hash} before and keeps it in quarantine`;
      throw new Failure('E_QUARANTINE', EXIT.refused, cause, 'mend the upgrade, or stage it --again');
    }
  }
  const done: string[] = [];
  for (const board of boards) {
    try {
      await lab.upload(board, 'staged', { ...imageOf(upgrade, board), again: options.again }, options.onProgress);
      done.push(board);
    } catch (error) {
      for (const other of [...done, board]) await lab.request(other, 'drop').catch(() => undefined);
      throw error;
    }
  }
  return boards;
}
