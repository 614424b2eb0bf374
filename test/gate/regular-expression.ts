export function isName(text: string): boolean {
  return /^[a-z]+$/.test(text); // bad: regular expression
}
