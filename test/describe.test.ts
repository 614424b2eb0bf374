// The files that a user writes: what is read, what is compiled of it, and every refusal's words.

import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Plan } from '../firmware/plan.ts';
import { compileUpgrade, differenceText, schemaDifferences } from '../host/describe/cluster.ts';
import type { ModuleInfo, Modules } from '../host/describe/compile.ts';
import { compileSystem, MESSAGE_BYTES_MAX, planHash } from '../host/describe/compile.ts';
import { FORMATS, schemaOf } from '../host/describe/formats.ts';
import { JsonError, parseJson } from '../host/describe/json.ts';
import { boardTypes, readSystem, readTestbed, readUpgrade } from '../host/describe/read.ts';
import type { Problem } from '../host/describe/shape.ts';
import { nearest } from '../host/describe/shape.ts';
import type { Failure } from '../host/failure.ts';
import type { BoardFlight } from '../host/operate/preflight.ts';
import { preflight } from '../host/operate/preflight.ts';
import { failureOf } from './fixtures/failure.ts';

const ROOT = resolve(import.meta.dirname, '..');
const SCHEMAS = join(ROOT, 'host/describe/schema');

let folder = '';
let files = 0;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'understudy-describe-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

type Json = Record<string, unknown>;
// biome-ignore lint/suspicious/noExplicitAny: descriptions that are wrong on purpose
type Loose = any;

function write(value: unknown, name = 'file'): string {
  const file = join(folder, `${name}${files++}.json`);
  writeFileSync(file, typeof value === 'string' ? value : JSON.stringify(value, null, 2));
  return file;
}

/** `file:line:column: path: reason` lines without the file's folder. */
function linesOf(error: Failure): string[] {
  return error.message.split('\n').map((line) => line.replace(/^.*?\.json:/, ''));
}

/** Four components in a ring of two and two: gyro > estimator > controller > wheels > wheel, telemetry > radio. */
function system(): Loose {
  return {
    understudy: 1,
    name: 'sat',
    messages: {
      Attitude: { fields: { euler: 'f32[3]', rates: 'f32[3]' }, perSecond: 20 },
      Torque: { fields: { torque: 'f32[3]' } },
      Health: { fields: { ok: 'bool' } },
    },
    devices: {
      gyro: { board: 'sensors', in: { rates: 'f32[3]' } },
      wheel: { board: 'actuators', out: { torque: 'f32[3]' }, takeover: 'latest', hold: { torque: [0, 0, 0] } },
      radio: { board: 'compute', out: { ok: 'bool' }, powerCut: 'at-least-once', perSecond: 5 },
    },
    components: {
      estimator: {
        module: 'estimator.ts',
        board: 'compute',
        reads: ['gyro'],
        sends: { Attitude: ['controller'], Health: ['telemetry'] },
      },
      controller: { module: 'controller.ts', board: 'control', sends: { Torque: ['wheels'] } },
      wheels: { module: 'wheels.ts', board: 'actuators', drives: ['wheel'] },
      telemetry: { module: 'telemetry.ts', board: 'compute', drives: ['radio'] },
    },
    spares: ['spare'],
    policy: { heartbeatMs: 200, absentMs: 1500, lead: 20 },
    durability: 'off',
  };
}

function upgrade(): Loose {
  return {
    understudy: 1,
    name: 'quaternion',
    sequence: 2,
    system: 'sat',
    components: {
      estimator: { module: 'estimator2.ts', board: 'spare' },
      controller: { module: 'controller2.ts' },
    },
    messages: { Attitude: { fields: { q: 'f32[4]', rates: 'f32[3]' } } },
    policy: { commitAfterS: 600, validated: 500 },
  };
}

function info(hash: string, on: string[] = [], inputs: string[] = [], accept: string[] = []): ModuleInfo {
  return { hash: hash.repeat(64), on, inputs, accept };
}

const MODULES: Modules = {
  estimator: info('a', [], ['gyro']),
  controller: info('b', ['Attitude']),
  wheels: info('c', ['Torque'], [], ['wheel']),
  telemetry: info('d', ['Health'], [], ['radio']),
};
const NEW: Modules = { estimator: info('e', [], ['gyro']), controller: info('f', ['Attitude']) };

function compiled(change: (file: Loose) => void = () => undefined, modules = MODULES): Plan {
  const file = system();
  change(file);
  return compileSystem(readSystem(write(file)), modules);
}

function upgraded(change: (file: Loose) => void, modules: Modules = NEW, base = compiled()): Plan {
  const file = upgrade();
  change(file);
  return compileUpgrade(base, planHash(base), readUpgrade(write(file)), modules);
}

describe('JSON with places', () => {
  test('it reads what JSON.parse reads, to the same value', () => {
    fc.assert(
      fc.property(fc.json(), fc.boolean(), (text, wide) => {
        const source = JSON.stringify(JSON.parse(text), null, wide ? 2 : 0);
        expect(JSON.stringify(parseJson(source).value)).toBe(JSON.stringify(JSON.parse(source)));
      }),
      { numRuns: 300 },
    );
  });

  test('it refuses what JSON.parse refuses', () => {
    const pieces = [
      '{',
      '}',
      '[',
      ']',
      ',',
      ':',
      '"a"',
      '"b',
      '01',
      '-',
      '1e',
      '1.5',
      'true',
      'nul',
      ' ',
      '\n',
      '"\\x"',
    ];
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...pieces), { maxLength: 8 }), (list) => {
        const text = list.join('');
        let theirs = true;
        try {
          JSON.parse(text);
        } catch {
          theirs = false;
        }
        let ours = true;
        try {
          parseJson(text);
        } catch (error) {
          expect(error).toBeInstanceOf(JsonError);
          ours = (error as Error).message.endsWith('twice');
        }
        expect(ours).toBe(theirs);
      }),
      { numRuns: 2000 },
    );
  });

  test('a path has the line and column of its value', () => {
    const { places } = parseJson('{\n  "a": [1,\n    { "b": true }]\n}');
    expect(Object.fromEntries(places)).toEqual({
      '': { line: 1, column: 1 },
      a: { line: 2, column: 8 },
      'a[0]': { line: 2, column: 9 },
      'a[1]': { line: 3, column: 5 },
      'a[1].b': { line: 3, column: 12 },
    });
  });

  test.each([
    ['{ "a": 1,\n}', ':1:9: line 1, column 9: a comma before }'],
    ['{\n  "a": 1\n  "b": 2 }', ':3:3: line 3, column 3: a comma or } should stand here; there is "'],
    ['{ "a": 1, "a": 2 }', ':1:11: line 1, column 11: a stands here twice'],
    ['{ "a": yes }', ':1:8: line 1, column 8: yes is no JSON value; text stands in double quotes'],
    ['{ a: 1 }', ':1:3: line 1, column 3: a name in double quotes should stand here; there is a'],
    ['{ "a" 1 }', ':1:7: line 1, column 7: a colon should follow "a"; there is 1'],
    ['{ // c\n }', ':1:3: line 1, column 3: JSON has no comments'],
    ['{ "a": "x\n" }', ':1:8: line 1, column 8: text that does not end on its line, or has a wrong escape'],
    ['{ "a": [1', ':1:10: line 1, column 10: a comma or ] should stand here; the file ends'],
    ['{} {}', ':1:4: line 1, column 4: more text after the end of the JSON'],
    ['', ':1:1: line 1, column 1: a value should stand here; the file ends'],
  ])('%j', (text, wanted) => {
    const file = write(text);
    expect(failureOf(() => readSystem(file))).toMatchObject({ code: 'E_JSON', exit: 2, message: `${file}${wanted}` });
  });

  test('a file that is not there, or is a folder', () => {
    const file = join(folder, 'nowhere.json');
    expect(failureOf(() => readUpgrade(file))).toMatchObject({
      code: 'E_NO_FILE',
      exit: 2,
      message: `there is no upgrade description at ${file}`,
    });
    expect(failureOf(() => readTestbed(folder))).toMatchObject({
      code: 'E_NO_FILE',
      exit: 2,
      message: `${folder} is a folder, no testbed description`,
    });
  });
});

describe('the shape of a file', () => {
  test('all errors at once, each with its place, path, reason, and what would be right', () => {
    const file = system();
    file.components.estimator.bord = 'compute';
    delete file.components.controller.board;
    file.messages.Attitude.fields.euler = 'f33[3]';
    file.messages.Torque.perSecond = -1;
    file.components.wheels.drives = 'wheel';
    file.components.telemetry.drives = ['radio', 'radio'];
    file.durability = 'allways';
    file.devices.constructor = file.devices.gyro;
    const error = failureOf(() => readSystem(write(file)));
    expect(error).toMatchObject({ code: 'E_DESCRIPTION', exit: 7 });
    const wanted = 'wanted letters, digits, - and _, a letter first, at most 48, and no word that every object has';
    expect(linesOf(error).map((line) => line.replace(/^\d+:\d+: /, ''))).toEqual([
      'messages.Attitude.fields.euler: is the string "f33[3]"; wanted a type: u8 i8 u16 i16 u32 i32 f32 f64 bool, or a list of one, as f32[3]',
      'messages.Torque.perSecond: is the number -1; wanted the rate that a channel of it may carry, messages per second; 0: any, from 0 to 100000',
      `devices.constructor: is no name; ${wanted}`,
      'components.estimator.bord: unknown field; did you mean board?',
      'components.controller.board: missing; wanted the board that it runs on',
      'components.wheels.drives: is the string "wheel"; wanted output devices',
      'components.telemetry.drives[1]: radio stands in this list twice',
      'durability: is the string "allways"; wanted what is durable before it takes effect, one of off, guard, always',
    ]);
    for (const line of linesOf(error)) expect(line).toMatch(/^[1-9][0-9]*:[1-9][0-9]*: /);
  });

  test('the place is that of the value, or of what it is missing in', () => {
    const file = write('{ "understudy": 1,\n  "name": 7,\n  "components": {\n    "a": {\n "board": "b" } } }');
    expect(linesOf(failureOf(() => readSystem(file)))).toEqual([
      '2:11: name: is the number 7; wanted its name',
      '4:10: components.a.module: missing; wanted path of its module, from this file',
    ]);
  });

  test('no more than a dozen are printed', () => {
    const file = system();
    for (let i = 0; i < 20; i++) file[`nonsense${i}`] = i;
    const lines = linesOf(failureOf(() => readSystem(write(file))));
    expect(lines).toHaveLength(13);
    expect(lines[12]).toBe('… and 8 more');
  });

  test('a format of another release, and a whole that is no object', () => {
    expect(linesOf(failureOf(() => readSystem(write({ ...system(), understudy: 2 }))))).toEqual([
      '2:17: understudy: is the number 2; wanted the format of this file, one of 1',
    ]);
    expect(linesOf(failureOf(() => readTestbed(write([]))))).toEqual(['1:1: the file: is a list; wanted a testbed']);
  });

  test('a real board needs a port', () => {
    const testbed = { understudy: 1, boards: { one: { kind: 'real', type: 'pico' } } };
    expect(linesOf(failureOf(() => readTestbed(write(testbed))))).toEqual([
      '4:12: boards.one.port: missing; a real board needs one: a path, or id:<usb serial>',
    ]);
  });

  test('near words', () => {
    expect(nearest('estimater', ['controller', 'estimator'])).toBe('estimator');
    expect(nearest('Wheels', ['wheel', 'wheels'])).toBe('wheels');
    expect(nearest('xyz', ['controller', 'estimator'])).toBe(null);
  });
});

describe('a system', () => {
  test('names become numbers in the order of the file; boards in that of their names', () => {
    const plan = compiled();
    expect(plan).toEqual({
      name: 'sat',
      sequence: 1,
      durability: 'off',
      sharedFate: false,
      boards: ['actuators', 'compute', 'control', 'sensors', 'spare'],
      types: [
        {
          name: 'Attitude',
          fields: [
            { name: 'euler', kind: 'f32', count: 3 },
            { name: 'rates', kind: 'f32', count: 3 },
          ],
          perSecond: 20,
          bytes: 24,
        },
        { name: 'Torque', fields: [{ name: 'torque', kind: 'f32', count: 3 }], perSecond: 0, bytes: 12 },
        { name: 'Health', fields: [{ name: 'ok', kind: 'bool', count: 0 }], perSecond: 0, bytes: 1 },
      ],
      devices: [
        {
          name: 'gyro',
          board: 3,
          in: [{ name: 'rates', kind: 'f32', count: 3 }],
          out: null,
          latest: false,
          atLeastOnce: false,
          hold: null,
          perSecond: 0,
        },
        {
          name: 'wheel',
          board: 0,
          in: null,
          out: [{ name: 'torque', kind: 'f32', count: 3 }],
          latest: true,
          atLeastOnce: false,
          hold: new Uint8Array(12),
          perSecond: 0,
        },
        {
          name: 'radio',
          board: 1,
          in: null,
          out: [{ name: 'ok', kind: 'bool', count: 0 }],
          latest: false,
          atLeastOnce: true,
          hold: null,
          perSecond: 5,
        },
      ],
      components: [
        {
          name: 'estimator',
          board: 1,
          module: 'a'.repeat(64),
          sends: [
            [0, [1]],
            [2, [3]],
          ],
          reads: [0],
          drives: [],
        },
        { name: 'controller', board: 2, module: 'b'.repeat(64), sends: [[1, [2]]], reads: [], drives: [] },
        { name: 'wheels', board: 0, module: 'c'.repeat(64), sends: [], reads: [], drives: [1] },
        { name: 'telemetry', board: 1, module: 'd'.repeat(64), sends: [], reads: [], drives: [2] },
      ],
      policy: { commitAfterMs: 0, validated: 0, heartbeatMs: 200, absentMs: 1500, lead: 20 },
      upgrade: null,
    });
  });

  test('the hash is of the plan alone: spaces, $schema and left-out defaults change nothing, all else does', () => {
    const hash = planHash(compiled());
    expect(hash).toMatch(/^[0-9a-f]{16}$/);
    const same = [
      (f: Loose) => (f.$schema = 'x.json'),
      (f: Loose) => (f.sequence = 1),
      (f: Loose) => (f.components.wheels.reads = []),
      (f: Loose) => (f.policy.validated = 0),
    ];
    for (const change of same) expect(planHash(compiled(change))).toBe(hash);
    const other = [
      (f: Loose) => (f.sequence = 3),
      (f: Loose) => (f.devices.wheel.hold.torque[2] = 1),
      (f: Loose) => (f.messages.Health.perSecond = 1),
      (f: Loose) => (f.durability = 'guard'),
      (f: Loose) => (f.devices.wheel.takeover = 'each'),
    ];
    const hashes = other.map((change) => planHash(compiled(change)));
    expect(new Set([hash, ...hashes]).size).toBe(other.length + 1);
    expect(
      planHash(compiled(undefined, { ...MODULES, wheels: { ...(MODULES.wheels as ModuleInfo), hash: '0' } })),
    ).not.toBe(hash);
  });

  const refused: [string, (f: Loose) => void, RegExp][] = [
    [
      'an unknown receiver',
      (f) => (f.components.estimator.sends.Attitude = ['controler']),
      /: components\.estimator\.sends\.Attitude\[0\]: no component is named controler; did you mean controller\?$/,
    ],
    [
      'an unknown message type',
      (f) => (f.components.estimator.sends = { Attitde: ['controller'] }),
      /: components\.estimator\.sends\.Attitde: no message type is named Attitde; did you mean Attitude\?$/,
    ],
    [
      'an unknown device',
      (f) => (f.components.estimator.reads = ['giro']),
      /: components\.estimator\.reads\[0\]: no device is named giro; did you mean gyro\?$/,
    ],
    [
      'a device read that is an output',
      (f) => (f.components.telemetry.reads = ['radio']),
      /: components\.telemetry\.reads\[0\]: radio has no `in`$/,
    ],
    [
      'a device driven that is an input',
      (f) => (f.components.estimator.drives = ['gyro']),
      /: components\.estimator\.drives\[0\]: gyro has no `out`\n/,
    ],
    [
      'a component away from the device it drives',
      (f) => (f.components.wheels.board = 'control'),
      /: components\.wheels\.board: drives wheel, which is wired to board actuators: both versions must run there \(PROTOCOL 7\)$/,
    ],
    [
      'a message to itself',
      (f) => (f.components.controller.sends.Torque = ['controller']),
      /: components\.controller\.sends\.Torque\[0\]: a component cannot send to itself; keep it in its state$/,
    ],
    [
      'a device that is neither',
      (f) => (f.devices.spare = { board: 'sensors' }),
      /: devices\.spare: wants either `in` or `out`$/,
    ],
    [
      'a device that is both',
      (f) => (f.devices.gyro.out = { on: 'bool' }),
      /: devices\.gyro: wants either `in` or `out`$/,
    ],
    [
      'a hold value of another type',
      (f) => (f.devices.wheel.hold = { torque: [0, 0] }),
      /: devices\.wheel\.hold: torque: 2 elements instead of 3$/,
    ],
    [
      'a hold value of an input',
      (f) => (f.devices.gyro.hold = { rates: [0, 0, 0] }),
      /: devices\.gyro\.hold: an input has nothing to hold; wanted only with `out`$/,
    ],
    [
      'a message too long',
      (f) => (f.messages.Health.fields.raw = 'f64[200]'),
      new RegExp(`: messages\\.Health\\.fields: makes 1601 bytes; at most ${MESSAGE_BYTES_MAX}$`),
    ],
    [
      'silence shorter than two heartbeats',
      (f) => (f.policy.absentMs = 300),
      /: policy\.absentMs: is 300, with a heartbeat every 200 ms; wanted 400 or more$/,
    ],
    ['nothing in it', (f) => (f.components = {}), /: components: is empty; a system has at least one component$/],
    [
      'more components than there is room for',
      (f) => {
        for (let i = 0; i < 29; i++) f.components[`c${i}`] = { module: 'c.ts', board: 'compute' };
      },
      /: components: has 33; at most 32$/,
    ],
  ];
  test.each(refused)('refused: %s', (_, change, wanted) => {
    const error = failureOf(() => compiled(change));
    expect(error).toMatchObject({ code: 'E_DESCRIPTION', exit: 7 });
    expect(error.next).toMatch(/^mend .*\.json$/);
    expect(error.message).toMatch(wanted);
    expect(error.message).toMatch(/\.json:[1-9][0-9]*:[1-9][0-9]*: /);
  });

  test('thirty-two components are not too many', () => {
    const plan = compiled((f) => {
      for (let i = 0; i < 28; i++) f.components[`c${i}`] = { module: 'c.ts', board: 'compute' };
    });
    expect(plan.components).toHaveLength(32);
  });

  test.each([
    ['wheels', 'on', /has no handler on\.Torque, which controller sends it$/],
    ['estimator', 'inputs', /has no handler inputs\.gyro, a device that it reads$/],
    ['wheels', 'accept', /has no acceptance test accept\.wheel for an output that it drives \(PROTOCOL 4\.1\)$/],
  ] as const)('refused: a module of %s without %s', (name, list, wanted) => {
    const modules = { ...MODULES, [name]: { ...(MODULES[name] as ModuleInfo), [list]: [] } };
    const error = failureOf(() => compiled(undefined, modules));
    expect(error).toMatchObject({ code: 'E_DESCRIPTION', exit: 7 });
    expect(error.message).toContain(`: components.${name}.module: `);
    expect(error.message).toMatch(wanted);
  });
});

describe('an upgrade', () => {
  test('unchanged types keep their index, changed ones are appended, and the cluster is derived', () => {
    const base = compiled();
    const plan = upgraded(() => undefined, NEW, base);
    expect(plan.types.slice(0, 3)).toEqual(base.types);
    // the rate that the upgrade does not mention is as it was
    expect(plan.types[3]).toMatchObject({ name: 'Attitude', perSecond: 20, bytes: 28 });
    expect(plan.types).toHaveLength(4);
    expect(plan.components[0]).toEqual({
      name: 'estimator',
      board: 4,
      module: 'e'.repeat(64),
      sends: [
        [3, [1]],
        [2, [3]],
      ],
      reads: [0],
      drives: [],
    });
    expect(plan.components[1]).toMatchObject({ board: 2, module: 'f'.repeat(64), sends: [[1, [2]]] });
    expect(plan.components.slice(2)).toEqual(base.components.slice(2));
    expect(plan).toMatchObject({ name: 'sat', sequence: 2, boards: base.boards, devices: base.devices });
    expect(plan.upgrade).toEqual({
      name: 'quaternion',
      base: planHash(base),
      cluster: [0, 1],
      added: [],
      removed: [],
      changed: [[0, 3]],
    });
    // what is left open is as in the running version, but for the commit
    expect(plan.policy).toEqual({ commitAfterMs: 600_000, validated: 500, heartbeatMs: 200, absentMs: 1500, lead: 20 });
  });

  test('a cluster of one where no message changes; an entry that changes nothing is none', () => {
    const plan = upgraded((f) => {
      delete f.components.controller;
      f.messages = { Attitude: { fields: system().messages.Attitude.fields } };
    });
    expect(plan.upgrade).toMatchObject({ cluster: [0], changed: [] });
    expect(plan.types).toHaveLength(3);
  });

  test('an added component, a new type and a removed component', () => {
    const base = compiled(
      (f) => {
        f.components.filter = { module: 'filter.ts', board: 'compute' };
        f.components.estimator.sends.Health.push('filter');
      },
      { ...MODULES, filter: info('9', ['Health']) },
    );
    const plan = upgraded(
      (f) => {
        f.components.filter = null;
        f.components.smoother = { module: 's.ts', board: 'spare', sends: { Smooth: ['controller'] } };
        f.messages.Smooth = { fields: { x: 'f32' }, perSecond: 7 };
      },
      { ...NEW, controller: info('f', ['Attitude', 'Smooth']), smoother: info('8') },
      base,
    );
    expect(plan.components[4]).toBe(null);
    expect(plan.components[5]).toMatchObject({ name: 'smoother', board: 4, sends: [[4, [1]]] });
    expect(plan.upgrade).toMatchObject({ cluster: [0, 1, 4, 5], added: [5], removed: [4], changed: [[0, 3]] });
    // the new version sends nothing to what is gone, and numbers stay what they were
    expect(plan.components[0]?.sends).toEqual([
      [3, [1]],
      [2, [3]],
    ]);
    expect(plan.components[3]).toEqual(base.components[3]);
    expect(plan.types[4]).toMatchObject({ name: 'Smooth', perSecond: 7 });
  });

  test('the next upgrade builds on the one before: numbers go on, and the newest format is the one that counts', () => {
    const first = upgraded(() => undefined);
    const second = compileUpgrade(
      first,
      planHash(first),
      readUpgrade(
        write({
          ...upgrade(),
          name: 'back',
          sequence: 3,
          messages: { Attitude: { fields: system().messages.Attitude.fields } },
          policy: {},
        }),
      ),
      NEW,
    );
    expect(second.upgrade).toMatchObject({ base: planHash(first), changed: [[3, 4]], cluster: [0, 1] });
    expect(second.components[0]?.sends[0]).toEqual([4, [1]]);
    expect(second.components[0]?.board).toBe(4);
    // a commit is agreed upon for each upgrade
    expect(second.policy).toEqual({ commitAfterMs: 0, validated: 0, heartbeatMs: 200, absentMs: 1500, lead: 20 });
    const third = compileUpgrade(
      second,
      planHash(second),
      readUpgrade(write({ ...upgrade(), sequence: 4, messages: {}, components: { estimator: { module: 'e.ts' } } })),
      NEW,
    );
    expect(third.components[0]?.sends[0]).toEqual([4, [1]]);
    expect(third.upgrade?.changed).toEqual([]);
  });

  test('a changed type that would cross the border: pair, fields, and the module that is missing', () => {
    const receiver = failureOf(() => upgraded((f) => delete f.components.controller));
    expect(receiver).toMatchObject({ code: 'E_SCHEMA', exit: 7 });
    expect(receiver.message).toBe(
      'estimator>controller Attitude.euler f32[3]→- Attitude.q -→f32[4]\n' +
        'the upgrade brings no new version of controller, so a changed message would cross the border of the cluster',
    );
    expect(receiver.next).toBe('add controller to the upgrade’s components, with a module that knows the new format');

    const sender = failureOf(() =>
      upgraded((f) => {
        delete f.components.estimator;
        f.messages.Attitude = { fields: { euler: 'f64[3]', rates: 'f32[3]' } };
      }),
    );
    expect(sender.message).toMatch(
      /^estimator>controller Attitude\.euler f32\[3\]→f64\[3\]\n.* no new version of estimator,/,
    );

    const both = failureOf(() =>
      upgraded((f) => {
        f.messages.Health = { fields: { ok: 'u8' } };
        f.messages.Torque = { fields: { torque: 'f32[3]' }, perSecond: 9 };
      }),
    );
    expect(both.message).toBe(
      'estimator>telemetry Health.ok bool→u8\n' +
        'controller>wheels Torque any→9 per second\n' +
        'the upgrade brings no new version of telemetry, wheels, so a changed message would cross the border of the cluster',
    );
  });

  test('differences of formats, as they are told', () => {
    const base = compiled();
    const told = (fields: Record<string, string>, perSecond?: number) => {
      const plan = upgraded((f) => (f.messages.Attitude = { fields, perSecond }), NEW, base);
      return schemaDifferences(base, plan).map(differenceText);
    };
    expect(told({ rates: 'f32[3]', euler: 'f32[3]' })).toEqual(['Attitude fields in another order']);
    expect(told({ euler: 'f32[3]', rates: 'f32[3]' }, 50)).toEqual(['Attitude 20→50 per second']);
    expect(told({ euler: 'f32[3]', rates: 'f32[4]', t: 'u32' }, 0)).toEqual([
      'Attitude.rates f32[3]→f32[4] Attitude.t -→u32 Attitude 20→any per second',
    ]);
    expect(told({ euler: 'f32[3]', rates: 'f32[3]' })).toEqual([]);
  });

  const refused: [string, (f: Loose) => void, RegExp][] = [
    ['another system', (f) => (f.system = 'rover'), /: system: is rover; the boards run sat$/],
    [
      'a sequence that does not go up',
      (f) => (f.sequence = 2),
      /: sequence: is 2; the running version has 2, and upgrades must go up$/,
    ],
    [
      'nothing in it',
      (f) => Object.assign(f, { components: {}, messages: {} }),
      /: components: is empty; an upgrade brings at least one$/,
    ],
    [
      'a board that the system does not have',
      (f) => (f.components.estimator.board = 'spar'),
      /: components\.estimator\.board: no board of the system \(`spares` included\) is named spar; did you mean spare\?$/,
    ],
    [
      'a new version with outputs on another board',
      (f) => (f.components.wheels = { module: 'w.ts', board: 'spare' }),
      /: components\.wheels\.board: drives wheel, which is wired to board actuators: both versions must run there/,
    ],
    [
      'a component misspelt',
      (f) => {
        f.components.telemetri = { module: 't.ts' };
      },
      /: components\.telemetri: is new to the system: it wants `board` and `sends`, or did you mean telemetry\?$/,
    ],
    [
      'the removal of a component that is not there',
      (f) => (f.components.telemetri = null),
      /: components\.telemetri: is to be removed, but the system has no such component; did you mean telemetry\?$/,
    ],
    [
      'a message type misspelt',
      (f) => (f.messages.Atitude = { fields: { x: 'u8' } }),
      /: messages\.Atitude: no component sends it; did you mean Attitude\?$/,
    ],
    [
      'a new channel out of the cluster',
      (f) => (f.components.estimator.sends = { Attitude: ['controller'], Health: ['telemetry', 'wheels'] }),
      /: components\.estimator\.sends: Health to wheels is new and leaves the cluster: the old version does not send it\n/,
    ],
    [
      'a channel out of the cluster that is gone',
      (f) => (f.components.estimator.sends = { Attitude: ['controller'] }),
      /: components\.estimator\.sends: Health to telemetry is gone, and its receiver is outside the cluster$/,
    ],
    [
      'an added component that talks to the outside',
      (f) => (f.components.extra = { module: 'x.ts', board: 'spare', sends: { Health: ['telemetry'] } }),
      /: components\.extra\.sends: Health to telemetry is new and leaves the cluster/,
    ],
    [
      'an added component that drives a device',
      (f) => (f.components.extra = { module: 'x.ts', board: 'compute', sends: {}, drives: ['radio'] }),
      /: components\.extra\.drives: an added component has no shadow that could go on with its outputs; wanted no devices$/,
    ],
    [
      'other outputs',
      (f) => (f.components.telemetry = { module: 't.ts', drives: [] }),
      /: components\.telemetry\.drives: changes: old and new version must drive the same devices$/,
    ],
    [
      'the removal of a component that drives a device',
      (f) => (f.components.telemetry = null),
      /: components\.telemetry: the component is removed, but its devices \(radio\) need their outputs$/,
    ],
    [
      'the removal of a component that others still send to',
      (f) =>
        Object.assign(f, {
          components: { controller: f.components.controller, estimator: f.components.estimator, wheels: null },
        }),
      /: components\.wheels: the component is removed, but its devices \(wheel\) need their outputs$/,
    ],
    [
      'a message to a component that the same upgrade removes',
      (f) => {
        f.components.telemetry = null;
        f.components.estimator.sends = { Attitude: ['controller'], Health: ['telemetry'] };
      },
      /: components\.estimator\.sends\.Health\[0\]: telemetry is removed by this very upgrade$/,
    ],
    [
      'silence shorter than two heartbeats of the running version',
      (f) => (f.policy = { heartbeatMs: 50, absentMs: 300 }),
      /: policy\.absentMs: is 300, with a heartbeat every 200 ms; wanted 400 or more$/,
    ],
  ];
  test.each(refused)('refused: %s', (what, change, wanted) => {
    const base = compiled((f) => (f.sequence = what.startsWith('a sequence') ? 2 : 1));
    const modules = {
      ...NEW,
      telemetry: MODULES.telemetry,
      wheels: MODULES.wheels,
      extra: info('7', [], [], ['radio']),
    };
    const error = failureOf(() => upgraded(change, modules as Modules, base));
    expect(error).toMatchObject({ code: 'E_DESCRIPTION', exit: 7 });
    expect(error.message).toMatch(wanted);
    expect(error.message).toMatch(/\.json:[1-9][0-9]*:[1-9][0-9]*: /);
  });

  test('refused: the removal of a component that one outside the cluster sends to', () => {
    const base = compiled((f) => {
      f.components.sink = { module: 's.ts', board: 'compute' };
      f.components.controller.sends.Torque.push('sink');
    });
    const error = failureOf(() =>
      upgraded(
        (f) => Object.assign(f, { components: { sink: null, estimator: f.components.estimator }, messages: {} }),
        NEW,
        base,
      ),
    );
    expect(error.message).toMatch(/: components\.sink: is removed, but controller still sends it Torque$/);
  });

  test('a component with no module to handle what it will be sent', () => {
    const error = failureOf(() => upgraded(() => undefined, { ...NEW, controller: info('f') }));
    expect(error.message).toMatch(
      /: components\.controller\.module: has no handler on\.Attitude, which estimator sends it$/,
    );
  });
});

describe('preflight', () => {
  const board = (more: Json = {}): Json => ({
    understudy: 1,
    name: 'mine',
    engine: 'duktape',
    interrupts: true,
    watchdog: true,
    keeps: true,
    memoryBytes: 0,
    unknown: more.memoryBytes === undefined ? ['memoryBytes'] : [],
    flash: { sectorBytes: 4096, sectors: 64, programBytes: 4 },
    ...more,
  });
  const text = (hash: string, bytes: number) => ({ [hash.repeat(64)]: 'x'.repeat(bytes) });

  function flight(
    types: Record<string, Json>,
    change: (f: Loose) => void = () => undefined,
    durability = 'off',
    programBytes = 24_000,
  ) {
    const base = compiled((f) => (f.durability = durability));
    const plan = upgraded(change, NEW, base);
    const dir = mkdtempSync(join(folder, 'lab-'));
    const boards: Json = {};
    for (const name of base.boards) {
      writeFileSync(join(dir, `${name}.json`), JSON.stringify(types[name] ?? board()));
      boards[name] = { kind: 'virtual', type: `${name}.json` };
    }
    if (types.none) delete boards.spare;
    if (types.real) boards.sensors = { kind: 'real', port: 'id:1', ...types.real };
    writeFileSync(join(dir, 'testbed.json'), JSON.stringify({ understudy: 1, boards }));
    const old = { ...text('a', 3000), ...text('b', 3000), ...text('c', 3000), ...text('d', 3000) };
    const modules = { ...text('c', 3000), ...text('d', 3000), ...text('e', 5000), ...text('f', 5000) };
    return preflight(
      { plan: base, hash: planHash(base), modules: old },
      { plan, hash: planHash(plan), modules },
      readTestbed(join(dir, 'testbed.json')),
      programBytes,
    );
  }

  test('what an upgrade would do', () => {
    const f = flight({});
    expect(f).toMatchObject({
      upgrade: 'quaternion',
      cluster: ['estimator', 'controller'],
      refusals: [],
      warnings: [],
    });
    expect(f.boards.map((b) => [b.board, b.active, b.low, b.shadow])).toEqual([
      ['actuators', ['wheels'], [], []],
      ['compute', ['telemetry'], [], ['estimator']],
      ['control', [], ['controller'], ['controller']],
      ['sensors', [], [], []],
      ['spare', [], ['estimator'], []],
    ]);
    expect(f.differences.map(differenceText)).toEqual(['Attitude.euler f32[3]→- Attitude.q -→f32[4]']);
    const memory = Object.fromEntries(f.boards.map((b) => [b.board, b.memoryBytes]));
    expect(memory.control).toBeGreaterThan((memory.spare as number) + 3000);
  });

  test('no room for a shadow', () => {
    const wanted = flight({}).boards.find((b) => b.board === 'control')?.memoryBytes as number;
    const [refusal, ...rest] = flight({ control: board({ memoryBytes: wanted - 1 }) }).refusals;
    expect(rest).toEqual([]);
    expect(refusal).toMatchObject({
      code: 'E_MEMORY',
      cause: `board control: no room for the shadow of controller: about ${wanted} bytes wanted, ${wanted - 1} there`,
    });
    expect(refusal?.next).toMatch(/^place the new version on a board of its own/);
    expect(flight({ control: board({ memoryBytes: wanted }) }).refusals).toEqual([]);
  });

  test('an image larger than its slot', () => {
    const small = { sectorBytes: 512, sectors: 10, programBytes: 4 };
    const [refusal] = flight({ spare: board({ flash: small }) }).refusals;
    expect(refusal).toMatchObject({ code: 'E_SPACE' });
    expect(refusal?.cause).toMatch(/^board spare: an image of \d+ bytes, a slot of 512$/);
  });

  test('a board that the testbed does not have', () => {
    const [refusal] = flight({ none: {} }).refusals;
    expect(refusal).toMatchObject({ code: 'E_BOARD', cause: 'the testbed has no board named spare' });
  });

  test('a low process beside survivors where a call cannot be interrupted', () => {
    const boards = (more: Json) => ({
      control: board({ interrupts: false, ...more }),
      spare: board({ interrupts: false, ...more }),
    });
    const dull = boards({});
    const cause = 'board control cannot interrupt a call: a hang of controller would reset it, and with it controller';
    const next = 'place the new version on a board of its own';
    const refused = flight(dull);
    expect(refused.refusals).toEqual([{ code: 'E_FATE', cause, next: `${next}, or set "sharedFate": true` }]);
    expect(refused.boards.map((b) => [b.board, b.hang])).toEqual([
      ['actuators', 'interrupted'],
      ['compute', 'interrupted'],
      ['control', 'reset'],
      ['sensors', 'interrupted'],
      ['spare', 'reset'],
    ]);
    expect(flight(dull, (f) => (f.components.controller.board = 'sensors')).refusals).toEqual([]);
    const shared = (f: Loose) => (f.sharedFate = true);
    expect(flight(dull, shared).refusals[0]?.cause).toBe(`${cause}; sharedFate needs durability`);
    const guarded = flight(dull, shared, 'guard');
    expect(guarded.refusals).toEqual([]);
    expect(guarded.warnings).toEqual([`${cause}; its journal brings them back (sharedFate)`]);
    const forgets = flight(boards({ keeps: false }), shared, 'guard');
    expect(forgets.refusals).toEqual([]);
    expect(forgets.warnings).toEqual([
      `${cause}; it keeps nothing over a reset that tells which process hung, so it may come again after each (sharedFate)`,
    ]);
  });

  test('without a watchdog a hang is for good', () => {
    const types = {
      control: board({ interrupts: false, watchdog: false }),
      spare: board({ interrupts: false, watchdog: false }),
    };
    const cause = 'board control cannot interrupt a call: a hang of controller would stop it, and with it controller';
    expect(flight(types).refusals).toMatchObject([{ code: 'E_FATE', cause }]);
    const { refusals, warnings } = flight(types, (f) => (f.sharedFate = true), 'guard');
    expect(refusals).toEqual([]);
    expect(warnings).toEqual([
      `${cause}; it has no watchdog, so until its power is cycled (sharedFate)`,
      'board spare cannot interrupt a call: a hang of estimator would stop it until its power is cycled: it has no watchdog',
    ]);
  });

  test('a board on which no system can live', () => {
    const { refusals, boards } = flight({ real: { type: 'pico' } });
    expect(refusals).toEqual([
      {
        code: 'E_BOARD_SMALL',
        cause:
          'board sensors: no system can live on a pico: its flash.sectors is 1; wanted at least 8: 3 for records, 2 for slots, 3 for the journal',
        next: 'use another board; npx understudy board pico says what fits on it',
      },
    ]);
    expect(boards.map((b) => b.board)).not.toContain('sensors');
  });

  test('the two programs of a real Espruino board leave the system less flash', () => {
    const real = (bytes: number) => flight({ real: { type: 'nrf52840-dk' } }, undefined, 'guard', bytes);
    const sensors = (bytes: number) => {
      const { slotBytes, journal } = real(bytes).boards.find((b) => b.board === 'sensors') as BoardFlight;
      return [slotBytes / 4096, journal?.sectors];
    };
    // 40 KB of Storage hold both
    expect(sensors(13_000)).toEqual([15, 31]);
    // else each takes whole sectors, with a tenth more to grow
    expect(sensors(24_000)).toEqual([11, 25]);
    expect(real(120_000).refusals).toEqual([
      {
        code: 'E_BOARD_SMALL',
        cause:
          'board sensors: no system can live on a nrf52840-dk: its flash.sectors is 64, and the firmware takes 66 (hal/BOOT.md); wanted at least 8: 3 for records, 2 for slots, 3 for the journal',
        next: 'use another board; npx understudy board nrf52840-dk says what fits on it',
      },
    ]);
    // what a testbed starts itself holds none
    const played = JSON.parse(readFileSync(join(ROOT, 'boards/nrf52840-dk.json'), 'utf8')) as Json;
    expect(flight({ sensors: played }, undefined, 'guard', 120_000).refusals).toEqual([]);
  });

  test('a journal that does not fit: refused, with what is there and what is wanted', () => {
    const tight = { sectorBytes: 6252, sectors: 8, programBytes: 4 };
    const types = { control: board({ flash: tight }), spare: board({ flash: { ...tight, sectorBytes: 4096 } }) };
    const crowded = (f: Loose) => (f.components.estimator.board = 'control');
    const small = (f: ReturnType<typeof flight>) => f.refusals.filter(({ code }) => code === 'E_JOURNAL_SMALL');
    const next = 'use a type of board with more flash, or set "durability": "off"';
    const none = 'less than 16384 bytes, or fewer than 3 sectors, are left beside its two slots';
    expect(small(flight(types, undefined, 'guard'))).toEqual([
      { code: 'E_JOURNAL_SMALL', cause: `board spare: its flash has no room for a journal: ${none}`, next },
    ]);
    const [refusal, ...rest] = small(flight(types, crowded, 'guard'));
    expect(rest).toEqual([]);
    expect(refusal?.next).toBe(next);
    expect(refusal?.cause).toMatch(
      /^board control: its journal holds 124\d\d bytes; about 1[3-9]\d{3} are wanted: the checkpoints of its processes twice, and the reserve for one cut$/,
    );
    const off = flight(types, crowded);
    expect(small(off)).toEqual([]);
    expect(off.boards.map((b) => b.journal)).toEqual(off.boards.map(() => null));
  });

  test('warnings: no guard policy, figures that are assumed', () => {
    const { warnings, refusals } = flight({ real: { type: 'nrf52840-dk' } }, (f) => delete f.policy, 'guard');
    expect(refusals).toEqual([]);
    expect(warnings).toEqual([
      'board sensors: bus.slotMs, flash.base, flash.sectors, flash.eraseMs, flash.endurance of a nrf52840-dk are assumed; check them on the board',
      'no guard policy: guarded operation ends only on a word (npx understudy commit)',
    ]);
  });

  test('a part that stands fewer erases lasts less long', () => {
    const flash = { sectorBytes: 4096, sectors: 64, programBytes: 4 };
    const types = { control: board({ flash: { ...flash, endurance: 10_000 } }), spare: board() };
    const of = (f: ReturnType<typeof flight>, name: string) => f.boards.find((b) => b.board === name)?.journal;
    const weak = of(flight(types, undefined, 'guard'), 'control');
    const strong = of(flight({}, undefined, 'guard'), 'control');
    expect([weak?.endurance, strong?.endurance]).toEqual([10_000, 100_000]);
    expect(10 * (weak?.lifetimeHours ?? 0)).toBeCloseTo(strong?.lifetimeHours ?? 0, 6);
  });
});

/** As much of JSON Schema as ours use; a keyword it does not know is an error. Independent of the checker. */
function valid(schema: Loose, value: unknown): boolean {
  const known =
    'type description pattern minimum maximum enum items uniqueItems propertyNames additionalProperties anyOf properties required default $schema title';
  for (const key of Object.keys(schema)) if (!known.split(' ').includes(key)) throw new Error(`${key}: not known`);
  const isObject = typeof value === 'object' && value !== null && !Array.isArray(value);
  const types: Record<string, boolean> = {
    object: isObject,
    array: Array.isArray(value),
    string: typeof value === 'string',
    number: typeof value === 'number',
    integer: Number.isInteger(value),
    boolean: typeof value === 'boolean',
    null: value === null,
  };
  if (schema.type !== undefined && !types[schema.type]) return false;
  if (schema.enum && !schema.enum.includes(value)) return false;
  if (schema.anyOf && !schema.anyOf.some((one: Loose) => valid(one, value))) return false;
  if (typeof value === 'string' && schema.pattern && !new RegExp(schema.pattern, 'u').test(value)) return false;
  if (typeof value === 'number' && (value < (schema.minimum ?? value) || value > (schema.maximum ?? value)))
    return false;
  if (Array.isArray(value)) {
    if (schema.items && !value.every((item) => valid(schema.items, item))) return false;
    if (schema.uniqueItems && new Set(value.map((item) => JSON.stringify(item))).size < value.length) return false;
  }
  if (isObject) {
    const given = value as Json;
    for (const key of schema.required ?? []) if (!Object.hasOwn(given, key)) return false;
    for (const [key, item] of Object.entries(given)) {
      if (schema.propertyNames && !valid(schema.propertyNames, key)) return false;
      const own = schema.properties && Object.hasOwn(schema.properties, key) ? schema.properties[key] : undefined;
      const rule = own ?? schema.additionalProperties;
      if (rule === false || (rule && !valid(rule, item))) return false;
    }
  }
  return true;
}

describe('schemas', () => {
  const testbed = {
    understudy: 1,
    boards: { one: { kind: 'virtual' }, two: { kind: 'real', type: 'rp2040', port: null } },
    world: { module: 'plant.ts', options: { seed: 1, deep: { a: [] } } },
  };
  const samples: Record<string, () => Json> = {
    system,
    upgrade: () => ({ ...upgrade(), components: { ...upgrade().components, telemetry: null } }),
    testbed: () => structuredClone(testbed),
    board: () => JSON.parse(readFileSync(join(ROOT, 'boards/pico.json'), 'utf8')) as Json,
  };
  const accepts = (format: string, value: unknown): boolean => {
    const problems: Problem[] = [];
    FORMATS[format]?.check(value, '', problems);
    return problems.length === 0;
  };

  test.each(Object.keys(FORMATS))('%s.json is what the checker says (UPDATE_GOLDEN writes it)', (format) => {
    const file = join(SCHEMAS, `${format}.json`);
    const wanted = schemaOf(format);
    if (process.env.UPDATE_GOLDEN) {
      mkdirSync(SCHEMAS, { recursive: true });
      writeFileSync(file, `${JSON.stringify(wanted, null, 2)}\n`);
    }
    expect(existsSync(file)).toBe(true);
    expect(JSON.parse(readFileSync(file, 'utf8'))).toEqual(JSON.parse(JSON.stringify(wanted)));
  });

  test('every file of the sample mission and of boards/ names its schema, and fits it', () => {
    const mission = ['system', 'testbed', ...[...'ABCDEFG'].map((letter) => `upgrades/${letter}/upgrade`)];
    const all = [
      ...mission.map((f) => join(ROOT, 'host/mission', `${f}.json`)),
      ...boardTypes().map((b) => join(ROOT, 'boards', `${b}.json`)),
    ];
    for (const file of all) {
      const value = JSON.parse(readFileSync(file, 'utf8')) as { $schema: string };
      const schema = resolve(dirname(file), value.$schema);
      expect([file, existsSync(schema)]).toEqual([file, true]);
      expect([file, valid(JSON.parse(readFileSync(schema, 'utf8')), value)]).toEqual([file, true]);
    }
  });

  // each run puts something else in one place of a good file, takes it away, or adds something
  const junk: unknown[] = [
    null,
    true,
    '',
    ' ',
    'x',
    'each',
    'u8',
    'f32[0]',
    'f32[3]',
    0,
    1,
    -1,
    1.5,
    1e12,
    [],
    ['x'],
    ['x', 'x'],
    [1, 1],
    {},
  ];
  const objects: unknown[] = [
    { a: 'u8' },
    { a: ['x', 'x'] },
    { '9': 'u8' },
    { constructor: 'u8' },
    { toString: ['x'] },
    { module: 'x' },
  ];
  test.each(Object.keys(FORMATS))('schema and checker of %s agree on what is good', (format) => {
    const schema = JSON.parse(readFileSync(join(SCHEMAS, `${format}.json`), 'utf8')) as Json;
    const seen = { good: 0, bad: 0 };
    const pick = fc.nat({ max: 1_000_000 });
    fc.assert(
      fc.property(
        pick,
        fc.constantFrom('replace', 'remove', 'add'),
        fc.constantFrom(...junk, ...objects),
        fc.constantFrom('x', '$schema', 'sends', 'board', 'port', 'in', 'toString', 'a b'),
        (where, how, what, key) => {
          const value = (samples[format] as () => Json)();
          const spots: [Loose, string][] = [];
          const walk = (node: Loose): void => {
            for (const name of Object.keys(node)) {
              spots.push([node, name]);
              if (typeof node[name] === 'object' && node[name] !== null) walk(node[name]);
            }
          };
          walk(value);
          const [parent, name] = spots[where % spots.length] as [Loose, string];
          if (how === 'replace') parent[name] = structuredClone(what);
          else if (how === 'add' && !Array.isArray(parent)) parent[key] = structuredClone(what);
          else if (Array.isArray(parent)) parent.splice(Number(name), 1);
          else delete parent[name];
          const ours = accepts(format, value);
          seen[ours ? 'good' : 'bad']++;
          expect(valid(schema, value)).toBe(ours);
        },
      ),
      { numRuns: 3000 },
    );
    expect(seen.good).toBeGreaterThan(50);
    expect(seen.bad).toBeGreaterThan(500);
  });
});
