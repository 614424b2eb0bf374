// Which program an Espruino board starts, where programs stand in pages of its flash: played in Node, for the
// interpreter of this machine has no such pages.

import { crc32 } from 'node:zlib';
import { afterAll, beforeEach, expect, test } from 'vitest';
import type { BootSettings } from '../hal/espruino-boot.ts';
import { SLOT_TRIES, SLOT_UNITS, start } from '../hal/espruino-boot.ts';
import { slotHeader } from '../host/build/espruino.ts';

const UNIT = 16;
const SLOT = 4096;
const AT: [number, number] = [0x1000, 0x2000];
let flash = Buffer.alloc(0x3000, 0xff);
let ran: string[] = [];
/** texts that throw */
let throwing: string[] = [];

const globals = globalThis as Record<string, unknown>;
globals.E = {
  CRC32: (data: string | Uint8Array) => crc32(Buffer.from(data as string, 'latin1')),
  memoryArea: (at: number, length: number) => flash.toString('latin1', at, at + length),
};
globals.understudy = { boot: 1 };
afterAll(() => {
  for (const name of ['E', 'understudy', 'understudyDrive']) delete globals[name];
});

beforeEach(() => {
  flash = Buffer.alloc(0x3000, 0xff);
  ran = [];
  throwing = [];
});

function put(slot: 0 | 1, sequence: number, text: string): void {
  flash.fill(0xff, AT[slot], AT[slot] + SLOT);
  flash.write(text, AT[slot] + SLOT_UNITS * UNIT, 'latin1');
  flash.set(slotHeader(sequence, Buffer.from(text, 'latin1')), AT[slot]);
}

/** Starts; `good`: the program shows that it runs. */
function boot(good = false): boolean {
  globals.understudyDrive = (settings: BootSettings) => {
    if (good) settings.good?.();
  };
  const settings = {
    evaluate: (text: string) => {
      ran.push(text);
      if (throwing.includes(text)) throw new Error('no');
    },
    slots: {
      storage: null,
      at: AT,
      unitBytes: UNIT,
      pages: {
        read: (length: number, at: number) => new Uint8Array(flash.subarray(at, at + length)),
        write: (data: Uint8Array, at: number) => {
          for (const [i, byte] of data.entries()) {
            expect(flash[at + i]).toBe(255);
            flash[at + i] = byte;
          }
        },
      },
    },
  };
  return start(settings as unknown as BootSettings);
}

test('nothing there: nothing runs', () => {
  expect([boot(), ran]).toEqual([false, []]);
});

test('the newer of two whole programs, wherever it stands; a damaged one is none', () => {
  put(0, 7, 'old');
  put(1, 8, 'new');
  expect([boot(true), ran]).toEqual([true, ['new']]);
  put(0, 9, 'newest');
  expect([boot(true), ran]).toEqual([true, ['new', 'newest']]);
  flash[AT[0] + SLOT_UNITS * UNIT] = 0;
  expect([boot(true), ran.at(-1)]).toEqual([true, 'new']);
  flash[AT[1] + 4] = 0;
  expect([boot(true), ran.length]).toEqual([false, 3]);
});

test('one that throws gives way at once; one that never shows that it runs, after three starts', () => {
  put(0, 1, 'old');
  boot(true);
  put(1, 2, 'new');
  throwing = ['new'];
  expect([boot(true), ran.slice(1)]).toEqual([true, ['new', 'old']]);
  throwing = [];
  put(1, 2, 'new');
  ran = [];
  for (let i = 0; i < SLOT_TRIES + 2; i++) boot();
  expect(ran).toEqual(['new', 'new', 'new', 'old', 'old']);
});

test('one that has shown that it runs is tried for ever, and its marks are set once', () => {
  put(1, 2, 'new');
  boot(true);
  for (let i = 0; i < 6; i++) boot();
  expect(ran).toEqual(Array(7).fill('new'));
  expect(flash[AT[1] + UNIT]).toBe(0);
  expect(flash[AT[1] + 2 * UNIT]).toBe(255);
});

test('where all have failed, the newest is tried again', () => {
  put(0, 1, 'old');
  put(1, 2, 'new');
  for (let i = 0; i < 2 * SLOT_TRIES; i++) boot();
  ran = [];
  boot();
  expect(ran).toEqual(['new']);
});
