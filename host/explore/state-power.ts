// What a board's stable storage brings back after a power cut (PROTOCOL 6), beside the processes of an explored system.
// A record is written before the effects of its event leave, so the machine that a boot restores is the one of before:
// each step of the core is checked for that on its own (`again` in state-local.ts). What is left to go through is what
// comes out of the board a second time, or not at all: messages, outputs, and what a decision made the board do.

import type { Message, Pid } from '../../firmware/core/types.ts';

/** An output on its way to its driver. `low`: epoch of the low process it comes from, or -1 */
export interface Given {
  device: number;
  pid: Pid;
  e: number;
  low: number;
}

/** What a process's storage would bring back, at most: nothing acknowledged, no base written but those of cuts. */
export interface Kept {
  /** by receiver: all messages on the channel since it began; numbers of items */
  sent: number[][];
  /** device inputs passed on: receiver and item */
  inputs: [Pid, number][];
  /** outputs since the base of the last cut, and those that were not out then */
  outputs: Given[];
  /** a cut is decided, and its base need not be written yet: the step that decided, else 0 */
  decided: number;
}

export function nothingKept(processes: number): Kept {
  return { sent: Array.from({ length: processes }, () => []), inputs: [], outputs: [], decided: 0 };
}

/** The kinds of power cut that are gone through at every state, for each board. */
export const POWER = [
  /** every base is written as early as it may be, and nothing had been acknowledged */
  'early',
  /** a base is written now, of what is not acknowledged and not yet out, and all acknowledgements had come */
  'late',
  /** a base that was written at a moment of its own, where there is one: other processes of the board have theirs */
  'own',
] as const;

/** A channel that begins again has no use for what is left of its old life. */
export function add(list: number[], item: number, message: Message): number[] {
  return message.n === 1 ? [item] : [...list, item];
}
