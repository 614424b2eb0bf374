// The native board with JerryScript 3, for this machine and for a Cortex-M3 that QEMU plays. UNDERSTUDY_JERRY names the
// folder of its installations (boards/native/PORTING.md); without it these tests are skipped, and say so.

import { existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import type { NativeTarget } from '../host/build/engine-parts.ts';
import { jerryscript } from '../host/build/jerryscript.ts';
import { buildNative, type NativeBuilt } from '../host/build/native.ts';
import { root } from '../host/build/root.ts';
import { bundles, nativeSuite, TARGETS } from './native/suite.ts';

const HEAP = 512 * 1024;
const prefix = process.env.UNDERSTUDY_JERRY ?? '';
if (prefix === '') console.warn('test/jerryscript.test.ts: SKIPPED, for UNDERSTUDY_JERRY names no installations');

const files = await bundles();
afterAll(() => rmSync(files.folder, { recursive: true, force: true }));
const built = new Map<NativeTarget, NativeBuilt>();
if (prefix !== '') {
  for (const target of TARGETS) {
    if (existsSync(join(prefix, target))) built.set(target, await buildNative({ target, engine: 'jerryscript' }));
    else console.warn(`jerryscript for ${target}: SKIPPED, there is no ${join(prefix, target)}`);
  }
}

test('says what is missing where there is no installation', () => {
  const before = process.env.UNDERSTUDY_JERRY;
  process.env.UNDERSTUDY_JERRY = join(files.folder, 'nowhere');
  try {
    const native = join(root(), 'boards', 'native');
    expect(() => jerryscript({ target: 'linux', folder: files.folder, native })).toThrow(
      expect.objectContaining({ code: 'E_TOOL', next: expect.stringContaining('UNDERSTUDY_JERRY') }),
    );
  } finally {
    if (before === undefined) delete process.env.UNDERSTUDY_JERRY;
    else process.env.UNDERSTUDY_JERRY = before;
  }
});

for (const [target, { program }] of built) {
  const heaps = { heap: HEAP, firmwareHeap: HEAP, noHeap: 2000 };
  nativeSuite({ engine: 'jerryscript', target, program, ...heaps, full: 'restarts' }, files);
}
