// Builds the native board (boards/native) with Debian's compilers, for a chip or for this machine. What was built is
// kept and used again while nothing that goes into it has changed.

import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { EXIT, Failure } from '../failure.ts';
import { duktape } from './duktape.ts';
import { type EngineContext, type EngineParts, findTool, made, type NativeTarget } from './engine-parts.ts';
import { jerryscript } from './jerryscript.ts';
import { root } from './root.ts';

export interface NativeBuilt {
  /** Linux: a program; mps2-an385: an ELF file for `-kernel` */
  program: string;
  /** the linker's map */
  map: string;
}

const ENGINES: Record<string, (context: EngineContext) => EngineParts | Promise<EngineParts>> = {
  duktape,
  jerryscript,
};

interface Target {
  compiler: string;
  packages: string;
  flags: string[];
  link: string[];
  program: string;
}

const STRICT = '-std=c11 -Wall -Wextra -Werror -Wshadow -Wconversion -Wno-sign-conversion'.split(' ');

function targetOf(target: NativeTarget, native: string): Target {
  if (target === 'linux') {
    return {
      compiler: 'gcc',
      packages: 'gcc libc6-dev',
      flags: ['-O2', '-g', '-ffunction-sections', '-fdata-sections'],
      link: ['-Wl,--gc-sections'],
      program: 'board',
    };
  }
  const chip = ['-mcpu=cortex-m3', '-mthumb', '--specs=nano.specs'];
  return {
    compiler: 'arm-none-eabi-gcc',
    packages: 'gcc-arm-none-eabi libnewlib-arm-none-eabi',
    flags: [...chip, '-Os', '-g', '-ffunction-sections', '-fdata-sections'],
    link: [...chip, '-nostartfiles', '-T', join(native, target, 'link.ld'), '-Wl,--gc-sections'],
    program: 'board.elf',
  };
}

const run = promisify(execFile);

async function compile(compiler: string, options: string[], what: string): Promise<void> {
  try {
    await run(compiler, options, { maxBuffer: 16 << 20 });
  } catch (error) {
    const said = String((error as { stderr?: string }).stderr ?? (error as Error).message);
    const first = said.split('\n').find((line) => /error|undefined|overflow/.test(line)) ?? said.split('\n')[0];
    const whole = `the compiler refused ${what}: ${first}\n${said.slice(0, 4000)}`;
    throw new Failure('E_BUILD', EXIT.refused, whole, 'mend the source and build again');
  }
}

function cFiles(folder: string, end = '.c'): string[] {
  return readdirSync(folder)
    .filter((name) => name.endsWith(end))
    .sort()
    .map((name) => join(folder, name));
}

function hashOf(parts: (string | Buffer)[]): string {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(String(part.length)).update(' ').update(part);
  return hash.digest('hex').slice(0, 16);
}

export interface NativeOptions {
  target: NativeTarget;
  engine: string;
  /** also put the program there */
  out?: string;
}

interface Work {
  target: Target;
  folder: string;
  parts: EngineParts;
  /** our sources and those of `parts` */
  sources: string[];
  headers: string[];
  include: string[];
  /** what the map is of, and how it is called for people */
  name: string;
  what: string;
  /** beside the link options of the target */
  script: string | null;
}

/** Compiles what has changed, and links it. */
async function make(work: Work): Promise<NativeBuilt> {
  const { target, folder, parts, sources } = work;
  const compiler = findTool(target.compiler, target.packages);
  const version = (await run(compiler, ['--version'])).stdout;
  const theirs = [version, ...parts.depends.map((file) => readFileSync(file))];
  const ours = [...theirs, ...work.headers.map((file) => readFileSync(file))];
  const include = [...work.include, ...parts.flags];
  const waiting = [...sources];
  const objects = new Map<string, string>();
  const compileSome = async (): Promise<void> => {
    for (let source = waiting.pop(); source !== undefined; source = waiting.pop()) {
      const foreign = parts.foreign.includes(source);
      const flags = [...target.flags, ...(foreign ? ['-std=c11', '-w'] : STRICT), ...include];
      const key = hashOf([...flags, ...(foreign ? theirs : ours), readFileSync(source)]);
      const object = join(folder, `${key}.o`);
      const from = source;
      if (!existsSync(object)) {
        await made(object, (temporary) => compile(compiler, [...flags, '-c', from, '-o', temporary], from));
      }
      objects.set(source, object);
    }
  };
  await Promise.all([compileSome(), compileSome()]);
  const ordered = sources.map((source) => objects.get(source) as string);
  const link = [...target.link, ...ordered, ...parts.libraries, '-lm'];
  const key = hashOf([...link, work.script ? readFileSync(work.script) : '']);
  const program = join(folder, `${key}-${work.name}`);
  const map = join(folder, `${key}.map`);
  if (!existsSync(program)) {
    await made(program, (temporary) => compile(compiler, [...link, `-Wl,-Map=${map}`, '-o', temporary], work.what));
  }
  return { program, map };
}

function folderOf(name: string): string {
  const folder = join(root(), 'node_modules', '.cache', 'native', name);
  mkdirSync(folder, { recursive: true });
  return folder;
}

/**
 * Builds it, or finds it built. Throws Failure E_TOOL, naming the Debian package, where something is missing, and
 * E_BUILD where the compiler refuses a source.
 */
export async function buildNative(options: NativeOptions): Promise<NativeBuilt> {
  const native = join(root(), 'boards', 'native');
  const engine = ENGINES[options.engine];
  if (!engine) {
    const known = Object.keys(ENGINES).join(', ');
    throw new Failure('E_ENGINE', EXIT.usage, `there is no native board with ${options.engine}`, `one of: ${known}`);
  }
  const folder = folderOf(`${options.target}-${options.engine}`);
  const target = targetOf(options.target, native);
  findTool(target.compiler, target.packages);
  const parts = await engine({ target: options.target, folder, native });
  const own = join(native, options.target);
  const script = join(own, 'link.ld');
  const built = await make({
    target,
    folder,
    parts,
    sources: [...cFiles(native), ...cFiles(own), ...parts.sources, ...parts.foreign],
    headers: [native, own].flatMap((at) => cFiles(at, '.h')),
    include: [`-I${native}`],
    name: target.program,
    what: `the board for ${options.target}`,
    script: existsSync(script) ? script : null,
  });
  if (options.out === undefined) return built;
  copyFileSync(built.program, options.out);
  return { program: options.out, map: built.map };
}

/** A program of this machine that is made of C files of the native board, and a folder for what it makes. Throws as above. */
export async function buildTool(name: string, partsOf: (native: string) => EngineParts): Promise<[string, string]> {
  const native = join(root(), 'boards', 'native');
  const folder = folderOf(name);
  const parts = partsOf(native);
  const { program } = await make({
    target: targetOf('linux', native),
    folder,
    parts,
    sources: parts.sources,
    headers: cFiles(native, '.h'),
    include: [`-I${native}`],
    name,
    what: name,
    script: null,
  });
  return [program, folder];
}
