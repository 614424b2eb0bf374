// npm run bench: what the product costs, in figures that do not depend on the machine wherever that can be.

import { createTool } from '../command/tool.ts';
import type { Bench } from './bench.ts';
import { cost } from './cost.ts';
import { durability } from './durability.ts';
import { footprint } from './footprint.ts';
import { ring } from './ring.ts';

const BENCHES: Record<string, Bench> = { ring, durability, footprint, cost };

const tool = createTool('bench');

function help(): string {
  const lines = Object.entries(BENCHES).map(([name, { what }]) => `  ${name.padEnd(12)}${what}`);
  return [
    'usage: npm run bench -- NAME [options]',
    '',
    ...lines,
    '',
    'npm run bench -- NAME --help tells its options. All of them know --quick.',
    '',
  ].join('\n');
}

async function main(): Promise<boolean> {
  const [name, ...args] = process.argv.slice(2);
  if (name === undefined || name === '--help' || name === '-h') {
    process.stdout.write(help());
    return true;
  }
  const bench = Object.hasOwn(BENCHES, name) ? BENCHES[name] : undefined;
  if (!bench) throw tool.usage(`${name} is no bench: there is ${Object.keys(BENCHES).join(', ')}`);
  return bench.run(args);
}

await tool.run(main);
