export function run(text: string): unknown {
  return new Function(text); // bad: Function
}
