// understudy trace: what happened, as a space-time diagram in the terminal or as an SVG file.

import { writeFileSync } from 'node:fs';
import type { Command } from 'commander';
import { check } from '../check/check.ts';
import { EXIT, Failure } from '../failure.ts';
import { statePaths } from '../testbed/state.ts';
import type { Selection } from '../trace/diagram.ts';
import { renderSvg, renderText } from '../trace/diagram.ts';
import { readTrace } from '../trace/file.ts';
import { phases, phasesText } from '../trace/phases.ts';
import { common, contextOf } from './context.ts';
import { colour } from './output.ts';

const AROUND = ['cut', 'start', 'commit', 'recovery', 'cancel', 'failure', 'begin', 'end'] as const;

function around(text: string): Selection['around'] {
  if ((AROUND as readonly string[]).includes(text)) return text as Selection['around'];
  if (/^\d+(\.\d+)?$/.test(text)) return Number(text) * 1e6;
  const event = /^([\w-]+\/[01]):(\d+)$/.exec(text);
  if (event) return { process: event[1] as string, n: Number(event[2]) };
  const next = `${AROUND.join(', ')}, a time in seconds, or an event as estimator/0:17`;
  throw new Failure('E_USAGE', EXIT.usage, `--around ${text}: nothing is called so`, next);
}

export function register(program: Command): void {
  common(program.command('trace'))
    .argument('[file]', 'a recorded trace; left out: that of this testbed')
    .description('draw what happened as a space-time diagram')
    .option('--svg <file>', 'draw into an SVG file')
    .option('--around <what>', `${AROUND.join(', ')}, a time in s, or an event as estimator/0:17`, around)
    .option('--process <names...>', 'only these processes or components')
    .option('--everything', 'heartbeats, notifications and markers too', false)
    .option('--check', 'judge the whole trace by the checkers', false)
    .action(async (file, options) => {
      const context = contextOf(options);
      const { lines } = await readTrace(file ?? statePaths(context.stateDir).trace);
      const selection: Selection = {
        around: options.around,
        processes: options.process,
        everything: options.everything,
      };
      if (options.check) {
        const report = check(lines, { live: true });
        const text = report.violations.map((v) => `${v.rule}: ${v.process} event ${v.n}: ${v.why}`);
        const looked = Object.entries(report.counts).map(([what, n]) => `${n} ${what}`);
        context.out.data(report, () =>
          [...text, `${report.violations.length} violations; looked at ${looked.join(', ')}`].join('\n'),
        );
        if (report.violations.length > 0) process.exitCode = EXIT.testsFailed;
        return;
      }
      const times = phases(lines);
      if (options.svg) {
        writeFileSync(options.svg, renderSvg(lines, selection));
        context.out.data({ file: options.svg, phases: times }, () => options.svg);
        return;
      }
      const width = process.stdout.columns ?? 100;
      context.out.data({ phases: times }, () => {
        const diagram = renderText(lines, { ...selection, width, color: colour() });
        return times ? `${diagram}\n${phasesText(times)}` : diagram;
      });
    });
}
