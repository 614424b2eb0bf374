// Every rule of the core broken, one at a time, and noticed; and the core itself, of which no layer says anything.

import { describe, expect, test } from 'vitest';
import { withMistake } from '../host/mutants/core.ts';
import type { Found, Layer } from '../host/mutants/found.ts';
import { LAYERS } from '../host/mutants/found.ts';
import { BOUNDS, runLayer, TRUE_CORE } from '../host/mutants/layers.ts';
import { MUTANTS } from '../host/mutants/list/all.ts';
import { EQUIVALENT } from '../host/mutants/list/equivalent.ts';
import type { Mutant } from '../host/mutants/mutant.ts';
import { ORDERS, playScene, sceneNamed } from '../host/mutants/play.ts';
import { readRules, readSections, WITHOUT } from '../host/mutants/rules.ts';
import type { Result } from '../host/mutants/run.ts';
import { runMutant, subjectOf } from '../host/mutants/run.ts';
import { SCENES } from '../host/mutants/scenes/all.ts';
import { allTable, closing, firstTable, layerTable } from '../host/mutants/table.ts';

/** `npm run mutants` goes further. */
const FAST = { ...BOUNDS, states: 1500, small: 40, large: 10, hasty: true };

const said = (found: Found | null) => (found ? `${found.checker}: ${found.why}` : '');

describe('the core itself', () => {
  test('passes every scene, in every order', () => {
    for (const scene of SCENES) {
      for (let order = 0; order < (scene.long ? 1 : ORDERS); order++) {
        expect(playScene(scene, undefined, order), `${scene.name}, order ${order}`).toEqual([]);
      }
    }
  });

  for (const layer of LAYERS) {
    test(`passes ${layer}`, { timeout: 120_000 }, () => {
      expect(runLayer(layer, TRUE_CORE, { ...FAST, hasty: false })).toBeNull();
    });
  }

  test('built anew without a change, it is the same', async () => {
    const core = await withMistake([]);
    expect(runLayer('golden', { core }, FAST)).toBeNull();
  });
});

/** What the scene made for a mutant says of it, in every order. */
async function ownScene(mutant: Mutant, name: string): Promise<string[]> {
  const { core } = await subjectOf(mutant);
  const out: string[] = [];
  for (let order = 0; order < ORDERS; order++) out.push(...playScene(sceneNamed(name), core, order).map(said));
  return out;
}

describe('mutants', () => {
  for (const mutant of MUTANTS) {
    test(`${mutant.rule} ${mutant.name}`, { timeout: 120_000 }, async () => {
      const { scene, caughtBy } = mutant;
      if (scene && caughtBy) {
        const found = await ownScene(mutant, scene);
        expect(
          found.some((text) => caughtBy.test(text)),
          `not caught by ${caughtBy}; found ${JSON.stringify(found)}`,
        ).toBe(true);
        return;
      }
      const { caught } = await runMutant(mutant, LAYERS, FAST, false);
      expect(caught, 'it survives').not.toBeNull();
      if (caughtBy) expect(said(caught?.found ?? null)).toMatch(caughtBy);
    });
  }

  for (const mutant of EQUIVALENT) {
    test(`nobody notices: ${mutant.rule} ${mutant.name}`, async () => {
      const subject = await subjectOf(mutant);
      for (const layer of ['scenes', 'golden', 'exploration'] as Layer[]) {
        expect(runLayer(layer, subject, FAST), layer).toBeNull();
      }
    });
  }
});

describe('the list', () => {
  const numbers = new Set(MUTANTS.map((mutant) => mutant.rule));

  test('every numbered rule has a mutant, or a reason for having none', () => {
    const rules = readRules();
    // the document is read at all
    for (const rule of ['1.1', '2.5', '3.6', '4.2.4', '5.0.1', '5.2.4', '5.3.7', '8.7']) expect(rules).toContain(rule);
    expect(rules.filter((rule) => !numbers.has(rule) && !(rule in WITHOUT))).toEqual([]);
    expect(Object.keys(WITHOUT).filter((rule) => !rules.includes(rule) || numbers.has(rule))).toEqual([]);
  });

  test('no mutant is of a rule that is not there', () => {
    const known = new Set([...readRules(), ...readSections()]);
    expect([...numbers].filter((rule) => !known.has(rule))).toEqual([]);
  });

  test('the mistakes 9 to 28 of PROTOCOL 9 are among them', () => {
    const there = new Set(MUTANTS.map((mutant) => /^(\d+) /.exec(mutant.name)?.[1]));
    for (let number = 9; number <= 28; number++) expect(there, `mistake ${number}`).toContain(String(number));
  });

  test('no name and no change comes twice', () => {
    const all = [...MUTANTS, ...EQUIVALENT];
    expect(new Set(all.map((mutant) => mutant.name)).size).toBe(all.length);
    const changes = all.map(({ changes, mistakes }) => JSON.stringify([changes, mistakes]));
    expect(new Set(changes).size).toBe(all.length);
    expect(new Set(SCENES.map((scene) => scene.name)).size).toBe(SCENES.length);
  });

  test('an anchor that has gone is an error that names the mutant', async () => {
    const rotten: Mutant = { rule: '3.1', name: 'rotten', changes: [['core.ts', 'this text stands nowhere', '']] };
    await expect(subjectOf(rotten)).rejects.toThrow(/3\.1 rotten: its anchor stands 0 times in core\.ts/);
    const twice: Mutant = { rule: '3.1', name: 'vague', changes: [['core.ts', 'self', '']] };
    await expect(subjectOf(twice)).rejects.toThrow(/3\.1 vague: its anchor stands \d+ times in core\.ts/);
  });
});

test('the tables say who caught what', () => {
  const [first, second] = MUTANTS as [Mutant, Mutant];
  const check: Found = { strength: 'check', checker: 'orphans', where: 'relay', why: 'lost' };
  const hand: Found = {
    strength: 'hand',
    checker: 'expected',
    where: 'a scene of a very long name'.repeat(9),
    why: '',
  };
  const results: Result[] = [
    {
      mutant: first,
      layers: new Map([
        ['scenes', { found: hand, ms: 3 }],
        ['exploration', { found: check, ms: 1000 }],
      ]),
      caught: { layer: 'scenes', found: hand, ms: 3 },
    },
    { mutant: second, layers: new Map([['scenes', { found: null, ms: 2 }]]), caught: null },
  ];
  const table = firstTable(results, 120);
  expect(table).toContain('SURVIVES');
  expect(allTable(results, LAYERS, 120)).toMatch(/expected .*orphans/);
  expect(layerTable(results, LAYERS)).toMatch(/caught here alone +0 +0 +0 +0/);
  expect(layerTable(results, LAYERS)).toMatch(/by a check here alone +0 +0 +1 +0/);
  expect(closing(results)).toBe(
    '1 by a check of what must always hold, 0 only by what a scene or a golden text expects, 0 only by an exception\n' +
      '1 of 2 caught',
  );
});

test('no line is wider than its 120 columns, whatever is caught where', () => {
  const hand: Found = { strength: 'hand', checker: 'containment', where: 'w'.repeat(200), why: '' };
  const caught = { layer: 'golden' as Layer, found: hand, ms: 12345 };
  const layers: Result['layers'] = new Map(LAYERS.map((layer) => [layer, { found: hand, ms: 1 }]));
  const results = MUTANTS.map((mutant): Result => ({ mutant, layers, caught }));
  const table = firstTable(results, 120);
  const lines = [...table.split('\n'), ...allTable(results, LAYERS, 120).split('\n')];
  for (const line of lines) expect(line.length, line).toBeLessThanOrEqual(120);
  // names are whole, and enough is left to find the place again
  for (const mutant of MUTANTS) expect(table).toContain(mutant.name);
  expect(table).toContain('w'.repeat(20));
});
