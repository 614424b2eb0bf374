// Section 5.2: commit.

import type { Mutant } from '../mutant.ts';

export const COMMIT: Mutant[] = [
  {
    rule: '5.2.1',
    name: 'the policy: so long, or so many',
    changes: [
      [
        'core.ts',
        't - self.since >= policy.commitAfterMs && sum(self.V)',
        't - self.since >= policy.commitAfterMs || sum(self.V)',
      ],
    ],
  },
  {
    rule: '5.2.1',
    name: 'the policy counts what is sent, not what is validated',
    changes: [['core.ts', 'sum(self.V) >= policy.validated', 'sum(self.state.T) >= policy.validated']],
  },
  {
    rule: '5.2.1',
    name: 'the policy is not looked at',
    changes: [
      [
        'core.ts',
        '  if (!self.guarded || !self.op || !isSurvivor(self)) return false;\n  const policy',
        '  if (self.n > 0 || !self.op) return false;\n  const policy',
      ],
    ],
  },
  {
    rule: '5.2.2',
    name: 'held messages are lost in a commit',
    changes: [
      ['resume.ts', "  if (self.role !== 'stopped') deliverHeld(self, effects, app);\n", '  self.held = [];\n'],
    ],
  },
  {
    rule: '5.2.2',
    name: 'shadows go on after a commit',
    changes: [
      [
        'resume.ts',
        "  if (self.role === 'shadow') {\n    self.held = [];\n    become(self, 'stopped', effects);",
        "  if (self.role === 'shadow') {\n    become(self, 'active', effects);",
      ],
    ],
  },
  {
    rule: '5.2.2',
    name: 'low processes stay low after a commit',
    changes: [['resume.ts', "  } else if (self.role === 'low') become(self, 'active', effects);\n", '  }\n']],
  },
  {
    rule: '5.2.2',
    name: 'the old version is addressed after a commit',
    changes: [
      [
        'resume.ts',
        '  for (let i = 0; i < op.lows.length; i++) self.live[op.lows[i] >> 1] = op.lows[i];\n',
        '  for (let i = 0; i < op.lows.length; i++) self.live[op.lows[i] >> 1] = op.lows[i] ^ 1;\n',
      ],
    ],
  },
  {
    rule: '5.2.3',
    name: "another's failure before the report does not win",
    changes: [
      ['cut.ts', "  if (kind === 'recovery') turn(cut, 'recovery', why);\n", ''],
      ['cut.ts', "      if (recovery === null && ends[j][1] !== 'commit') recovery = why;\n", ''],
    ],
  },
  {
    rule: '5.2.3',
    name: 'an abort during a commit is not followed',
    changes: [
      [
        'core.ts',
        "      turn(self.cut, self.guarded ? 'recovery' : 'cancel', event.why || 'aborted by the operator');",
        "      turn(self.cut, self.guarded ? self.cut.cut : 'cancel', event.why || 'aborted by the operator');",
      ],
    ],
  },
  {
    rule: '5.2.4',
    name: 'a component that comes back is counted on: sent',
    changes: [['resume.ts', '    self.state.q[c] = 0;\n', '']],
  },
  {
    rule: '5.2.4',
    name: 'a component that comes back is counted on: received',
    changes: [['resume.ts', '    self.state.r[c] = 0;\n', '']],
  },
  {
    rule: '5.2.4',
    name: 'a component that comes back is counted on: drivers',
    changes: [['driver.ts', '  if (component < driver.done.length) driver.done[component] = 0;\n', '']],
  },
];
