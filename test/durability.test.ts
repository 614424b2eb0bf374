// What durability costs and what can become of a journal, as the host tells it: the cost formula against what flash
// counts; rings that are full, worn out or unreadable; words that a power cut interrupts.

import { describe, expect, test } from 'vitest';
import { JOURNAL_RESERVE } from '../firmware/limits.ts';
import { courseOf, ringOf, versionsOf, WAYS } from '../host/bench/durable-work.ts';
import { durabilityText } from '../host/bench/durable-text.ts';
import { statusText } from '../host/command/status.ts';
import { EXIT } from '../host/failure.ts';
import { journalAdvice, journalFailure, troubleOf } from '../host/journal.ts';
import { changedText } from '../host/mutants/core.ts';
import type { Rates } from '../host/operate/durability.ts';
import { declaredRates, journalPlan, journalSectors } from '../host/operate/durability.ts';
import { end, guard, start } from '../host/operate/guard.ts';
import { journalTrouble, systemStatus } from '../host/operate/status.ts';
import { createTeller } from '../host/trace/text.ts';
import type { Rig, RigOptions } from './fixtures/lab.ts';
import { ACTUATOR, base, bring, CONTROLLER, ESTIMATOR, SPARE, upgradeOf } from './fixtures/lab.ts';
import { failureIn } from './fixtures/failure.ts';

const GUARDED = base((plan) => {
  plan.durability = 'guard';
});
const PAIR = { [ESTIMATOR]: { board: SPARE }, [CONTROLLER]: {} };

async function staged(options: RigOptions = {}, name = 'pair'): Promise<Rig> {
  const rig = await bring({ version: GUARDED, ...options });
  await rig.stage(upgradeOf(GUARDED, { name, components: PAIR }));
  return rig;
}

/** Sectors of a board's ring in its flash. */
function ringSectors(rig: Rig, board: string): { first: number; sectors: number } {
  const { sectorBytes, sectors, programBytes } = rig.lab.nor(board);
  const count = journalSectors({ sectorBytes, sectors, programBytes });
  return { first: sectors - count, sectors: count };
}

/** As the monitor tells the rig's lines about journals. */
function told(rig: Rig): string[] {
  const teller = createTeller({ v: 1, trace: 'understudy' });
  return rig.notes('journal').map((line) => teller.tell(line) ?? '');
}

describe('the cost formula, against what flash counts in the sample mission', () => {
  /** Of the mission as it flies: half of what its description allows, for most. */
  const flown = (types: number): Rates => ({
    messages: Array.from({ length: types }, (_, type) => (type === 4 ? 1 : type === 5 ? 1 : 10)),
    devices: [10, 10, 10, 10, 10, 1, 1],
  });

  test.each([
    ['guard', true, 4],
    ['guard', true, 256],
    ['always', false, 4],
  ] as const)(
    '%s, guarded %s, program units of %i bytes: all boards, and the busiest, within 15 %',
    async (durability, guarded, unit) => {
      const setting = { durability, guarded, way: 'as it is', programBytes: unit, numbers: 0 } as const;
      const { base: from, upgrade } = await versionsOf(setting);
      const course = await courseOf(setting);
      const figures = await course.fly(20_000);
      await course.close();
      const part = { sectorBytes: 4096, sectors: 128, programBytes: unit };
      const rates = flown(upgrade.plan.types.length);
      const planned = from.plan.boards.map((board) =>
        journalPlan(from, guarded ? upgrade : null, board, part, rates, 150),
      );
      const bytes = planned.reduce((sum, p) => sum + p.perSecond.bytes, 0);
      const most = planned[from.plan.boards.indexOf(figures.most.board)];
      const near = (value: number, wanted: number): void => {
        expect(value / wanted).toBeGreaterThan(0.85);
        expect(value / wanted).toBeLessThan(1.15);
      };
      near(bytes, figures.bytes / figures.seconds);
      near(most?.perSecond.bytes ?? 0, figures.most.bytes / figures.seconds);
      const { sectors, data } = ringOf(unit);
      expect(most?.sectors).toBe(sectors);
      near(most?.erasesPerHour ?? 0, ((figures.most.bytes / figures.seconds) * 3600) / data);
      near(most?.lifetimeHours ?? 0, ((100_000 * sectors) / ((figures.most.bytes / figures.seconds) * 3600)) * data);
    },
  );

  test('rates of the description: a device without one is as fast as its component’s fastest message', () => {
    const { plan } = GUARDED;
    const faster = base((p) => {
      (p.types[0] as { perSecond: number }).perSecond = 90;
      (p.devices[1] as { perSecond: number }).perSecond = 7;
    }).plan;
    expect(declaredRates(plan)).toEqual({ messages: [40, 40, 40, 40, 40], devices: [40, 40, 40, 40] });
    expect(declaredRates(faster)).toEqual({ messages: [90, 40, 40, 40, 40], devices: [90, 7, 40, 40] });
  });

  test('the bench’s other ways to keep a journal are there to be built', async () => {
    for (const [way, changes] of Object.entries(WAYS)) {
      expect(await changedText("export { commit } from './store.ts';", changes, way, 'cjs')).toContain('commit');
    }
    const figures = { messages: 100, seconds: 10, programs: 120, bytes: 6000, flashMs: 90, cpuMs: 5 };
    const setting = { durability: 'guard', guarded: true, way: 'as it is', programBytes: 4, numbers: 0 } as const;
    const row = { setting, figures: { ...figures, most: { board: 'a', bytes: 4084 } }, speed: 0.5 };
    const text = durabilityText([{ title: 'under guard', rows: [row] }], false);
    expect(text).toMatch(/^guard, 4 B +×0\.50 +60\.0 +1\.20 +0\.90 +408 +360 +2\.0$/m);
    for (const line of text.split('\n')) expect([...line].length, line).toBeLessThanOrEqual(100);
  });
});

describe('what becomes of a journal has a code, a cause, a next step, and exit code 9', () => {
  test('the firmware’s words', () => {
    const words: [string, string][] = [
      ['its flash is worn or damaged: flash: erase of sector 40 failed', 'E_JOURNAL_WORN'],
      ['it is full: what it must hold does not fit its 4 sectors', 'E_JOURNAL_FULL'],
      [`the journal of board a is full: its 4 sectors ${JOURNAL_RESERVE}`, 'E_JOURNAL_FULL'],
      ['it is too small: 9000 B of checkpoints do not fit twice into 12000 B', 'E_JOURNAL_SMALL'],
      ['the flash has no room for a journal: 2 sectors of 4096 B are left', 'E_JOURNAL_SMALL'],
      ['what stood in the journal could not be taken up: 2 of its records cannot be read', 'E_JOURNAL_UNREADABLE'],
    ];
    for (const [why, code] of words) {
      const made = journalFailure('a', why, 'so it is');
      expect(made).toMatchObject({ code, exit: EXIT.boardFault });
      expect(made.message).toMatch(/^the journal of board a(:| is full:) .*; so it is$/);
      expect(made.next).toMatch(/npx understudy|board/);
    }
    expect(troubleOf('aborted by the operator')).toBeNull();
    expect(journalAdvice('something new')).toEqual({ code: 'E_JOURNAL', next: 'npx understudy status' });
  });

  test('worn out under guard: the upgrade is rolled back, and no other is started', async () => {
    const rig = await staged();
    const { first, sectors } = ringSectors(rig, 'control');
    expect((await rig.start()).cut).toBe('start');
    // every sector that is still to be erased
    for (let i = 0; i < sectors; i++) rig.lab.nor('control').wear(first + i, 1, i % 2 ? 'erase' : 'program');
    const ended = await rig.awaitEnd(120_000);
    expect(ended?.cut).toBe('recovery');
    expect(ended?.journal?.board).toBe('control');
    expect(ended?.journal?.why).toContain('its flash is worn or damaged: flash: ');
    expect(ended?.why).toMatch(/journal of board control has failed/);
    const all = await systemStatus(rig.lab);
    const control = all.boards.find((b) => b.board === 'control');
    expect(control?.journal).toMatchObject({ durability: 'guard', kept: false, on: false });
    expect(control && journalTrouble(control)).toContain('worn or damaged');
    const text = statusText(all);
    expect(text).toMatch(
      /^! E_JOURNAL_WORN {2}the journal of board control: its flash is worn or damaged: .*no upgrade can be started$/m,
    );
    expect(text).toMatch(/^ {2}next: replace the board; .*npx understudy flash/m);
    expect(text).toMatch(/^control +none/m);
    expect(told(rig)[0]).toMatch(
      /E_JOURNAL_WORN {2}its journal: its flash is worn or damaged: .*; next: replace the board/,
    );
    // what was reverted for it may be tried again, but not with this board
    await rig.stage(upgradeOf(GUARDED, { name: 'again', components: { [ACTUATOR]: {} } }));
    const refused = await failureIn(rig.start());
    expect(refused).toMatchObject({ code: 'E_JOURNAL_WORN', exit: EXIT.boardFault });
    expect(refused.message).toMatch(/; nothing was started$/);
    expect(rig.check().violations).toEqual([]);
    await rig.close();
  });

  /** Boards of which `compute` has another flash. */
  function withFlash(flash: { sectorBytes: number; sectors: number; programBytes: number }): RigOptions {
    const usual = { sectorBytes: 4096, sectors: 64, programBytes: 4 };
    const board = { type: 'virtual', interrupts: true, memoryBytes: 0 };
    const boards = GUARDED.plan.boards.map((name) => ({ ...board, name, flash: name === 'compute' ? flash : usual }));
    return { lockstep: { boards } };
  }

  test('too small for the bases: the start is cancelled or rolled back, for all to see', async () => {
    const rig = await staged(withFlash({ sectorBytes: 2048, sectors: 19, programBytes: 4 }));
    const outcome = await rig.start();
    const ended = outcome.cut === 'start' ? await rig.awaitEnd(30_000) : outcome;
    expect(['cancel', 'recovery']).toContain(ended?.cut);
    expect(ended?.journal?.board).toBe('compute');
    expect(journalAdvice(ended?.journal?.why ?? '').code).toBe('E_JOURNAL_SMALL');
    await rig.close();
  });

  test('full but for its reserve: the upgrade is rolled back, and the journal goes on', async () => {
    const rig = await staged(withFlash({ sectorBytes: 8500, sectors: 8, programBytes: 4 }));
    const { start: begun, end: over } = await guard(rig.lab, 120_000);
    const ended = begun.cut === 'start' ? over : begun;
    expect(['cancel', 'recovery']).toContain(ended?.cut);
    expect(ended?.journal?.board).toBe('compute');
    expect(ended?.journal?.why).toBe(
      'the journal of board compute is full: its 3 sectors hold no more than its reserve',
    );
    expect(told(rig)[0]).toMatch(
      /E_JOURNAL_FULL {2}its journal: the journal of board compute is full: .*preflight has the figures/,
    );
    await rig.wait(2000);
    const compute = await rig.status('compute');
    expect(compute).toMatchObject({ guarded: false, journal: { kept: true, full: false } });
    expect(rig.check().violations).toEqual([]);
    await rig.close();
  });

  test('unreadable at a boot under guard: the guard is lost in the open, and the journal is named', async () => {
    const rig = await staged();
    const nor = rig.lab.nor('control');
    const { first, sectors } = ringSectors(rig, 'control');
    let spoiled = 0;
    rig.lab.onTrace((line) => {
      const effects = line.effects ?? [];
      const begun = effects.some((e) => e.kind === 'decide' && e.cut === 'start');
      if (begun && line.board === 'control') rig.lab.kill('control', { at: 'call', more: 400, offMs: 300 });
      if (line.note?.kind !== 'off' || line.board !== 'control') return;
      for (let at = first * nor.sectorBytes; at < (first + sectors) * nor.sectorBytes; at += 256) {
        if (at % nor.sectorBytes === 0 || nor.bytes[at] === 0xff) continue;
        nor.rot(at, 0x10);
        spoiled++;
      }
    });
    const lost = await failureIn(guard(rig.lab, 60_000));
    expect(spoiled).toBeGreaterThan(3);
    expect(lost.exit).toBe(EXIT.boardFault);
    expect(lost.code).toBe('E_JOURNAL_UNREADABLE');
    expect(lost.message).toMatch(
      /board control: what stood in the journal could not be taken up: .*; the guard could not be kept: /,
    );
    expect(lost.next).toContain('npx understudy flash');
    await rig.close();
  });
});

describe('words, and power that goes while one is in hand', () => {
  test('start, then commit or abort: at whatever call power goes, the outcome is told as it is', async () => {
    for (const [more, word] of [
      [0, 'commit'],
      [2, 'abort'],
      [5, 'commit'],
      [9, 'abort'],
      [14, 'commit'],
    ] as const) {
      const rig = await staged({ seed: more + 1 });
      // the first board with a survivor gets the word
      rig.lab.kill('sensors', { at: 'call', more, offMs: 300 });
      const started = await rig.start();
      expect(['start', 'cancel'], `${more}: ${started.why}`).toContain(started.cut);
      if (started.cut === 'start') {
        rig.lab.kill('sensors', { at: 'call', more: more + 1, offMs: 300 });
        const ended = await rig.end(word);
        expect(ended.cut).toBe(word === 'commit' ? 'commit' : 'recovery');
        expect(ended.journal).toBeUndefined();
      }
      const { boards, silent } = await systemStatus(rig.lab);
      expect(silent).toEqual([]);
      expect(new Set(boards.map((b) => b.epoch)).size).toBe(1);
      await rig.close();
    }
  });

  test('a board without power: a start is refused and says so; a stalled end says what brings it back', async () => {
    const rig = await staged();
    await rig.lab.power('sensors', false);
    const refused = await failureIn(start(rig.lab));
    expect(refused).toMatchObject({ code: 'E_OFF', exit: EXIT.noBoard });
    expect(refused.message).toBe('board sensors has no power; a start would wait for it');
    await rig.lab.power('sensors', true);
    await rig.wait(4000);
    expect((await rig.start()).cut).toBe('start');
    await rig.lab.power('sensors', false);
    const stalled = await failureIn(end(rig.lab, 'commit'));
    expect(stalled).toMatchObject({ code: 'E_STALLED', exit: EXIT.link });
    expect(stalled.message).toMatch(/it waits for board sensors/);
    expect(stalled.next).toBe(
      'power those boards: their journals bring them back into the cut; then npx understudy status',
    );
    await rig.lab.power('sensors', true);
    await rig.wait(3000);
    const { boards } = await systemStatus(rig.lab);
    expect(boards.map((b) => [b.guarded, b.epoch])).toEqual(boards.map(() => [false, 3]));
    await rig.close();
  });
});
