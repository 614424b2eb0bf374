// The sample mission's upgrades with a power cut in each phase, and what must come of each, whatever its boards run on.

import { expect } from 'vitest';
import type { Trial } from './cuts.ts';
import { fly } from './cuts.ts';

export interface Flight extends Omit<Trial, 'boards' | 'slow' | 'heartbeatMs' | 'seed'> {
  end: 'commit' | 'recovery';
  why: RegExp;
}

// Each begins in the profile shortly before what the upgrade fails at.
export const FLIGHTS: Flight[] = [
  { upgrade: 'A', begin: 5, commitAfter: 3, end: 'commit', why: /^operator/ },
  { upgrade: 'B', begin: 38, commitAfter: 0, end: 'recovery', why: /^acceptance test failed/ },
  { upgrade: 'C', begin: 5, commitAfter: 0, end: 'recovery', why: /setting 'time'|undefined/ },
  { upgrade: 'D', begin: 28, commitAfter: 0, end: 'recovery', why: /^hang/ },
  { upgrade: 'E', begin: 8, commitAfter: 0, end: 'recovery', why: /^flood/ },
];

export const flightsOf = (letters: string): Flight[] => FLIGHTS.filter(({ upgrade }) => letters.includes(upgrade));

/** Flies it on boards of this kind (`testbed up --boards`), `slow` real seconds for each of the mission's. */
export async function judge(boards: string, slow: number, flight: Flight, heartbeatMs?: number): Promise<void> {
  const { end, why, ...trial } = flight;
  const flown = await fly({
    ...trial,
    boards,
    slow,
    seed: 1,
    ...(heartbeatMs ? { heartbeatMs } : {}),
  });
  const story = JSON.stringify({ cuts: flown.cuts, why: flown.why });
  expect(flown.problems.slice(0, 5), story).toEqual([]);
  expect(flown.end, story).toBe(end);
  expect(flown.why, story).toMatch(why);
  // a power cut in each phase, and the checkers did look
  const phases = flown.cuts.map(({ phase }) => phase);
  expect(phases, story).toEqual(expect.arrayContaining(['staging', 'start', end]));
  expect(flown.counts['messages delivered']).toBeGreaterThan(50);
  expect(flown.counts['steps repeated after power cuts']).toBeGreaterThan(0);
  expect(flown.counts['messages accounted for at cuts']).toBeGreaterThan(0);
}
