export function copy(list: ArrayLike<number>): number[] {
  return Array.prototype.slice.call(list); // bad: Array.prototype
}
