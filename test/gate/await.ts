await 1; // bad: await
export const ready = true;
