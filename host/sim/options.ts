// What the command is told.

import { parseArgs } from 'node:util';
import { createTool } from '../command/tool.ts';
import { EXIT, Failure } from '../failure.ts';
import type { Plan } from './plan.ts';
import { planOf } from './plan.ts';

export const HELP = `usage: npm run sim -- [options]

  --runs N            so many runs, of seeds from --seed (1) on; 100 by default
  --seed S            without --runs: this one run again, with its diagram and what it is made of
  --jobs J            so many processes at once; by default as many as there are processors
  --shard i/n         every n-th of the runs, from the i-th on (1 to n), so that n machines share them
  --json FILE         writes the report of these runs to FILE
  --merge FILE...     makes one report of those in the files named
  --set a=1,b=2       sets what otherwise follows from the seed: components, cluster, events, durability, powerCuts,
                      partitions, crashes, fails, unlucky, upgrades, words, migrateFails, lost, twice, corrupted, late
  --around WHAT       the part of the run that the diagram shows: cut, start, commit, recovery, cancel, failure, begin,
                      end; the last cut by default
  --rules R           corrected: the paper's own rules know no starts and power cuts (npm run explore has them)
`;

const AROUND = ['cut', 'start', 'commit', 'recovery', 'cancel', 'failure', 'begin', 'end'] as const;

export type Around = (typeof AROUND)[number];

export interface Options {
  help: boolean;
  /** null: one run again, the one of the seed */
  runs: number | null;
  seed: number;
  /** 0: as many as there are processors */
  jobs: number;
  shard: [number, number];
  json: string | null;
  merge: string[] | null;
  set: Partial<Plan>;
  around: Around;
}

export const tool = createTool('sim');
const { usage, whole } = tool;

function settings(text: string | undefined, rules: string): Partial<Plan> {
  const set: Record<string, unknown> = {};
  const known = planOf(1) as unknown as Record<string, unknown>;
  for (const part of text ? text.split(',') : []) {
    const [name = '', value = ''] = part.split('=');
    if (!(name in known) || name === 'seed') throw usage(`--set ${part}: there is no ${name || 'such setting'}`);
    if (typeof known[name] === 'string') set[name] = value;
    else set[name] = whole(value, `set ${name}`);
  }
  if (set.durability !== undefined && set.durability !== 'always' && set.durability !== 'guard') {
    throw usage(`durability=${set.durability}: it is always or guard`);
  }
  if (set.components !== undefined && Number(set.components) < 2) throw usage('components: two at least');
  const asked = set.rules ?? rules;
  if (asked === 'paper') {
    const next = 'npm run explore -- --rules paper';
    throw new Failure('E_RULES', EXIT.usage, 'the paper has no rules for starts and power cuts, so no such runs', next);
  }
  if (asked !== 'corrected') throw usage(`--rules ${asked}: they are corrected or paper`);
  return set as Partial<Plan>;
}

function shardOf(text: string | undefined): [number, number] {
  if (text === undefined) return [1, 1];
  const match = /^(\d+)\/(\d+)$/.exec(text);
  const i = Number(match?.[1]);
  const n = Number(match?.[2]);
  if (!match || i < 1 || i > n) throw usage(`--shard ${text}: it is i/n, with i from 1 to n`);
  return [i, n];
}

function aroundOf(text: string): Around {
  const known = AROUND.find((a) => a === text);
  if (!known) throw usage(`--around ${text}: it is one of ${AROUND.join(', ')}`);
  return known;
}

export function optionsOf(args: string[]): Options {
  const { values, positionals } = parseArgs({
    args,
    allowPositionals: true,
    options: {
      runs: { type: 'string' },
      seed: { type: 'string' },
      jobs: { type: 'string' },
      shard: { type: 'string' },
      rules: { type: 'string', default: 'corrected' },
      set: { type: 'string' },
      around: { type: 'string', default: 'cut' },
      json: { type: 'string' },
      merge: { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  if (values.merge && positionals.length === 0) throw usage('--merge wants the files of the shards');
  if (!values.merge && positionals.length > 0) throw usage(`${positionals[0]} is no option`);
  const one = values.seed !== undefined && values.runs === undefined;
  const runs = whole(values.runs ?? '100', 'runs');
  if (runs === 0) throw usage('--runs 0: one at least');
  return {
    help: values.help,
    runs: one ? null : runs,
    seed: whole(values.seed ?? '1', 'seed'),
    jobs: whole(values.jobs ?? '0', 'jobs'),
    shard: shardOf(values.shard),
    json: values.json ?? null,
    merge: values.merge ? positionals : null,
    set: settings(values.set, values.rules),
    around: aroundOf(values.around),
  };
}
