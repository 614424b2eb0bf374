// Section 5.3: start.

import type { Mutant } from '../mutant.ts';

export const START: Mutant[] = [
  {
    rule: '5.3.1',
    name: 'a seat takes any first message for a new start',
    changes: [['core.ts', "return message.kind === 'handover' || message.kind === 'report';", 'return true;']],
    scene: 'a seat takes the first message of a new version for a new start',
    caughtBy: /^(progress: froze|fifo: )/,
  },
  {
    rule: '5.3.1',
    name: 'a seat does not forget the former start',
    changes: [
      [
        'core.ts',
        "return message.kind === 'handover' || message.kind === 'report';",
        'return self.seat === null && !self.cut;',
      ],
    ],
  },
  {
    rule: '5.3.1',
    name: 'a seat takes a message of a later start for a repeat',
    changes: [['core.ts', "  if (message.epoch > self.epoch && self.role === 'seat') return 'wait';\n", '']],
  },
  {
    rule: '5.3.2',
    name: 'a handover without the held messages',
    changes: [['cut.ts', '        else message.held.push(event);\n', '']],
  },
  {
    rule: '5.3.2',
    name: 'a handover without the pending messages',
    changes: [['cut.ts', '        if (inside) message.pending.push(event);\n        else', '        if (!inside)']],
  },
  {
    rule: '5.3.2',
    name: 'a handover that gives pending messages as held ones',
    changes: [
      [
        'cut.ts',
        "        const inside = event.kind === 'app' && op.cluster.indexOf((event.from as Pid) >> 1) >= 0;\n",
        "        const inside = event.kind === 'report';\n",
      ],
    ],
  },
  {
    rule: '5.3.2',
    name: 'a handover without the last inputs',
    changes: [
      [
        'cut.ts',
        '      message.got = self.gotI.slice();\n',
        '      message.got = self.gotI.map(function () {\n        return 0;\n      });\n',
      ],
    ],
  },
  {
    rule: '5.3.2',
    name: 'timers are handed over with the time of their board',
    changes: [['cut.ts', '      for (let j = 0; j < copy.timers.length; j++) copy.timers[j].at -= t;\n', '']],
  },
  {
    rule: '5.3.3',
    name: 'a seat takes inputs before its handover',
    changes: [['core.ts', '(!self.seat || message.epoch > self.epoch)) return', 'message.epoch > self.epoch) return']],
  },
  {
    rule: '5.3.3',
    name: 'a seat takes what is passed on in a later start',
    changes: [['core.ts', '(!self.seat || message.epoch > self.epoch)) return', '!self.seat) return']],
    scene: 'an input passed on in a start, to a seat that still waits for the end of the one before',
    caughtBy: /^(progress|inputs): /,
  },
  {
    rule: '5.3.3',
    name: 'a seat whose migrate fails takes no inputs',
    changes: [
      [
        'core.ts',
        '(!self.seat || message.epoch > self.epoch)) return',
        '(!self.seat || !self.seat.ok || message.epoch > self.epoch)) return',
      ],
    ],
  },
  {
    rule: '5.3.4',
    name: 'pending messages are not counted as received',
    changes: [['resume.ts', '      state.r[(handed[i].from as number) >> 1] = handed[i].q as number;\n', '']],
  },
  {
    rule: '5.3.4',
    name: 'pending messages that the state has come again',
    changes: [['resume.ts', '      if (isRepeat({ state: state }, handed[i])) continue;\n', '']],
  },
  {
    rule: '5.3.4',
    name: 'the first events are lost',
    changes: [
      [
        'resume.ts',
        '  for (let i = 0; i < seat.first.length; i++) self.held.push({ n: self.n, event: seat.first[i] });\n',
        '',
      ],
    ],
  },
  {
    rule: '5.3.4',
    name: 'what the seat held comes before what was handed over',
    changes: [
      [
        'resume.ts',
        '  for (let i = 0; i < seat.first.length; i++) self.held.push({ n: self.n, event: seat.first[i] });\n  for (let i = 0; i < held.length; i++) self.held.push(held[i]);\n',
        '  for (let i = 0; i < held.length; i++) self.held.push(held[i]);\n  for (let i = 0; i < seat.first.length; i++) self.held.push({ n: self.n, event: seat.first[i] });\n',
      ],
    ],
  },
  {
    rule: '5.3.5',
    name: 'a failed migrate does not cancel',
    changes: [['cut.ts', "  if (!event.ok) turn(cut, 'cancel', event.why || 'migrate failed');\n", '']],
  },
  {
    rule: '5.3.5',
    name: 'the old version does not wait for the answer',
    changes: [
      ['cut.ts', "  if (starting && cut.cut === 'start' && cut.waiting && cut.waiting.length > 0) return false;\n", ''],
    ],
  },
  {
    rule: '5.3.5',
    name: 'a seat that does not answer does not cancel',
    changes: [['cut.ts', "    if (cut.waiting && cut.waiting.indexOf(pid) >= 0) turn(cut, 'cancel', why);\n", '']],
  },
  {
    rule: '5.3.5',
    name: 'a cancel that only its reporter takes note of',
    changes: [
      [
        'cut.ts',
        "    if (plain === 'cancel' && cancel === null) cancel = why;\n",
        "    if (plain === 'cancel' && cancel === null && all[i] === self.pid) cancel = why;\n",
      ],
    ],
  },
  {
    rule: '5.3.5',
    name: 'a cancelled start loses what was held',
    changes: [
      [
        'resume.ts',
        '    enterEpoch(self, 0);\n    deliverHeld(self, effects, app);\n',
        '    enterEpoch(self, 0);\n    self.held = [];\n',
      ],
    ],
  },
  {
    rule: '5.3.6',
    name: '28 two starts',
    changes: [
      ['cut.ts', "  if (kind === 'start' && op !== cut.op) turn(cut, 'cancel', 'two upgrades started at once');\n", ''],
      ['cut.ts', "  if (cut === 'start' && (!self.staged || self.staged.id !== op)) {", '  if (op === null) {'],
    ],
    scene: '28 two starts',
    caughtBy: /^verdict: epoch 1: begins operation/,
  },
  {
    rule: '5.3.6',
    name: 'an upgrade that is not staged here is started',
    changes: [
      ['cut.ts', "  if (cut === 'start' && (!self.staged || self.staged.id !== op)) {", '  if (op === null) {'],
    ],
  },
  {
    rule: '5.3.6',
    name: 'an abort during a start is not followed',
    changes: [
      [
        'core.ts',
        "      turn(self.cut, self.guarded ? 'recovery' : 'cancel', event.why || 'aborted by the operator');",
        "      turn(self.cut, self.guarded ? 'recovery' : 'start', event.why || 'aborted by the operator');",
      ],
    ],
  },
  {
    rule: '5.3.7',
    name: 'nobody hands over to an added component',
    changes: [['cut.ts', '  if (sponsor === self.component) {', '  if (sponsor < 0) {']],
  },
  {
    rule: '5.3.7',
    name: 'everyone hands over to an added component',
    changes: [['cut.ts', '  if (sponsor === self.component) {', '  if (sponsor >= 0) {']],
  },
  {
    rule: '5.3.7',
    name: 'an added component keeps inputs of a cancelled start',
    changes: [['resume.ts', '  else for (let d = 0; d < self.gotI.length; d++) self.gotI[d] = -1;\n', '']],
  },
];
