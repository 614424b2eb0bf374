export function shorter(list: number[]): void {
  list.length--; // bad: assignment to length
}
