// The native board with JerryScript 3, for this machine and for a Cortex-M3 that QEMU plays. UNDERSTUDY_JERRY names the
// folder of its installations (boards/native/PORTING.md); without it these tests are skipped, and say so.

import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { afterAll, afterEach, describe, expect, test } from 'vitest';
import { boardBundle, componentText } from '../host/build/bundle.ts';
import type { NativeTarget } from '../host/build/engine-parts.ts';
import { jerryscript } from '../host/build/jerryscript.ts';
import { buildNative, type NativeBuilt } from '../host/build/native.ts';
import { root } from '../host/build/root.ts';
import { BoardLink } from '../host/session/link.ts';
import { engineMachine } from '../host/testbed/engine.ts';
import { conformanceFile, saysInNode, saysOn } from './engines.ts';
import { Rig } from './native/rig.ts';

const HEAP = 512 * 1024;
const prefix = process.env.UNDERSTUDY_JERRY ?? '';
if (prefix === '') console.warn('test/jerryscript.test.ts: SKIPPED, for UNDERSTUDY_JERRY names no installations');

const folder = mkdtempSync(join(tmpdir(), 'understudy-jerryscript-'));
const folders = [folder];
afterAll(() => {
  for (const one of folders) rmSync(one, { recursive: true, force: true });
});
const FIRMWARE = join(folder, 'board.js');
const PROBE = join(folder, 'probe.js');
const TARGETS: NativeTarget[] = ['linux', 'mps2-an385'];
const built = new Map<NativeTarget, NativeBuilt>();
if (prefix !== '') {
  writeFileSync(FIRMWARE, (await boardBundle()).text);
  const { text } = await componentText(join(import.meta.dirname, 'native', 'probe.ts'));
  writeFileSync(PROBE, `var understudy = ${text};`);
  for (const target of TARGETS) {
    if (existsSync(join(prefix, target))) built.set(target, await buildNative({ target, engine: 'jerryscript' }));
    else console.warn(`jerryscript for ${target}: SKIPPED, there is no ${join(prefix, target)}`);
  }
}

test('says what is missing where there is no installation', () => {
  const before = process.env.UNDERSTUDY_JERRY;
  process.env.UNDERSTUDY_JERRY = join(folder, 'nowhere');
  try {
    const native = join(root(), 'boards', 'native');
    expect(() => jerryscript({ target: 'linux', folder, native })).toThrow(
      expect.objectContaining({ code: 'E_TOOL', next: expect.stringContaining('UNDERSTUDY_JERRY') }),
    );
  } finally {
    if (before === undefined) delete process.env.UNDERSTUDY_JERRY;
    else process.env.UNDERSTUDY_JERRY = before;
  }
});

for (const target of TARGETS) {
  const program = built.get(target)?.program ?? '';

  describe.skipIf(program === '')(`jerryscript, ${target}`, () => {
    let rig: Rig;
    let number = 0;

    async function boot(settings: Record<string, string | number> = {}, bundle = PROBE): Promise<void> {
      rig = new Rig({
        target,
        program,
        folder: join(folder, `${target}-${number++}`),
        bundle,
        settings: { name: 'a', 'sector-bytes': 4096, sectors: 64, 'program-bytes': 8, heap: HEAP, ...settings },
      });
      await rig.on();
    }

    afterEach(async () => {
      await rig?.kill();
    });

    test('runs the firmware, which answers the host, and counts its boots over a power cut and a reset', async () => {
      await boot({ sectors: 256 }, FIRMWARE);
      const link = new BoardLink('a', rig.line());
      expect(await link.request('hello')).toMatchObject({
        board: 'a',
        engine: 'jerryscript',
        interrupts: true,
        boot: 1,
      });
      await rig.kill();
      await rig.on();
      expect(await link.request('hello')).toMatchObject({ boot: 2 });
      await link.request('reboot');
      for (let boots = 2; boots === 2; ) boots = (await link.request('hello')).boot as number;
      expect(rig.log).toContain('a: jerryscript has booted, cause reset');
    }, 60_000);

    test('gives what hal has: flash, checksum, facts', async () => {
      await boot();
      expect(await rig.said('boot')).toBe('boot power -1');
      expect(await rig.ask('facts')).toBe('a jerryscript true true 4096 64 8');
      expect(await rig.ask('program 8 00112233445566778899aabbccddeeff')).toBe('programmed');
      expect(await rig.ask('program 8 0000000000000000')).toMatch(/^threw flash: .* was programmed already/);
      expect(await rig.ask('program 4 0000000000000000')).toMatch(/^threw flash: .* not in whole units of 8 B/);
      expect(await rig.ask('read 262143 2')).toMatch(/^threw flash: .* outside/);
      expect(await rig.ask('read 0 24')).toBe(`${'ff'.repeat(8)}00112233445566778899aabbccddeeff`);
      expect(await rig.ask('erase 64')).toMatch(/^threw flash: erase: no such sector; there are 64/);
      const bytes = Buffer.from('123456789').toString('hex');
      expect(await rig.ask(`crc ${bytes} 4 9 ${crc32(Buffer.from('1234'))}`)).toBe(String(0xcbf43926));
      expect(await rig.ask('crc 00 0 2 0')).toMatch(/^threw /);
      expect(await rig.ask('clock')).toBe('fraction true');
    }, 60_000);

    test('interrupts what does not return, and goes on', async () => {
      await boot({ 'hang-ms': 500 });
      await rig.said('boot');
      expect(await rig.ask('call one')).toBe('called one');
      expect(await rig.ask('call loop')).toMatch(/^threw hang: a call did not return/);
      expect(await rig.ask('call throw')).toBe('threw of its own');
      expect(await rig.ask('load ({answer: 6 * 7})')).toBe('42');
      expect(await rig.ask('load ({answer: )')).toMatch(/^threw (?!hang)/);
      expect(await rig.ask('load (function () { for (;;) {} })()')).toMatch(/^threw hang: the module did not return/);
      expect(await rig.ask('call two')).toBe('called one,two');
      expect(rig.log).toContain('a call did not return and was interrupted');
    }, 60_000);

    test('survives recursion without end', async () => {
      await boot();
      await rig.said('boot');
      expect(await rig.ask('deep 20')).toBe('20');
      expect(await rig.ask('deep 1000000')).toMatch(/^threw /);
      expect(await rig.ask('deep 20')).toBe('20');
    }, 60_000);

    test('tells a watchdog, a reset and a fault', async () => {
      await boot({ 'watchdog-ms': 1500 });
      await rig.said('boot power -1');
      expect(await rig.ask('mark 7')).toBe('marked');
      rig.tell('loop');
      expect(await rig.said('boot')).toBe('boot watchdog 7');
      rig.tell('reset');
      expect(await rig.said('boot')).toBe('boot reset 7');
      rig.tell('fault');
      expect(await rig.said('boot')).toBe('boot fault 7');
      expect(rig.log).toContain('a: the firmware threw: ');
    }, 60_000);

    test('does not start with too small a heap, and says so', async () => {
      await boot({ heap: 2000 });
      await rig.logged('heap: too small for the engine alone');
    }, 60_000);
  });
}

describe.skipIf(!built.has('linux'))('jerryscript', () => {
  test('codec, frames, packed messages, differences, ring and core: as in Node, to the byte', async () => {
    const { folder: own, bundle, text } = await conformanceFile();
    folders.push(own);
    const machine = engineMachine({
      board: {
        name: 'one',
        kind: 'engine',
        type: 'linux-jerryscript',
        engine: 'jerryscript',
        program: built.get('linux')?.program,
        memoryBytes: HEAP,
        flash: { sectorBytes: 4096, sectors: 64, programBytes: 4 },
      },
      bundle,
      flashFile: join(own, 'flash'),
      keptFile: join(own, 'kept'),
      seed: 1,
      epochNs: '0',
      pty: null,
    });
    const expected = saysInNode(text);
    expect(expected.length).toBeGreaterThan(190);
    const { lines, log } = await saysOn(machine, 120_000);
    expect(lines, log.join('\n')).toEqual(expected);
  }, 200_000);
});
