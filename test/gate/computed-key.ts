export function entry(key: string, value: number): object {
  return { [key]: value }; // bad: computed key
}
