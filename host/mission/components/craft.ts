// The craft, its sky and its commanded attitude: what plant and components know alike. A 3U CubeSat.

import { add, cross, fromEuler, scale } from './math.ts';
import type { Quaternion, Vector } from './math.ts';

/** moment of inertia about each axis, kg m² */
export const INERTIA = 0.04;
/** of each wheel, N m */
export const TORQUE_MAX = 0.002;
/** a wheel at full speed, N m s */
export const MOMENTUM_MAX = 0.02;
/** of each magnetorquer, A m² */
export const MOMENT_MAX = 0.2;
/** s between two samples */
export const STEP = 0.1;

/** unit vector to the sun and magnetic field (T), inertial axes; constant for the few minutes of a profile */
export const SUN: Vector = [0.8, 0.36, 0.48];
export const FIELD: Vector = [-1.2e-5, 2.1e-5, 1.8e-5];

/** natural frequency of the attitude loop, rad/s, critically damped, and the gains that follow */
const FREQUENCY = 0.4;
/** N m for each unit of the error quaternion's vector part (half the angle) */
export const GAIN = 2 * INERTIA * FREQUENCY * FREQUENCY;
/** N m for each rad/s */
export const DAMPING = 2 * INERTIA * FREQUENCY;

export interface Command {
  /** attitude */
  q: Quaternion;
  /** roll, pitch, yaw, rad; the yaw is not wrapped */
  euler: Vector;
  /** body rates, rad/s */
  rates: Vector;
  /** time derivative of the body rates, rad/s² */
  acceleration: Vector;
}

interface Slew {
  /** s */
  begin: number;
  end: number;
  /** degrees */
  from: number;
  to: number;
}

/** Between two slews the last value holds. */
const PITCH: Slew[] = [
  { begin: 0, end: 15, from: 0, to: 10 },
  { begin: 160, end: 175, from: 10, to: 0 },
];
const YAW: Slew[] = [
  { begin: 0, end: 50, from: 0, to: 210 },
  { begin: 80, end: 115, from: 210, to: 90 },
  { begin: 125, end: 155, from: 90, to: 0 },
];
/** The profile begins again after this many seconds. */
export const PROFILE_S = 180;

const DEGREE = Math.PI / 180;

/** Angle, rate and acceleration (rad, rad/s, rad/s²) of a series of slews, each with a smooth start and stop. */
function follow(slews: Slew[], time: number): Vector {
  let angle = 0;
  for (let i = 0; i < slews.length; i++) {
    const slew = slews[i] as Slew;
    if (time >= slew.end) angle = slew.to * DEGREE;
    else if (time > slew.begin) {
      const length = slew.end - slew.begin;
      const change = (slew.to - slew.from) * DEGREE;
      const x = (2 * Math.PI * (time - slew.begin)) / length;
      return [
        slew.from * DEGREE + (change * (x - Math.sin(x))) / (2 * Math.PI),
        (change * (1 - Math.cos(x))) / length,
        (change * 2 * Math.PI * Math.sin(x)) / (length * length),
      ];
    }
  }
  return [angle, 0, 0];
}

/**
 * The commanded attitude at a time (s). Yaw goes from 0 to 210° and back to 90°, through ±180° twice, at 10° of
 * pitch, far from the singularity of the Euler angles at 90°.
 */
export function commanded(time: number): Command {
  const t = time % PROFILE_S;
  const pitch = follow(PITCH, t);
  const yaw = follow(YAW, t);
  const sine = Math.sin(pitch[0]);
  const cosine = Math.cos(pitch[0]);
  const euler: Vector = [0, pitch[0], yaw[0]];
  return {
    q: fromEuler(euler),
    euler: euler,
    rates: [-yaw[1] * sine, pitch[1], yaw[1] * cosine],
    acceleration: [-yaw[2] * sine - yaw[1] * pitch[1] * cosine, pitch[2], yaw[2] * cosine - yaw[1] * pitch[1] * sine],
  };
}

/** Angular momentum of body and wheels, N m s. */
export function wholeMomentum(rates: Vector, momentum: Vector): Vector {
  return add(scale(rates, INERTIA), momentum);
}

/** Torque that the wheels must give the body so that it turns as commanded, N m. */
export function feedForward(command: Command, rates: Vector, momentum: Vector): Vector {
  return add(scale(command.acceleration, INERTIA), cross(rates, wholeMomentum(rates, momentum)));
}
