export function load(): unknown {
  return import('./class.ts'); // bad: import()
}
