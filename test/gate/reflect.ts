export function keys(it: object): unknown {
  return Reflect.ownKeys(it); // bad: Reflect
}
