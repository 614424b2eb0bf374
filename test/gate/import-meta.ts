export const here = import.meta; // bad: new.target or import.meta
