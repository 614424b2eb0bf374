// npm run bench -- footprint: what the firmware takes of a board, engine by engine, beside what is aimed at.

import { buildNative } from '../build/native.ts';
import { plainBench } from './bench.ts';
import { engines, engineVersion } from './engines.ts';
import type { Variables } from './espruino-memory.ts';
import { ESPRUINO, ESPRUINO_PART, variables } from './espruino-memory.ts';
import type { EngineFootprint, FootprintReport } from './footprint-text.ts';
import { footprintText } from './footprint-text.ts';
import { guardedRecording, smallestBoot, smallestRun } from './heap.ts';
import { rooms } from './rooms.ts';
import { sectionsOf } from './sections.ts';

const HELP = `usage: npm run bench -- footprint [options]

Bytes of the bundle, and of which part of the firmware they are; with each engine of the native board on an emulated
Cortex-M3 the smallest heap with which the firmware boots, and the smallest with which it takes a board of the sample
mission through start, guard and takeover, doing the same as in lockstep; code, RAM and stack of the native program. A
target that is missed is shown, and is no failure.

Duktape needs Debian's packages (README). UNDERSTUDY_JERRY names installations of JerryScript, UNDERSTUDY_ESPRUINO the
official interpreter as built for Linux, best of all for 32 bits and with a board's number of variables: what needs
them is measured where they are there.

  --quick       coarser steps, and Duktape's boot alone
  --json FILE   writes the figures
`;

/** A heap below which nothing boots, bytes. */
const LEAST = 16_384;
const STEP = 4096;
const QUICK_STEP = 32_768;
/** Real time that the interpreter has for its run, ms: on Linux its flash is a file, and slow. */
const ESPRUINO_MS = 150_000;

export async function measureFootprint(
  quick: boolean,
  told: (text: string) => void = () => {},
): Promise<FootprintReport> {
  const { ready, missing } = engines();
  const step = quick ? QUICK_STEP : STEP;
  const found: EngineFootprint[] = [];
  for (const { engine, heap } of quick ? ready.slice(0, 1) : ready) {
    const { program } = await buildNative({ target: 'mps2-an385', engine });
    told(`${engine}, boot `);
    const boot = await smallestBoot({ program, engine }, { least: LEAST, plenty: heap, step });
    told(`${engine}, takeover `);
    const range = { least: boot.bytes - step, plenty: heap, step };
    const run = quick ? null : await smallestRun({ program, engine }, await guardedRecording(), range);
    found.push({ engine, version: engineVersion(engine), boot, run, sections: sectionsOf(program) });
  }
  const interpreter = process.env[ESPRUINO] ?? '';
  let espruino: Variables | null = null;
  if (interpreter === '') missing.push(`ESPRUINO NOT MEASURED: ${ESPRUINO} names no interpreter`);
  else {
    told('espruino ');
    espruino = await variables(interpreter, quick ? null : await guardedRecording(ESPRUINO_PART, true), ESPRUINO_MS);
  }
  return { quick, ...(await rooms()), engines: found, espruino, missing };
}

export const footprint = plainBench({
  what: 'bundle, heap, flash, stack, and variables that the firmware takes',
  help: HELP,
  measure: measureFootprint,
  text: footprintText,
  indent: 0,
});
