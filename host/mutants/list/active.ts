// Section 4.2: active processes.

import type { Mutant } from '../mutant.ts';

export const ACTIVE: Mutant[] = [
  {
    rule: '4.2.1',
    name: 'old and new version get messages of different q',
    changes: [
      [
        'emit.ts',
        '    if (low >= 0) sendOne(self, low, q, 0, type, data, effects);\n  }\n',
        '    if (low >= 0) sendOne(self, low, old >= 0 ? ++state.q[to] : q, 0, type, data, effects);\n  }\n',
      ],
    ],
  },
  {
    rule: '4.2.1',
    name: 'messages to the cluster go to the new version alone',
    changes: [
      [
        'emit.ts',
        '    if (old >= 0) sendOne(self, old, q, 0, type, data, effects);\n    if (low',
        '    if (old >= 0 && low < 0) sendOne(self, old, q, 0, type, data, effects);\n    if (low',
      ],
    ],
  },
  {
    rule: '4.2.1',
    name: 'messages to the cluster go to the old version alone',
    changes: [
      [
        'emit.ts',
        '    if (low >= 0) sendOne(self, low, q, 0, type, data, effects);\n  }\n',
        '    if (low >= 0 && old < 0) sendOne(self, low, q, 0, type, data, effects);\n  }\n',
      ],
    ],
  },
  {
    rule: '4.2.2',
    name: 'a contaminated active process puts out untested',
    changes: [
      [
        'emit.ts',
        "const suspect = self.role !== 'shadow' && contaminated(self);",
        "const suspect = self.role === 'low';",
      ],
    ],
  },
  {
    rule: '4.2.2',
    name: "a clean process's output is tested",
    changes: [
      [
        'emit.ts',
        "const suspect = self.role !== 'shadow' && contaminated(self);",
        "const suspect = self.role !== 'shadow';",
      ],
    ],
  },
  {
    rule: '4.2.3',
    name: '3 a clean event of a contaminated process: no record',
    changes: [['journal.ts', '  if (covered(T, self.V) && !dirty) return;\n', '  if (covered(T, self.V)) return;\n']],
  },
  {
    rule: '4.2.3',
    name: '4 an event is compared with T, not with V',
    changes: [
      ['journal.ts', '  if (covered(T, self.V) && !dirty) return;\n', '  if (covered(T, self.state.T)) return;\n'],
    ],
  },
  {
    rule: '4.2.4',
    name: 'no checkpoint of a clean process (S1)',
    changes: [
      [
        'journal.ts',
        '  if (!dirty || (!covered(T, self.state.T) && self.emitted)) {',
        '  if (!covered(T, self.state.T) && self.emitted) {',
      ],
    ],
  },
  {
    rule: '4.2.4',
    name: '1 no second checkpoint (S2)',
    changes: [['journal.ts', '  if (!dirty || (!covered(T, self.state.T) && self.emitted)) {', '  if (!dirty) {']],
  },
  {
    rule: '4.2.4',
    name: 'S2 asks whether the event is the only unvalidated one',
    changes: [
      [
        'journal.ts',
        '  if (!dirty || (!covered(T, self.state.T) && self.emitted)) {',
        '  if (!dirty || (covered(self.state.T, self.V) && self.emitted)) {',
      ],
    ],
  },
  {
    rule: '4.2.4',
    name: 'messages do not count for S2',
    changes: [['emit.ts', '  const q = ++state.q[to];\n  self.emitted = true;\n', '  const q = ++state.q[to];\n']],
  },
  {
    rule: '4.2.4',
    name: 'outputs do not count for S2',
    changes: [
      [
        'emit.ts',
        'const e = latest ? 0 : ++self.state.e[device];\n  self.emitted = true;\n',
        'const e = latest ? 0 : ++self.state.e[device];\n',
      ],
    ],
  },
  {
    rule: '4.2.4',
    name: 'suppressed messages do not count for S2',
    changes: [
      [
        'emit.ts',
        '  const q = ++state.q[to];\n  self.emitted = true;\n',
        "  const q = ++state.q[to];\n  if (self.role !== 'shadow') self.emitted = true;\n",
      ],
    ],
  },
  {
    rule: '4.2.5',
    name: 'a checkpoint record, but no record of a clean event',
    changes: [
      [
        'journal.ts',
        '  append(self, { n: n, event: event, bytes: size });\n',
        '  if (!covered(T, self.V)) append(self, { n: n, event: event, bytes: size });\n',
      ],
    ],
  },
  {
    rule: '4.2.5',
    name: "the event's record stands before its checkpoint",
    changes: [
      [
        'journal.ts',
        '    append(self, { n: n, saved: saved, bytes: bytes });\n',
        '    append(self, { n: n, event: event, bytes: app.bytes(event.data) + 32 });\n    append(self, { n: n, saved: saved, bytes: bytes });\n',
      ],
    ],
  },
  {
    rule: '4.2.6',
    name: 'a process that does not take T',
    changes: [
      [
        'deliver.ts',
        '  if (self.guarded) raise(self.state.T, vectorOf(event));',
        "  if (self.guarded && self.role === 'low') raise(self.state.T, vectorOf(event));",
      ],
    ],
  },
  {
    rule: '4.2.6',
    name: 'T is taken only after the delivery',
    changes: [
      [
        'deliver.ts',
        '  if (self.guarded) raise(self.state.T, vectorOf(event));\n  handle(self, event, n, effects, app);\n',
        '  handle(self, event, n, effects, app);\n  if (self.guarded) raise(self.state.T, vectorOf(event));\n',
      ],
    ],
  },
  {
    rule: '4.2.6',
    name: 'a message that triggers a checkpoint is not delivered',
    changes: [
      [
        'deliver.ts',
        '  journalBefore(self, event, n, effects, app);\n  apply(self, event, n, effects, app);\n',
        '  const before = effects.length;\n  journalBefore(self, event, n, effects, app);\n  if (effects.length < before + 2) apply(self, event, n, effects, app);\n',
      ],
    ],
  },
  {
    rule: '4.2.7',
    name: "a contaminated process's exception is only reported",
    changes: [
      ['deliver.ts', '  if (self.guarded && contaminated(self)) {', "  if (self.guarded && self.role === 'low') {"],
    ],
  },
  {
    rule: '4.2.7',
    name: "a clean process's exception is the upgrade's fault",
    changes: [['deliver.ts', '  if (self.guarded && contaminated(self)) {', '  if (self.guarded) {']],
  },
  {
    rule: '4.2.7',
    name: 'emissions of a handler that throws take effect',
    changes: [
      [
        'deliver.ts',
        '    misbehaves(self, text(error), effects);\n    return;\n',
        '    misbehaves(self, text(error), effects);\n',
      ],
    ],
  },
];
