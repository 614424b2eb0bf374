export function safe(fn: () => void): void {
  try {
    fn();
  } catch { // bad: catch without a name
    return;
  }
}
