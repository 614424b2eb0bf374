export function soon(): unknown {
  return Promise.resolve(1); // bad: Promise
}
