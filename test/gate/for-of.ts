export function sum(list: number[]): number {
  let total = 0;
  for (const it of list) total += it; // bad: for-of
  return total;
}
