export function share(it: number): void {
  (globalThis as { it?: number }).it = it; // bad: globalThis
}
