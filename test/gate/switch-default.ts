export function name(x: number): string {
  switch (x) {
    case 1:
      return 'one';
    default: // bad: default not last
      return 'many';
    case 2:
      return 'two';
  }
}
