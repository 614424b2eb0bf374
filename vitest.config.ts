import { defineConfig } from 'vitest/config';

/** What passes in real time, with processes, ports and emulated chips: one at a time, when nothing else runs. */
const REAL_TIME = [
  'cli',
  'daemon',
  'emulated',
  'engine-flights',
  'espruino',
  'install',
  'jerryscript',
  'kill',
  'native',
  'pty',
  'seats',
].map((name) => `test/${name}.test.ts`);

const common = { pool: 'forks' as const, testTimeout: 60_000, hookTimeout: 60_000, teardownTimeout: 20_000 };

export default defineConfig({
  test: {
    maxWorkers: 2,
    projects: [
      {
        test: {
          ...common,
          name: 'lockstep',
          include: ['test/**/*.test.ts'],
          exclude: REAL_TIME,
          maxWorkers: 2,
          sequence: { groupOrder: 0 },
        },
      },
      { test: { ...common, name: 'time', include: REAL_TIME, maxWorkers: 1, sequence: { groupOrder: 1 } } },
    ],
  },
});
