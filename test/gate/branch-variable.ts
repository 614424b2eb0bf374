export function pick(x: boolean): number | undefined {
  if (x) {
    var y = 1;
  }
  return y; // bad: y declared in a branch that may not run
}
