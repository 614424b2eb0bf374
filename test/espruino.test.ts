// The official Espruino interpreter, as its authors build it for Linux: UNDERSTUDY_ESPRUINO=/path/to/espruino, which may
// as well name one with a board's number of variables (README). No package has it; without it these tests are skipped,
// and say so.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { PARTS } from '../host/build/conformance.ts';
import { espruinoMachine, grows } from '../host/testbed/espruino.ts';
import { conformanceFile, saysOn } from './engines.ts';

const program = process.env.UNDERSTUDY_ESPRUINO ?? '';
if (program === '') console.warn('test/espruino.test.ts: SKIPPED, for UNDERSTUDY_ESPRUINO names no interpreter');

const folders: string[] = [];
afterAll(() => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

function newFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'understudy-engine-'));
  folders.push(folder);
  return folder;
}

function machineFor(folder: string, bundle: string): ReturnType<typeof espruinoMachine> {
  const flash = { sectorBytes: 1024, sectors: 96, programBytes: 4 };
  return espruinoMachine({
    board: { name: 'one', kind: 'engine', type: 'linux-espruino', engine: 'espruino', program, flash },
    bundle,
    flashFile: join(folder, 'flash'),
    keptFile: join(folder, 'kept'),
    seed: 1,
    epochNs: '0',
    pty: null,
  });
}

/** A bundle: what it does at boot, and at each poll. Its lives are counted by `own`, anew whenever it is loaded. */
const bundleOf = (boot: string, poll: string): string => `var life = 0, understudy = { boot: function (hal) {
  var say = function (text) {
    var bytes = new Uint8Array(text.length + 1);
    for (var i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
    bytes[text.length] = 10;
    hal.serial(bytes);
  };
  var own = ++life, polls = 0, held = null, list = [];
  var deeper = function (n) { list.push(n); deeper(n + 1); };
  var nothing = function () {};
  ${boot}
  return { serial: nothing, bus: nothing, input: nothing, poll: function () {
    polls++;
    ${poll}
    return hal.now() + 5;
  } };
} };`;

const TELL = "say('boot ' + hal.cause + ' ' + hal.marked); hal.mark(-1);";
/** It has no more lives than one with this, whoever counts them: they end with the second that begins with power. */
const TWICE =
  "if (hal.cause === 'power') { if (hal.flash.read(0, 4)[0] === 0) say('end 1'); else hal.flash.program(0, new Uint8Array(4)); }";
/** Its first life runs out of stack (of memory, where that is small), its second throws, its third asks for a restart. */
const LIVES = `if (polls === 3) {
  if (own === 1) {
    hal.mark(6);
    try { deeper(0); } catch (error) { say('caught'); } finally { say('finally'); }
  }
  if (own === 2) throw new Error('planned');
  if (own === 3) hal.reset();
}`;
/** Its first life fills all memory, its second does it in a way of which the engine does not find all again. */
const FULL = `if (polls === 3) {
  if (own === 1) for (;;) held = { next: held, fn: function () { return held; } };
  if (own === 2) deeper(0);
  if (own === 3) hal.reset();
}`;

/** What it says up to its `end`. */
async function says(bundle: string): Promise<string[]> {
  const folder = newFolder();
  const file = join(folder, 'board.js');
  writeFileSync(file, bundle);
  return (await saysOn(machineFor(folder, file), 40_000)).lines;
}

/** Has it a board's number of variables? Such a build runs the program from flash, which is a file here: that takes minutes. */
const few = program !== '' && !grows(program, newFolder());

describe.skipIf(program === '')('espruino', () => {
  test.each(PARTS)('does as Node, to the byte: %s', { timeout: 920_000 }, async (part) => {
    const folder = newFolder();
    const { bundle, says: expected } = await conformanceFile(part, folder);
    const { lines, log } = await saysOn(machineFor(folder, bundle), 900_000);
    expect(lines, log.join('\n')).toEqual(expected);
  });

  // with few variables its memory is full before its stack is, and a restart cannot tell why
  test.skipIf(few)(
    'what skips every catch begins the board anew, and tells which process it was',
    {
      timeout: 60_000,
    },
    async () => {
      const lines = await says(bundleOf(`${TELL} if (own === 4) say('end 4');`, LIVES));
      expect(lines).toEqual(['boot power -1', 'boot fault 6', 'boot fault -1', 'boot reset -1', 'end 4']);
    },
  );

  test('a system that faults whenever it runs is not read any more: the board can be flashed', {
    timeout: 60_000,
  }, async () => {
    const own = `own = 1; try { hal.flash.read(0, 4000); } catch (error) { say('end 4 ' + error.message); own = 4; }`;
    const lines = await says(bundleOf(`${TELL} ${own}`, LIVES));
    expect(lines.slice(0, -1)).toEqual(['boot power -1', 'boot fault 6', 'boot fault 6', 'boot fault 6']);
    expect(lines.at(-1)).toMatch(/^end 4 the board faults/);
  });

  test('a board that faults without a system too begins with its boot code', { timeout: 60_000 }, async () => {
    const lines = await says(bundleOf(`${TELL} ${TWICE}`, "throw new Error('planned');"));
    expect(lines).toEqual(['boot power -1', ...Array(6).fill('boot fault -1'), 'boot power -1', 'end 1']);
  });

  test.skipIf(!few)(
    'a memory that was full is whole again: at once, or after the next restart',
    {
      timeout: 60_000,
    },
    async () => {
      const lines = await says(bundleOf(`say(hal.cause + ' ' + process.memory().usage); ${TWICE}`, FULL));
      expect(lines.map((line) => line.split(' ')[0])).toEqual(['power', 'fault', 'fault', 'power', 'end']);
      const used = lines.map((line) => Number(line.split(' ')[1]));
      for (const life of [1, 3]) expect(used[life], lines.join()).toBeLessThan((used[0] as number) + 50);
    },
  );
});
