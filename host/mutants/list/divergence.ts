// Section 4.5: old and new version drift apart.

import type { Mutant } from '../mutant.ts';

export const DIVERGENCE: Mutant[] = [
  {
    rule: '4.5.1',
    name: 'a digest without the order of the types',
    changes: [['border.ts', '(before * 31 + type + 1)', '(before + type + 1)']],
  },
  {
    rule: '4.5.2',
    name: 'the shadow is not compared where it leads',
    changes: [
      [
        'border.ts',
        '      if (entry.to !== to || entry.q !== sent[i][1]) continue;\n',
        '      if (entry.to !== undefined) continue;\n',
      ],
      [
        'border.ts',
        '    if (self.state.q[to] === sent[i][1] && self.state.digest[to]',
        '    if (self.state.digest[to] < 0 && self.state.digest[to]',
      ],
    ],
  },
  {
    rule: '4.5.2',
    name: 'the shadow is not compared where it lags',
    changes: [
      ['border.ts', "  if (low[0] === q && low[1] !== digest) return 'divergence: other message types';\n", ''],
    ],
  },
  {
    rule: '4.5.2',
    name: 'digests of different numbers are compared',
    changes: [['border.ts', '  if (low[0] === q && low[1] !== digest)', '  if (low[0] > 0 && low[1] !== digest)']],
  },
  {
    rule: '4.5.3',
    name: 'the new version may lead by any distance',
    changes: [
      [
        'border.ts',
        "    if (sent[i][1] - self.state.q[to] > self.op.policy.lead) self.failed = 'divergence: new version leads';\n",
        '',
      ],
    ],
  },
  {
    rule: '4.5.3',
    name: 'the old version may lead by any distance',
    changes: [['border.ts', "  if (q - low[0] > self.op.policy.lead) return 'divergence: old version leads';\n", '']],
  },
  {
    rule: '4.5.3',
    name: 'the distance is counted from 0, not from the start',
    changes: [['resume.ts', '    self.lead[c] = [self.state.q[c], 0];\n', '    self.lead[c] = [0, 0];\n']],
  },
  {
    rule: '4.5.4',
    name: 'the shadow of a removed component is compared',
    changes: [
      [
        'border.ts',
        '  if (!self.op || lowOf(self.op, self.component) < 0) return null;',
        '  if (!self.op) return null;',
      ],
    ],
  },
];
