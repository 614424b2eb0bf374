export const seen = new WeakMap<object, number>(); // bad: WeakMap
