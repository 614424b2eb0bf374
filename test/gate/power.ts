export function square(x: number): number {
  return x ** 2; // bad: operator **
}
