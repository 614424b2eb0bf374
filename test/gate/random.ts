export function noise(): number {
  return Math.random(); // bad: Math.random
}
