// A version of a system, ready to go to boards: its plan and the texts of its modules.

import { encodeImage } from '../../firmware/image.ts';
import type { Plan } from '../../firmware/plan.ts';
import type { Image } from '../lab.ts';

export interface Version {
  plan: Plan;
  /** 16 hex digits */
  hash: string;
  /** by hash: ES5 text */
  modules: Record<string, string>;
}

/** What a board keeps of the version: the whole plan, and the modules of the processes that run there. */
export function imageOf(version: Version, board: string): Image {
  const index = version.plan.boards.indexOf(board);
  const modules: Record<string, string> = {};
  for (const component of version.plan.components) {
    if (component?.board === index) modules[component.module] = version.modules[component.module] ?? '';
  }
  return { bytes: encodeImage({ plan: version.plan, hash: version.hash, modules }), hash: version.hash };
}

/** The boards that must run the version: one without a process of its own too, since an upgrade may want to run there. */
export function boardsOf(plan: Plan): string[] {
  return plan.boards.slice();
}

/** `estimator/1` → the component's name. */
export function componentOf(process: string): string {
  return process.slice(0, process.lastIndexOf('/'));
}
