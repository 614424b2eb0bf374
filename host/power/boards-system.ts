// A small system on four boards, described by a hand-made plan: a sensor, an estimator, a controller with an output of
// its own, an actuator whose acceptance test guards the wheel, and telemetry. Campaigns and tests upgrade it.

import { createHash } from 'node:crypto';
import type { Field, Plan, PolicyPlan } from '../../firmware/plan.ts';
import type { Version } from '../operate/version.ts';

export const BOARDS = ['sensors', 'compute', 'control', 'spare'];
export const [SENSORS, COMPUTE, CONTROL, SPARE] = [0, 1, 2, 3] as const;
export const [SENSOR, ESTIMATOR, CONTROLLER, ACTUATOR, TELEMETRY] = [0, 1, 2, 3, 4] as const;
/** gyro and wheel are of kind `each`, the beacon is `latest` */
export const [GYRO, WHEEL, COIL, BEACON] = [0, 1, 2, 3] as const;

/** How a version of a component differs from the plain one: text that stands in its handlers. */
export interface Twist {
  /** in the handler of its first message or input, before it sends */
  handler?: string;
  /** in the acceptance test of its device */
  accept?: string;
  compensate?: string;
  /** body of `migrate(old, pending)`; 'none': it has none */
  migrate?: string;
  /** other fields of the module */
  fields?: string;
  /** the message Attitude has a field more */
  extra?: boolean;
}

/** The module's text; more fields replace what the plain one has under their names. */
function text(name: number, twist: Twist): string {
  const plain = plainText(name, twist);
  if (!twist.fields) return plain;
  return `(function () {
    var module = ${plain}; var more = { ${twist.fields} };
    for (var name in more) module[name] = more[name];
    return module;
  })()`;
}

function plainText(name: number, twist: Twist): string {
  const t = twist.handler ?? '';
  // what is pending comes from the old estimator: it may lack the new field
  const renew =
    "for (var i = 0; i < pending.length; i++) if (pending[i].type === 'Attitude') pending[i].data.extra = -1;";
  const plain = `${twist.extra ? renew : ''} return { state: old, pending: pending };`;
  const migrate = twist.migrate === 'none' ? '' : `migrate: function (old, pending) { ${twist.migrate ?? plain} },`;
  const compensate = (device: string) =>
    twist.compensate ? `compensate: { ${device}: function (s, out) { ${twist.compensate} } },` : '';
  const tail = migrate;
  if (name === SENSOR) {
    return `({ ${tail} initial: function () { return { n: 0 }; },
      inputs: { gyro: function (s, event, io) { s.n++; ${t} io.send('Rate', { x: event.data.x, n: s.n }); } } })`;
  }
  if (name === ESTIMATOR) {
    return `({ ${tail} initial: function () { return { n: 0, angle: 0 }; },
      on: { Rate: function (s, event, io) {
        s.n++; s.angle = 0.9 * s.angle + 0.1 * event.data.x;
        var angle = s.angle; ${t}
        io.send('Attitude', { angle: angle, n: s.n${twist.extra ? ', extra: 5' : ''} });
        if (s.n % 5 === 0) io.send('Report', { text: 1, n: s.n });
      } } })`;
  }
  if (name === CONTROLLER) {
    return `({ ${tail} ${compensate('coil')} initial: function () { return { n: 0, back: 0, slow: 0 }; },
      start: function (s, event, io) { io.after('slow', 350); },
      timers: { slow: function (s, event, io) {
        s.slow++; io.after('slow', 350); io.send('Report', { text: 2, n: s.slow });
      } },
      on: { Attitude: function (s, event, io) {
        s.n++; var u = -event.data.angle; ${t}
        io.send('Command', { u: u, n: s.n });
        if (s.n % 4 === 0) io.output('coil', { m: s.n });
      }, Feedback: function (s, event, io) { s.back = event.data.n; } },
      accept: { coil: function (s, out) { ${twist.accept ?? 'return out.m === s.n;'} } } })`;
  }
  if (name === ACTUATOR) {
    return `({ ${tail} ${compensate('wheel')} initial: function () { return { n: 0 }; },
      on: { Command: function (s, event, io) {
        s.n++; ${t}
        io.output('wheel', { u: event.data.u, n: s.n });
        if (s.n % 3 === 0) io.send('Feedback', { n: s.n });
      } },
      accept: { wheel: function (s, out) { ${twist.accept ?? 'return out.u <= 2 && out.u >= -2;'} } } })`;
  }
  return `({ ${tail} initial: function () { return { n: 0 }; },
    on: { Report: function (s, event, io) { s.n++; ${t} io.output('beacon', { n: s.n }); } },
    accept: { beacon: function (s, out) { ${twist.accept ?? 'return true;'} } } })`;
}

export function sha(what: string): string {
  return createHash('sha256').update(what).digest('hex');
}

const numbers = (...names: string[]): Field[] => names.map((name) => ({ name, kind: 'f32', count: 0 }));

export const POLICY: PolicyPlan = { commitAfterMs: 0, validated: 0, heartbeatMs: 100, absentMs: 1000, lead: 50 };

export function versionOf(plan: Plan, modules: Record<string, string>): Version {
  return { plan, hash: sha(JSON.stringify(plan)).slice(0, 16), modules };
}

/** The plain version; `edit` changes its plan. */
export function base(edit?: (plan: Plan) => void): Version {
  const modules: Record<string, string> = {};
  const module = (name: number) => {
    const made = text(name, {});
    modules[sha(made)] = made;
    return sha(made);
  };
  const hold = (count: number) => new Uint8Array(4 * count);
  const device = { in: null, out: null, latest: false, atLeastOnce: false, hold: null, perSecond: 0 };
  const type = (name: string, fields: Field[]) => ({ name, fields, perSecond: 40, bytes: 4 * fields.length });
  const plan: Plan = {
    name: 'plain',
    sequence: 1,
    durability: 'off',
    sharedFate: false,
    boards: BOARDS.slice(),
    types: [
      type('Rate', numbers('x', 'n')),
      type('Attitude', numbers('angle', 'n')),
      type('Command', numbers('u', 'n')),
      type('Feedback', numbers('n')),
      type('Report', numbers('text', 'n')),
    ],
    devices: [
      { ...device, name: 'gyro', board: SENSORS, in: numbers('x') },
      { ...device, name: 'wheel', board: CONTROL, out: numbers('u', 'n'), hold: hold(2) },
      { ...device, name: 'coil', board: COMPUTE, out: numbers('m') },
      { ...device, name: 'beacon', board: SENSORS, out: numbers('n'), latest: true, hold: hold(1) },
    ],
    components: [
      { name: 'sensor', board: SENSORS, module: module(SENSOR), sends: [[0, [ESTIMATOR]]], reads: [GYRO], drives: [] },
      {
        name: 'estimator',
        board: COMPUTE,
        module: module(ESTIMATOR),
        sends: [
          [1, [CONTROLLER]],
          [4, [TELEMETRY]],
        ],
        reads: [],
        drives: [],
      },
      {
        name: 'controller',
        board: COMPUTE,
        module: module(CONTROLLER),
        sends: [
          [2, [ACTUATOR]],
          [4, [TELEMETRY]],
        ],
        reads: [],
        drives: [COIL],
      },
      {
        name: 'actuator',
        board: CONTROL,
        module: module(ACTUATOR),
        sends: [[3, [CONTROLLER]]],
        reads: [],
        drives: [WHEEL],
      },
      { name: 'telemetry', board: SENSORS, module: module(TELEMETRY), sends: [], reads: [], drives: [BEACON] },
    ],
    policy: { ...POLICY },
    upgrade: null,
  };
  edit?.(plan);
  return versionOf(plan, modules);
}

export interface Change {
  name?: string;
  /** new versions, by component: how they differ, and on which board they run */
  components: Record<number, Twist & { board?: number }>;
  /** the message Attitude gets a field more; then the cluster has to hold estimator and controller */
  changed?: boolean;
  policy?: Partial<PolicyPlan>;
  /** what else is to be changed in the plan */
  edit?: (plan: Plan, module: (made: string) => string) => void;
}

/** An upgrade of a version. Each new module is another text than the one it replaces. */
export function upgradeOf(from: Version, change: Change): Version {
  const modules: Record<string, string> = { ...from.modules };
  const keep = (made: string) => {
    const own = `${made}/* ${from.plan.sequence + 1} */`;
    modules[sha(own)] = own;
    return sha(own);
  };
  const plan = structuredClone(from.plan);
  plan.name = change.name ?? `upgrade ${from.plan.sequence + 1}`;
  plan.sequence++;
  Object.assign(plan.policy, POLICY, change.policy);
  const cluster = Object.keys(change.components).map(Number);
  plan.upgrade = { name: plan.name, base: from.hash, cluster, added: [], removed: [], changed: [] };
  const perSecond = plan.types[1]?.perSecond ?? 0;
  if (change.changed) {
    plan.types.push({ name: 'Attitude', fields: numbers('angle', 'n', 'extra'), perSecond, bytes: 12 });
    plan.upgrade.changed.push([1, plan.types.length - 1]);
    for (const send of plan.components[ESTIMATOR]?.sends ?? []) if (send[0] === 1) send[0] = plan.types.length - 1;
  }
  const extra = plan.components[ESTIMATOR]?.sends.some(([type]) => plan.types[type]?.fields.length === 3);
  for (const component of cluster) {
    const entry = plan.components[component];
    const { board, ...twist } = change.components[component] as Change['components'][0];
    if (!entry) continue;
    entry.module = keep(text(component, { extra, ...twist }));
    if (board !== undefined) entry.board = board;
  }
  change.edit?.(plan, keep);
  return versionOf(plan, modules);
}

export { text as componentText };
