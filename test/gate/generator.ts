export function* numbers(): unknown { // bad: generator
  yield 1; // bad: generator
}
