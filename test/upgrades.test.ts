// The sample mission's upgrades A to G on virtual boards in lockstep: each flight whole, from flashing to its end, its
// trace judged by the checkers.

import { createHash } from 'node:crypto';
import { beforeAll, describe, expect, test } from 'vitest';
import type { TraceLine } from '../host/check/types.ts';
import type { Flight } from '../host/mission/run.ts';
import { fly, originalVersion, upgradeVersion } from '../host/mission/run.ts';
import { processesOf } from '../host/operate/status.ts';
import { encodeLine } from '../host/trace/file.ts';
import { phases } from '../host/trace/phases.ts';

const REQUIRED_DEGREES = 5;
const START_S = 10;

function flight(
  upgrade: string | null,
  seconds: number,
  more: Partial<Parameters<typeof fly>[0]> = {},
): Promise<Flight> {
  return fly({ seed: 1, seconds, upgrade, guarded: true, startAt: START_S, ...more });
}

/** Nothing wrong, and the checkers did look. */
function expectClean(f: Flight): void {
  expect(f.report?.violations).toEqual([]);
  expect(f.report?.counts['messages delivered']).toBeGreaterThan(1000);
  expect(f.report?.counts['messages accounted for at cuts']).toBeGreaterThan(0);
  expect(f.report?.counts['device inputs']).toBeGreaterThan(1000);
}

function boots(trace: TraceLine[]): number {
  return trace.filter((line) => line.note?.kind === 'boot').length;
}

/** Each receiver's numbers of a component's messages, in the order of delivery. */
function deliveredFrom(trace: TraceLine[], sender: number, receiver: string): number[] {
  const events = new Map<number, TraceLine>();
  const out: number[] = [];
  for (const line of trace) {
    if (line.process !== receiver) continue;
    events.set(line.n as number, line);
    for (const effect of line.effects ?? []) {
      if (effect.kind !== 'deliver') continue;
      const event = events.get(effect.event ?? -1)?.event;
      if (event?.kind === 'app' && (event.from as number) >> 1 === sender) out.push(event.q as number);
    }
  }
  return out;
}

async function expectTakeover(f: Flight): Promise<void> {
  expectClean(f);
  expect(f.ended?.cut).toBe('recovery');
  expect(f.peak).toBeLessThan(REQUIRED_DEGREES);
  // five boards, restarted once each by their flashing, and never again
  expect(boots(f.trace)).toBe(5);
  for (const board of f.status.boards) expect(board.plan?.hash).toBe((await originalVersion()).hash);
  expect(
    processesOf(f.status)
      .map((p) => `${p.name} ${p.role}`)
      .sort(),
  ).toEqual(['controller/0 active', 'estimator/0 active', 'sensors/0 active', 'telemetry/0 active', 'wheels/0 active']);
  const times = phases(f.trace);
  expect(times?.ms.total).toBeGreaterThan(0);
}

describe('upgrade A is good', () => {
  let f: Flight;
  beforeAll(async () => {
    f = await flight('A', 90);
  }, 120_000);

  test('it is committed by the guard policy, without a false alarm', () => {
    expectClean(f);
    expect(f.ended).toMatchObject({ cut: 'commit', why: 'guard policy met' });
    expect(f.peak).toBeLessThan(REQUIRED_DEGREES);
  });

  test('every board reports the code that runs: the new version active, no shadow left', async () => {
    const version = await upgradeVersion('A');
    const running = processesOf(f.status);
    for (const board of f.status.boards) expect(board.plan?.hash).toBe(version.hash);
    expect(running.map((p) => p.role)).toEqual(running.map(() => 'active'));
    for (const component of version.plan.components) {
      const p = running.find((r) => r.module === component?.module);
      expect(p?.name.split('/')[0]).toBe(component?.name);
    }
  });

  test('the controller’s consumers received every message exactly once, in order, across the switch', () => {
    const plan = ['sensors', 'estimator', 'controller', 'wheels', 'telemetry'];
    for (const receiver of ['wheels/0', 'telemetry/0']) {
      const q = deliveredFrom(f.trace, plan.indexOf('controller'), receiver);
      expect(q.length).toBeGreaterThan(50);
      expect(q).toEqual(q.map((_, i) => i + 1));
    }
  });
});

describe('bad upgrades end in takeover, without a reboot or a transfer', () => {
  test('B: plausible values, wrong after a slew', async () => {
    const f = await flight('B', 60);
    await expectTakeover(f);
    expect(f.ended?.why).toBe('acceptance test failed');
  }, 120_000);

  test('B without guard goes astray', async () => {
    const f = await flight('B', 90, { guarded: false, traces: false });
    expect(f.peak).toBeGreaterThan(20);
  }, 120_000);

  test('C crashes', async () => {
    await expectTakeover(await flight('C', 40));
  }, 120_000);

  test('D hangs, on the spare board', async () => {
    const f = await flight('D', 60);
    await expectTakeover(f);
    expect(f.ended?.why).toMatch(/^hang/);
  }, 120_000);

  test('E floods', async () => {
    const f = await flight('E', 40);
    await expectTakeover(f);
    expect(f.ended?.why).toMatch(/^flood/);
  }, 120_000);

  test('on a bus that loses one packet in twenty', async () => {
    await expectTakeover(await flight('C', 40, { loss: 0.05 }));
  }, 120_000);
});

test('F: a migrate that throws cancels the start, and everything is as it was', async () => {
  const f = await flight('F', 30);
  expectClean(f);
  expect(f.started?.cut).toBe('cancel');
  expect(f.started?.why).toMatch(/migrate failed/);
  expect(f.status.boards.every((board) => !board.guarded)).toBe(true);
  expect(f.peak).toBeLessThan(1);
}, 120_000);

test('G: a changed message that would cross the border is refused, with its pair and its fields', async () => {
  await expect(upgradeVersion('G')).rejects.toMatchObject({
    code: 'E_SCHEMA',
    exit: 7,
    message: expect.stringMatching(/^estimator>controller Attitude\.euler f32\[3\]→- Attitude\.q -→f32\[4\]/),
  });
});

test('the same seed gives the same trace to the byte, another seed another', async () => {
  const digest = async (seed: number): Promise<string> => {
    const f = await flight('B', 20, { seed });
    const hash = createHash('sha256');
    for (const line of f.trace) hash.update(encodeLine(line)).update('\n');
    return hash.digest('hex');
  };
  const first = await digest(7);
  expect(await digest(7)).toBe(first);
  expect(await digest(8)).not.toBe(first);
}, 120_000);
