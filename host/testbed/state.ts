// The state folder of a testbed: who owns it, and where its things are.

import { createHash } from 'node:crypto';
import { chmodSync, lstatSync, mkdirSync, realpathSync, renameSync, statSync } from 'node:fs';
import type { Server } from 'node:net';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { EXIT, Failure } from '../failure.ts';

/** A socket's path must fit into sockaddr_un (108 bytes, one of them the end). */
const SOCKET_PATH_MAX = 107;
/** A log longer than this is put aside when the next testbed comes up. */
const LOG_MAX_BYTES = 4 << 20;

export interface StatePaths {
  folder: string;
  socket: string;
  log: string;
  trace: string;
  /** the older part of a trace that grew beyond its limit */
  traceBefore: string;
  flash(board: string): string;
}

function user(): number {
  return process.getuid?.() ?? 0;
}

function key(folder: string): string {
  return createHash('sha256').update(`${user()}:${folder}`).digest('hex').slice(0, 24);
}

/** Makes the folder where it is missing, for this user alone. */
export function makeState(stateDir: string): StatePaths {
  try {
    mkdirSync(stateDir, { recursive: true, mode: 0o700 });
    chmodSync(stateDir, 0o700);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    const exit = code === 'EACCES' || code === 'EPERM' || code === 'EROFS' ? EXIT.permission : EXIT.usage;
    const cause = `cannot use ${stateDir} as state folder: ${(error as Error).message}`;
    throw new Failure('E_STATE', exit, cause, 'choose another with --state DIR');
  }
  return statePaths(stateDir);
}

/** Throws E_NO_TESTBED where there is no such folder. */
export function statePaths(stateDir: string): StatePaths {
  let folder: string;
  try {
    folder = realpathSync(stateDir);
  } catch {
    throw noTestbed(stateDir);
  }
  return {
    folder,
    socket: socketPath(folder),
    log: join(folder, 'testbed.log'),
    trace: join(folder, 'trace.ndjson'),
    traceBefore: join(folder, 'trace.before.ndjson'),
    flash: (board) => join(folder, 'flash', `${board.replace(/[^\w.-]/g, '_')}.nor`),
  };
}

export function noTestbed(stateDir: string): Failure {
  return new Failure('E_NO_TESTBED', EXIT.noBoard, `no testbed is running in ${stateDir}`, 'npx understudy testbed up');
}

/** In the folder itself, or, where its path is too long for a socket, in a folder of this user's among the temporary. */
function socketPath(folder: string): string {
  const near = join(folder, 'testbed.sock');
  if (Buffer.byteLength(near) <= SOCKET_PATH_MAX) return near;
  const far = join(tmpdir(), `understudy-${user()}`);
  try {
    mkdirSync(far, { mode: 0o700 });
  } catch {
    // it is there already, perhaps not ours: looked at below
  }
  const seen = lstatSync(far);
  if (!seen.isDirectory() || seen.uid !== user() || (seen.mode & 0o077) !== 0) {
    const cause = `${far} belongs to somebody else or is open to others, and ${near} is too long for a socket`;
    throw new Failure('E_STATE', EXIT.permission, cause, 'choose a shorter path with --state DIR');
  }
  return join(far, `${key(folder)}.sock`);
}

/**
 * Takes the state folder for this process; the kernel gives it back when the process ends, however it ends. Throws
 * Failure E_BUSY (exit 5).
 */
export function lockState(folder: string): Promise<Server> {
  return new Promise((resolve, reject) => {
    const server = createServer((socket) => socket.destroy());
    server.once('error', (error: NodeJS.ErrnoException) => {
      reject(error.code === 'EADDRINUSE' ? ownedAlready(folder) : error);
    });
    // A socket of Linux's abstract namespace: it has a name and no file, so nothing stale can stay behind.
    server.listen(`\0understudy-${key(folder)}`, () => {
      server.unref();
      resolve(server);
    });
  });
}

export function ownedAlready(folder: string, pid = 0): Failure {
  const who = pid > 0 ? ` (process ${pid})` : '';
  const cause = `a testbed is already running in ${folder}${who}`;
  return new Failure('E_BUSY', EXIT.busy, cause, 'npx understudy testbed down, or another --state DIR');
}

export function turnLog(log: string): void {
  try {
    if (statSync(log).size > LOG_MAX_BYTES) renameSync(log, `${log}.old`);
  } catch {
    // there is none yet
  }
}
