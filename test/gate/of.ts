export function isOf(list: number[], other: { of: number }): boolean {
  const of = list[0]; // bad: the name of
  return other.of === list[1];
}
