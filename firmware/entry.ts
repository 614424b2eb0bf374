// What the board's log holds: one record for each event of a process, and for each fact that is the board's own
// (PROTOCOL 6). Compact: the record of an event is what flash costs per message.

import { imul } from './application.ts';
import type { Effect, Event, Message, Pid } from './core/types.ts';
import type { Crc } from './image.ts';
import type { Local } from './state.ts';
import { packMessage, unpackMessage } from './wire.ts';

/** Kinds of records in the ring. */
export const RECORD_EVENT = 0; // [pid, µs since the record before, digest of its effects, from, ...as on the bus]
export const RECORD_FACT = 1; //  [fact, ...]
export const RECORD_BASE = 2; //  [stream, part, parts, time in µs, bytes]
export const RECORD_PATCH = 3; // [stream, time in µs, patch, check]
export const RECORD_BEGIN = 4; // []: a session begins
export const RECORD_READY = 5; // []: all its bases stand: what is before them is of no account any more
export const RECORD_END = 6; //   [keep]: nothing is to be resumed; `keep`: but processes may begin with the bases' state
// an event too long for one record: first part, parts in the middle, last part
export const RECORD_FIRST = 7;
export const RECORD_MORE = 8;
export const RECORD_LAST = 9;
export const RECORD_OPENING = 10; // as RECORD_BASE, of a session that begins

/** Facts of the board. */
export const FACT_INPUT = 0; // [0, device, i, data]: an input has its number
export const FACT_DONE = 1; //  [1, device, component, e]: the driver has done, or is about to do, this output
export const FACT_RENEW = 2; // [2, pids]: channels to these processes begin again
export const FACT_LIFE = 3; //  [3, board, life]: another board's processes began anew

/** The kinds of events that are no messages, and what each carries. */
const OWN: Event['kind'][] = [
  'start',
  'timer',
  'heartbeat',
  'acked',
  'absent',
  'fail',
  'word',
  'reborn',
  'stop',
  'tick',
];
const OWN_FIELDS: (keyof Event)[][] = [
  [],
  ['name'],
  ['from', 'epoch', 'V', 'acked', 'done', 'sent'],
  ['acked'],
  ['pid', 'why'],
  ['why'],
  ['word', 'op', 'operation', 'why'],
  ['pid', 'device', 'why'],
  [],
  [],
];
/** Their numbers begin behind those of the messages on the bus. */
const OWN_FIRST = 16;
const DIGEST_MODULUS = 65521;

/** The seed of a process's next event follows from its number, so that it need not be recorded. */
export function seedOf(local: Local): number {
  return (local.seed + imul(local.self.n + 1, 0x9e3779b1)) | 0;
}

/** The event before its step: a step may change what hangs on it. `known`: its data stands in a fact just before. */
export function packEvent(event: Event, known: boolean): unknown[] {
  const own = OWN.indexOf(event.kind);
  const out: unknown[] = [event.from === undefined || own >= 0 ? null : event.from];
  if (own < 0) {
    packMessage(out, event as unknown as Message);
    if (known) out[out.length - 1] = null;
    return out;
  }
  out.push(OWN_FIRST + own);
  const fields = OWN_FIELDS[own];
  for (let i = 0; i < fields.length; i++) {
    const value = event[fields[i]];
    out.push(value === undefined ? null : value);
  }
  return out;
}

/** The event of what `packEvent` made, from index `at` on. */
export function unpackEvent(packed: unknown[], at: number): Event {
  const kind = packed[at + 1] as number;
  const event: { [key: string]: unknown } = { kind: '', t: 0, seed: 0 };
  if (kind < OWN_FIRST) {
    if (packed[at] !== null) event.from = packed[at];
    const message = unpackMessage(packed, at + 1) as unknown as { [key: string]: unknown };
    for (const name in message) event[name] = message[name];
    return event as unknown as Event;
  }
  event.kind = OWN[kind - OWN_FIRST];
  const fields = OWN_FIELDS[kind - OWN_FIRST];
  for (let i = 0; i < fields.length; i++) {
    const value = packed[at + 2 + i];
    if (value !== null) event[fields[i]] = value;
  }
  return event as unknown as Event;
}

function mix(digest: number, value: number): number {
  return (digest * 31 + (value % DIGEST_MODULUS) + 1) % DIGEST_MODULUS;
}

/**
 * What an event made its process send, put out and decide, in one number below 2^16: a replay that gives another one
 * is not believed (PROTOCOL 6).
 */
export function digestOf(effects: Effect[], crc: Crc): number {
  let digest = 0;
  for (let i = 0; i < effects.length; i++) {
    const effect = effects[i];
    const message = effect.message;
    let data: unknown = null;
    if (message) {
      digest = mix(mix(digest, effect.to as Pid), message.n);
      digest = mix(mix(digest, message.kind.charCodeAt(0)), message.epoch);
      data = message.data === undefined ? message.state : message.data;
    } else if (effect.kind === 'output') {
      digest = mix(mix(digest, effect.device as number), effect.e as number);
      data = effect.data;
    } else if (effect.kind === 'decide') digest = mix(digest, effect.epoch as number);
    else continue;
    const bytes = data as Uint8Array | null | undefined;
    if (bytes) digest = mix(digest, crc(bytes, 0, bytes.length, 0));
  }
  return digest;
}
