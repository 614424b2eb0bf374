function make(): number {
  return SIZE * 2;
}

export const double = make(); // bad: make runs here and uses SIZE before its definition
const SIZE = 4;
