// Stores from npm, given the same work live. They are installed when they are asked for, into a folder of this bench's
// own: nothing else needs them.

import type { ChildProcess } from 'node:child_process';
import { fork, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { build } from 'esbuild';
import { root } from '../build/root.ts';
import type { Opened, StoreJob, StoreName, Stored } from './store.ts';
import type { Work } from './work.ts';

interface Package {
  name: string;
  version: string;
}

// the newest that run on Node 20
const SQLITE: Package = { name: 'better-sqlite3', version: '12.9.0' };
const LEVEL: Package = { name: 'classic-level', version: '3.0.0' };

export interface StoreKind {
  store: StoreName;
  /** two lines of a column's head */
  title: [string, string];
  package: Package | null;
}

export const KINDS: StoreKind[] = [
  { store: 'file', title: ['plain', 'file'], package: null },
  { store: 'sqlite', title: [SQLITE.name, 'WAL, pages 4 KB'], package: SQLITE },
  { store: 'sqlite512', title: [SQLITE.name, 'WAL, 512 B'], package: SQLITE },
  { store: 'level', title: [LEVEL.name, 'LevelDB'], package: LEVEL },
];

export type Live = Stored & Opened;

/** What could not be run, and why. */
export interface Missing {
  what: string;
  why: string;
}

export interface Lives {
  /** by work, then by store */
  figures: Record<string, Partial<Record<StoreName, Live>>>;
  missing: Missing[];
}

/** Where the stores are installed, and where their data are while they run: on a disk, where a temporary folder may not be. */
export function cacheFolder(): string {
  return join(root(), 'node_modules', '.cache', 'understudy-bench');
}

const INSTALL_MS = 10 * 60_000;

async function installed({ name, version }: Package, home: string): Promise<boolean> {
  const file = join(home, 'node_modules', name, 'package.json');
  if (!existsSync(join(home, 'done')) || !existsSync(file)) return false;
  return (JSON.parse(await readFile(file, 'utf8')) as Package).version === version;
}

/** Returns the folder it is in. */
async function install(wanted: Package, say: (text: string) => void): Promise<string> {
  const { name, version } = wanted;
  const home = join(cacheFolder(), `${name}-${version}`);
  if (await installed(wanted, home)) return home;
  say(`installing ${name} ${version}; where there is no binary of it, it is compiled, in a minute or two`);
  await rm(home, { recursive: true, force: true });
  await mkdir(home, { recursive: true });
  // newer versions of npm run a package's own install script only where it is allowed
  const about = { private: true, dependencies: { [name]: version }, allowScripts: { [name]: true } };
  await writeFile(join(home, 'package.json'), JSON.stringify(about));
  const quiet = ['--no-audit', '--no-fund', '--no-package-lock', '--loglevel=error'];
  // without a network this ends in seconds, not minutes
  const patience = ['--fetch-retries=1', '--fetch-retry-mintimeout=1000', '--fetch-timeout=60000'];
  try {
    await npm(['install', '--prefix', home, ...quiet, ...patience], home);
  } catch (error) {
    await rm(home, { recursive: true, force: true });
    throw error;
  }
  await writeFile(join(home, 'done'), '');
  return home;
}

function npm(args: string[], cwd: string): Promise<void> {
  return new Promise((done, fail) => {
    const child = spawn('npm', args, { cwd, stdio: ['ignore', 'ignore', 'pipe'], timeout: INSTALL_MS });
    let heard = '';
    child.stderr.on('data', (data: Buffer) => {
      heard += data.toString();
    });
    child.once('error', (error) => fail(new Error(`npm could not be started: ${error.message}`)));
    child.once('exit', (code, signal) => {
      if (code === 0) return done();
      const lines = heard.split('\n').filter((line) => /^npm (err|error)/i.test(line));
      const said = lines.slice(0, 3).map((line) => line.replace(/^npm \S+ /, ''));
      fail(new Error(`npm install ended with ${signal ?? code}${said.length > 0 ? `: ${said.join('; ')}` : ''}`));
    });
  });
}

function ask<T>(program: string, job: StoreJob, children: Set<ChildProcess>): Promise<T> {
  return new Promise((done, fail) => {
    const child = fork(program, [], { execArgv: [], stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
    children.add(child);
    let told: { result?: T; error?: string } | null = null;
    child.on('message', (message) => {
      told = message as { result?: T; error?: string };
    });
    child.once('error', fail);
    child.once('exit', (code, signal) => {
      children.delete(child);
      if (told?.result !== undefined) done(told.result);
      else fail(new Error(told?.error ?? `its process ended with ${signal ?? code}`));
    });
    child.send(job);
  });
}

/** `kinds`: those to be run; what cannot be run is told, and the others go on. */
export async function live(works: Work[], kinds: StoreKind[], say: (text: string) => void): Promise<Lives> {
  const lives: Lives = { figures: {}, missing: [] };
  const children = new Set<ChildProcess>();
  await mkdir(cacheFolder(), { recursive: true });
  const folder = await mkdtemp(join(cacheFolder(), 'run-'));
  try {
    const program = join(folder, 'store.mjs');
    const entry = join(import.meta.dirname, 'store.ts');
    await build({
      entryPoints: [entry],
      outfile: program,
      bundle: true,
      platform: 'node',
      format: 'esm',
      target: 'node20',
    });
    const homes = new Map<Package | null, string | Error>([[null, folder]]);
    for (const kind of kinds) {
      const { store, title } = kind;
      const what = kind.package?.name ?? title.join(' ');
      if (!homes.has(kind.package)) {
        homes.set(kind.package, await install(kind.package as Package, say).catch((error: Error) => error));
      }
      const home = homes.get(kind.package) as string | Error;
      if (home instanceof Error) {
        if (!lives.missing.some((missing) => missing.what === what)) lives.missing.push({ what, why: home.message });
        continue;
      }
      for (const work of works) {
        say(`${title.join(' ')}: ${work.name}`);
        const data = join(folder, `${store}-${work.name}`);
        await mkdir(data);
        try {
          const job = { store, home, folder: data, work };
          const stored = await ask<Stored>(program, { ...job, open: false }, children);
          const opened = await ask<Opened>(program, { ...job, open: true }, children);
          const byStore = lives.figures[work.name] ?? {};
          lives.figures[work.name] = byStore;
          byStore[store] = { ...stored, ...opened };
        } catch (error) {
          lives.missing.push({ what: `${title.join(' ')} (${work.name})`, why: (error as Error).message });
        }
        await rm(data, { recursive: true, force: true });
      }
    }
    return lives;
  } finally {
    for (const child of children) child.kill();
    await rm(folder, { recursive: true, force: true });
  }
}
