export const seen = new Map<string, number>(); // bad: Map
