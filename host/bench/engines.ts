// Engines of the native board that this machine has, with what is missing told loudly.

import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { findTool } from '../build/engine-parts.ts';
import { whyNoImage } from '../build/image.ts';
import { JERRY } from '../build/jerryscript.ts';
import { QEMU, QEMU_PACKAGE } from '../testbed/emulated.ts';

export interface ReadyEngine {
  engine: string;
  /** plenty: what the board needs is another question */
  heap: number;
}

const DUKTAPE_HEAP = 2_000_000;
/** The most that JerryScript has. */
export const JERRY_HEAP = 512 * 1024;
const CHIP = 'mps2-an385';

/** Throws Failure E_TOOL where the machine has no emulator. */
export function engines(): { ready: ReadyEngine[]; missing: string[] } {
  findTool(QEMU, QEMU_PACKAGE);
  const ready: ReadyEngine[] = [{ engine: 'duktape', heap: DUKTAPE_HEAP }];
  const folder = process.env[JERRY] ?? '';
  if (folder !== '' && existsSync(join(folder, CHIP))) {
    ready.push({ engine: 'jerryscript', heap: JERRY_HEAP });
    const why = whyNoImage({ engine: 'jerryscript', target: CHIP });
    return { ready, missing: why === null ? [] : [`JERRYSCRIPT WITHOUT AN IMAGE OF THE BUNDLE: ${why}`] };
  }
  const why = folder === '' ? `${JERRY} names no installations` : `there is no ${join(folder, CHIP)}`;
  return { ready, missing: [`JERRYSCRIPT NOT MEASURED: ${why}; boards/native/PORTING.md tells how to make them`] };
}

/** As the engine's own header or package has it. */
export function engineVersion(engine: string): string {
  if (engine === 'duktape') {
    const header = join(process.env.UNDERSTUDY_DUKTAPE ?? '/usr/share/duktape', 'duktape.h');
    const found = /#define DUK_VERSION\s+(\d+)L/.exec(readFileSync(header, 'utf8'));
    const number = Number(found?.[1] ?? 0);
    return `${Math.floor(number / 10000)}.${Math.floor(number / 100) % 100}.${number % 100}`;
  }
  const file = join(process.env[JERRY] ?? '', CHIP, 'lib', 'pkgconfig', 'libjerry-core.pc');
  return /^Version:\s*(\S+)/m.exec(readFileSync(file, 'utf8'))?.[1] ?? '?';
}
