// What `npm run mutants` prints.

import type { Layer, Strength } from './found.ts';
import type { Result } from './run.ts';

/** What a place in a layer is called. */
const PLACE: Record<Layer, string> = { scenes: 'scene', golden: 'golden', exploration: 'shape', seeded: 'seed' };

function cut(text: string, width: number): string {
  return text.length <= width ? text.padEnd(width) : `${text.slice(0, Math.max(0, width - 1))}…`;
}

function milliseconds(ms: number): string {
  return ms < 9.95 ? ms.toFixed(1) : String(Math.round(ms));
}

interface Column {
  head: string;
  right?: boolean;
  /** takes what is left of the line */
  rest?: boolean;
}

/** Columns that fit into the width: the last of them that may is cut short. */
function lay(columns: Column[], rows: string[][], width: number): string[] {
  const widths = columns.map((column, i) => Math.max(column.head.length, ...rows.map((row) => (row[i] ?? '').length)));
  const rest = columns.findIndex((column) => column.rest);
  if (rest >= 0) {
    const others = widths.reduce((sum, w, i) => sum + (i === rest ? 0 : w + 2), 0);
    widths[rest] = Math.min(widths[rest] as number, Math.max(8, width - others));
  }
  const line = (row: string[]) =>
    columns
      .map((column, i) => {
        const text = cut(row[i] ?? '', widths[i] as number);
        return column.right ? text.trimEnd().padStart(widths[i] as number) : text;
      })
      .join('  ')
      .trimEnd();
  return [line(columns.map((column) => column.head)), ...rows.map(line)];
}

/** Which layer caught each mutant, by what, where, and how fast. */
export function firstTable(results: Result[], width: number): string {
  const columns = [
    { head: 'rule' },
    { head: 'mutant' },
    { head: 'in' },
    { head: 'caught by' },
    { head: 'where', rest: true },
    { head: 'ms', right: true },
  ];
  const rows = results.map(({ mutant, caught }) =>
    caught
      ? [
          mutant.rule,
          mutant.name,
          PLACE[caught.layer],
          caught.found.checker,
          caught.found.where.replace(/, seed/, ''),
          milliseconds(caught.ms),
        ]
      : [mutant.rule, mutant.name, '', 'SURVIVES', '', ''],
  );
  return lay(columns, rows, width).join('\n');
}

/** What every layer says of each mutant. */
export function allTable(results: Result[], layers: Layer[], width: number): string {
  const columns = [{ head: 'rule' }, { head: 'mutant', rest: true }, ...layers.map((head) => ({ head })), { head: '' }];
  const rows = results.map(({ mutant, layers: said, caught }) => [
    mutant.rule,
    mutant.name,
    ...layers.map((layer) => (said.has(layer) ? (said.get(layer)?.found?.checker ?? '-') : '')),
    caught ? '' : 'SURVIVES',
  ]);
  return lay(columns, rows, width).join('\n');
}

const strong = (result: Result, layer: Layer) => result.layers.get(layer)?.found?.strength === 'check';
const catches = (result: Result, layer: Layer) => !!result.layers.get(layer)?.found;

/** How many each layer catches, by what, how many nobody else does, and how long it takes. */
export function layerTable(results: Result[], layers: Layer[]): string {
  const columns = [{ head: '' }, ...layers.map((head) => ({ head, right: true }))];
  const row = (head: string, value: (layer: Layer) => number | string) => [head, ...layers.map((l) => `${value(l)}`)];
  const by = (strength: Strength) => (layer: Layer) =>
    results.filter((result) => result.layers.get(layer)?.found?.strength === strength).length;
  const alone = (test: (result: Result, layer: Layer) => boolean) => (layer: Layer) =>
    results.filter((r) => test(r, layer) && layers.every((other) => other === layer || !test(r, other))).length;
  const seconds = (layer: Layer) => {
    const ms = results.reduce((sum, result) => sum + (result.layers.get(layer)?.ms ?? 0), 0);
    return (ms / 1000).toFixed(1);
  };
  const rows = [
    row('mutants tried', (layer) => results.filter((result) => result.layers.has(layer)).length),
    row('caught', (layer) => results.filter((result) => catches(result, layer)).length),
    row('  by a check', by('check')),
    row('  by hand: an expectation, a text', by('hand')),
    row('  by an exception', by('crash')),
    row('caught here alone', alone(catches)),
    row('by a check here alone', alone(strong)),
    row('seconds', seconds),
  ];
  return lay(columns, rows, 120).join('\n');
}

/** `expected` and `text` are weaker: somebody knew what this one run should bring. */
export function closing(results: Result[]): string {
  const caught = results.filter((result) => result.caught);
  const strongest = (result: Result): Strength => {
    const all = [...result.layers.values()].map(({ found }) => found?.strength);
    return all.includes('check') ? 'check' : all.includes('hand') ? 'hand' : 'crash';
  };
  const of = (strength: Strength) => caught.filter((result) => strongest(result) === strength).length;
  const parts = [
    `${of('check')} by a check of what must always hold`,
    `${of('hand')} only by what a scene or a golden text expects`,
    `${of('crash')} only by an exception`,
  ];
  return `${parts.join(', ')}\n${caught.length} of ${results.length} caught`;
}
