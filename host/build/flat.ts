// For Espruino: a script without the function around it. There, each function that was made inside of another one keeps a
// list of what surrounds it, in one variable or more; a function of the outermost level keeps none.

import { type AnyNode, parse } from 'acorn';
import { insert } from './inline.ts';
import { children, isFunction } from './tree.ts';

/** Names that a function, a catch or the script declares; not those of functions in it. */
function declared(scope: AnyNode): Set<string> {
  const out = new Set<string>();
  const add = (node: AnyNode | null | undefined): void => {
    if (node?.type === 'Identifier') out.add(node.name);
  };
  const visit = (node: AnyNode): void => {
    if (node.type === 'VariableDeclarator') add(node.id);
    if (node.type === 'FunctionDeclaration') add(node.id);
    if (!isFunction(node)) children(node).forEach(visit);
  };
  if (scope.type === 'CatchClause') add(scope.param);
  else if (isFunction(scope)) {
    const fn = scope as AnyNode & { type: 'FunctionExpression' };
    // the name of a declaration is one of the scope around it
    if (scope.type === 'FunctionExpression') add(fn.id);
    fn.params.forEach(add);
    visit(fn.body);
  }
  return out;
}

function isKey(node: AnyNode, parent: AnyNode): boolean {
  if (parent.type === 'MemberExpression') return parent.property === node && !parent.computed;
  return parent.type === 'Property' && parent.key === node;
}

/**
 * A script `var name; !function () {…}();` with what the function holds at its outermost level, under names that begin
 * with `prefix`: texts of users, which see them there, hardly have such. Another script is left as it is.
 */
export function flatten(script: string, prefix: string): string {
  const program = parse(script, { ecmaVersion: 5, sourceType: 'script' });
  const [first, second] = program.body;
  const call =
    second?.type === 'ExpressionStatement' &&
    second.expression.type === 'UnaryExpression' &&
    second.expression.argument;
  if (program.body.length !== 2 || first?.type !== 'VariableDeclaration') return script;
  if (!call || call.type !== 'CallExpression' || call.callee.type !== 'FunctionExpression') return script;
  const fn = call.callee;
  const outer = declared(fn);
  const places: [number, string][] = [];
  const visit = (node: AnyNode, parent: AnyNode, hidden: Set<string>): void => {
    if (node.type === 'Identifier') {
      if (!isKey(node, parent) && outer.has(node.name) && !hidden.has(node.name)) places.push([node.start, prefix]);
      return;
    }
    const inner = node !== fn && (isFunction(node) || node.type === 'CatchClause');
    const below = inner ? new Set([...hidden, ...declared(node)]) : hidden;
    for (const child of children(node)) {
      // the name of a function stands where the function does
      const own = node.type === 'FunctionDeclaration' && child === node.id;
      visit(child, node, own ? hidden : below);
    }
  };
  visit(fn, call, new Set());
  const shift = fn.body.start + 1;
  const body = script.slice(shift, fn.body.end - 1);
  const flat = insert(
    body,
    places.map(([at, what]) => [at - shift, what]),
  );
  return `${script.slice(0, first.end)}${flat.replace(/^\s*(['"])use strict\1;?/, '')}`;
}
