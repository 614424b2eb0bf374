// What only a rarely called function uses is defined inside of it.

import { expect, test } from 'vitest';
import { nestCold } from '../host/build/cold.ts';

const run = (text: string): unknown => new Function(`var out; ${text}; return out`)();

const SOURCE = `let count = 0;
function shared(n) { return n + 1; }
function deep(n) { count++; return n > 0 ? deep(n - 1) : shared(1); }
function own(n) { return deep(n) + shared(n); }
function keeper(n) { return function () { return n; }; }
function rare(n) {
  'cold';
  let own_ = own(n);
  let shared = keeper(own_);
  return shared();
}
function often() { return shared(5); }
out = [rare(3), often(), rare(1), count];`;

test('it does the same, with its own functions inside of it and no others', () => {
  const nested = nestCold(SOURCE);
  expect(run(nested)).toEqual([6, 6, 4, 6]);
  expect(run(nested)).toEqual(run(SOURCE));
  const inside = nested.slice(nested.indexOf('function rare'), nested.indexOf('function often'));
  for (const name of ['deep', 'own']) {
    expect(inside).toContain(`function ${name}(`);
    expect(nested.split(`function ${name}(`)).toHaveLength(2);
  }
  // used elsewhere; and what gives a function, which would keep all the others
  for (const name of ['shared', 'keeper']) expect(inside).not.toContain(`function ${name}(`);
  expect(nested).not.toContain("'cold'");
});

test('a parameter that hides a function is told', () => {
  const source = `function own() { return other(); } function other() { return 1; }
function rare(other) { 'cold'; return own() + other; } function more() { return other(); } out = rare(1) + more();`;
  expect(() => nestCold(source)).toThrow('rare: its parameter other hides a function');
});

test('without the word nothing changes', () => {
  const source = SOURCE.replace("'cold';", '');
  expect(nestCold(source)).toBe(source);
});
