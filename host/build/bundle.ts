// Builds what runs on boards: the firmware as one ES5 script, and each component as an ES5 text of its own, so that two
// versions of it live side by side in one engine. esbuild bundles and refuses what no board knows; swc lowers to ES5.

import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { basename, dirname, join, relative, resolve } from 'node:path';
import { crc32 } from 'node:zlib';
import { transform } from '@swc/core';
import { type ExportNamedDeclaration, type Identifier, parse } from 'acorn';
import { type BuildFailure, build } from 'esbuild';
import { EXIT, Failure } from '../failure.ts';
import { nestCold } from './cold.ts';
import { gate } from './gate.ts';
import { keepCalls, parenthesizeIndexes } from './inline.ts';
import { order } from './order.ts';
import { root as packageRoot } from './root.ts';

export interface Built {
  /** ES5 */
  text: string;
  /** SHA-256 of the text, hex */
  hash: string;
  /** CRC-32 of the text */
  crc: number;
}

/** What esbuild would lower silently, or cannot: no board language. */
const REFUSED = {
  'async-await': false,
  'async-generator': false,
  bigint: false,
  class: false,
  'default-argument': false,
  destructuring: false,
  'exponent-operator': false,
  'for-await': false,
  generator: false,
  'import-meta': false,
  'new-target': false,
  'nullish-coalescing': false,
  'object-rest-spread': false,
  'optional-chain': false,
  'rest-argument': false,
} as const;

/** Which lowering of swc is wanted: `typeof` and function names are as they should be already. */
const TARGET = { targets: { ie: '9' }, exclude: ['transform-typeof-symbol', 'transform-function-name'] };

function built(text: string): Built {
  return { text, hash: createHash('sha256').update(text).digest('hex'), crc: crc32(text) };
}

/**
 * ES2015 to ES5, small; functions and variables stay where they are, for Espruino hoists neither. With `inline`, what is
 * called in one place only stands there, and constants where they are used: in Espruino a function takes five variables
 * and one for each parameter as long as the board runs, a constant one.
 */
async function lower(source: string, file: string, inline: boolean): Promise<string> {
  const { code } = await transform(inline ? keepCalls(source) : source, {
    configFile: false,
    swcrc: false,
    isModule: false,
    minify: true,
    env: TARGET,
    jsc: {
      parser: { syntax: 'ecmascript' },
      minify: {
        // else functions are made anew at each turn of a loop, and variables used before their definition
        compress: {
          hoist_funs: false,
          hoist_vars: false,
          inline: inline ? 3 : 0,
          reduce_funcs: false,
          reduce_vars: false,
          collapse_vars: false,
          passes: 2,
          evaluate: true,
          typeofs: false,
        },
        // Espruino takes `of` for a keyword everywhere
        mangle: { toplevel: false, reserved: ['of'] },
        ecma: 5,
      },
    },
  });
  try {
    parse(code, { ecmaVersion: 5, sourceType: 'script' });
  } catch (error) {
    const cause = `${file}: what was built is not ES5: ${(error as Error).message}`;
    throw new Failure('E_BUILD', EXIT.refused, cause, 'the language gate names the construct: npx understudy build');
  }
  return parenthesizeIndexes(code.trim());
}

/**
 * The order of names in what was built: over all modules at once, which no file shows alone, and after a minifier
 * that knows nothing of Espruino.
 */
function checkOrder(text: string, file: string): void {
  const program = parse(text, { ecmaVersion: 5, sourceType: 'script' });
  order(program, (node, what) => {
    const near = text.slice(Math.max(0, node.start - 30), node.start + 30);
    throw new Failure(
      'E_BUILD',
      EXIT.refused,
      `${file}, as it was built: ${what}, near: ${near}`,
      'define before use, imports included',
    );
  });
}

function failureOf(error: unknown, file: string): Failure {
  const first = (error as BuildFailure).errors?.[0];
  if (!first) return new Failure('E_BUILD', EXIT.refused, `${file}: ${(error as Error).message}`, '');
  const at = first.location;
  const place = at ? `${at.file}:${at.line}:${at.column + 1}` : file;
  return new Failure('E_BUILD', EXIT.refused, `${place}: ${first.text}`, 'mend the source and build again');
}

interface Bundled {
  text: string;
  /** absolute paths of all that went into it */
  sources: string[];
}

/** One ES module, as esbuild makes it of a file and all that it imports. */
async function bundled(entry: { file: string } | { source: string; folder: string }): Promise<Bundled> {
  const file = 'file' in entry ? entry.file : entry.folder;
  const folder = 'file' in entry ? dirname(resolve(entry.file)) : entry.folder;
  try {
    const result = await build({
      ...('file' in entry
        ? { entryPoints: [resolve(entry.file)] }
        : { stdin: { contents: entry.source, resolveDir: folder, loader: 'ts' as const } }),
      absWorkingDir: folder,
      metafile: true,
      bundle: true,
      format: 'esm',
      target: 'es2015',
      // nothing beside the source itself may change what comes out
      platform: 'neutral',
      tsconfigRaw: '{}',
      ignoreAnnotations: true,
      supported: REFUSED,
      charset: 'ascii',
      legalComments: 'none',
      write: false,
      logLevel: 'silent',
    });
    const inputs = Object.keys(result.metafile.inputs).filter((input) => input !== '<stdin>');
    return { text: result.outputFiles[0]?.text ?? '', sources: inputs.map((input) => resolve(folder, input)) };
  } catch (error) {
    throw failureOf(error, file);
  }
}

/** The module without its export statement, and what that said: [exported, local]. */
function exportsOf(module: string): { body: string; names: [string, string][] } {
  const tree = parse(module, { ecmaVersion: 2015, sourceType: 'module' });
  const names: [string, string][] = [];
  let body = module;
  for (const node of [...tree.body].reverse()) {
    if (node.type !== 'ExportNamedDeclaration') continue;
    for (const specifier of (node as ExportNamedDeclaration).specifiers) {
      names.push([(specifier.exported as Identifier).name, (specifier.local as Identifier).name]);
    }
    body = body.slice(0, node.start) + body.slice(node.end);
  }
  return { body, names: names.sort((a, b) => (a[0] < b[0] ? -1 : 1)) };
}

export interface Component extends Built {
  exports: string[];
  /** absolute paths of the module and all that it imports */
  sources: string[];
}

/**
 * A component's module, in TypeScript or JavaScript with named exports, as an ES5 text that evaluates to an object of
 * them. Same source, same bytes, wherever the file is. Throws Failure E_BUILD or, for a construct that
 * boards do not know, E_LANGUAGE, both with file, line and reason.
 */
export async function componentText(file: string): Promise<Component> {
  if (!existsSync(file)) {
    throw new Failure('E_BUILD', EXIT.usage, `there is no module ${file}`, 'check `module` in the description');
  }
  const { text: module, sources } = await bundled({ file });
  const findings = sources.flatMap((source) =>
    gate(readFileSync(source, 'utf8'), source, 'board').map(
      ({ line, column, what }) => `${relative('.', source)}:${line}:${column}: ${what}`,
    ),
  );
  if (findings.length > 0) {
    const next = 'boards do not know these constructs; see the README';
    throw new Failure('E_LANGUAGE', EXIT.refused, findings.join('\n'), next);
  }
  const { body, names } = exportsOf(module);
  const object = names.map(([exported, local]) => `${exported}: ${local}`).join(', ');
  // an expression whose value nobody takes would be optimised away
  const code = await lower(
    `_ = (function () {\n'use strict';\n${body}\nreturn { ${object} };\n})();`,
    basename(file),
    false,
  );
  const text = `(${code.replace(/^_=/, '').replace(/;$/, '')})`;
  checkOrder(text, basename(file));
  return { ...built(text), exports: names.map(([exported]) => exported), sources };
}

let board: Promise<Built> | null = null;

/** The firmware as one ES5 script that defines the global `understudy` with its export `boot`. */
export function boardBundle(): Promise<Built> {
  board ??= makeBoardBundle();
  return board;
}

async function makeBoardBundle(): Promise<Built> {
  const root = packageRoot();
  if (!existsSync(join(root, 'firmware', 'main.ts'))) {
    return built(readFileSync(join(root, 'dist', 'board.js'), 'utf8'));
  }
  return boardScript("import { boot } from './main.ts';", 'understudy', '{ boot: boot }', 'firmware');
}

/** What `value` is, in a module of `folder` that begins with `imports`, as an ES5 script that defines the global `name`. */
export async function boardScript(imports: string, name: string, value: string, folder: string): Promise<Built> {
  const { text } = await bundled({ source: `${imports}\n${name} = ${value};\n`, folder: join(packageRoot(), folder) });
  const body = nestCold(text);
  const code = await lower(`var ${name};\n(function () {\n'use strict';\n${body}\n})();`, folder, true);
  checkOrder(code, folder);
  return built(code);
}
