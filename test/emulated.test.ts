// The sample mission's upgrades on boards that are not virtual, through the real serialport, with a power cut (SIGKILL)
// in each phase: staging, start, guard, and the commit or recovery that ends it. Five emulated Cortex-M boards (QEMU, the
// native board with Duktape), one to three minutes a flight, and for a shorter time five programs of this machine with the
// same engine.

import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { describe, test } from 'vitest';
import { FLIGHTS, flightsOf, judge } from './testbed/flights.ts';

/** Of what each kind needs: a program or a file, and the Debian package that has it. */
const TOOLS: Record<string, [string, string][]> = {
  duktape: [
    ['gcc', 'gcc'],
    ['/usr/share/duktape/duktape.c', 'duktape-dev'],
  ],
  emulated: [
    ['qemu-system-arm', 'qemu-system-arm'],
    ['arm-none-eabi-gcc', 'gcc-arm-none-eabi'],
    ['/usr/lib/arm-none-eabi/include/newlib.h', 'libnewlib-arm-none-eabi'],
    ['/usr/share/duktape/duktape.c', 'duktape-dev'],
  ],
};

function there(tool: string): boolean {
  if (tool.startsWith('/')) return existsSync(tool);
  return (process.env.PATH ?? '').split(delimiter).some((folder) => existsSync(join(folder, tool)));
}

/** Packages that are missing on this machine. Where everything is tested, nothing may be. */
function missing(boards: string): string[] {
  const packages = (TOOLS[boards] ?? []).filter(([tool]) => !there(tool)).map(([, name]) => name);
  if (packages.length === 0 || process.env.CI) return [];
  console.warn(`SKIPPED: ${boards} boards are not tested: sudo apt-get install ${packages.join(' ')}`);
  return packages;
}

describe.skipIf(missing('duktape').length > 0)('programs of this machine with Duktape', () => {
  test.each(flightsOf('ADE'))(
    'upgrade $upgrade ends in $end, nothing is lost or repeated',
    (one) => judge('duktape', 2, one),
    300_000,
  );
});

describe.skipIf(missing('emulated').length > 0)('emulated Cortex-M boards', () => {
  test.each(FLIGHTS)(
    'upgrade $upgrade ends in $end, nothing is lost or repeated',
    (one) => judge('emulated', 8, one),
    900_000,
  );
});
