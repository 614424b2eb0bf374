// Section 6, the part that is not the core's: what stable storage must not forget. `host/explore/storage.ts` makes these
// mistakes when it is asked to.

import type { Mutant } from '../mutant.ts';

export const STORAGE: Mutant[] = [
  {
    rule: '6',
    name: '15 late log: effects before their event is durable',
    changes: [],
    mistakes: { lateLog: true },
    caughtBy: /^(fifo|orphans)/,
  },
  {
    rule: '6.5',
    name: '16 forgotten queue',
    changes: [],
    mistakes: { forgottenQueue: true },
    caughtBy: /^progress/,
  },
  {
    rule: '6',
    name: '24 a report is lost with its sender',
    changes: [],
    mistakes: { reportLost: true },
    caughtBy: /^progress/,
  },
  {
    rule: '6.5',
    name: '25 a base without the outputs that are not out yet',
    changes: [],
    mistakes: { forgottenOutputs: true },
    caughtBy: /^border/,
  },
  {
    rule: '6.5',
    name: 'a base without the journal of a contaminated process',
    changes: [],
    mistakes: { forgottenJournal: true },
    caughtBy: /^trace/,
  },
  {
    rule: '6.5',
    name: 'a base without held messages',
    changes: [],
    mistakes: { forgottenHeld: true },
    caughtBy: /^trace/,
  },
  {
    rule: '6.5',
    name: 'a base without the reports of its cut',
    changes: [],
    mistakes: { forgottenReports: true },
    caughtBy: /^trace/,
  },
  {
    rule: '6.5',
    name: 'a base of a seat without its handover',
    changes: [],
    mistakes: { forgottenSeat: true },
    caughtBy: /^trace/,
  },
  {
    rule: '6.3',
    name: 'a log for each process, each cut short by itself',
    changes: [],
    mistakes: { ownLogs: true },
    caughtBy: /^(fifo|orphans)/,
  },
  {
    rule: '6.2',
    name: 'outputs come back process by process',
    changes: [],
    mistakes: { bootOrder: true },
    caughtBy: /^border/,
  },
];
