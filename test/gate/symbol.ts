export function mark(): unknown {
  return Symbol('mark'); // bad: Symbol
}
