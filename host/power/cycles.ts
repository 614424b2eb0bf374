// Random cycles on one flash: start, check, work for a while, power goes somewhere. Often it goes at once, in the work
// that follows a start, and again, and again; what the starts before have seen must stay.

import { createRandom } from '../testbed/random.ts';
import type { Cut, Geometry, Torn } from '../testbed/nor.ts';
import { CUTS, openNor, PowerCut } from '../testbed/nor.ts';
import { benchOf, causeOf, mix } from './fork.ts';
import type { Bench } from './fork.ts';
import { complain, Complaint, countFault } from './tally.ts';
import type { Tally } from './tally.ts';

export interface Cycled<M> {
  model(): M;
  /** starts, checks, and does so many things */
  cycle(bench: Bench<M>, seed: number, things: number): void;
}

export interface Chain {
  path: string;
  geometry: Geometry;
  torn: Torn;
  seed: number;
  cycles: number;
}

export function runCycles<M>(work: Cycled<M>, chain: Chain, tally: Tally): void {
  if (tally.over) return;
  const random = createRandom(chain.seed, 'cycles');
  const nor = openNor({ ...chain.geometry, torn: chain.torn });
  const bench = benchOf<M>({ nor, model: work.model(), torn: chain.torn, seed: chain.seed, left: null, tally });
  for (let cycle = 0; cycle < chain.cycles && !tally.over; cycle++) {
    const how = CUTS[random.bits() % CUTS.length] as Cut;
    const early = random.bits() % 2 === 0;
    nor.cut(random.bits() % (early ? 3 : 24), how, mix(chain.seed, cycle, 0));
    const cuts = nor.counts.cuts;
    let gone = false;
    try {
      work.cycle(bench, mix(chain.seed, cycle, 1), 8 + (random.bits() % 32));
    } catch (error) {
      if (!(error instanceof PowerCut)) {
        complain(tally, `${chain.path}/${cycle}`, causeOf(error, nor));
        return;
      }
      gone = true;
      countFault(tally);
    }
    if (nor.counts.cuts > cuts && !gone) {
      complain(tally, `${chain.path}/${cycle}`, new Complaint('it went on after a power cut'));
      return;
    }
    nor.calm();
    bench.left = gone ? { what: 'program', how } : null;
  }
}
