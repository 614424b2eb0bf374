export function stop(): void {
  debugger; // bad: debugger
}
