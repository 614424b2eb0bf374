export function most(...list: number[]): number { // bad: rest argument
  return list[0];
}
