// The new controller of A with a way in that does not work: the start is cancelled, and nothing has changed.

import type { Vector } from '../../components/math.ts';

export { accept, initial, inputs, on } from '../A/controller.ts';

interface OldState {
  rates: Vector;
  gains?: number[];
}

export function migrate(old: OldState): { state: OldState } {
  if (!old.gains) throw new Error('the old state has no gains');
  return { state: old };
}
