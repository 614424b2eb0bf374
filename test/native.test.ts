// The native board with Duktape, built for this machine and for a Cortex-M3 that QEMU plays.

import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { afterAll, afterEach, describe, expect, test } from 'vitest';
import { findTool, type NativeTarget } from '../host/build/engine-parts.ts';
import { buildNative, type NativeBuilt } from '../host/build/native.ts';
import { Failure } from '../host/failure.ts';
import { Rig } from './native/rig.ts';
import { bundles, nativeSuite, TARGETS } from './native/suite.ts';

const files = await bundles();
afterAll(() => rmSync(files.folder, { recursive: true, force: true }));

/** What this machine cannot build for want of a tool is skipped, loudly; where everything must be there, it fails. */
async function built(target: NativeTarget): Promise<NativeBuilt | null> {
  try {
    if (target === 'mps2-an385') findTool('qemu-system-arm', 'qemu-system-arm');
    return await buildNative({ target, engine: 'duktape' });
  } catch (error) {
    if (process.env.CI || !(error instanceof Failure) || error.code !== 'E_TOOL') throw error;
    console.warn(`native board for ${target}: SKIPPED, ${error.message}; ${error.next}`);
    return null;
  }
}

for (const target of TARGETS) {
  const program = (await built(target))?.program;
  const heaps = { heap: 300_000, firmwareHeap: 1_200_000, noHeap: 20_000 };
  if (program) nativeSuite({ engine: 'duktape', target, program, ...heaps, full: 'throws' }, files);
}

describe.skipIf(!(await built('linux')))('native boards on one wire', () => {
  const rigs: Rig[] = [];

  afterEach(async () => {
    for (const rig of rigs) await rig.kill();
  });

  test('take turns by themselves: each packet reaches the others once, whole', async () => {
    const program = (await built('linux'))?.program as string;
    for (let address = 0; address < 3; address++) {
      const settings = { name: `b${address}`, heap: 300_000, 'bus-boards': 3, 'bus-address': address };
      const rig = new Rig({
        target: 'linux',
        program,
        folder: join(files.folder, `wire-${address}`),
        bundle: files.probe,
        settings: { ...settings, 'bus-slot-us': 20_000, 'bus-byte-ns': 10_000 },
      });
      rigs.push(rig);
      // every board hears every byte, its own too
      rig.onBus = (bytes) => {
        for (const each of rigs) each.toBus(bytes);
      };
      await rig.on();
      await rig.said('boot');
    }
    for (let round = 0; round < 4; round++) {
      const packets = rigs.map((_, from) => {
        const packet = Buffer.alloc(16 + 4 * from, 16 * round + from);
        packet.writeUInt32LE(crc32(packet.subarray(0, packet.length - 4)), packet.length - 4);
        return packet.toString('hex');
      });
      // all at once: who comes second waits for its turn
      for (const [from, rig] of rigs.entries()) rig.tell(`bus ${packets[from]}`);
      for (const [to, rig] of rigs.entries()) {
        const heard = [await rig.said('heard'), await rig.said('heard')];
        expect(heard.sort()).toEqual(
          packets
            .filter((_, from) => from !== to)
            .map((hex) => `heard ${hex}`)
            .sort(),
        );
      }
    }
  });
});

describe('building', () => {
  test('names the package of a tool that is not there', () => {
    expect(() => findTool('no-such-compiler', 'gcc-for-nothing')).toThrow(
      expect.objectContaining({ code: 'E_TOOL', next: 'sudo apt-get install gcc-for-nothing' }),
    );
  });
});
