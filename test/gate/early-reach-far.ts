function outer(): number {
  return inner();
}

export const api = { value: outer() }; // bad: outer runs here and uses inner before its definition

function inner(): number {
  return 1;
}
