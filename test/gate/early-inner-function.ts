export function run(): number {
  const x = inner(); // bad: inner used before its definition
  function inner(): number {
    return 1;
  }
  return x;
}
