// The conformance program, in parts, each an ES5 text that every engine runs in place of the firmware:
// `understudy.boot(hal)`.

import { recordedTexts } from '../conform/record.ts';
import { GOLDEN } from '../mutants/golden.ts';
import type { Built } from './bundle.ts';
import { boardScript } from './bundle.ts';

/** Parts that are modules of host/conform/board; all others are golden interactions, which the core does again. */
const MODULES = ['codec', 'frames', 'messages', 'ring'];

/** Names of all parts: each can be built, and fits a board, by itself. */
export const PARTS: string[] = [...MODULES, ...GOLDEN.map(({ name }) => name)];

/** What the part's source begins with, and the part as an expression. */
function sourceOf(name: string): { begin: string; part: string } {
  if (MODULES.includes(name)) return { begin: `import { part } from './${name}.ts';`, part: 'part' };
  const scene = GOLDEN.find((golden) => golden.name === name);
  if (!scene) throw new RangeError(`${name}: no part of the conformance program`);
  // in a function, whose text stays in flash where boards run what stands there
  const cases = recordedTexts(scene).map((text, at) => `case ${at}: return '${text}';`);
  const recorded = `function recorded(at) { switch (at) { ${cases.join(' ')} default: return ''; } }`;
  const begin = `import { interaction } from './core.ts';\n${recorded}`;
  return { begin, part: `interaction(${JSON.stringify(name)}, recorded)` };
}

export function conformancePart(name: string): Promise<Built> {
  const { begin, part } = sourceOf(name);
  const imports = `import { conform } from './main.ts';\n${begin}`;
  const value = `{ boot: function (hal) { return conform(hal, ${part}); } }`;
  return boardScript(imports, 'understudy', value, 'host/conform/board');
}
