// Duktape as a part of a native board: Debian's package has its source in one file, which is compiled with our options.

import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { EXIT, Failure } from '../failure.ts';
import { type EngineContext, type EngineParts, missingTool, placeFile } from './engine-parts.ts';

const PACKAGED = '/usr/share/duktape';
/** What is no option of Duktape's, but stands in its source: each is found once, or it is another Duktape. */
const CHANGES: [RegExp, string][] = [
  // bytecode instructions between two looks at the time
  [/^#define DUK_HTHREAD_INTCTR_DEFAULT .*$/m, '#define DUK_HTHREAD_INTCTR_DEFAULT UNDERSTUDY_DUK_CHECK_EVERY'],
  // no board code says `prototype`, `caller`, `arguments` or the name of a function: each function object would have
  // them, and with the first be in a cycle that only a full collection finds
  [/^(\s*)if \(add_auto_proto\) \{$/m, '$1if (add_auto_proto && UNDERSTUDY_DUK_FUNCTION_PROPERTIES) {'],
  [
    /^(\s*)if \(DUK_HOBJECT_HAS_STRICT\(&fun_clos->obj\)\) \{$/m,
    '$1if (DUK_HOBJECT_HAS_STRICT(&fun_clos->obj) && UNDERSTUDY_DUK_FUNCTION_PROPERTIES) {',
  ],
  [/^(\s*)duk_xdef_prop_stridx_short\(thr, -3, DUK_STRIDX_NAME, DUK_PROPDESC_FLAGS_C\);.*$/m, '$1duk_pop_unsafe(thr);'],
];

function changed(source: string, file: string): string {
  let text = source;
  for (const [found, by] of CHANGES) {
    const times = text.match(new RegExp(found.source, 'gm'))?.length ?? 0;
    if (times !== 1) {
      const cause = `${file} has ${times} lines like ${found.source}`;
      throw new Failure('E_ENGINE', EXIT.refused, cause, 'Duktape 2.7 is wanted, as the package duktape-dev has it');
    }
    text = text.replace(found, by);
  }
  return text;
}

/** A folder with duktape.c, duktape.h, duk_config.h of Duktape 2.7, other than the package's: UNDERSTUDY_DUKTAPE. */
export async function duktape({ folder, native }: EngineContext): Promise<EngineParts> {
  const from = process.env.UNDERSTUDY_DUKTAPE ?? PACKAGED;
  if (!existsSync(join(from, 'duktape.c'))) throw missingTool(`Duktape's source (${from}/duktape.c)`, 'duktape-dev');
  const source = changed(readFileSync(join(from, 'duktape.c'), 'utf8'), join(from, 'duktape.c'));
  // beside our duk_config.h, which its quoted include finds first
  const own = join(native, 'duktape');
  const placed = ['duktape.c', 'duktape.h', 'duk_config_base.h', 'duk_config.h'].map((name) => join(folder, name));
  const [all, header, base, config] = placed as [string, string, string, string];
  await placeFile({ text: source }, all);
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
