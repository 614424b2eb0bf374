// What an error, a help text or a document tells people to run can be run: the command is there, and so are its options.

import { readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { Command } from 'commander';
import { beforeAll, expect, test } from 'vitest';

const ROOT = resolve(import.meta.dirname, '..');
const program = new Command('understudy');

beforeAll(async () => {
  const folder = join(ROOT, 'host', 'command');
  for (const file of readdirSync(folder)) {
    const { register } = (await import(join(folder, file))) as { register?: (program: Command) => void };
    register?.(program);
  }
});

/** The command that these words name, and the words behind its name; null: there is none. */
function commandOf(words: string[]): { command: Command; rest: string[] } | null {
  let command = program;
  let at = 0;
  while (command.commands.length > 0) {
    const next = command.commands.find((one) => one.name() === words[at]);
    if (!next) return at === 0 ? null : { command, rest: words.slice(at) };
    command = next;
    at++;
  }
  return { command, rest: words.slice(at) };
}

function filesOf(folder: string, ext: string): string[] {
  return readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith(ext))
    .map((file) => join(folder, file));
}

/** File and the one or two words behind each `npx understudy`. */
function told(files: string[]): { file: string; words: string[] }[] {
  return files.flatMap((file) =>
    [...readFileSync(join(ROOT, file), 'utf8').matchAll(/npx understudy ([a-z]+(?: [a-z]+)?)/g)].map(([, text]) => ({
      file,
      words: (text as string).trim().split(' '),
    })),
  );
}

test('each command that is named is there', () => {
  const named = told(['README.md', ...filesOf('host', '.ts'), ...filesOf('hal', '.md'), ...filesOf('boards', '.md')]);
  expect(named.length).toBeGreaterThan(80);
  expect(named.filter(({ words }) => !commandOf(words))).toEqual([]);
});

test('so are the options in the README', () => {
  const text = readFileSync(join(ROOT, 'README.md'), 'utf8');
  const lines = [...text.matchAll(/^npx understudy ([^#\n]+)/gm)].map(([, words]) => (words as string).trim());
  expect(lines.length).toBeGreaterThan(15);
  for (const line of lines) {
    const { command, rest } = commandOf(line.split(/\s+/)) as { command: Command; rest: string[] };
    for (const word of rest.filter((one) => one.startsWith('-'))) {
      const there = command.options.some(({ short, long }) => word === short || word === long);
      expect(there, `${word} in: npx understudy ${line}`).toBe(true);
    }
  }
});
