// Both rule sets behind one door, for what compares them: `corrected` (PROTOCOL), and `paper`, its rules as printed. No
// board runs the latter, and none carries it: boards take core.ts.

import { create as createCorrected, gate as gateCorrected, step as stepCorrected } from './core.ts';
import type { Process, Setup } from './core.ts';
import { createPaper, gatePaper, stepPaper } from './paper.ts';
import type { Application, Effect, Event, Message, Pid } from './types.ts';

export { contaminated, forgettable, heartbeat } from './core.ts';

export function create(setup: Setup, app: Application): Process {
  return setup.rules === 'paper' ? (createPaper(setup, app) as unknown as Process) : createCorrected(setup, app);
}

export function gate(self: Process, from: Pid, message: Message): 'take' | 'wait' | 'repeat' | 'refuse' {
  return self.rules === 'paper' ? gatePaper(self as never, from, message) : gateCorrected(self, from, message);
}

export function step(self: Process, event: Event, effects: Effect[], app: Application): void {
  if (self.rules === 'paper') stepPaper(self as never, event, effects, app);
  else stepCorrected(self, event, effects, app);
}
