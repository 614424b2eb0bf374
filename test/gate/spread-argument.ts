export function most(list: number[]): number {
  return Math.max(...list); // bad: spread
}
