// Mistakes planted in the source of the core (PROTOCOL 9), one at a time: each must be caught by a check in a run
// that the core itself passes.

import { describe, expect, test } from 'vitest';
import { Scenario } from '../host/explore/scenario.ts';
import type { Shape } from '../host/explore/shape.ts';
import { shapeOf } from '../host/explore/shape.ts';
import { seededChoose } from '../host/explore/simulate.ts';
import type { Core } from '../host/explore/world.ts';
import { headOf, processAt } from '../host/explore/world.ts';
import type { Change } from './mistake.ts';
import { withMistake } from './mistake.ts';

const S = 0;
const L = 1;
const A = 2;
const B = 4;
const to = (pid: number) => ({ to: pid >> 1 });
const out = (pid: number) => ({ device: pid >> 1 });
const fails = { kind: 'fail', why: 'threw' } as const;

interface Mistake {
  name: string;
  changes: Change[];
  lows?: number;
  shape?: Partial<Shape>;
  run: (s: Scenario) => void;
  /** the check that catches it */
  caught: RegExp;
}

/** S, A and B report; what is left of the cut is not yet delivered. */
function markersOnly(s: Scenario): void {
  s.spread('freeze');
}

const MISTAKES: Mistake[] = [
  {
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
    run: (s) => {
      s.word(A, 'commit');
      markersOnly(s);
      if (headOf(s.world, `${L}>${A}`)?.kind === 'report') s.hears(A, L, 'report');
      s.dies(L, { '1>0': 1, '1>4': 1 });
      for (const pid of [S, B]) s.event(pid, { kind: 'absent', pid: L, why: 'silent' });
    },
    caught: /^verdict: .*decides (commit|recovery), but .* decided/,
  },
  {
    name: '10 nobody told it',
    changes: [
      [
        'cut.ts',
        "  const all = others(self);\n  for (let i = 0; i < all.length; i++) {\n    const message = blank('freeze');",
        "  const all = survivors(self);\n  if (all.indexOf(self.pid) >= 0) all.splice(all.indexOf(self.pid), 1);\n  for (let i = 0; i < all.length; i++) {\n    const message = blank('freeze');",
      ],
    ],
    lows: 2,
    run: (s) => {
      s.event(L, fails);
    },
    caught: /^progress: froze, and has not decided/,
  },
  {
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
    run: (s) => {
      s.does(L, to(A));
      s.does(L, out(L));
      s.does(L, to(B));
      s.does(S, to(B));
      s.does(S, to(A));
      s.takes(A, L);
      s.hears(S, L, 'passed');
      s.beats(L, S);
      s.dies(L, { '1>4': 1 });
      s.event(A, { kind: 'absent', pid: L, why: 'silent' });
    },
    caught: /^orphans: .*from low\/0: message q=1 was sent, and is neither taken/,
  },
  {
    name: '12 acknowledged after the verdict',
    changes: [
      [
        'core.ts',
        "  if (self.role === 'stopped' || self.closed.indexOf(from) >= 0) return 'refuse';",
        "  if (self.closed.indexOf(from) >= 0) return 'repeat';\n  if (self.role === 'stopped') return 'refuse';",
      ],
    ],
    run: (s) => {
      s.does(S, to(A));
      s.event(A, { kind: 'absent', pid: L, why: 'silent' });
      s.does(L, to(A));
      s.does(L, out(L));
      headOf(s.world, `${L}>${A}`);
      s.hears(S, L, 'passed');
      s.beats(L, S);
    },
    caught: /^orphans: .*from low\/0: message q=1 was sent, and is neither taken/,
  },
  {
    name: '13 a driver that does not count',
    changes: [['driver.ts', '  if (e <= driver.done[component]) return false;\n', '']],
    run: (s) => {
      s.does(L, out(L));
      s.does(S, out(L));
      s.event(L, fails);
    },
    caught: /^border: device 0, component 0: did e=1 after e=1/,
  },
  {
    name: '13 an output announced, but never put out',
    changes: [['border.ts', 'entry.e <= self.safeE[entry.device]) return;', 'entry.e <= 1) return;']],
    shape: { prompt: false },
    run: (s) => {
      s.does(L, out(L));
      s.does(S, out(L));
      s.does(S, out(L));
      s.event(L, fails);
    },
    caught: /^border: device 0, component 0: did e=2 after e=0/,
  },
  {
    name: '14 uncounted compensation',
    changes: [
      [
        'emit.ts',
        'const e = latest ? 0 : ++self.state.e[device];',
        'const e = latest ? 0 : compensated ? self.state.e[device] + 1 : ++self.state.e[device];',
      ],
    ],
    run: (s) => {
      s.does(L, { device: 0, test: 'compensate' });
      s.does(L, out(L));
      s.does(S, out(L));
      s.does(S, out(L));
      s.event(L, fails);
    },
    caught: /^border: device 0: puts out e=1, expected 2/,
  },
  {
    name: '17 timer without a past',
    changes: [
      [
        'emit.ts',
        'timers.push({ name: name, at: at, T: self.state.T.slice() });',
        'timers.push({ name: name, at: at, T: [] });',
      ],
    ],
    run: (s) => {
      s.does(S, to(A));
      s.does(L, to(A));
      s.takes(A, L, { timer: 'one' });
      s.fires(A, 'one', to(B));
      s.event(L, fails);
    },
    caught: /^containment: delivery in a recovery/,
  },
  {
    name: '18 counters outside the state: sent',
    changes: [
      [
        'resume.ts',
        '    self.state = app.load(records[0].saved) as State;\n',
        '    const q = self.state.q;\n    self.state = app.load(records[0].saved) as State;\n    self.state.q = q;\n',
      ],
    ],
    run: (s) => {
      s.does(S, to(B));
      s.does(L, to(B));
      s.takes(B, L, to(A));
      s.takes(A, B);
      s.event(L, fails);
      s.finish();
      s.does(B, to(A));
    },
    caught: /^border: .*(sends q=2 to a\/0, expected 1|takes q=2 of b\/0 after q=0)/,
  },
  {
    name: '18 counters outside the state: received',
    changes: [
      [
        'resume.ts',
        '    self.state = app.load(records[0].saved) as State;\n',
        '    const r = self.state.r;\n    self.state = app.load(records[0].saved) as State;\n    self.state.r = r;\n',
      ],
    ],
    run: (s) => {
      s.does(S, to(B));
      s.does(L, to(B));
      s.takes(B, L, to(A));
      s.takes(A, B);
      s.event(L, fails);
      s.finish();
      s.does(B, to(A));
      s.finish();
      s.stage([0], 'u2');
      s.word(A, 'start', 'u2');
    },
    caught: /^orphans: /,
  },
  {
    name: '19 takeover out of order',
    changes: [
      [
        'resume.ts',
        '  self.redo = true;\n',
        "  self.redo = true;\n  const was = self.role;\n  if (was === 'shadow') self.role = 'active';\n",
      ],
      ['resume.ts', "  if (self.role === 'shadow') {\n    takeOver", "  if (was === 'shadow') {\n    takeOver"],
    ],
    run: (s) => {
      s.does(S, to(B));
      s.does(L, to(A));
      s.takes(A, L, to(S));
      s.takes(S, A);
      s.does(S, to(B));
      s.event(L, fails);
    },
    caught: /^border: takes q=2 of low\/0 after q=0/,
  },
  {
    name: '20 old vectors in a new operation',
    changes: [['resume.ts', '  for (let i = 0; i < self.state.timers.length; i++) self.state.timers[i].T = [];\n', '']],
    run: (s) => {
      s.does(L, to(A));
      s.takes(A, L, { timer: 'one' });
      s.word(B, 'commit');
      s.finish();
      s.stage([0], 'u2');
      s.word(A, 'start', 'u2');
      s.finish();
      s.fires(A, 'one');
      s.event(S, fails);
    },
    caught: /^cascade: rolls back without need/,
  },
  {
    name: '21 late low output',
    changes: [
      ['core.ts', "else if (kind === 'stop') stopLow(self, effects);", "else if (kind === 'stop') self.failed = null;"],
    ],
    shape: { boards: ['board0', 'board0', 'board1', 'board1', 'board2', 'board2'] },
    run: (s) => {
      s.does(L, out(L));
      s.does(S, out(L));
      s.does(S, out(L));
      s.event(A, { kind: 'absent', pid: L, why: 'silent' });
      s.event(S, { kind: 'absent', pid: L, why: 'silent' });
      for (const [p, from] of [
        [S, A],
        [A, S],
        [B, A],
        [B, S],
        [S, B],
        [A, B],
      ] as const)
        s.hears(p, from, 'freeze');
      s.event(B, { kind: 'absent', pid: L, why: 'silent' });
      s.hears(S, A, 'report');
      s.hears(S, B, 'report');
      if (processAt(s.world, L)?.role === 'low') s.does(L, out(L));
    },
    caught: /^border: a low process puts out e=2 after its board has decided/,
  },
  {
    name: '22 announced is not done',
    changes: [
      [
        'border.ts',
        'for (let d = 0; d < done.length; d++) if (done[d] > 0) beat.done.push([d, done[d]]);',
        'for (let d = 0; d < done.length; d++) if (self.state.e[d] > 0) beat.done.push([d, self.state.e[d]]);',
      ],
    ],
    shape: { prompt: false },
    run: (s) => {
      s.does(L, out(L));
      s.does(S, out(L));
      s.beats(L, S);
      s.does(S, out(L));
      s.event(L, fails);
    },
    caught: /^border: device 0, component 0: did e=2 after e=0/,
  },
  {
    name: '23 commit without flush',
    changes: [
      [
        'core.ts',
        "else if (self.role === 'low' && decision.cut === 'commit' && !flushed(self)) return;",
        'else if (false) return;',
      ],
    ],
    lows: 2,
    run: (s) => {
      const [S1, L1, S2, L2, A2, B2] = [0, 1, 2, 3, 4, 6];
      s.does(L1, { to: 1 });
      s.word(A2, 'commit');
      for (const p of [S1, L1, S2, L2, B2]) s.hears(p, A2, 'freeze');
      const key = `${L1}>${L2}`;
      const kept = s.world.state.wires[key] ?? [];
      delete s.world.state.wires[key];
      s.finish();
      s.world.state.wires[key] = kept;
    },
    caught:
      /^(orphans: .*from low1\/1: message q=1 was sent, and is neither taken|progress: app from low1\/1 is never taken)/,
  },
  {
    name: '26 input during handover',
    changes: [['core.ts', '  if (!op || !isSurvivor(self)) return;\n', '  if (op !== undefined) return;\n']],
    shape: { operation: null },
    run: (s) => {
      s.stage([0]);
      s.does(S);
      s.word(A, 'start');
      s.spread('freeze');
      s.does(S);
      s.finish();
      s.does(S);
    },
    caught: /^(progress: input 3 is never taken|inputs: )/,
  },
  {
    name: '28 two starts',
    changes: [
      ['cut.ts', "  if (kind === 'start' && op !== cut.op) turn(cut, 'cancel', 'two upgrades started at once');\n", ''],
      ['cut.ts', "  if (cut === 'start' && (!self.staged || self.staged.id !== op)) {", '  if (op === null) {'],
    ],
    shape: { operation: null },
    run: (s) => {
      s.stage([0], 'u1', [S, L, A]);
      s.stage([1], 'u2', [B, 3]);
      s.word(S, 'start', 'u1');
      s.word(B, 'start', 'u2');
    },
    caught: /^verdict: epoch 1: begins operation/,
  },
  {
    name: 'a seat takes the first message of a new version for a new start',
    changes: [['core.ts', "return message.kind === 'handover' || message.kind === 'report';", 'return true;']],
    lows: 2,
    shape: { operation: null },
    run: (s) => {
      const [S1, L1, S2, L2, A2, B2] = [0, 1, 2, 3, 4, 6];
      s.stage([0, 1]);
      s.does(A2, { to: 0 });
      s.word(B2, 'start');
      s.hears(S1, B2, 'freeze');
      s.takes(S1, A2, { to: 1 });
      s.spread('freeze');
      s.hears(L1, S1, 'handover');
      s.hears(L2, S2, 'handover');
      s.hears(S1, L1, 'migrated');
      s.hears(S2, L2, 'migrated');
      for (const from of [S1, S2, A2, B2]) s.hears(L1, from, 'report');
      s.finish();
      s.event(L1, fails);
    },
    caught: /^(progress: froze|fifo: )/,
  },
  {
    name: 'a message to a component that the upgrade removes',
    changes: [
      [
        'emit.ts',
        '      if (low >= 0) sendOne(self, low, q, 0, type, data, effects);\n    } else {',
        '      sendOne(self, low, q, 0, type, data, effects);\n    } else {',
      ],
    ],
    lows: 2,
    shape: {
      operation: {
        id: 'u1',
        cluster: [0, 1],
        lows: [1],
        added: [],
        policy: { commitAfterMs: 0, validated: 0, lead: 9 },
      },
    },
    run: (s) => {
      s.does(L, { to: 1 });
      s.does(L, { to: 2 });
      s.does(S, { to: 2 });
      s.word(4, 'commit');
    },
    caught: /^(border|truth): /,
  },
];

function judge(mistake: Mistake, seed: number, core?: Core): string[] {
  const shape = shapeOf(mistake.lows ?? 1, 2, mistake.shape);
  const s = new Scenario(shape, core);
  mistake.run(s);
  s.finish(seed === 0 ? undefined : seededChoose(seed));
  return s.judge().map((v) => `${v.rule}: ${v.why}`);
}

describe('planted mistakes', () => {
  for (const mistake of MISTAKES) {
    test(mistake.name, async () => {
      for (let seed = 0; seed < 5; seed++)
        expect(judge(mistake, seed), `without the mistake, seed ${seed}`).toEqual([]);
      const core = await withMistake(mistake.changes);
      const found: string[] = [];
      for (let seed = 0; seed < 5; seed++) found.push(...judge(mistake, seed, core));
      expect(
        found.some((v) => mistake.caught.test(v)),
        `not caught; found ${JSON.stringify(found)}`,
      ).toBe(true);
    });
  }
});
