export function last(list: number[]): number | undefined {
  for (let i = 0; i < list.length; i++) {
    var at = list[i];
  }
  return at; // bad: at declared in a branch that may not run
}
