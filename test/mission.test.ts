import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import type { Module, Pending } from '../firmware/application.ts';
import { gate } from '../host/build/gate.ts';
import { Failure } from '../host/failure.ts';
import type { Bench, CreateWorld } from '../host/lab.ts';
import { commanded, DAMPING, FIELD, GAIN, INERTIA, PROFILE_S, STEP, SUN } from '../host/mission/components/craft.ts';
import { dumpingMoment, takesOut } from '../host/mission/components/dumping.ts';
import type { Quaternion, Vector } from '../host/mission/components/math.ts';
import {
  add,
  angleBetween,
  conjugate,
  fromEuler,
  fromMatrix,
  multiply,
  norm,
  normalized,
  rotate,
  scale,
  subtract,
  toEuler,
  triad,
  turned,
  wrap,
} from '../host/mission/components/math.ts';
import { accept, initial, on } from '../host/mission/components/wheels.ts';
import { FAULTS, writeFault } from '../host/mission/faults.ts';
import type { Body } from '../host/mission/plant.ts';
import { createWorld as plant, step } from '../host/mission/plant.ts';
import { readRecording, createWorld as recording } from '../host/mission/recording.ts';
import { createRandom } from '../host/testbed/random.ts';
import { boardFiles, loadUpgrade, MISSION, runMission } from './mission-bench.ts';

const folder = mkdtempSync(join(tmpdir(), 'mission-'));
afterAll(() => rmSync(folder, { recursive: true }));

const DEGREE = Math.PI / 180;
/** the mission's requirement, and what a run without a guard must pass, degrees */
const REQUIREMENT = 5;
const ASTRAY = 20;
const SEEDS = [1, 2, 3];

const upgrade = (letter: string) => loadUpgrade(resolve(MISSION, 'upgrades', letter));

function draws(seed: number): { vector: () => Vector; quaternion: () => Quaternion } {
  const random = createRandom(seed, 'draws');
  const one = () => 2 * random.next() - 1;
  return { vector: () => [one(), one(), one()], quaternion: () => normalized([one(), one(), one(), one()]) };
}

describe('attitude mathematics', () => {
  it('goes from Euler angles to a quaternion and back', () => {
    const random = createRandom(1, 'angles');
    for (let i = 0; i < 500; i++) {
      const euler: Vector = [
        (2 * random.next() - 1) * 3.1,
        (2 * random.next() - 1) * 1.5,
        (2 * random.next() - 1) * 3.1,
      ];
      expect(norm(subtract(toEuler(fromEuler(euler)), euler))).toBeLessThan(1e-9);
    }
    expect(norm(subtract(rotate(fromEuler([0, 0, Math.PI / 2]), [1, 0, 0]), [0, 1, 0]))).toBeLessThan(1e-12);
  });

  it('turns in the order yaw, pitch, roll', () => {
    const [roll, pitch, yaw] = [fromEuler([0.3, 0, 0]), fromEuler([0, 0.2, 0]), fromEuler([0, 0, 0.7])];
    expect(angleBetween(multiply(multiply(yaw, pitch), roll), fromEuler([0.3, 0.2, 0.7]))).toBeLessThan(1e-7);
  });

  it('finds any attitude from two directions', () => {
    const { quaternion } = draws(2);
    for (let i = 0; i < 500; i++) {
      const q = quaternion();
      const inverse = conjugate(q);
      const seen = fromMatrix(triad(rotate(inverse, SUN), rotate(inverse, FIELD), SUN, FIELD));
      expect(angleBetween(seen, q)).toBeLessThan(1e-7);
    }
  });

  it('calls q and -q one attitude', () => {
    const q = draws(3).quaternion();
    expect(angleBetween(q, scale4(q, -1))).toBeLessThan(1e-7);
  });

  it('wraps angles', () => {
    for (const angle of [-10, -3.2, -0.1, 0, 3, 3.2, 400]) {
      expect(Math.abs(wrap(angle))).toBeLessThanOrEqual(Math.PI);
      expect(Math.cos(wrap(angle))).toBeCloseTo(Math.cos(angle), 9);
      expect(Math.sin(wrap(angle))).toBeCloseTo(Math.sin(angle), 9);
    }
  });
});

function scale4(q: Quaternion, by: number): Quaternion {
  return [q[0] * by, q[1] * by, q[2] * by, q[3] * by];
}

describe('the profile', () => {
  it('passes 180° of yaw twice and stays off the singularity', () => {
    let passes = 0;
    for (let t = 0; t < 120; t += STEP) {
      const before = commanded(t).euler;
      const after = commanded(t + STEP).euler;
      if (before[2] < Math.PI !== after[2] < Math.PI) passes++;
      expect(Math.abs(after[1])).toBeLessThanOrEqual(10.001 * DEGREE);
    }
    expect(passes).toBe(2);
  });

  it('has the rates and accelerations of its attitudes, round and round', () => {
    const h = 1e-3;
    for (let t = 0; t < PROFILE_S + 5; t += 0.37) {
      const now = commanded(t);
      const next = commanded(t + h);
      expect(angleBetween(turned(now.q, commanded(t + h / 2).rates, h), next.q)).toBeLessThan(2e-8);
      const slope = scale(subtract(next.rates, commanded(t).rates), 1 / h);
      expect(norm(subtract(slope, commanded(t + h / 2).acceleration))).toBeLessThan(1e-5);
    }
  });
});

describe('the plant', () => {
  it('keeps its angular momentum while only wheels act', () => {
    const { vector, quaternion } = draws(4);
    let body: Body = { q: quaternion(), rates: scale(vector(), 0.1), momentum: scale(vector(), 0.004) };
    const whole = (b: Body) => rotate(b.q, add(scale(b.rates, INERTIA), b.momentum));
    const before = whole(body);
    for (let i = 0; i < 1000; i++) {
      const torque = scale(vector(), 0.001);
      body = step(body, { torque, moment: [0, 0, 0], disturbance: [0, 0, 0] }, 0.01);
    }
    expect(norm(subtract(whole(body), before))).toBeLessThan(1e-9 * norm(before));
  });

  it('gives no torque beyond the wheel, and none beyond its full speed', () => {
    const rest: Body = { q: [1, 0, 0, 0], rates: [0, 0, 0], momentum: [0, 0, 0.02] };
    const push = (torque: Vector) => step(rest, { torque, moment: [0, 0, 0], disturbance: [0, 0, 0] }, 0.01).rates;
    expect(push([1, 0, 0])[0]).toBeCloseTo((0.002 / INERTIA) * 0.01, 8);
    expect(push([0, 0, -0.001])[2]).toBe(0);
    expect(push([0, 0, 0.001])[2]).toBeGreaterThan(0);
  });

  it('feels the magnetorquers', () => {
    const still: Body = { q: [1, 0, 0, 0], rates: [0, 0, 0], momentum: [0, 0, 0] };
    const after = step(still, { torque: [0, 0, 0], moment: [0.1, 0, 0], disturbance: [0, 0, 0] }, 1);
    expect(after.rates[1]).toBeCloseTo((-0.1 * FIELD[2]) / INERTIA, 6);
    expect(after.rates[2]).toBeCloseTo((0.1 * FIELD[1]) / INERTIA, 6);
  });
});

describe('the magnetorquers', () => {
  it('take momentum out, and their acceptance test refuses what puts some in', () => {
    const { vector } = draws(7);
    for (let i = 0; i < 200; i++) {
      const whole = scale(vector(), 0.005);
      const field = scale(vector(), 3e-5);
      const moment = dumpingMoment(whole, field);
      expect(takesOut(moment, whole, field)).toBe(true);
      expect(takesOut(scale(moment, -1), whole, field)).toBe(false);
    }
    expect(takesOut([0, 0, 0.3], [0, 0, 0], FIELD)).toBe(false);
  });

  it('keep the momentum of a mission down', () => {
    const whole = (worldOptions: Record<string, unknown>) => {
      const { records } = runMission({ createWorld: plant as CreateWorld, worldOptions, seed: 5, seconds: 120 });
      return norm(records.findLast((r) => r.name === 'momentum')?.values as Vector);
    };
    expect(whole({ disturbance: 0, momentum: [0.003, 0, 0.002] })).toBeLessThan(0.9 * norm([0.003, 0, 0.002]));
  });
});

describe('the acceptance test of the torque', () => {
  /** Feeds exact samples of a craft that is `error` (rad, about y) off and turns by `rate` away from the command. */
  const fed = (errors: [number, number][]) => {
    const state = initial();
    errors.forEach(([error, rate], i) => {
      const time = 60 + i * STEP;
      const q = multiply(commanded(time).q, fromEuler([0, error, 0]));
      const inverse = conjugate(q);
      const sample = {
        time,
        rates: add(commanded(time).rates, [0, rate, 0]),
        sun: rotate(inverse, SUN),
        field: rotate(inverse, FIELD),
      };
      on.Sample(state, { time: 0, name: 'Sample', data: sample });
    });
    return state;
  };
  const rising = (from: number): [number, number][] => [0, 1, 2, 3, 4].map((i) => [(from + i / 10) * DEGREE, DEGREE]);

  it('passes a quiet craft', () => {
    expect(accept.wheel(fed([[0, 0]]), { torque: [0.001, 0, 0] })).toBe(true);
  });

  it('refuses too much torque, rate and momentum, and what is no number', () => {
    expect(accept.wheel(fed([[0, 0]]), { torque: [0.0021, 0, 0] })).toBe(false);
    expect(accept.wheel(fed([[0, 0]]), { torque: [0, Number.NaN, 0] })).toBe(false);
    expect(accept.wheel(fed([[0, 0.3]]), { torque: [0, 0, 0] })).toBe(false);
    const state = fed([[0, 0]]);
    state.momentum = [0, 0, 0.019];
    expect(accept.wheel(state, { torque: [0, 0, 0] })).toBe(false);
  });

  it('refuses an error that grows outside the deadband, and only there', () => {
    expect(accept.wheel(fed(rising(3)), { torque: [0, 0, 0] })).toBe(false);
    const falling = rising(3).map(([error]): [number, number] => [7 * DEGREE - error, -DEGREE]);
    expect(accept.wheel(fed(falling), { torque: [0, 0, 0] })).toBe(true);
    const slow = rising(0.5).map(([error]): [number, number] => [error, 0.1 * DEGREE]);
    expect(accept.wheel(fed(slow), { torque: [0, 0, 0] })).toBe(true);
  });

  it('is a Lyapunov function of the loop: its energy falls by damping alone', () => {
    // d/dt of 2 kp (1 - |q0|) + J |ω|² / 2 under J dω/dt = -kp qv - kd ω is -kd |ω|²
    const error = fromEuler([0, 0.1, 0]);
    const rate = 0.02;
    const acceleration = (-GAIN * error[2] - DAMPING * rate) / INERTIA;
    const slope = GAIN * error[2] * rate + INERTIA * rate * acceleration;
    expect(slope).toBeCloseTo(-DAMPING * rate * rate, 12);
  });
});

describe('missions', () => {
  const run = (seed: number, more: object = {}) => runMission({ createWorld: plant as CreateWorld, seed, ...more });

  it('stay within the requirement with no upgrade', () => {
    for (const seed of SEEDS) {
      const result = run(seed);
      expect(result.errors, `seed ${seed}`).toEqual([]);
      expect(result.peak, `seed ${seed}`).toBeLessThan(1);
      expect(result.outputs.wheel).toBeGreaterThan(1190);
      expect(result.outputs.radio).toBeGreaterThan(115);
    }
  });

  it('go on as well with upgrade A, without an alarm', async () => {
    const a = await upgrade('A');
    for (const seed of SEEDS) {
      const result = run(seed, { upgrade: a, upgradeAt: 10 + seed });
      expect(result.alarmAt, `seed ${seed}`).toBe(-1);
      expect(result.errors).toEqual([]);
      expect(result.peak, `seed ${seed}`).toBeLessThan(1);
    }
  });

  it('stay within the requirement with upgrade B and the acceptance test, and go astray without', async () => {
    const b = await upgrade('B');
    for (const seed of SEEDS) {
      const guarded = run(seed, { upgrade: b });
      expect(guarded.alarm, `seed ${seed}`).toBe('acceptance test failed');
      expect(guarded.peak, `seed ${seed}`).toBeLessThan(REQUIREMENT);
      const bare = run(seed, { upgrade: b, guarded: false });
      expect(bare.peak, `seed ${seed}`).toBeGreaterThan(ASTRAY);
    }
  });

  it.each([
    ['C', /undefined/],
    ['D', /^hang/],
    ['E', /^flood: Attitude/],
  ])('end upgrade %s by what its new version does', async (letter, why) => {
    const result = run(1, { upgrade: await upgrade(letter), hangs: letter === 'D' });
    expect(result.alarm).toMatch(why);
    expect(result.alarmAt).toBeGreaterThan(10.5);
    expect(result.peak).toBeLessThan(REQUIREMENT);
  });

  it('cannot begin upgrade F, whose migrate throws', async () => {
    const f = await upgrade('F');
    expect(() => run(1, { upgrade: f })).toThrow('the old state has no gains');
  });

  it('cannot read upgrade G, whose changed message would cross the border', async () => {
    await expect(upgrade('G')).rejects.toThrow('estimator>controller Attitude.euler f32[3]→- Attitude.q -→f32[4]');
  });

  it.each(FAULTS.map((fault) => [fault.name, fault] as const))('with the fault %s', async (name, fault) => {
    const path = join(folder, name);
    writeFault(fault, path);
    const faulty = await loadUpgrade(path);
    for (const seed of SEEDS.slice(0, 2)) {
      const result = run(seed, { upgrade: faulty, seconds: 60 });
      expect(result.alarmAt >= 0, `seed ${seed}`).toBe(fault.caught);
      expect(result.peak, `seed ${seed}`).toBeLessThan(REQUIREMENT);
    }
  });
});

describe('upgrade A', () => {
  it('takes over state and messages of the old format', async () => {
    const { modules } = await upgrade('A');
    const migrate = (name: string) => (modules[name] as Module).migrate as NonNullable<Module['migrate']>;
    const euler: Vector = [0.1, 0.2, 3];
    const old = { time: 5, euler, rates: [0, 0, 0.1], samples: 50 };
    const made = migrate('estimator')(old, []).state as { filter: { q: Quaternion }; samples: number };
    expect(angleBetween(made.filter.q, fromEuler(euler))).toBeLessThan(1e-7);
    expect(made.samples).toBe(50);
    const pending: Pending[] = [{ type: 'Attitude', data: { time: 5, euler, rates: [0, 0, 0.1] } }];
    const [first] = migrate('controller')({}, pending).pending as [Pending];
    const { q, ...rest } = first.data as { q: Quaternion };
    expect(angleBetween(q, fromEuler(euler))).toBeLessThan(1e-7);
    expect(rest).toEqual({ time: 5, rates: [0, 0, 0.1] });
  });
});

describe('a recording', () => {
  const refusal = (text: string): string => {
    try {
      readRecording(text, 'flight.csv');
    } catch (error) {
      return (error as Failure).message;
    }
    return '';
  };

  it('has a row for each line, an input for each device with cells', () => {
    const text = 'time,gyro.rates.0,gyro.rates.1,gyro.rates.2,lamp.on\n0.5,1,2,3,\n\n1,,,,1\n';
    expect(readRecording(text)).toEqual([
      { time: 0.5, inputs: [['gyro', { rates: [1, 2, 3], time: 0.5 }]] },
      { time: 1, inputs: [['lamp', { on: 1 }]] },
    ]);
  });

  it.each([
    ['', 'flight.csv:1: '],
    ['a.b\n1', 'flight.csv:1: no column time'],
    ['time,gyro\n1,2', "flight.csv:1: 'gyro' is no name of a column"],
    ['time,a.b.x\n1,2', "flight.csv:1: 'a.b.x' is no name of a column"],
    ['time,a.b,a.b\n1,2,3', 'flight.csv:1: two columns a.b'],
    ['time,a.b.0,a.b.2\n1,2,3', 'flight.csv:1: columns of a.b have the indices 0, 2'],
    ['time,a.b\n1,2\n2', 'flight.csv:3: 1 cells instead of 2'],
    ['time,a.b\n1,zwei', "flight.csv:2: a.b: 'zwei' is no number"],
    ['time,a.b\n,2', "flight.csv:2: time: '' is no number"],
    ['time,a.b.0,a.b.1\n1,2,', 'flight.csv:2: a.b.1 is empty'],
    ['time,a.b\n2,2\n1,2', 'flight.csv:3: time 1 comes after 2'],
    ['time,a.b\n', 'no rows'],
  ])('is refused: %j', (text, message) => {
    expect(refusal(text)).toContain(message);
  });

  it('says which file it cannot read', () => {
    expect(() => recording({ now: () => 0 } as Bench, { file: '/no/such.csv' })).toThrow('/no/such.csv: ENOENT');
    expect(() => recording({ now: () => 0 } as Bench, {})).toThrow(Failure);
  });

  it('of a run of the plant makes the components give the same torques', () => {
    const rows = new Map<number, Record<string, number[]>>();
    const spied: CreateWorld = (bench, options) =>
      plant(
        {
          ...bench,
          input: (device, values) => {
            const row = rows.get(bench.now()) ?? {};
            rows.set(bench.now(), row);
            for (const [field, value] of Object.entries(values)) row[`${device}.${field}`] = [value].flat().map(Number);
            bench.input(device, values);
          },
        },
        options,
      );
    const torques = (records: { name: string; values: number[] }[], name: string) =>
      records.filter((r) => r.name === name).map((r) => r.values);
    const flown = runMission({ createWorld: spied, seed: 6, seconds: 20 });
    const fields = Object.entries([...rows.values()][0] as Record<string, number[]>);
    const columns = fields.flatMap(([name, list]) =>
      name === 'gyro.time' ? name : list.map((_, i) => `${name}.${i}`),
    );
    const lines = [...rows].map(([t, row]) => [t / 1000, ...Object.values(row).flat()].join(','));
    const file = join(folder, 'flight.csv');
    writeFileSync(file, [`time,${columns.join(',')}`, ...lines].join('\n'));
    // the recording begins with its first row, the plant's samples with the first tenth of a second
    const played = runMission({ createWorld: recording as CreateWorld, worldOptions: { file }, seed: 6, seconds: 20 });
    const before = torques(flown.records, 'torque');
    const after = torques(played.records, 'output.wheel');
    expect(before.length).toBeGreaterThan(190);
    for (let i = 0; i < before.length; i++) {
      expect(norm(subtract(before[i] as Vector, after[i] as Vector))).toBeLessThan(2e-6);
    }
  });
});

describe('the language gate', () => {
  it('passes every component of the mission', () => {
    const files = boardFiles();
    expect(files.length).toBeGreaterThan(10);
    for (const [file, text] of files) expect(gate(text, file, 'board'), file).toEqual([]);
  });
});
