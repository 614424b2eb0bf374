// Eight other mistakes, each an edit of upgrade A: what does the acceptance test of the torque make of them?

import { copyFileSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

export interface Fault {
  name: string;
  /** what went wrong, for people */
  what: string;
  /** of the upgrade, or of the components that it uses */
  file: string;
  /** [text in the file, once; what stands there instead] */
  edits: [string, string][];
  /** does the acceptance test catch it? */
  caught: boolean;
}

export const FAULTS: Fault[] = [
  {
    name: 'transposed',
    what: 'body and inertial axes the wrong way round: the rotation matrix is transposed',
    file: 'filter.ts',
    edits: [['triad(sample.sun, sample.field, SUN, FIELD)', 'triad(SUN, FIELD, sample.sun, sample.field)']],
    caught: true,
  },
  {
    name: 'degrees',
    what: 'body rates in degrees per second instead of radians',
    file: 'estimator.ts',
    edits: [
      [
        'rates: filter.rates });',
        'rates: [57.3 * filter.rates[0], 57.3 * filter.rates[1], 57.3 * filter.rates[2]] });',
      ],
    ],
    caught: true,
  },
  {
    name: 'axes',
    what: 'two axes of the gyro swapped',
    file: 'estimator.ts',
    edits: [['rates: filter.rates });', 'rates: [filter.rates[0], filter.rates[2], filter.rates[1]] });']],
    caught: true,
  },
  {
    name: 'stale',
    what: 'the attitude of the sample before, under the time of this one',
    file: 'estimator.ts',
    edits: [
      [
        'const filter = filtered(state.filter, event.data);',
        'const old = state.filter.q;\n    const filter = filtered(state.filter, event.data);',
      ],
      ['q: positive(filter.q)', 'q: positive(old)'],
    ],
    caught: false,
  },
  {
    name: 'sign',
    what: 'the sign of the damping is wrong about one axis',
    file: 'controller.ts',
    edits: [['const torque = subtract(', 'damping[1] = -damping[1];\n    const torque = subtract(']],
    caught: true,
  },
  {
    name: 'feed-forward',
    what: 'the torque of the profile with the wrong sign',
    file: 'craft.ts',
    edits: [['scale(command.acceleration, INERTIA)', 'scale(command.acceleration, -INERTIA)']],
    caught: true,
  },
  {
    name: 'norm',
    what: 'quaternions are not brought back to length 1',
    file: 'math.ts',
    edits: [['const by = 1 / Math.sqrt(q[0] * q[0] + q[1] * q[1] + q[2] * q[2] + q[3] * q[3]);', 'const by = 1;']],
    caught: false,
  },
  {
    name: 'bias',
    what: 'the first reading of the gyro, in the middle of a slew, is kept as its bias',
    file: 'filter.ts',
    edits: [
      ['rates: Vector;', 'rates: Vector;\n  bias?: Vector;'],
      [
        'const seen =',
        'const bias = old.bias || sample.rates;\n  const rates = add(sample.rates, scale(bias, -1));\n  const seen =',
      ],
      ['scale(add(old.rates, sample.rates), 0.5)', 'scale(add(old.rates, rates), 0.5)'],
      ['q: blend(', 'bias: bias,\n    q: blend('],
      ['    rates: sample.rates,\n    residual: angle', '    rates: rates,\n    residual: angle'],
    ],
    caught: true,
  },
];

/** Writes upgrade A with this mistake into a folder of its own, ready to be staged. */
export function writeFault(fault: Fault, folder: string): void {
  const mission = import.meta.dirname;
  mkdirSync(folder, { recursive: true });
  for (const from of [join(mission, 'components'), join(mission, 'upgrades', 'A')]) {
    for (const file of readdirSync(from)) copyFileSync(join(from, file), join(folder, file));
  }
  for (const file of readdirSync(folder)) {
    if (!file.endsWith('.ts')) continue;
    const path = join(folder, file);
    writeFileSync(path, readFileSync(path, 'utf8').replaceAll('../../components/', './'));
  }
  const path = join(folder, fault.file);
  let text = readFileSync(path, 'utf8');
  for (const [from, to] of fault.edits) {
    if (text.split(from).length !== 2)
      throw new Error(`fault ${fault.name}: ${fault.file} has not one place with: ${from}`);
    text = text.replace(from, () => to);
  }
  writeFileSync(path, text);
  const description = JSON.parse(readFileSync(join(folder, 'upgrade.json'), 'utf8')) as Record<string, unknown>;
  writeFileSync(join(folder, 'upgrade.json'), `${JSON.stringify({ ...description, name: fault.name }, null, 2)}\n`);
}
