import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { connect as connectSocket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { TraceLine } from '../host/check/types.ts';
import type { Client } from '../host/testbed/client.ts';
import { connect, startDaemon, stopTestbed } from '../host/testbed/client.ts';
import type { TestbedConfig } from '../host/testbed/config.ts';
import { boardProgram } from '../host/testbed/program.ts';
import { launchWithPtys } from '../host/testbed/pty.ts';
import { openSerial } from '../host/testbed/serial.ts';
import type { BoardSpec } from '../host/testbed/spec.ts';
import { statePaths } from '../host/testbed/state.ts';
import { createTraceLog } from '../host/testbed/tracelog.ts';
import { readTrace } from '../host/trace/file.ts';
import { firmwareBundle, obedientBundle } from './testbed/fixture.ts';
import { failureIn, until as within } from './fixtures/failure.ts';

/** What is waited for comes within so long, ms. */
const until = (what: string, holds: () => boolean | Promise<boolean>): Promise<void> => within(what, holds, 10_000);

const FLASH = { sectorBytes: 4096, sectors: 64, programBytes: 4 };
const NUMBER = [{ name: 'x', kind: 'f32', count: 0 }];
const WORLD = `
export function createWorld(bench, options) {
  let k = 0;
  bench.every(50, () => bench.input('gyro', { x: options.scale * k++ }));
  return { output(device, values) { bench.record(device, [values.x]); if (values.x < 0) throw new Error('as told'); } };
}`;

let folder = '';
let bundles = { obedient: '', firmware: '' };
const states: string[] = [];

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'testbed-'));
  bundles = { obedient: await obedientBundle(folder), firmware: await firmwareBundle(folder) };
  writeFileSync(join(folder, 'world.ts'), WORLD);
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Processes that have something of this state folder in their command or among their descriptors. */
function processesOf(state: string): number[] {
  const found: number[] = [];
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    if (Number(pid) === process.pid) continue;
    try {
      const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8');
      const open = readdirSync(`/proc/${pid}/fd`).map((fd) => readlinkSync(`/proc/${pid}/fd/${fd}`));
      if (command.includes(state) || open.some((file) => file.startsWith(state))) found.push(Number(pid));
    } catch {
      // it ended while we looked
    }
  }
  return found;
}

function config(state: string, more: Partial<TestbedConfig> = {}): TestbedConfig {
  const stateDir = join(folder, state);
  states.push(stateDir);
  return {
    bundle: bundles.obedient,
    boards: ['one', 'two', 'three'].map((name) => ({ name, kind: 'virtual', type: 'virtual', flash: FLASH })),
    devices: [
      { name: 'gyro', board: 'two', in: NUMBER, out: null },
      { name: 'wheel', board: 'one', in: null, out: NUMBER },
    ],
    world: { module: join(folder, 'world.ts'), options: { scale: 2 } },
    seed: 1,
    speed: 1,
    stateDir,
    systemFile: 'system.json',
    header: { v: 1, trace: 'understudy', processes: [] },
    line: 'pty',
    ...more,
  };
}

/** How a daemon is ended that a failed test left behind: by its own id. */
afterEach(async () => {
  for (const state of states.splice(0)) {
    if (existsSync(state)) await stopTestbed(state).catch(() => undefined);
    await until(`the end of all processes of ${state}`, () => processesOf(state).length === 0);
  }
});

describe('the daemon', () => {
  it('boots boards, answers, carries bus and devices, and leaves nothing running', async () => {
    const setup = config('whole');
    const lab = await startDaemon(setup);
    expect(lab.boards().map((b) => [b.name, b.powered, b.kind])).toEqual([
      ['one', true, 'virtual'],
      ['two', true, 'virtual'],
      ['three', true, 'virtual'],
    ]);
    for (const board of lab.boards()) expect(board.port).toMatch(/^\/dev\/pts\/\d+$/);
    expect(statSync(setup.stateDir).mode & 0o777).toBe(0o700);

    const bytes = Uint8Array.from({ length: 2000 }, (_, i) => (i * 31) & 0xff);
    const reply = await lab.request('one', 'echo', { bytes });
    expect(Buffer.compare(Buffer.from(reply.bytes as Uint8Array), Buffer.from(bytes))).toBe(0);

    await lab.request('one', 'bus', { bytes: Uint8Array.of(1, 2, 3) });
    for (const name of ['two', 'three']) {
      await until('the packet', async () => ((await lab.request(name, 'heard')).heard as unknown[]).length === 1);
      const heard = (await lab.request(name, 'heard')).heard as Uint8Array[];
      expect([...(heard[0] ?? [])]).toEqual([1, 2, 3]);
    }
    expect((await lab.request('one', 'heard')).heard).toEqual([]);

    await until('inputs', async () => ((await lab.request('two', 'heard')).inputs as number) > 2);
    expect((await lab.request('one', 'heard')).inputs).toBe(0);
    const five = new Uint8Array(new Float32Array([5]).buffer);
    await lab.request('one', 'output', { device: 'wheel', bytes: five });
    await until('the record', async () => (await lab.records()).length === 1);
    expect((await lab.records())[0]).toMatchObject({ name: 'wheel', values: [5] });
    // A world that throws takes nothing with it.
    await lab.request('one', 'output', { device: 'wheel', bytes: new Uint8Array(new Float32Array([-5]).buffer) });
    await until('the failure', async () => (await lab.info()).worldFailures === 1);
    await lab.request('one', 'output', { device: 'wheel', bytes: five });
    await until('the record', async () => (await lab.records()).length === 3);

    expect((await lab.request('one', 'interrupted')).why).toMatch(/^hang/);
    expect(await failureIn(lab.request('one', 'nonsense'))).toMatchObject({ code: 'E_VERB' });
    expect(await failureIn(lab.request('four', 'hello'))).toMatchObject({ code: 'E_BOARD', exit: 3 });

    const pids = [(await lab.info()).pid, ...lab.boards().map((b) => b.pid)];
    await lab.close();
    await stopTestbed(setup.stateDir);
    for (const pid of pids) expect(existsSync(`/proc/${pid}`)).toBe(false);
    expect(processesOf(setup.stateDir)).toEqual([]);
    expect(existsSync(statePaths(setup.stateDir).socket)).toBe(false);
    const error = await failureIn(connect(setup.stateDir));
    expect(error).toMatchObject({ code: 'E_NO_TESTBED', exit: 3, next: 'npx understudy testbed up' });
  });

  it('a power cut keeps port and flash, and loses what was sent meanwhile', async () => {
    const setup = config('power');
    const lab = await startDaemon(setup);
    const states: string[] = [];
    lab.onBoard((change) => states.push(`${change.board.name} ${change.state}`));
    const [before] = lab.boards();
    if (!before) throw new Error('no board');
    await lab.request('one', 'program', { at: 8, bytes: Uint8Array.of(1, 2, 3, 4) });
    // As a power cut comes: from outside, at any instant.
    process.kill(before.pid, 'SIGKILL');
    await until('the news', () => states.includes('one off'));
    expect(lab.boards()[0]).toMatchObject({ powered: false, port: before.port, why: 'its process was killed' });
    const off = await failureIn(lab.request('one', 'hello'));
    expect(off).toMatchObject({ code: 'E_OFF', exit: 3 });
    expect(off.next).toContain('power one on');
    expect((await lab.request('two', 'hello')).board).toBe('two');
    await lab.power('one', true);
    expect(lab.boards()[0]).toMatchObject({ powered: true, port: before.port, boots: 2 });
    expect([...((await lab.request('one', 'read', { at: 8, length: 4 })).bytes as Uint8Array)]).toEqual([1, 2, 3, 4]);
    expect(await failureIn(openSerial(before.port))).toMatchObject({ code: 'E_BUSY', exit: 5 });
    await lab.power('one', false);
    await lab.power('one', true);
    expect(lab.boards()[0]).toMatchObject({ powered: true, boots: 3 });
    await lab.request('one', 'reset');
    await until('its own boot', () => lab.boards()[0]?.boots === 4);
    expect((await lab.request('one', 'hello')).board).toBe('one');
    const notes: TraceLine[] = (await readTrace((await lab.flush()).trace)).lines.filter((l) => l.board === 'one');
    expect(notes.map((line) => line.note?.kind)).toEqual(['boot', 'off', 'boot', 'off', 'boot', 'off', 'boot']);
    // The flash outlives the testbed too.
    await lab.close();
    await stopTestbed(setup.stateDir);
    const next = await startDaemon(setup);
    expect([...((await next.request('one', 'read', { at: 8, length: 4 })).bytes as Uint8Array)]).toEqual([1, 2, 3, 4]);
    await next.close();
  });

  it('a board that fails is told from one that hangs, and neither stops the others', async () => {
    const lab = await startDaemon(config('faults', { world: null }));
    const waits = failureIn(lab.request('one', 'throw', {}, 300));
    await until('its restart', () => lab.boards()[0]?.boots === 2);
    expect(await waits).toMatchObject({ code: 'E_TIMEOUT', exit: 6 });
    const hang = await failureIn(lab.request('two', 'hang', {}, 300));
    expect(hang).toMatchObject({ code: 'E_TIMEOUT', exit: 6 });
    expect(hang.message).toContain('two');
    expect((await lab.request('one', 'hello')).board).toBe('one');
    expect((await lab.request('three', 'hello')).board).toBe('three');
    expect(await failureIn(lab.request('two', 'hello', {}, 200))).toMatchObject({ code: 'E_TIMEOUT' });
    // Switching it off and on helps, however stuck it is.
    await lab.power('two', false);
    await lab.power('two', true);
    // What it did not read before is gone, as it would be from a real board's line.
    expect(await lab.request('two', 'hello')).toMatchObject({ board: 'two', requests: 1 });
    await lab.close();
  });

  it('a firmware that cannot boot is a clear error, and nothing is left', async () => {
    const bundle = join(folder, 'broken.js');
    writeFileSync(bundle, 'var understudy = { boot: function () { throw new Error("as told"); } };');
    const setup = config('broken', { bundle });
    const error = await failureIn(startDaemon(setup));
    expect(error).toMatchObject({ code: 'E_BOARD_FAULT', exit: 9 });
    expect(error.message).toContain('as told');
    expect(readFileSync(statePaths(setup.stateDir).log, 'utf8')).toContain('as told');
    const world = config('no-world', { world: { module: join(folder, 'nowhere.ts'), options: {} } });
    expect(await failureIn(startDaemon(world))).toMatchObject({ code: 'E_WORLD', exit: 2 });
    const nothing = config('no-bundle', { bundle: join(folder, 'nowhere.js') });
    expect(await failureIn(startDaemon(nothing))).toMatchObject({ code: 'E_BUNDLE', exit: 9 });
    const size = config('size');
    mkdirSync(join(size.stateDir, 'flash'), { recursive: true });
    writeFileSync(join(size.stateDir, 'flash', 'one.nor'), 'short');
    expect(await failureIn(startDaemon(size))).toMatchObject({ code: 'E_FLASH_FILE', exit: 9 });
  });

  it('is the only one of its state folder, and its death leaves nothing behind that matters', async () => {
    const setup = config('alone', { world: null });
    expect(await failureIn(connect(setup.stateDir))).toMatchObject({ code: 'E_NO_TESTBED', exit: 3 });
    const lab = await startDaemon(setup);
    const { pid } = await lab.info();
    const second = await failureIn(startDaemon(setup));
    expect(second).toMatchObject({ code: 'E_BUSY', exit: 5 });
    expect(second.message).toContain(`process ${pid}`);
    // Even where its socket was taken away.
    rmSync(statePaths(setup.stateDir).socket);
    expect(await failureIn(startDaemon(setup))).toMatchObject({ code: 'E_BUSY', exit: 5 });
    const waits = failureIn(lab.request('one', 'nothing-hears-this', {}, 5000).then(() => lab.request('one', 'hang')));
    const hangs = failureIn(lab.request('two', 'hang'));
    process.kill(pid, 'SIGKILL');
    expect(await hangs).toMatchObject({ code: 'E_GONE', exit: 6 });
    await waits;
    // Boards end with it, even one that is stuck.
    await until('the end of its boards', () => processesOf(setup.stateDir).length === 0);
    const again = await startDaemon(setup);
    expect((await again.request('one', 'hello')).board).toBe('one');
    await again.close();
  });

  it('carries the whole trace to its file and to whoever asks', async () => {
    const lab = await startDaemon(config('trace', { world: null }));
    const lines: TraceLine[] = [];
    const stop = lab.onTrace((line) => lines.push(line));
    await lab.request('one', 'flood', { count: 2000 });
    await until('the trace', () => lines.length >= 2000);
    stop();
    await lab.request('one', 'flood', { count: 1 });
    const read = await readTrace((await lab.flush()).trace);
    expect(read.header.trace).toBe('understudy');
    const own = read.lines.filter((line) => line.note?.kind === 'flood');
    expect(own).toHaveLength(2001);
    expect(lines.map((line) => (line.note as unknown as { i: number }).i)).toEqual(
      Array.from({ length: 2000 }, (_, i) => i),
    );
    expect(lines).toEqual(own.slice(0, 2000));
    await lab.close();
  });

  it('speaks one JSON object a line, and bears with those who do not', async () => {
    const setup = config('lines', { world: null });
    await (await startDaemon(setup)).close();
    const socket = connectSocket(statePaths(setup.stateDir).socket);
    let text = '';
    socket.on('data', (chunk) => {
      text += String(chunk);
    });
    for (const part of [
      '{"id":1,"method":"li',
      'st"}\n\nnonsense\n[1]\n{"id":2,"method":"no"}\n{"id":3,"method":"info"}\n',
    ]) {
      socket.write(part);
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    await until('five answers', () => text.split('\n').length > 5);
    const answers = text
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    const byId = (id: number) => answers.find((a) => a.id === id);
    expect(byId(1).result.map((b: { name: string }) => b.name)).toEqual(['one', 'two', 'three']);
    const bad = answers.filter((a) => a.id === null);
    expect(bad.map((a) => [a.error.code, a.error.exit])).toEqual(Array(2).fill(['E_MESSAGE', 2]));
    expect(byId(2).error).toMatchObject({ code: 'E_MESSAGE', exit: 2 });
    expect(byId(3).result.line).toBe('pty');
    socket.destroy();
  });

  it('ends on a signal as on a command', async () => {
    const setup = config('signal', { world: null });
    const lab = await startDaemon(setup);
    const { pid } = await lab.info();
    await lab.close();
    process.kill(pid, 'SIGTERM');
    await until('its end', () => processesOf(setup.stateDir).length === 0);
    expect(existsSync(statePaths(setup.stateDir).socket)).toBe(false);
    expect(readFileSync(statePaths(setup.stateDir).log, 'utf8')).toContain('testbed down');
  });

  it('runs without Perl on pipes, or says what is missing', async () => {
    const setup = config('pipes', { world: null });
    expect(await failureIn(startDaemon(setup, { perl: '/nowhere/perl' }))).toMatchObject({
      code: 'E_NO_PERL',
      exit: 3,
    });
    const lab = await startDaemon({ ...setup, line: 'auto' }, { perl: '/nowhere/perl' });
    expect(lab.boards()[0]?.port).toBe('');
    expect((await lab.info()).line).toBe('pipe');
    expect((await lab.request('one', 'hello')).board).toBe('one');
    await lab.power('one', false);
    await lab.power('one', true);
    expect((await lab.request('one', 'hello')).board).toBe('one');
    await lab.close();
  });

  it('attaches a real board by its port, and tells when it goes away', async () => {
    const setup = config('real', { world: null });
    const board = (port: string) => [{ name: 'far', kind: 'real' as const, type: 'x', port }];
    const missing = failureIn(startDaemon({ ...setup, boards: board('/dev/pts/99999') }));
    expect(await missing).toMatchObject({ code: 'E_NO_PORT', exit: 3 });

    // A board that is no part of the testbed: its port is a serial port like any.
    const apart = join(folder, 'apart');
    mkdirSync(apart);
    const spec: BoardSpec = {
      name: 'far',
      bundle: bundles.obedient,
      flashFile: join(apart, 'far.nor'),
      keptFile: join(apart, 'far.nor.kept'),
      cause: 'power',
      flash: FLASH,
      memoryBytes: 0,
      interrupts: true,
      seed: 1,
      boot: 1,
      speed: 1,
      epochNs: String(process.hrtime.bigint()),
    };
    const command = [...(await boardProgram(apart)), JSON.stringify(spec)];
    const code = `console.log(process.env.UNDERSTUDY_PTYS);
      require('node:child_process').spawn(process.execPath, ${JSON.stringify(command)}, { stdio: ['ignore', 2, 2, 3, 'pipe'] });`;
    const far = launchWithPtys({
      count: 1,
      command: process.execPath,
      args: ['-e', code],
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    try {
      const path = await new Promise<string>((resolve) => far.stdout?.once('data', (c) => resolve(String(c).trim())));
      const lab = await startDaemon({ ...setup, boards: board(path) });
      expect(lab.boards()).toMatchObject([{ name: 'far', kind: 'real', port: path, powered: true }]);
      expect((await lab.request('far', 'hello')).board).toBe('far');
      expect(await failureIn(lab.power('far', false))).toMatchObject({ code: 'E_POWER', exit: 2 });
      far.kill('SIGKILL');
      await until('the news', () => lab.boards()[0]?.powered === false);
      expect(await failureIn(lab.request('far', 'hello'))).toMatchObject({ code: 'E_UNPLUGGED', exit: 6 });
      expect(await failureIn(lab.power('far', true))).toMatchObject({ exit: 3 });
      await lab.close();
    } finally {
      far.kill('SIGKILL');
      await until('its end', () => processesOf(apart).length === 0);
    }
  });

  it('lab time runs as fast as it is told', async () => {
    const lab = await startDaemon(config('fast', { speed: 10, world: null }));
    const before = (await lab.request('one', 'hello')).now as number;
    const at = lab.now();
    await lab.wait(2000);
    const after = (await lab.request('one', 'hello')).now as number;
    expect(after - before).toBeGreaterThan(1990);
    expect(lab.now() - at).toBeGreaterThan(1990);
    await lab.close();
  });

  it('carries an image to the firmware, beside other requests', async () => {
    const lab: Client = await startDaemon(config('firmware', { bundle: bundles.firmware, world: null }));
    const hello = await lab.request('one', 'hello');
    expect(hello).toMatchObject({ board: 'one', engine: 'virtual' });
    expect(hello.flash).toEqual(FLASH);
    const seen: number[] = [];
    // Bytes that are no image: carried whole, and refused by the board.
    const image = { bytes: new Uint8Array(40_000).fill(7), hash: '0123456789abcdef' };
    const upload = failureIn(lab.upload('one', 'active', image, (p) => seen.push(p.done)));
    expect((await lab.request('one', 'hello')).board).toBe('one');
    const error = await upload;
    expect(error.code).toMatch(/^E_/);
    expect(error.message.length).toBeGreaterThan(10);
    expect(seen[seen.length - 1]).toBe(40_000);
    await lab.close();
  });
});

describe('the trace log', () => {
  it('turns over at its limit, each part with the header', () => {
    const file = join(folder, 'a.ndjson');
    const before = join(folder, 'b.ndjson');
    const header = { v: 1, trace: 'understudy', processes: [] };
    const log = createTraceLog(file, before, header, 2000);
    for (let i = 0; i < 100; i++) log.write(JSON.stringify({ i, text: 'x'.repeat(50) }));
    log.close();
    const [older, newer] = [before, file].map((path) =>
      readFileSync(path, 'utf8')
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line)),
    );
    expect(older?.[0]).toEqual(header);
    expect(newer?.[0]).toEqual(header);
    expect(statSync(before).size).toBeLessThan(2200);
    const numbers = [...(older ?? []), ...(newer ?? [])].filter((line) => line.i !== undefined).map((line) => line.i);
    expect(numbers[numbers.length - 1]).toBe(99);
    expect(numbers).toEqual(Array.from({ length: numbers.length }, (_, i) => 100 - numbers.length + i));
    expect(log.turned()).toBeGreaterThan(1);
  });
});
