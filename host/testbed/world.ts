// The device world beside the boards of a testbed that runs in real time: its module is TypeScript or JavaScript, and
// is bundled first, so that it may import what it likes.

import { rmSync } from 'node:fs';
import { basename, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { build } from 'esbuild';
import { EXIT, Failure } from '../failure.ts';
import type { CreateWorld } from '../lab.ts';

/** Loads a module that exports `createWorld`. `folder`: for the bundled file. Throws Failure E_WORLD (exit 2). */
export async function loadWorld(module: string, folder: string): Promise<CreateWorld> {
  const file = join(folder, `world-${process.pid}.mjs`);
  const fail = (why: string): Failure =>
    new Failure('E_WORLD', EXIT.usage, `device world ${module}: ${why}`, 'see "world" in the testbed file');
  try {
    await build({
      entryPoints: [module],
      outfile: file,
      bundle: true,
      platform: 'node',
      format: 'esm',
      target: 'node20',
      sourcemap: 'inline',
      logLevel: 'silent',
    });
    const loaded = (await import(pathToFileURL(file).href)) as { createWorld?: unknown };
    if (typeof loaded.createWorld !== 'function') {
      throw fail(`${basename(module)} exports no function createWorld(bench, options)`);
    }
    return loaded.createWorld as CreateWorld;
  } catch (error) {
    if (error instanceof Failure) throw error;
    throw fail((error as Error).message);
  } finally {
    rmSync(file, { force: true });
  }
}

/**
 * Calls `fn` every `periodMs` of a clock that runs `speed` times faster than real time, without drift. What was missed
 * because the machine was busy is made up for, up to CATCH_UP calls; beyond that it is left out.
 */
export function every(now: () => number, speed: number, periodMs: number, fn: () => void): () => void {
  let next = now() + periodMs;
  let timer: NodeJS.Timeout;
  const tick = (): void => {
    for (let i = 0; i < CATCH_UP && next <= now(); i++) {
      next += periodMs;
      fn();
    }
    if (next <= now()) next = now() + periodMs;
    arm();
  };
  const arm = (): void => {
    timer = setTimeout(tick, Math.max(0, (next - now()) / speed));
  };
  arm();
  return () => clearTimeout(timer);
}

const CATCH_UP = 10;
