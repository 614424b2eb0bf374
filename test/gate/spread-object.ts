export function copy(it: object): object {
  return { ...it }; // bad: spread
}
