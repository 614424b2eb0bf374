export function clear(list: number[]): void {
  list.length = 0; // bad: assignment to length
}
