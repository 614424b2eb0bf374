// What a layer says of a core that it finds something wrong with.

export type Layer = 'scenes' | 'golden' | 'exploration' | 'seeded';

export const LAYERS: Layer[] = ['scenes', 'golden', 'exploration', 'seeded'];

/**
 * `check`: one of the checks of `host/check`, which know what must always hold, and nothing of this run. `hand`: what
 * somebody expected of this one run, which is weaker: nothing unknown is found so. `crash`: the core itself threw.
 */
export type Strength = 'check' | 'hand' | 'crash';

export interface Found {
  strength: Strength;
  /** name of the check; else `expected`, `text`, `exception` */
  checker: string;
  /** scene, golden trace, shape or seed */
  where: string;
  why: string;
  /** since the layer began, where it went on and looked for something stronger */
  ms?: number;
}

/** The stronger of two; the first where they are alike. */
export function stronger(one: Found | null, other: Found | null): Found | null {
  const weight = { crash: 0, hand: 1, check: 2 };
  if (!one || !other) return one ?? other;
  return weight[other.strength] > weight[one.strength] ? other : one;
}

export function crash(error: unknown, where: string): Found {
  const why = error instanceof Error ? error.message : String(error);
  return { strength: 'crash', checker: 'exception', where, why };
}
