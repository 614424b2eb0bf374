// Seeded chance: one stream for each name, so that one more draw in one place changes nothing elsewhere.

export interface Random {
  /** uniform in [0, 1) */
  next(): number;
  /** 32 random bits */
  bits(): number;
}

/** sfc32 (C. Doty-Humphrey, PractRand), seeded from the seed and the characters of the name. */
export function createRandom(seed: number, name: string): Random {
  let a = seed | 0;
  let b = 0x9e3779b9;
  let c = 0x243f6a88;
  let d = 1;
  for (let i = 0; i < name.length; i++) c = Math.imul(c ^ name.charCodeAt(i), 0x01000193);
  const bits = (): number => {
    const t = (((a + b) | 0) + d) | 0;
    d = (d + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = (c << 21) | (c >>> 11);
    c = (c + t) | 0;
    return t >>> 0;
  };
  for (let i = 0; i < 12; i++) bits();
  return { bits, next: () => bits() / 4294967296 };
}
