// Section 6: power loss.

import type { Mutant } from '../mutant.ts';

export const POWER: Mutant[] = [
  {
    rule: '6.1',
    name: 'a heartbeat that forgets',
    changes: [
      [
        'border.ts',
        '  settleMarks(self, acked, safe);\n  beat.acked',
        '  self.marks = settleMarks(self, acked, safe);\n  beat.acked',
      ],
    ],
  },
  {
    rule: '6.1',
    name: 'a low process that never forgets',
    changes: [['border.ts', '  self.marks = settleMarks(self, acked, self.safeQ);\n', '']],
  },
];
