// JerryScript as a part of a native board: no package has it, so an installation of its own build is linked.

import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { EXIT, Failure } from '../failure.ts';
import { type EngineContext, type EngineParts, findTool } from './engine-parts.ts';

/** A folder with an installation for each target, of the target's name. */
export const JERRY = 'UNDERSTUDY_JERRY';
/** Binding and build options fit this one. */
const MAJOR = '3.';

/** Without the variable, what pkg-config finds (PKG_CONFIG_PATH), which has to be of the target then. */
export function jerryscript({ target, native }: EngineContext): EngineParts {
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
  return {
    sources: [join(native, 'jerryscript', 'binding.c')],
    foreign: [],
    flags: words(ask('--cflags')),
    libraries: words(ask('--static', '--libs')),
    depends: existsSync(library) ? [library] : [],
  };
}
