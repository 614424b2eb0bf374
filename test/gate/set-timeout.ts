export function later(fn: () => void): void {
  setTimeout(fn, 10); // bad: setTimeout
}
