// Interactions as text, kept beside this file: they are to be read. UPDATE_GOLDEN=1 writes them anew.

import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { DIRECTORY, fileOf, GOLDEN, playGolden } from '../host/mutants/golden.ts';

describe('golden traces', () => {
  for (const golden of GOLDEN) {
    test(golden.name, () => {
      const { text, violations } = playGolden(golden);
      expect(violations).toEqual([]);
      const file = fileOf(golden);
      if (process.env.UPDATE_GOLDEN) {
        mkdirSync(DIRECTORY, { recursive: true });
        writeFileSync(file, text);
      }
      expect(existsSync(file), `${file} is missing: UPDATE_GOLDEN=1 writes it`).toBe(true);
      expect(text).toBe(readFileSync(file, 'utf8'));
    });
  }
});
