// The messages and device inputs of the mission as its components see them: the shapes that system.json declares.
// All units are SI, angles in radians, times in seconds since the release from the launch adapter.

import type { Quaternion, Vector } from './math.ts';

/** What a handler may do; nothing else is in reach of a component. */
export interface Io {
  send(type: string, data: unknown): void;
  output(device: string, data: unknown): void;
  after(timer: string, ms: number): void;
  cancel(timer: string): void;
  random(): number;
}

/** `time` is the board's clock in ms. The mission's own time comes with the samples, so that all boards agree. */
export interface Event<Data> {
  time: number;
  name: string;
  data: Data;
}

export interface Gyro {
  /** s */
  time: number;
  /** body rates, rad/s */
  rates: Vector;
}

export interface Sun {
  /** unit vector to the sun, body axes */
  vector: Vector;
}

export interface Field {
  /** magnetic field, T, body axes */
  vector: Vector;
}

export interface Tacho {
  /** angular momentum of the three wheels, N m s, body axes */
  momentum: Vector;
}

export interface Sample {
  time: number;
  rates: Vector;
  sun: Vector;
  field: Vector;
}

/** The original message between estimator and controller. */
export interface EulerAttitude {
  time: number;
  /** roll, pitch, yaw (turned in the order yaw, pitch, roll), rad */
  euler: Vector;
  rates: Vector;
}

/** What the upgrades make of it. */
export interface QuaternionAttitude {
  time: number;
  /** w, x, y, z; turns body axes into inertial axes */
  q: Quaternion;
  rates: Vector;
}

export interface Torque {
  time: number;
  /** on the body, N m */
  torque: Vector;
}

export interface Momentum {
  momentum: Vector;
}

/** From the controller to telemetry. */
export interface Pointing {
  time: number;
  /** angle between attitude and command as the controller sees it, rad */
  error: number;
}

/** From the estimator to telemetry. */
export interface Health {
  time: number;
  /** angle between the gyro's and the two vectors' idea of the attitude, rad */
  residual: number;
}

/** What the radio sends down. */
export interface Frame {
  count: number;
  time: number;
  error: number;
  residual: number;
  momentum: Vector;
  valid: boolean;
}
