// JerryScript as a part of a native board: no package has it, so an installation of its own build is linked.

import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { EXIT, Failure } from '../failure.ts';
import { type EngineContext, type EngineParts, findTool, type NativeTarget } from './engine-parts.ts';

/** A folder with an installation for each target, of the target's name. */
export const JERRY = 'UNDERSTUDY_JERRY';
/** Binding and build options fit this one. */
const MAJOR = '3.';

export interface Installation {
  flags: string[];
  libraries: string[];
  /** files that change when it is built anew */
  depends: string[];
  /** was it built with this option? */
  has(option: string): boolean;
  /** the options, as lines of C, on which it depends what its code looks like */
  shape: string[];
}

/** Options that change nothing of what it compiles a text to. */
const NO_MATTER =
  /JERRY_(STACK_LIMIT|GC_\w+|GLOBAL_HEAP_SIZE|SNAPSHOT_\w+|LOGGING|MEM_\w+|VM_\w+|EXTERNAL_CONTEXT|LCACHE) /;

/**
 * Without the variable, what pkg-config finds (PKG_CONFIG_PATH), which has to be of the target then. Throws Failure E_TOOL,
 * E_ENGINE.
 */
export function installation(target: NativeTarget): Installation {
  const tool = findTool('pkg-config', 'pkgconf');
  const folder = process.env[JERRY];
  const env = { ...process.env };
  if (folder) env.PKG_CONFIG_PATH = join(folder, target, 'lib', 'pkgconfig');
  const ask = (...options: string[]): string =>
    execFileSync(tool, [...options, 'libjerry-core'], { env, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
  const next = `build and install JerryScript 3 for it (boards/native/PORTING.md), then ${JERRY}=<folder of "${target}">`;
  let version: string;
  try {
    version = ask('--modversion').trim();
  } catch {
    const where = env.PKG_CONFIG_PATH ? ` in ${env.PKG_CONFIG_PATH}` : '';
    throw new Failure('E_TOOL', EXIT.refused, `there is no JerryScript for ${target}${where}`, next);
  }
  if (!version.startsWith(MAJOR)) {
    throw new Failure('E_ENGINE', EXIT.refused, `JerryScript ${version} is installed, 3 is wanted`, next);
  }
  const words = (text: string): string[] => text.split(/\s+/).filter((word) => word !== '' && word !== '#');
  const library = join(ask('--variable=libdir').trim(), 'libjerry-core.a');
  const config = join(ask('--variable=includedir').trim(), 'jerryscript-config.h');
  const lines = existsSync(config) ? readFileSync(config, 'utf8').split('\n') : [];
  // what differs from the defaults stands first
  const first = lines.findIndex((line) => line.startsWith('#ifndef') && !line.includes('CONFIG_H'));
  const options = lines.slice(0, first).filter((line) => /^#define JERRY_\w+ ./.test(line));
  return {
    flags: words(ask('--cflags')),
    libraries: words(ask('--static', '--libs')),
    depends: [library, config].filter((file) => existsSync(file)),
    has: (option) => options.includes(`#define ${option} 1`),
    shape: options.filter((line) => !NO_MATTER.test(line)).map((line) => line.replace('#define ', '')),
  };
}

export function jerryscript({ target, native }: EngineContext): EngineParts {
  const { flags, libraries, depends } = installation(target);
  const own = (name: string): string => join(native, 'jerryscript', name);
  const sources = [own('binding.c'), own('no-port.c')];
  return { sources, foreign: [], flags, libraries, depends: [...depends, own('image.h')] };
}
