// The estimate of a board's memory, against what it is an estimate of; and how preflight tells what it found.

import { parse } from 'acorn';
import { describe, expect, test } from 'vitest';
import { boardBundle } from '../host/build/bundle.ts';
import { boardDescription } from '../host/describe/read.ts';
import {
  boardBytes,
  costsOf,
  processBytes,
  RUNTIME_VARIABLES,
  VARIABLE_BYTES,
  variablesOf,
} from '../host/operate/memory.ts';
import type { Preflight } from '../host/operate/preflight.ts';
import { insist } from '../host/operate/preflight.ts';
import { originalVersion } from '../host/mission/run.ts';
import { preflightText } from '../host/command/preflight.ts';

/** Function objects and parameters of a script. */
function functionsOf(text: string): { functions: number; parameters: number } {
  const found = { functions: 0, parameters: 0 };
  const visit = (node: unknown): void => {
    if (typeof node !== 'object' || node === null) return;
    const { type, params } = node as { type?: string; params?: unknown[] };
    if (type?.startsWith('Function') && params) {
      found.functions++;
      found.parameters += params.length;
    }
    for (const child of Object.values(node)) visit(child);
  };
  visit(parse(text, { ecmaVersion: 5 }));
  return found;
}

describe('memory', () => {
  test('variables of plain data', () => {
    expect(variablesOf(5)).toBe(1);
    expect(variablesOf('twelve bytes')).toBe(2);
    expect(variablesOf([])).toBe(1);
    expect(variablesOf([1, 2, 3])).toBe(4);
    expect(variablesOf({ a: 1, b: 0.5 })).toBe(4);
    expect(variablesOf({ aLongerName: 1 })).toBe(3);
    expect(variablesOf(new Uint8Array(24))).toBe(4);
  });

  test('the runtime is as large as the bundle says, within a fifth', async () => {
    const { functions, parameters } = functionsOf((await boardBundle()).text);
    const counted = 5 * functions + parameters;
    expect(Math.abs(counted - RUNTIME_VARIABLES), `${functions} functions, ${parameters} parameters`).toBeLessThan(
      counted / 5,
    );
  });

  test('the sample mission fits the larger boards, and not the smallest', async () => {
    const { plan } = await originalVersion();
    const wanted = (name: string): [number, number] => {
      const { value: type } = boardDescription(name);
      const costs = costsOf(type);
      return [boardBytes([plan, plan], costs) + 2 * processBytes(plan, 3000, costs), type.memoryBytes];
    };
    expect(boardBytes([plan, plan])).toBeGreaterThan(RUNTIME_VARIABLES * VARIABLE_BYTES + 2 * VARIABLE_BYTES * 500);
    expect(processBytes(plan, 4000) - processBytes(plan, 3000)).toBe(2000);
    const [large, there] = wanted('nrf52840-dk');
    expect(large).toBeLessThan(there);
    const [small, little] = wanted('pico');
    expect(small).toBeGreaterThan(little);
  });

  test('each engine has its own price of a value', () => {
    const prices = (['espruino', 'duktape', 'jerryscript', 'virtual'] as const).map((engine) =>
      costsOf({ engine, variableBytes: engine === 'espruino' ? 14 : 0 }),
    );
    expect(prices.map(({ unit }) => unit)).toEqual([14, 20, 12, VARIABLE_BYTES]);
    expect(prices[0]?.runtime).toBe(14 * RUNTIME_VARIABLES);
    expect(prices[1]?.runtime).toBeGreaterThan(prices[2]?.runtime ?? 0);
  });
});

describe('what preflight found', () => {
  const flight: Preflight = {
    upgrade: 'u',
    hash: 'h',
    base: 'b',
    cluster: ['c'],
    added: ['new'],
    removed: ['old'],
    differences: [],
    durability: 'off',
    boards: [],
    policy: { commitAfterMs: 0, validated: 5, heartbeatMs: 100, absentMs: 1000, lead: 50 },
    warnings: ['mind this'],
    refusals: [],
  };
  const memory = { code: 'E_MEMORY', cause: 'too little', next: 'elsewhere' };
  const fate = { code: 'E_FATE', cause: 'shared', next: 'alone' };

  test('nothing, one thing, several: all are told at once', () => {
    expect(() => insist(flight)).not.toThrow();
    expect(() => insist({ ...flight, refusals: [memory] })).toThrow(
      expect.objectContaining({ code: 'E_MEMORY', exit: 7, message: 'too little', next: 'elsewhere' }),
    );
    expect(() => insist({ ...flight, refusals: [memory, fate] })).toThrow(
      expect.objectContaining({
        code: 'E_MEMORY',
        message: expect.stringMatching(
          /E_MEMORY: too little\n {4}next: elsewhere\n {2}E_FATE: shared\n {4}next: alone/,
        ),
      }),
    );
  });

  test('as text', () => {
    const text = preflightText(flight);
    expect(text).toMatch(/^adds {7}new\nremoves {4}old\ncommit {5}after 5 validated messages$/m);
    expect(text).toMatch(/^warning: mind this$/m);
    const { policy } = flight;
    expect(preflightText({ ...flight, policy: { ...policy, validated: 0 } })).toMatch(/^commit {5}on a word only$/m);
  });
});
