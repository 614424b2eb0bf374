// Power goes at every program and every erase of some work, each in four ways. Just before an operation the flash is
// copied; the copy has the power cut, is started from, looked at and worked with, while the work itself waits and goes
// on as if nothing had been. So nothing is ever done twice to get to a place, and what is done in a copy may be cut in
// the same way.

import type { Flash } from '../../hal/hal.ts';
import type { Cut, Geometry, Nor, NorState, Torn } from '../testbed/nor.ts';
import { CUTS, openNor, PowerCut } from '../testbed/nor.ts';
import { Complaint, complain, countFault } from './tally.ts';
import type { Tally } from './tally.ts';

/** What power has cut: the operation that was under way, and how far it came. */
export interface Left {
  what: 'program' | 'erase';
  how: Cut;
}

/** A flash under work, and what the work knows of it. */
export interface Bench<M> {
  /** as the firmware has it */
  flash: Flash;
  nor: Nor;
  model: M;
  torn: Torn;
  /** differs from bench to bench */
  seed: number;
  /** of a bench after a power cut */
  left: Left | null;
  tally: Tally;
  /** whatever writes is refused: for what must only read */
  readOnly: boolean;
}

export interface Work<M> {
  /** what is known of a blank flash */
  model(): M;
  copy(model: M): M;
  begin(bench: Bench<M>): void;
  /** after a power cut: starts, checks, and goes on for a while; throws where something is wrong */
  recover(bench: Bench<M>): void;
}

export interface Plan {
  path: string;
  geometry: Geometry;
  torn: Torn;
  seed: number;
  /** power cuts that may follow one another */
  depth: number;
  /** at each operation, power cuts after which any of its bits may be done; 1 by default */
  tries?: number;
  /** only these of them, by operation and way: for a replay */
  only?: string[];
}

/** Nothing that was planted or is real may hold up the campaign. */
const READS_MAX = 100_000;

export function mix(seed: number, a: number, b: number): number {
  return Math.imul(Math.imul(seed ^ 0x2545f491, 0x9e3779b1) + a, 0x85ebca6b) + b;
}

/** Flashes for one level of power cuts after another; each is used again and again. */
const pool = new Map<string, Nor[]>();

function norOf(geometry: Geometry, torn: Torn, level: number): Nor {
  const key = `${geometry.sectorBytes}.${geometry.sectors}.${geometry.programBytes}.${torn}`;
  const nors = pool.get(key) ?? [];
  pool.set(key, nors);
  for (let i = nors.length; i <= level; i++) nors.push(openNor({ ...geometry, torn }));
  return nors[level] as Nor;
}

export function blankOf(geometry: Geometry): NorState {
  return openNor(geometry).save();
}

/** What must hold after any piece of work, whatever it was. */
export function checkRules(nor: Nor): void {
  if (nor.violation) throw new Complaint(nor.violation);
}

/** A bench; `before` hears of each operation, with what does it on another flash. */
export function benchOf<M>(
  parts: Pick<Bench<M>, 'nor' | 'model' | 'torn' | 'seed' | 'left' | 'tally'>,
  before: (what: Left['what'], act: (on: Nor) => void) => void = () => {},
): Bench<M> {
  const { nor } = parts;
  let reads = 0;
  nor.violation = null;
  const step = (what: Left['what'], place: string, act: (on: Nor) => void): void => {
    if (bench.readOnly) throw new Complaint(`${what} ${place} where there should only be reads`);
    reads = 0;
    before(what, act);
    act(nor);
  };
  const bench: Bench<M> = {
    ...parts,
    readOnly: false,
    flash: {
      sectorBytes: nor.sectorBytes,
      sectors: nor.sectors,
      programBytes: nor.programBytes,
      read(at, length) {
        if (reads++ > READS_MAX) throw new Complaint('it reads without end');
        return nor.read(at, length);
      },
      program: (at, bytes) => step('program', `of ${bytes.length} B at ${at}`, (on) => on.program(at, bytes)),
      erase: (sector) => step('erase', `of sector ${sector}`, (on) => on.erase(sector)),
    },
  };
  return bench;
}

/** The rule of the part that was broken says more than what came of it. */
export function causeOf(error: unknown, nor: Nor): unknown {
  return nor.violation && !(error instanceof Complaint) ? new Complaint(nor.violation) : error;
}

export function runForked<M>(work: Work<M>, plan: Plan, tally: Tally): void {
  const { geometry, torn, depth, only, tries = 1 } = plan;
  const ways = CUTS.flatMap((how): [Cut, string][] => {
    const many = how === 'random' ? tries : 1;
    return Array.from({ length: many }, (_, i) => [how, i === 0 ? how : `${how}${i + 1}`]);
  });

  /** Works on a flash as it is; what is wrong is complained of, and never thrown. */
  function run(level: number, path: string, parts: Pick<Bench<M>, 'nor' | 'model' | 'seed' | 'left'>): void {
    const { nor, seed, left } = parts;
    let operation = 0;
    const bench = benchOf<M>({ ...parts, torn, tally }, (what, act) => {
      const number = operation++;
      if (level === depth) return;
      const state = nor.save();
      const other = norOf(geometry, torn, level + 1);
      for (let i = 0; i < ways.length; i++) {
        const [how, name] = ways[i] as [Cut, string];
        const cut = `${number}.${name}`;
        if (tally.over || (only && only[level] !== cut)) continue;
        const own = mix(seed, number, i);
        other.restore(state);
        other.cut(0, how, own);
        try {
          act(other);
        } catch (error) {
          // against the rules: the work will hear of it itself
          if (!(error instanceof PowerCut)) return;
        }
        countFault(tally);
        run(level + 1, `${path}/${cut}`, { nor: other, model: work.copy(bench.model), seed: own, left: { what, how } });
      }
    });
    try {
      if (left) work.recover(bench);
      else work.begin(bench);
      checkRules(nor);
    } catch (error) {
      complain(tally, path, causeOf(error, nor));
    }
  }

  if (tally.over) return;
  const nor = norOf(geometry, torn, 0);
  nor.restore(blankOf(geometry));
  run(0, plan.path, { nor, model: work.model(), seed: plan.seed, left: null });
}
