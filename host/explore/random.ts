// Decisions from a seed: the same seed, the same decisions.

import type { Choose } from './moves.ts';

/** Numbers in [0, 1) from a seed: mulberry32. */
export function randomOf(seed: number): () => number {
  let at = seed | 0;
  return () => {
    at = (at + 0x6d2b79f5) | 0;
    let x = Math.imul(at ^ (at >>> 15), at | 1);
    x ^= x + Math.imul(x ^ (x >>> 7), x | 61);
    return ((x ^ (x >>> 14)) >>> 0) / 4294967296;
  };
}

export function seededChoose(seed: number): Choose {
  const random = randomOf(seed);
  return (count, _why, weights) => {
    if (!weights) return Math.floor(random() * count);
    let total = 0;
    for (const weight of weights) total += weight;
    let left = random() * total;
    for (let i = 0; i < weights.length; i++) {
      left -= weights[i] as number;
      if (left < 0) return i;
    }
    return count - 1;
  };
}
