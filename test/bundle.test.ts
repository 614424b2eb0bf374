// What is built for boards: ES5, the same bytes for the same source, and nothing in reach but what every board has.

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createContext, runInContext } from 'node:vm';
import { parse } from 'acorn';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { boardBundle, componentText } from '../host/build/bundle.ts';
import { inspect } from '../host/build/gate.ts';
import type { Board, Hal } from '../hal/hal.ts';
import { failureIn } from './fixtures/failure.ts';

let folder = '';

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'understudy-'));
});

afterAll(() => {
  rmSync(folder, { recursive: true });
});

function write(name: string, text: string): string {
  const file = join(folder, name);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, text);
  return file;
}

/** What ES5 and typed arrays put into the global object; all else is deleted from a bare context. */
const ES5 = `Object Function Array String Boolean Number Math RegExp Error EvalError RangeError ReferenceError
  SyntaxError TypeError URIError NaN Infinity undefined isNaN isFinite parseInt parseFloat ArrayBuffer DataView
  Int8Array Uint8Array Uint8ClampedArray Int16Array Uint16Array Int32Array Uint32Array Float32Array Float64Array`;

const STRIP = `(function (global, keep) {
  delete Math.random;
  var names = Object.getOwnPropertyNames(global);
  for (var i = 0; i < names.length; i++) if (keep.indexOf(names[i]) < 0) delete global[names[i]];
  var later = [[Math, 'trunc sign imul clz32 fround hypot log2 log10 cbrt sinh cosh tanh'],
    [Object, 'assign is entries values fromEntries setPrototypeOf hasOwn getOwnPropertySymbols'],
    [Array, 'from of'], [Number, 'isInteger isFinite isNaN isSafeInteger EPSILON MAX_SAFE_INTEGER MIN_SAFE_INTEGER'],
    [String, 'raw fromCodePoint'],
    [Array.prototype, 'find findIndex findLast findLastIndex includes fill flat flatMap copyWithin entries keys values at'],
    [String.prototype, 'includes startsWith endsWith repeat padStart padEnd trimStart trimEnd codePointAt at matchAll replaceAll normalize']];
  for (var k = 0; k < later.length; k++) {
    var words = later[k][1].split(' ');
    for (var w = 0; w < words.length; w++) delete later[k][0][words[w]];
  }
})`;

function bare(): object {
  const context = createContext(Object.create(null) as object);
  const strip = runInContext(STRIP, context) as (global: unknown, keep: string[]) => void;
  strip(runInContext('this', context), ES5.split(/\s+/));
  return context;
}

const COUNTER = `
  import { add } from './lib/add.ts';
  export interface State { total: number }
  export function initial(): State { return { total: 0 }; }
  export const on = {
    Add: function (state: State, event: { data: { by: number } }, io: { send(type: string, data: unknown): void }) {
      state.total = add(state.total, event.data.by);
      const kind = typeof state.total;
      io.send('Sum', { total: state.total, kind });
    },
  };
`;
const ADD = 'export function add(a: number, b: number): number {\n  return a + b;\n}\n';

describe('a component', () => {
  test('is one ES5 expression of its exports', async () => {
    write('lib/add.ts', ADD);
    const { text, exports } = await componentText(write('counter.ts', COUNTER));
    const program = parse(`value = ${text}`, { ecmaVersion: 5, sourceType: 'script' });
    expect(program.body).toMatchObject([{ type: 'ExpressionStatement', expression: { type: 'AssignmentExpression' } }]);
    expect(exports).toEqual(['initial', 'on']);
    expect(text).not.toMatch(/Symbol|const|let|=>/);
    const module = runInContext(text, bare()) as {
      initial(): { total: number };
      on: { Add(state: unknown, event: unknown, io: unknown): void };
    };
    const sent: unknown[] = [];
    const state = module.initial();
    module.on.Add(state, { data: { by: 2 } }, { send: (...all: unknown[]) => sent.push(all) });
    expect(state.total).toBe(2);
    expect(sent).toEqual([['Sum', { total: 2, kind: 'number' }]]);
  });

  test('has the same bytes wherever the same source lies, and others for another', async () => {
    write('lib/add.ts', ADD);
    write('far/away/lib/add.ts', ADD);
    write('far/tsconfig.json', '{ "compilerOptions": { "target": "ES2022", "alwaysStrict": false } }');
    const here = await componentText(write('counter.ts', COUNTER));
    const there = await componentText(write('far/away/counter.ts', COUNTER));
    expect(there.text).toBe(here.text);
    expect(there.hash).toBe(here.hash);
    expect(here.hash).toMatch(/^[0-9a-f]{64}$/);
    write('far/away/lib/add.ts', ADD.replace('a + b', 'a - b'));
    expect((await componentText(join(folder, 'far/away/counter.ts'))).hash).not.toBe(here.hash);
  });

  test('in JavaScript is built as well', async () => {
    const { text } = await componentText(write('plain.js', 'export function initial() {\n  return [1, 2];\n}\n'));
    expect(JSON.stringify((runInContext(text, bare()) as { initial(): number[] }).initial())).toBe('[1,2]');
  });

  test('closures keep their own variables, and functions are not made in loops', async () => {
    const source = `
      function adder(by: number): (x: number) => number { return function (x) { return x + by; }; }
      export function initial() {
        const out: ((x: number) => number)[] = [];
        for (let i = 0; i < 3; i++) { const by = 10 * i; out.push(adder(by)); }
        return out;
      }`;
    const { text } = await componentText(write('closures.ts', source));
    const made = (runInContext(text, bare()) as { initial(): ((x: number) => number)[] }).initial();
    expect(made.map((fn) => fn(1))).toEqual([1, 11, 21]);
    expect(inspect(parse(text, { ecmaVersion: 5 }), 'board')).toEqual([]);
  });

  test('with a syntax error says file, line and reason', async () => {
    const error = await failureIn(componentText(write('broken.ts', 'export const a = 1;\nexport const = 2;\n')));
    expect(error.code).toBe('E_BUILD');
    expect(error.message).toMatch(/broken\.ts:2:14: Expected identifier/);
  });

  test('with an import that is not there says file and line', async () => {
    const error = await failureIn(componentText(write('lost.ts', `export const a = 1;\nimport './nowhere.ts';\n`)));
    expect(error.code).toBe('E_BUILD');
    expect(error.message).toMatch(/lost\.ts:2:8: Could not resolve/);
    const node = await failureIn(
      componentText(write('node.ts', `import { readFileSync } from 'node:fs';\nexport { readFileSync };\n`)),
    );
    expect(node.message).toMatch(/node\.ts:1:\d+: Could not resolve "node:fs"/);
  });

  test('with what boards lack, in any of its files, says file, line and construct', async () => {
    write('lib/set.ts', 'export function one(): unknown {\n  return new Set([1]);\n}\n');
    const file = write(
      'uses.ts',
      `import { one } from './lib/set.ts';\nexport function initial(): unknown {\n  return one();\n}\n`,
    );
    const error = await failureIn(componentText(file));
    expect(error.code).toBe('E_LANGUAGE');
    expect(error.message).toMatch(/lib\/set\.ts:2:14: Set/);
    expect(
      (await failureIn(componentText(write('class.ts', 'export const a = 1;\nexport class B {}\n')))).message,
    ).toMatch(/class\.ts:2/);
  });

  test('whose modules use one another while they load, in the wrong order, is refused', async () => {
    write(
      'first.ts',
      `import { two } from './second.ts';\nexport const one = two;\nexport function three(): number {\n  return 3;\n}\n`,
    );
    write('second.ts', `import { one } from './first.ts';\nexport const two = [one];\n`);
    const error = await failureIn(componentText(join(folder, 'first.ts')));
    expect(error.message).toMatch(/used before its definition/);
  });
});

describe('the board bundle', () => {
  test('is ES5, and passes the gate as a whole', async () => {
    const { text, hash, crc } = await boardBundle();
    const program = parse(text, { ecmaVersion: 5, sourceType: 'script' });
    expect(inspect(program, 'board')).toEqual([]);
    expect(hash).toMatch(/^[0-9a-f]{64}$/);
    expect(crc).toBeGreaterThan(0);
  });

  test('boots where there is nothing but ES5, typed arrays and the HAL', async () => {
    const { text } = await boardBundle();
    const context = bare();
    expect(runInContext('typeof Date + typeof JSON + typeof Map + typeof Symbol + typeof Math.random', context)).toBe(
      'undefined'.repeat(5),
    );
    runInContext(text, context);
    const boot = runInContext('understudy.boot', context) as (hal: Hal) => Board;
    const flash = new Uint8Array(64 * 4096).fill(0xff);
    let time = 0;
    let kicks = 0;
    const out: number[] = [];
    const board = boot({
      board: 'alone',
      engine: 'virtual',
      interrupts: false,
      memoryBytes: 0,
      traces: false,
      now: () => time,
      random: () => 7,
      crc32: null,
      flash: {
        sectorBytes: 4096,
        sectors: 64,
        programBytes: 1,
        read: (at, length) => flash.slice(at, at + length),
        program: (at, bytes) => flash.set(bytes, at),
        erase: (sector) => flash.fill(0xff, sector * 4096, (sector + 1) * 4096),
      },
      serial: (bytes) => out.push(...bytes),
      bus: () => {},
      output: () => {},
      cause: 'power',
      mark: null,
      marked: -1,
      load: (source) => runInContext(source, context),
      call: (fn) => fn(),
      kick: () => {
        kicks++;
      },
      reset: () => {
        throw new Error('reset');
      },
    });
    for (let i = 0; i < 10; i++) {
      const next = board.poll();
      expect(next).toBeGreaterThan(time);
      time = next;
    }
    expect(kicks).toBe(10);
    // bytes that are no frame are no harm
    board.serial(new Uint8Array([0x55, 0xd5, 1, 2, 3, 0xff]));
    expect(board.poll()).toBeGreaterThan(time);
  });
});
