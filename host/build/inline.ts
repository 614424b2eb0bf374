// What the minifier must be told, and what it must be told again afterwards, where it puts functions into their callers.

import { type AnyNode, parse } from 'acorn';
import { children, isFunction } from './tree.ts';

/** `text` with something put in at each of these places. */
function insert(text: string, places: [at: number, what: string][]): string {
  let out = text;
  for (const [at, what] of places.sort((a, b) => b[0] - a[0])) out = out.slice(0, at) + what + out.slice(at);
  return out;
}

/** ES2015 source in which calls within a loop stay calls: there, a function would be made anew at each turn. */
export function keepCallsInLoops(source: string): string {
  const places: [number, string][] = [];
  const visit = (node: AnyNode, inLoop: boolean): void => {
    if (inLoop && node.type === 'CallExpression' && node.callee.type === 'Identifier') {
      places.push([node.start, '/*#__NOINLINE__*/ ']);
    }
    const loop = !isFunction(node) && (inLoop || /^(For|While|DoWhile)/.test(node.type));
    for (const child of children(node)) visit(child, loop);
  };
  visit(parse(source, { ecmaVersion: 2015, sourceType: 'script' }), false);
  return insert(source, places);
}

/** ES5 code without `a[b, c]`, which Espruino cannot read, but `a[(b, c)]`. */
export function parenthesizeIndexes(code: string): string {
  const places: [number, string][] = [];
  const visit = (node: AnyNode): void => {
    if (node.type === 'MemberExpression' && node.computed && node.property.type === 'SequenceExpression') {
      places.push([node.property.start, '('], [node.property.end, ')']);
    }
    for (const child of children(node)) visit(child);
  };
  visit(parse(code, { ecmaVersion: 5, sourceType: 'script' }));
  return insert(code, places);
}
