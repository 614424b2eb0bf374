// What scenes are written with: who is who, steps that come again and again, and what a scene may expect.

import type { Effect, Operation, Policy } from '../../../firmware/core/types.ts';
import type { TraceEffect } from '../../check/types.ts';
import type { Scenario } from '../../explore/scenario.ts';
import type { Act, Shape } from '../../explore/shape.ts';
import { NO_POLICY, processName, shapeOf } from '../../explore/shape.ts';
import { deliver, headOf, input, takeable, takeInput } from '../../explore/world.ts';

export const S = 0;
export const L = 1;
export const A = 2;
export const B = 4;

export interface Scene {
  name: string;
  lows?: number;
  actives?: number;
  shape?: () => Partial<Shape>;
  /** a text: what is wrong on the way */
  run: (s: Scenario) => unknown;
  /** after all has come to rest: what is wrong, or null */
  expect?: (s: Scenario) => string | null;
  /** long: played in one order only */
  long?: boolean;
}

export const to = (pid: number) => ({ to: pid >> 1 });
export const out = (pid: number) => ({ device: pid >> 1 });
export const fails = { kind: 'fail', why: 'threw' } as const;

/** Everything of this kind that is at the head of a channel between two of these processes is taken. */
export function among(s: Scenario, pids: number[], kind: string): void {
  for (const from of pids) {
    for (const at of pids) {
      if (from === at) continue;
      while (headOf(s.world, `${from}>${at}`)?.kind === kind) deliver(s.world, `${from}>${at}`, 0);
    }
  }
}

/** The process does what stands at this place of its own menu. */
export function acts(s: Scenario, pid: number, place: number): Effect[] {
  input(s.world, pid >> 1);
  return takeInput(s.world, pid, takeable(s.world, pid)[0] ?? 0, place);
}

export function effectsOf(s: Scenario, pid: number, kind: string): TraceEffect[] {
  const name = processName(s.world.shape, pid);
  const lines = s.world.lines.filter((line) => line.process === name);
  return lines.flatMap((line) => line.effects ?? []).filter((effect) => effect.kind === kind);
}

/** All cuts decided by a process, in order. */
function cutsOf(s: Scenario, pid: number): string {
  return effectsOf(s, pid, 'decide')
    .map((e) => e.cut)
    .join(' ');
}

export function wants(what: string, wanted: unknown, is: unknown): string | null {
  return JSON.stringify(wanted) === JSON.stringify(is)
    ? null
    : `${what}: ${JSON.stringify(wanted)} expected, it is ${JSON.stringify(is)}`;
}

/** What processes decided, in order; by default the first active one alone. */
export function decides(cuts: string, pid = A): (s: Scenario) => string | null {
  return (s) => wants(`cuts of ${processName(s.world.shape, pid)}`, cuts, cutsOf(s, pid));
}

export function policyOf(policy: Partial<Policy>): () => Partial<Shape> {
  return () => {
    const shape = shapeOf(1, 2);
    return { operation: { ...(shape.operation as Operation), policy: { ...NO_POLICY, ...policy } } };
  };
}

export function own(pid: number, ...menu: Act[][]): () => Partial<Shape> {
  return () => ({ own: { [pid]: [[], ...menu] } });
}

export function doneNotes(s: Scenario, component: number): (boolean | undefined)[] {
  const notes = s.world.lines.map((line) => line.note).filter((note) => note?.kind === 'driver');
  return notes.filter((note) => note?.component === component).map((note) => note?.done);
}

export const removal = (lead: number): Partial<Shape> => ({
  operation: {
    id: 'u1',
    cluster: [0, 1],
    lows: [1],
    added: [],
    policy: { commitAfterMs: 0, validated: 0, lead },
  },
});
