// The conformance program, and what it says in Node: all other engines must say the same.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { runInNewContext } from 'node:vm';
import { crc32 } from 'node:zlib';
import { expect } from 'vitest';
import type { Board, Hal } from '../hal/hal.ts';
import { conformancePart } from '../host/build/conformance.ts';
import type { Machine } from '../host/testbed/power.ts';
import { Socketed } from '../host/testbed/seat.ts';

/** All lines up to and with `end`, as Node says them. */
export function saysInNode(text: string): string[] {
  const context: { understudy?: { boot(hal: Hal): Board } } = {};
  runInNewContext(`${text}\nunderstudy_ = understudy;`, context);
  const boot = (context as { understudy_?: { boot(hal: Hal): Board } }).understudy_?.boot as (hal: Hal) => Board;
  let said = '';
  const board = boot({
    now: () => 0,
    kick: () => undefined,
    crc32: (bytes: Uint8Array, from: number, to: number, crc: number) =>
      // zlib begins anew where there is nothing to go on with
      from === to ? crc : crc32(bytes.subarray(from, to), crc),
    serial: (bytes: Uint8Array) => {
      said += Buffer.from(bytes).toString('latin1');
    },
  } as unknown as Hal);
  for (let i = 0; i < 10_000 && !/^end /m.test(said); i++) board.poll();
  return said.trimEnd().split('\n');
}

/** What a board says that runs it, up to and with `end`; ends it. `ms`: how long it may take. */
export async function saysOn(machine: Machine, ms: number): Promise<{ lines: string[]; log: string[] }> {
  const line = new Socketed();
  const log: string[] = [];
  await machine.open(line);
  return await new Promise((resolve) => {
    let said = '';
    let ended = false;
    const finish = (): void => {
      if (ended) return;
      ended = true;
      clearTimeout(timer);
      run.kill();
      line.close();
      // what it goes on to say is not asked for
      const lines = said.trimEnd().split('\n');
      const end = lines.findIndex((line) => line.startsWith('end '));
      resolve({ lines: end < 0 ? lines : lines.slice(0, end + 1), log });
    };
    const timer = setTimeout(finish, ms);
    line.onData((bytes) => {
      said += Buffer.from(bytes).toString('latin1');
      if (/^end .*\n/m.test(said)) finish();
    });
    const told = {
      booted: () => undefined,
      kick: () => undefined,
      bus: () => undefined,
      output: () => undefined,
      log: (text: string) => void log.push(text),
      restarted: () => undefined,
      broken: (why: string) => void log.push(why),
      ended: ({ how }: { how: string }) => {
        log.push(how);
        finish();
      },
    };
    const run = machine.start(1, 'power', line, told as never);
  });
}

/** A part of the conformance program as a file of this folder, and what an engine must say that runs it. */
export async function conformanceFile(part: string, folder: string): Promise<{ bundle: string; says: string[] }> {
  const { text } = await conformancePart(part);
  const bundle = join(folder, `${part}.js`);
  writeFileSync(bundle, text);
  const says = saysInNode(text);
  // else one that stops at once would do as Node
  expect(says.length).toBeGreaterThan(3);
  expect(says.at(-1)).toMatch(new RegExp(`^end ${says.length - 1} [0-9a-f]{8}$`));
  return { bundle, says };
}
