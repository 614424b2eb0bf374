// The script that Espruino gets does what the bundle does, without the function around it.

import { parse } from 'acorn';
import { expect, test } from 'vitest';
import { boardBundle } from '../host/build/bundle.ts';
import { conformancePart, PARTS } from '../host/build/conformance.ts';
import { espruinoDriver, espruinoProgram } from '../host/build/espruino.ts';
import { flatten } from '../host/build/flat.ts';
import { order } from '../host/build/order.ts';
import { saysInNode } from './engines.ts';

test('names of the outermost level are told from those that hide them', () => {
  const script = `var out;!function(){"use strict";var a=1,b=2;function f(a){return a+b}function g(n){return n?g(n-1)+a:0}
var h=function b(n){return n?b(n-1):a};function k(){try{throw 3}catch(a){return a+b}}
function m(){var f=g;return{a:f(2),b:{a:b}.a}}out={f:f(10),h:h(3),k:k(),m:m(),a:a}}();`;
  const flat = flatten(script, '$');
  const run = (text: string): unknown => new Function(`${text};return out`)();
  expect(run(flat)).toEqual({ f: 12, h: 1, k: 5, m: { a: 2, b: 2 }, a: 1 });
  expect(run(flat)).toEqual(run(script));
  expect(flat.startsWith('var out;var $a=1,$b=2;function $f(a){return a+$b}')).toBe(true);
});

test('another script is left as it is', () => {
  for (const script of ['var a = 1;', 'var a; a();', 'var a; !b(function () {});'])
    expect(flatten(script, '$')).toBe(script);
});

test.each(PARTS)('the conformance program says the same: %s', async (part) => {
  const { text } = await conformancePart(part);
  const flat = flatten(text, '$');
  expect(flat).not.toBe(text);
  expect(saysInNode(flat)).toEqual(saysInNode(text));
});

test('firmware and driver leave each other and what they use alone', async () => {
  const text = await espruinoProgram();
  const program = parse(text, { ecmaVersion: 5, sourceType: 'script' });
  const names = program.body.flatMap((node) =>
    node.type === 'VariableDeclaration'
      ? node.declarations.map(({ id }) => (id.type === 'Identifier' ? id.name : ''))
      : node.type === 'FunctionDeclaration'
        ? [node.id.name]
        : [],
  );
  expect(names.length).toBeGreaterThan(200);
  expect(new Set(names).size).toBe(names.length);
  expect(names.filter((name) => !/^[$_]/.test(name)).sort()).toEqual(['understudy', 'understudyDrive']);
  const free = (script: string): string[] => [
    ...order(parse(script, { ecmaVersion: 5, sourceType: 'script' }), (_, what) => {
      throw new Error(what);
    }).keys(),
  ];
  const wanted = [...free((await boardBundle()).text), ...free(await espruinoDriver())];
  expect(free(text).sort()).toEqual([...new Set(wanted)].sort());
});
