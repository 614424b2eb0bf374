export function twice(): number {
  const two = 2 * one; // bad: one used before its definition
  var one = 1;
  return two;
}
