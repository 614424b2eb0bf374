// A change of one rule, which some layer must notice.

import type { Mistakes } from '../explore/storage.ts';
import type { Change } from './core.ts';

export interface Mutant {
  /** of PROTOCOL: the number of a rule, or of a section where its prose is the rule */
  rule: string;
  /** begins with the number of a mistake of PROTOCOL 9, where it is that */
  name: string;
  /** of the core's source */
  changes: Change[];
  /** of stable storage, which is not the core's: exploration with power cuts and seeded runs have it */
  mistakes?: Mistakes;
  /** the scene made for it, which must catch it so */
  scene?: string;
  caughtBy?: RegExp;
}
