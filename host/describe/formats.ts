// The files that a user writes: system.json, upgrade.json, testbed.json, and a board's own.

import { LOG_ENTRIES_MAX } from '../../firmware/core/limits.ts';
import { boardShape } from './board.ts';
import type { Shape, TypeOf } from './shape.ts';
import { anything, choice, distinct, flag, named, nullable, number, object, optional, text } from './shape.ts';
import { testbedShape } from './testbed.ts';

/** A day, ms; no interval of ours is longer. */
const DAY_MS = 86_400_000;
const FIELD = /^(u8|i8|u16|i16|u32|i32|f32|f64|bool)(\[[1-9][0-9]{0,3}\])?$/;

const version = choice('the format of this file', [1] as const);
const fields = named(
  'fields by name, each with its type',
  text('a type: u8 i8 u16 i16 u32 i32 f32 f64 bool, or a list of one, as f32[3]', FIELD),
);
const perSecond = number('the rate that a channel of it may carry, messages per second; 0: any', 0, 100_000);

const message = object('a message type', { fields, perSecond: optional(perSecond, 0) });
const newMessage = object('a message type as it becomes', {
  fields,
  perSecond: optional(nullable(perSecond), null),
});

const device = object('a device: an input (`in`) or an output (`out`)', {
  board: text('the board that it is wired to'),
  in: optional(nullable(fields), null),
  out: optional(nullable(fields), null),
  takeover: optional(
    choice('each: every output counts; latest: a set-point, only the newest matters', ['each', 'latest'] as const),
    'each',
  ),
  powerCut: optional(
    choice('an output in the driver’s hands at a power cut', ['at-most-once', 'at-least-once'] as const),
    'at-most-once',
  ),
  hold: optional(
    nullable(named('what the device does while outputs are held', anything('a value of the field'))),
    null,
  ),
  perSecond: optional(perSecond, 0),
});

const sends = named('receivers by message type', distinct('components', text('a component')));

const component = object('a component', {
  module: text('path of its module, from this file'),
  board: text('the board that it runs on'),
  sends: optional(sends, {}),
  reads: optional(distinct('input devices', text('a device')), []),
  drives: optional(distinct('output devices', text('a device')), []),
});

const commitAfterS = number('s without a failure before the automatic commit', 0, 1e9);
const validated = number('validated boundary messages before the automatic commit', 0, 1e12, true);
const heartbeatMs = number('ms between two heartbeats of a board', 1, DAY_MS);
const absentMs = number('ms of silence after which a low process is declared dead', 1, DAY_MS);
/** Beyond the log's length the upgrade is rolled back anyway. */
const lead = number('how far new and old version may drift apart in a channel, messages', 1, LOG_ENTRIES_MAX, true);

const policy = object('when an upgrade counts as good, and when a process as gone', {
  commitAfterS: optional(commitAfterS, 0),
  validated: optional(validated, 0),
  heartbeatMs: optional(heartbeatMs, 100),
  absentMs: optional(absentMs, 1000),
  lead: optional(lead, 50),
});
const POLICY = { commitAfterS: 0, validated: 0, heartbeatMs: 100, absentMs: 1000, lead: 50 };

/** null: as the running version has it. The commit is each upgrade's own. */
const newPolicy = object('when the upgrade counts as good, and when a process as gone', {
  commitAfterS: optional(commitAfterS, 0),
  validated: optional(validated, 0),
  heartbeatMs: optional(nullable(heartbeatMs), null),
  absentMs: optional(nullable(absentMs), null),
  lead: optional(nullable(lead), null),
});
const NEW_POLICY = { commitAfterS: 0, validated: 0, heartbeatMs: null, absentMs: null, lead: null };

export const systemShape = object('a system', {
  understudy: version,
  name: text('its name'),
  sequence: optional(number('version number; upgrades must go up', 1, 1e9, true), 1),
  messages: optional(named('message types', message), {}),
  devices: optional(named('devices', device), {}),
  components: named('components', component),
  spares: optional(distinct('boards that run nothing yet, for upgrades to use', text('a board')), []),
  policy: optional(policy, POLICY),
  durability: optional(choice('what is durable before it takes effect', ['off', 'guard', 'always'] as const), 'guard'),
});

const upgraded = object('the new version of a component', {
  module: text('path of its module, from this file'),
  board: optional(nullable(text('the board that it runs on; left out: where the old version runs')), null),
  sends: optional(nullable(sends), null),
  reads: optional(nullable(distinct('input devices', text('a device'))), null),
  drives: optional(nullable(distinct('output devices', text('a device'))), null),
});

export const upgradeShape = object('an upgrade', {
  understudy: version,
  name: text('its name'),
  sequence: number('version number, above that of the system it upgrades', 2, 1e9, true),
  system: text('name of the system'),
  components: named('new versions by component; null: the component goes', nullable(upgraded)),
  messages: optional(named('message types that change or are new', newMessage), {}),
  policy: optional(newPolicy, NEW_POLICY),
  sharedFate: optional(
    flag('a low process may share a board with survivors although its hang would cost a reset'),
    false,
  ),
});

export type SystemFile = TypeOf<typeof systemShape>;
export type UpgradeFile = TypeOf<typeof upgradeShape>;

export type { BoardType } from './board.ts';
export type { TestbedFile } from './testbed.ts';

/** Every file format by name, for the schema files. */
export const FORMATS: Record<string, Shape<unknown>> = {
  system: systemShape,
  upgrade: upgradeShape,
  testbed: testbedShape,
  board: boardShape,
};

export function schemaOf(format: string): Record<string, unknown> {
  const shape = FORMATS[format] as Shape<unknown>;
  const schema = shape.schema();
  const properties = { $schema: { type: 'string' }, ...(schema.properties as Record<string, unknown>) };
  const $schema = 'https://json-schema.org/draft/2020-12/schema';
  return { $schema, title: `understudy ${format}`, ...schema, properties };
}
