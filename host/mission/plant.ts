// The craft as it really moves: a rigid body with three wheels, a constant disturbance, and sensors with noise.
// It stands beside the boards as their device world; what it records is the truth, which no board sees.
//
// It sits on its launch adapter, samples all saying the same time, until the first torque comes. From then on the
// mission runs.

import type { Bench, DeviceWorld } from '../lab.ts';
import {
  commanded,
  FIELD,
  INERTIA,
  MOMENT_MAX,
  MOMENTUM_MAX,
  STEP,
  SUN,
  TORQUE_MAX,
  wholeMomentum,
} from './components/craft.ts';
import {
  add,
  angleBetween,
  conjugate,
  cross,
  limited,
  multiply,
  norm,
  normalized,
  rotate,
  scale,
  subtract,
} from './components/math.ts';
import type { Quaternion, Vector } from './components/math.ts';

/** longest step of the integration, s */
const FINE = 0.01;

export interface PlantOptions {
  /** constant torque of drag and sunlight, N m; its direction is drawn */
  disturbance?: number;
  /** standard deviation of the gyro's noise, rad/s */
  gyroNoise?: number;
  /** of the sun vector's, rad */
  sunNoise?: number;
  /** of the field's, as a share of the field */
  fieldNoise?: number;
  /** of the attitude at the release, rad about each axis */
  tipOff?: number;
  /** of the wheels at the release, N m s */
  momentum?: Vector;
  /** mission time of the release, s; the craft turns as it should at that time */
  begin?: number;
}

export interface Body {
  /** attitude, body to inertial axes */
  q: Quaternion;
  /** body rates, rad/s */
  rates: Vector;
  /** of the wheels, N m s, body axes */
  momentum: Vector;
}

/** What acts on the body; held constant between two outputs. */
export interface Drive {
  /** of the wheels on the body, N m */
  torque: Vector;
  /** of the magnetorquers, A m² */
  moment: Vector;
  /** N m, body axes */
  disturbance: Vector;
}

function rateOf(body: Body, drive: Drive): Body {
  const outside = add(drive.disturbance, cross(drive.moment, rotate(conjugate(body.q), FIELD)));
  const whole = wholeMomentum(body.rates, body.momentum);
  const torque = subtract(add(drive.torque, outside), cross(body.rates, whole));
  const spin = multiply(body.q, [0, ...body.rates]);
  return {
    q: [spin[0] / 2, spin[1] / 2, spin[2] / 2, spin[3] / 2],
    rates: scale(torque, 1 / INERTIA),
    momentum: scale(drive.torque, -1),
  };
}

function moved(body: Body, rate: Body, seconds: number): Body {
  const q = body.q.map((x, i) => x + (rate.q[i] as number) * seconds) as Quaternion;
  const momentum = add(body.momentum, scale(rate.momentum, seconds));
  return { q, rates: add(body.rates, scale(rate.rates, seconds)), momentum };
}

/** What the wheels can give: no more than their torque, and none that would take a wheel beyond its full speed. */
function possible(torque: Vector, momentum: Vector): Vector {
  const [x, y, z] = limited(torque, TORQUE_MAX);
  const one = (t: number, h: number) => (Math.abs(h) >= MOMENTUM_MAX && h * t < 0 ? 0 : t);
  return [one(x, momentum[0]), one(y, momentum[1]), one(z, momentum[2])];
}

/** One step of the classical Runge-Kutta method. */
export function step(body: Body, drive: Drive, seconds: number): Body {
  const held: Drive = {
    torque: possible(drive.torque, body.momentum),
    moment: limited(drive.moment, MOMENT_MAX),
    disturbance: drive.disturbance,
  };
  const a = rateOf(body, held);
  const b = rateOf(moved(body, a, seconds / 2), held);
  const c = rateOf(moved(body, b, seconds / 2), held);
  const d = rateOf(moved(body, c, seconds), held);
  let next = moved(body, a, seconds / 6);
  next = moved(next, b, seconds / 3);
  next = moved(next, c, seconds / 3);
  next = moved(next, d, seconds / 6);
  return { q: normalized(next.q), rates: next.rates, momentum: next.momentum };
}

/** The mission's device world (`world` in testbed.json). */
export function createWorld(bench: Bench, options: PlantOptions = {}): DeviceWorld {
  const gauss = () => Math.sqrt(-2 * Math.log(1 - bench.random())) * Math.cos(2 * Math.PI * bench.random());
  const noise = (deviation: number): Vector => [gauss() * deviation, gauss() * deviation, gauss() * deviation];
  const direction = noise(1);
  const size = (options.disturbance ?? 2e-5) * (0.8 + 0.4 * bench.random());
  const tip = noise(options.tipOff ?? 0.002);
  const drive: Drive = { torque: [0, 0, 0], moment: [0, 0, 0], disturbance: scale(direction, size / norm(direction)) };
  const begin = options.begin ?? 0;
  const first = commanded(begin);
  let body: Body = {
    q: normalized(multiply(first.q, [1, ...scale(tip, 0.5)])),
    rates: begin > 0 ? first.rates : [0, 0, 0],
    momentum: options.momentum ?? [0, 0, 0],
  };
  /** ms on the bench at which the mission began; negative: on the adapter */
  let released = -1;
  let lastSample = 0;
  let reached = 0;

  const advance = () => {
    const seconds = (bench.now() - reached) / 1000;
    reached = bench.now();
    if (released < 0) return;
    const count = Math.ceil(seconds / FINE - 1e-9);
    for (let i = 0; i < count; i++) body = step(body, drive, seconds / count);
  };

  const sample = () => {
    advance();
    lastSample = bench.now();
    const time = begin + (released < 0 ? 0 : (bench.now() - released) / 1000);
    const inverse = conjugate(body.q);
    const field = norm(FIELD) * (options.fieldNoise ?? 0.01);
    bench.input('tacho', { momentum: body.momentum });
    bench.input('sun', { vector: add(rotate(inverse, SUN), noise(options.sunNoise ?? 0.004)) });
    bench.input('field', { vector: add(rotate(inverse, FIELD), noise(field)) });
    bench.input('gyro', { time, rates: add(body.rates, noise(options.gyroNoise ?? 0.0005)) });
    if (released < 0) return;
    const command = commanded(time);
    bench.record('pointing', [time, (angleBetween(body.q, command.q) * 180) / Math.PI]);
    bench.record('attitude', body.q);
    bench.record('commanded', command.q);
    bench.record('momentum', body.momentum);
    bench.record('torque', drive.torque);
  };
  bench.every(STEP * 1000, sample);

  return {
    output: (device, values) => {
      advance();
      if (device === 'wheel') {
        if (released < 0) released = lastSample;
        drive.torque = values.torque as Vector;
      }
      if (device === 'magnetorquer') drive.moment = values.moment as Vector;
      if (device === 'radio') bench.record('radio', [values.count as number, values.valid ? 1 : 0]);
    },
  };
}
