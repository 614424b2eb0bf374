// The language gate: one bad file for each construct that board code must not use, and every construct that it may.

import { readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { expect, test } from 'vitest';
import type { Finding } from '../host/build/gate.ts';
import { boardSources, gate, placeOf } from '../host/build/gate.ts';

const root = join(import.meta.dirname, '..');
const folder = join(import.meta.dirname, 'gate');

function gateFile(file: string): Finding[] {
  return gate(readFileSync(file, 'utf8'), file);
}

/** Lines with a comment `bad: what`. */
function marked(source: string): { line: number; what: string }[] {
  return source.split('\n').flatMap((text, index) => {
    const at = text.indexOf('// bad: ');
    return at < 0 ? [] : [{ line: index + 1, what: text.slice(at + '// bad: '.length) }];
  });
}

test.each(readdirSync(folder))('%s is refused at its line, and nowhere else', (name) => {
  const file = join(folder, name);
  const expected = marked(readFileSync(file, 'utf8'));
  expect(expected.length).toBeGreaterThan(0);
  const found = gateFile(file).filter(({ what }) => !(name === 'async.ts' && what.startsWith('Promise')));
  expect(found.map(({ line }) => line)).toEqual(expected.map(({ line }) => line));
  for (const [index, { what }] of expected.entries()) {
    expect(found[index]?.what.slice(0, what.length)).toBe(what);
  }
});

test('what board code may do passes', () => {
  const good = `
    import type { A } from './a.ts';
    import { b } from './b.ts';
    export type { A };
    const TABLE = [1, 2, 3];
    let calls = 0;
    function later(x: number): number { return x > 0 ? defined(x - 1) : TABLE[0]; }
    function defined(x: number): number { return later(x); }
    export const first = later(1);
    export function run(list: { name: string }[], on: { [name: string]: () => void }): number {
      const again = function () { return other(); };
      const other = function () { return calls++; };
      let total = again();
      for (let i = 0; i < list.length; i++) { const name = list[i].name; if (on[name]) on[name](); }
      for (const name in on) total += name.length;
      for (var k = 0; k < 3; k++) total += k;
      outer(function () { total += 1; });
      try { b(total); } catch (error) { total = (error as Error).message.length; }
      switch (k) { case 1: { const one = 1; total += one; break; } default: total += [].slice.call(arguments).length; }
      const view = new DataView(new Uint8Array(8).buffer);
      return Math.floor(view.getFloat64(0)) + ({ total, plain() { return 1; }, 'class': 2 }).total;
    }
    function outer(fn: () => void): void { fn(); }
  `;
  expect(gate(good, 'good.ts')).toEqual([]);
});

test('line and column are those of the source, types and comments before it included', () => {
  const source = `// one\ninterface A {\n  a: number;\n}\n\nexport function f(a: A): unknown {\n  return [a.a as number, new Map()];\n}\n`;
  expect(gate(source, 'a.ts')).toEqual([{ line: 7, column: 30, what: 'Map: not available on every board' }]);
  expect(gate('var a = 1;\nvar b = () => a;\n', 'a.js')).toMatchObject([{ line: 2, column: 9 }]);
});

test('a driver may use its engine, and still not the language that other engines lack', () => {
  const source = 'export function now(): number {\n  return E.getTime() + setTimeout(now, 1);\n}\n';
  expect(gate(source, join(root, 'hal/some.ts'))).toEqual([]);
  expect(gate(source, join(root, 'firmware/some.ts')).map(({ line }) => line)).toEqual([2, 2]);
  expect(gate('export const m = new Map();', join(root, 'hal/some.ts'))).toHaveLength(1);
  expect(placeOf('/somewhere/hal/user.ts')).toBe('board');
});

test('a source that does not parse is an error with its line', () => {
  expect(() => gate('const a = 1;\nconst = 2;\n', 'a.ts')).toThrow(/2:6/);
});

const mission = join(root, 'host/mission/components');
const components = readdirSync(mission).map((name) => join(mission, name));

test.each([...boardSources(), ...components].map((file) => relative(root, file)))('%s passes', (file) => {
  expect(gateFile(join(root, file))).toEqual([]);
});
