export function copy(it: object): object {
  return Object.assign({}, it); // bad: Object.assign
}
