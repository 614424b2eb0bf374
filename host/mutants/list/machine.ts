// Section 3: what a machine is.

import type { Mutant } from '../mutant.ts';
import { LOAD, outside } from './state.ts';

export const MACHINE: Mutant[] = [
  {
    rule: '3.1',
    name: 'effects of a step in another order',
    changes: [
      [
        'process.ts',
        "effects.push({ kind: 'send', to: to, message: message });",
        "effects.unshift({ kind: 'send', to: to, message: message });",
      ],
    ],
  },
  {
    rule: '3.1',
    name: 'a counter beside the machine, shared by all processes',
    changes: [
      [
        'emit.ts',
        '  const q = ++state.q[to];',
        '  (sendApp as any).q = ((sendApp as any).q || 0) + 1;\n  const q = (state.q[to] = (sendApp as any).q);',
      ],
    ],
  },
  {
    rule: '3.2',
    name: '18 counters outside the state: sent',
    changes: [['resume.ts', LOAD, outside('q')]],
    scene: '18 counters outside the state: sent',
    caughtBy: /^border: .*(sends q=2 to a\/0, expected 1|takes q=2 of b\/0 after q=0)/,
  },
  {
    rule: '3.2',
    name: '18 counters outside the state: received',
    changes: [['resume.ts', LOAD, outside('r')]],
    scene: '18 counters outside the state: received',
    caughtBy: /^orphans: /,
  },
  {
    rule: '3.2',
    name: 'numbers of outputs outside the state',
    changes: [['resume.ts', LOAD, outside('e')]],
  },
  {
    rule: '3.2',
    name: 'armed timers outside the state',
    changes: [['resume.ts', LOAD, outside('timers')]],
  },
  {
    rule: '3.2',
    name: "the shadow's log outside the state",
    changes: [['resume.ts', LOAD, outside('log')]],
  },
  {
    rule: '3.2',
    name: '20 old vectors in a new operation: timers',
    changes: [['resume.ts', '  for (let i = 0; i < self.state.timers.length; i++) self.state.timers[i].T = [];\n', '']],
    scene: '20 old vectors in a new operation',
    caughtBy: /^cascade: rolls back without need/,
  },
  {
    rule: '3.2',
    name: '20 old vectors in a new operation: the journal',
    changes: [['resume.ts', '  self.journal = [];\n  self.journalBytes = 0;\n', '']],
  },
  {
    rule: '3.2',
    name: 'a cut that leaves T as it is',
    changes: [['resume.ts', '  self.state.T = zeros(slots);\n', '']],
  },
  {
    rule: '3.2',
    name: 'a cut that leaves V as it is',
    changes: [['resume.ts', '  self.V = zeros(slots);\n', '']],
  },
  {
    rule: '3.2',
    name: 'a cut that leaves k as it is',
    changes: [['resume.ts', '  self.state.k = 0;\n', '']],
  },
  {
    rule: '3.2',
    name: 'a cut that begins q anew',
    changes: [
      ['resume.ts', '  self.state.k = 0;\n', '  self.state.k = 0;\n  self.state.q = zeros(self.state.q.length);\n'],
    ],
  },
  {
    rule: '3.3',
    name: 'a failed test freezes in the middle of the handler',
    changes: [
      [
        'emit.ts',
        "  } else if (!self.failed) self.failed = 'acceptance test failed';",
        "  } else if (!self.cut && self.op) freeze(self, 'recovery', self.op.id, 'acceptance test failed', effects);",
      ],
      [
        'emit.ts',
        "import { contaminated, learn } from './journal.ts';",
        "import { freeze } from './cut.ts';\nimport { contaminated, learn } from './journal.ts';",
      ],
    ],
  },
  {
    rule: '3.4',
    name: '17 timer without a past',
    changes: [
      [
        'emit.ts',
        'timers.push({ name: name, at: at, T: self.state.T.slice() });',
        'timers.push({ name: name, at: at, T: [] });',
      ],
    ],
    scene: '17 timer without a past',
    caughtBy: /^containment: delivery in a recovery/,
  },
  {
    rule: '3.4',
    name: 'a timer that is due carries the T of now',
    changes: [['deliver.ts', '      event.T = timers[i].T;\n', '      event.T = self.state.T.slice();\n']],
  },
  {
    rule: '3.4',
    name: 'a device input counts as unvalidated',
    changes: [
      [
        'journal.ts',
        '  return event.T ? event.T : NONE;',
        "  return event.kind === 'input' ? [1] : event.T ? event.T : NONE;",
      ],
    ],
  },
  {
    rule: '3.5',
    name: '26 input during handover',
    changes: [['core.ts', '  if (!op || !isSurvivor(self)) return;\n', '  if (op !== undefined) return;\n']],
    scene: '26 input during handover',
    caughtBy: /^(progress: input 3 is never taken|inputs: )/,
  },
  {
    rule: '3.6',
    name: '21 late low output',
    changes: [
      ['core.ts', "else if (kind === 'stop') stopLow(self, effects);", "else if (kind === 'stop') self.failed = null;"],
    ],
    scene: '21 late low output',
    caughtBy: /^border: a low process puts out e=2 after its board has decided/,
  },
  {
    rule: '3.6',
    name: 'a seat that hears late begins after the recovery',
    changes: [
      [
        'core.ts',
        "  if (self.role === 'low' || (self.role === 'seat' && self.seat)) stop(self, effects);",
        "  if (self.role === 'low') stop(self, effects);",
      ],
    ],
  },
];
