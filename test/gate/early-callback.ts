export function total(list: number[]): number {
  let out = 0;
  list.forEach(function (it) {
    out += add(it); // bad: add used before its definition
  });
  function add(x: number): number {
    return x + 1;
  }
  return out;
}
