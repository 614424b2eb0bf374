export function square(x: number): number {
  let y = x;
  y **= 2; // bad: operator **=
  return y;
}
