// npm run explore: goes through every state that small systems can reach, and prints how far it got; with
// --rules paper, searches for the eight ways in which the paper's figures go wrong.

import { Command } from 'commander';
import { explain, table, whole } from '../command/output.ts';
import type { TraceLine, Violation } from '../check/types.ts';
import { EXIT, Failure } from '../failure.ts';
import { colourWanted, renderText } from '../trace/diagram.ts';
import type { Finding } from './counterexample.ts';
import { FINDINGS, search } from './counterexample.ts';
import type { Explored } from './explore.ts';
import { exploreAll } from './explore.ts';
import type { Small } from './shapes.ts';
import { SHAPES, smallWorld } from './shapes.ts';
import { differences, replay } from './state-replay.ts';
import { textOf } from './text.ts';

interface Options {
  shape?: string;
  states: number;
  rules: string;
  sample: number;
}

function plural(n: number, what: string): string {
  if (n !== 1) return `${n} ${what}`;
  return `${n} ${/(sh|ch)es$/.test(what) ? what.slice(0, -2) : what.slice(0, -1)}`;
}

/** What of each thing may happen, in words. */
function boundsOf(small: Small): string {
  const { operation, components } = small.shape();
  const cluster = operation?.cluster ?? small.staged ?? [];
  const out = [`${cluster.length} low × ${components.length - cluster.length} active`];
  const { acts, ...rest } = small.budget;
  const inputs = small.stocks?.reduce((a, b) => a + b, 0) ?? small.stock ?? 0;
  if (inputs > 0) out.push(plural(inputs, 'inputs'));
  if (acts !== undefined) out.push(plural(acts, 'acts'));
  for (const [what, n] of Object.entries(rest)) {
    if (n) out.push(what === 'migrates' ? plural(n, 'failing migrates') : plural(n, what));
  }
  return out.join(', ');
}

function progressOf(name: string): (so: { states: number; depth: number; seconds: number }) => void {
  let last = 0;
  return ({ states, depth, seconds }) => {
    if (seconds - last < 5) return;
    last = seconds;
    process.stderr.write(`${name}: ${states} states, depth ${depth}, ${Math.round(states / seconds)} states/s\n`);
  };
}

function show(lines: TraceLine[], violations: Violation[]): string {
  const header = lines[0];
  const there = (header?.processes ?? []).filter(([pid]) => header?.roles?.some(([p]) => p === pid));
  const color = colourWanted(process.env, process.stdout.isTTY === true);
  const window = { from: 0, to: Number.MAX_SAFE_INTEGER, everything: true, max: 500 };
  const picture = renderText(lines, { ...window, processes: there.map(([, name]) => name), width: 110, color });
  const what = violations.map((v) => `violates ${v.rule}: ${v.process}: ${v.why}`);
  return `${what.join('\n')}\n\n${picture}\n${textOf(lines)}`;
}

/**
 * Some of the states again in the world, with every check of traces: they must agree with what was found, and be the
 * same processes. The places are spread over the whole search by a fixed stride.
 */
function sample(found: Explored, small: Small, wanted: number): { done: number; wrong: string | null } {
  const row = new Int32Array(found.system.width);
  const many = Math.min(wanted, found.states);
  let done = 0;
  for (let i = 0; i < many; i++) {
    const state = Math.floor((i * found.states) / many);
    const path = found.pathTo(state);
    found.rows.read(state, row);
    const ended = found.system.list(row) === 0;
    const world = smallWorld(small);
    const violations = replay(world, path, ended);
    const other = differences(found.system, row, world);
    done++;
    if (violations.length > 0) return { done, wrong: show(world.lines, violations) };
    if (other.length > 0) return { done, wrong: `the world and the exploration differ in ${other[0]}` };
  }
  return { done, wrong: null };
}

function verdictOf(found: Explored): string {
  if (found.wrongs.length > 0) return 'VIOLATED';
  return found.complete ? 'complete' : `bounded at ${found.states}`;
}

const HEAD = ['shape', 'states', 'depth', 'ends', 'states/s', 'core steps', 'sample', ''];

function corrected(options: Options): boolean {
  const chosen = options.shape ? SHAPES.filter((s) => s.name === options.shape) : SHAPES;
  if (chosen.length === 0)
    throw unknown(
      options.shape as string,
      SHAPES.map((s) => s.name),
    );
  const rows: (string | number)[][] = [];
  const wrong: string[] = [];
  for (const small of chosen) {
    process.stdout.write(`${small.name}: ${boundsOf(small)}\n`);
    const found = exploreAll(smallWorld(small), { states: options.states, progress: progressOf(small.name) });
    let sampled = { done: 0, wrong: null as string | null };
    if (found.wrongs.length > 0) {
      const world = smallWorld(small);
      const violations = replay(world, found.path, true, 1000);
      const own = found.wrongs.map((w) => ({ ...w, n: 0, t: 0 }));
      wrong.push(`${small.name}\n${show(world.lines, [...own, ...violations])}`);
    } else sampled = sample(found, small, options.sample);
    if (sampled.wrong) wrong.push(`${small.name}\n${sampled.wrong}`);
    const speed = Math.round(found.states / found.seconds);
    const { states, depth, ends, steps } = found;
    rows.push([small.name, states, depth, ends, speed, steps, sampled.done, verdictOf(found)]);
  }
  process.stdout.write(`\n${table(HEAD, rows)}\n`);
  for (const text of wrong) process.stdout.write(`\n${text}\n`);
  return wrong.length === 0;
}

function paper(options: Options): boolean {
  const chosen = options.shape ? FINDINGS.filter((f) => f.small.name === options.shape) : FINDINGS;
  if (chosen.length === 0)
    throw unknown(
      options.shape as string,
      FINDINGS.map((f) => f.small.name),
    );
  const rows: (string | number)[][] = [];
  let good = true;
  for (const finding of chosen) {
    const { small } = finding;
    process.stdout.write(`\n${finding.number} ${finding.title} (${small.name}: ${boundsOf(small)})\n`);
    const found = search(finding, 'paper', options.states, progressOf(`${small.name}, paper`));
    const length = found.explored.path.length;
    if (found.violation) process.stdout.write(`${show(found.lines, [found.violation])}`);
    else process.stdout.write('not found\n');
    const clean = search(finding, 'corrected', options.states, progressOf(`${small.name}, corrected`));
    if (clean.violation)
      process.stdout.write(`under the corrected rules too:\n${show(clean.lines, [clean.violation])}`);
    good &&= found.violation !== null && clean.explored.wrongs.length === 0;
    rows.push(rowOf(finding, found.explored, length, clean.explored));
  }
  const head = ['', 'violation', 'rule', 'moves', 'paper: states', 'corrected: states', 'depth', ''];
  process.stdout.write(`\n${table(head, rows)}\n`);
  return good;
}

function rowOf(finding: Finding, found: Explored, length: number, clean: Explored): (string | number)[] {
  const { number, title, rule } = finding;
  return [number, title, rule, length, found.states, clean.states, clean.depth, verdictOf(clean)];
}

function unknown(name: string, known: string[]): Failure {
  return new Failure('E_USAGE', EXIT.usage, `there is no shape ${name}`, `one of ${known.join(', ')}`);
}

const program = new Command('explore')
  .description('go through every state that small systems can reach')
  .option('--shape <name>', 'only this one')
  .option('--states <n>', 'at most so many states a shape', whole, 6_000_000)
  .option('--rules <set>', 'corrected: nothing may be violated; paper: the eight violations are searched', 'corrected')
  .option('--sample <n>', 'how many states of each shape are reached again in full, with every check', whole, 200)
  .action((options: Options) => {
    if (options.rules !== 'corrected' && options.rules !== 'paper') {
      throw new Failure('E_USAGE', EXIT.usage, `there are no rules ${options.rules}`, 'corrected or paper');
    }
    const good = options.rules === 'paper' ? paper(options) : corrected(options);
    process.exitCode = good ? EXIT.done : EXIT.testsFailed;
  });

try {
  await program.parseAsync();
} catch (error) {
  process.exitCode = explain(error, false);
}
