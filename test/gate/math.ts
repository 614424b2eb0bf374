export function whole(x: number): number {
  return Math.trunc(x); // bad: Math.trunc
}
