// Variables of the official Espruino interpreter with the program in flash, as on a board: booted, and at most while a
// board of the mission goes through start, guard and takeover. UNDERSTUDY_ESPRUINO names the interpreter.

import { spawn } from 'node:child_process';
import { closeSync, mkdirSync, mkdtempSync, openSync, rmSync, truncateSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Socket } from 'node:net';
import { boardScript } from '../build/bundle.ts';
import { bootCode, espruinoProgram, slotFiles } from '../build/espruino.ts';
import { LINUX_FLASH, relayCommand } from '../testbed/espruino.ts';
import { storageImage } from '../testbed/storage.ts';
import { replaySettings } from './emulate.ts';
import type { Recording } from './recording.ts';
import { encodeCalls } from './recording.ts';

export const ESPRUINO = 'UNDERSTUDY_ESPRUINO';
/** Of the board's flash, behind the interpreter's own: the smallest with slots and ring for the mission's board. */
export const ESPRUINO_PART = { sectorBytes: LINUX_FLASH.pageBytes, sectors: 88, programBytes: 4 };

export interface Variables {
  /** that the interpreter has, and in how many bytes each */
  total: number;
  bytes: number;
  version: string;
  /** the firmware, without a system */
  booted: number;
  /** the mission's board, with the player of the recording; null: it did not come so far */
  system: number | null;
  peak: number | null;
  /** calls of the recording that it did, and why no more */
  calls: number;
  trouble: string | null;
}

/** What a text says about itself. */
const USED = 'process.memory().usage';

async function watched(recording: Recording): Promise<string> {
  const settings = replaySettings(recording, false);
  const imports = `import { replay } from './replay.ts';\nvar settings = ${JSON.stringify(settings)};`;
  const value = `{ boot: function (hal) { return replay(hal, settings, function () { return ${USED}; }); } }`;
  return (await boardScript(imports, 'understudy', value, 'host/bench/board')).text;
}

interface Talk {
  /** lines on the console of the interpreter, and on the host's line */
  lines: string[];
  ended: boolean;
}

/** Runs a program until a line matches. */
async function talk(
  interpreter: string,
  bundle: string | undefined,
  flash: Uint8Array,
  more: string,
  until: RegExp,
  ms: number,
): Promise<Talk> {
  const folder = mkdtempSync(join(tmpdir(), 'understudy-espruino-'));
  try {
    const own = Math.ceil(flash.length / LINUX_FLASH.pageBytes);
    const base = LINUX_FLASH.base + LINUX_FLASH.bytes - own * LINUX_FLASH.pageBytes;
    const boot = await bootCode({
      board: 'one',
      flash: { base, sectorBytes: LINUX_FLASH.pageBytes, sectors: own, programBytes: 4 },
      link: { uart: 'Serial1', baud: 115200, options: { path: 'link' } },
      console: false,
      bus: { uart: 'Serial2', baud: 115200, options: { path: 'bus' } },
      memoryBytes: 0,
      traces: false,
      watchdogMs: 0,
      kept: 0,
      slots: null,
      devices: '',
      copy: false,
      waitMs: 1,
    });
    const program = Buffer.from(await espruinoProgram(bundle), 'latin1');
    const files = { '.bootcde': Buffer.from(`${boot}\n${more}\n`, 'latin1'), ...slotFiles(0, 1, program) };
    const image = storageImage(files, base - LINUX_FLASH.base);
    mkdirSync(folder, { recursive: true });
    const fd = openSync(join(folder, 'espruino.flash'), 'w');
    truncateSync(join(folder, 'espruino.flash'), LINUX_FLASH.bytes);
    writeSync(fd, image, 0, image.length, 0);
    writeSync(fd, flash, 0, flash.length, base - LINUX_FLASH.base);
    closeSync(fd);
    const [command, ...args] = relayCommand(folder, interpreter, false);
    const child = spawn(command as string, args, { stdio: ['ignore', 'pipe', 'pipe', 'pipe', 'pipe'] });
    const lines: string[] = [];
    let ended = false;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, ms);
      const listen = (socket: Socket): void => {
        let rest = '';
        socket.on('error', () => undefined);
        socket.on('data', (chunk: Buffer) => {
          const parts = (rest + chunk.toString('latin1')).split(/\r?\n/);
          rest = parts.pop() ?? '';
          lines.push(...parts);
          ended ||= parts.some((line) => until.test(line));
          if (!ended) return;
          clearTimeout(timer);
          resolve();
        });
      };
      for (const at of [1, 2, 3, 4]) listen(child.stdio[at] as Socket);
      child.once('close', () => {
        clearTimeout(timer);
        resolve();
      });
    });
    child.kill('SIGKILL');
    return { lines, ended };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** `ms`: real time that the run may take. Without a recording: the firmware alone. */
export async function variables(interpreter: string, recording: Recording | null, ms: number): Promise<Variables> {
  const tell =
    'setTimeout(function(){var m=process.memory();' +
    'print("memory "+m.usage+" "+m.total+" "+m.blocksize+" "+process.version)},3000);';
  const alone = await talk(interpreter, undefined, new Uint8Array(96 * 1024).fill(255), tell, /memory \d/, 60_000);
  const told = alone.lines.map((line) => /memory (\d+) (\d+) (\d+) (\S+)/.exec(line)).find((found) => found);
  if (!told) throw new Error(`${interpreter} did not run the firmware: ${alone.lines.slice(-3).join(' | ')}`);
  const out: Variables = {
    booted: Number(told[1]),
    total: Number(told[2]),
    bytes: Number(told[3]),
    version: told[4] ?? '',
    system: null,
    peak: null,
    calls: 0,
    trouble: 'it took too long',
  };
  if (!recording) return out;
  const flash = Buffer.concat([recording.flash, encodeCalls(recording.calls)]);
  const run = await talk(interpreter, await watched(recording), flash, '', /^(end|threw) |MEMORY|understudy: /, ms);
  for (const line of run.lines) {
    const found = /^used (\d+) (\d+)$/.exec(line);
    if (found) {
      out.calls = Number(found[1]) + 1;
      out.peak = Number(found[2]);
      out.system ??= out.peak;
    }
    if (/^threw |MEMORY|understudy: /.test(line)) out.trouble = line;
    if (line === `end ${recording.calls.length} ${recording.sum}`) out.trouble = null;
    else if (line.startsWith('end ')) out.trouble = 'what it said is not what was recorded';
  }
  return out;
}
