export const big = 10n; // bad: bigint
