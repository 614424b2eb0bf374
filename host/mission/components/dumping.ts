// The magnetorquers take momentum out of the wheels, slowly, against the earth's field.

import { MOMENT_MAX } from './craft.ts';
import { cross, dot, limited, norm, scale, within } from './math.ts';
import type { Vector } from './math.ts';

/** share of the momentum that is taken out each second, where the field's direction lets it */
const SHARE = 0.003;

/** Magnetic moment, A m², whose torque in this field (T) goes against the momentum. */
export function dumpingMoment(whole: Vector, field: Vector): Vector {
  return limited(scale(cross(field, whole), -SHARE / dot(field, field)), MOMENT_MAX);
}

/** The acceptance test of a moment: a possible one, whose torque adds nothing to the momentum. */
export function takesOut(moment: Vector, whole: Vector, field: Vector): boolean {
  if (!within(moment, MOMENT_MAX * 1.001)) return false;
  return dot(cross(moment, field), whole) <= 1e-3 * MOMENT_MAX * norm(field) * norm(whole);
}
