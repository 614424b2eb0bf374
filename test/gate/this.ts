export function me(this: unknown): unknown {
  return this; // bad: this
}
