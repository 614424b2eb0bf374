// What `npm run bench` can measure; one entry for each name.

import { writeFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { progress } from '../command/tool.ts';

export interface Bench {
  /** in one line, for the list */
  what: string;
  /** `args`: what stands behind its name. False: it could not be run. A figure that misses its target is no failure */
  run(args: string[]): Promise<boolean>;
}

/** A bench that knows `--quick`, `--json FILE` and `--help`, and nothing else. */
export interface Plain<Report> {
  what: string;
  help: string;
  measure(quick: boolean, told: (text: string) => void): Promise<Report>;
  text(report: Report, quick: boolean): string;
  /** spaces that its JSON is indented by; 0: one line */
  indent: number;
}

export function plainBench<Report>({ what, help, measure, text, indent }: Plain<Report>): Bench {
  const run = async (args: string[]): Promise<boolean> => {
    const { values } = parseArgs({
      args,
      options: {
        quick: { type: 'boolean', default: false },
        json: { type: 'string' },
        help: { type: 'boolean', short: 'h', default: false },
      },
    });
    if (values.help) {
      process.stdout.write(help);
      return true;
    }
    const report = await measure(values.quick, progress);
    progress('');
    process.stdout.write(text(report, values.quick));
    if (values.json !== undefined) await writeFile(values.json, `${JSON.stringify(report, null, indent)}\n`);
    return true;
  };
  return { what, run };
}
