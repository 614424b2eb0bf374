// The numbered rules of firmware/PROTOCOL.md, and which of them a mutant must break.

import { readFileSync } from 'node:fs';
import path from 'node:path';

const PROTOCOL = path.join(import.meta.dirname, '..', '..', 'firmware', 'PROTOCOL.md');

/** Numbers of all rules, in their order: items that begin with **4.2.3** or **5.0.1 Freeze.** */
export function readRules(text = readFileSync(PROTOCOL, 'utf8')): string[] {
  return [...text.matchAll(/^- \*\*(\d+(?:\.\d+)+)\b/gm)].map((match) => match[1] as string);
}

/** Numbers of the sections, whose prose may be a rule too. */
export function readSections(text = readFileSync(PROTOCOL, 'utf8')): string[] {
  return [...text.matchAll(/^## (\d+)\. /gm)].map((match) => match[1] as string);
}

/** Rules that have no mutant, and why. */
export const WITHOUT: Record<string, string> = {
  '1.1': 'a word: how processes are numbered',
  '1.2': 'a word: roles',
  '1.3': 'a word: boundary messages; their count is 4.1.1',
  '1.4': 'a word: T, V and contaminated; what is done with them is 4.1 to 4.4',
  '1.5': 'a word: the counters; what is done with them is 3.2, 4.1, 4.2, 4.4',
  '1.6': 'a word: cuts and epochs; what is done with them is 5.0',
  '2.1': 'assumed of channels; what the core does for it is 5.0.5',
  '2.2': 'assumed of faults',
  '2.3': 'assumed of versions; 4.5 finds where it does not hold',
  '2.4': 'assumed of tests',
  '2.5': 'assumed of applications',
  // not of the core: mistakes against them are planted in the firmware by `npm run power -- boards --planted`
  '6.4': 'of the board: what the log holds, and a replay that is not believed (test/durable.test.ts)',
  '6.6': 'of the board: sessions; planted: a session without all its bases is taken up',
  '6.7': 'of the board: lives; planted in the link (test/explore.test.ts)',
  '6.8': 'of the board: drivers; planted: done, and not durable',
  '6.9': 'of the board: what a boot completes',
  '6.10': 'of the board: resets (test/durable.test.ts)',
  '6.11': 'of the board: bounds (test/durable.test.ts)',
  '6.12': 'of the board: a new version that was away',
};

/** In the order of the document. */
export function compareRules(a: string, b: string): number {
  const [one, other] = [a.split('.').map(Number), b.split('.').map(Number)];
  for (let i = 0; i < 3; i++) {
    const difference = (one[i] ?? -1) - (other[i] ?? -1);
    if (difference !== 0) return difference;
  }
  return 0;
}
