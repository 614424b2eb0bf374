// The testbed as commands, tests and the demonstration use it: starting its daemon, stopping it, and a lab over its
// socket. A client that ends, however it ends, leaves the testbed as it is.

import { spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import type { Socket } from 'node:net';
import { connect as connectSocket } from 'node:net';
import type { TraceLine } from '../check/types.ts';
import { EXIT, Failure } from '../failure.ts';
import type { Image, Lab, LabBoard, Progress, Reply, WorldRecord } from '../lab.ts';
import { patienceOf } from '../lab.ts';
import { DONE_MS, PUT_MS, REQUEST_MS } from '../session/link.ts';
import { decodeLine } from '../trace/file.ts';
import type { TestbedOptions } from './assemble.ts';
import type { TestbedConfig } from './config.ts';
import { entry } from './entry.ts';
import type { Message, WireError } from './message.ts';
import { decodeMessage, encodeMessage, fromWire, readLines } from './message.ts';
import { launchWithPtys } from './pty.ts';
import { makeState, noTestbed, ownedAlready, statePaths, turnLog } from './state.ts';

/** The daemon must be ready by then, ms. */
const READY_MS = 60_000;
/** What the daemon's own answer may take beyond the board's, ms. */
const GRACE_MS = 5000;
/** A daemon that does not answer a question about itself in this time hangs, ms. */
const DAEMON_MS = 20_000;
/** An upload may stand still for so long before it is given up, ms. */
const UPLOAD_STILL_MS = PUT_MS + DONE_MS + GRACE_MS;
const DOWN_MS = 10_000;

export interface TestbedInfo {
  pid: number;
  version: string;
  systemFile: string;
  stateDir: string;
  speed: number;
  seed: number;
  started: string;
  epochNs: string;
  now: number;
  line: 'pty' | 'pipe';
  trace: string;
  log: string;
  worldFailures: number;
  links: Record<string, Record<string, number>>;
}

export interface BoardInfo extends LabBoard {
  /** process of a virtual board; 0 while it is off */
  pid: number;
  boots: number;
  /** why it has no power */
  why: string;
}

export interface BoardChange {
  state: string;
  why: string;
  board: BoardInfo;
}

interface Waiting {
  resolve(value: unknown): void;
  reject(error: Failure): void;
  progress?: ((p: Progress) => void) | undefined;
  touch(): void;
}

export class Client implements Lab {
  private readonly socket: Socket;
  private readonly waiting = new Map<number, Waiting>();
  private readonly traces = new Set<(line: TraceLine) => void>();
  private readonly changes = new Set<(change: BoardChange) => void>();
  private readonly logs = new Set<(text: string) => void>();
  private next = 1;
  private known: BoardInfo[] = [];
  private epoch = 0n;
  private speed = 1;
  private ended = false;
  /** trace lines that were left out because this client did not keep up */
  missed = 0;

  constructor(socket: Socket) {
    this.socket = socket;
    readLines(socket, (line) => this.heard(decodeMessage(line)));
    socket.on('error', () => undefined);
    socket.on('close', () => this.gone());
  }

  /** Learns who is there. */
  async greet(): Promise<void> {
    const info = await this.info();
    this.epoch = BigInt(info.epochNs);
    this.speed = info.speed;
    await this.call('subscribe', { events: ['board'] });
    this.known = (await this.call('list', {})) as BoardInfo[];
  }

  async info(): Promise<TestbedInfo> {
    return (await this.call('info', {})) as TestbedInfo;
  }

  boards(): BoardInfo[] {
    return this.known.map((board) => ({ ...board }));
  }

  request(board: string, verb: string, args: Record<string, unknown> = {}, timeoutMs?: number): Promise<Reply> {
    const params = { board, verb, args, timeoutMs };
    const most = timeoutMs ?? REQUEST_MS * patienceOf(this.known.filter(({ name }) => name === board));
    return this.call('request', params, most + GRACE_MS) as Promise<Reply>;
  }

  upload(board: string, slot: 'active' | 'staged', image: Image, onProgress?: (p: Progress) => void): Promise<Reply> {
    return this.call('upload', { board, slot, image }, UPLOAD_STILL_MS, onProgress) as Promise<Reply>;
  }

  onTrace(listener: (line: TraceLine) => void): () => void {
    return this.listen(this.traces, listener);
  }

  /** Power and ports of boards as they change. */
  onBoard(listener: (change: BoardChange) => void): () => void {
    return this.listen(this.changes, listener);
  }

  onLog(listener: (text: string) => void): () => void {
    return this.listen(this.logs, listener);
  }

  async power(board: string, on: boolean): Promise<void> {
    const patience = patienceOf(this.known.filter(({ name }) => name === board));
    const info = (await this.call('power', { board, on }, DAEMON_MS * patience + GRACE_MS)) as BoardInfo;
    this.learn(info);
  }

  wait(ms: number): Promise<void> {
    return new Promise((resolve) => setTimeout(resolve, ms / this.speed));
  }

  now(): number {
    return (Number(process.hrtime.bigint() - this.epoch) / 1e6) * this.speed;
  }

  async records(): Promise<WorldRecord[]> {
    return (await this.call('records', {})) as WorldRecord[];
  }

  /** Puts the trace so far into its file; returns its path, and that of its older part where there is one. */
  async flush(): Promise<{ trace: string; before: string | null }> {
    return (await this.call('flush', {})) as { trace: string; before: string | null };
  }

  /** Ends the testbed. Resolves when its boards are gone. */
  async down(): Promise<{ pid: number }> {
    return (await this.call('down', {}, DOWN_MS)) as { pid: number };
  }

  async close(): Promise<void> {
    this.ended = true;
    this.socket.destroy();
  }

  call(
    method: string,
    params: Record<string, unknown>,
    timeoutMs = DAEMON_MS,
    progress?: (p: Progress) => void,
  ): Promise<unknown> {
    if (this.ended) return Promise.reject(this.goneFailure());
    const id = this.next++;
    return new Promise((resolve, reject) => {
      const late = (): void => {
        this.waiting.delete(id);
        const cause = `the testbed's daemon did not answer ${method} within ${timeoutMs} ms`;
        reject(
          new Failure(
            'E_TIMEOUT',
            EXIT.link,
            cause,
            'npx understudy testbed list; its log is testbed.log in the state folder',
          ),
        );
      };
      let timer = setTimeout(late, timeoutMs);
      const done = (): void => {
        clearTimeout(timer);
        this.waiting.delete(id);
      };
      this.waiting.set(id, {
        progress,
        resolve: (value) => {
          done();
          resolve(value);
        },
        reject: (error) => {
          done();
          reject(error);
        },
        touch: () => {
          clearTimeout(timer);
          timer = setTimeout(late, timeoutMs);
        },
      });
      this.socket.write(encodeMessage({ id, method, params }));
    });
  }

  private listen<T>(set: Set<T>, listener: T): () => void {
    set.add(listener);
    void this.subscribe();
    return () => {
      set.delete(listener);
      if (set.size === 0 && !this.ended) void this.subscribe();
    };
  }

  private async subscribe(): Promise<void> {
    const events = ['board'];
    if (this.traces.size > 0) events.push('trace');
    if (this.logs.size > 0) events.push('log');
    await this.call('subscribe', { events }).catch(() => undefined);
  }

  private learn(info: BoardInfo): void {
    this.known = this.known.map((board) => (board.name === info.name ? info : board));
  }

  private heard(message: Message): void {
    if (message.event === 'trace') {
      const line = decodeLine(message.line as string);
      for (const listener of [...this.traces]) listener(line);
    } else if (message.event === 'missed') this.missed += message.lines as number;
    else if (message.event === 'board') {
      const change = message as unknown as BoardChange;
      this.learn(change.board);
      for (const listener of [...this.changes]) listener(change);
    } else if (message.event === 'log') for (const listener of [...this.logs]) listener(message.text as string);
    else if (typeof message.id === 'number') {
      const waiting = this.waiting.get(message.id);
      if (message.event === 'progress') {
        waiting?.touch();
        waiting?.progress?.(message.progress as Progress);
      } else if (message.error) waiting?.reject(fromWire(message.error));
      else waiting?.resolve(message.result);
    }
  }

  private goneFailure(): Failure {
    const cause = 'the connection to the testbed ended before the answer came';
    return new Failure(
      'E_GONE',
      EXIT.link,
      cause,
      'npx understudy testbed list; its log is testbed.log in the state folder',
    );
  }

  private gone(): void {
    this.ended = true;
    for (const waiting of [...this.waiting.values()]) waiting.reject(this.goneFailure());
  }
}

function reach(socket: string, stateDir: string): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const attempt = connectSocket(socket);
    attempt.once('connect', () => {
      attempt.removeAllListeners('error');
      resolve(attempt);
    });
    attempt.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EACCES' || error.code === 'EPERM') {
        const cause = `the testbed in ${stateDir} belongs to somebody else`;
        reject(new Failure('E_PERMISSION', EXIT.permission, cause, 'use a testbed of your own: --state DIR'));
      } else reject(noTestbed(stateDir));
    });
  });
}

/** The lab of the testbed that runs. Throws Failure E_NO_TESTBED (exit 3) where none does. */
export async function connect(stateDir: string): Promise<Client> {
  const client = new Client(await reach(statePaths(stateDir).socket, stateDir));
  await client.greet();
  return client;
}

/**
 * Starts a testbed that goes on without this process, and waits until its boards have booted. Throws Failure E_BUSY
 * (exit 5) where one is running already, or what kept it from coming up.
 */
export async function startDaemon(
  config: TestbedConfig,
  options: { perl?: string; version?: string } = {},
): Promise<Client> {
  const paths = makeState(config.stateDir);
  const running = await connect(config.stateDir).catch(() => null);
  if (running) {
    const { pid } = await running.info();
    await running.close();
    throw ownedAlready(paths.folder, pid);
  }
  turnLog(paths.log);
  try {
    await launch(config, config.line !== 'pipe', paths.log, options);
  } catch (error) {
    const code = error instanceof Failure ? error.code : '';
    if (config.line !== 'auto' || (code !== 'E_NO_PERL' && code !== 'E_PTY')) throw error;
    await launch(config, false, paths.log, options);
  }
  return connect(config.stateDir);
}

/** `startDaemon` from description files. Throws Failure for what is wrong with them, too. */
export async function startTestbed(options: TestbedOptions): Promise<Client> {
  // Only this one needs the compilers behind it: the other commands start without them.
  const { assemble } = await import('./assemble.ts');
  return startDaemon(await assemble(options));
}

async function launch(
  config: TestbedConfig,
  withPtys: boolean,
  log: string,
  options: { perl?: string; version?: string },
): Promise<void> {
  const args = [...entry('daemon-main'), JSON.stringify(config)];
  const env = { ...process.env, UNDERSTUDY_VERSION: options.version ?? '' };
  const count = config.boards.filter((board) => board.kind !== 'real').length;
  const readyMs = READY_MS * patienceOf(config.boards);
  const logFd = openSync(log, 'a', 0o600);
  try {
    const stdio: ['ignore', 'pipe', number] = ['ignore', 'pipe', logFd];
    const child =
      withPtys && count > 0
        ? launchWithPtys({
            count,
            command: process.execPath,
            args,
            env,
            stdio,
            detached: true,
            ...(options.perl === undefined ? {} : { perl: options.perl }),
          })
        : spawn(process.execPath, args, { env, stdio, detached: true });
    const outcome = await new Promise<{ ready?: boolean; error?: WireError }>((resolve) => {
      const fail = (message: string): void =>
        resolve({ error: { code: 'E_TESTBED', exit: EXIT.bug, message, next: `see ${log}` } });
      const timer = setTimeout(() => {
        child.kill('SIGTERM');
        fail(`the testbed was not ready within ${readyMs / 1000} s`);
      }, readyMs);
      let text = '';
      child.stdout?.on('data', (chunk: Buffer) => {
        text += chunk.toString('utf8');
        const end = text.indexOf('\n');
        if (end < 0) return;
        clearTimeout(timer);
        try {
          resolve(JSON.parse(text.slice(0, end)) as { ready?: boolean; error?: WireError });
        } catch {
          fail(`the testbed said: ${text.slice(0, end)}`);
        }
      });
      child.once('error', (error) => fail(error.message));
      child.once('close', (code, signal) => {
        clearTimeout(timer);
        fail(`the testbed ended before it was ready (${signal ?? `exit code ${code}`})`);
      });
    });
    child.stdout?.destroy();
    child.unref();
    if (outcome.error) throw fromWire(outcome.error);
  } finally {
    closeSync(logFd);
  }
}

/** Ends the testbed; resolves when its process is gone. Throws Failure E_NO_TESTBED where none runs. */
export async function stopTestbed(stateDir: string): Promise<void> {
  const client = await connect(stateDir);
  const { pid } = await client.info();
  await client.down().catch((error: Failure) => {
    // It may be gone before its answer has come.
    if (error.code !== 'E_GONE') throw error;
  });
  await client.close();
  const end = performance.now() + DOWN_MS;
  while (alive(pid)) {
    if (performance.now() > end) {
      const cause = `the testbed's process ${pid} does not end`;
      throw new Failure('E_TIMEOUT', EXIT.link, cause, `kill -9 ${pid}: its boards end with it`);
    }
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

function alive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
