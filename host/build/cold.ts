// For small boards: what only a rarely called function uses is defined inside of it. In Espruino a function takes five
// variables and one for each parameter for as long as it is defined; so it takes them only while it may be needed.
// Which functions are rarely called, the sources say: their body begins with the directive 'cold'.

import { type AnyNode, type FunctionDeclaration, type Program, parse } from 'acorn';
import { givesFunctions } from './inline.ts';
import { children } from './tree.ts';

type Defined = FunctionDeclaration & { start: number; end: number };

const COLD = 'cold';

/** Names that stand anywhere below a node, properties aside. */
function namesIn(node: AnyNode, out: Set<string>): Set<string> {
  if (node.type === 'Identifier') out.add(node.name);
  for (const child of children(node)) {
    const member = node.type === 'MemberExpression' && !node.computed && child === node.property;
    if (!member) namesIn(child, out);
  }
  return out;
}

function isCold(fn: Defined): boolean {
  const first = fn.body.body[0];
  return first?.type === 'ExpressionStatement' && 'directive' in first && first.directive === COLD;
}

/** Functions that nothing uses but `root` and what it alone uses. */
function ownOf(program: Program, functions: Map<string, Defined>, root: Defined): Defined[] {
  const reached = new Set<string>([root.id.name]);
  const follow = (node: AnyNode): void => {
    for (const name of namesIn(node, new Set())) {
      const fn = functions.get(name);
      if (!fn || reached.has(name)) continue;
      reached.add(name);
      follow(fn);
    }
  };
  for (const node of program.body) {
    // functions that one gives would keep all that is defined where it stands
    if (node.type !== 'FunctionDeclaration' || givesFunctions(node)) follow(node);
    if (node.type === 'FunctionDeclaration' && givesFunctions(node)) reached.add(node.id?.name ?? '');
  }
  return [...functions.values()].filter((fn) => !reached.has(fn.id.name));
}

/** A module's source with all cold functions made so. */
export function nestCold(source: string): string {
  for (let text = source; ; ) {
    const program = parse(text, { ecmaVersion: 2015, sourceType: 'module' });
    const functions = new Map<string, Defined>();
    for (const node of program.body)
      if (node.type === 'FunctionDeclaration') functions.set(node.id?.name ?? '', node as Defined);
    const root = [...functions.values()].find(isCold);
    if (!root) return text;
    const own = ownOf(program, functions, root);
    const hidden = new Set(root.params.flatMap((param) => [...namesIn(param, new Set())]));
    for (const fn of own) {
      for (const name of namesIn(fn, new Set())) {
        if (hidden.has(name) && functions.has(name))
          throw new Error(`${root.id.name}: its parameter ${name} hides a function`);
      }
    }
    const directive = root.body.body[0] as AnyNode;
    const body = text.slice(directive.end, root.body.end - 1);
    // in a block, for its own names may be those of functions that the others use
    let out = `${text.slice(root.start, directive.start)}${own.map((fn) => text.slice(fn.start, fn.end)).join('\n')}\n{${body}}\n}`;
    out = text.slice(0, root.start) + out + text.slice(root.end);
    for (const fn of own.reverse()) out = out.slice(0, fn.start) + out.slice(fn.end);
    text = out;
  }
}
