// Which part of a testbed's trace is judged: nothing of one life of a system is left out.

import { expect, test } from 'vitest';
import type { TraceLine } from '../host/check/types.ts';
import { judged } from '../host/check/part.ts';

let clock = 0;

function step(process: string, n: number, kind = n === 1 ? 'start' : 'app'): TraceLine {
  const board = process.startsWith('a') ? 'one' : 'two';
  return { v: 1, t: ++clock * 1e6, board, process, epoch: 1, n, event: { kind } } as TraceLine;
}

function note(kind: string): TraceLine {
  return { v: 1, t: ++clock * 1e6, board: 'two', note: { kind } } as TraceLine;
}

const header = { v: 1, trace: 'understudy', processes: [] } as unknown as TraceLine;

test('one life: every line', () => {
  clock = 0;
  const lines = [header, note('boot'), step('a/0', 1), step('b/0', 1), step('a/0', 2), step('b/0', 2), note('off')];
  expect(judged(lines)).toEqual({ lines, until: '', before: 0 });
});

test('a seat that is made anew for the next upgrade is no new life', () => {
  clock = 0;
  const lines = [
    header,
    step('a/0', 1),
    step('a/1', 1, 'word'),
    step('a/1', 2),
    step('a/1', 1, 'word'),
    step('a/0', 2),
  ];
  expect(judged(lines)).toEqual({ lines, until: '', before: 0 });
});

test('after another flashing: the last system alone, and all of it', () => {
  clock = 0;
  const first = [step('a/0', 1), step('b/0', 1), step('a/1', 1, 'word'), step('a/0', 2)];
  const last = [step('b/0', 1), step('a/0', 1), step('b/0', 2), step('a/0', 2)];
  expect(judged([header, ...first, ...last])).toEqual({ lines: [header, ...last], until: '', before: 1 });
});

test('a process that begins anew among others that go on ends what can be judged', () => {
  clock = 0;
  const good = [step('a/0', 1), step('b/0', 1), step('a/0', 2), step('b/0', 2)];
  const part = judged([header, ...good, note('boot'), step('b/0', 1), step('a/0', 3)]);
  expect(part.lines).toEqual([header, ...good, expect.objectContaining({ note: { kind: 'boot' } })]);
  expect(part.until).toBe('b/0 began anew at 6.000 s: board two had lost what it knew');
});

test('so does a line that was lost, and what others did since the last line of its board', () => {
  clock = 0;
  const good = [step('a/0', 1), step('a/0', 2), step('b/0', 1)];
  const part = judged([header, ...good, step('a/0', 3), note('gap'), step('b/0', 9)]);
  expect(part).toEqual({ lines: [header, ...good], until: 'lines of board two were lost at 5.000 s', before: 0 });
});
