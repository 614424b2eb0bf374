export function join(a: number[], b: number[]): number[] {
  return [
    ...a, // bad: spread
    b[0],
  ];
}
