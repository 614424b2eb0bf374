export function pick(x: number): number {
  switch (x) {
    case 1:
      let y = 1;
      return y;
    default:
      y = 2; // bad: y declared in a branch that may not run
      return y; // bad: y declared in a branch that may not run
  }
}
