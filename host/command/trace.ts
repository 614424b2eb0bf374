// understudy trace: what happened, as a space-time diagram in the terminal or as an SVG file.

import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Command } from 'commander';
import { check } from '../check/check.ts';
import type { TraceLine } from '../check/types.ts';
import { conform } from '../conform/conform.ts';
import { conformanceText } from '../conform/text.ts';
import { fromVersions } from '../conform/versions.ts';
import { EXIT, Failure } from '../failure.ts';
import { loadVersion } from '../operate/library.ts';
import type { Version } from '../operate/version.ts';
import { connect } from '../testbed/client.ts';
import type { Selection } from '../trace/diagram.ts';
import { renderSvg, renderText } from '../trace/diagram.ts';
import { readTrace } from '../trace/file.ts';
import { phases, phasesText } from '../trace/phases.ts';
import type { Context } from './context.ts';
import { common, contextOf } from './context.ts';
import { knownVersions, namesFrom } from './header.ts';
import { colour } from './output.ts';
import { judged } from '../check/part.ts';

const AROUND = ['cut', 'start', 'commit', 'recovery', 'cancel', 'failure', 'begin', 'end'] as const;
const WIDTH = 100;
/** More violations are counted only. */
const VIOLATIONS_MAX = 20;

function around(text: string): Selection['around'] {
  if ((AROUND as readonly string[]).includes(text)) return text as Selection['around'];
  if (/^\d+(\.\d+)?$/.test(text)) return Number(text) * 1e6;
  const event = /^([\w-]+\/[01]):(\d+)$/.exec(text);
  if (event) return { process: event[1] as string, n: Number(event[2]) };
  const next = `${AROUND.join(', ')}, a time in seconds, or an event as estimator/0:17`;
  throw new Failure('E_USAGE', EXIT.usage, `--around ${text}: nothing is called so`, next);
}

/** A recorded trace, or what this testbed has recorded so far. */
async function linesOf(context: Context, file: string | undefined): Promise<TraceLine[]> {
  if (file) return (await readTrace(file)).lines;
  const trace = join(context.stateDir, 'trace.ndjson');
  if (!existsSync(trace)) {
    const cause = `no testbed has recorded a trace in ${context.stateDir}`;
    throw new Failure('E_NO_TRACE', EXIT.usage, cause, 'npx understudy testbed up, or name a trace file');
  }
  // a testbed that is down has written everything
  const lab = await connect(context.stateDir).catch(() => null);
  await lab?.flush();
  await lab?.close();
  const { lines } = await readTrace(trace);
  const versions = knownVersions(context);
  return lines.map((line) => (line.trace === undefined ? line : namesFrom(context, line, versions)));
}

function judge(context: Context, lines: TraceLine[]): void {
  const part = judged(lines);
  if (!part.lines.some((line) => line.event)) {
    throw new Failure('E_NO_EVENTS', EXIT.inconclusive, 'the trace has no event to judge', 'npx understudy flash');
  }
  const report = check(part.lines, { live: true });
  const count = report.violations.length;
  context.out.data({ ...report, events: part.lines.length, until: part.until, before: part.before }, () => {
    const told = report.violations.slice(0, VIOLATIONS_MAX);
    return [
      ...told.map((v) => `${v.rule}: ${v.process} event ${v.n}: ${v.why}`),
      ...(count > told.length ? [`… and ${count - told.length} more`] : []),
      count === 0 ? `no rule is violated in ${part.lines.length} lines` : `${count} violations`,
      `looked at: ${Object.entries(report.counts)
        .map(([what, n]) => `${n} ${what}`)
        .join(', ')}`,
    ].join('\n');
  });
  if (part.before > 0) context.out.say(`left out: ${part.before} earlier flashings of this testbed`);
  if (part.until) context.out.say(`left out: all that follows, because ${part.until}`);
  if (count > 0) process.exitCode = EXIT.testsFailed;
}

/** Versions as this state folder knows them, each read once. */
function library(context: Context): (hash: string) => Version | null {
  const known = new Map<string, Version | null>();
  return (hash) => {
    let version = known.get(hash);
    if (version === undefined) {
      version = knownVersions(context).includes(hash) ? loadVersion(context.stateDir, hash) : null;
      known.set(hash, version);
    }
    return version;
  };
}

function replay(context: Context, lines: TraceLine[]): void {
  const result = conform(lines, fromVersions(library(context)));
  if (result.events === 0) {
    throw new Failure('E_NO_EVENTS', EXIT.inconclusive, 'the trace has no event to replay', 'npx understudy flash');
  }
  if (result.agreed === 0 && result.differences.length === 0) {
    const why = result.left[0]?.why ?? '';
    const next = 'build those versions here (npx understudy build), use the state folder that they were flashed from';
    const cause = `none of the ${result.events} events can be replayed: ${why}`;
    throw new Failure(
      'E_NOT_REPLAYED',
      EXIT.inconclusive,
      cause,
      `${next} (--state DIR), or record from the flashing on`,
    );
  }
  context.out.data(result, () => conformanceText(result, lines[0] as TraceLine));
  if (result.differences.length > 0) process.exitCode = EXIT.testsFailed;
}

export function register(program: Command): void {
  common(program.command('trace'))
    .argument('[file]', 'a recorded trace; left out: that of this testbed')
    .description('draw what happened as a space-time diagram')
    .option('--svg <file>', 'draw into an SVG file')
    .option('--around <what>', `${AROUND.join(', ')}, a time in s, or an event as estimator/0:17`, around)
    .option('--process <names...>', 'only these processes or components')
    .option('--everything', 'heartbeats, notifications and markers too')
    .option('--check', 'judge it by the rules of the protocol instead: exit 0 or 10')
    .option('--conform', 'replay it through the core instead, event by event: exit 0 or 10')
    .action(async (file, options) => {
      const context = contextOf(options);
      const lines = await linesOf(context, file);
      if (options.conform) replay(context, lines);
      if (options.check) judge(context, lines);
      if (options.conform || options.check) return;
      const selection: Selection = {
        around: options.around,
        processes: options.process,
        everything: options.everything === true,
      };
      const times = phases(lines);
      if (options.svg) {
        writeFileSync(options.svg, renderSvg(lines, selection));
        context.out.data({ file: options.svg, phases: times }, () => options.svg);
        return;
      }
      const width = process.stdout.columns ?? WIDTH;
      context.out.data({ phases: times }, () => {
        const diagram = renderText(lines, { ...selection, width, color: colour() });
        return times ? `${diagram}\n${phasesText(times)}` : diagram;
      });
    });
}
