// What must hold after a run, whatever the power cuts were (PROTOCOL 6, 8): by the checkers, by what the boards say of
// themselves, and by what reached the devices.

import type { Rule, TraceLine } from '../check/types.ts';
import type { BoardStatus } from '../operate/status.ts';
import type { Killed, Run } from './boards-run.ts';
import type { Put } from './boards-rig.ts';
import { BOARDS, CONTROLLER } from './boards-system.ts';

/** What holds even where a board's channels began anew. */
const KEPT: Rule[] = ['trace', 'verdict', 'containment', 'truth', 'cascade', 'memory'];
const SHOWN = 3;
/** Messages that may be on their way at any time. */
const QUEUED_MAX = 60;
const TURNS_MS = 1500;

/** What nobody may ever have told, whatever happened. */
const NEVER = ['error', 'journal', 'lost'];

function notes({ rig }: Run): string[] {
  return NEVER.flatMap((kind) =>
    rig
      .notes(kind)
      .slice(0, SHOWN)
      .map((line) => `${line.board}: ${kind}: ${line.note?.why}`),
  );
}

function agreement({ draw, ended }: Run, boards: BoardStatus[]): string[] {
  const out: string[] = [];
  // a start that was called off leaves the upgrade staged
  const cancelled = ended[ended.length - 1]?.started.includes('cancel') === true;
  const epochs = boards.map((b) => b.epoch);
  if (new Set(epochs).size !== 1) out.push(`boards are in epochs ${epochs}`);
  const plans = boards.map((b) => b.plan?.hash ?? 'none');
  if (new Set(plans).size !== 1) out.push(`boards run versions ${plans}`);
  for (const b of boards) {
    if (b.guarded) out.push(`${b.board} is still in guarded operation`);
    if (b.lost !== '') out.push(`${b.board} has lost the guard: ${b.lost}`);
    if (b.bus.queued > QUEUED_MAX) out.push(`${b.board} has ${b.bus.queued} messages that nobody acknowledges`);
    if (draw.durability === 'guard' && b.journal.on) out.push(`${b.board} still keeps a journal`);
    for (const p of b.processes) {
      if (p.cut) out.push(`${p.name} is still in a cut: ${p.cut.kind}, waits for ${p.cut.waiting.join(', ')}`);
      if (p.role !== 'active' && !(p.role === 'seat' && cancelled)) out.push(`${p.name} is left over as ${p.role}`);
    }
  }
  return out;
}

function ends({ ended, reborn }: Run): string[] {
  const out: string[] = [];
  for (const { round, expected, started, verdicts, hash, runs } of ended) {
    const what = `an upgrade that was ${round.fate}, ${round.end}`;
    // who began anew in a start has lost what was handed over: all of them may call it off
    if (reborn > 0 && started.join() === 'cancel') continue;
    if (started.join() !== 'start') out.push(`${what}: its start ended with ${started.join(' and ')}`);
    else if (verdicts.join() !== expected) out.push(`${what} ended with ${verdicts.join(' and ') || 'nothing'}`);
    else if (runs.some((run) => run !== hash))
      out.push(`${what} is told to have ended with ${expected}; boards run ${runs}`);
  }
  return out;
}

/** Numbers of a device's outputs in the order in which they came, and how far apart they are. */
export interface Numbered {
  device: string;
  board: string;
  numbers: number[];
  times: number[];
  step: number;
  atLeastOnce: boolean;
  /** outputs that processes have not let out, and said so */
  withheld: number;
}

/** As the device declares: none twice, and at most the one in the driver's hands missing; or none missing. */
export function outputs(n: Numbered, killed: Pick<Killed, 'board' | 't'>[]): string[] {
  const { device, numbers, times, step } = n;
  const out: string[] = [];
  const cuts = killed.filter(({ board }) => board === n.board);
  let last = 0;
  let missing = 0;
  numbers.forEach((number, i) => {
    if (number > last) missing += (number - last) / step - 1;
    else if (!n.atLeastOnce) out.push(`${device} did number ${number} after ${last}`);
    else if (number < last) out.push(`${device} went back from number ${last} to ${number}`);
    else if (!cuts.some(({ t }) => t >= (times[i - 1] as number) && t <= (times[i] as number))) {
      out.push(`${device} did number ${number} twice without a power cut in between`);
    }
    last = Math.max(last, number);
  });
  const most = n.withheld + (n.atLeastOnce ? 0 : cuts.length);
  if (missing > most) out.push(`${device} lacks ${missing} outputs of ${last / step}; ${cuts.length} power cuts there`);
  return out;
}

/**
 * Outputs that failed their test and never went out: withheld when they failed again, or their process was not rolled
 * back, because another test has vouched for what it depends on. The tests contradict each other then.
 */
export function withheld(lines: TraceLine[], device: number): number {
  const failed = new Set<string>();
  let count = 0;
  for (const { process, effects } of lines) {
    if (process === undefined) continue;
    for (const effect of effects ?? []) {
      if (effect.kind === 'withheld' && effect.device === device) count++;
      if (effect.kind === 'tested' && effect.device === device && effect.ok === false) failed.add(process);
    }
    if (!effects?.some(({ kind, cut }) => kind === 'decide' && cut === 'recovery')) continue;
    if (failed.delete(process) && !effects.some(({ kind, role }) => kind === 'rollback' || role === 'stopped')) count++;
  }
  return count;
}

function devices(run: Run): string[] {
  const { rig, draw, killed, anew } = run;
  // what began anew begins to count anew
  if (anew.size > 0) return [];
  const numbered = (
    device: string,
    board: string,
    name: string,
  ): Pick<Numbered, 'device' | 'board' | 'numbers' | 'times'> => {
    // a `hold` value has number 0
    const puts: Put[] = rig.put(device).filter(({ values }) => values[name] !== 0);
    return { device, board, numbers: puts.map((p) => p.values[name] as number), times: puts.map((p) => p.t) };
  };
  const wheel = numbered('wheel', 'control', 'n');
  const out = outputs({ ...wheel, step: 1, atLeastOnce: draw.atLeastOnce, withheld: withheld(rig.lines, 1) }, killed);
  // a version that leaves messages out counts otherwise than the one that takes over
  if (!draw.rounds.some(({ fate, cluster }) => fate === 'diverge' && cluster.includes(CONTROLLER))) {
    const coil = numbered('coil', 'compute', 'm');
    out.push(...outputs({ ...coil, step: 4, atLeastOnce: false, withheld: withheld(rig.lines, 2) }, killed));
  }
  const beacon = numbered('beacon', 'sensors', 'n');
  const newest = Math.max(0, ...beacon.numbers);
  if (beacon.numbers[beacon.numbers.length - 1] !== newest) out.push('beacon is not at its newest output');
  return out;
}

/** Time of a process never goes back, over power cuts neither; what is done again has the time that it had. */
function clocks({ rig }: Run): string[] {
  const last = new Map<string, { n: number; t: number }>();
  for (const { note, process, n = 0, t = 0 } of rig.lines) {
    if (note?.kind === 'process') last.delete(note.process ?? '');
    if (process === undefined) continue;
    const known = last.get(process);
    if (known && n > known.n && t < known.t) return [`${process} event ${n}: its time went back by ${known.t - t} µs`];
    if (!known || n > known.n) last.set(process, { n, t });
  }
  return [];
}

export async function judge(run: Run): Promise<string[]> {
  const { rig, anew } = run;
  const boards: BoardStatus[] = [];
  for (const board of BOARDS) boards.push(await rig.status(board));
  const out = [...notes(run), ...agreement(run, boards), ...ends(run)];
  if (rig.put('wheel', rig.lab.now() - TURNS_MS).length === 0) out.push('the wheel stands still');
  for (const board of BOARDS) {
    const violation = rig.lab.violation(board);
    if (violation) out.push(`${board}: ${violation}`);
  }
  const violations = rig.check().violations.filter(({ rule }) => anew.size === 0 || KEPT.includes(rule));
  for (const v of violations.slice(0, SHOWN)) out.push(`check ${v.rule}: ${v.process} event ${v.n}: ${v.why}`);
  out.push(...clocks(run), ...devices(run));
  return out;
}
