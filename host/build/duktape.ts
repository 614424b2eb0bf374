// Duktape as a part of a native board: Debian's package has its source in one file, which is compiled with our options.

import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { EXIT, Failure } from '../failure.ts';
import { type EngineContext, type EngineParts, missingTool, placeFile } from './engine-parts.ts';

const PACKAGED = '/usr/share/duktape';
/** How many bytecode instructions run between two looks at the time is no option, but a number in the source. */
const EVERY = '#define DUK_HTHREAD_INTCTR_DEFAULT     (256L * 1024L)';

/** A folder with duktape.c, duktape.h, duk_config.h of Duktape 2.7, other than the package's: UNDERSTUDY_DUKTAPE. */
export async function duktape({ folder, native }: EngineContext): Promise<EngineParts> {
  const from = process.env.UNDERSTUDY_DUKTAPE ?? PACKAGED;
  if (!existsSync(join(from, 'duktape.c'))) throw missingTool(`Duktape's source (${from}/duktape.c)`, 'duktape-dev');
  const source = readFileSync(join(from, 'duktape.c'), 'utf8');
  const every = source.replace(/^#define DUK_HTHREAD_INTCTR_DEFAULT .*$/m, (line) => {
    return line.replace(/\(.*\)/, 'UNDERSTUDY_DUK_CHECK_EVERY');
  });
  if (every === source) {
    const cause = `${from}/duktape.c has no line like ${EVERY}`;
    throw new Failure('E_ENGINE', EXIT.refused, cause, 'Duktape 2.7 is wanted');
  }
  // beside our duk_config.h, which its quoted include finds first
  const own = join(native, 'duktape');
  const placed = ['duktape.c', 'duktape.h', 'duk_config_base.h', 'duk_config.h'].map((name) => join(folder, name));
  const [all, header, base, config] = placed as [string, string, string, string];
  await placeFile({ text: every }, all);
  await placeFile(join(from, 'duktape.h'), header);
  await placeFile(join(from, 'duk_config.h'), base);
  await placeFile(join(own, 'duk_config.h'), config);
  return {
    sources: [join(own, 'binding.c')],
    foreign: [join(own, 'duktape-all.c')],
    flags: [`-I${folder}`],
    libraries: [],
    depends: [...placed, join(native, 'print.h')],
  };
}
