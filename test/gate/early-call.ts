export const table = make(); // bad: make used before its definition

function make(): number[] {
  return [1, 2];
}
