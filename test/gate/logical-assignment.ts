export function orOne(x: number): number {
  let y = x;
  y ||= 1; // bad: operator ||=
  return y;
}
