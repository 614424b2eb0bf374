// One store of files, given the work in a process of its own, so that what is read, written and held is its own. Sends
// one message: `Stored` after the work, `Opened` after a later process has opened what a power cut (SIGKILL) left.

import { closeSync, fdatasyncSync, openSync, readFileSync, writeSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import type { Work } from './work.ts';
import { steps } from './work.ts';

export type StoreName = 'file' | 'sqlite' | 'sqlite512' | 'level';

export interface StoreJob {
  store: StoreName;
  /** where its package is installed; not for `file` */
  home: string;
  /** where its data go */
  folder: string;
  work: Work;
  /** open what is there, and read the newest checkpoint */
  open: boolean;
}

export interface Stored {
  /** bytes handed to the system by write calls, and those that it then had to bring to the disk (pages) */
  written: number;
  toDisk: number;
  seconds: number;
  /** growth of memory at its peak, since before the store was opened, bytes */
  memory: number;
}

export interface Opened {
  /** bytes that came from read calls: until the store was open, and then for the newest checkpoint */
  openRead: number;
  findRead: number;
}

interface Store {
  put(first: number, records: Uint8Array[]): void | Promise<void>;
  reclaim(before: number): void | Promise<void>;
  get(number: number): unknown;
}

interface Io {
  rchar: number;
  wchar: number;
  write_bytes: number;
}

function io(): Io {
  const out: Record<string, number> = {};
  for (const [, key = '', value] of readFileSync('/proc/self/io', 'latin1').matchAll(/^(\w+): (\d+)$/gm)) {
    out[key] = Number(value);
  }
  return out as unknown as Io;
}

/** Read by looking at what was read. */
function ownReads(): number {
  const before = io();
  return io().rchar - before.rchar;
}

/** The floor: bytes behind bytes in a file, and nothing ever given back. */
function plainFile(folder: string): Store {
  const fd = openSync(join(folder, 'log'), 'a');
  process.once('exit', () => closeSync(fd));
  return {
    put(_first, records) {
      for (const record of records) writeSync(fd, record);
      fdatasyncSync(fd);
    },
    reclaim() {},
    get: () => null,
  };
}

interface Statement {
  run(...values: unknown[]): unknown;
  get(...values: unknown[]): { bytes: unknown } | undefined;
}

interface Sqlite {
  pragma(text: string): unknown;
  exec(text: string): void;
  prepare(text: string): Statement;
  transaction(act: () => void): () => void;
}

function sqlite(job: StoreJob, load: NodeJS.Require): () => Store {
  const Database = load('better-sqlite3') as new (file: string) => Sqlite;
  return () => {
    const db = new Database(join(job.folder, 'db'));
    if (job.store === 'sqlite512') db.pragma('page_size = 512');
    db.pragma('journal_mode = WAL');
    // each commit is on the disk when it returns
    db.pragma('synchronous = FULL');
    db.exec('CREATE TABLE IF NOT EXISTS records (number INTEGER PRIMARY KEY, bytes BLOB NOT NULL)');
    const insert = db.prepare('INSERT INTO records VALUES (?, ?)');
    const remove = db.prepare('DELETE FROM records WHERE number < ?');
    const select = db.prepare('SELECT bytes FROM records WHERE number = ?');
    return {
      put(first, records) {
        if (records.length === 1) insert.run(first, records[0]);
        else {
          db.transaction(() => {
            for (const [i, record] of records.entries()) insert.run(first + i, record);
          })();
        }
      },
      reclaim: (before) => void remove.run(before),
      get: (number) => select.get(number)?.bytes,
    };
  };
}

interface Level {
  open(): Promise<void>;
  batch(operations: unknown[], options: { sync: boolean }): Promise<void>;
  clear(range: { lt: string }): Promise<void>;
  get(key: string): Promise<unknown>;
}

function level(job: StoreJob, load: NodeJS.Require): () => Promise<Store> {
  const { ClassicLevel } = load('classic-level') as {
    ClassicLevel: new (folder: string, options: { valueEncoding: string }) => Level;
  };
  const key = (number: number): string => `${number}`.padStart(8, '0');
  return async () => {
    const db = new ClassicLevel(join(job.folder, 'level'), { valueEncoding: 'view' });
    await db.open();
    return {
      put: (first, records) =>
        db.batch(
          records.map((value, i) => ({ type: 'put', key: key(first + i), value })),
          { sync: true },
        ),
      reclaim: (before) => db.clear({ lt: key(before) }),
      get: (number) => db.get(key(number)),
    };
  };
}

async function main(job: StoreJob): Promise<Stored | Opened> {
  const load = createRequire(join(job.home, 'package.json'));
  let open: () => Store | Promise<Store> = () => plainFile(job.folder);
  if (job.store === 'level') open = level(job, load);
  else if (job.store !== 'file') open = sqlite(job, load);
  // the contents are made before anything is measured
  const [first] = steps(job.work);
  const checkpoints = job.work.rounds - 1;
  const newest = checkpoints * (1 + job.work.logs);
  const looking = ownReads();
  const before = io();
  const memory = process.memoryUsage().rss;
  const began = process.hrtime.bigint();
  const store = await open();
  if (job.open) {
    const opened = io();
    const value = (await store.get(newest)) as Uint8Array | undefined;
    const found = io();
    if (job.store !== 'file' && value?.length !== job.work.checkpoint) {
      throw new Error(`record ${newest} is not there after the power cut`);
    }
    return { openRead: opened.rchar - before.rchar - looking, findRead: found.rchar - opened.rchar - looking };
  }
  if (!first) throw new Error('no work');
  for (const step of steps(job.work)) {
    if ('before' in step) await store.reclaim(step.before);
    else await store.put(step.first, step.records);
  }
  const seconds = Number(process.hrtime.bigint() - began) / 1e9;
  const after = io();
  return {
    written: after.wchar - before.wchar,
    toDisk: after.write_bytes - before.write_bytes,
    seconds,
    memory: Math.max(0, process.resourceUsage().maxRSS * 1024 - memory),
  };
}

process.once('message', (job: StoreJob) => {
  main(job)
    .then((result) => ({ result }))
    .catch((error: Error) => ({ error: error.message }))
    .then((told) => {
      // no closing: whoever opens the store again finds it as after a power cut
      process.send?.(told, () => process.kill(process.pid, 'SIGKILL'));
    });
});
