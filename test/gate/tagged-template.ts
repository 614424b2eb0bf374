export function same(tag: (text: unknown) => string): string {
  return tag`a`; // bad: template literal
}
