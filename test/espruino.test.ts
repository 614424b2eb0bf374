// The official Espruino interpreter, as its authors build it for Linux: UNDERSTUDY_ESPRUINO=/path/to/espruino, and with
// the memory of a board (VARIABLES=5000, 32 bits): UNDERSTUDY_ESPRUINO_5000=/path/to/another. No package has it; without
// it these tests are skipped, and say so.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { espruinoMachine } from '../host/testbed/espruino.ts';
import { conformanceFile, saysInNode, saysOn } from './engines.ts';

const program = process.env.UNDERSTUDY_ESPRUINO ?? '';
if (program === '') console.warn('test/espruino.test.ts: SKIPPED, for UNDERSTUDY_ESPRUINO names no interpreter');
const small = process.env.UNDERSTUDY_ESPRUINO_5000 ?? '';
if (small === '') console.warn('5,000 variables: SKIPPED, for UNDERSTUDY_ESPRUINO_5000 names no interpreter');

const folders: string[] = [];
afterAll(() => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

/** `variables`: it has no more; 0: as many as it needs. */
function machineFor(folder: string, bundle: string, variables = 0): ReturnType<typeof espruinoMachine> {
  const flash = { sectorBytes: 1024, sectors: 96, programBytes: 4 };
  const runs = { program: variables > 0 ? small : program, variables };
  return espruinoMachine({
    board: { name: 'one', kind: 'engine', type: 'linux-espruino', engine: 'espruino', ...runs, flash },
    bundle,
    flashFile: join(folder, 'flash'),
    keptFile: join(folder, 'kept'),
    seed: 1,
    epochNs: '0',
    pty: null,
  });
}

/** Its first life runs out of stack, its second throws, its third asks for a restart. */
const LIVES = `var life = 0, understudy = { boot: function (hal) {
  var say = function (text) {
    var bytes = new Uint8Array(text.length + 1);
    for (var i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
    bytes[text.length] = 10;
    hal.serial(bytes);
  };
  var own = ++life, polls = 0;
  var deeper = function () { deeper(); };
  var nothing = function () {};
  say('boot ' + hal.cause + ' ' + hal.marked);
  hal.mark(-1);
  if (own === 4) say('end 4');
  return { serial: nothing, bus: nothing, input: nothing, poll: function () {
    if (++polls === 3) {
      if (own === 1) {
        hal.mark(6);
        try { deeper(); } catch (error) { say('caught'); } finally { say('finally'); }
      }
      if (own === 2) throw new Error('planned');
      if (own === 3) hal.reset();
    }
    return hal.now() + 5;
  } };
} };`;

/** The conformance program on such a board, which may take so long, ms. */
async function conforms(ms: number, variables = 0): Promise<void> {
  const { folder, bundle, text } = await conformanceFile();
  folders.push(folder);
  const expected = saysInNode(text);
  expect(expected.at(-1)).toMatch(/^end \d+ /);
  expect(expected.length).toBeGreaterThan(190);
  const { lines, log } = await saysOn(machineFor(folder, bundle, variables), ms);
  expect(log.filter((entry) => /Uncaught|understudy:|MEMORY/.test(entry))).toEqual([]);
  expect(lines).toEqual(expected);
}

const CONFORMS = 'codec, frames, messages, differences, ring and core: as in Node, to the byte';

describe.skipIf(program === '')('espruino', () => {
  test(CONFORMS, { timeout: 240_000 }, () => conforms(200_000));

  test('what skips every catch begins the board anew, and tells which process it was', {
    timeout: 60_000,
  }, async () => {
    const folder = mkdtempSync(join(tmpdir(), 'understudy-engine-'));
    folders.push(folder);
    const bundle = join(folder, 'board.js');
    writeFileSync(bundle, LIVES);
    const { lines } = await saysOn(machineFor(folder, bundle), 40_000);
    expect(lines).toEqual(['boot power -1', 'boot fault 6', 'boot fault -1', 'boot reset -1', 'end 4']);
  });

  test('a system that faults whenever it runs is not read any more: the board can be flashed', {
    timeout: 60_000,
  }, async () => {
    const folder = mkdtempSync(join(tmpdir(), 'understudy-engine-'));
    folders.push(folder);
    const bundle = join(folder, 'board.js');
    const own = `try { hal.flash.read(0, 4000); } catch (error) { say('end 4 ' + error.message); own = 4; }`;
    const always = LIVES.replace("if (own === 4) say('end 4');", `own = 1; ${own}`);
    writeFileSync(bundle, always);
    const { lines } = await saysOn(machineFor(folder, bundle), 40_000);
    expect(lines.slice(0, -1)).toEqual(['boot power -1', 'boot fault 6', 'boot fault 6', 'boot fault 6']);
    expect(lines.at(-1)).toMatch(/^end 4 the board faults/);
  });
});

describe.skipIf(small === '')('espruino with 5,000 variables', () => {
  // the program runs from flash, which is a file here: that takes its time
  test(CONFORMS, { timeout: 900_000 }, () => conforms(840_000, 5000));
});
