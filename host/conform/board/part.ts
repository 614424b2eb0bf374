// What a part of the conformance program is: it does one thing after the other, and tells of each what came of it. Each
// part is a program of its own, for a small board holds no more than one of them. Board language.

import type { Crc } from '../../../firmware/link/crc.ts';

export interface Done {
  what: string;
  bytes: Uint8Array;
}

/** Does the next thing; null: there is none. */
export type Turn = () => Done | null;

export type Part = (crc: Crc) => Turn;

export interface Case {
  name: string;
  run(): Uint8Array;
}

/** Adds so many cases, their seeds multiples of `factor`. */
export function addCases(
  cases: Case[],
  name: string,
  count: number,
  factor: number,
  fn: (seed: number, crc: Crc) => Uint8Array,
  crc: Crc,
): Case[] {
  const add = function (seed: number): void {
    cases.push({
      name: name + ' ' + seed,
      run: function () {
        return fn(seed, crc);
      },
    });
  };
  for (let i = 1; i <= count; i++) add(i * factor);
  return cases;
}

/** The lowest digits of a number, in base 16. */
export function hex(value: number, digits: number): string {
  let out = '';
  for (let i = 4 * digits - 4; i >= 0; i -= 4) out += '0123456789abcdef'.charAt((value >>> i) & 15);
  return out;
}

/** Does one case a turn. All its bytes are told, for whoever looks for the reason where two engines differ. */
export function turnOver(cases: Case[]): Turn {
  return function () {
    const one = cases.shift();
    if (!one) return null;
    const bytes = one.run();
    let what = one.name + ' ';
    for (let i = 0; i < bytes.length; i++) what += hex(bytes[i] as number, 2);
    return { what: what, bytes: bytes };
  };
}
