// What the minifier must be told, and what it must be told again afterwards, where it puts functions into their callers.

import { type AnyNode, parse } from 'acorn';
import { children, isFunction } from './tree.ts';

/** `text` with something put in at each of these places. */
export function insert(text: string, places: [at: number, what: string][]): string {
  let out = text;
  for (const [at, what] of places.sort((a, b) => b[0] - a[0])) out = out.slice(0, at) + what + out.slice(at);
  return out;
}

/** Does what this function returns hold functions that it makes? */
export function givesFunctions(fn: AnyNode): boolean {
  const made = new Set<string>();
  const holds = (node: AnyNode): boolean =>
    isFunction(node) || (node.type === 'Identifier' && made.has(node.name)) || children(node).some(holds);
  const search = (node: AnyNode): boolean => {
    if (node !== fn && isFunction(node)) return false;
    if (node.type === 'VariableDeclarator' && node.id.type === 'Identifier' && node.init && isFunction(node.init)) {
      made.add(node.id.name);
    }
    if (node.type === 'ReturnStatement') return holds(node);
    return children(node).some(search);
  };
  return search(fn);
}

/** Functions whose body begins with this directive stay functions of their own. */
const HOT = 'hot';

function hotWord(node: AnyNode): AnyNode | null {
  const first = node.type === 'FunctionDeclaration' ? node.body.body[0] : null;
  return first?.type === 'ExpressionStatement' && first.directive === HOT ? first : null;
}

/**
 * ES2015 source in which calls stay calls where inlining costs more than it saves: within a loop a function would be
 * made anew at each turn, and functions that one gives would keep all that is known where it then stood. And where the
 * source says 'hot': to make a function and what it knows of takes an engine longer than most of them do.
 */
export function keepCalls(source: string): string {
  const program = parse(source, { ecmaVersion: 2015, sourceType: 'script' });
  const makers = new Set<string>();
  const places: [number, string][] = [];
  const find = (node: AnyNode): void => {
    const word = hotWord(node);
    if (node.type === 'FunctionDeclaration' && node.id && (word || givesFunctions(node))) makers.add(node.id.name);
    // comments itself out
    if (word) places.push([word.start, '// ']);
    children(node).forEach(find);
  };
  find(program);
  const visit = (node: AnyNode, inLoop: boolean): void => {
    if (node.type === 'CallExpression' && node.callee.type === 'Identifier') {
      if (inLoop || makers.has(node.callee.name)) places.push([node.start, '/*#__NOINLINE__*/ ']);
    }
    const loop = !isFunction(node) && (inLoop || /^(For|While|DoWhile)/.test(node.type));
    for (const child of children(node)) visit(child, loop);
  };
  visit(program, false);
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
