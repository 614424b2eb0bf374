// The figures of durability as a table, for a terminal of 100 columns.

import { number, wrap } from '../costs/text.ts';
import { CYCLES } from '../journal.ts';
import type { Figures, Setting, Way } from './durable-work.ts';
import { ringOf } from './durable-work.ts';
import { table, WIDTH } from './text.ts';

export interface Row {
  setting: Setting;
  figures: Figures;
  /** messages a second of this machine, over those with durability off */
  speed: number;
}

export interface Group {
  title: string;
  rows: Row[];
}

const NAMES: Record<Way, string> = {
  'as it is': '',
  'no patches': ', whole checkpoints',
  'own writes': ', a write an event',
};

const WIDTHS = [32, 8, 10, 10, 10, 10, 9, 11];

const HEAD = [
  ['', 'messages', 'flash B', 'writes', 'flash ms', 'most on', 'erases', 'lifetime'],
  ['', 'a second', '/message', '/message', '/message', 'one, B/s', 'an hour', 'years'],
];

/** Of the board that writes most: erases an hour, and years until its sectors have CYCLES each. */
export function wear({ setting, figures }: Row): { perSecond: number; erasesPerHour: number; years: number } {
  const { sectors, data } = ringOf(setting.programBytes);
  const perSecond = figures.most.bytes / figures.seconds;
  const erasesPerHour = (perSecond / data) * 3600;
  return { perSecond, erasesPerHour, years: (CYCLES * sectors) / erasesPerHour / 24 / 365.25 };
}

function rowText(row: Row): string[] {
  const { setting, figures, speed } = row;
  const { durability, way, programBytes } = setting;
  if (durability === 'off') return ['off', '1', '0', '0', '0', '0', '0', ''];
  const { perSecond, erasesPerHour, years } = wear(row);
  return [
    `${durability}, ${programBytes} B${NAMES[way]}`,
    `×${speed.toFixed(2)}`,
    (figures.bytes / figures.messages).toFixed(1),
    (figures.programs / figures.messages).toFixed(2),
    (figures.flashMs / figures.messages).toFixed(2),
    number(Math.round(perSecond)),
    number(Math.round(erasesPerHour)),
    years.toFixed(years < 1 ? 2 : 1),
  ];
}

function rateText({ rows }: Group): string {
  const first = rows[0]?.figures;
  return first ? `${Math.round(first.messages / first.seconds)} messages and inputs a second` : '';
}

export function durabilityText(groups: Group[], quick: boolean): string {
  const lines = wrap(
    'DURABILITY  the sample mission in lockstep: five boards, 128 sectors of 4 KB, programs of 4 or 256 B. ' +
      'A message is one that comes to a process, from another one or from a device.' +
      (quick ? ' Quick: shorter turns.' : ''),
    WIDTH,
  );
  for (const group of groups) {
    lines.push('', ...wrap(`${group.title.toUpperCase()}: ${rateText(group)} on all boards`, WIDTH), '');
    lines.push(...table(WIDTHS, [...HEAD, ...group.rows.map(rowText)]));
  }
  lines.push(
    '',
    ...wrap(
      'Messages a second: of this machine’s processor, over those with durability off, the middle one of several turns. Flash: of all ' +
        'boards, bytes programmed with all that is around them, per message; ms as a typical part would take (30 µs + 2.5 µs ' +
        'a byte, 45 ms an erase, most of them ahead in idle time). Most on one: the board that writes most, whose erases an ' +
        `hour and lifetime follow, at ${number(CYCLES)} erases of each sector of its ring and the mission’s rate without ` +
        'a pause. Guarded operation is minutes: with "guard" that lifetime is spent in them alone.',
      WIDTH,
    ),
    '',
    ...wrap(
      'Whole checkpoints: built without patches (firmware/delta.ts). A write an event: built so that records never share a ' +
        'program. Both are no options of the product.',
      WIDTH,
    ),
    '',
  );
  return `${lines.join('\n')}`;
}
