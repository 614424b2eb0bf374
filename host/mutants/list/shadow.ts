// Section 4.3: shadows.

import type { Mutant } from '../mutant.ts';

export const SHADOW: Mutant[] = [
  {
    rule: '4.3.1',
    name: 'shadows do not talk to shadows',
    changes: [
      [
        'emit.ts',
        '      if (old >= 0) sendOne(self, old, q, 0, type, data, effects);\n    } else suppress',
        '    } else suppress',
      ],
    ],
  },
  {
    rule: '4.3.1',
    name: 'shadows talk to low processes',
    changes: [
      [
        'emit.ts',
        "self.guarded && self.op && self.role !== 'shadow' ? lowOf(self.op, to) : -1;",
        'self.guarded && self.op ? lowOf(self.op, to) : -1;',
      ],
      [
        'emit.ts',
        '      if (old >= 0) sendOne(self, old, q, 0, type, data, effects);\n    } else suppress',
        '      if (low >= 0) sendOne(self, low, q, 0, type, data, effects);\n    } else suppress',
      ],
    ],
  },
  {
    rule: '4.3.2',
    name: "a shadow's boundary messages are sent",
    changes: [
      [
        'emit.ts',
        '    } else suppress(self,',
        '    } else if (!inside) sendOne(self, old, q, 0, type, data, effects);\n    else suppress(self,',
      ],
    ],
  },
  {
    rule: '4.3.2',
    name: "a shadow's outputs are put out",
    changes: [
      [
        'emit.ts',
        '    suppress(self, { device: device, e: e, data: data }, effects);\n    return;\n',
        '    suppress(self, { device: device, e: e, data: data }, effects);\n',
      ],
    ],
  },
  {
    rule: '4.3.2',
    name: 'a shadow without a log',
    changes: [['border.ts', '  log.push(entry);\n', '']],
  },
];
