export function has(list: number[], it: number): boolean {
  return list.includes(it); // bad: .includes()
}
