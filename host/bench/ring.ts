// npm run bench -- ring: what the journal ring costs, exactly, beside physics, other stores, and files.

import { writeFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { progress } from '../command/tool.ts';
import type { Bench } from './bench.ts';
import { count, look } from './count.ts';
import type { Measured } from './rows.ts';
import { reached, rowsOf } from './rows.ts';
import { speed } from './speed.ts';
import { KINDS, live } from './stores.ts';
import type { Report } from './text.ts';
import { reportText } from './text.ts';
import type { Work } from './work.ts';
import { WORKS, quick } from './work.ts';

const HELP = `usage: npm run bench -- ring [options]

Three workloads on the journal ring, over a NOR flash that counts: what it programs, erases, reads and keeps in memory,
beside the physical limits and other stores. The figures of the flash are exact, and the same in every run; speed is told
as a ratio to a baseline in the same run. A target that is missed is shown, and is no failure.

  --quick       a quarter of the rounds; of the stores, W1 alone
  --stores      gives the same work to better-sqlite3 and classic-level; installs them first, in node_modules/.cache
  --json FILE   writes the figures
`;

const UNITS = [4, 8, 16, 256];

function say(text: string): void {
  if (process.stderr.isTTY) progress(text);
  else if (text) process.stderr.write(`${text}\n`);
}

/** All but the stores of files. */
export function measure(works: Work[], told: (text: string) => void = () => {}): Omit<Report, 'lives' | 'quick'> {
  const measured: Measured[] = works.map((work) => {
    told(`${work.name} `);
    return { work, ahead: count(work, { ahead: true }), onDemand: count(work), looked: look(work) };
  });
  const work = works.find(({ name }) => name === 'W1') as Work;
  const rows = UNITS.map((programBytes) => {
    told(`${work.name}, units of ${programBytes} B `);
    const options = { programBytes, ahead: true };
    return { programBytes, each: count(work, options), together: count(work, { ...options, together: true }) };
  });
  const speeds = works.map((each) => {
    told(`${each.name}, speed `);
    return { work: each, speed: speed(each) };
  });
  return { measured, units: { work, rows }, speeds };
}

async function run(args: string[]): Promise<boolean> {
  const { values } = parseArgs({
    args,
    options: {
      quick: { type: 'boolean', default: false },
      stores: { type: 'boolean', default: false },
      json: { type: 'string' },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  if (values.help) {
    process.stdout.write(HELP);
    return true;
  }
  const works = values.quick ? WORKS.map(quick) : WORKS;
  const figures = measure(works, progress);
  progress('');
  const stored = values.quick ? works.filter(({ name }) => name === 'W1') : works;
  const lives = values.stores ? await live(stored, KINDS, say) : null;
  progress('');
  const report: Report = { quick: values.quick, ...figures, lives };
  process.stdout.write(reportText(report));
  if (values.json !== undefined) {
    const rows = report.measured.map((one) => ({
      work: one.work,
      rows: rowsOf(one).map((row) => ({ ...row, reached: reached(row) })),
    }));
    await writeFile(values.json, `${JSON.stringify({ v: 1, bench: 'ring', rows, ...report })}\n`);
  }
  return true;
}

export const ring: Bench = { what: 'what the journal ring costs on flash, beside physics and other stores', run };
