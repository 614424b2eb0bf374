// npm run mutants: the core with one rule changed, again and again; each change must be noticed.

import { parseArgs } from 'node:util';
import { createTool, progress } from '../command/tool.ts';
import type { Layer } from './found.ts';
import { LAYERS } from './found.ts';
import type { Bounds } from './layers.ts';
import { applies, BOUNDS } from './layers.ts';
import { MUTANTS } from './list/all.ts';
import { EQUIVALENT } from './list/equivalent.ts';
import type { Mutant } from './mutant.ts';
import type { Result } from './run.ts';
import { runMutant } from './run.ts';
import { allTable, closing, firstTable, layerTable } from './table.ts';

const HELP = `usage: npm run mutants -- [options]

Changes one rule of the core's source at a time. Each mutant goes through the layers until one notices it; the
table says which, by what, where, and in how many milliseconds.

  --rule R        mutants of this rule of firmware/PROTOCOL.md, or of all rules below it: 4.2.4, 4.2, 4
  --name TEXT     mutants whose name has this in it
  --layers A,B    these layers only, in this order: ${LAYERS.join(', ')}
  --all           every layer on every mutant, and how many each layer catches (half an hour)
  --states N      so many states of each shape in the exploration; ${BOUNDS.states} by default
  --seeds N       so many seeded runs of large systems, and five times as many of small ones; ${BOUNDS.large} by default

\`caught by\` is the check of host/check that was violated; or, weaker, \`expected\`: what its scene expects, \`text\`:
a golden trace is another one, \`exception\`: the core threw.
`;

const { usage, whole, run } = createTool('mutants');

function layersOf(text: string | undefined): Layer[] {
  if (text === undefined) return LAYERS;
  return text.split(',').map((name) => {
    const layer = LAYERS.find((one) => one === name);
    if (!layer) throw usage(`there is no layer ${name}; there are ${LAYERS.join(', ')}`);
    return layer;
  });
}

/** Those asked for, of which the layers can say anything. */
function chosen(rule: string | undefined, name: string | undefined, layers: Layer[]): Mutant[] {
  const some = MUTANTS.filter((mutant) => {
    if (!layers.some((layer) => applies(layer, mutant))) return false;
    const of = rule === undefined || mutant.rule === rule || mutant.rule.startsWith(`${rule}.`);
    return of && (name === undefined || mutant.name.includes(name));
  });
  if (some.length > 0) return some;
  const what = [rule === undefined ? '' : ` of rule ${rule}`, name === undefined ? '' : ` named ${name}`].join('');
  throw usage(`there is no mutant${what} for ${layers.join(', ')}`);
}

async function main(): Promise<boolean> {
  const { values } = parseArgs({
    options: {
      rule: { type: 'string' },
      name: { type: 'string' },
      layers: { type: 'string' },
      states: { type: 'string', default: String(BOUNDS.states) },
      seeds: { type: 'string', default: String(BOUNDS.large) },
      all: { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  if (values.help) {
    process.stdout.write(HELP);
    return true;
  }
  const layers = layersOf(values.layers);
  const mutants = chosen(values.rule, values.name, layers);
  const large = whole(values.seeds, 'seeds', 1);
  const states = whole(values.states, 'states', 1);
  const bounds: Bounds = { states, large, small: 5 * large, hasty: false };
  const begun = performance.now();
  const results: Result[] = [];
  for (const mutant of mutants) {
    const label = `${results.length + 1} of ${mutants.length}  ${mutant.rule} ${mutant.name}`;
    results.push(await runMutant(mutant, layers, bounds, values.all, (layer) => progress(`${label}: ${layer}`)));
  }
  progress('');
  const width = process.stdout.columns || 120;
  const lines = [values.all ? allTable(results, layers, width) : firstTable(results, width), ''];
  const bound = `${states} states of each shape explored; ${bounds.small} small and ${large} large seeded runs`;
  if (values.all) lines.push(layerTable(results, layers), '', bound);
  lines.push(
    `${((performance.now() - begun) / 1000).toFixed(1)} s; ${EQUIVALENT.length} more changes cannot be noticed`,
  );
  process.stdout.write(`${lines.join('\n')}: host/mutants/list/equivalent.ts\n${closing(results)}\n`);
  return results.every((result) => result.caught);
}

await run(main);
