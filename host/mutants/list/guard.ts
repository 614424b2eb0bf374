// Section 4, its head: what comes with every receipt.

import type { Mutant } from '../mutant.ts';

export const GUARD: Mutant[] = [
  {
    rule: '4',
    name: 'V of an application message is not taken',
    changes: [
      [
        'core.ts',
        '      learn(self, event.V, effects);\n      receive(self, event, self.n, effects, app);\n',
        '      receive(self, event, self.n, effects, app);\n',
      ],
    ],
  },
  {
    rule: '4',
    name: 'V of a notification is not taken',
    changes: [
      [
        'core.ts',
        "  else if (kind === 'passed') learn(self, event.V, effects);\n",
        "  else if (kind === 'passed') return;\n",
      ],
    ],
  },
  {
    rule: '4',
    name: 'V is taken after the report too',
    changes: [
      [
        'journal.ts',
        '  if (!V || !self.guarded || (self.cut && self.cut.reported)) return;',
        '  if (!V || !self.guarded) return;',
      ],
    ],
  },
  {
    rule: '4',
    name: 'V grows, and nothing is reclaimed',
    changes: [['journal.ts', 'if (raise(self.V, V)) reclaim(self, self.V, effects);', 'raise(self.V, V);']],
  },
];
