export function count(): void {
  // @ts-expect-error a name that nobody has declared
  total = 1; // bad: total
}
