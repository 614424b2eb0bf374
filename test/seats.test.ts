// Boards of several kinds in one testbed: virtual ones, and programs with a bus line (hal/BUS.md). Whatever runs in
// them, a packet from one reaches all others, devices work, and power goes and comes as on a virtual board.

import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { crc32 } from 'node:zlib';
import { build } from 'esbuild';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import {
  encodePacket,
  PACKET_ACK,
  PACKET_BEAT,
  PACKET_DATA,
  PACKET_INPUT,
  PACKET_INPUT_ACK,
} from '../firmware/wire.ts';
import { encodeLine, LINE_OUTPUT } from '../hal/line.ts';
import { root } from '../host/build/root.ts';
import { ofKind } from '../host/describe/testbed.ts';
import { readTestbed } from '../host/describe/read.ts';
import { assemble } from '../host/testbed/assemble.ts';
import { createBusLine, lineCrc } from '../host/testbed/busline.ts';
import type { Client } from '../host/testbed/client.ts';
import { startDaemon, stopTestbed } from '../host/testbed/client.ts';
import type { TestbedBoard, TestbedConfig } from '../host/testbed/config.ts';
import { deviceBody } from '../host/testbed/pipe.ts';
import { withPrograms } from '../host/testbed/programs.ts';
import { createQmp } from '../host/testbed/qmp.ts';
import { BusSwitch } from '../host/testbed/switch.ts';
import { obedientBundle } from './testbed/fixture.ts';
import { failureIn, until as within } from './fixtures/failure.ts';

/** What is waited for comes within so long, ms. */
const until = (what: string, holds: () => boolean | Promise<boolean>): Promise<void> => within(what, holds, 20_000);

const FLASH = { sectorBytes: 4096, sectors: 64, programBytes: 4 };
const NUMBER = [{ name: 'x', kind: 'f32', count: 0 }];
const WORLD = `
export function createWorld(bench) {
  let k = 0;
  bench.every(50, () => bench.input('gyro', { x: k++ }));
  return { output(device, values) { bench.record(device, [values.x]); } };
}`;

let folder = '';
let bundle = '';
let program = '';
const states: string[] = [];

/** A program that does as boards/native/linux does, and runs everywhere. */
async function lineBoard(file: string): Promise<string> {
  await build({
    entryPoints: [join(root(), 'test/testbed/line-board.ts')],
    outfile: `${file}.mjs`,
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    logLevel: 'silent',
  });
  writeFileSync(file, `#!/bin/sh\nexec '${process.execPath}' '${file}.mjs' "$@"\n`);
  chmodSync(file, 0o755);
  return file;
}

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'seats-'));
  bundle = await obedientBundle(folder);
  program = await lineBoard(join(folder, 'line-board'));
  writeFileSync(join(folder, 'world.ts'), WORLD);
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

afterEach(async () => {
  for (const state of states.splice(0)) if (existsSync(state)) await stopTestbed(state).catch(() => undefined);
});

function config(state: string, boards: TestbedBoard[], more: Partial<TestbedConfig> = {}): TestbedConfig {
  const stateDir = join(folder, state);
  states.push(stateDir);
  return {
    bundle,
    boards,
    devices: [
      { name: 'gyro', board: 'engine', in: NUMBER, out: null },
      { name: 'wheel', board: 'engine', in: null, out: NUMBER },
    ],
    world: { module: join(folder, 'world.ts'), options: {} },
    seed: 1,
    speed: 1,
    stateDir,
    systemFile: 'system.json',
    header: { v: 1, trace: 'understudy', processes: [] },
    line: 'auto',
    ...more,
  };
}

function engineBoard(name: string, more: Partial<TestbedBoard> = {}): TestbedBoard {
  return { name, kind: 'engine', type: 'linux-duktape', engine: 'duktape', program, flash: FLASH, ...more };
}

/** Packets of the device bus end with their CRC-32 (PROTOCOL 2.2). */
function packet(...bytes: number[]): Uint8Array {
  const out = Buffer.from([...bytes, 0, 0, 0, 0]);
  out.writeUInt32LE(crc32(Buffer.from(bytes)), bytes.length);
  return new Uint8Array(out);
}

async function heard(lab: Client, board: string): Promise<number[][]> {
  return ((await lab.request(board, 'heard')).heard as Uint8Array[]).map((bytes) => [...bytes]);
}

describe('a switch', () => {
  const from = (...packet: unknown[]): Uint8Array => encodePacket(packet, lineCrc);

  it('sends everywhere what is for everybody, or for nobody it knows', () => {
    const bus = new BusSwitch<string>();
    expect(bus.route('a', from(PACKET_BEAT, 0, 1, 0, '', '', [[0, 'active', 0, [], [], [], []]]))).toBeNull();
    expect(bus.route('a', from(PACKET_DATA, 0, 7, 1, 1, 0, 1, 0))).toBeNull();
    expect(bus.route('a', new Uint8Array(40))).toBeNull();
  });

  it('sends to one board alone what is for a process that it has heard of there', () => {
    const bus = new BusSwitch<string>();
    bus.route('a', from(PACKET_BEAT, 0, 1, 0, '', '', [[0, 'active', 0, [], [], [], []]]));
    expect(bus.route('b', from(PACKET_DATA, 2, 0, 1, 1, 0, 1, 0))).toBe('a');
    expect(bus.route('a', from(PACKET_ACK, 2, 0, 1, 1, 1, 0))).toBe('b');
    expect(bus.route('b', from(PACKET_INPUT, 0, 0, 1, 1, 4, 0, new Uint8Array(4), 1))).toBe('a');
    // who forwards an input is not known by its device
    expect(bus.route('a', from(PACKET_INPUT_ACK, 0, 0, 1, 1, 4))).toBeNull();
  });

  it('finds a process that has moved by its next beat', () => {
    const bus = new BusSwitch<string>();
    bus.route('a', from(PACKET_BEAT, 0, 1, 0, '', '', [[3, 'seat', 0, [], [], [], []]]));
    bus.route('c', from(PACKET_BEAT, 2, 1, 0, '', '', [[3, 'seat', 0, [], [], [], []]]));
    expect(bus.route('b', from(PACKET_DATA, 2, 3, 1, 1, 0, 1, 0))).toBe('c');
  });
});

describe('boards of several kinds', () => {
  it('hear each other, have devices, lose power and restart as virtual ones do', async () => {
    const virtual: TestbedBoard = { name: 'virtual', kind: 'virtual', type: 'virtual', flash: FLASH };
    const lab = await startDaemon(config('mixed', [virtual, engineBoard('engine'), engineBoard('other')]));
    const states: string[] = [];
    lab.onBoard((change) => states.push(`${change.board.name} ${change.state}`));
    expect(lab.boards().map((b) => [b.name, b.kind, b.powered])).toEqual([
      ['virtual', 'virtual', true],
      ['engine', 'engine', true],
      ['other', 'engine', true],
    ]);
    const log = readFileSync(join(folder, 'mixed', 'testbed.log'), 'utf8');
    expect(log).toMatch(/^.*virtual: boot 1, bundle [0-9a-f]{8}$/m);
    expect(log).toMatch(/^.*engine: boot 1, virtual, firmware 0\.0\.1$/m);
    // packets, either way
    const [one, two] = [packet(0x55, 0xd3, 1), packet(4, 5, 6, 7)];
    await lab.request('virtual', 'bus', { bytes: one });
    await lab.request('engine', 'bus', { bytes: two });
    await until('packets', async () => (await heard(lab, 'other')).length === 2);
    expect(await heard(lab, 'virtual')).toEqual([[...two]]);
    expect(await heard(lab, 'engine')).toEqual([[...one]]);
    // devices
    await until('inputs', async () => ((await lab.request('engine', 'heard')).inputs as number) > 2);
    expect((await lab.request('other', 'heard')).inputs).toBe(0);
    await lab.request('engine', 'output', { device: 'wheel', bytes: new Uint8Array(new Float32Array([5]).buffer) });
    await until('the record', async () => (await lab.records()).length === 1);
    expect((await lab.records())[0]).toMatchObject({ name: 'wheel', values: [5] });
    // a power cut from outside keeps port and flash
    const before = lab.boards()[1];
    if (!before) throw new Error('no board');
    await lab.request('engine', 'program', { at: 8, bytes: Uint8Array.of(1, 2, 3, 4) });
    process.kill(before.pid, 'SIGKILL');
    await until('the news', () => states.includes('engine off'));
    expect(lab.boards()[1]).toMatchObject({ powered: false, port: before.port, why: 'its process was killed' });
    expect(await failureIn(lab.request('engine', 'hello'))).toMatchObject({ code: 'E_OFF', exit: 3 });
    await lab.power('engine', true);
    expect(lab.boards()[1]).toMatchObject({ powered: true, port: before.port, boots: 2 });
    const kept = (await lab.request('engine', 'read', { at: 8, length: 4 })).bytes as Uint8Array;
    expect([...kept]).toEqual([1, 2, 3, 4]);
    // it restarts by itself, and after a crash
    await lab.request('engine', 'reset');
    await until('its own boot', () => lab.boards()[1]?.boots === 3 && states.includes('engine reset'));
    expect((await lab.request('engine', 'hello')).board).toBe('engine');
    await failureIn(lab.request('engine', 'throw', {}, 300));
    await until('its restart', () => lab.boards()[1]?.boots === 4);
    expect((await lab.request('engine', 'hello')).board).toBe('engine');
    expect((await lab.request('engine', 'interrupted')).why).toMatch(/^hang/);
    await lab.power('engine', false);
    await lab.close();
  }, 60_000);

  it('a program that cannot run is a clear error, and nothing is left', async () => {
    const nothing = config('no-bundle', [engineBoard('engine')], { bundle: join(folder, 'nowhere.js') });
    const error = await failureIn(startDaemon(nothing));
    expect(error).toMatchObject({ code: 'E_BOARD_FAULT', exit: 9 });
    expect(error.message).toContain('cannot read the board bundle');
    const broken = join(folder, 'broken.js');
    writeFileSync(broken, 'var understudy = { boot: function () { throw new Error("as told"); } };');
    const thrown = await failureIn(startDaemon(config('broken', [engineBoard('engine')], { bundle: broken })));
    expect(thrown).toMatchObject({ code: 'E_BOARD_FAULT', exit: 9 });
    expect(thrown.message).toContain('as told');
    const missing = engineBoard('engine', { program: join(folder, 'nowhere') });
    expect(await failureIn(startDaemon(config('no-program', [missing])))).toMatchObject({ code: 'E_BOARD_FAULT' });
  }, 60_000);
});

describe('the emulator', () => {
  it('that dies at once is an error with its own words', async () => {
    const bin = join(folder, 'bin');
    const fake = join(bin, 'qemu-system-arm');
    mkdirSync(bin, { recursive: true });
    writeFileSync(fake, '#!/bin/sh\necho "qemu-system-arm: no such machine" >&2\nexit 1\n');
    chmodSync(fake, 0o755);
    const path = process.env.PATH;
    process.env.PATH = `${bin}${delimiter}${path}`;
    try {
      const board = engineBoard('engine', { kind: 'emulated', type: 'mps2-an385' });
      const error = await failureIn(startDaemon(config('dies', [board])));
      expect(error).toMatchObject({ code: 'E_QEMU', exit: 9 });
      expect(error.message).toContain('no such machine');
      expect(error.next).toContain('qemu-system-arm');
    } finally {
      process.env.PATH = path;
    }
  });

  it('and tools that are missing are named with their package or variable', async () => {
    const path = process.env.PATH;
    const espruino = process.env.UNDERSTUDY_ESPRUINO;
    process.env.PATH = folder;
    process.env.UNDERSTUDY_ESPRUINO = join(folder, 'nowhere');
    try {
      const board = engineBoard('engine', { kind: 'emulated', type: 'mps2-an385' });
      const qemu = await failureIn(withPrograms([board]));
      expect(qemu).toMatchObject({ code: 'E_TOOL', exit: 7 });
      expect(qemu.next).toContain('qemu-system-arm');
      const other = await failureIn(withPrograms([engineBoard('engine', { engine: 'espruino' })]));
      expect(other).toMatchObject({ code: 'E_TOOL', exit: 7 });
      expect(other.message).toContain('UNDERSTUDY_ESPRUINO');
    } finally {
      process.env.PATH = path;
      if (espruino === undefined) delete process.env.UNDERSTUDY_ESPRUINO;
      else process.env.UNDERSTUDY_ESPRUINO = espruino;
    }
  });

  it('tells of resets line by line, once it has been greeted', () => {
    const said: string[] = [];
    const events: string[] = [];
    const qmp = createQmp(
      (text) => said.push(text),
      ({ event }) => events.push(event),
    );
    const text = '{"QMP": {}}\r\n{"return": {}}\r\n{"event": "RESET", "data": {"guest": true}}\r\n{"event": "WATCH';
    for (const byte of text) qmp.heard(Buffer.from(byte));
    qmp.heard(Buffer.from('DOG"}\r\n'));
    expect(said).toEqual(['{"execute": "qmp_capabilities"}\n']);
    expect(events).toEqual(['RESET', 'WATCHDOG']);
  });
});

describe('the bus line', () => {
  it('carries packets and devices through bytes that arrive one by one, behind noise', () => {
    const got: unknown[] = [];
    const told = {
      bus: (bytes: Uint8Array) => got.push(['bus', [...bytes]]),
      output: (device: string, bytes: Uint8Array) => got.push([device, [...bytes]]),
    };
    const line = createBusLine(told);
    const one = packet(7, 8);
    const frames = Buffer.concat([
      Uint8Array.of(0x55, 0, 0x55),
      line.packet(one),
      encodeLine(LINE_OUTPUT, deviceBody('wheel', Uint8Array.of(1, 2)), lineCrc),
      // what is for boards alone, and comes back
      line.input('gyro', Uint8Array.of(9)),
    ]);
    for (const byte of frames) line.heard(Uint8Array.of(byte));
    expect(got).toEqual([
      ['bus', [...one]],
      ['wheel', [1, 2]],
    ]);
  });
});

describe('kinds of board in a testbed file', () => {
  function testbed(boards: Record<string, unknown>): string {
    const file = join(folder, `testbed-${Math.random().toString(36).slice(2)}.json`);
    writeFileSync(file, JSON.stringify({ understudy: 1, boards }));
    return file;
  }

  it('have a type each where none is named; --boards says it for all', () => {
    const file = testbed({
      a: { kind: 'virtual' },
      b: { kind: 'engine', engine: 'duktape' },
      c: { kind: 'emulated' },
    });
    const { value } = readTestbed(file);
    expect(Object.values(value.boards).map((b) => b.type)).toEqual(['virtual', 'linux-duktape', 'mps2-an385']);
    const all = ofKind(value, 'jerryscript');
    expect(Object.values(all.boards).map((b) => [b.kind, b.engine, b.type])).toEqual(
      Array(3).fill(['engine', 'jerryscript', 'linux-jerryscript']),
    );
    expect(() => ofKind(value, 'duktap')).toThrow(expect.objectContaining({ code: 'E_USAGE', exit: 2 }));
  });

  it('that cannot be are refused, with what would be right', () => {
    expect(() => readTestbed(testbed({ a: { kind: 'engine' } }))).toThrow(/boards\.a\.engine: missing; wanted one of/);
    expect(() => readTestbed(testbed({ a: { kind: 'virtual', engine: 'duktape' } }))).toThrow(/the kind is virtual/);
  });

  it('that keep their own time have no other', async () => {
    const mission = join(root(), 'host/mission');
    const options = {
      systemFile: join(mission, 'system.json'),
      testbedFile: join(mission, 'testbed.json'),
      stateDir: join(folder, 'fast'),
      boards: 'duktape',
      speed: 2,
    };
    expect(await failureIn(assemble(options))).toMatchObject({ code: 'E_USAGE', exit: 2 });
  });
});
