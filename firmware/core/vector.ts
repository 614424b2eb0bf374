// Dependency vectors (PROTOCOL 1): one counter a component of the cluster. A missing counter counts as zero, so
// that `[]`, the vector of everything outside guarded operation, is below every other.

import type { Vector } from './types.ts';

/** T ≤ V in every component: nothing in T is unvalidated. */
export function covered(T: Vector, V: Vector): boolean {
  for (let i = 0; i < T.length; i++) {
    if (T[i] > (i < V.length ? V[i] : 0)) return false;
  }
  return true;
}

/** Raises `into` to the component-wise maximum of both; true if it grew. */
export function raise(into: Vector, by: Vector): boolean {
  let grew = false;
  for (let i = 0; i < by.length; i++) {
    if (i >= into.length) into.push(0);
    if (by[i] > into[i]) {
      into[i] = by[i];
      grew = true;
    }
  }
  return grew;
}

export function zeros(length: number): number[] {
  const out: number[] = [];
  for (let i = 0; i < length; i++) out.push(0);
  return out;
}

export function sum(values: Vector): number {
  let total = 0;
  for (let i = 0; i < values.length; i++) total += values[i];
  return total;
}
