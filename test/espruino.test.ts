// The official Espruino interpreter, as its authors build it for Linux: UNDERSTUDY_ESPRUINO=/path/to/espruino. No
// package has it; without it these tests are skipped, and say so.

import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { espruinoMachine } from '../host/testbed/espruino.ts';
import { conformanceFile, saysInNode, saysOn } from './engines.ts';

const program = process.env.UNDERSTUDY_ESPRUINO ?? '';
if (program === '') console.warn('test/espruino.test.ts: SKIPPED, for UNDERSTUDY_ESPRUINO names no interpreter');

const folders: string[] = [];
afterAll(() => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

describe.skipIf(program === '')('espruino', () => {
  test('codec, frames, packed messages, differences, ring and core: as in Node, to the byte', {
    timeout: 240_000,
  }, async () => {
    const { folder, bundle, text } = await conformanceFile();
    folders.push(folder);
    const board = {
      name: 'one',
      kind: 'engine' as const,
      type: 'linux-espruino',
      engine: 'espruino' as const,
      program,
    };
    const machine = espruinoMachine({
      board: { ...board, flash: { sectorBytes: 1024, sectors: 96, programBytes: 4 } },
      bundle,
      flashFile: join(folder, 'flash'),
      keptFile: join(folder, 'kept'),
      seed: 1,
      epochNs: '0',
      pty: null,
    });
    const expected = saysInNode(text);
    expect(expected.at(-1)).toMatch(/^end \d+ /);
    expect(expected.length).toBeGreaterThan(190);
    const { lines, log } = await saysOn(machine, 200_000);
    expect(log.filter((entry) => /Uncaught|understudy:|MEMORY/.test(entry))).toEqual([]);
    expect(lines).toEqual(expected);
  });
});
