// npm run mission -- --upgrade B --seeds 20: flies the sample mission in lockstep, and prints what became of it.

import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Command } from 'commander';
import { explain, table } from '../command/output.ts';
import { EXIT, Failure } from '../failure.ts';
import { encodeLine } from '../trace/file.ts';
import { phases } from '../trace/phases.ts';
import { FAULTS, writeFault } from './faults.ts';
import type { Flight, FlightOptions } from './run.ts';
import { fly } from './run.ts';

/** The mission's requirement, degrees; and what a flight without guard must pass for the guard to have mattered. */
const REQUIRED_DEGREES = 5;

function degrees(x: number): string {
  return `${x.toFixed(2)}°`;
}

function violations(flight: Flight): number {
  return flight.report?.violations.length ?? 0;
}

function delivered(flight: Flight): number {
  return flight.report?.counts['messages delivered'] ?? 0;
}

function endOf(flight: Flight): string {
  if (flight.started && flight.started.cut !== 'start') return `${flight.started.cut}: ${flight.started.why}`;
  return flight.ended ? `${flight.ended.cut} at ${flight.endedAt.toFixed(1)} s: ${flight.ended.why}` : '-';
}

function phaseText(flight: Flight): string {
  const found = phases(flight.trace);
  if (!found || flight.ended?.cut !== 'recovery') return '-';
  const ms = (x: number | null): string => (x === null ? '?' : x.toFixed(1));
  return `${ms(found.ms.freeze)} + ${ms(found.ms.report)} + ${ms(found.ms.decide)} + ${ms(found.ms.act)} = ${ms(found.ms.total)}`;
}

/** Two flights of one seed must give one trace, to the byte. */
function digest(flight: Flight): string {
  const hash = createHash('sha256');
  for (const line of flight.trace) hash.update(encodeLine(line)).update('\n');
  return hash.digest('hex');
}

async function twice(options: Options): Promise<boolean> {
  const rows: (string | number)[][] = [];
  for (let seed = options.from; seed < options.from + options.seeds; seed++) {
    const upgrade = options.upgrade === 'none' ? null : options.upgrade;
    const flight = { seed, seconds: options.seconds, upgrade, guarded: true, startAt: options.at };
    const first = await fly(flight);
    const second = await fly(flight);
    const same = digest(first) === digest(second);
    rows.push([seed, first.trace.length, digest(first).slice(0, 16), same ? 'the same' : 'DIFFERS']);
    process.stderr.write(`seed ${seed}: ${same ? 'the same' : 'DIFFERS'}\n`);
  }
  process.stdout.write(`${table(['seed', 'lines', 'SHA-256 of the trace', 'second flight'], rows)}\n`);
  return rows.every((row) => row[3] === 'the same');
}

interface Options {
  upgrade: string;
  seeds: number;
  from: number;
  seconds: number;
  at: number;
  compare: boolean;
}

/** Seeds one by one: guarded, and where asked for the same without guard and without upgrade. */
async function seeds(options: Options): Promise<boolean> {
  const rows: (string | number)[][] = [];
  const total = { peak: 0, delivered: 0, violations: 0 };
  const head = ['seed', 'guarded', ...(options.compare ? ['unguarded', 'no upgrade'] : []), 'end of the guard'];
  head.push('freeze + report + decide + act, ms', 'messages', 'violations');
  for (let seed = options.from; seed < options.from + options.seeds; seed++) {
    const base: FlightOptions = {
      seed,
      seconds: options.seconds,
      upgrade: options.upgrade === 'none' ? null : options.upgrade,
      guarded: true,
      startAt: options.at,
    };
    const flight = await fly(base);
    const row: (string | number)[] = [seed, degrees(flight.peak)];
    if (options.compare) {
      row.push(degrees((await fly({ ...base, guarded: false, traces: false })).peak));
      row.push(degrees((await fly({ ...base, upgrade: null, traces: false })).peak));
    }
    row.push(endOf(flight), phaseText(flight), delivered(flight), violations(flight));
    rows.push(row);
    total.peak = Math.max(total.peak, flight.peak);
    total.delivered += delivered(flight);
    total.violations += violations(flight);
    process.stderr.write(`seed ${seed}: ${endOf(flight)}, peak ${degrees(flight.peak)}\n`);
  }
  process.stdout.write(`${table(head, rows)}\n`);
  process.stdout.write(
    `\n${options.seeds} seeds of upgrade ${options.upgrade}: greatest error ${degrees(total.peak)} (required ${REQUIRED_DEGREES}°), ` +
      `${total.delivered} messages delivered, ${total.violations} violations\n`,
  );
  return total.peak <= REQUIRED_DEGREES && total.violations === 0;
}

/** Which other faults the same acceptance test catches. */
async function faults(options: Options): Promise<boolean> {
  const rows: (string | number)[][] = [];
  const folder = mkdtempSync(join(tmpdir(), 'understudy-faults-'));
  try {
    for (const fault of FAULTS) {
      const place = join(folder, fault.name.replace(/\W+/g, '-'));
      mkdirSync(place, { recursive: true });
      writeFault(fault, place);
      const base = { seed: options.from, seconds: options.seconds, upgrade: place, startAt: options.at };
      const guarded = await fly({ ...base, guarded: true });
      const unguarded = await fly({ ...base, guarded: false, traces: false });
      const caught = guarded.ended?.cut === 'recovery' ? `at ${guarded.endedAt.toFixed(1)} s` : 'no';
      rows.push([fault.name, caught, degrees(guarded.peak), degrees(unguarded.peak), violations(guarded)]);
      process.stderr.write(`${fault.name}: ${caught}\n`);
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  process.stdout.write(`${table(['fault', 'caught', 'peak guarded', 'peak unguarded', 'violations'], rows)}\n`);
  return rows.every((row) => row[4] === 0);
}

const program = new Command('mission')
  .description('fly the sample mission in lockstep')
  .option('--upgrade <letter>', 'A to F, or none', 'B')
  .option('--seeds <n>', 'how many', Number, 20)
  .option('--from <seed>', 'first seed', Number, 1)
  .option('--seconds <s>', 'length of the flight', Number, 120)
  .option('--at <s>', 'mission time of the start', Number, 10)
  .option('--compare', 'each seed without guard and without upgrade too', false)
  .option('--faults', 'instead: which other faults the acceptance test catches', false)
  .option('--twice', 'instead: each seed twice; do the traces agree to the byte?', false)
  .action(async (options) => {
    if (!(options.seeds > 0)) throw new Failure('E_USAGE', EXIT.usage, `--seeds ${options.seeds}`, 'a number above 0');
    const run = options.faults ? faults : options.twice ? twice : seeds;
    const good = await run(options);
    process.exitCode = good ? EXIT.done : EXIT.testsFailed;
  });

try {
  await program.parseAsync();
} catch (error) {
  process.exitCode = explain(error, false);
}
