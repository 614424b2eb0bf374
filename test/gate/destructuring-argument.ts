export function first({ a }: { a: number }): number { // bad: destructuring
  return a;
}
