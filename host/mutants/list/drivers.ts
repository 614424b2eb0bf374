// Section 7: drivers.

import type { Mutant } from '../mutant.ts';

export const DRIVERS: Mutant[] = [
  {
    rule: '7.1',
    name: '13 a driver that does not count',
    changes: [['driver.ts', '  if (e <= driver.done[component]) return false;\n', '']],
    scene: '13 a driver that does not count',
    caughtBy: /^border: device 0, component 0: did e=1 after e=1/,
  },
  {
    rule: '7.1',
    name: 'a driver that counts components together',
    changes: [
      [
        'driver.ts',
        '  driver.done[component] = e;\n',
        '  for (let i = 0; i < driver.done.length; i++) driver.done[i] = e;\n',
      ],
    ],
  },
  {
    rule: '7.2',
    name: '21 a driver hears a low process after the recovery',
    changes: [['driver.ts', '  if (lowEpoch !== undefined && lowEpoch < driver.recovered) return false;\n', '']],
  },
  {
    rule: '7.3',
    name: 'a latest device that is numbered',
    changes: [['driver.ts', '  if (latest) return true;\n', '']],
  },
];
