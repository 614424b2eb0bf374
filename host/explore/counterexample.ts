// The eight ways in which the figures of the paper, read literally, go wrong (PROTOCOL 9), as searches: a small system
// in which the thing can happen, and how to tell it, from what the trace truly shows, from the other seven. The search
// is breadth first over everything that this system can do, so the trace found is one of the shortest.

import { causality } from '../check/causal.ts';
import type { Step } from '../check/facts.ts';
import type { Rule, TraceLine, Violation } from '../check/types.ts';
import { within } from '../check/vector.ts';
import type { Explored } from './explore.ts';
import { exploreAll } from './explore.ts';
import type { Act, Shape } from './shape.ts';
import { shapeOf } from './shape.ts';
import type { Small } from './shapes.ts';
import { smallWorld } from './shapes.ts';
import type { Action, Wrong } from './state-system.ts';
import { replay } from './state-replay.ts';
import type { World } from './world.ts';

export interface Finding {
  /** its number in PROTOCOL 9 */
  number: number;
  title: string;
  small: Small;
  /** which check it fails, and how the check puts it */
  rule: Rule;
  why: RegExp;
  /** of several ways to fail that check, this one */
  is: (lines: TraceLine[], violation: Violation) => boolean;
}

/** µs between actions in a picture */
const PACE = 1000;

const TEST: Act = { device: 0, test: 'pass' };
const NO: Act[] = [];
const to = (component: number): Act[] => [{ to: component }];

function system(lows: number, devices: number, menu: Act[][][], own: Shape['own'] = {}): () => Shape {
  return () => {
    const shape = shapeOf(lows, 2, { menu, own });
    shape.devices = shape.devices.slice(0, devices);
    return shape;
  };
}

interface Rollback {
  step: Step;
  needed: boolean;
}

function rollbackOf(lines: TraceLine[], process: string): Rollback | null {
  for (const step of causality(lines).steps) {
    if (step.process !== process) continue;
    for (const { fact, limit } of step.facts) {
      if (fact.kind === 'rollback') return { step, needed: !within(fact.H, limit ?? []) };
    }
  }
  return null;
}

/** Notifications of passed tests that were sent to a process before its step, and are not yet taken there. */
function unheard(lines: TraceLine[], step: Step): number {
  let open = 0;
  for (const other of causality(lines).steps) {
    if (other.index >= step.index) break;
    if (other.pid === step.pid && other.line.event?.kind === 'passed') open--;
    for (const { fact } of other.facts) {
      if (fact.kind === 'send' && fact.to === step.pid && fact.message.kind === 'passed') open++;
    }
  }
  return open;
}

/** A message is lost: its receiver rolled back past it, `when` says in which circumstances. */
function lostIn(when: (lines: TraceLine[], rollback: Rollback) => boolean): Finding['is'] {
  return (lines, violation) => {
    const rollback = rollbackOf(lines, violation.process);
    return rollback !== null && when(lines, rollback);
  };
}

/** The receiver of the lost message never rolled it back: the shadow does not send it, nor did it arrive. */
function neverArrived(lines: TraceLine[], violation: Violation): boolean {
  return lines.some((line) => line.process === violation.process && line.effects?.some((e) => e.kind === 'decide'));
}

export const FINDINGS: Finding[] = [
  {
    number: 1,
    title: 'false clean',
    small: {
      name: 'false-clean',
      shape: system(
        1,
        2,
        [
          [NO, to(1), to(2)],
          [NO, [TEST]],
          [NO, [TEST]],
        ],
        { 0: [NO] },
      ),
      budget: { acts: 5 },
      stocks: [3, 1],
    },
    rule: 'containment',
    why: /contaminated process puts out untested/,
    is: () => true,
  },
  {
    number: 2,
    title: 'still contaminated after recovery',
    small: {
      name: 'still-contaminated',
      shape: system(1, 1, [[NO, to(1), to(2)], [NO], [NO, [TEST]]], { 0: [NO] }),
      budget: { acts: 4, fails: 1 },
      stocks: [3],
    },
    rule: 'containment',
    why: /state after a recovery/,
    is: () => true,
  },
  {
    number: 3,
    title: 'valid message lost',
    small: {
      name: 'valid-lost',
      shape: system(1, 3, [[NO, to(1), to(2)], [NO], [NO, to(1), [TEST]]], { 0: [NO] }),
      budget: { acts: 4, fails: 1 },
      stocks: [2, 0, 1],
    },
    rule: 'orphans',
    why: /from b\/0: message q=1 was sent, and is neither taken/,
    is: lostIn((_, rollback) => rollback.needed),
  },
  {
    number: 4,
    title: 'stale contamination',
    small: {
      name: 'stale',
      shape: system(1, 1, [[NO, to(1), [TEST]], [NO, to(2)], [NO]], { 0: [NO] }),
      budget: { acts: 3, fails: 1 },
      stocks: [2],
    },
    rule: 'orphans',
    why: /from a\/0: message q=1 was sent, and is neither taken/,
    is: lostIn((lines, rollback) => !rollback.needed && unheard(lines, rollback.step) === 0),
  },
  {
    number: 5,
    title: 'notification in flight',
    small: {
      name: 'in-flight',
      shape: system(1, 2, [[NO, to(1)], [NO, to(2), [TEST]], [NO]], { 0: [NO] }),
      budget: { acts: 3, fails: 1 },
      stocks: [1, 1],
    },
    rule: 'orphans',
    why: /from a\/0: message q=1 was sent, and is neither taken/,
    is: lostIn((lines, rollback) => !rollback.needed && unheard(lines, rollback.step) > 0),
  },
  {
    number: 6,
    title: 'two components, one counter',
    small: {
      name: 'one-counter',
      shape: system(2, 2, [[to(2)], [to(3)], [[TEST]], [NO]]),
      budget: { fails: 1 },
      stocks: [1, 1],
    },
    rule: 'orphans',
    why: /from low\d\/0: message q=1 was sent, and is neither taken/,
    is: neverArrived,
  },
  {
    number: 7,
    title: 'validated, then lost with its sender',
    small: {
      name: 'lost-with-sender',
      shape: system(1, 1, [[[{ to: 1 }, { to: 2 }]], [NO], [[TEST]]]),
      budget: { crashes: 1 },
      stocks: [1],
    },
    rule: 'orphans',
    why: /from low\/0: message q=1 was sent, and is neither taken/,
    is: neverArrived,
  },
  {
    number: 8,
    title: 're-sent contamination',
    small: {
      name: 're-sent',
      shape: system(1, 1, [[NO], [NO, to(0)], [NO]], { 0: [NO, to(2)], 1: [NO, to(1)] }),
      budget: { acts: 3, fails: 1 },
      stocks: [1],
    },
    rule: 'containment',
    why: /message from a log that a rollback took back/,
    is: () => true,
  },
];

export function findingWorld(finding: Finding, rules: Shape['rules']): World {
  const { small } = finding;
  return smallWorld({ ...small, shape: () => ({ ...small.shape(), rules }) });
}

export interface Counterexample {
  explored: Explored;
  /** the trace, judged by the checks of traces; empty where nothing was found */
  lines: TraceLine[];
  violation: Violation | null;
}

/** Searches a finding's system under a rule set; under `paper` for the finding, under `corrected` for any violation. */
export function search(
  finding: Finding,
  rules: Shape['rules'],
  states: number,
  progress?: (so: { states: number; depth: number; seconds: number }) => void,
): Counterexample {
  const judge = (path: Action[], process: string): [TraceLine[], Violation | undefined] => {
    const world = findingWorld(finding, rules);
    const violations = replay(world, path, false, PACE);
    const hit = violations.find(
      (v) => v.rule === finding.rule && v.process === process && finding.why.test(v.why) && finding.is(world.lines, v),
    );
    return [world.lines, rules === 'paper' ? hit : violations[0]];
  };
  const explored = exploreAll(findingWorld(finding, rules), {
    states,
    progress,
    wanted: (wrong, path) => {
      if (rules === 'corrected') return true;
      if (wrong.rule !== finding.rule || !finding.why.test(`${wrong.why}`)) return false;
      return judge(path(), wrong.process)[1] !== undefined;
    },
  });
  if (explored.wrongs.length === 0) return { explored, lines: [], violation: null };
  const hit = explored.wrongs.find((wrong) => wrong.rule === finding.rule && finding.why.test(wrong.why));
  const [lines, violation] = judge(explored.path, (hit ?? (explored.wrongs[0] as Wrong)).process);
  return { explored, lines, violation: violation ?? null };
}
