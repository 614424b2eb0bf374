// What many seeded runs have shown: one report of a shard, and one of several shards together.

import type { Plan } from './plan.ts';
import type { SimRun } from './run.ts';

export interface Broken {
  seed: number;
  /** what was set besides the seed */
  set: Partial<Plan>;
  rule: string;
  process: string;
  why: string;
}

export interface SimReport {
  v: 1;
  rules: string;
  runs: number;
  withPowerCut: number;
  seconds: number;
  /** runs by number of events, and of components; and by how many guarded operations ended in them */
  events: Record<string, number>;
  components: Record<string, number>;
  operations: Record<string, number>;
  /** starts by how many components they upgrade at once */
  clusters: Record<string, number>;
  /** runs in which an operation that ended came after one that had changed the system */
  goneOn: number;
  /** rollbacks of processes by how many of their events were taken back */
  rollbacks: Record<string, number>;
  /** cuts by kind, and what else was counted */
  counts: Record<string, number>;
  failed: number;
  /** the first of them, by seed */
  broken: Broken[];
}

const BROKEN_MAX = 20;

const HISTOGRAMS = ['events', 'components', 'operations', 'clusters', 'rollbacks', 'counts'] as const;

export function emptyReport(rules: string): SimReport {
  return {
    v: 1,
    rules,
    runs: 0,
    withPowerCut: 0,
    seconds: 0,
    events: {},
    components: {},
    operations: {},
    clusters: {},
    goneOn: 0,
    rollbacks: {},
    counts: {},
    failed: 0,
    broken: [],
  };
}

function add(into: Record<string, number>, from: Record<string, number>): void {
  for (const [what, times] of Object.entries(from)) {
    const most = what.startsWith('longest') || what.startsWith('most');
    into[what] = most ? Math.max(into[what] ?? 0, times) : (into[what] ?? 0) + times;
  }
}

export function addRun(report: SimReport, run: SimRun, set: Partial<Plan>): void {
  const { happened } = run;
  report.runs++;
  if (happened.powerCuts > 0) report.withPowerCut++;
  add(report.events, { [happened.events]: 1 });
  add(report.components, { [run.plan.components]: 1 });
  const ended = run.upgrades.filter((u) => u.end !== null);
  add(report.operations, { [ended.length]: 1 });
  if (ended.some((u) => u.changed)) report.goneOn++;
  for (const u of run.upgrades) {
    add(report.clusters, { [u.cluster]: 1 });
    if (u.end === 'commit' && u.adds) add(report.counts, { 'commits that add': 1 });
    if (u.end === 'commit' && u.removes) add(report.counts, { 'commits that remove': 1 });
    if (u.end === null) add(report.counts, { 'never ended': 1 });
  }
  add(report.rollbacks, run.rollbacks);
  add(report.counts, run.counts);
  add(report.counts, happened as unknown as Record<string, number>);
  const [first] = run.violations;
  if (!first) return;
  report.failed++;
  const { rule, process, why } = first;
  report.broken.push({ seed: run.plan.seed, set, rule, process, why });
}

/** Reports of shards are one report; times are added up, as if one machine had run one shard after the other. */
export function mergeReports(reports: SimReport[]): SimReport {
  const all = emptyReport([...new Set(reports.map((r) => r.rules))].join(', '));
  for (const report of reports) {
    all.runs += report.runs;
    all.withPowerCut += report.withPowerCut;
    all.seconds += report.seconds;
    all.failed += report.failed;
    all.goneOn += report.goneOn;
    all.broken.push(...report.broken);
    for (const what of HISTOGRAMS) add(all[what], report[what]);
  }
  all.broken.sort((a, b) => a.seed - b.seed);
  return all;
}

function median(histogram: Record<string, number>): number {
  const values = Object.keys(histogram)
    .map(Number)
    .sort((a, b) => a - b);
  const total = Object.values(histogram).reduce((a, b) => a + b, 0);
  let seen = 0;
  for (const value of values) {
    seen += histogram[value] ?? 0;
    if (2 * seen >= total) return value;
  }
  return 0;
}

function share(part: number, whole: number): string {
  return whole === 0 ? '-' : `${((100 * part) / whole).toFixed(1)} %`;
}

/** Depths of one, two, … and then in ranges that double. */
function depthText(rollbacks: Record<string, number>): string {
  const ranges = new Map<string, number>();
  const depths = Object.keys(rollbacks)
    .map(Number)
    .sort((a, b) => a - b);
  for (const depth of depths) {
    let low = 4;
    while (2 * low <= depth) low *= 2;
    const name = depth < 4 ? String(depth) : `${low}-${2 * low - 1}`;
    ranges.set(name, (ranges.get(name) ?? 0) + (rollbacks[depth] ?? 0));
  }
  const text = [...ranges].map(([name, times]) => `${name}: ${times}`).join('   ');
  return text || 'none';
}

export function commandOf(broken: { seed: number; set: Partial<Plan> }): string {
  const set = Object.entries(broken.set).map(([name, value]) => `${name}=${value}`);
  return `npm run sim -- --seed ${broken.seed}${set.length > 0 ? ` --set ${set.join(',')}` : ''}`;
}

/** How many runs stand at `least` or above. */
function atLeast(histogram: Record<string, number>, least: number): number {
  let sum = 0;
  for (const [value, times] of Object.entries(histogram)) if (Number(value) >= least) sum += times;
  return sum;
}

function listText(histogram: Record<string, number>): string {
  const values = Object.keys(histogram)
    .map(Number)
    .sort((a, b) => a - b);
  return values.map((value) => `${value}: ${histogram[value]}`).join('   ') || 'none';
}

export function reportText(report: SimReport): string {
  const { counts, runs } = report;
  const n = (what: string) => counts[what] ?? 0;
  const sizes = Object.keys(report.components).map(Number);
  const seconds = Math.max(report.seconds, 0.001);
  const several = atLeast(report.operations, 2);
  const lines = [
    `rules           ${report.rules}`,
    `runs            ${runs}, of systems of ${Math.min(...sizes)} to ${Math.max(...sizes)} components`,
    `events          ${n('events')} of processes in all; the median run has ${median(report.events)}`,
    `power cuts      ${share(report.withPowerCut, runs)} of runs had at least one; ${n('powerCuts')} in all, of which ${n('powerCutsInCuts')} hit a board in a cut`,
    `                then ${n('replayed')} events were replayed from logs; ${n('undone')} were lost before they were durable`,
    `bases           ${n('bases')}, of which ${n('ownBases')} at moments of their own: ${n('suspectBases')} of contaminated processes, ${n('frozenBases')} in cuts`,
    `                ${n('eager')} messages within boards did not wait for their records`,
    `bus             ${n('frames')} frames: ${n('lost')} lost, ${n('corrupted')} corrupted, ${n('late')} late, ${n('repeated')} sent again`,
    `                ${n('partitions')} partitions, all of which healed`,
    `starts          ${n('cuts: start')}, by how many components they upgraded at once: ${listText(report.clusters)}`,
    `commits         ${n('cuts: commit')}, of which ${n('commits that add')} added a component and ${n('commits that remove')} removed one`,
    `recoveries      ${n('cuts: recovery')}, the upgrade taken back; ${n('never ended')} upgrades were still guarded when their run ended`,
    `cancels         ${n('cuts: cancel')} starts that did not come about, besides`,
    `in sequence     ${several} runs (${share(several, runs)}) had two or more upgrades that ended, ${atLeast(report.operations, 3)} three or more;`,
    `                in ${report.goneOn} (${share(report.goneOn, runs)}) one or more of them came after a commit`,
    `rollbacks       ${n('rollbacks')} processes rolled back in recoveries, by events taken back: ${depthText(report.rollbacks)}`,
    `rate            ${(runs / seconds).toFixed(1)} runs/s, ${Math.round(n('events') / seconds)} events/s (${seconds.toFixed(1)} s)`,
    `violations      ${report.failed === 0 ? 'none' : `in ${share(report.failed, runs)} of runs (${report.failed})`}`,
  ];
  for (const broken of report.broken.slice(0, BROKEN_MAX)) {
    lines.push(`  ${broken.rule} ${broken.process}: ${broken.why}`, `    ${commandOf(broken)}`);
  }
  return `${lines.join('\n')}\n`;
}
