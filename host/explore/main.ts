// npm run explore: goes through every state that small systems can reach, and prints how far it got; with
// --rules paper, searches for the eight ways in which the paper's figures go wrong.

import { Command } from 'commander';
import { explain, table, whole } from '../command/output.ts';
import type { TraceLine, Violation } from '../check/types.ts';
import { EXIT, Failure } from '../failure.ts';
import { colourWanted, renderText } from '../trace/diagram.ts';
import type { Finding } from './counterexample.ts';
import { FINDINGS, search } from './counterexample.ts';
import type { Explored, Split } from './explore.ts';
import { exploreAll } from './explore.ts';
import type { LinkExplored } from './link.ts';
import { exploreLink, LINK_SHAPES } from './link.ts';
import type { Small } from './shapes.ts';
import { SHAPES, smallWorld } from './shapes.ts';
import { differences, replay, replayStored } from './state-replay.ts';
import { MOMENTS } from './state-durable.ts';
import type { Counts, Wrong } from './state-system.ts';
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
  if (small.other) out.push('2 upgrades staged');
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
    const lost = world.shape.power ? replayStored(smallWorld(small), path) : null;
    if (lost) return { done, wrong: lost };
    if (other.length > 0) return { done, wrong: `the world and the exploration differ in ${other[0]}` };
  }
  return { done, wrong: null };
}

function verdictOf(found: { wrongs: Wrong[]; complete: boolean; states: number }): string {
  if (found.wrongs.length > 0) return 'VIOLATED';
  return found.complete ? 'complete' : `bounded at ${found.states}`;
}

const HEAD = ['shape', 'states', 'depth', 'ends', 'states/s', 'core steps', 'sample', ''];

/** What a world decides, and what came of it: the heading of its column, and what it counts. */
const DECISIONS: [string, string][] = [
  ['fails', 'fail'],
  ['test low', 'test fails at low'],
  ['test active', 'test fails at active'],
  ['crash', 'crash'],
  ['silent', 'silent'],
  ['verdict', 'absent'],
  ['initiators', 'initiators'],
  ['migrate', 'deliver, migrate fails'],
  ['abort', 'abort'],
  ['commit', 'commit'],
  ['start', 'start'],
  ['stage', 'stage'],
  ['timer', 'timer'],
  ['base', 'base'],
  ['power', 'power'],
  ['→start', 'decides start'],
  ['→commit', 'decides commit'],
  ['→recovery', 'decides recovery'],
  ['→cancel', 'decides cancel'],
];

const LEGEND = `Moves made, by decision of the world: fails (the runtime speaks for a low process), test low and test active (a failed
acceptance test there), crash (any suffix of what is under way is lost), silent (who is gone is missed), verdict (one that
lives is), initiators (of a cut that another has begun already), migrate (fails), the operator's words abort, commit and
start, stage (a second upgrade), timer, base (of one process, at a moment of its own), power (cuts, each at a state: all
boards, bases as early and as late as can be, and those of moments of their own). Behind the arrows: what processes
decided. 12k: 12 thousand.
`;

function short(n: number): string {
  if (n < 10_000) return n === 0 ? '·' : String(n);
  return n < 9_999_500 ? `${Math.round(n / 1000)}k` : `${Math.round(n / 1e6)}M`;
}

function decisionsOf(name: string, found: Explored): string[] {
  const counts: Record<string, number> = { ...found.system.counts, power: found.cuts };
  return [name, ...DECISIONS.map(([, what]) => short(counts[what] ?? 0))];
}

type Figures = Pick<Explored, 'states' | 'steps' | 'seconds' | 'split' | 'cuts' | 'changed'> & {
  counts: Counts;
  /** distinct bases with a log behind them, each replayed, and records in these logs */
  logs: number;
  records: number;
};

const PARTS: [keyof Split, string][] = [
  ['core', 'the core'],
  ['truth', 'ground truth and checks of a step'],
  ['replay', 'the core again, as after a boot'],
  ['list', 'which moves there are'],
  ['make', 'what comes of them'],
  ['table', 'the table of states'],
  ['power', 'power cuts'],
];

/** Where the time went. */
function closing(all: Figures[], links: LinkExplored[], seconds: number): string {
  let [states, steps, searching] = [0, 0, 0];
  const split: Split = { core: 0, truth: 0, replay: 0, list: 0, make: 0, table: 0, power: 0 };
  for (const found of all) {
    states += found.states;
    steps += found.steps;
    searching += found.seconds;
    for (const [part] of PARTS) split[part] += found.split[part];
  }
  const linkStates = links.reduce((n, l) => n + l.states, 0);
  const linkSeconds = links.reduce((n, l) => n + l.seconds, 0);
  const cuts = all.reduce((n, f) => n + f.cuts, 0);
  const changed = all.reduce((n, f) => n + f.changed, 0);
  const share = (s: number) => `${((100 * s) / Math.max(searching, 1e-9)).toFixed(1)} %`;
  const lines = [
    `${states + linkStates} states, ${Math.round(seconds)} s; ${Math.round(states / Math.max(searching, 1e-9))} states/s of systems`,
    `the core was asked ${steps} times, ${((1e6 * split.core) / Math.max(1, steps)).toFixed(0)} µs each; every other step was looked up`,
    `time of the search: ${PARTS.map(([part, name]) => `${name} ${share(split[part])}`).join(', ')}`,
  ];
  if (cuts > 0) lines.push(`${cuts} power cuts, after ${cuts - changed} of which the system was as before`);
  const bases = all.reduce((n, f) => n + (f.counts.base ?? 0), 0);
  if (bases > 0) {
    const [logs, records] = [all.reduce((n, f) => n + f.logs, 0), all.reduce((n, f) => n + f.records, 0)];
    lines.push(
      `${bases} bases of moments of their own; ${logs} of them with the logs behind them, that differ, were replayed: ${records} records`,
    );
    for (const moment of MOMENTS) {
      lines.push(`  ${all.reduce((n, f) => n + (f.counts[`base: ${moment}`] ?? 0), 0)} ${moment}`);
    }
  }
  if (links.length > 0) lines.push(`links: ${linkStates} states in ${Math.round(linkSeconds)} s`);
  return `${lines.join('\n')}\n`;
}

function corrected(options: Options): boolean {
  const named = (s: { name: string }) => !options.shape || s.name === options.shape;
  const chosen = SHAPES.filter(named);
  const links = LINK_SHAPES.filter(named);
  if (chosen.length + links.length === 0)
    throw unknown(
      options.shape as string,
      [...SHAPES, ...LINK_SHAPES].map((s) => s.name),
    );
  const begun = performance.now();
  const rows: (string | number)[][] = [];
  const decisions: string[][] = [];
  const done: Figures[] = [];
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
    const { states, depth, ends, steps, seconds, split, cuts, changed } = found;
    rows.push([small.name, states, depth, ends, speed, steps, sampled.done, verdictOf(found)]);
    decisions.push(decisionsOf(small.name, found));
    // the states themselves may go
    const { locals, counts } = found.system;
    done.push({ states, steps, seconds, split, cuts, changed, counts, logs: locals.logs, records: locals.records });
  }
  const linked: LinkExplored[] = [];
  for (const shape of links) {
    process.stdout.write(`${shape.name}: ${shape.bounds}\n`);
    const found = exploreLink(shape, { states: options.states });
    if (found.wrongs.length > 0) {
      const why = found.wrongs.map((w) => `violates ${w.rule}: ${w.why}`);
      wrong.push(`${shape.name}\n${why.join('\n')}\n\n${found.path.join('\n')}`);
    }
    const speed = Math.round(found.states / found.seconds);
    rows.push([shape.name, found.states, found.depth, found.ends, speed, found.steps, '', verdictOf(found)]);
    linked.push(found);
  }
  process.stdout.write(`\n${table(HEAD, rows)}\n`);
  if (decisions.length > 0) {
    const head = ['', ...DECISIONS.map(([heading]) => heading)];
    process.stdout.write(`\n${table(head, decisions)}\n${LEGEND}`);
  }
  process.stdout.write(`\n${closing(done, linked, (performance.now() - begun) / 1000)}`);
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
