// The command line as users and scripts have it: real commands, a real testbed with pseudo-terminals, exit codes, what
// goes to stdout and what to stderr. Tests of one testbed follow each other: up, flash, stage, start, ... down.

import {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { explain, table } from '../host/command/output.ts';
import { readSystem, readUpgrade } from '../host/describe/read.ts';
import { EXIT, Failure } from '../host/failure.ts';
import { buildSystem, buildUpgrade } from '../host/operate/build.ts';
import type { BoardStatus, SystemStatus } from '../host/operate/status.ts';
import { systemStatus } from '../host/operate/status.ts';
import type { Version } from '../host/operate/version.ts';
import { imageOf } from '../host/operate/version.ts';
import { connect, stopTestbed } from '../host/testbed/client.ts';
import type { Ended, Running } from './fixtures/command.ts';
import { buildCommand, launch } from './fixtures/command.ts';

const BOARDS = ['sensors', 'compute', 'control', 'actuators', 'spare'];
/** Silence of a low process that counts on a machine that others keep busy too, ms. */
const PATIENT_MS = 20_000;

let folder = '';
let mission = '';
let state = '';
let command = { file: '', remove: (): void => undefined };

function begin(args: string[], cwd = mission, env: Record<string, string> = {}): Running {
  return launch(process.execPath, [command.file, ...args], cwd, env);
}

function understudy(...args: string[]): Promise<Ended> {
  return begin(args).ended;
}

/** Runs it, and insists on the exit code; what it said is in the failure's text. */
async function expectExit(code: number, ...args: string[]): Promise<Ended> {
  const ended = await understudy(...args);
  expect(ended.code, `${args.join(' ')}\n${ended.out}\n${ended.err}`).toBe(code);
  return ended;
}

/** An error for people: code, cause, next step, and nothing of it on stdout. */
async function expectError(exit: number, code: string, cause: RegExp, ...args: string[]): Promise<Ended> {
  const ended = await expectExit(exit, ...args);
  expect(ended.err).toMatch(new RegExp(`^${code}  `, 'm'));
  expect(ended.err).toMatch(cause);
  expect(ended.err).toMatch(/^ {2}next: \S/m);
  expect(ended.out).toBe('');
  return ended;
}

async function json<T>(...args: string[]): Promise<T> {
  const ended = await expectExit(0, ...args, '--json');
  expect(ended.err).toBe('');
  return JSON.parse(ended.out) as T;
}

/** As `status --json` has it, without a process of its own. */
async function boards(): Promise<BoardStatus[]> {
  const lab = await connect(state);
  try {
    const { boards: all, silent } = await systemStatus(lab);
    expect(silent).toEqual([]);
    return all;
  } finally {
    await lab.close();
  }
}

/** The sample upgrade `letter` under a name of its own, with another policy. */
function upgrade(letter: string, name: string, policy: Record<string, number>): string {
  const source = join(mission, 'upgrades', letter, 'upgrade.json');
  const described = JSON.parse(readFileSync(source, 'utf8')) as Record<string, unknown>;
  const at = join(mission, 'upgrades', letter, `${name}.json`);
  writeFileSync(at, JSON.stringify({ ...described, name, policy: { absentMs: PATIENT_MS, ...policy } }));
  return at;
}

interface Judged {
  violations: unknown[];
  until: string;
  counts: Record<string, number>;
}

/** A trace that violates a rule is kept: what happened cannot be brought about again. */
async function judgedTrace(): Promise<Judged> {
  const { out } = await understudy('trace', '--check', '--json');
  const judged = JSON.parse(out) as Judged;
  if (judged.violations.length === 0) return judged;
  const kept = join(tmpdir(), `understudy-${process.pid}.trace.ndjson`);
  copyFileSync(join(state, 'trace.ndjson'), kept);
  throw new Error(`the trace, kept as ${kept}, violates: ${JSON.stringify(judged.violations.slice(0, 5))}`);
}

function processesOf(path: string): string[] {
  return readdirSync('/proc').filter((pid) => {
    try {
      return /^\d+$/.test(pid) && readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(path);
    } catch {
      return false;
    }
  });
}

beforeAll(async () => {
  command = await buildCommand();
  folder = mkdtempSync(join(tmpdir(), 'command-'));
  mission = join(folder, 'sat');
  state = join(mission, '.understudy');
  const ended = await begin(['init', mission], folder).ended;
  expect(ended.code, ended.err).toBe(0);
  expect(ended.err).toContain('npx understudy testbed up');
});

afterAll(async () => {
  await stopTestbed(state).catch(() => undefined);
  command.remove();
  rmSync(folder, { recursive: true, force: true });
});

describe('before any testbed', () => {
  test('usage: help on request is no error, everything else exits with 2', async () => {
    const [help, version, bare, group] = await Promise.all([
      expectExit(0, '--help'),
      expectExit(0, '--version'),
      expectExit(2),
      expectExit(2, 'testbed'),
    ]);
    expect(help.out).toContain('Exit codes:');
    expect(version.out).toMatch(/^\d+\.\d+\.\d+\n$/);
    expect(bare.err).toContain('Commands:');
    expect(bare.out).toBe('');
    expect(group.err).toContain('power');
    await Promise.all([
      expectError(2, 'E_USAGE', /unknown command 'flsh'/, 'flsh'),
      expectError(2, 'E_USAGE', /unknown option '--bogus'/, 'status', '--bogus'),
      expectError(2, 'E_USAGE', /missing required argument/, 'stage'),
      expectError(2, 'E_USAGE', /soon is not a positive number/, 'start', '--wait', 'soon'),
    ]);
    await Promise.all([
      expectError(2, 'E_USAGE', /never: no such goal/, 'status', '--watch', 'never'),
      expectError(2, 'E_USAGE', /nowhere: nothing is called so/, 'trace', '--around', 'nowhere'),
      expectError(2, 'E_SYSTEM', /no system description/, 'flash', '--system', join(folder, 'none.json')),
      expectError(2, 'E_EXISTS', /not empty/, 'init', mission),
      expectError(2, 'E_NO_TRACE', /no testbed has recorded/, 'trace'),
    ]);
  });

  test('commands that need boards say that there is no testbed', async () => {
    await Promise.all([
      expectError(3, 'E_NO_TESTBED', /no testbed is running/, 'status'),
      expectError(3, 'E_NO_TESTBED', /no testbed is running/, 'testbed', 'down'),
      expectError(3, 'E_NO_TESTBED', /no testbed is running/, 'flash'),
    ]);
  });

  test('with --json, errors are one line of JSON on stderr, usage errors too', async () => {
    const cases: [number, string, string[]][] = [
      [2, 'E_USAGE', ['status', '--bogus']],
      [3, 'E_NO_TESTBED', ['commit']],
      [2, 'E_NO_FILE', ['stage', 'none.json']],
    ];
    await Promise.all(
      cases.map(async ([exit, code, args]) => {
        const { out, err } = await expectExit(exit, ...args, '--json');
        expect(out).toBe('');
        expect(JSON.parse(err)).toEqual({
          error: { code, cause: expect.stringMatching(/\S/), next: expect.stringMatching(/\S/), exit },
        });
      }),
    );
  });

  test('broken files: JSON with its place (2), descriptions with theirs (7), and nothing is built', async () => {
    const at = (name: string, text: string): string => {
      writeFileSync(join(mission, name), text);
      return join(mission, name);
    };
    const system = readFileSync(join(mission, 'system.json'), 'utf8');
    const broken = at('broken.json', '{\n  "understudy": 1,\n  "name": oops\n}\n');
    const wrong = at(
      'wrong.json',
      system.replace('"board": "compute"', '"bord": "compute"').replace('"gyro", ', '"gyra", '),
    );
    await Promise.all([
      expectError(2, 'E_JSON', /broken\.json.*line 3, column 11/, 'build', '--system', broken),
      expectError(7, 'E_DESCRIPTION', /did you mean board\?/, 'build', '--system', wrong),
      expectError(7, 'E_SCHEMA', /estimator>controller Attitude\.euler f32\[3\]→-/, 'build', 'upgrades/G/upgrade.json'),
    ]);
    const built = await json<{ hash: string }>('build');
    expect(built.hash).toMatch(/^[0-9a-f]{16}$/);
    expect(readdirSync(join(state, 'versions'))).toEqual([`${built.hash}.image`]);
  });

  test('a fault of our own exits with 70, a Failure with its own code', () => {
    const written: string[] = [];
    const write = process.stderr.write.bind(process.stderr);
    process.stderr.write = ((text: string) => written.push(text) > 0) as typeof process.stderr.write;
    try {
      expect(explain(new TypeError('x is not a function'), true)).toBe(EXIT.bug);
      expect(explain(new Failure('E_X', EXIT.permission, 'because', 'do'), false)).toBe(EXIT.permission);
    } finally {
      process.stderr.write = write;
    }
    expect(JSON.parse(written[0] ?? '')).toMatchObject({ error: { code: 'E_BUG', exit: 70 } });
    expect(written[1]).toBe('E_X  because\n  next: do\n');
  });

  test('tables: columns as wide as needed, numbers to the right', () => {
    expect(
      table(
        ['a', 'n'],
        [
          ['xyz', 5],
          ['y', 10],
        ],
      ),
    ).toBe('a     n\nxyz   5\ny    10');
  });
});

describe('a testbed', () => {
  let patient = '';
  let quick = '';
  let crash = '';

  beforeAll(() => {
    patient = upgrade('A', 'patient', {});
    quick = upgrade('A', 'quick', { commitAfterS: 1, validated: 5 });
    crash = upgrade('C', 'crash', {});
  });

  test('comes up once: a second one in the same state is refused as busy', async () => {
    const up = await json<{ state: string; boards: { name: string; port: string }[] }>('testbed', 'up');
    expect(up.boards.map((b) => b.name)).toEqual(BOARDS);
    for (const board of up.boards) expect(board.port).toMatch(/^\/dev\/pts\/\d+$/);
    expect(statSync(state).mode & 0o777).toBe(0o700);
    // a port that somebody else holds: here, our own testbed
    const other = join(folder, 'other');
    mkdirSync(other);
    writeFileSync(join(other, 'c.ts'), 'export function initial() { return {}; }\n');
    const lone = { understudy: 1, name: 'lone', components: { c: { module: 'c.ts', board: 'b' } }, durability: 'off' };
    writeFileSync(join(other, 'system.json'), JSON.stringify(lone));
    const real = (file: string, port: string): string[] => {
      const at = join(other, file);
      writeFileSync(at, JSON.stringify({ understudy: 1, boards: { b: { kind: 'real', type: 'virtual', port } } }));
      return [
        'testbed',
        'up',
        '--system',
        join(other, 'system.json'),
        '--testbed',
        at,
        '--state',
        join(other, file, '..', `.${file}`),
      ];
    };
    const port = up.boards[0]?.port ?? '';
    await Promise.all([
      expectError(5, 'E_BUSY', /already running in .*process \d+/, 'testbed', 'up'),
      expectError(5, 'E_BUSY', new RegExp(`port ${port} is in use by process \\d+`), ...real('held.json', port)),
    ]);
  });

  test('whose boards have no system yet', async () => {
    const [status, list] = await Promise.all([expectExit(0, 'status'), json<unknown[]>('testbed', 'list')]);
    expect(status.out).toContain('! compute runs no system: no system was flashed yet');
    expect(list).toHaveLength(BOARDS.length);
    await Promise.all([
      expectError(7, 'E_STAGED', /no upgrade is staged/, 'start'),
      expectError(7, 'E_GUARDED', /no guarded operation/, 'abort'),
      expectError(8, 'E_NO_EVENTS', /no event to judge/, 'trace', '--check'),
      expectExit(8, 'status', '--watch', 'idle', '--timeout', '500ms'),
    ]);
  });

  test('is flashed: the table on stdout, progress on stderr', async () => {
    const { out, err } = await expectExit(0, 'flash');
    for (const board of BOARDS) {
      expect(out).toMatch(new RegExp(`^${board} .* [0-9a-f]{16}$`, 'm'));
      expect(err).toMatch(new RegExp(`^${board} .*█ {2}.*KB`, 'm'));
    }
    const hashes = new Set((await boards()).map((b) => b.plan?.hash));
    expect(hashes.size).toBe(1);
  });

  test('preflight prints the plan, and refuses what cannot work', async () => {
    const [text, flight] = await Promise.all([
      expectExit(0, 'preflight', patient),
      json<Record<string, unknown>>('preflight', patient),
    ]);
    expect(text.out).toMatch(/^cluster {4}estimator, controller$/m);
    expect(text.out).toMatch(/^changes {4}Attitude\.euler f32\[3\]→- Attitude\.q -→f32\[4\]$/m);
    expect(text.err).toContain('next: npx understudy stage');
    for (const line of text.out.split('\n')) expect([...line].length, line).toBeLessThanOrEqual(100);
    expect(flight).toMatchObject({ cluster: ['estimator', 'controller'], refusals: [], added: [], removed: [] });
    expect(text.out).toMatch(
      /^durability guard: under guard events are on flash before their effects; a power cut is a pause$/m,
    );
    expect(text.out).toMatch(/^control +guard .* KB\/s +\d+ +\d+ days$/m);
    expect(flight).toMatchObject({
      durability: 'guard',
      boards: [{ journal: { sectors: 63 }, always: null }, {}, {}, {}, {}],
    });
  });

  test('a board without power is named, the others are shown and stay as they are', async () => {
    const before = await boards();
    await expectExit(0, 'testbed', 'power', 'spare', 'off');
    const [status, machine] = await Promise.all([expectExit(3, 'status'), expectExit(3, 'status', '--json')]);
    expect(status.out).toMatch(/^! board spare has no power/m);
    expect(status.out).toMatch(/^ {2}next: npx understudy testbed power spare on$/m);
    expect(status.out).toMatch(/^compute {2}.*smallsat/m);
    expect(JSON.parse(machine.out)).toMatchObject({ silent: [{ board: 'spare', failure: { code: 'E_OFF' } }] });
    await Promise.all([
      expectError(3, 'E_OFF', /board spare has no power/, 'flash'),
      expectError(3, 'E_OFF', /board spare has no power/, 'stage', patient),
      expectError(3, 'E_BOARD', /no board named spear/, 'testbed', 'power', 'spear', 'on'),
    ]);
    await expectExit(0, 'testbed', 'power', 'spare', 'on');
    const after = await boards();
    expect(after.map((b) => b.plan)).toEqual(before.map((b) => b.plan));
    for (const board of after) expect(board.upgrade).toBeNull();
  });

  test('an image that is cut short or damaged on its way leaves the boards unchanged', async () => {
    const base = await buildSystem(readSystem(join(mission, 'system.json')));
    const next = await buildUpgrade(base, readUpgrade(patient));
    const lab = await connect(state);
    const codeOf = (work: Promise<unknown>) =>
      work.then(
        () => '',
        (error: Failure) => `${error.code} ${error.exit}`,
      );
    const picture = async () =>
      (await systemStatus(lab)).boards.map((b) => [
        b.board,
        b.boot,
        b.plan,
        b.upgrade,
        b.processes.map((p) => p.module),
      ]);
    try {
      const before = await picture();
      const slots: ['active' | 'staged', Version][] = [
        ['active', base],
        ['staged', next],
      ];
      for (const [slot, version] of slots) {
        const image = imageOf(version, 'control');
        const short = image.bytes.subarray(0, image.bytes.length >> 1);
        expect(await codeOf(lab.upload('control', slot, { ...image, bytes: short }))).toMatch(/^E_IMAGE [79]$/);
        const damaged = image.bytes.slice();
        for (let i = 100; i < damaged.length; i += 200) damaged[i] = (damaged[i] as number) ^ 0xff;
        expect(await codeOf(lab.upload('control', slot, { ...image, bytes: damaged }))).toMatch(/^E_IMAGE [79]$/);
        // the line broke off: what was announced never came
        const announced = { slot, bytes: image.bytes.length, crc: 1, hash: version.hash };
        await lab.request('control', 'put', announced);
        expect(await codeOf(lab.request('control', 'done'))).not.toBe('');
      }
      expect(await picture()).toEqual(before);
    } finally {
      await lab.close();
    }
  });

  test('an upgrade is staged, started, and aborted by the operator', async () => {
    await expectExit(0, 'stage', patient);
    for (const board of await boards()) {
      expect(board).toMatchObject({ guarded: false, upgrade: { name: 'patient' } });
    }
    const going = await expectExit(8, 'start', '--wait', '0.3');
    expect(going.out).toContain('guarded operation has begun');
    expect(going.err).toMatch(/^E_TIMEOUT {2}guarded operation still goes on/m);
    await Promise.all([
      expectExit(0, 'status', '--watch', 'guarded', '--timeout', '20s'),
      expectError(5, 'E_GUARDED', /under way already/, 'start'),
      expectError(5, 'E_GUARDED', /in guarded operation/, 'flash'),
    ]);
    const { boards: all } = await json<SystemStatus>('status');
    for (const board of all) {
      expect(board).toMatchObject({
        epoch: 2,
        plan: { hash: expect.stringMatching(/^[0-9a-f]{16}$/) },
        bus: {
          sent: expect.any(Number),
          received: expect.any(Number),
          resent: expect.any(Number),
          bad: expect.any(Number),
        },
        link: { frames: expect.any(Number), bad: expect.any(Number) },
      });
      for (const process of board.processes) {
        expect(process).toMatchObject({
          role: expect.stringMatching(/^(active|low|shadow)$/),
          module: expect.stringMatching(/^[0-9a-f]{64}$/),
          T: expect.any(Array),
          V: expect.any(Array),
          contaminated: expect.any(Boolean),
          journalRecords: expect.any(Number),
          journalBytes: expect.any(Number),
          log: expect.any(Number),
          testsPassed: expect.any(Number),
          testsFailed: expect.any(Number),
        });
        expect(process.T).toHaveLength(2);
      }
    }
    const roles = Object.fromEntries(all.flatMap((b) => b.processes.map((p) => [p.name, p.role])));
    expect(roles).toMatchObject({
      'estimator/0': 'shadow',
      'estimator/1': 'low',
      'controller/1': 'low',
      'wheels/0': 'active',
    });
    const aborted = await expectExit(0, 'abort');
    expect(aborted.out).toContain('reverted: the old version has taken over');
  });

  test('what was reverted is in quarantine, until it is staged again on purpose; then it commits', async () => {
    await expectError(7, 'E_QUARANTINE', /has reverted upgrade/, 'stage', patient);
    const { hash } = await json<{ hash: string }>('stage', '--again', patient);
    await expectExit(0, 'start');
    const committed = await json<{ cut: string }>('commit');
    expect(committed.cut).toBe('commit');
    const all = await boards();
    for (const board of all) {
      expect(board).toMatchObject({ guarded: false, upgrade: null, plan: { hash, name: 'patient' } });
      for (const process of board.processes) expect(process.role).toBe('active');
    }
    const names = all.flatMap((b) => b.processes.map((p) => p.name));
    expect(names.sort()).toEqual(['controller/1', 'estimator/1', 'sensors/0', 'telemetry/0', 'wheels/0']);
    const judged = await judgedTrace();
    expect(judged).toMatchObject({ violations: [], until: '' });
    expect(judged.counts['cuts: commit']).toBe(1);
  });

  test('an interrupted stage leaves nothing staged; an interrupted monitor just ends', async () => {
    // the original version again, which the upgrades are for
    await json('flash');
    const staging = begin(['stage', patient, '--again']);
    await staging.says('shadow (old)');
    staging.child.kill('SIGINT');
    const monitor = begin(['monitor', '--json']);
    await monitor.says('"event"');
    monitor.child.kill('SIGINT');
    const [staged, monitored] = await Promise.all([staging.ended, monitor.ended]);
    expect(staged.code, staged.err).toBe(EXIT.interrupted);
    expect(monitored.code, monitored.err).toBe(EXIT.interrupted);
    for (const board of await boards()) expect(board.upgrade).toBeNull();
  });

  test('start --wait: 11 where the guard reverted, 0 where it committed', async () => {
    await expectExit(0, 'stage', crash);
    const reverted = await expectExit(11, 'start', '--wait', '30');
    expect(reverted.out).toMatch(/guarded operation has begun[\s\S]*reverted: the old version has taken over/);
    await json('stage', quick);
    const lines = (await expectExit(0, 'start', '--wait', '60', '--json')).out.trim().split('\n');
    expect(lines.map((line) => (JSON.parse(line) as { cut: string }).cut)).toEqual(['start', 'commit']);
  });

  test('a reader that has seen enough is no error; colour is for terminals, and not under NO_COLOR', async () => {
    const shell = (text: string, env = {}) => launch('/bin/bash', ['-c', text], mission, env).ended;
    const cli = `${JSON.stringify(process.execPath)} ${JSON.stringify(command.file)}`;
    const terminal = `script -qec '${cli} trace --around end' /dev/null </dev/null`;
    const [piped, plain, coloured, without] = await Promise.all([
      shell(`${cli} monitor -vv --for 20 | head -n 2; exit \${PIPESTATUS[0]}`),
      shell(`${cli} trace --around end`),
      shell(terminal, { TERM: 'xterm' }),
      shell(terminal, { TERM: 'xterm', NO_COLOR: '1' }),
    ]);
    expect(piped.code, piped.err).toBe(0);
    expect(piped.out.trim().split('\n')).toHaveLength(2);
    expect(piped.err).not.toContain('E_BUG');
    const sequence = '\u001b[';
    expect(plain.out).not.toContain(sequence);
    expect(coloured.out).toContain(sequence);
    expect(without.out).not.toContain(sequence);
  });

  test('goes down and leaves nothing running', async () => {
    const monitor = begin(['monitor']);
    await monitor.says('Ctrl-C');
    await expectExit(0, 'testbed', 'down');
    const ended = await monitor.ended;
    expect(ended.code, ended.err).toBe(EXIT.link);
    expect(ended.err).toMatch(/^E_GONE {2}/m);
    await expectError(3, 'E_NO_TESTBED', /no testbed is running/, 'status');
    expect(processesOf(state)).toEqual([]);
    const svg = join(folder, 'x.svg');
    await expectExit(0, 'trace', '--svg', svg);
    expect(readFileSync(svg, 'utf8')).toMatch(/^<svg|^<\?xml/);
  });

  test('its trace replays through the core; a difference is 10, versions that nobody has are 8', async () => {
    const whole = await expectExit(0, 'trace', '--conform');
    expect(whole.out).toMatch(/^[\d,]+ events of \d+ processes replayed: all agree$/m);
    const lines = readFileSync(join(state, 'trace.ndjson'), 'utf8').split('\n');
    const at = lines.findIndex((line) => line.includes('"kind":"checkpoint"'));
    const bytes = /"kind":"checkpoint","bytes":(\d+)/;
    lines[at] = (lines[at] ?? '').replace(bytes, (_, count) => `"kind":"checkpoint","bytes":${Number(count) + 1}`);
    const file = join(folder, 'planted.trace.ndjson');
    writeFileSync(file, lines.join('\n'));
    const { process: name, n } = JSON.parse(lines[at] ?? '') as { process: string; n: number };
    const [planted, elsewhere] = await Promise.all([
      expectExit(10, 'trace', file, '--conform', '--json'),
      expectError(
        8,
        'E_NOT_REPLAYED',
        /version [0-9a-f]{16} is not known/,
        'trace',
        file,
        '--conform',
        '--state',
        folder,
      ),
    ]);
    expect(JSON.parse(planted.out)).toMatchObject({ differences: [{ process: name, n, what: 'effects' }] });
    expect(elsewhere.err).toContain('--state DIR');
  });
});
