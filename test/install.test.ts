// The firmware onto a board with the official Espruino interpreter, over its console on a pseudo-terminal: what was
// there before, what is lost or damaged on the way, and what of it cannot run. UNDERSTUDY_ESPRUINO=/path/to/espruino.

import type { ChildProcess } from 'node:child_process';
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import type { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, describe, expect, test } from 'vitest';
import { bootCode, espruinoProgram } from '../host/build/espruino.ts';
import type { InstallOptions } from '../host/operate/espruino.ts';
import { installEspruino } from '../host/operate/espruino.ts';
import { BoardLink } from '../host/session/link.ts';
import type { Line } from '../host/session/link.ts';
import { LINUX_FLASH, relayCommand } from '../host/testbed/espruino.ts';
import { storageImage } from '../host/testbed/storage.ts';
import { reached } from './fixtures/failure.ts';

const program = process.env.UNDERSTUDY_ESPRUINO ?? '';
if (program === '') console.warn('test/install.test.ts: SKIPPED, for UNDERSTUDY_ESPRUINO names no interpreter');

const SECTORS = 48;
const BASE = LINUX_FLASH.base + LINUX_FLASH.bytes - SECTORS * LINUX_FLASH.pageBytes;

interface Running {
  folder: string;
  child: ChildProcess;
  console: Line;
  link: Line;
  said(): string;
}

const folders: string[] = [];
const children: ChildProcess[] = [];

function lineOf(child: ChildProcess, fd: number, hear?: (text: string) => void): Line {
  const socket = child.stdio[fd] as Socket;
  socket.on('error', () => undefined);
  if (hear) socket.on('data', (bytes: Buffer) => hear(bytes.toString('latin1')));
  return {
    write: (bytes) => void socket.write(bytes),
    onData: (fn) => void socket.on('data', fn),
    close: () => socket.destroy(),
  };
}

function boot(folder: string): Running {
  const [command, ...args] = relayCommand(folder, program, true);
  const child = spawn(command as string, args, { stdio: ['ignore', 'ignore', 'inherit', 'pipe', 'pipe', 'pipe'] });
  children.push(child);
  let said = '';
  const console = lineOf(child, 5, (text) => {
    said += text;
  });
  return { folder, child, console, link: lineOf(child, 3), said: () => said };
}

/** A board with these files in its Storage. */
function board(files: Record<string, Uint8Array> = {}): Running {
  const folder = mkdtempSync(join(tmpdir(), 'understudy-install-'));
  folders.push(folder);
  const image = Buffer.alloc(LINUX_FLASH.bytes, 0xff);
  image.set(storageImage(files, LINUX_FLASH.bytes));
  writeFileSync(join(folder, 'espruino.flash'), image);
  return boot(folder);
}

async function powerCut(running: Running): Promise<Running> {
  const gone = new Promise((resolve) => running.child.once('close', resolve));
  running.child.kill('SIGKILL');
  await gone;
  return boot(running.folder);
}

let firmware = '';
let text = '';

/** `devices`: name of the file with the text for its devices. */
function bootText(devices = ''): Promise<string> {
  return bootCode({
    board: 'one',
    flash: { base: BASE, sectorBytes: LINUX_FLASH.pageBytes, sectors: SECTORS, programBytes: 4 },
    link: { uart: 'Serial1', baud: 115200, options: { path: 'link' } },
    console: false,
    memoryBytes: 0,
    traces: false,
    watchdogMs: 0,
    kept: 0,
    copy: true,
    slots: null,
    devices,
    waitMs: 200,
  });
}

async function options(own: Partial<InstallOptions> = {}): Promise<InstallOptions> {
  firmware ||= await espruinoProgram();
  text ||= await bootText();
  return { board: 'one', program: Buffer.from(firmware, 'latin1'), boot: text, slots: null, pieceBytes: 512, ...own };
}

/** What the firmware says of itself once it runs. */
async function hello(running: Running, ms = 15_000): Promise<Record<string, unknown>> {
  const link = new BoardLink('one', running.link, undefined, { dataBytes: 128, windowBytes: 512 });
  for (const end = performance.now() + ms; ; ) {
    try {
      return await link.request('hello', {}, 1000);
    } catch (error) {
      if (performance.now() > end)
        throw new Error(`${(error as Error).message}; it said ${running.said().slice(-2000)}`);
    }
  }
}

afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
});
afterAll(() => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

const LONG = { timeout: 240_000 };

/** As small as a program can be that answers: the second slot of a full one would not fit. */
const SMALL = 'var understudy={boot:1};var understudyDrive=function(s){s.good();print("small "+s.slot+" runs")};';
const small = (more = ''): Buffer => Buffer.from(`${more}${SMALL}//${'x'.repeat(3000)}`, 'latin1');

async function until(running: () => Running, what: string, times = 1, ms = 20_000): Promise<void> {
  if (await reached(() => running().said().split(what).length > times, ms)) return;
  throw new Error(`no ${what}: ${running().said().slice(-1500)}`);
}

describe.skipIf(program === '')('install', () => {
  test('onto a blank board; it runs, and survives a power cut', LONG, async () => {
    let running = board();
    const seen: number[] = [];
    const done = await installEspruino(running.console, await options({ onProgress: (n) => seen.push(n) }));
    expect([done.slot, done.sequence, done.bytes]).toEqual([0, 1, firmware.length]);
    expect(seen.at(-1)).toBe(firmware.length);
    expect(await hello(running)).toMatchObject({ board: 'one', engine: 'espruino' });
    running = await powerCut(running);
    expect(await hello(running)).toMatchObject({ board: 'one', engine: 'espruino' });
  });

  test(
    'the running slot is left alone; the newer one runs, and where it is damaged, the one before',
    LONG,
    async () => {
      let running = board();
      await installEspruino(running.console, await options({ program: small() }));
      await until(() => running, 'small 0 runs');
      const second = await installEspruino(running.console, await options({ program: small('1;') }));
      expect([second.slot, second.sequence]).toEqual([1, 2]);
      await until(() => running, 'small 1 runs');
      const third = await installEspruino(running.console, await options({ program: small('2;') }));
      expect([third.slot, third.sequence]).toEqual([0, 3]);
      const gone = powerCut(running);
      running = await gone;
      await until(() => running, 'small 0 runs');
      running.child.kill('SIGKILL');
      const file = join(running.folder, 'espruino.flash');
      const flash = readFileSync(file);
      const at = flash.indexOf('2;var understudy');
      flash[at + 40] = (flash[at + 40] as number) ^ 4;
      writeFileSync(file, flash);
      running = boot(running.folder);
      await until(() => running, 'small 1 runs');
    },
  );

  test('a program that throws, or never becomes good, gives way to the one before', LONG, async () => {
    let running = board();
    await installEspruino(running.console, await options({ program: small() }));
    await until(() => running, 'small 0 runs');
    await installEspruino(running.console, await options({ program: small('throw 1;') }));
    await until(() => running, 'small 0 runs', 2);
    // it hangs whoever starts it; after three starts nobody does
    const hangs = Buffer.from('for(;;);'.padEnd(3000), 'latin1');
    const third = await installEspruino(running.console, await options({ program: hangs }));
    expect([third.slot, third.sequence]).toEqual([1, 3]);
    let cuts = 0;
    for (; cuts < 12; cuts++) {
      running = await powerCut(running);
      await until(() => running, 'small 0 runs', 1, 4000).catch(() => undefined);
      if (running.said().includes('small 0 runs')) break;
    }
    expect(running.said()).toContain('small 0 runs');
    expect(cuts).toBeGreaterThanOrEqual(2);
  });

  test(
    'a line that damages what is sent, and a power cut in the middle: what ran before runs still',
    LONG,
    async () => {
      let running = board();
      await installEspruino(running.console, await options({ program: small() }));
      let writes = 0;
      const bad: Line = {
        ...running.console,
        write: (bytes) => {
          const sent = Buffer.from(bytes);
          // a letter of a piece's text becomes another
          if (sent.includes('U.p(') && writes++ % 3 === 1) sent[sent.indexOf('atob("') + 20] = 65 + (writes % 26);
          running.console.write(sent);
        },
      };
      const done = await installEspruino(bad, await options({ program: small('1;') }));
      expect(done.repeated).toBeGreaterThan(0);
      await until(() => running, 'small 1 runs');
      let pieces = 0;
      const cut = options({
        program: small('2;'),
        onProgress: () => void (++pieces === 3 && running.child.kill('SIGKILL')),
      });
      const failed = installEspruino(running.console, { ...(await cut), promptMs: 10_000 });
      await expect(failed).rejects.toThrow(/no longer answers|damages/);
      running = boot(running.folder);
      await until(() => running, 'small 1 runs');
      const again = await installEspruino(running.console, await options({ program: small('2;') }));
      expect([again.slot, again.sequence]).toEqual([0, 3]);
      await until(() => running, 'small 0 runs');
    },
  );

  test('boards that are wedged: a program that never returns, boot code that throws or hangs', LONG, async () => {
    for (const [name, code] of [
      ['.bootcde', 'setTimeout(function(){for(;;);},10)'],
      ['.boot0', 'throw new Error("broken")'],
      ['.boot0', 'while(1);'],
    ] as const) {
      const running = board({ [name]: Buffer.from(code, 'latin1') });
      const done = await installEspruino(running.console, await options({ program: small() }));
      expect([name, code, done.slot]).toEqual([name, code, 0]);
      if (!code.includes('while')) await until(() => running, 'small 0 runs');
      running.child.kill('SIGKILL');
    }
  });

  test('firmware that runs gives the console back for a word, on the line it has with the host', LONG, async () => {
    const running = board();
    await installEspruino(running.console, await options());
    expect(await hello(running)).toMatchObject({ board: 'one' });
    let said = '';
    running.link.onData((bytes) => {
      said += Buffer.from(bytes).toString('latin1');
    });
    const done = await installEspruino(running.link, await options({ program: small() }));
    expect([done.slot, done.sequence]).toEqual([1, 2]);
    expect(said).toContain('understudy: at rest');
  });

  test('a text for the devices of the board', LONG, async () => {
    const running = board();
    const drive = 'var understudyDrive=function(s,b,d){d(function(n,x){print("in "+n+x)}).output("lamp",1)};';
    const devices =
      '(function (input) {\n  input("gyro", 7);\n  return { output: function (d, b) { print("out " + d + b); } };\n});\n';
    await installEspruino(running.console, {
      ...(await options({ program: Buffer.from(`var understudy={boot:1};${drive}`, 'latin1') })),
      boot: await bootText('us.devices'),
      files: { 'us.devices': Buffer.from(devices, 'latin1') },
    });
    await until(() => running, 'in gyro7');
    await until(() => running, 'out lamp1');
  });

  test('no prompt: said so, with what to do', LONG, async () => {
    const dead: Line = { write: () => undefined, onData: () => undefined, close: () => undefined };
    const failed = installEspruino(dead, await options({ promptMs: 700 }));
    await expect(failed).rejects.toMatchObject({ code: 'E_CONSOLE', exit: 6 });
  });
});
