// Numbers that JerryScript keeps in its heap, and no static snapshot of it can have, as expressions of integers that it
// keeps in the code.

import { type AnyNode, parse } from 'acorn';
import { children } from './tree.ts';

/** Integers of 28 bits, with their sign. */
const MOST = 2 ** 27 - 1;
/** The largest power of two among them. */
const POWER = 26;

/** Exactly the same number: each step of it has an exact result. */
export function asIntegers(value: number): string {
  if (Number.isInteger(value) && value <= MOST) return String(value);
  if (value === Number.POSITIVE_INFINITY) return '(1/0)';
  let mantissa = value;
  let exponent = 0;
  while (!Number.isInteger(mantissa)) {
    mantissa *= 2;
    exponent--;
  }
  while (mantissa % 2 === 0) {
    mantissa /= 2;
    exponent++;
  }
  const high = Math.floor(mantissa / 2 ** POWER);
  const first = high === 0 ? String(mantissa) : `(${high}*${2 ** POWER}+${mantissa % 2 ** POWER})`;
  const powers: number[] = [];
  for (let left = Math.abs(exponent); left > 0; left -= POWER) powers.push(2 ** Math.min(left, POWER));
  if (exponent < 0) return `(${[first, ...powers].join('/')})`;
  return `(${(first === '1' ? powers : [first, ...powers]).join('*')})`;
}

/** An ES5 script that does the same. */
export function withIntegers(script: string): string {
  const numbers: [at: number, end: number, text: string][] = [];
  const visit = (node: AnyNode, parent: AnyNode | null): void => {
    const isKey = parent?.type === 'Property' && parent.key === node;
    if (node.type === 'Literal' && typeof node.value === 'number' && !isKey) {
      const text = asIntegers(node.value);
      if (text.startsWith('(')) numbers.push([node.start, node.end, text]);
    }
    for (const child of children(node)) visit(child, node);
  };
  visit(parse(script, { ecmaVersion: 5, sourceType: 'script' }), null);
  let out = script;
  for (const [at, end, text] of numbers.sort((a, b) => b[0] - a[0])) out = out.slice(0, at) + text + out.slice(end);
  return out;
}
