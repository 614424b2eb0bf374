// All scenes. The long ones come last: whoever looks for the first that notices something need not wait for them.

import { ACTIVE } from './active.ts';
import { BOUNDS } from './bounds.ts';
import { COMMIT } from './commit.ts';
import { CUTS } from './cuts.ts';
import { DIVERGENCE } from './divergence.ts';
import { DRIVERS } from './drivers.ts';
import { GUARD } from './guard.ts';
import { LOW } from './low.ts';
import { MACHINE } from './machine.ts';
import { POWER } from './power.ts';
import { RECLAIM } from './reclaim.ts';
import { RECOVERY } from './recovery.ts';
import { START } from './start.ts';
import type { Scene } from './steps.ts';

const ALL: Scene[] = [
  ...MACHINE,
  ...GUARD,
  ...LOW,
  ...ACTIVE,
  ...RECLAIM,
  ...DIVERGENCE,
  ...CUTS,
  ...RECOVERY,
  ...COMMIT,
  ...START,
  ...POWER,
  ...DRIVERS,
  ...BOUNDS,
];

export const SCENES: Scene[] = [...ALL.filter((scene) => !scene.long), ...ALL.filter((scene) => scene.long)];
