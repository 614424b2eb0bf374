export function length(text: string | null): number | undefined {
  return text?.length; // bad: optional chaining
}
