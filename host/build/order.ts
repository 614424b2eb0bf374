// Names and their order. Espruino runs a function from top to bottom and hoists nothing: a name that is used before
// its definition has run, or whose definition stands in a branch that did not run, is a ReferenceError there and
// nowhere else.

import type { AnyNode, Identifier, Program } from 'acorn';
import { children, isFunction } from './tree.ts';

/** A function, or the module: what has a run of its own. */
interface Frame {
  outer: Frame | null;
  /** called where it stands, as far as one can see: an argument of a call, or called itself */
  now: boolean;
  /** what its text refers to, functions in it included */
  uses: Set<Name>;
}

interface Name {
  text: string;
  frame: Frame;
  /** where it is defined: from which character on, and in which stretch (a branch, or everything) */
  sites: { from: number; start: number; end: number }[];
  /** the functions it can stand for */
  functions: Frame[];
}

interface Scope {
  outer: Scope | null;
  frame: Frame;
  names: Map<string, Name>;
  /** takes `var`: a function or the module */
  whole: boolean;
}

type Report = (node: AnyNode, what: string) => void;

/** A reference, or a call of what a name stands for. */
interface Use {
  node: AnyNode;
  text: string;
  scope: Scope;
  call: boolean;
}

const SCOPES = /^(BlockStatement|StaticBlock|ForStatement|ForInStatement|ForOfStatement|SwitchStatement|CatchClause)$/;

/** May this child of `parent` be left out when `parent` runs? */
function isBranch(parent: AnyNode, child: AnyNode): boolean {
  switch (parent.type) {
    case 'IfStatement':
      return child !== parent.test;
    case 'ForStatement':
    case 'WhileStatement':
    case 'DoWhileStatement':
    case 'ForInStatement':
    case 'ForOfStatement':
      return child === parent.body;
    case 'SwitchStatement':
      return child.type === 'SwitchCase';
    case 'TryStatement':
      return true;
    default:
      return false;
  }
}

/** The identifiers that a pattern binds. */
function bound(pattern: AnyNode): Identifier[] {
  switch (pattern.type) {
    case 'Identifier':
      return [pattern];
    case 'ArrayPattern':
      return pattern.elements.flatMap((element) => (element ? bound(element) : []));
    case 'ObjectPattern':
      return pattern.properties.flatMap((property) => bound(property.type === 'Property' ? property.value : property));
    case 'AssignmentPattern':
      return bound(pattern.left);
    case 'RestElement':
      return bound(pattern.argument);
    default:
      return [];
  }
}

/** `a` of `a`, `a.b`, `a.b[c]`. */
function head(node: AnyNode): AnyNode {
  return node.type === 'MemberExpression' ? head(node.object) : node;
}

/**
 * Reports each use of a name where its definition may not have run. Returns the free names, which must come from
 * the engine, with the places where they stand.
 */
export function order(program: Program, report: Report): Map<string, AnyNode[]> {
  const module: Frame = { outer: null, now: false, uses: new Set() };
  const top: Scope = { outer: null, frame: module, names: new Map(), whole: true };
  const uses: Use[] = [];
  const declared = new Set<AnyNode>();
  const called = new Set<AnyNode>();
  const frames = new Map<AnyNode, Frame>();

  function declare(scope: Scope, id: Identifier, from: number, branch: AnyNode): Name {
    const text = id.name;
    declared.add(id);
    let name = scope.names.get(text);
    if (!name) {
      name = { text, frame: scope.frame, sites: [], functions: [] };
      scope.names.set(text, name);
    }
    name.sites.push({ from, start: branch.start, end: branch.end });
    return name;
  }

  function whole(scope: Scope): Scope {
    let at = scope;
    while (!at.whole && at.outer) at = at.outer;
    return at;
  }

  /** Frames of functions in an expression that are not themselves inside a function. */
  function functionsIn(node: AnyNode): Frame[] {
    const own = frames.get(node);
    return own ? [own] : children(node).flatMap(functionsIn);
  }

  function markCalls(node: AnyNode): void {
    if (node.type !== 'CallExpression' && node.type !== 'NewExpression') return;
    for (const part of [node.callee, ...node.arguments]) called.add(part === node.callee ? head(part) : part);
  }

  function walk(node: AnyNode, parent: AnyNode | null, outer: Scope, branch: AnyNode): void {
    let scope = outer;
    let stretch = parent && isBranch(parent, node) ? node : branch;
    markCalls(node);
    if (isFunction(node)) {
      const fn = node as AnyNode & { type: 'FunctionExpression' };
      if (node.type === 'FunctionDeclaration' && fn.id) declare(outer, fn.id, fn.end, stretch);
      const frame: Frame = { outer: outer.frame, now: called.has(node), uses: new Set() };
      frames.set(node, frame);
      if (node.type === 'FunctionDeclaration' && fn.id) outer.names.get(fn.id.name)?.functions.push(frame);
      scope = { outer, frame, names: new Map(), whole: true };
      stretch = node;
      if (node.type === 'FunctionExpression' && fn.id) declare(scope, fn.id, fn.start, node);
      for (const id of fn.params.flatMap(bound)) declare(scope, id, fn.start, node);
    } else if (SCOPES.test(node.type) && !(parent && isFunction(parent))) {
      scope = { outer, frame: outer.frame, names: new Map(), whole: false };
    }
    if (node.type === 'CatchClause' && node.param) {
      for (const id of bound(node.param)) declare(scope, id, node.param.end, node);
    } else if (node.type === 'ClassDeclaration' && node.id) {
      declare(scope, node.id, node.end, stretch);
    } else if (node.type === 'ImportDeclaration') {
      for (const specifier of node.specifiers) declare(top, specifier.local, 0, program);
      return;
    } else if (node.type === 'ExportNamedDeclaration' && !node.declaration) {
      // the value is taken when everything has run
      if (!node.source) {
        for (const { local } of node.specifiers) {
          if (local.type === 'Identifier' && !top.names.has(local.name))
            uses.push({ node: local, text: local.name, scope: top, call: false });
        }
      }
      return;
    }
    if (node.type === 'Identifier') {
      uses.push({ node, text: node.name, scope, call: called.has(node) });
      return;
    }
    for (const child of children(node)) {
      if (child.type === 'Identifier' && isLabel(node, child)) continue;
      // nothing to go through, and the name of a for-in is not there
      const each = node.type === 'ForInStatement' || node.type === 'ForOfStatement';
      walk(child, node, scope, each && child === node.left ? node : stretch);
    }
    if (node.type === 'VariableDeclaration') {
      const into = node.kind === 'var' ? whole(scope) : scope;
      for (const declarator of node.declarations) {
        for (const id of bound(declarator.id)) {
          const name = declare(into, id, declarator.end, stretch);
          if (declarator.init) name.functions.push(...functionsIn(declarator.init));
        }
      }
    }
  }

  /** An identifier that is no reference, but the name of a property or label. */
  function isLabel(parent: AnyNode, child: AnyNode): boolean {
    switch (parent.type) {
      case 'MemberExpression':
        return child === parent.property && !parent.computed;
      case 'Property':
        return child === parent.key && !parent.computed && child !== parent.value;
      case 'MethodDefinition':
      case 'PropertyDefinition':
        return child === parent.key && !parent.computed;
      case 'LabeledStatement':
      case 'BreakStatement':
      case 'ContinueStatement':
      case 'MetaProperty':
        return true;
      default:
        return false;
    }
  }

  walk(program, null, top, program);

  const free = new Map<string, AnyNode[]>();
  const calls: { name: Name; use: Use; frame: Frame }[] = [];
  for (const use of uses) {
    if (declared.has(use.node)) continue;
    let at: Scope | null = use.scope;
    while (at && !at.names.has(use.text)) at = at.outer;
    const name = at?.names.get(use.text);
    if (!name) {
      free.set(use.text, [...(free.get(use.text) ?? []), use.node]);
      continue;
    }
    for (let frame: Frame | null = use.scope.frame; frame && frame !== name.frame; frame = frame.outer) {
      frame.uses.add(name);
    }
    let frame = use.scope.frame;
    while (frame.now && frame !== name.frame && frame.outer) frame = frame.outer;
    const position = use.node.start;
    if (frame === name.frame && name.sites.every((site) => site.from > position)) {
      report(use.node, `${use.text} used before its definition: Espruino hoists nothing`);
    } else if (name.sites.every((site) => position < site.start || position >= site.end)) {
      report(use.node, `${use.text} declared in a branch that may not run: declare it before`);
    } else if (use.call && frame === name.frame && name.functions.length > 0) calls.push({ name, use, frame });
  }

  for (const { name, use, frame } of calls) {
    const reached = new Set<Name>();
    const follow = (from: Name): void => {
      for (const used of from.functions.flatMap((fn) => [...fn.uses])) {
        if (reached.has(used)) continue;
        reached.add(used);
        follow(used);
      }
    };
    follow(name);
    for (const used of reached) {
      if (used.frame === frame && used.sites.every((site) => site.from > use.node.end)) {
        report(use.node, `${use.text} runs here and uses ${used.text} before its definition`);
      }
    }
  }
  return free;
}
