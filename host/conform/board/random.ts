// What the cases of the conformance program are made of: random numbers that are the same in every engine. Board language.

export interface Random {
  x: number;
}

/** 32 bits, of a shift register: no engine needs more than ES5 for it. */
export function draw(random: Random): number {
  let x = random.x;
  x ^= x << 13;
  x ^= x >>> 17;
  x ^= x << 5;
  random.x = x;
  return x >>> 0;
}

export function below(random: Random, end: number): number {
  return draw(random) % end;
}

export function bytesOf(random: Random, length: number): Uint8Array {
  const out = new Uint8Array(length);
  for (let i = 0; i < length; i++) out[i] = draw(random) & 255;
  return out;
}

export function flip(bytes: Uint8Array, at: number, bits: number): void {
  bytes[at] = (bytes[at] as number) ^ bits;
}
