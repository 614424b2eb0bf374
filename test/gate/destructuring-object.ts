export function first(it: { a: number }): number {
  const { a } = it; // bad: destructuring
  return a;
}
