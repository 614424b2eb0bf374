// Boards as data: those that come with the package, a description of one's own, and each of its mistakes.

import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { boardText } from '../host/command/board.ts';
import { figuresOf, tooSmall } from '../host/describe/board.ts';
import { failingTable, HANGING } from '../host/describe/contain.ts';
import { boardDescription, boardType, boardTypes } from '../host/describe/read.ts';
import { Failure } from '../host/failure.ts';
import { originalVersion } from '../host/mission/run.ts';
import { journalRoom, journalSectors } from '../host/operate/durability.ts';
import { boardFacts } from '../host/operate/fits.ts';
import { programBytes } from '../host/operate/programs.ts';
import { failureOf } from './fixtures/failure.ts';

const ROOT = resolve(import.meta.dirname, '..');

let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'understudy-boards-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

// biome-ignore lint/suspicious/noExplicitAny: descriptions that are wrong on purpose
type Loose = any;

function write(value: unknown): string {
  const file = join(folder, 'mine.json');
  writeFileSync(file, typeof value === 'string' ? value : JSON.stringify(value, null, 2));
  return file;
}

function packaged(name: string): Loose {
  return JSON.parse(readFileSync(join(ROOT, 'boards', `${name}.json`), 'utf8'));
}

/** What is said of a packaged description that was changed, without file, line and column. */
function said(change: (board: Loose) => void, name = 'nrf52840-dk'): string[] {
  const board = packaged(name);
  change(board);
  const error = failureOf(() => boardDescription(write(board)));
  expect(error).toMatchObject({ code: 'E_DESCRIPTION', exit: 7, next: `mend ${join(folder, 'mine.json')}` });
  return error.message.split('\n').map((line) => line.replace(/^.*?\.json:\d+:\d+: /, ''));
}

describe('the boards of the package', () => {
  test('each file of boards/ is one, under its name', () => {
    const wanted = 'esp32 espruino-wifi nrf52840-dk nucleo-f411re pico rp2040 stm32f4-discovery virtual'.split(' ');
    expect(boardTypes()).toEqual(expect.arrayContaining(wanted));
    for (const name of boardTypes()) expect(boardDescription(name).value.name).toBe(name);
  });

  test('their memory is that of their variables; without a figure it stands in `unknown`', () => {
    for (const name of boardTypes()) {
      const { value: type } = boardDescription(name);
      if (type.engine === 'espruino' && type.variables > 0) {
        expect([name, type.memoryBytes]).toEqual([name, type.variables * type.variableBytes]);
        if (type.build === 'host') continue;
        // on 32 bits, how many a reference takes decides what a variable does
        const bytes = type.variables <= 8191 ? 13 : type.variables <= 16383 ? 14 : 16;
        expect([name, type.variableBytes]).toEqual([name, bytes]);
      } else if (type.memoryBytes === 0) {
        const named = type.unknown.includes('memoryBytes') || type.unknown.includes('variables');
        expect([name, named]).toEqual([name, true]);
      }
      if (type.engine === 'espruino') expect([name, type.interrupts, type.partitions]).toEqual([name, false, 1]);
    }
  });

  test('those for a serial port have a console and a UART for the bus, on pins that nothing else has', () => {
    for (const name of boardTypes()) {
      const { value: type } = boardDescription(name);
      if (type.build !== 'release' && type.build !== 'source') continue;
      expect([name, type.console?.uart]).not.toEqual([name, undefined]);
      expect([name, type.bus?.tx, type.bus?.rx]).toEqual([name, expect.any(String), expect.any(String)]);
      expect([name, type.notes.join(' ')]).toEqual([name, expect.stringMatching(/boards\/\w+\.py/)]);
    }
  });

  test('where a release of the interpreter is missing, a note says so', () => {
    for (const name of boardTypes()) {
      const { build, notes } = boardDescription(name).value;
      if (build === 'source') expect([name, notes.join(' ')]).toEqual([name, expect.stringMatching(/releases do not/)]);
    }
  });

  test('on some no system can live, and whoever uses one hears why', () => {
    const small = boardTypes().filter((name) => tooSmall(boardDescription(name).value));
    expect(small).toEqual(['espruino-wifi', 'nucleo-f411re', 'pico', 'rp2040', 'stm32f4-discovery']);
    const error = failureOf(() => boardType('espruino-wifi'));
    expect(error).toMatchObject({ code: 'E_DESCRIPTION', exit: 7 });
    expect(error.message).toMatch(
      /espruino-wifi\.json:\d+:\d+: flash\.sectors: is 3; wanted at least 8: 3 for records, 2 for slots, 3 for the journal$/,
    );
    expect(error.next).toBe('use another board; npx understudy board espruino-wifi says what fits on it');
  });
});

describe('a description of one’s own', () => {
  test('by its path; an unknown name is answered with the nearest', () => {
    const own = packaged('nrf52840-dk');
    own.name = 'mine';
    expect(boardType(write(own)).name).toBe('mine');
    expect(failureOf(() => boardType('stm32f4-discovry'))).toMatchObject({
      code: 'E_BOARD_TYPE',
      exit: 7,
      message: 'no type of board is named stm32f4-discovry',
      next: 'did you mean stm32f4-discovery?; or name a file of your own, ending in .json',
    });
    expect(failureOf(() => boardType('nowhere.json', folder))).toMatchObject({ code: 'E_NO_FILE' });
  });

  test('addresses are text in hexadecimal, or numbers', () => {
    const own = packaged('nrf52840-dk');
    own.flash.base = 0xac000;
    expect(boardType(write(own)).flash.base).toBe(0xac000);
    own.flash.base = '0xAC000';
    expect(boardType(write(own)).flash.base).toBe(0xac000);
    expect(said((b) => (b.flash.base = 'ac000'))).toEqual([
      'flash.base: is the string "ac000"; wanted where it begins on the chip; null: it is a file, or a part of its own, an address as "0x08010000"',
    ]);
  });

  test('file, line, column, path, reason, and what would be right', () => {
    const own = packaged('nrf52840-dk');
    own.engine = 'v8';
    own.flash.sectors = '8';
    const error = failureOf(() => boardType(write(own)));
    expect(error.message.split('\n').map((line) => line.replace(folder, ''))).toEqual([
      '/mine.json:6:13: engine: is the string "v8"; wanted the JavaScript engine, one of virtual, espruino, jerryscript, duktape',
      expect.stringMatching(
        /^\/mine\.json:\d+:16: flash\.sectors: is the string "8"; wanted how many of them; 0: the interpreter leaves none, a whole number from 0 to 1048576$/,
      ),
    ]);
  });

  test.each<[string, (board: Loose) => void, string[]]>([
    [
      'an unknown figure',
      (b) => (b.unknown = ['flash.sector']),
      ['unknown[0]: flash.sector is no figure; did you mean flash.sectors?'],
    ],
    ['an unknown field', (b) => (b.flash.sector = 1), ['flash.sector: unknown field; did you mean sectors?']],
    [
      'a program unit larger than a sector',
      (b) => {
        b.flash.sectorBytes = 1024;
        b.flash.programBytes = 2048;
      },
      ['flash.programBytes: is 2048, more than a sector of 1024; wanted a divisor of it'],
    ],
    [
      'a program unit that does not divide it',
      (b) => (b.flash.programBytes = 48),
      ['flash.programBytes: is 48, which does not divide a sector of 4096; wanted a divisor'],
    ],
    [
      'a sector that holds no journal',
      (b) => (b.flash.programBytes = 2048),
      [
        'flash.sectorBytes: is 4096; a journal wants at least 8192 in one: its header and three records of one program unit or more',
      ],
    ],
    [
      'a region over the interpreter',
      (b) => (b.flash.base = '0x000ab000'),
      ['flash.base: 0x000ab000 to 0x000eafff overlaps interpreter (0x00026000 to 0x000abfff)'],
    ],
    [
      'a region over the code',
      (b) => (b.flash.sectors = 65),
      ['flash.base: 0x000ac000 to 0x000ecfff overlaps Storage (0x000ec000 to 0x000f5fff)'],
    ],
    [
      'a region beyond the chip',
      (b) => {
        b.flash.base = '0x000ff000';
        b.flash.others = [];
      },
      ['flash.base: 0x000ff000 to 0x0013efff is not within the chip (0x00000000 to 0x000fffff)'],
    ],
    [
      'a base between two sectors',
      (b) => (b.flash.base = '0x000ac100'),
      [
        'flash.base: is 0x000ac100, no border of sectors of 4 KB; wanted 0x000ac000 or 0x000ad000',
        'flash.base: 0x000ac100 to 0x000ec0ff overlaps Storage (0x000ec000 to 0x000f5fff)',
      ],
    ],
    [
      'others, and no base',
      (b) => delete b.flash.base,
      ['flash.base: missing; with others on the chip, wanted where this region begins'],
    ],
    [
      'two things at one place',
      (b) => (b.flash.others[1].base = '0x00025000'),
      ['flash.others[1]: interpreter (0x00025000 to 0x000aafff) overlaps SoftDevice (0x00000000 to 0x00025fff)'],
    ],
    [
      'something beyond the chip',
      (b) => (b.flash.others[4].bytes = 65536),
      ['flash.others[4]: bootloader (0x000f8000 to 0x00107fff) is not within the chip (0x00000000 to 0x000fffff)'],
    ],
    [
      'a longest erase shorter than the typical',
      (b) => (b.flash.eraseMaxMs = 50),
      ['flash.eraseMaxMs: is 50, less than the typical 85 (eraseMs)'],
    ],
    [
      'a watchdog that an erase sets off',
      (b) => (b.watchdogMs = 80),
      [
        'watchdogMs: is 80, and an erase takes up to 85 ms in which nothing runs; wanted more than 85: an erase would reset the board',
      ],
    ],
    [
      'the time of a watchdog that is not there',
      (b) => {
        b.watchdog = false;
        b.watchdogMs = 1000;
      },
      ['watchdogMs: is 1000, and watchdog is false; wanted true there, or nothing here'],
    ],
    [
      'a word that is kept, and nothing is kept',
      (b) => (b.keptAt = '0x20000000'),
      ['keeps: is false, and keptAt is 0x20000000; wanted true here, or nothing there'],
    ],
    [
      'a pin used twice',
      (b) => (b.bus.rx = 'D3'),
      ['bus.rx: pin D3 is that of bus.tx already; a pin can do one thing'],
    ],
    [
      'a pin that a lamp has',
      (b) => (b.bus.tx = 'D13'),
      ['bus.tx: pin D13 is that of pins.LED1 already; a pin can do one thing'],
    ],
    [
      'a pin of the console',
      (b) => (b.bus.enable = 'D6'),
      ['bus.enable: pin D6 is that of console.tx already; a pin can do one thing'],
    ],
    [
      'console and bus on one UART',
      (b) => (b.bus.uart = 'Serial1'),
      ['bus.uart: is Serial1, which is the console’s; the bus wants a UART of its own'],
    ],
    ['the bus on USB', (b) => (b.bus = { uart: 'USB' }), ['bus.uart: is USB; USB is no line that boards share']],
    [
      'half a line',
      (b) => delete b.console.rx,
      ['console.rx: missing; console.tx is D6, and one without the other is no line'],
    ],
    ['one UART for two', (b) => (b.uarts = 1), ['uarts: is 1; console and bus take 2']],
    [
      'an interpreter that cannot interrupt',
      (b) => (b.interrupts = true),
      ['interrupts: is true; Espruino cannot interrupt a call: wanted false'],
    ],
    ['partitions of one heap', (b) => (b.partitions = 2), ['partitions: is 2; Espruino has one heap: wanted 1']],
    [
      'memory that is not that of the variables',
      (b) => (b.memoryBytes = 150_000),
      ['memoryBytes: is 150000; 12500 variables of 14 bytes are 175000: leave it out, it follows'],
    ],
    [
      'variables of no size',
      (b) => delete b.variableBytes,
      ['variableBytes: missing; wanted the bytes of each of the 12500 variables: 12 to 16, by their number'],
    ],
    [
      'the size of no variables',
      (b) => delete b.variables,
      [
        'variables: missing; variableBytes without them says nothing',
        'variables: missing; wanted the number of variables, or "variables" in `unknown`',
      ],
    ],
    [
      'variables of another engine',
      (b) => (b.engine = 'duktape'),
      [
        'variables: is 12500; only Espruino counts memory in variables: give memoryBytes',
        'variableBytes: is 14; only Espruino counts memory in variables',
        'memoryBytes: missing; wanted the bytes of the engine’s heap, or "memoryBytes" in `unknown`',
      ],
    ],
  ])('%s', (_, change, wanted) => {
    expect(said(change)).toEqual(wanted);
  });

  test('erase units of different sizes: sectors are made of whole ones', () => {
    const layout = (list: [number, number][], sectors: number) => (b: Loose) => {
      b.flash.base = '0x08000000';
      b.flash.others = [];
      b.flash.sectorBytes = 131_072;
      b.flash.sectors = sectors;
      b.flash.layout = list.map(([count, bytes]) => ({ sectors: count, sectorBytes: bytes }));
    };
    const f4: [number, number][] = [
      [4, 16_384],
      [1, 65_536],
      [7, 131_072],
    ];
    const board = packaged('stm32f4-discovery');
    layout(f4, 8)(board);
    expect(boardType(write(board)).flash.layout).toHaveLength(3);
    expect(said(layout(f4, 7), 'stm32f4-discovery')).toEqual([
      'flash.layout: is 1024 KB in all; 7 sectors of 128 KB are 896 KB',
    ]);
    expect(
      said((b) => {
        layout(f4, 8)(b);
        b.flash.sectorBytes = 65_536;
        b.flash.sectors = 16;
      }, 'stm32f4-discovery'),
    ).toEqual([
      'flash.layout[2]: an erase of 128 KB would take parts of other sectors; wanted sectorBytes 131072 or a multiple, beginning where a unit begins',
    ]);
  });

  test('what is not refused has a journal or none, by the rules of the ring itself', async () => {
    for (const programBytes of [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096]) {
      for (const sectorBytes of [16, 32, 48, 64, 256, 512, 1024, 4096, 16_384, 131_072]) {
        const own = packaged('virtual');
        Object.assign(own.flash, { sectorBytes, programBytes, sectors: 200 });
        const file = write(own);
        let type = null;
        try {
          type = boardType(file);
        } catch (error) {
          expect(error).toBeInstanceOf(Failure);
        }
        const ring = { sectorBytes, programBytes, sectors: 200 };
        if (type) expect(() => journalRoom(ring)).not.toThrow();
        else if (sectorBytes % programBytes === 0 && journalSectors(ring) > 0)
          expect(() => journalRoom(ring)).toThrow();
      }
    }
  });

  test('every figure of a description can be named unknown', () => {
    const own = packaged('nrf52840-dk');
    own.unknown = figuresOf(boardDescription('nrf52840-dk').value);
    expect(own.unknown).toEqual(expect.arrayContaining(['variables', 'bus.baud', 'flash.eraseMs', 'console.tx']));
    expect(boardType(write(own)).unknown).toEqual(own.unknown);
  });
});

/** Said in the README of a board whose two programs leave too little for a journal. */
const NO_ROOM = 'too little beside two programs';

describe('the README', () => {
  const readme = readFileSync(join(ROOT, 'README.md'), 'utf8');
  const chapter = readme.slice(readme.indexOf('## Boards, and one of your own'));
  const example = chapter.slice(chapter.indexOf('```json\n') + 8, chapter.indexOf('\n```\n\n`npx understudy board my'));

  test('its example is a description on which a system can live', () => {
    const file = join(folder, 'my-esp32.json');
    writeFileSync(file, example);
    const type = boardType('my-esp32.json', folder);
    expect(type).toMatchObject({ name: 'my-esp32', memoryBytes: 229_362, flash: { base: 0x290000 } });
  });

  test('its example of a mistake is told in those words', () => {
    const file = join(folder, 'my-esp32.json');
    writeFileSync(file, example.replace('"0x00290000"', '"0x002b0000"'));
    const { code, message } = failureOf(() => boardType('my-esp32.json', folder));
    expect(chapter).toContain(`${code}  ${message.replace(`${folder}/`, '')}\n`);
  });

  test('its table of boards is what they are', async () => {
    const program = await programBytes([{ engine: 'espruino' }]);
    const version = await originalVersion();
    const rows = boardTypes().flatMap((name) => {
      const { value: type } = boardDescription(name);
      if (type.build !== 'release' && type.build !== 'source') return [];
      const { sectors, sectorBytes } = type.flash;
      const flash = sectors === 0 ? 'none' : `${sectors} × ${sectorBytes / 1024} KB`;
      const there = boardFacts(type, version, program, program).flash.journal ? 'a system fits' : NO_ROOM;
      const verdict = tooSmall(type) ? 'too few sectors' : there;
      const build = type.build === 'source' ? '; no official build' : '';
      const variables = `${type.variables.toLocaleString('en-GB')} of ${type.variableBytes} B`;
      return [`| ${name} | ${variables} | ${flash} | ${verdict}${build} |`];
    });
    expect(chapter).toContain(`|---|---|---|---|\n${rows.join('\n')}\n\n`);
  });

  test('its table of what a new version can do to its board is that of the command', () => {
    expect(readme).toContain(`\n${failingTable()}\n`);
  });
});

describe('what a board means', () => {
  const facts = async (name: string, change: (type: Loose) => void = () => undefined, program = 24_000) => {
    const type = structuredClone(boardDescription(name).value);
    change(type);
    return boardFacts(type, await originalVersion(), 20_000, program);
  };
  const rowsOf = (of: Awaited<ReturnType<typeof facts>>, what: RegExp) => of.fits.filter((f) => what.test(f.what));

  test('memory, journal and bus of one on which it fits', async () => {
    const f = await facts('nrf52840-dk');
    const { memory, flash, bus } = f;
    expect(memory.left).toBe(175_000 - memory.runtime - memory.plans);
    expect(memory.pairs).toBe(Math.floor((memory.left ?? 0) / memory.guarded));
    expect(flash.programSectors).toBe(14);
    const rest = flash.bytes - flash.programSectors * 4096;
    expect(flash.recordBytes + 2 * flash.slotBytes + flash.journalSectors * 4096).toBe(rest);
    expect(flash.journal).toMatchObject({ endurance: 10_000, sectors: flash.journalSectors });
    expect(bus).toMatchObject({
      baud: 115_200,
      bytesPerSecond: 11_520,
      deaf: Math.round(0.085 * 11_520),
      shared: null,
    });
    const slotted = await facts('nrf52840-dk', (type) => (type.bus.slotMs = 4));
    // 71 B are 6.16 ms
    const told = [slotted.bus?.packetMs, slotted.bus?.shared, slotted.bus?.alone];
    expect(told.map((x) => x?.toFixed(2))).toEqual(['6.16', '122.50', '49.60']);
    expect(boardText(slotted)).toMatch(/122\/s\s+of\s+4\s+boards\s+that\s+all\s+send,\s+49\/s\s+of\s+one\s+alone/);
    expect(rowsOf(f, /^the bundle|^a system|under guard|^durability|bus/).map((x) => x.fits)).toEqual(
      Array(5).fill(true),
    );
    const text = boardText(f);
    expect(text).toMatch(/^nrf52840-dk: nRF52840\nengine {5}espruino: no official build of its interpreter exists/);
    expect(text).toMatch(
      /^flash {6}0x000ac000: 64 sectors of 4\.0 KB, programmed by 4 B; an erase takes 85 ms, and nothing$/m,
    );
    expect(text).toMatch(/^unmeasured bus\.slotMs, flash\.base, flash\.sectors, flash\.eraseMs, flash\.endurance$/m);
  });

  test('what does not fit says by how much; what nobody knows is no answer', async () => {
    const f = await facts('pico');
    expect(rowsOf(f, /^a system/)).toEqual([{ what: 'a system', fits: false, why: 'sectors: 0 there, 8 wanted' }]);
    expect(f.flash).toMatchObject({ slotBytes: 0, journalSectors: 0, journal: null });
    expect(boardText(f)).toMatch(/^flash {6}0x08060000: 1 sector of 128\.0 KB/m);
    const unknown = await facts('mps2-an385', (type) => {
      type.memoryBytes = 0;
      type.codeBytes = 0;
    });
    expect(rowsOf(unknown, /^the bundle|under guard/).map((x) => x.fits)).toEqual([null, null]);
    expect(unknown.memory).toMatchObject({ left: null, pairs: null });
    expect(rowsOf(await facts('mps2-an385', (type) => (type.codeBytes = 19_999)), /^the bundle/)[0]).toEqual({
      what: 'the bundle',
      fits: false,
      why: '20000 B of 19999',
    });
    expect(boardText(await facts('rp2040'))).toMatch(/^flash {6}none that its interpreter leaves$/m);
  });

  test('two programs of Espruino: in Storage, or at the cost of sectors, or not at all', async () => {
    const of = async (name: string, bytes: number) => {
      const f = await facts(name, undefined, bytes);
      const [firmware, system] = [rowsOf(f, /^the bundle/)[0], rowsOf(f, /^a system/)[0]];
      return [f.flash.programSectors, firmware?.fits, firmware?.why, system?.fits, system?.why];
    };
    const whole = [true, 'sectors: 64 there, 8 wanted'];
    expect(await of('nrf52840-dk', 13_000)).toEqual([0, true, '2 × 13000 B in 40960 B of Storage', ...whole]);
    const paged = ['2 × 100000 B in 54 of its 64 sectors', true, 'sectors: 10 there, 8 wanted'];
    expect(await of('nrf52840-dk', 100_000)).toEqual([54, true, ...paged]);
    const none = ['2 × 120000 B in 66 of its 64 sectors', false, 'sectors: 0 there, 8 wanted'];
    expect(await of('nrf52840-dk', 120_000)).toEqual([66, false, ...none]);
    expect(boardText(await facts('nrf52840-dk', undefined, 100_000))).toMatch(
      /two programs, 54 sectors; beside them:$/m,
    );
    // what a testbed starts keeps its program elsewhere
    expect((await facts('linux-espruino', undefined, 120_000)).flash.programSectors).toBe(0);
  });

  test('a hang is what the board makes of it', async () => {
    const hang = async (name: string, change?: (type: Loose) => void) => {
      const f = await facts(name, change);
      return [f.hang, f.failings.find((x) => x.what === HANGING)?.cost, rowsOf(f, /beside others/)[0]?.fits];
    };
    expect(await hang('virtual')).toEqual(['interrupted', 'process', true]);
    expect(await hang('virtual', (type) => (type.interrupts = false))).toEqual(['reset', 'reset', true]);
    expect(await hang('esp32')).toEqual(['reset', 'reset', false]);
    expect(await hang('esp32', (type) => (type.keeps = true))).toEqual(['reset', 'reset', true]);
    expect(await hang('esp32', (type) => (type.watchdog = false))).toEqual(['stuck', 'the board', false]);
  });

  test('no line is wider than a terminal', async () => {
    for (const name of boardTypes()) {
      for (const line of boardText(await facts(name)).split('\n'))
        expect([...line].length, line).toBeLessThanOrEqual(100);
    }
  });

  test('the command: text, JSON, and 7 for a board on which no system can live', () => {
    const run = (...args: string[]) =>
      spawnSync(process.execPath, ['--import', 'tsx', 'host/understudy.ts', 'board', ...args], {
        cwd: ROOT,
        encoding: 'utf8',
      });
    const listed = run('--json');
    expect([listed.status, JSON.parse(listed.stdout)]).toEqual([0, boardTypes()]);
    const small = run('pico', '--json');
    expect(small.status).toBe(7);
    expect(JSON.parse(small.stdout)).toMatchObject({ type: { name: 'pico' }, hang: 'reset', flash: { slotBytes: 0 } });
    expect(JSON.parse(small.stderr)).toMatchObject({ error: { code: 'E_DESCRIPTION', exit: 7 } });
  });

  test('partitions are told', async () => {
    expect((await facts('virtual', (type) => (type.partitions = 3))).isolation).toMatch(
      /^3 boards of the system on one/,
    );
    expect((await facts('virtual')).isolation).toBe('place the new version on a board of its own');
  });
});
