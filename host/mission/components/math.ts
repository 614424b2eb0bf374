// Vectors, rotation matrices and attitude quaternions. The quaternion or matrix of an attitude turns body axes into
// inertial axes. q and -q are the same attitude.

export type Vector = [number, number, number];
/** w, x, y, z */
export type Quaternion = [number, number, number, number];
/** rows */
export type Matrix = [Vector, Vector, Vector];

export function dot(a: Vector, b: Vector): number {
  return a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
}

export function cross(a: Vector, b: Vector): Vector {
  return [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]];
}

export function scale(a: Vector, by: number): Vector {
  return [a[0] * by, a[1] * by, a[2] * by];
}

export function add(a: Vector, b: Vector): Vector {
  return [a[0] + b[0], a[1] + b[1], a[2] + b[2]];
}

export function subtract(a: Vector, b: Vector): Vector {
  return [a[0] - b[0], a[1] - b[1], a[2] - b[2]];
}

export function norm(a: Vector): number {
  return Math.sqrt(dot(a, a));
}

export function unit(a: Vector): Vector {
  return scale(a, 1 / norm(a));
}

/** No component exceeds the limit; false where one of them is no number. */
export function within(a: Vector, limit: number): boolean {
  return Math.abs(a[0]) <= limit && Math.abs(a[1]) <= limit && Math.abs(a[2]) <= limit;
}

/** Shortens a vector so that no component exceeds the limit; the direction stays. */
export function limited(a: Vector, limit: number): Vector {
  const most = Math.max(Math.abs(a[0]), Math.abs(a[1]), Math.abs(a[2]));
  return most > limit ? scale(a, limit / most) : a;
}

/** The angle in [-π, π). */
export function wrap(angle: number): number {
  return angle - 2 * Math.PI * Math.floor((angle + Math.PI) / (2 * Math.PI));
}

/** The turn p, then the turn q about the axes that p has made. */
export function multiply(p: Quaternion, q: Quaternion): Quaternion {
  return [
    p[0] * q[0] - p[1] * q[1] - p[2] * q[2] - p[3] * q[3],
    p[0] * q[1] + p[1] * q[0] + p[2] * q[3] - p[3] * q[2],
    p[0] * q[2] - p[1] * q[3] + p[2] * q[0] + p[3] * q[1],
    p[0] * q[3] + p[1] * q[2] - p[2] * q[1] + p[3] * q[0],
  ];
}

export function conjugate(q: Quaternion): Quaternion {
  return [q[0], -q[1], -q[2], -q[3]];
}

export function normalized(q: Quaternion): Quaternion {
  const by = 1 / Math.sqrt(q[0] * q[0] + q[1] * q[1] + q[2] * q[2] + q[3] * q[3]);
  return [q[0] * by, q[1] * by, q[2] * by, q[3] * by];
}

/** The same attitude with w not negative. */
export function positive(q: Quaternion): Quaternion {
  return q[0] < 0 ? [-q[0], -q[1], -q[2], -q[3]] : q;
}

/** Axis of the turn times the sine of half its angle. */
export function vectorPart(q: Quaternion): Vector {
  return [q[1], q[2], q[3]];
}

/** Body to inertial axes. */
export function rotate(q: Quaternion, v: Vector): Vector {
  return vectorPart(multiply(multiply(q, [0, v[0], v[1], v[2]]), conjugate(q)));
}

/** The turn from one attitude to another, in body axes. */
export function difference(from: Quaternion, to: Quaternion): Quaternion {
  return multiply(conjugate(from), to);
}

/** Angle between two attitudes, rad. */
export function angleBetween(p: Quaternion, q: Quaternion): number {
  const d = difference(p, q);
  return 2 * Math.atan2(norm(vectorPart(d)), Math.abs(d[0]));
}

/** The attitude after turning with constant body rates (rad/s) for `seconds`. */
export function turned(q: Quaternion, rates: Vector, seconds: number): Quaternion {
  const angle = norm(rates) * seconds;
  // sin(angle / 2) / |rates|, without the division where there is no turn
  const by = angle < 1e-9 ? seconds / 2 : (Math.sin(angle / 2) * seconds) / angle;
  return normalized(multiply(q, [Math.cos(angle / 2), rates[0] * by, rates[1] * by, rates[2] * by]));
}

/** Roll, pitch, yaw in radians; turned in the order yaw, pitch, roll. */
export function fromEuler(euler: Vector): Quaternion {
  const cr = Math.cos(euler[0] / 2);
  const sr = Math.sin(euler[0] / 2);
  const cp = Math.cos(euler[1] / 2);
  const sp = Math.sin(euler[1] / 2);
  const cy = Math.cos(euler[2] / 2);
  const sy = Math.sin(euler[2] / 2);
  return [
    cr * cp * cy + sr * sp * sy,
    sr * cp * cy - cr * sp * sy,
    cr * sp * cy + sr * cp * sy,
    cr * cp * sy - sr * sp * cy,
  ];
}

/** Roll and yaw in (-π, π]; not defined at ±90° of pitch. */
export function toEuler(q: Quaternion): Vector {
  const sine = 2 * (q[0] * q[2] - q[3] * q[1]);
  return [
    Math.atan2(2 * (q[0] * q[1] + q[2] * q[3]), 1 - 2 * (q[1] * q[1] + q[2] * q[2])),
    Math.asin(Math.max(-1, Math.min(1, sine))),
    Math.atan2(2 * (q[0] * q[3] + q[1] * q[2]), 1 - 2 * (q[2] * q[2] + q[3] * q[3])),
  ];
}

/** The quaternion of a rotation matrix, from its largest element, so that no small number is divided by. */
export function fromMatrix(m: Matrix): Quaternion {
  const x = m[0][0];
  const y = m[1][1];
  const z = m[2][2];
  if (x + y + z > 0) return normalized([1 + x + y + z, m[2][1] - m[1][2], m[0][2] - m[2][0], m[1][0] - m[0][1]]);
  if (x >= y && x >= z) return normalized([m[2][1] - m[1][2], 1 + x - y - z, m[0][1] + m[1][0], m[0][2] + m[2][0]]);
  if (y >= z) return normalized([m[0][2] - m[2][0], m[0][1] + m[1][0], 1 - x + y - z, m[1][2] + m[2][1]]);
  return normalized([m[1][0] - m[0][1], m[0][2] + m[2][0], m[1][2] + m[2][1], 1 - x - y + z]);
}

/** Weighted mean of two attitudes that are close to each other. */
export function blend(p: Quaternion, q: Quaternion, weightOfQ: number): Quaternion {
  const cosine = p[0] * q[0] + p[1] * q[1] + p[2] * q[2] + p[3] * q[3];
  const b = cosine < 0 ? -weightOfQ : weightOfQ;
  const a = 1 - weightOfQ;
  return normalized([a * p[0] + b * q[0], a * p[1] + b * q[1], a * p[2] + b * q[2], a * p[3] + b * q[3]]);
}

export function transposed(m: Matrix): Matrix {
  return [
    [m[0][0], m[1][0], m[2][0]],
    [m[0][1], m[1][1], m[2][1]],
    [m[0][2], m[1][2], m[2][2]],
  ];
}

/** Three axes at right angles, made from two directions; the first is the first axis. */
function axes(first: Vector, second: Vector): Matrix {
  const a = unit(first);
  const b = unit(cross(a, second));
  return [a, b, cross(a, b)];
}

/**
 * TRIAD: the matrix that turns body into inertial axes, from two directions seen in the body whose inertial
 * directions are known. They must not be parallel.
 */
export function triad(bodyA: Vector, bodyB: Vector, inertialA: Vector, inertialB: Vector): Matrix {
  const body = transposed(axes(bodyA, bodyB));
  const inertial = transposed(axes(inertialA, inertialB));
  return [
    [dot(inertial[0], body[0]), dot(inertial[0], body[1]), dot(inertial[0], body[2])],
    [dot(inertial[1], body[0]), dot(inertial[1], body[1]), dot(inertial[1], body[2])],
    [dot(inertial[2], body[0]), dot(inertial[2], body[1]), dot(inertial[2], body[2])],
  ];
}
