export function next(it: number, by = 1): number { // bad: default argument
  return it + by;
}
