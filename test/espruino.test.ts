// The official Espruino interpreter, as its authors build it for Linux: UNDERSTUDY_ESPRUINO=/path/to/espruino, which may
// as well name one with a board's number of variables (README). No package has it; without it these tests are skipped,
// and say so.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { PARTS } from '../host/build/conformance.ts';
import { espruinoMachine } from '../host/testbed/espruino.ts';
import { conformanceFile, saysOn } from './engines.ts';

const program = process.env.UNDERSTUDY_ESPRUINO ?? '';
if (program === '') console.warn('test/espruino.test.ts: SKIPPED, for UNDERSTUDY_ESPRUINO names no interpreter');

const folders: string[] = [];
afterAll(() => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

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

describe.skipIf(program === '')('espruino', () => {
  // with few variables the program runs from flash, which is a file here: that takes minutes
  test.each(PARTS)('does as Node, to the byte: %s', { timeout: 920_000 }, async (part) => {
    const folder = mkdtempSync(join(tmpdir(), 'understudy-engine-'));
    folders.push(folder);
    const { bundle, says } = await conformanceFile(part, folder);
    const { lines, log } = await saysOn(machineFor(folder, bundle), 900_000);
    expect(lines, log.join('\n')).toEqual(says);
  });

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
