// One mutant through the layers, in their order: until one catches it, or through all of them.

import { CORE } from '../explore/world.ts';
import { withMistake } from './core.ts';
import type { Found, Layer } from './found.ts';
import type { Bounds, Subject } from './layers.ts';
import { applies, runLayer } from './layers.ts';
import type { Mutant } from './mutant.ts';

export interface Result {
  mutant: Mutant;
  /** what each layer found; null: nothing. Layers that were not tried, or do not apply, are not there. */
  layers: Map<Layer, { found: Found | null; ms: number }>;
  /** the first layer that caught it */
  caught: { layer: Layer; found: Found; ms: number } | null;
}

export async function subjectOf(mutant: Mutant): Promise<Subject> {
  const { changes, mistakes, scene } = mutant;
  const core = changes.length > 0 ? await withMistake(changes, `${mutant.rule} ${mutant.name}`) : CORE;
  return { core, mistakes, scene };
}

export async function runMutant(
  mutant: Mutant,
  wanted: Layer[],
  bounds: Bounds,
  all: boolean,
  begins: (layer: Layer) => void = () => {},
): Promise<Result> {
  const subject = await subjectOf(mutant);
  const result: Result = { mutant, layers: new Map(), caught: null };
  for (const layer of wanted) {
    if (!applies(layer, mutant)) continue;
    begins(layer);
    const begun = performance.now();
    const found = runLayer(layer, subject, bounds);
    const ms = performance.now() - begun;
    result.layers.set(layer, { found, ms });
    if (found) result.caught ??= { layer, found, ms: found.ms ?? ms };
    if (found && !all) break;
  }
  return result;
}
