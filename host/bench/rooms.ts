// Which part of the firmware its bundle's bytes are of.

import { join } from 'node:path';
import { build } from 'esbuild';
import { boardBundle } from '../build/bundle.ts';
import { root } from '../build/root.ts';

export interface Room {
  name: string;
  bytes: number;
}

/** In order: the first that fits counts. */
const ROOMS: [string, RegExp][] = [
  ['core', /firmware\/core\//],
  ['link', /firmware\/link\//],
  ['journal', /hal\/ring|firmware\/(store|base|delta|entry|resume)\.ts/],
  ['agent', /firmware\/(agent|status|image|stage|record)\.ts/],
  ['bus and channels', /firmware\/(bus|channel|beat|peer|wire)\.ts/],
  ['runtime and devices', /./],
];

/**
 * The whole as it is built, and each part's share of it: as esbuild's own minifier divides the bytes, for the one that
 * makes the bundle cannot tell.
 */
export async function rooms(): Promise<{ bytes: number; rooms: Room[] }> {
  const { text } = await boardBundle();
  const { metafile } = await build({
    entryPoints: [join(root(), 'firmware', 'main.ts')],
    absWorkingDir: root(),
    bundle: true,
    minify: true,
    format: 'esm',
    target: 'es2015',
    platform: 'neutral',
    tsconfigRaw: '{}',
    write: false,
    metafile: true,
    logLevel: 'silent',
  });
  const sums = new Map<string, number>(ROOMS.map(([name]) => [name, 0]));
  let all = 0;
  for (const { inputs } of Object.values(metafile.outputs)) {
    for (const [file, { bytesInOutput }] of Object.entries(inputs)) {
      const name = ROOMS.find(([, files]) => files.test(file))?.[0] ?? '';
      sums.set(name, (sums.get(name) ?? 0) + bytesInOutput);
      all += bytesInOutput;
    }
  }
  const bytes = Buffer.byteLength(text);
  return { bytes, rooms: [...sums].map(([name, own]) => ({ name, bytes: Math.round((own / all) * bytes) })) };
}
