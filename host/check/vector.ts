// Causal histories. `H[i]` is the highest boundary message of the i-th component of the cluster that a state or
// message depends on. One number a component is exact: a low process's state only accumulates, so its message k
// carries all it depended on when it sent the messages before k. Values are never changed in place.

export type History = readonly number[];

export const NOTHING: History = [];

export function at(H: History, i: number): number {
  return i < H.length ? (H[i] as number) : 0;
}

export function within(a: History, b: History): boolean {
  for (let i = 0; i < a.length; i++) if (at(a, i) > at(b, i)) return false;
  return true;
}

/** The first component in which `a` goes beyond `b`, or -1. */
export function beyond(a: History, b: History): number {
  for (let i = 0; i < a.length; i++) if (at(a, i) > at(b, i)) return i;
  return -1;
}

export function join(a: History, b: History): History {
  if (within(b, a)) return a;
  if (within(a, b)) return b;
  const out: number[] = [];
  for (let i = 0; i < Math.max(a.length, b.length); i++) out.push(Math.max(at(a, i), at(b, i)));
  return out;
}

export function withValue(a: History, i: number, value: number): History {
  const out: number[] = [];
  for (let j = 0; j < Math.max(a.length, i + 1); j++) out.push(j === i ? value : at(a, j));
  return out;
}

export function show(H: History): string {
  return `[${H.join(' ')}]`;
}
