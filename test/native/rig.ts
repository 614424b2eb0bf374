// A native board for a test: its process, console and bus line, in files of a folder of its own.

import { type ChildProcess, spawn } from 'node:child_process';
import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import { findTool, type NativeTarget } from '../../host/build/engine-parts.ts';
import type { Line } from '../../host/session/link.ts';
import { openSerial } from '../../host/testbed/serial.ts';
import { BOARD_EXIT, type Cause } from '../../host/testbed/spec.ts';
import { until } from '../fixtures/failure.ts';

export interface RigOptions {
  target: NativeTarget;
  program: string;
  folder: string;
  bundle: string;
  settings: Record<string, string | number>;
  /** QEMU: more arguments */
  arguments?: string[];
}

/** Where `struct cut` (cells.h) stands: in the kept file, and at the end of the flash file. */
const CUT_AT = { linux: 16, 'mps2-an385': (16 << 20) - 4096 };
const CUT_ARMED = 0x54554331;
const CUT_FIRED = 0x46464f50;
const NOR_BYTES = 16 << 20;
const WAIT_MS = 20_000;

/** Lines of text that a board says. */
export class Talk {
  private lines: string[] = [];
  private text = '';
  private waiter: (() => void) | null = null;

  heard(chunk: Uint8Array): void {
    this.text += Buffer.from(chunk).toString('latin1');
    const parts = this.text.split('\n');
    this.text = parts.pop() as string;
    this.lines.push(...parts);
    this.waiter?.();
  }

  forget(): void {
    this.lines = [];
  }

  /** The next line that begins so; what comes before it is passed over. */
  async said(begin: string): Promise<string> {
    const end = Date.now() + WAIT_MS;
    for (;;) {
      for (let line = this.lines.shift(); line !== undefined; line = this.lines.shift()) {
        if (line.startsWith(begin)) return line;
      }
      if (Date.now() > end) throw new Error(`the board did not say: ${begin}`);
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, 500);
        this.waiter = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  }
}

export class Rig {
  readonly flash: string;
  private readonly kept: string;
  private readonly logFile: string;
  private readonly options: RigOptions;
  private child: ChildProcess | null = null;
  private ended: Promise<void> = Promise.resolve();
  private console: Line | null = null;
  private bus: Socket | null = null;
  private server: Server | null = null;
  private listener: (bytes: Uint8Array) => void = () => undefined;
  private cause: Cause = 'power';
  private off = false;
  readonly busBytes: number[] = [];
  /** what comes on the bus line */
  onBus: (bytes: Uint8Array) => void = (bytes) => void this.busBytes.push(...bytes);
  private talk = new Talk();

  constructor(options: RigOptions) {
    this.options = options;
    mkdirSync(options.folder, { recursive: true });
    this.flash = join(options.folder, 'flash.nor');
    this.kept = join(options.folder, 'kept');
    this.logFile = join(options.folder, 'log');
    writeFileSync(this.logFile, '');
  }

  get log(): string {
    return readFileSync(this.logFile, 'utf8');
  }

  /** The console as a line for a link; else it is read as lines of text. */
  line(): Line {
    return {
      write: (bytes) => this.console?.write(bytes),
      onData: (fn) => {
        this.listener = fn;
      },
      close: () => undefined,
    };
  }

  private heard(chunk: Uint8Array): void {
    this.listener(chunk);
    this.talk.heard(chunk);
  }

  /** Power: all but the flash is new. */
  async on(): Promise<void> {
    this.off = false;
    this.cause = 'power';
    rmSync(this.kept, { force: true });
    if (this.options.target === 'linux') this.program();
    else await this.emulate();
  }

  private program(): void {
    const { settings, bundle, program } = this.options;
    const own = { bundle, flash: this.flash, kept: this.kept, cause: this.cause, ...settings };
    const args = Object.entries(own).flatMap(([key, value]) => [`--${key}`, String(value)]);
    const child = spawn(program, args, {
      stdio: ['ignore', 'ignore', openSync(this.logFile, 'a'), 'pipe', 'pipe'],
    });
    this.child = child;
    const [console, bus] = [child.stdio[3] as Socket, child.stdio[4] as Socket];
    console.on('data', (chunk: Buffer) => this.heard(chunk));
    bus.on('data', (chunk: Buffer) => this.onBus(chunk));
    for (const socket of [console, bus]) socket.on('error', () => undefined);
    this.console = {
      write: (bytes) => void console.write(bytes),
      onData: () => undefined,
      close: () => console.destroy(),
    };
    this.bus = bus;
    this.ended = new Promise((resolve) => {
      child.once('close', (code) => {
        const causes: Record<number, Cause> = {
          [BOARD_EXIT.reset]: 'reset',
          [BOARD_EXIT.crash]: 'fault',
          [BOARD_EXIT.watchdog]: 'watchdog',
        };
        const cause = causes[code ?? -1];
        if (cause && !this.off) {
          this.cause = cause;
          this.program();
        }
        resolve();
      });
    });
  }

  private async emulate(): Promise<void> {
    const { settings, bundle, program, folder } = this.options;
    const file = (name: string): string => join(folder, name);
    if (!existsSync(this.flash)) writeFileSync(this.flash, '');
    truncateSync(this.flash, NOR_BYTES);
    const lines = Object.entries(settings).map(([key, value]) => `${key}=${value}\n`);
    writeFileSync(file('settings'), `${lines.join('')}\0`);
    for (const name of ['bus', 'qmp']) rmSync(file(name), { force: true });
    const bus = new Promise<Socket>((resolve) => {
      this.server = createServer(resolve).listen(file('bus'));
    });
    const args = [
      ...['-M', 'mps2-an385,memory-backend=nor', '-display', 'none', '-S', '-kernel', program],
      ...['-object', `memory-backend-file,id=nor,size=16M,mem-path=${this.flash},share=on`],
      ...['-qmp', `unix:${file('qmp')},server=on,wait=off`],
      ...['-device', `loader,file=${file('settings')},addr=0x002ff000,force-raw=on`],
      ...['-device', `loader,file=${bundle},addr=0x00300000,force-raw=on`],
      ...['-chardev', 'pty,id=console', '-serial', 'chardev:console'],
      ...['-chardev', `socket,id=bus,path=${file('bus')}`, '-serial', 'chardev:bus'],
      ...['-chardev', `file,id=log,path=${this.logFile},append=on`, '-serial', 'chardev:log'],
      ...(this.options.arguments ?? []),
    ];
    const child = spawn(findTool('qemu-system-arm', 'qemu-system-arm'), args, { stdio: ['ignore', 'pipe', 'pipe'] });
    this.child = child;
    this.ended = new Promise((resolve) => child.once('close', () => resolve()));
    const path = await new Promise<string>((resolve, reject) => {
      let said = '';
      const hear = (chunk: Buffer): void => {
        said += chunk.toString();
        const found = /(\/dev\/\S+)/.exec(said);
        if (found) resolve(found[1] as string);
      };
      child.stdout.on('data', hear);
      child.stderr.on('data', hear);
      child.once('close', () => reject(new Error(`QEMU: ${said}`)));
    });
    const serial = await openSerial(path);
    serial.onData((bytes) => this.heard(bytes));
    this.console = serial;
    this.bus = await bus;
    this.bus.on('data', (chunk: Buffer) => this.onBus(chunk));
    this.bus.on('error', () => undefined);
    const qmp = await reach(file('qmp'));
    qmp.on('data', () => undefined);
    qmp.write('{"execute":"qmp_capabilities"}\n{"execute":"cont"}\n');
  }

  /** A power cut. */
  async kill(): Promise<void> {
    this.off = true;
    this.child?.kill('SIGKILL');
    await this.ended;
    this.console?.close();
    this.bus?.destroy();
    this.server?.close();
    this.talk = new Talk();
  }

  private get cutFile(): string {
    return this.options.target === 'linux' ? this.kept : this.flash;
  }

  /** Has power go when so many more cells were written. */
  cutAfter(cells: number): void {
    const fd = openSync(this.cutFile, 'r+');
    const at = CUT_AT[this.options.target];
    // first how many, then that they count
    writeWord(fd, cells, at + 4);
    writeWord(fd, CUT_ARMED, at);
    closeSync(fd);
  }

  /** Until power went so. */
  async cut(): Promise<void> {
    const went = (): boolean => readFileSync(this.cutFile).readUInt32LE(CUT_AT[this.options.target]) === CUT_FIRED;
    await until('power went', went, WAIT_MS);
    await this.kill();
  }

  /** Until its log has the text. */
  async logged(text: string): Promise<void> {
    await until(`the log has: ${text}`, () => this.log.includes(text), WAIT_MS);
  }

  /** As Talk's. */
  async said(begin: string): Promise<string> {
    try {
      return await this.talk.said(begin);
    } catch (error) {
      throw new Error(`${(error as Error).message}; its log: ${this.log.slice(-1000)}`);
    }
  }

  tell(words: string): void {
    this.console?.write(Buffer.from(`${words}\n`));
  }

  async ask(words: string): Promise<string> {
    this.talk.forget();
    this.tell(words);
    return this.said('');
  }

  toBus(bytes: Uint8Array): void {
    this.bus?.write(bytes);
  }
}

/** Connects to a socket that is about to be there. */
export async function reach(path: string): Promise<Socket> {
  for (const end = Date.now() + WAIT_MS; ; ) {
    const socket = connect(path);
    const error = await new Promise<Error | null>((resolve) => {
      socket.once('connect', () => resolve(null));
      socket.once('error', resolve);
    });
    if (!error) {
      socket.on('error', () => undefined);
      return socket;
    }
    if (Date.now() > end) throw error;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

function writeWord(fd: number, word: number, at: number): void {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(word);
  writeSync(fd, bytes, 0, bytes.length, at);
}
