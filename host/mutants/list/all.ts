// All mutants, in the order of PROTOCOL: one rule changed in each.

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
import { SHADOW } from './shadow.ts';
import { START } from './start.ts';
import { STORAGE } from './storage.ts';
import type { Mutant } from '../mutant.ts';
import { compareRules } from '../rules.ts';

const ALL: Mutant[] = [
  ...MACHINE,
  ...GUARD,
  ...LOW,
  ...ACTIVE,
  ...SHADOW,
  ...RECLAIM,
  ...DIVERGENCE,
  ...CUTS,
  ...RECOVERY,
  ...COMMIT,
  ...START,
  ...POWER,
  ...STORAGE,
  ...DRIVERS,
  ...BOUNDS,
];

export const MUTANTS: Mutant[] = ALL.sort((a, b) => compareRules(a.rule, b.rule));
