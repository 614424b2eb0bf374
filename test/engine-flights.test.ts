// The sample mission's upgrades on five boards of this machine with an engine that no package has, through the
// real serialport, with a power cut (SIGKILL) in each phase, as emulated.test.ts flies them with Duktape:
// UNDERSTUDY_JERRY=/path/to/installations UNDERSTUDY_ESPRUINO=/path/to/espruino npm test -- engine-flights
// (and UNDERSTUDY_TELL=1 tells where a flight stands)

import { describe, test } from 'vitest';
import { flightsOf, judge } from './testbed/flights.ts';

interface Engine {
  boards: string;
  /** names what it needs */
  variable: string;
  upgrades: string;
  /** real seconds for each of the mission's: what five of them can carry on two cores that have other work */
  slow: number;
  heartbeatMs?: number;
  /** the longest that a flight may take */
  minutes: number;
}

const ENGINES: Engine[] = [
  { boards: 'jerryscript', variable: 'UNDERSTUDY_JERRY', upgrades: 'ABCDE', slow: 2, minutes: 5 },
  // 15 ms of a desktop's processor for a packet, and up to 150 on its way: heartbeats are most of what they do
  { boards: 'espruino', variable: 'UNDERSTUDY_ESPRUINO', upgrades: 'AB', slow: 20, heartbeatMs: 3000, minutes: 15 },
];

for (const { boards, variable, upgrades, slow, heartbeatMs, minutes } of ENGINES) {
  const given = (process.env[variable] ?? '') !== '';
  if (!given) console.warn(`test/engine-flights.test.ts: ${boards} SKIPPED, for ${variable} is not set`);

  describe.skipIf(!given)(`five boards with ${boards}`, () => {
    test.each(flightsOf(upgrades))(
      'upgrade $upgrade ends in $end, nothing is lost or repeated',
      (one) => judge(boards, slow, one, heartbeatMs),
      minutes * 60_000,
    );
  });
}
