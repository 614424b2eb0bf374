export function orZero(x: number | null): number {
  return x ?? 0; // bad: operator ??
}
