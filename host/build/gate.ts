// The language gate. Board code runs on engines that lack much of JavaScript, and some of it silently: TypeScript
// lets classes pass, esbuild lowers arrows, and neither sees a use before its definition. So the code is parsed
// and its tree walked; what an engine cannot do is refused with its line, before any board sees it.

import { readdirSync } from 'node:fs';
import { SourceMap } from 'node:module';
import { join, relative, sep } from 'node:path';
import type { AnyNode, Program } from 'acorn';
import { parse } from 'acorn';
import { transformSync } from 'esbuild';
import { order } from './order.ts';
import { root } from './root.ts';
import { children, isFunction } from './tree.ts';

export interface Finding {
  line: number;
  column: number;
  what: string;
}

/** Where code runs: firmware and components reach the language alone, a driver of the HAL its engine as well. */
export type Place = 'board' | 'driver';

type Report = (node: AnyNode, what: string) => void;

const NO_CLASS = 'class: use plain data and functions';
const NO_SPREAD = 'spread: use a loop, concat or apply';
const NO_DESTRUCTURING = 'destructuring: name each value';

/** By type of node: what is refused wherever it stands. */
const REFUSED: { [type: string]: string } = {
  ArrayPattern: NO_DESTRUCTURING,
  ArrowFunctionExpression: 'arrow function: use function',
  AssignmentPattern: 'default argument: test for undefined',
  AwaitExpression: 'await: board code is synchronous',
  ClassDeclaration: NO_CLASS,
  ClassExpression: NO_CLASS,
  ChainExpression: 'optional chaining: test first',
  DebuggerStatement: 'debugger',
  ForOfStatement: 'for-of: count, or use for-in on an object',
  ImportExpression: 'import(): import at the top',
  LabeledStatement: 'label: use a function and return',
  MetaProperty: 'new.target or import.meta',
  ObjectPattern: NO_DESTRUCTURING,
  RestElement: 'rest argument: pass an array',
  SpreadElement: NO_SPREAD,
  Super: 'super',
  TaggedTemplateExpression: 'template literal: use +',
  TemplateLiteral: 'template literal: use +',
  ThisExpression: 'this: pass the data as an argument',
  WithStatement: 'with',
  YieldExpression: 'generator',
};

const OPERATORS: { [operator: string]: string } = {
  '**': 'operator **: use Math.pow',
  '**=': 'operator **=: use Math.pow',
  '??': 'operator ??: test for null and undefined',
  '??=': 'operator ??=: test for null and undefined',
  '||=': 'operator ||=: write the assignment out',
  '&&=': 'operator &&=: write the assignment out',
};

function words(text: string): Set<string> {
  return new Set(text.split(/\s+/));
}

/** All that board code may take from the engine: ES5 and typed arrays. */
const GLOBALS = words(`undefined NaN Infinity isNaN isFinite parseInt parseFloat arguments Object Array String Number
  Boolean Math Error TypeError RangeError SyntaxError ReferenceError ArrayBuffer DataView Int8Array Uint8Array
  Uint8ClampedArray Int16Array Uint16Array Int32Array Uint32Array Float32Array Float64Array`);

/** What not even a driver may use: no engine class has all of it. */
const MODERN = words(`Map Set WeakMap WeakSet WeakRef Symbol Promise Proxy Reflect BigInt BigInt64Array
  BigUint64Array Intl Atomics SharedArrayBuffer FinalizationRegistry globalThis queueMicrotask structuredClone
  Iterator`);

/** Members of the built-ins that ES5 has. */
const MEMBERS: { [object: string]: Set<string> } = {
  Object: words(`keys create freeze isFrozen seal isSealed preventExtensions isExtensible defineProperty
    defineProperties getPrototypeOf getOwnPropertyNames getOwnPropertyDescriptor`),
  Array: words('isArray'),
  String: words('fromCharCode'),
  Number: words('MAX_VALUE MIN_VALUE NaN NEGATIVE_INFINITY POSITIVE_INFINITY'),
  Math: words(`E LN10 LN2 LOG10E LOG2E PI SQRT1_2 SQRT2 abs acos asin atan atan2 ceil cos exp floor log max min pow
    round sin sqrt tan`),
};

/** Methods that ES5 does not have; refused where they are called. */
const METHODS = words(`includes find findIndex findLast findLastIndex flat flatMap copyWithin toSorted toReversed
  toSpliced startsWith endsWith padStart padEnd trimStart trimEnd codePointAt normalize replaceAll matchAll repeat`);

const LOOPS = /^(For|ForIn|ForOf|While|DoWhile)Statement$/;

function visitFunction(node: AnyNode, parents: AnyNode[], report: Report): void {
  const flags = node as unknown as { async?: boolean; generator?: boolean };
  if (flags.async) report(node, 'async function: board code is synchronous');
  if (flags.generator) report(node, 'generator');
  for (let i = parents.length - 1; i >= 0; i--) {
    const parent = parents[i] as AnyNode;
    if (isFunction(parent)) break;
    if (LOOPS.test(parent.type) && repeats(parent, parents[i + 1] ?? node)) {
      report(node, 'function made in a loop: its closures share one binding; make it in a function of its own');
      break;
    }
  }
}

/** Does a loop run this part of it again and again? */
function repeats(loop: AnyNode, part: AnyNode): boolean {
  if (loop.type === 'ForStatement') return part !== loop.init;
  return loop.type === 'ForInStatement' ? part !== loop.right : true;
}

function visitMember(
  node: AnyNode & { type: 'MemberExpression' },
  known: (name: string) => boolean,
  report: Report,
): void {
  const name = node.computed || node.property.type !== 'Identifier' ? literalText(node.property) : node.property.name;
  if (name === null) return;
  if (name === 'BYTES_PER_ELEMENT') report(node, '.BYTES_PER_ELEMENT: undefined on Espruino; use byteLength');
  if (name === '__proto__' || name === 'constructor') report(node, `.${name}: out of reach of board code`);
  if (node.object.type !== 'Identifier' || known(node.object.name)) return;
  const owner = node.object.name;
  if (name === 'prototype') report(node, `${owner}.prototype: incomplete on Espruino; use a literal, as in [].slice`);
  else if (owner === 'Math' && name === 'random') report(node, 'Math.random: use io.random or the HAL');
  else if (Object.hasOwn(MEMBERS, owner) && !MEMBERS[owner]?.has(name)) report(node, `${owner}.${name}: not in ES5`);
}

function literalText(node: AnyNode): string | null {
  return node.type === 'Literal' && typeof node.value === 'string' ? node.value : null;
}

function isLength(node: AnyNode): boolean {
  return (
    node.type === 'MemberExpression' &&
    !node.computed &&
    node.property.type === 'Identifier' &&
    node.property.name === 'length'
  );
}

/** Is this name one of a property, which may be a keyword? */
function isKey(node: AnyNode, parent: AnyNode | undefined): boolean {
  if (parent?.type === 'MemberExpression') return !parent.computed && parent.property === node;
  return parent?.type === 'Property' && !parent.computed && parent.key === node && parent.value !== node;
}

function visit(node: AnyNode, parents: AnyNode[], known: (name: string) => boolean, report: Report): void {
  const refused = REFUSED[node.type];
  if (refused) {
    // a template is refused once, with its tag; a pattern once, with what it holds
    const parent = parents.at(-1);
    if (!(parent && REFUSED[parent.type] === refused)) report(node, refused);
  }
  if (isFunction(node)) visitFunction(node, parents, report);
  switch (node.type) {
    case 'AssignmentExpression':
    case 'BinaryExpression':
    case 'LogicalExpression': {
      const what = OPERATORS[node.operator];
      if (what) report(node, what);
      if (node.type === 'AssignmentExpression' && isLength(node.left))
        report(node, 'assignment to length: use splice, or a new array');
      break;
    }
    case 'UpdateExpression':
      if (isLength(node.argument)) report(node, 'assignment to length: use splice, or a new array');
      break;
    case 'CatchClause':
      if (!node.param) report(node, 'catch without a name: write catch (error)');
      break;
    case 'Property':
      if (node.kind !== 'init') report(node, `${node.kind}ter: use a function`);
      if (node.computed) report(node, 'computed key: assign it afterwards');
      if (!node.computed && node.key.type === 'Identifier' && node.key.name === '__proto__')
        report(node, '__proto__: out of reach of board code');
      break;
    case 'Literal':
      if (node.regex) report(node, 'regular expression: compare characters');
      if (node.bigint) report(node, 'bigint: use a number');
      break;
    case 'SwitchStatement': {
      const at = node.cases.findIndex((branch) => branch.test === null);
      if (at >= 0 && at < node.cases.length - 1)
        report(node.cases[at] as AnyNode, 'default not last: Espruino wants it last');
      break;
    }
    case 'Identifier':
      if (node.name === 'of' && !isKey(node, parents.at(-1))) report(node, 'the name of: a keyword on Espruino');
      break;
    case 'MemberExpression':
      visitMember(node, known, report);
      break;
    case 'CallExpression': {
      const callee = node.callee;
      if (callee.type === 'MemberExpression' && !callee.computed && callee.property.type === 'Identifier') {
        if (METHODS.has(callee.property.name)) report(callee.property, `.${callee.property.name}(): not in ES5`);
      }
      break;
    }
  }
}

/** What the rules for a free name say; null: allowed. */
function refuseGlobal(name: string, place: Place): string | null {
  if (GLOBALS.has(name)) return null;
  if (place === 'driver' && !MODERN.has(name)) return null;
  return `${name}: not available on every board`;
}

/** Walks a tree and refuses what board code must not hold. Positions are those of the tree. */
export function inspect(program: Program, place: Place): { at: number; what: string }[] {
  const out: { at: number; what: string }[] = [];
  const report: Report = (node, what) => {
    out.push({ at: node.start, what });
  };
  const names = order(program, report);
  const known = (name: string) => !names.has(name);
  const parents: AnyNode[] = [];
  const walk = (node: AnyNode): void => {
    visit(node, parents, known, report);
    parents.push(node);
    for (const child of children(node)) walk(child);
    parents.pop();
  };
  walk(program);
  for (const [name, nodes] of names) {
    const what = refuseGlobal(name, place);
    if (what !== null) for (const node of nodes) report(node, what);
  }
  return out;
}

/** Offsets of the first character of each line. */
function lineStarts(text: string): number[] {
  const starts = [0];
  for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', at + 1)) starts.push(at + 1);
  return starts;
}

export function placeOf(file: string): Place {
  return relative(root(), file).split(sep)[0] === 'hal' ? 'driver' : 'board';
}

/**
 * Every construct in `source` (TypeScript or JavaScript) that board code must not use, in the order of its lines;
 * lines and columns count from 1. Throws esbuild's error where the source does not parse.
 */
export function gate(source: string, file: string, place: Place = placeOf(file)): Finding[] {
  const stripped = transformSync(source, {
    loader: /\.[cm]?js$/.test(file) ? 'js' : 'ts',
    format: 'esm',
    target: 'esnext',
    sourcemap: true,
    sourcefile: 'source',
    tsconfigRaw: '{"compilerOptions":{"verbatimModuleSyntax":true}}',
    logLevel: 'silent',
  });
  const map = new SourceMap(JSON.parse(stripped.map));
  const program = parse(stripped.code, { ecmaVersion: 'latest', sourceType: 'module' });
  const starts = lineStarts(stripped.code);
  const lines = source.split('\n');
  const seen = new Set<string>();
  const out: Finding[] = [];
  for (const { at, what } of inspect(program, place)) {
    const line = starts.findLastIndex((start) => start <= at);
    const entry = map.findEntry(line, at - (starts[line] as number)) as {
      originalLine?: number;
      originalColumn?: number;
    };
    const finding = { line: (entry.originalLine ?? 0) + 1, column: (entry.originalColumn ?? 0) + 1, what };
    // what TypeScript turns into code of its own
    if (/^\s*(export\s+)?(const\s+)?(enum|namespace|module)\s/.test(lines[finding.line - 1] ?? '')) {
      finding.what = 'enum or namespace: use constants';
    }
    const key = `${finding.line}:${finding.what}`;
    if (!seen.has(key)) out.push(finding);
    seen.add(key);
  }
  return out.sort((a, b) => a.line - b.line || a.column - b.column);
}

/** The files under the gate: all of firmware/ and hal/ but for the virtual drivers, which run in Node. */
export function boardSources(): string[] {
  return ['firmware', 'hal'].flatMap((folder) =>
    readdirSync(join(root(), folder), { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.ts') && !(folder === 'hal' && name.startsWith('virtual')))
      .map((name) => join(root(), folder, name))
      .sort(),
  );
}
