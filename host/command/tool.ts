// What the tools behind `npm run` share: wrong usage, whole numbers, the line that says what goes on, and how they end.

import { EXIT, Failure } from '../failure.ts';
import { explain } from './output.ts';

export interface Tool {
  /** wrong usage, with where the right one is told */
  usage(cause: string): Failure;
  /** the value of an option; throws Failure E_USAGE */
  whole(text: string, option: string, least?: number): number;
  /** runs it: true, all is well; the exit code and what is said of errors follow */
  run(main: () => Promise<boolean>): Promise<void>;
}

export function createTool(name: string): Tool {
  const usage = (cause: string): Failure => new Failure('E_USAGE', EXIT.usage, cause, `npm run ${name} -- --help`);
  return {
    usage,
    whole(text, option, least = 0) {
      const value = text.trim() === '' ? Number.NaN : Number(text);
      if (!Number.isSafeInteger(value) || value < least) throw usage(`--${option} ${text} is no whole number`);
      return value;
    },
    async run(main) {
      // whoever reads this may have seen enough
      process.stdout.on('error', (error: NodeJS.ErrnoException) => {
        if (error.code !== 'EPIPE') throw error;
        process.exit(process.exitCode);
      });
      try {
        process.exitCode = (await main()) ? EXIT.done : EXIT.testsFailed;
      } catch (error) {
        // what parseArgs throws
        const parsing = error instanceof TypeError && 'code' in error;
        process.exitCode = explain(parsing ? usage(error.message) : error, false);
      }
    },
  };
}

/** The one line that says what is going on, where somebody is watching. */
export function progress(text: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${text.slice(0, (process.stderr.columns || 120) - 1)}`);
}
