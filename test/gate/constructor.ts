export function maker(it: object): unknown {
  return it.constructor; // bad: .constructor
}
