// npm run bench -- cost: what the guard costs in instructions of an emulated Cortex-M, and how long a takeover takes.

import type { NativeTarget } from '../build/engine-parts.ts';
import { buildNative } from '../build/native.ts';
import { plainBench } from './bench.ts';
import type { Attempt, CostReport, EngineCost } from './cost-text.ts';
import { costText } from './cost-text.ts';
import { engines, engineVersion } from './engines.ts';
import type { Counted } from './instructions.ts';
import { CASES, countCase, TWICE } from './instructions.ts';
import type { Prices } from './takeover.ts';
import { MEGAHERTZ, pricesOf, takeover } from './takeover.ts';

const HELP = `usage: npm run bench -- cost [options]

Instructions per message on a Cortex-M3 that QEMU emulates, with the native board and a real engine: the sample mission's
estimator, and a handler that does nothing; unguarded, clean under guard, and contaminated, journal writes included. One
board of the mission is recorded in lockstep and does the same again on the chip, to the byte; its clock counts
instructions, so that a run repeats to the instruction. Then detection to takeover with four boards on a wire of 1 M baud,
in virtual time, with what the chip needed for each packet.

Duktape needs Debian's packages (README); JerryScript as well where UNDERSTUDY_JERRY names its installations.

  --quick       fewer messages; Duktape alone; the takeover on boards that need no time
  --json FILE   writes the figures
`;

const CHIP: NativeTarget = 'mps2-an385';
const SLICE_MS = 2000;
const QUICK_SLICE_MS = 500;

export async function measureCost(quick: boolean, told: (text: string) => void = () => {}): Promise<CostReport> {
  const costs: EngineCost[] = [];
  const { ready, missing } = engines();
  for (const { engine, heap } of quick ? ready.slice(0, 1) : ready) {
    const { program } = await buildNative({ target: CHIP, engine });
    const chip = { program, engine, heap };
    const cases: Counted[] = [];
    for (const one of quick ? CASES : [...CASES, TWICE]) {
      told(`${engine}, ${one.name} `);
      cases.push(await countCase(one, chip, quick ? QUICK_SLICE_MS : SLICE_MS));
    }
    const name = `${engine} ${engineVersion(engine)}`;
    if (quick) {
      costs.push({ engine: name, cases, prices: null, takeovers: [] });
      continue;
    }
    told(`${engine}, takeover `);
    const prices = await pricesOf(chip);
    costs.push({ engine: name, cases, prices, takeovers: await attempts(prices) });
  }
  return { quick, costs, missing, bus: await attempt(null, MEGAHERTZ[0]) };
}

/** A takeover that does not come to its end is a result, and told as one. */
async function attempt(prices: Prices | null, megahertz: number): Promise<Attempt> {
  try {
    return await takeover(prices, megahertz);
  } catch (error) {
    return { failed: (error as Error).message };
  }
}

/** At the clock that counts; where that is too slow for it, at the first that is not. */
async function attempts(prices: Prices): Promise<EngineCost['takeovers']> {
  const made: EngineCost['takeovers'] = [];
  for (const megahertz of MEGAHERTZ) {
    const tried = await attempt(prices, megahertz);
    const ended = !('failed' in tried);
    if (ended || megahertz === MEGAHERTZ[0]) made.push({ megahertz, tried });
    if (ended) break;
  }
  return made;
}

export const cost = plainBench({
  what: 'instructions per message on an emulated Cortex-M, guarded and not; detection to takeover',
  help: HELP,
  measure: measureCost,
  text: costText,
  indent: 0,
});
