export const it = {
  get one(): number { // bad: getter
    return 1;
  },
};
