// Section 5.1: recovery.

import type { Mutant } from '../mutant.ts';
import { LOAD } from './state.ts';

export const RECOVERY: Mutant[] = [
  {
    rule: '5.1.1',
    name: 'no process rolls back',
    changes: [['resume.ts', LOAD, '']],
  },
  {
    rule: '5.1.1',
    name: 'a rollback without a replay',
    changes: [['resume.ts', '    if (event) replay(self, event, records[i].n, true, decision.V, effects, app);\n', '']],
  },
  {
    rule: '5.1.1',
    name: 'bad records are replayed too',
    changes: [
      ['resume.ts', '  if (!covered(vectorOf(event), V) || isRepeat(self, event)) {', '  if (isRepeat(self, event)) {'],
      ['resume.ts', "import { covered, zeros } from './vector.ts';", "import { zeros } from './vector.ts';"],
    ],
  },
  {
    rule: '5.1.1',
    name: 'held messages are delivered without the test',
    changes: [
      [
        'resume.ts',
        'replay(self, held[i].event, held[i].n, false, decision.V, effects, app);',
        'receive(self, held[i].event, held[i].n, effects, app);',
      ],
    ],
  },
  {
    rule: '5.1.1',
    name: 'held messages are lost in a recovery',
    changes: [
      [
        'resume.ts',
        '  for (let i = 0; i < held.length; i++) replay(self, held[i].event, held[i].n, false, decision.V, effects, app);\n',
        '',
      ],
    ],
  },
  {
    rule: '5.1.1',
    name: 'reclaimed by what each knows, not by V*',
    changes: [['resume.ts', '  reclaim(self, decision.V, effects);\n', '']],
  },
  {
    rule: '5.1.2',
    name: 'what is sent while replaying is not sent',
    changes: [
      [
        'resume.ts',
        '    if (event) replay(self, event, records[i].n, true, decision.V, effects, app);\n',
        "    const mark = effects.length;\n    if (event) replay(self, event, records[i].n, true, decision.V, effects, app);\n    for (let j = effects.length - 1; j >= mark; j--) if (effects[j].kind === 'send') effects.splice(j, 1);\n",
      ],
    ],
  },
  {
    rule: '5.1.2',
    name: 'a second step back',
    changes: [
      [
        'resume.ts',
        '    self.counters.rollbacks++;\n',
        "    self.counters.rollbacks++;\n    effects.push({ kind: 'rollback', event: records[0].n });\n",
      ],
    ],
  },
  {
    rule: '5.1.3',
    name: '19 takeover out of order',
    changes: [
      [
        'resume.ts',
        '  self.redo = true;\n',
        "  self.redo = true;\n  const was = self.role;\n  if (was === 'shadow') self.role = 'active';\n",
      ],
      ['resume.ts', "  if (self.role === 'shadow') {\n    takeOver", "  if (was === 'shadow') {\n    takeOver"],
    ],
    scene: '19 takeover out of order',
    caughtBy: /^border: takes q=2 of low\/0 after q=0/,
  },
  {
    rule: '5.1.3',
    name: 'a takeover without the log',
    changes: [
      [
        'resume.ts',
        '  const log = self.state.log;\n  for (let i = 0; i < log.length; i++) {\n    const entry',
        "  const log: State['log'] = [];\n  for (let i = 0; i < log.length; i++) {\n    const entry",
      ],
    ],
  },
  {
    rule: '5.1.3',
    name: 'the log goes out backwards',
    changes: [
      [
        'resume.ts',
        '  const log = self.state.log;\n  for (let i = 0; i < log.length; i++) {\n    const entry',
        '  const log = self.state.log.reverse();\n  for (let i = 0; i < log.length; i++) {\n    const entry',
      ],
    ],
  },
  {
    rule: '5.1.3',
    name: 'the log goes out under new numbers',
    changes: [['resume.ts', '      message.q = entry.q;\n', '      message.q = ++self.state.q[entry.to];\n']],
  },
  {
    rule: '5.1.3',
    name: 'a shadow stays one after the recovery',
    changes: [
      [
        'resume.ts',
        "    takeOver(self, effects);\n    become(self, 'active', effects);\n",
        '    takeOver(self, effects);\n',
      ],
    ],
  },
  {
    rule: '5.1.4',
    name: 'receivers do not drop what they hold',
    changes: [
      [
        'deliver.ts',
        "  return event.kind === 'app' && event.q !== undefined &&",
        "  return event.kind === 'app' && event.q === 0 &&",
      ],
    ],
  },
  {
    rule: '5.1.5',
    name: 'what is executed again is not tested',
    changes: [['resume.ts', '  self.redo = true;\n', '']],
  },
  {
    rule: '5.1.5',
    name: 'what fails again is put out',
    changes: [
      [
        'emit.ts',
        "    effects.push({ kind: 'withheld', device: device });\n",
        "    effects.push({ kind: 'withheld', device: device });\n    put(self, device, data, true, false, effects);\n",
      ],
    ],
  },
];
