// Changes that nobody can notice, and why: the rule is kept by another one as well. No layer may notice them.

import type { Mutant } from '../mutant.ts';

export const EQUIVALENT: (Mutant & { why: string })[] = [
  {
    why: 'The digests of both versions of a component come from one state, that of the handover, and are only ever compared with each other: whatever they begin with, it is the same.',
    rule: '4.5.1',
    name: 'a start does not begin the digests anew',
    changes: [['resume.ts', '    self.state.digest[c] = 0;\n', '']],
  },
  {
    why: 'A verdict ends the channel as absent before the report, and a report that shows this decides recovery (5.0.4).',
    rule: '5.0.2',
    name: 'a verdict that does not make the kind recovery',
    changes: [['cut.ts', "  turn(self.cut as CutState, 'recovery', why);\n", '']],
  },
  {
    why: 'A channel ends otherwise by a marker of a recovery or by a verdict, and each turns the own cut into a recovery before the report: the report says so itself (5.0.1, 5.0.2).',
    rule: '5.0.4',
    name: 'commit although a low channel ended otherwise',
    changes: [['cut.ts', "      if (recovery === null && ends[j][1] !== 'commit') recovery = why;\n", '']],
  },
];
