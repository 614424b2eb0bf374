// The native board with JerryScript 3, for this machine and for a Cortex-M3 that QEMU plays. UNDERSTUDY_JERRY names the
// folder of its installations (boards/native/PORTING.md); without it these tests are skipped, and say so.

import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { runInNewContext } from 'node:vm';
import { crc32 } from 'node:zlib';
import { afterAll, afterEach, describe, expect, test } from 'vitest';
import type { NativeTarget } from '../host/build/engine-parts.ts';
import { bundleFor, whyNoImage } from '../host/build/image.ts';
import { asIntegers, withIntegers } from '../host/build/integers.ts';
import { jerryscript } from '../host/build/jerryscript.ts';
import { buildNative, type NativeBuilt } from '../host/build/native.ts';
import { root } from '../host/build/root.ts';
import { Rig } from './native/rig.ts';
import { bundles, nativeSuite, TARGETS } from './native/suite.ts';

const HEAP = 512 * 1024;
/** For the firmware that is an image, as README has it. */
const IMAGE_HEAP = 64 * 1024;
/** boards/native/bundle.h and image.h */
const HEAD_BYTES = 12;
const OWN_CRC_AT = 32;
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

/** Null: it can run images; else it has to do with texts. */
function whyTexts(target: NativeTarget): string | null {
  return whyNoImage({ engine: 'jerryscript', target });
}

/** The file of an image of this bundle. */
async function imageOf(target: NativeTarget, file: string): Promise<string> {
  const image = `${file}.${target}`;
  writeFileSync(image, await bundleFor({ engine: 'jerryscript', target }, readFileSync(file, 'utf8')));
  return image;
}

/** Images of the probe. */
const probes = new Map<NativeTarget, string>();
for (const [target, { program }] of built) {
  const why = whyTexts(target);
  if (why === null) probes.set(target, await imageOf(target, files.probe));
  else console.warn(`jerryscript for ${target}: images SKIPPED, for ${why}`);
  const own = { engine: 'jerryscript', target, program, heap: HEAP, noHeap: 1000, full: 'restarts' } as const;
  const image = (file: string): Promise<string> => imageOf(target, file);
  nativeSuite(why === null ? { ...own, firmwareHeap: IMAGE_HEAP, image } : { ...own, firmwareHeap: HEAP }, files);
}

describe.skipIf(probes.size === 0)('jerryscript, bundles that are images', () => {
  let rig: Rig | null = null;
  let number = 0;
  afterEach(async () => {
    await rig?.kill();
  });

  async function boot(target: NativeTarget, bundle: string): Promise<Rig> {
    const program = built.get(target)?.program as string;
    const folder = join(files.folder, `image-${number++}`);
    const settings = { name: 'a', 'sector-bytes': 4096, sectors: 64, 'program-bytes': 8, heap: HEAP };
    rig = new Rig({ target, program, folder, bundle, settings });
    await rig.on();
    return rig;
  }

  /** The probe's image, changed, with a sum that is right again. */
  function changed(target: NativeTarget, change: (image: Buffer) => void, summed = true): string {
    const image = readFileSync(probes.get(target) as string);
    change(image);
    if (summed) image.writeUInt32LE(crc32(image.subarray(HEAD_BYTES)), HEAD_BYTES - 4);
    const file = join(files.folder, `changed-${number++}`);
    writeFileSync(file, image);
    return file;
  }

  for (const target of probes.keys()) {
    test(`are told from texts: ${target}`, async () => {
      expect(await (await boot(target, files.probe)).said('boot')).toBe('boot power -1');
    });

    test(`are checked before they run: ${target}`, async () => {
      const damaged = changed(target, (image) => image.writeUInt8(image.readUInt8(1000) ^ 1, 1000), false);
      await (await boot(target, damaged)).logged('image is damaged: write it anew');
      await rig?.kill();
      const longer = changed(target, (image) => image.writeUInt32LE(image.length + 8, 4));
      await (await boot(target, longer)).logged('image is damaged');
      await rig?.kill();
      const other = changed(target, (image) => image.writeUInt32LE(1, OWN_CRC_AT));
      await (await boot(target, other)).logged('made with a JerryScript that was built otherwise');
    });
  }

  test.skipIf(!probes.has('mps2-an385'))('run on a chip at another address than they were made for', async () => {
    const user = { engine: 'jerryscript', target: 'linux' } as const;
    const file = join(files.folder, 'elsewhere');
    writeFileSync(file, await bundleFor(user, readFileSync(files.probe, 'utf8')));
    expect(await (await boot('mps2-an385', file)).said('boot')).toBe('boot power -1');
    expect(await rig?.ask('facts')).toBe('a jerryscript true true 4096 64 8');
  });
});

test('says what an image would save, and what keeps one from being made', () => {
  const before = process.env.UNDERSTUDY_JERRY;
  const folder = join(files.folder, 'installations');
  process.env.UNDERSTUDY_JERRY = folder;
  const install = (target: NativeTarget, options: string[]): void => {
    const own = join(folder, target);
    mkdirSync(join(own, 'lib', 'pkgconfig'), { recursive: true });
    mkdirSync(join(own, 'include'), { recursive: true });
    const lines = [`libdir=${own}/lib`, `includedir=${own}/include`, 'Name: j', 'Description: j', 'Version: 3.0.0'];
    writeFileSync(join(own, 'lib', 'pkgconfig', 'libjerry-core.pc'), `${lines.join('\n')}\n`);
    const config = [
      '#ifndef JERRYSCRIPT_CONFIG_H',
      ...options.map((o) => `#define ${o}`),
      '#ifndef JERRY_SNAPSHOT_EXEC',
    ];
    writeFileSync(
      join(own, 'include', 'jerryscript-config.h'),
      `${config.join('\n')}\n#define JERRY_SNAPSHOT_EXEC 1\n`,
    );
  };
  const why = (): string | null => whyNoImage({ engine: 'jerryscript', target: 'mps2-an385' });
  try {
    install('mps2-an385', ['JERRY_STACK_LIMIT 12']);
    expect(why()).toMatch(/mps2-an385 was built without JERRY_SNAPSHOT_EXEC, so it compiles .*PORTING/);
    install('mps2-an385', ['JERRY_STACK_LIMIT 12', 'JERRY_SNAPSHOT_EXEC 1']);
    expect(why()).toMatch(/no JerryScript for linux/);
    install('linux', ['JERRY_STACK_LIMIT 256', 'JERRY_SNAPSHOT_EXEC 1']);
    expect(why()).toMatch(/linux was built without JERRY_SNAPSHOT_SAVE/);
    install('linux', ['JERRY_STACK_LIMIT 256', 'JERRY_SNAPSHOT_SAVE 1', 'JERRY_BUILTIN_JSON 0']);
    expect(why()).toMatch(/not built alike for linux and mps2-an385 \(JERRY_BUILTIN_JSON 0\)/);
    install('linux', ['JERRY_STACK_LIMIT 256', 'JERRY_SNAPSHOT_SAVE 1']);
    expect(why()).toBeNull();
    expect(whyNoImage({ engine: 'duktape', target: 'linux' })).toBeNull();
  } finally {
    if (before === undefined) delete process.env.UNDERSTUDY_JERRY;
    else process.env.UNDERSTUDY_JERRY = before;
  }
});

test('numbers that no image can have are made of integers, exactly', () => {
  const awkward = [
    0.1,
    0.5,
    2 ** 27,
    2 ** 32 - 1,
    2 ** 53 - 1,
    3.4028234663852886e38,
    Number.MAX_VALUE,
    5e-324,
    1e-310,
  ];
  for (const value of [...awkward, 1e300, Number.POSITIVE_INFINITY]) {
    const text = asIntegers(value);
    expect(runInNewContext(text), text).toBe(value);
    for (const digits of text.match(/[0-9]+/g) ?? []) expect(Number(digits)).toBeLessThan(2 ** 27);
  }
  for (const value of [0, 7, 2 ** 27 - 1]) expect(asIntegers(value)).toBe(String(value));
  expect(withIntegers('var a={1e9:-4294967296,b:.5};return_=a')).toBe('var a={1e9:-(67108864*64),b:(1/2)};return_=a');
});
