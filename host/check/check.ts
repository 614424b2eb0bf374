// All checks of a trace at once. They share one pass of the causal engine and nothing else.

import { border } from './border.js';
import { cascade } from './cascade.js';
import { containment } from './containment.js';
import { fifo } from './fifo.js';
import { inputs } from './inputs.js';
import type { Limits } from './memory.js';
import { DEFAULT_LIMITS, memory } from './memory.js';
import { orphans } from './orphans.js';
import { progress } from './progress.js';
import { truth } from './truth.js';
import type { Report, Tally, TraceLine, Violation } from './types.js';
import { verdict } from './verdict.js';

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
