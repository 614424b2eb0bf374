// Every run of a small system, to the end: depth first, each state once.

import { createHash } from 'node:crypto';
import { check } from '../check/check.ts';
import type { TraceLine, Violation } from '../check/types.ts';
import type { Choose } from './moves.ts';
import { move } from './moves.ts';
import type { State, World } from './world.ts';
import { stuck } from './world.ts';

export interface Bounds {
  states: number;
  depth: number;
}

export interface Found {
  states: number;
  edges: number;
  /** runs to the end */
  ends: number;
  depth: number;
  complete: boolean;
  violations: Violation[];
  /** the run that shows them */
  trace: TraceLine[];
}

/** Goes through all answers to all questions of one move. */
function createOdometer(): { choose: Choose; next: () => boolean; rewind: () => void } {
  let answers: number[] = [];
  let counts: number[] = [];
  let asked = 0;
  return {
    choose(count) {
      if (asked === answers.length) {
        answers.push(0);
        counts.push(count);
      }
      return answers[asked++] as number;
    },
    rewind() {
      asked = 0;
    },
    next() {
      answers = answers.slice(0, asked);
      counts = counts.slice(0, asked);
      while (answers.length > 0) {
        const last = answers.length - 1;
        answers[last] = (answers[last] as number) + 1;
        if ((answers[last] as number) < (counts[last] as number)) return true;
        answers.pop();
        counts.pop();
      }
      return false;
    },
  };
}

/** Whether the last step can have shown anything new: a control message that was only noted down cannot. */
function tells(lines: TraceLine[]): boolean {
  const last = lines[lines.length - 1];
  if (!last?.effects || last.effects.length > 0) return true;
  const kind = last.event?.kind;
  return kind !== 'freeze' && kind !== 'report' && kind !== 'passed' && kind !== 'heartbeat';
}

/** Explores from the state the world is in; stops at the first violation. `quiet`: handlers do nothing any more. The world is left where it began. */
export function explore(world: World, bounds: Bounds = { states: 1_000_000, depth: 10_000 }, quiet = false): Found {
  const seen = new Set<string>();
  const start = JSON.stringify(world.state);
  const length = world.lines.length;
  const found: Found = { states: 0, edges: 0, ends: 0, depth: 0, complete: true, violations: [], trace: [] };

  const judge = (live: boolean): void => {
    const violations = check(world.lines.slice(), { live }).violations;
    if (!live) violations.push(...stuck(world));
    if (violations.length === 0) return;
    found.violations = violations;
    found.trace = world.lines.slice();
  };

  const visit = (text: string, depth: number): void => {
    const key = createHash('md5').update(text).digest('base64');
    if (seen.has(key)) {
      if (tells(world.lines)) judge(true);
      return;
    }
    if (found.states >= bounds.states || depth >= bounds.depth) {
      found.complete = false;
      judge(true);
      return;
    }
    seen.add(key);
    found.states++;
    found.depth = Math.max(found.depth, depth);
    const here = world.lines.length;
    const odometer = createOdometer();
    const choose: Choose = (count, why) => (quiet && why === 'act' ? 0 : odometer.choose(count, why));
    do {
      world.state = JSON.parse(text) as State;
      world.lines.length = here;
      odometer.rewind();
      if (!move(world, choose, true)) {
        found.ends++;
        judge(false);
        return;
      }
      found.edges++;
      visit(JSON.stringify(world.state), depth + 1);
    } while (found.violations.length === 0 && odometer.next());
    world.lines.length = here;
  };

  visit(start, 0);
  world.state = JSON.parse(start) as State;
  world.lines.length = length;
  return found;
}
