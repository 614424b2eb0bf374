export const seen = new Set<string>(); // bad: Set
