// Section 4.4: what a journal and a log let go.

import type { Mutant } from '../mutant.ts';

export const RECLAIM: Mutant[] = [
  {
    rule: '4.4.1',
    name: 'reclaim drops the checkpoint of the first bad record',
    changes: [['journal.ts', '      keep = checkpoint;\n', '      keep = i;\n']],
  },
  {
    rule: '4.4.1',
    name: 'reclaim keeps from the last checkpoint of all',
    changes: [
      ['journal.ts', '      keep = checkpoint;\n      break;\n', '      if (keep === journal.length) keep = -1;\n'],
      ['journal.ts', '  if (keep === 0) return;\n', '  if (keep < 0) keep = checkpoint;\n  if (keep === 0) return;\n'],
    ],
  },
  {
    rule: '4.4.1',
    name: 'reclaim keeps from the first checkpoint of all',
    changes: [['journal.ts', '      keep = checkpoint;\n', '      keep = 0;\n']],
  },
  {
    rule: '4.4.1',
    name: 'reclaim looks at the first event record only',
    changes: [
      [
        'journal.ts',
        '    else if (!covered(vectorOf(event), V)) {',
        '    else if (!covered(vectorOf(event), V) && i === 1) {',
      ],
    ],
  },
  {
    rule: '4.4.2',
    name: '7 reported: validated, but not acknowledged',
    changes: [['border.ts', 'mark.k <= valid && mark.q <= (acked[mark.to] || 0)', 'mark.k <= valid']],
  },
  {
    rule: '4.4.2',
    name: 'reported: acknowledged, but not validated',
    changes: [['border.ts', 'mark.k <= valid && mark.q <= (acked[mark.to] || 0)', 'mark.q <= (acked[mark.to] || 0)']],
  },
  {
    rule: '4.4.2',
    name: '22 announced is not done',
    changes: [
      [
        'border.ts',
        'for (let d = 0; d < done.length; d++) if (done[d] > 0) beat.done.push([d, done[d]]);',
        'for (let d = 0; d < done.length; d++) if (self.state.e[d] > 0) beat.done.push([d, self.state.e[d]]);',
      ],
    ],
    scene: '22 announced is not done',
    caughtBy: /^border: device 0, component 0: did e=2 after e=0/,
  },
  {
    rule: '4.4.3',
    name: '11 index instead of channel',
    changes: [
      [
        'border.ts',
        '    if (entry.q <= self.safeQ[entry.to]) return;\n',
        '    (entry as any).k = ++self.state.k;\n    if ((entry as any).k <= self.V[0]) return;\n',
      ],
      [
        'border.ts',
        '      if ((entry.q || 0) > self.safeQ[entry.to]) kept.push(entry);',
        '      if ((entry as any).k > self.V[0]) kept.push(entry);',
      ],
    ],
    scene: '11 index instead of channel',
    caughtBy: /^orphans: .*from low\/0: message q=1 was sent, and is neither taken/,
  },
  {
    rule: '4.4.3',
    name: '13 an output announced, but never put out',
    changes: [['border.ts', 'entry.e <= self.safeE[entry.device]) return;', 'entry.e <= 1) return;']],
    scene: '13 an output announced, but never put out',
    caughtBy: /^border: device 0, component 0: did e=2 after e=0/,
  },
  {
    rule: '4.4.3',
    name: 'the log is dropped one too far',
    changes: [
      [
        'border.ts',
        '      if ((entry.q || 0) > self.safeQ[entry.to]) kept.push(entry);',
        '      if ((entry.q || 0) > self.safeQ[entry.to] + 1) kept.push(entry);',
      ],
    ],
  },
  {
    rule: '4.4.3',
    name: 'the log is dropped by the number of any channel',
    changes: [
      [
        'border.ts',
        '      if ((entry.q || 0) > self.safeQ[entry.to]) kept.push(entry);',
        '      if ((entry.q || 0) > Math.max.apply(null, self.safeQ)) kept.push(entry);',
      ],
    ],
  },
  {
    rule: '4.4.3',
    name: 'outputs are never dropped from the log',
    changes: [
      [
        'border.ts',
        '      if (self.latest[entry.device] || (entry.e || 0) > self.safeE[entry.device]) kept.push(entry);',
        '      kept.push(entry);',
      ],
    ],
  },
  {
    rule: '4.4.3',
    name: 'what is produced late is logged all the same',
    changes: [['border.ts', '    if (entry.q <= self.safeQ[entry.to]) return;\n', '']],
  },
  {
    rule: '4.4.4',
    name: 'the last output of a latest device is dropped',
    changes: [['border.ts', 'self.latest[entry.device] || (entry.e || 0) > self.safeE', '(entry.e || 0) > self.safeE']],
  },
  {
    rule: '4.4.4',
    name: 'all outputs of a latest device are kept',
    changes: [['border.ts', '          log.splice(i, 1);\n', '']],
  },
  {
    rule: '4.4.4',
    name: 'the first output of a latest device is kept',
    changes: [['border.ts', '          log.splice(i, 1);\n          break;\n', '          return;\n']],
  },
];
