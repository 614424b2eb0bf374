export function first(it: number[]): number {
  const [a] = it; // bad: destructuring
  return a;
}
