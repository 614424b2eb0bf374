// Section 5.0: the steps of every cut.

import type { Mutant } from '../mutant.ts';

export const CUTS: Mutant[] = [
  {
    rule: '5.0.1',
    name: '10 nobody told it',
    changes: [
      [
        'cut.ts',
        "  const all = others(self);\n  for (let i = 0; i < all.length; i++) {\n    const message = blank('freeze');",
        "  const all = survivors(self);\n  if (all.indexOf(self.pid) >= 0) all.splice(all.indexOf(self.pid), 1);\n  for (let i = 0; i < all.length; i++) {\n    const message = blank('freeze');",
      ],
    ],
    scene: '10 nobody told it',
    caughtBy: /^progress: froze, and has not decided/,
  },
  {
    rule: '5.0.1',
    name: 'a frozen process goes on delivering',
    changes: [
      [
        'core.ts',
        "    if (self.cut || self.role === 'seat') hold(self, event, effects);\n",
        "    if (self.role === 'seat') hold(self, event, effects);\n",
      ],
    ],
  },
  {
    rule: '5.0.1',
    name: 'timers fire in a frozen process',
    changes: [
      [
        'core.ts',
        "    if (self.cut || self.role === 'seat') return;\n    if (armedTimer",
        "    if (self.role === 'seat') return;\n    if (armedTimer",
      ],
    ],
  },
  {
    rule: '5.0.1',
    name: 'V of a held message does not count',
    changes: [
      [
        'cut.ts',
        '  self.held.push({ n: self.n, event: event });\n  learn(self, event.V, effects);\n',
        '  self.held.push({ n: self.n, event: event });\n',
      ],
      ['cut.ts', "import { learn } from './journal.ts';\n", ''],
    ],
  },
  {
    rule: '5.0.2',
    name: '12 acknowledged after the verdict',
    changes: [
      [
        'core.ts',
        "  if (self.role === 'stopped' || self.closed.indexOf(from) >= 0) return 'refuse';",
        "  if (self.closed.indexOf(from) >= 0) return 'repeat';\n  if (self.role === 'stopped') return 'refuse';",
      ],
    ],
    scene: '12 acknowledged after the verdict',
    caughtBy: /^orphans: .*from low\/0: message q=1 was sent, and is neither taken/,
  },
  {
    rule: '5.0.2',
    name: 'accepted after the verdict',
    changes: [['cut.ts', '  if (self.closed.indexOf(pid) < 0) self.closed.push(pid);\n', '']],
  },
  {
    rule: '5.0.2',
    name: 'a verdict after the own report, and a second report',
    changes: [
      [
        'cut.ts',
        '  if (cut && (cut.reported || endOf(cut, pid) !== null)) return;\n',
        '  if (cut && cut.reported) cut.reported = false;\n  else if (cut && endOf(cut, pid) !== null) return;\n',
      ],
    ],
  },
  {
    rule: '5.0.4',
    name: 'a commit although a low process is dead',
    changes: [
      ['cut.ts', "      if (recovery === null && ends[j][1] !== 'commit') recovery = why;\n", ''],
      ['cut.ts', "  turn(self.cut as CutState, 'recovery', why);\n", ''],
    ],
  },
  {
    rule: '5.0.3',
    name: 'a report before every channel has ended',
    changes: [
      [
        'cut.ts',
        '  for (let i = 0; i < all.length; i++) if (endOf(cut, all[i]) === null) return false;\n  const starting',
        '  const starting',
      ],
    ],
  },
  {
    rule: '5.0.3',
    name: 'a report that does not wait for low processes',
    changes: [
      [
        'cut.ts',
        '  for (let i = 0; i < all.length; i++) if (endOf(cut, all[i]) === null) return false;\n  const starting',
        '  const due = survivors(self);\n  for (let i = 0; i < due.length; i++) if (due[i] !== self.pid && endOf(cut, due[i]) === null) return false;\n  const starting',
      ],
    ],
  },
  {
    rule: '5.0.4',
    name: '9 split verdict',
    changes: [
      ['cut.ts', "endOf(cut, lows[i]) || ''", "endOf(cut, lows[i]) || 'commit'"],
      [
        'cut.ts',
        'if (!cut || cut.reported || !isSurvivor(self)) return false;',
        'if (!cut || cut.reported) return false;',
      ],
      [
        'cut.ts',
        '  const all = survivors(self);\n  const V: Vector = [];',
        '  const all = survivors(self).concat(self.op ? self.op.lows : []);\n  const V: Vector = [];',
      ],
      [
        'cut.ts',
        '  if (cut && (cut.reported || endOf(cut, pid) !== null)) return;',
        "  if (cut && cut.reported) cut.reports.push([pid, { kind: 'report', n: 0, epoch: 0, cut: 'recovery', why: why }]);\n  if (cut && (cut.reported || endOf(cut, pid) !== null)) return;",
      ],
    ],
    scene: '9 split verdict',
    caughtBy: /^verdict: .*decides (commit|recovery), but .* decided/,
  },
  {
    rule: '5.0.4',
    name: '5 V* is what each knows by itself',
    changes: [['cut.ts', '    raise(V, found.V || []);\n', '    if (all[i] === self.pid) raise(V, found.V || []);\n']],
  },
  {
    rule: '5.0.4',
    name: 'decided by the first report',
    changes: [
      [
        'cut.ts',
        '    if (!found) return null;\n',
        '    if (!found && plain !== "cancel") continue;\n    if (!found) return null;\n',
      ],
    ],
  },
  {
    rule: '5.0.4',
    name: 'one report of recovery is not enough',
    changes: [
      ['cut.ts', "    if (plain === 'recovery' && recovery === null) recovery = why;\n", ''],
      ['cut.ts', "      if (recovery === null && ends[j][1] !== 'commit') recovery = why;\n", ''],
    ],
  },
  {
    rule: '5.0.5',
    name: 'a message of a newer epoch does not wait',
    changes: [['core.ts', '  if (message.epoch > self.epoch || message.n > got + 1)', '  if (message.n > got + 1)']],
  },
  {
    rule: '5.0.5',
    name: 'a new message of an older epoch is accepted',
    changes: [['core.ts', "  if (message.epoch < self.epoch) return 'refuse';\n", '']],
  },
  {
    rule: '5.0.5',
    name: '27 a new message of an older epoch is acknowledged',
    changes: [
      [
        'core.ts',
        "  if (message.epoch < self.epoch) return 'refuse';\n",
        "  if (message.epoch < self.epoch) return 'repeat';\n",
      ],
    ],
  },
  {
    rule: '5.0.5',
    name: '27 a repeat of an older epoch is not acknowledged',
    changes: [
      [
        'core.ts',
        "  if (message.n <= got) return 'repeat';\n",
        "  if (message.epoch < self.epoch) return 'refuse';\n  if (message.n <= got) return 'repeat';\n",
      ],
    ],
  },
  {
    rule: '5.0.6',
    name: '23 commit without flush',
    changes: [
      [
        'core.ts',
        "else if (self.role === 'low' && decision.cut === 'commit' && !flushed(self)) return;",
        'else if (false) return;',
      ],
    ],
    scene: '23 commit without flush',
    caughtBy:
      /^(orphans: .*from low1\/1: message q=1 was sent, and is neither taken|progress: app from low1\/1 is never taken)/,
  },
  {
    rule: '5.0.6',
    name: 'a low process waits for the marker of a dead one',
    changes: [
      [
        'cut.ts',
        '  if (!self.guarded || !self.op || self.op.lows.indexOf(pid) < 0 || pid === self.pid) return;\n',
        '  if (!self.guarded || !self.op || self.op.lows.indexOf(pid) < 0 || !isSurvivor(self)) return;\n',
      ],
    ],
  },
];
