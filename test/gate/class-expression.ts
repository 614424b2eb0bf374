export const Filter = class {}; // bad: class
