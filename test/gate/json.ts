export function text(it: unknown): string {
  return JSON.stringify(it); // bad: JSON
}
