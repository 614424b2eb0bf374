// Section 8.7: bounds.

import type { Mutant } from '../mutant.ts';

export const BOUNDS: Mutant[] = [
  {
    rule: '8.7',
    name: 'a journal without a bound',
    changes: [['journal.ts', "    self.failed = 'journal full';\n", '    self.failed = self.failed;\n']],
  },
  {
    rule: '8.7',
    name: 'an output log without a bound',
    changes: [
      [
        'border.ts',
        "  if (log.length >= LOG_ENTRIES_MAX && self.guarded && !self.failed) self.failed = 'output log full';\n",
        '',
      ],
      ['border.ts', "import { LOG_ENTRIES_MAX } from './limits.ts';\n", ''],
    ],
  },
  {
    rule: '8.7',
    name: 'held messages without a bound',
    changes: [
      ['core.ts', "  if (frozen && message.kind === 'app' && self.held.length >= HELD_MAX) return 'wait';\n", ''],
    ],
  },
  {
    rule: '8.7',
    name: 'inputs may fill all the room for held messages',
    changes: [['core.ts', 'self.held.length >= HELD_MAX / 2', 'self.held.length >= HELD_MAX']],
  },
  {
    rule: '8.7',
    name: 'unvalidated messages without a bound',
    changes: [
      [
        'emit.ts',
        "      if (self.marks.length >= LOG_ENTRIES_MAX && !self.failed) self.failed = 'too many unvalidated messages';\n",
        '',
      ],
    ],
  },
];
