// Section 4.1: low processes.

import type { Mutant } from '../mutant.ts';

export const LOW: Mutant[] = [
  {
    rule: '4.1.1',
    name: 'a boundary message that does not count itself in T',
    changes: [['emit.ts', '      state.T[self.op.cluster.indexOf(self.component)] = k;\n', '']],
  },
  {
    rule: '4.1.1',
    name: 'T counts the message only once it is sent',
    changes: [
      ['emit.ts', '      state.T[self.op.cluster.indexOf(self.component)] = k;\n', ''],
      [
        'emit.ts',
        '      sendOne(self, old, q, k, type, data, effects);\n',
        '      sendOne(self, old, q, k, type, data, effects);\n      state.T[self.op.cluster.indexOf(self.component)] = k;\n',
      ],
    ],
  },
  {
    rule: '4.1.1',
    name: 'k counts channels, not messages',
    changes: [['emit.ts', '      const k = ++state.k;\n', '      const k = (state.k = Math.max(state.k, q));\n']],
  },
  {
    rule: '4.1.1',
    name: '6 two components, one counter',
    changes: [['emit.ts', '      state.T[self.op.cluster.indexOf(self.component)] = k;\n', '      state.T[0] = k;\n']],
  },
  {
    rule: '4.1.2',
    name: 'a low process talks to the shadow of its neighbour',
    changes: [
      [
        'emit.ts',
        '      if (low >= 0) sendOne(self, low, q, 0, type, data, effects);\n    } else {',
        '      if (low >= 0) sendOne(self, low, q, 0, type, data, effects);\n      if (old >= 0) sendOne(self, old, q, 0, type, data, effects);\n    } else {',
      ],
    ],
  },
  {
    rule: '4.1.2',
    name: 'a message to a component that the upgrade removes',
    changes: [
      [
        'emit.ts',
        '      if (low >= 0) sendOne(self, low, q, 0, type, data, effects);\n    } else {',
        '      sendOne(self, low, q, 0, type, data, effects);\n    } else {',
      ],
    ],
    scene: 'a message to a component that the upgrade removes',
    caughtBy: /^(border|truth): /,
  },
  {
    rule: '4.1.3',
    name: 'a low process that counts as clean at first',
    changes: [
      [
        'journal.ts',
        "  return self.role === 'low' || !covered(self.state.T, self.V);",
        '  return !covered(self.state.T, self.V);',
      ],
    ],
  },
  {
    rule: '4.1.3',
    name: 'a passed test that vouches for nothing',
    changes: [['emit.ts', '  learn(self, self.state.T, effects);\n', '']],
  },
  {
    rule: '4.1.3',
    name: 'a passed test that vouches for more than its state',
    changes: [
      [
        'emit.ts',
        '  learn(self, self.state.T, effects);\n',
        '  const more = self.state.T.slice();\n  for (let i = 0; i < more.length; i++) more[i]++;\n  learn(self, more, effects);\n',
      ],
    ],
  },
  {
    rule: '4.1.3',
    name: 'nobody is notified of a passed test',
    changes: [
      ['emit.ts', '  const all = others(self);\n', '  const all: number[] = [];\n'],
      ['emit.ts', 'import { blank, lowOf, others, send }', 'import { blank, lowOf, send }'],
    ],
  },
  {
    rule: '4.1.3',
    name: 'outputs are not counted',
    changes: [
      [
        'emit.ts',
        'const e = latest ? 0 : ++self.state.e[device];',
        'const e = latest ? 0 : self.state.e[device] || (self.state.e[device] = 1);',
      ],
    ],
  },
  {
    rule: '4.1.4',
    name: '14 uncounted compensation',
    changes: [
      [
        'emit.ts',
        'const e = latest ? 0 : ++self.state.e[device];',
        'const e = latest ? 0 : compensated ? self.state.e[device] + 1 : ++self.state.e[device];',
      ],
    ],
    scene: '14 uncounted compensation',
    caughtBy: /^border: device 0: puts out e=1, expected 2/,
  },
  {
    rule: '4.1.4',
    name: 'a compensated output vouches for its state',
    changes: [
      [
        'emit.ts',
        '      self.counters.compensated++;\n',
        '      self.counters.compensated++;\n      passed(self, effects);\n',
      ],
    ],
  },
  {
    rule: '4.1.4',
    name: 'what is compensated is not tested',
    changes: [['emit.ts', '    ok = accepts(self, device, other, app);\n', '    ok = true;\n']],
  },
  {
    rule: '4.1.4',
    name: 'a failed test that counts its output',
    changes: [
      [
        'emit.ts',
        "  } else if (!self.failed) self.failed = 'acceptance test failed';",
        "  } else {\n    self.state.e[device]++;\n    if (!self.failed) self.failed = 'acceptance test failed';\n  }",
      ],
    ],
  },
  {
    rule: '4.1.4',
    name: 'a failed test without consequences',
    changes: [['emit.ts', "  } else if (!self.failed) self.failed = 'acceptance test failed';", '  }']],
  },
  {
    rule: '4.1.5',
    name: 'a low process that does not take T',
    changes: [
      [
        'deliver.ts',
        '  if (self.guarded) raise(self.state.T, vectorOf(event));',
        "  if (self.guarded && self.role !== 'low') raise(self.state.T, vectorOf(event));",
      ],
    ],
  },
  {
    rule: '4.1.5',
    name: 'a low process that keeps a journal',
    changes: [['journal.ts', '  if (!self.guarded || !isSurvivor(self)) return;\n', '  if (!self.guarded) return;\n']],
  },
  {
    rule: '4.1.6',
    name: "a low process's exception is only reported",
    changes: [
      [
        'deliver.ts',
        '  if (self.guarded && contaminated(self)) {',
        "  if (self.guarded && self.role !== 'low' && contaminated(self)) {",
      ],
    ],
  },
  {
    rule: '4.1.6',
    name: 'emissions without a bound',
    changes: [['deliver.ts', '  if (out.length > EMISSIONS_MAX) {', '  if (out.length > 100 * EMISSIONS_MAX) {']],
  },
  {
    rule: '4.1.6',
    name: 'timers without a bound',
    changes: [
      [
        'deliver.ts',
        '  if (self.state.timers.length > TIMERS_MAX) {',
        '  if (self.state.timers.length > 100 * TIMERS_MAX) {',
      ],
    ],
  },
  {
    rule: '4.1.6',
    name: "the operator's abort is not followed",
    changes: [
      [
        'core.ts',
        "    if (self.guarded && !self.cut) self.failed = event.why || 'aborted by the operator';",
        '    if (self.guarded && !self.cut) self.failed = null;',
      ],
    ],
  },
];
