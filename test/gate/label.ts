export function run(): void {
  outer: for (;;) { // bad: label
    for (;;) break outer;
  }
}
