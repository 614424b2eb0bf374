// Scenes of PROTOCOL 5.3: start.

import { headOf, input, mustHave, takeInput, takeable } from '../../explore/world.ts';
import type { Scenario } from '../../explore/scenario.ts';
import type { Scene } from './steps.ts';
import { S, L, A, B, to, out, fails, among, effectsOf, wants, decides } from './steps.ts';

/** A start that the old version's own abort cancels, once its state is handed over. */
function abortedAfterHandover(s: Scenario): void {
  s.stage([0]);
  s.word(A, 'start');
  s.spread('freeze');
  s.hears(L, S, 'handover');
  s.word(S, 'abort');
  s.hears(S, L, 'migrated');
}

export const START: Scene[] = [
  {
    name: '28 two starts',
    shape: () => ({ operation: null }),
    run: (s) => {
      s.stage([0], 'u1', [S, L, A]);
      s.stage([1], 'u2', [B, 3]);
      s.word(S, 'start', 'u1');
      s.word(B, 'start', 'u2');
    },
  },
  {
    name: 'a seat takes the first message of a new version for a new start',
    lows: 2,
    shape: () => ({ operation: null }),
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
  },
  {
    name: 'a start behind one that was cancelled',
    shape: () => ({ operation: null }),
    run: (s) => {
      abortedAfterHandover(s);
      among(s, [S, A, B], 'report');
      s.word(A, 'start');
      among(s, [S, A, B], 'freeze');
    },
    expect: decides('cancel start'),
  },
  {
    name: 'a start behind one whose end never reached the seat',
    shape: () => ({ operation: null }),
    run: (s) => {
      abortedAfterHandover(s);
      among(s, [S, A, B], 'report');
      // the channels to a seat that is no longer one drop what they hold, and begin again
      for (const pid of [S, A, B]) delete s.world.state.wires[`${pid}>${L}`];
      s.word(A, 'start');
    },
    expect: decides('cancel start'),
  },
  {
    name: 'a report of a later start overtakes its handover',
    shape: () => ({ operation: null }),
    run: (s) => {
      abortedAfterHandover(s);
      const late = structuredClone(headOf(s.world, `${S}>${L}`));
      s.hears(L, S, 'report');
      if (!late) return 'the old version does not report';
      late.epoch++;
      return wants('what the channel does', 'wait', s.world.core.gate(mustHave(s.world, L), S, late));
    },
  },
  {
    name: 'a start with messages and inputs under way',
    lows: 2,
    shape: () => ({ operation: null }),
    run: (s) => {
      const [S1, L1, S2, L2, A2, B2] = [0, 1, 2, 3, 4, 6];
      s.world.state.t = 100;
      s.does(S1, { timer: 'one' });
      s.does(S1, to(S2));
      s.does(A2, to(S2));
      s.does(A2, to(S1));
      input(s.world, 0);
      s.stage([0, 1]);
      s.word(B2, 'start');
      for (const pid of [S1, S2, A2]) s.hears(pid, B2, 'freeze');
      s.takes(S2, S1);
      s.takes(S2, A2);
      s.takes(S1, A2);
      takeInput(s.world, S1, takeable(s.world, S1)[0] as number, 0);
      s.spread('freeze');
      s.does(S1);
      if (takeable(s.world, L1).length > 0) takeInput(s.world, L1, 0, 0);
      s.hears(L1, S1, 'handover');
      s.hears(L2, S2, 'handover');
      if (takeable(s.world, L1).length > 0) takeInput(s.world, L1, takeable(s.world, L1)[0] as number, 0);
      const handed = s.world.lines.filter((line) => line.event?.kind === 'handover').map((line) => line.event);
      return (
        wants(
          'held by the first',
          ['app', 'input'],
          handed[0]?.held?.map((e) => e.kind),
        ) ??
        wants(
          'pending at the second',
          [S1],
          handed[1]?.pending?.map((e) => e.from),
        ) ??
        wants('received', 1, mustHave(s.world, L2).seat?.state?.r[0])
      );
    },
    expect: (s) => {
      const self = mustHave(s.world, 1);
      const events = effectsOf(s, 1, 'deliver').map((e) => e.event ?? 0);
      return (
        wants(
          'timers of the new version',
          [101],
          self.state?.timers.map((timer) => timer.at),
        ) ??
        wants('delivered to the new version', 3, events.length) ??
        ((events[0] ?? 0) < (events[2] ?? 0) ? 'what the seat held comes before what was handed over' : null)
      );
    },
  },
  {
    name: 'a second start, with inputs under way',
    shape: () => ({ operation: null }),
    run: (s) => {
      s.stage([0]);
      s.does(S);
      s.word(A, 'start');
      s.word(A, 'abort');
      s.finish();
      s.word(A, 'start');
      s.spread('freeze');
      s.does(S);
      if (takeable(s.world, L).length > 0) takeInput(s.world, L, 0, 0);
      s.finish();
      s.does(S);
    },
    expect: decides('cancel start'),
  },
  {
    name: 'a migrate that fails, with inputs under way',
    shape: () => ({ operation: null }),
    run: (s) => {
      s.stage([0]);
      s.does(B, to(A));
      s.word(A, 'start');
      s.takes(A, B);
      s.spread('freeze');
      s.does(S);
      s.world.hooks.failMigrate = true;
      s.hears(L, S, 'handover');
      s.world.hooks.failMigrate = false;
      const open = takeable(s.world, L).length;
      if (open > 0) takeInput(s.world, L, 0, 0);
      return wants('inputs that the seat takes', 1, open);
    },
    expect: decides('cancel'),
  },
  {
    name: 'an input passed on in a start, to a seat that still waits for the end of the one before',
    shape: () => ({ operation: null }),
    run: (s) => {
      s.does(S);
      s.stage([0]);
      s.word(A, 'start');
      for (let i = 0; i < 2; i++) among(s, [S, A, B], 'freeze');
      s.world.hooks.failMigrate = true;
      s.hears(L, S, 'handover');
      s.world.hooks.failMigrate = false;
      s.hears(S, L, 'migrated');
      among(s, [S, A, B], 'report');
      s.word(A, 'start');
      for (let i = 0; i < 2; i++) among(s, [S, A, B], 'freeze');
      s.does(S);
      const open = takeable(s.world, L);
      if (open.length > 0) takeInput(s.world, L, open[0] as number, 0);
      s.finish();
      s.does(S);
    },
    expect: decides('cancel start'),
  },
  {
    name: 'what the new version sent further than the old one',
    run: (s) => {
      for (let i = 0; i < 2; i++) s.does(L, to(A));
      s.does(L, out(L));
      s.finish();
      s.event(L, fails);
      s.finish();
      s.stage([0, 1], 'u2');
      s.does(S, to(A));
      s.word(B, 'start', 'u2');
      s.hears(A, B, 'freeze');
      s.takes(A, S);
      s.finish();
      for (let i = 0; i < 3; i++) s.does(L, { to: 1 });
    },
  },
  {
    name: 'a seat that dies before its handover',
    shape: () => ({ operation: null }),
    run: (s) => {
      s.stage([0]);
      s.does(B, to(A));
      s.word(A, 'start');
      s.takes(A, B);
      s.dies(L);
    },
    expect: decides('cancel'),
  },
  {
    name: 'an upgrade that is not staged everywhere',
    shape: () => ({ operation: null }),
    run: (s) => {
      s.stage([0], 'u1', [S, L, A]);
      s.word(A, 'start');
    },
    expect: decides('cancel', B),
  },
  {
    name: 'the operator starts, and aborts',
    shape: () => ({ operation: null }),
    run: (s) => {
      s.stage([0]);
      s.word(A, 'start');
      s.word(A, 'abort');
    },
    expect: decides('cancel', B),
  },
  {
    name: 'an upgrade that adds a component',
    lows: 3,
    actives: 1,
    shape: () => ({ operation: null, live: [0, 2, -1, 6] }),
    run: (s) => {
      s.stage([0, 1, 2]);
      s.word(6, 'start');
      s.finish();
      s.does(1, { to: 2 });
      s.finish();
      s.does(4, { to: 1 });
    },
    expect: (s) => {
      const handed = s.world.lines.filter((line) => line.event?.kind === 'handover' && line.process === 'low3/0');
      return wants('handovers to the added one', 1, handed.length) ?? decides('start', 6)(s);
    },
  },
  {
    name: 'an added component, after a start that was cancelled',
    lows: 2,
    actives: 1,
    shape: () => ({ operation: null, live: [0, -1, 4] }),
    run: (s) => {
      s.stage([0, 1]);
      s.word(4, 'start');
      s.spread('freeze');
      s.spread('handover');
      s.world.state.inputs[2] = [{ kind: 'input', n: 0, epoch: 0, device: 1, i: 1, data: { i: 1 } }];
      const [place] = takeable(s.world, 2);
      if (place !== undefined) takeInput(s.world, 2, place, 0);
      s.word(0, 'abort');
      s.finish();
      s.word(4, 'start');
      s.spread('freeze');
      s.spread('handover');
      const self = mustHave(s.world, 2);
      const next = { kind: 'input', n: 0, epoch: 1, device: 1, i: 4, data: { i: 4 } } as const;
      return wants('what becomes of the next input', 'take', s.world.core.gate(self, -1, next));
    },
  },
];
