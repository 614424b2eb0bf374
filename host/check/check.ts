// All checks of a trace at once. They share one pass of the causal engine and nothing else.

import { border } from './border.ts';
import { cascade } from './cascade.ts';
import { containment } from './containment.ts';
import { fifo } from './fifo.ts';
import { inputs } from './inputs.ts';
import type { Limits } from './memory.ts';
import { DEFAULT_LIMITS, memory } from './memory.ts';
import { orphans } from './orphans.ts';
import { progress } from './progress.ts';
import { truth } from './truth.ts';
import type { Report, Tally, TraceLine, Violation } from './types.ts';
import { verdict } from './verdict.ts';

export interface CheckOptions {
  limits?: Limits;
  /** the trace still grows: a cut under way is no violation */
  live?: boolean;
}

export function check(lines: TraceLine[], options: CheckOptions = {}): Report {
  const counts: Tally = {};
  const violations: Violation[] = [
    ...fifo(lines, counts),
    ...containment(lines, counts),
    ...orphans(lines, counts),
    ...border(lines, counts),
    ...verdict(lines, counts),
    ...truth(lines, counts),
    ...cascade(lines, counts),
    ...memory(lines, counts, options.limits ?? DEFAULT_LIMITS),
    ...inputs(lines, counts),
    ...(options.live ? [] : progress(lines, counts)),
  ];
  return { violations, counts };
}
