// Durable operation (PROTOCOL 6) on virtual boards: one test for each thing that it promises.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { boardProgram } from '../host/testbed/program.ts';
import { VirtualSeat } from '../host/testbed/seat.ts';
import type { BoardSpec } from '../host/testbed/spec.ts';
import { writeFileSync } from 'node:fs';

/** Tells why it boots and what is marked, and then does what the next input says. */
const MARKER = `globalThis.understudy = { boot: function (hal) {
  hal.output('said', [hal.cause === 'power' ? 0 : hal.cause === 'watchdog' ? 1 : hal.cause === 'fault' ? 2 : 3, hal.marked + 1]);
  return {
    serial: function () {}, bus: function () {},
    input: function (device, bytes) {
      if (bytes[1]) hal.mark(bytes[1]);
      if (bytes[0] === 1) for (;;) {}
      if (bytes[0] === 2) throw new Error('as told');
      if (bytes[0] === 3) hal.reset();
    },
    poll: function () { hal.kick(); return hal.now() + 20; },
  };
} };`;

test('a board’s process learns why it boots, and what a call that never returned had marked', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'durable-'));
  const bundle = join(folder, 'bundle.js');
  writeFileSync(bundle, MARKER);
  const spec: Omit<BoardSpec, 'boot' | 'cause'> = {
    name: 'one',
    bundle,
    flashFile: join(folder, 'one.nor'),
    keptFile: join(folder, 'one.nor.kept'),
    flash: { sectorBytes: 4096, sectors: 4, programBytes: 4 },
    memoryBytes: 0,
    interrupts: true,
    seed: 1,
    speed: 1,
    epochNs: String(process.hrtime.bigint()),
  };
  const said: number[][] = [];
  let next = (): void => undefined;
  const seat = new VirtualSeat(
    { name: 'one', kind: 'virtual', type: 'virtual', flash: spec.flash },
    { spec, pty: null, program: await boardProgram(folder), logFd: 2, watchdogMs: 700 },
    {
      bus: () => undefined,
      output: (_seat, _device, bytes) => {
        said.push([...bytes]);
        next();
      },
      changed: () => undefined,
      log: () => undefined,
    },
  );
  const heard = (): Promise<void> =>
    new Promise((resolve) => {
      next = resolve;
    });
  const told = async (...bytes: number[]): Promise<number[] | undefined> => {
    await seat.on();
    const answer = heard();
    seat.input('told', Uint8Array.from(bytes));
    await answer;
    await seat.on();
    return said.at(-1);
  };
  try {
    await seat.open();
    expect(said).toEqual([[0, 0]]);
    expect(await told(1, 7)).toEqual([1, 8]);
    // it stands until it is marked anew, or power goes
    expect(await told(2)).toEqual([2, 8]);
    expect(await told(3, 5)).toEqual([3, 6]);
    await seat.off();
    await seat.on();
    expect(said.at(-1)).toEqual([0, 0]);
    expect(await told(2, 9)).toEqual([2, 10]);
    // killed by somebody else: that is power too
    process.kill(seat.info().pid, 'SIGKILL');
    while (seat.info().powered) await new Promise((resolve) => setTimeout(resolve, 5));
    await seat.on();
    expect(said.at(-1)).toEqual([0, 0]);
  } finally {
    await seat.close();
    rmSync(folder, { recursive: true, force: true });
  }
});
