// What holds of a native board with any engine: driven from outside, judged by what it says and by what is in its files.

import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { afterEach, describe, expect, test } from 'vitest';
import { createLineReader, encodeLine, LINE_INPUT, LINE_OUTPUT, LINE_PACKET, readLine } from '../../hal/line.ts';
import { boardBundle, componentText } from '../../host/build/bundle.ts';
import { PARTS } from '../../host/build/conformance.ts';
import type { NativeTarget } from '../../host/build/engine-parts.ts';
import { BoardLink } from '../../host/session/link.ts';
import { conformanceFile } from '../engines.ts';
import { Rig, reach, Talk } from './rig.ts';

export const TARGETS: NativeTarget[] = ['linux', 'mps2-an385'];

export interface Native {
  engine: string;
  target: NativeTarget;
  program: string;
  /** bytes of the engine's heap: for the probe, for the firmware, and too few for the engine alone */
  heap: number;
  firmwareHeap: number;
  noHeap: number;
  /** what a board does whose heap is full: who asks next gets an exception, or the engine gives up and the board restarts */
  full: 'throws' | 'restarts';
  /** the file of what the board runs in place of this bundle; none: its text */
  image?: (bundle: string) => Promise<string>;
}

export interface Bundles {
  /** for all that is made while they are used */
  folder: string;
  firmware: string;
  probe: string;
}

/** The firmware, and the bundle that does as it is told (probe.ts), as files of a new folder. */
export async function bundles(): Promise<Bundles> {
  const folder = mkdtempSync(join(tmpdir(), 'understudy-native-'));
  const [firmware, probe] = [join(folder, 'board.js'), join(folder, 'probe.js')];
  writeFileSync(firmware, (await boardBundle()).text);
  const { text } = await componentText(join(import.meta.dirname, 'probe.ts'));
  writeFileSync(probe, `var understudy = ${text};`);
  return { folder, firmware, probe };
}

export function nativeSuite(native: Native, { folder, firmware, probe }: Bundles): void {
  const { engine, target, program } = native;
  const full =
    native.full === 'throws' ? { begins: 'full', says: 'full: true' } : { begins: 'boot', says: 'boot fault 5' };

  describe(`native board, ${engine}, ${target}`, () => {
    let rig: Rig;
    let number = 0;
    const lineCrc = (bytes: Uint8Array, from: number, to: number, crc: number): number =>
      crc32(bytes.subarray(from, to), crc);

    async function boot(settings: Record<string, string | number> = {}, bundle = probe): Promise<Rig> {
      rig = new Rig({
        target,
        program,
        folder: join(folder, `${engine}-${target}-${number++}`),
        bundle: native.image ? await native.image(bundle) : bundle,
        settings: { name: 'a', 'sector-bytes': 4096, sectors: 64, 'program-bytes': 8, heap: native.heap, ...settings },
      });
      await rig.on();
      return rig;
    }

    afterEach(async () => {
      await rig?.kill();
    });

    test('runs the firmware, which answers the host, and counts its boots over power cuts', async () => {
      await boot({ heap: native.firmwareHeap, sectors: 256 }, firmware);
      const link = new BoardLink('a', rig.line());
      expect(await link.request('hello')).toMatchObject({
        board: 'a',
        engine,
        interrupts: true,
        boot: 1,
        flash: { sectorBytes: 4096, sectors: 256, programBytes: 8 },
      });
      await rig.kill();
      await rig.on();
      expect(await link.request('hello')).toMatchObject({ boot: 2 });
      // the agent's reboot: a reset
      await link.request('reboot');
      for (let boots = 2; boots === 2; ) boots = (await link.request('hello')).boot as number;
      expect(await link.request('status')).toMatchObject({ board: 'a', boot: 3 });
      expect(rig.log).toContain(`a: ${engine} has booted, cause reset`);
    });

    test('has the rules of NOR flash, and keeps it over a power cut', async () => {
      await boot();
      expect(await rig.said('boot')).toBe('boot power -1');
      expect(await rig.ask('facts')).toBe(`a ${engine} true true 4096 64 8`);
      expect(await rig.ask('program 8 00112233445566778899aabbccddeeff')).toBe('programmed');
      expect(await rig.ask('program 8 0000000000000000')).toMatch(
        /^threw flash: .* was programmed already since its erase/,
      );
      expect(await rig.ask('program 4096 ffffffffffffffff')).toBe('programmed');
      expect(await rig.ask('program 4096 0000000000000000')).toMatch(/^threw flash: .* was programmed already/);
      expect(await rig.ask('program 4 0000000000000000')).toMatch(/^threw flash: .* not in whole units of 8 B/);
      expect(await rig.ask('program 32 00')).toMatch(/^threw flash: .* not in whole units/);
      expect(await rig.ask('program 262144 0000000000000000')).toMatch(/^threw flash: .* outside its 262144 B/);
      expect(await rig.ask('program 8.5 0000000000000000')).toMatch(/^threw flash/);
      expect(await rig.ask('read 262143 2')).toMatch(/^threw flash: .* outside/);
      expect(await rig.ask('read -1 2')).toMatch(/^threw flash: .* outside/);
      expect(await rig.ask('erase 64')).toMatch(/^threw flash: erase: no such sector; there are 64/);
      await rig.kill();
      await rig.on();
      expect(await rig.said('boot')).toBe('boot power -1');
      expect(await rig.ask('read 0 32')).toBe(`${'ff'.repeat(8)}00112233445566778899aabbccddeeff${'ff'.repeat(8)}`);
      expect(await rig.ask('program 16 0000000000000000')).toMatch(/^threw flash: .* programmed already/);
      expect(await rig.ask('erase 0')).toBe('erased');
      expect(await rig.ask('read 0 24')).toBe('ff'.repeat(24));
      expect(await rig.ask('program 16 0000000000000000')).toBe('programmed');
      expect(readFileSync(rig.flash).subarray(0, 32).toString('hex')).toBe(
        `${'ff'.repeat(16)}${'00'.repeat(8)}${'ff'.repeat(8)}`,
      );
    });

    test('loses power at an exact cell', async () => {
      await boot({ 'program-bytes': 4 });
      await rig.said('boot');
      rig.cutAfter(7);
      rig.tell('program 8 000102030405060708090a0b');
      await rig.cut();
      expect(readFileSync(rig.flash).subarray(8, 20).toString('hex')).toBe('00010203040506ffffffffff');
      await rig.on();
      expect(await rig.said('boot')).toBe('boot power -1');
      expect(await rig.ask('read 8 8')).toBe('00010203040506ff');
      // an erase too
      rig.cutAfter(10);
      rig.tell('erase 0');
      await rig.cut();
      expect(readFileSync(rig.flash).subarray(8, 20).toString('hex')).toBe('ffff0203040506ffffffffff');
    });

    test('interrupts what does not return, and goes on', async () => {
      await boot({ 'hang-ms': 500 });
      await rig.said('boot');
      expect(await rig.ask('call one')).toBe('called one');
      expect(await rig.ask('call loop')).toMatch(/^threw hang: a call did not return/);
      expect(await rig.ask('call throw')).toBe('threw of its own');
      expect(await rig.ask('load ({answer: 6 * 7})')).toBe('42');
      expect(await rig.ask('load ({answer: (function f(n) { return n ? n * f(n - 1) : 1; })(5)})')).toBe('120');
      expect(await rig.ask('load ({answer: )')).toMatch(/^threw (?!hang)/);
      expect(await rig.ask('load (function () { for (;;) {} })()')).toMatch(/^threw hang: the module did not return/);
      expect(await rig.ask('call two')).toBe('called one,two');
      expect(rig.log).toContain('a call did not return and was interrupted');
    });

    test('survives recursion without end and a full heap', async () => {
      await boot();
      await rig.said('boot');
      expect(await rig.ask('deep 20')).toBe('20');
      expect(await rig.ask('deep 1000000')).toMatch(/^threw /);
      expect(await rig.ask('deep 20')).toBe('20');
      expect(await rig.ask('mark 5')).toBe('marked');
      rig.tell('fill');
      expect(await rig.said(full.begins)).toBe(full.says);
      expect(await rig.ask('deep 20')).toBe('20');
    });

    test('tells a watchdog from a reset, a fault and a power cut, and keeps its mark over all but that', async () => {
      await boot({ 'watchdog-ms': 1500 });
      expect(await rig.said('boot')).toBe('boot power -1');
      expect(await rig.ask('mark 7')).toBe('marked');
      rig.tell('loop');
      expect(await rig.said('boot')).toBe('boot watchdog 7');
      expect(await rig.ask('mark -1')).toBe('marked');
      rig.tell('reset');
      expect(await rig.said('boot')).toBe('boot reset -1');
      expect(await rig.ask('mark 3')).toBe('marked');
      // the next poll throws
      rig.tell('fault');
      expect(await rig.said('boot')).toBe('boot fault 3');
      expect(rig.log).toContain('a: the firmware threw: ');
      await rig.kill();
      await rig.on();
      expect(await rig.said('boot')).toBe('boot power -1');
      // and an idle board kicks its watchdog
      await new Promise((resolve) => setTimeout(resolve, 3500));
      expect(await rig.ask('crc 00 0 1 0')).toBe(String(crc32(new Uint8Array(1))));
    });

    test('has a clock with a fraction, random numbers and a native CRC-32', async () => {
      await boot();
      await rig.said('boot');
      expect(await rig.ask('clock')).toBe('fraction true');
      const drawn = (await rig.ask('random')).split(' ').map(Number);
      expect(drawn.every((n) => Number.isInteger(n) && n >= 0 && n < 2 ** 32)).toBe(true);
      expect(drawn[0]).not.toBe(drawn[1]);
      const bytes = Buffer.from('123456789');
      expect(await rig.ask(`crc ${bytes.toString('hex')} 0 9 0`)).toBe(String(0xcbf43926));
      expect(await rig.ask(`crc ${bytes.toString('hex')} 4 9 ${crc32(bytes.subarray(0, 4))}`)).toBe(String(0xcbf43926));
      expect(await rig.ask('crc 00 0 2 0')).toMatch(/^threw /);
    });

    test('speaks on the bus line: packets both ways, inputs, outputs', async () => {
      await boot();
      await rig.said('boot');
      const packet = Buffer.alloc(20, 7);
      packet.writeUInt32LE(crc32(packet.subarray(0, 16)), 16);
      const frames = [
        encodeLine(LINE_PACKET, packet, lineCrc, 0),
        encodeLine(LINE_INPUT, Buffer.from('\x04gyro\x01\x02\x03', 'latin1'), lineCrc, 0),
      ];
      for (const frame of frames) rig.toBus(frame);
      expect(await rig.said('heard')).toBe(`heard ${packet.toString('hex')}`);
      expect(await rig.said('input')).toBe('input gyro 010203');
      expect(await rig.ask(`bus ${packet.toString('hex')}`)).toBe('sent');
      expect(await rig.ask('output wheel a1b2')).toBe('done');
      const heard: string[] = [];
      const reader = createLineReader(lineCrc, (kind, payload) => {
        heard.push(`${kind} ${Buffer.from(payload).toString('hex')}`);
      });
      for (let tries = 0; heard.length < 2 && tries < 100; tries++) {
        await new Promise((resolve) => setTimeout(resolve, 20));
        readLine(reader, Uint8Array.from(rig.busBytes.splice(0)), performance.now());
      }
      expect(heard).toEqual([
        `${LINE_PACKET} ${packet.toString('hex')}`,
        `${LINE_OUTPUT} ${Buffer.from('\x05wheel').toString('hex')}a1b2`,
      ]);
    });

    test('does not start with settings that cannot be, and says why', async () => {
      await boot({ heap: native.noHeap });
      await rig.logged('heap: too small for the engine alone');
      await rig.kill();
      await boot({ 'program-bytes': 3 });
      await rig.logged('whole program units make a sector');
    });

    test.each(PARTS)('does as Node, to the byte: %s', async (part) => {
      const { bundle, says } = await conformanceFile(part, folder);
      await boot({ heap: native.firmwareHeap }, bundle);
      const lines: string[] = [];
      while (!lines.at(-1)?.startsWith('end ')) lines.push(await rig.said(''));
      expect(lines, rig.log).toEqual(says);
    });

    // the program of this machine is one board
    if (target !== 'mps2-an385') return;
    test('two boards of a system on one chip: heap, flash, faults and restarts are of one alone, packets go between', async () => {
      const own = join(folder, `two-${number++}`);
      const socket = `${own}.socket`;
      const times = { 'hang-ms': 500, 'watchdog-ms': 2000 };
      rig = new Rig({
        target: 'mps2-an385',
        program,
        folder: own,
        bundle: native.image ? await native.image(probe) : probe,
        settings: { name: 'a,b', 'sector-bytes': 4096, sectors: 64, 'program-bytes': 8, heap: native.heap, ...times },
        arguments: ['-chardev', `socket,id=second,path=${socket},server=on,wait=off`, '-serial', 'chardev:second'],
      });
      await rig.on();
      const second = new Talk();
      const line = await reach(socket);
      line.on('data', (chunk: Buffer) => second.heard(chunk));
      const ask = async (words: string, begin = ''): Promise<string> => {
        second.forget();
        line.write(`${words}\n`);
        return second.said(begin);
      };
      // the first line may have been said before anybody listened
      await rig.said('boot');
      expect(await ask('facts', 'b ')).toBe(`b ${engine} true true 4096 64 8`);
      expect(await rig.ask('facts')).toBe(`a ${engine} true true 4096 64 8`);
      expect(await rig.ask('program 0 0000000000000000')).toBe('programmed');
      expect(await ask('read 0 8')).toBe('ff'.repeat(8));
      expect(await ask('program 0 0000000000000001')).toBe('programmed');
      expect(
        readFileSync(rig.flash)
          .subarray(64 * 4096, 64 * 4096 + 8)
          .toString('hex'),
      ).toBe('0000000000000001');
      const packet = Buffer.alloc(20, 3);
      packet.writeUInt32LE(crc32(packet.subarray(0, 16)), 16);
      second.forget();
      expect(await rig.ask(`bus ${packet.toString('hex')}`)).toBe('sent');
      expect(await second.said('heard')).toBe(`heard ${packet.toString('hex')}`);
      expect(await ask('call one')).toBe('called one');
      expect(await rig.ask('call one')).toBe('called one');
      // all of its own memory, and nothing of the other's
      expect(await ask('mark 5')).toBe('marked');
      expect(await ask('fill', full.begins)).toBe(full.says);
      expect(await ask('fault', 'boot')).toBe('boot fault 5');
      expect(await ask('reset', 'boot')).toBe('boot reset 5');
      expect(await ask('read 0 8')).toBe('0000000000000001');
      expect(await ask('call loop')).toMatch(/^threw hang/);
      // the other went on all the time
      expect(await rig.ask('call two')).toBe('called one,two');
      // what no interruption reaches ends for both; only one of them was in a process
      second.forget();
      line.write('loop\n');
      expect(await second.said('boot')).toBe('boot watchdog 5');
      expect(await rig.said('boot')).toBe('boot watchdog -1');
      line.destroy();
    });
  });
}
