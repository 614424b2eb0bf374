export const it = {
  set one(x: number) {}, // bad: setter
};
