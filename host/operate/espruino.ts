// Puts the firmware onto a board that runs the official Espruino interpreter, over its console: finds the prompt
// whatever the board does, writes into the slot that is not the running one in pieces that are checked as they arrive
// and once more as they stand in flash, and makes it count by its header, last. Espruino's own upload has no check, and
// acknowledges what failed. hal/BOOT.md tells what is written where.

import { crc32 } from 'node:zlib';
import { CONSOLE_WORD } from '../../hal/espruino.ts';
import { SLOT_HEADER, SLOT_NAME, SLOT_TRIES, SLOT_UNITS } from '../../hal/espruino-boot.ts';
import { slotHeader } from '../build/espruino.ts';
import { EXIT, Failure } from '../failure.ts';
import type { Clock, Line } from '../session/link.ts';
import { realClock } from '../session/link.ts';

const BOOT_NAME = '.bootcde';
/** Of one piece. As text it fits the smallest input buffer that Espruino has, with room for what else comes. */
const PIECE_BYTES = 192;
const ANSWER_MS = 8000;
/** An erase of a sector of 128 KB takes two seconds; a look at a whole program on a slow processor some more. */
const SLOW_MS = 60_000;
const TRIES = 4;
/** How often a board that says nothing is asked for its prompt, ms. */
const ASK_MS = 150;
/** Ctrl-C ends what runs, and clears the line. That must not be empty: two on an empty one end a Linux build. */
const INTERRUPT = '\x03';
const NOT_EMPTY = ' ';

export interface InstallOptions {
  /** name of the board, for people */
  board: string;
  program: Uint8Array;
  /** text of `.bootcde` */
  boot: string;
  /** further files of Storage: the text for the board's devices */
  files?: Record<string, Uint8Array>;
  /** addresses and unit of slots that are pages; null: they are files of Storage */
  slots: { at: [number, number]; unitBytes: number; bytes: number } | null;
  /** how long to wait for the board's prompt; someone may have to press its reset button */
  promptMs?: number;
  pieceBytes?: number;
  /** start it once it is there */
  start?: boolean;
  onProgress?: (done: number, total: number) => void;
  clock?: Clock;
}

export interface Installed {
  slot: number;
  sequence: number;
  bytes: number;
  /** pieces that were sent again */
  repeated: number;
  /** the interpreter's version */
  version: string;
}

interface Slot {
  sequence: number;
  /** 3: it has shown that it runs; 2: it may do so; 1: it failed; 0: it is not whole */
  worth: number;
}

function refusal(board: string, cause: string, next: string): Failure {
  return new Failure('E_INSTALL', EXIT.refused, `board ${board}: ${cause}`, next);
}

function silence(board: string): Failure {
  const cause = `board ${board}: its interpreter no longer answers`;
  return new Failure('E_TIMEOUT', EXIT.link, cause, 'run the command again: what ran before still does');
}

/** A conversation with the interpreter's prompt. */
class Prompt {
  private readonly line: Line;
  private readonly clock: Clock;
  private readonly board: string;
  private heard = '';
  private wake: (() => void) | null = null;
  private number = 0;

  constructor(line: Line, board: string, clock: Clock) {
    this.line = line;
    this.board = board;
    this.clock = clock;
    line.onData((bytes) => {
      this.heard = (this.heard + Buffer.from(bytes).toString('latin1')).slice(-65536);
      this.wake?.();
    });
  }

  send(text: string): void {
    this.line.write(Buffer.from(text, 'latin1'));
  }

  private sleep(ms: number): Promise<void> {
    return new Promise((resolve) => void this.clock.after(ms, resolve));
  }

  private pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const stop = this.clock.after(ms, () => {
        this.wake = null;
        resolve();
      });
      this.wake = () => {
        this.wake = null;
        stop();
        resolve();
      };
    });
  }

  /** Away with what is left of a line. A Ctrl-C takes its time, and would end what comes at once behind it. */
  async clear(): Promise<void> {
    this.send(NOT_EMPTY);
    await this.sleep(ASK_MS);
    this.send(INTERRUPT);
    await this.sleep(2 * ASK_MS);
    this.send('\n');
  }

  /** The value of an expression; null: no answer in that time. Throws Failure where it throws there. */
  async ask(expression: string, ms = ANSWER_MS): Promise<string | null> {
    const tag = `us${this.number++}`;
    // what is echoed must not look like the answer
    const text = `\x10try{print("<"+"${tag}:"+(${expression})+">")}catch(e){print("<"+"${tag}!"+e+">")}\n`;
    this.heard = '';
    this.send(text);
    const end = this.clock.now() + ms;
    for (;;) {
      const found = new RegExp(`<${tag}([:!])([^>]*)>`).exec(this.heard);
      if (found?.[1] === '!') throw refusal(this.board, `its interpreter says: ${found[2]}`, 'see hal/BOOT.md');
      if (found) return found[2] as string;
      const left = end - this.clock.now();
      if (left <= 0) return null;
      await this.pause(left);
    }
  }

  async must(expression: string, ms = ANSWER_MS): Promise<string> {
    const answer = (await this.ask(expression, ms)) ?? (await this.ask(expression, ms));
    if (answer !== null) return answer;
    throw silence(this.board);
  }

  /**
   * Gets the prompt: from a board that runs nothing, from one whose program never returns (Ctrl-C), from the firmware
   * (which gives the console back for a word), and from one that is being reset, before its boot code goes on.
   */
  async find(ms: number): Promise<string> {
    const end = this.clock.now() + ms;
    const tag = `us${this.number++}`;
    const question = `\x10print("<"+"${tag}:"+process.env.VERSION+">")\n`;
    this.heard = '';
    for (let round = 0; this.clock.now() < end; round++) {
      const turn = round % 8;
      if (turn === 0) this.send(NOT_EMPTY);
      else if (turn === 1) this.send(INTERRUPT);
      else if (turn === 6 && round % 16 === 6) this.send(CONSOLE_WORD);
      // often, for the time in which it holds the boot code back is short; not too often, for a Ctrl-C behind what
      // a board that is busy has not taken yet is not heard
      else if (turn % 2 === 0) this.send(`\x10clearTimeout(global.understudyWait)\n${question}`);
      await this.sleep(ASK_MS);
      const found = new RegExp(`<${tag}:([^>]*)>`).exec(this.heard);
      if (!found) continue;
      // what is still on its way, a Ctrl-C too
      for (let said = ''; said !== this.heard; ) {
        said = this.heard;
        await this.sleep(3 * ASK_MS);
      }
      if ((await this.ask('1+1')) === '2') return found[1] as string;
      this.heard = '';
    }
    const cause = `board ${this.board} gives no prompt of Espruino within ${ms / 1000} s`;
    const next = 'check port and baud rate, and press its reset button while the command waits';
    throw new Failure('E_CONSOLE', EXIT.link, cause, next);
  }
}

// What the board is asked to do, as functions of a global `U`; each text fits a line.
function helpers(slots: InstallOptions['slots']): string[] {
  const get =
    'U.g=function(h,a){return h.charCodeAt(a)+h.charCodeAt(a+1)*256+h.charCodeAt(a+2)*65536+h.charCodeAt(a+3)*16777216}';
  if (slots) {
    const { at, unitBytes } = slots;
    return [
      'U={f:require("Flash")}',
      get,
      `U.at=${JSON.stringify(at)}`,
      `U.h=function(s){return E.memoryArea(U.at[s],${SLOT_HEADER})}`,
      `U.t=function(s,n){return E.memoryArea(U.at[s]+${SLOT_UNITS * unitBytes},n)}`,
      `U.m=function(s,u){return U.f.read(1,U.at[s]+u*${unitBytes})[0]!=255}`,
      'U.x=function(a){var p=U.f.getPage(a);U.f.erasePage(a);return p.addr+p.length}',
      'U.w=function(n,a,d,c){if(E.CRC32(d)!=c)return "bad";U.f.write(d,a);return E.CRC32(U.f.read(d.length,a))==c?"ok":"flash"}',
    ];
  }
  return [
    'U={s:require("Storage")}',
    get,
    `U.h=function(s){return U.s.read("${SLOT_NAME}"+s+".0")||""}`,
    `U.t=function(s){return U.s.read("${SLOT_NAME}"+s)||""}`,
    `U.m=function(s,u){return U.s.read("${SLOT_NAME}"+s+"."+u)!==undefined}`,
  ];
}

/** Writing into a file of Storage: all of it is claimed by the first piece. */
const WRITE_FILE =
  'U.p=function(n,a,d,c,z){if(E.CRC32(d)!=c)return "bad";if(!U.s.write(n,d,a,a?undefined:z))return "full";' +
  'return E.CRC32(U.s.read(n,a,d.length))==c?"ok":"flash"}';

class Installer {
  private readonly prompt: Prompt;
  private readonly options: InstallOptions;
  private repeated = 0;

  constructor(prompt: Prompt, options: InstallOptions) {
    this.prompt = prompt;
    this.options = options;
  }

  private fail(cause: string, next: string): Failure {
    return refusal(this.options.board, cause, next);
  }

  private async slot(s: number): Promise<Slot> {
    const { prompt } = this;
    const header = `E.CRC32(U.h(${s}).substr(0,12))==U.g(U.h(${s}),12)`;
    if ((await prompt.must(`U.h(${s}).length==${SLOT_HEADER}&&${header}`)) !== 'true') return { sequence: 0, worth: 0 };
    const sequence = Number(await prompt.must(`U.g(U.h(${s}),0)`));
    const text = `U.t(${s},U.g(U.h(${s}),4))`;
    if ((await prompt.must(`E.CRC32(${text})==U.g(U.h(${s}),8)`, SLOW_MS)) !== 'true') return { sequence, worth: 0 };
    const worth = `U.m(${s},${SLOT_UNITS - 1})?3:U.m(${s},${SLOT_TRIES})?1:2`;
    return { sequence, worth: Number(await prompt.must(worth)) };
  }

  /** One piece until it stands there. `call(data, crc)` is what the board is asked. */
  private async piece(data: Uint8Array, call: (data: string, crc: number) => string): Promise<void> {
    const text = `atob("${Buffer.from(data).toString('base64')}")`;
    let said: string | null = null;
    let threw = '';
    for (let i = 0; i < TRIES; i++) {
      // a piece that was damaged on its way may be no text at all
      said = await this.prompt.ask(call(text, crc32(data)), ANSWER_MS).catch((error: Failure) => {
        threw = `: ${error.message}`;
        return 'bad';
      });
      if (said === 'ok') return;
      this.repeated++;
      if (said === 'full') break;
      if (said === null || said === 'bad') await this.prompt.clear();
    }
    const next = 'run the command again: what ran before still does';
    if (said === 'full')
      throw this.fail('its Storage is full', `on its console: require("Storage").compact(), then ${next}`);
    if (said === null) throw silence(this.options.board);
    throw this.fail(
      said === 'flash' ? 'its flash reads otherwise than it was written' : `the line damages what is sent${threw}`,
      next,
    );
  }

  async file(name: string, data: Uint8Array, told?: (done: number) => void): Promise<void> {
    const step = this.options.pieceBytes ?? PIECE_BYTES;
    const quoted = JSON.stringify(name);
    await this.prompt.must(`U.s.erase(${quoted})||1`);
    for (let at = 0; at < data.length; at += step) {
      const part = data.subarray(at, at + step);
      await this.piece(part, (text, crc) => `U.p(${quoted},${at},${text},${crc},${data.length})`);
      told?.(at + part.length);
    }
    const same = await this.prompt.must(`E.CRC32(U.s.read(${quoted}))==${crc32(data)}`, SLOW_MS);
    if (same !== 'true') throw this.fail(`${name} reads otherwise than it was written`, 'run the command again');
  }

  private async pages(at: number, data: Uint8Array, told?: (done: number) => void): Promise<void> {
    const step = this.options.pieceBytes ?? PIECE_BYTES;
    for (let from = 0; from < data.length; from += step) {
      const part = data.subarray(from, from + step);
      await this.piece(part, (text, crc) => `U.w(0,${at + from},E.toUint8Array(${text}),${crc})`);
      told?.(from + part.length);
    }
  }

  /** Storage must hold it as it is: a compaction copies all that there is, and a power cut in it can lose everything. */
  private async room(bytes: number): Promise<void> {
    const free = Number(await this.prompt.must('U.s.getFree()'));
    if (free >= bytes) return;
    const stats = `its Storage has ${free} bytes free, ${bytes} are needed`;
    const next = 'on its console, with power that is sure: require("Storage").compact(), then again';
    throw new Failure('E_SPACE', EXIT.refused, `board ${this.options.board}: ${stats}`, next);
  }

  async run(version: string): Promise<Installed> {
    const { prompt, options } = this;
    const { slots, program, boot, files } = options;
    for (const text of helpers(slots)) await prompt.must(`(${text},0)`);
    await prompt.must('(U.s=require("Storage"),0)');
    await prompt.must(`(${WRITE_FILE},0)`);
    const found = [await this.slot(0), await this.slot(1)] as [Slot, Slot];
    // what has shown that it runs is left alone, even where something newer would be tried first
    const kept =
      found[0].worth !== found[1].worth ? found[0].worth > found[1].worth : found[0].sequence > found[1].sequence;
    const slot = kept ? 1 : 0;
    const sequence = Math.max(found[0].sequence, found[1].sequence) + 1;
    const header = slotHeader(sequence, program);
    const told = (done: number): void => options.onProgress?.(done, program.length);
    const bootBytes = Buffer.from(boot, 'latin1');
    if (slots) {
      if (program.length + SLOT_UNITS * slots.unitBytes > slots.bytes) {
        throw this.fail(
          `the program has ${program.length} bytes; a slot holds ${slots.bytes}`,
          'give the slots more flash',
        );
      }
      const start = slots.at[slot] as number;
      for (let at = start; at < start + slots.bytes; ) at = Number(await prompt.must(`U.x(${at})`, SLOW_MS));
      await this.pages(start + SLOT_UNITS * slots.unitBytes, program, told);
      const text = `U.t(${slot},${program.length})`;
      const same = await prompt.must(`E.CRC32(${text})==${crc32(program)}`, SLOW_MS);
      if (same !== 'true') throw this.fail('the program reads otherwise than it was written', 'run the command again');
      const unit = Buffer.alloc(Math.max(SLOT_HEADER, slots.unitBytes), 0xff);
      unit.set(header);
      await this.pages(start, unit);
    } else {
      for (const unit of ['.0', '.1', '.2', '.3', '.4', ''])
        await prompt.must(`U.s.erase("${SLOT_NAME}${slot}${unit}")||1`);
      await this.room(program.length + bootBytes.length + 1024);
      await this.file(`${SLOT_NAME}${slot}`, program, told);
      await this.file(`${SLOT_NAME}${slot}.0`, header);
    }
    for (const [name, data] of Object.entries(files ?? {})) await this.replaced(name, data);
    await this.replaced(BOOT_NAME, bootBytes);
    if (options.start !== false) prompt.send('\x10load()\n');
    return { slot, sequence, bytes: program.length, repeated: this.repeated, version };
  }

  /** Storage overwrites by erasing first: only what is another is touched. */
  private async replaced(name: string, data: Uint8Array): Promise<void> {
    const there = `E.CRC32(U.s.read(${JSON.stringify(name)})||"")==${crc32(data)}`;
    if ((await this.prompt.must(there, SLOW_MS)) === 'true') return;
    await this.room(data.length + 256);
    await this.file(name, data);
  }
}

/**
 * `line` is the console's. Throws Failure E_CONSOLE or E_TIMEOUT (exit 6), E_SPACE or E_INSTALL (exit 7); the program
 * that ran before is left as it was.
 */
export async function installEspruino(line: Line, options: InstallOptions): Promise<Installed> {
  const prompt = new Prompt(line, options.board, options.clock ?? realClock);
  const version = await prompt.find(options.promptMs ?? 30_000);
  return new Installer(prompt, options).run(version);
}
