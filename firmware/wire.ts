// Packets on the device bus: one CBOR array each, fields in a fixed order, and behind it the CRC-32 of its bytes: a bus
// may damage what it carries (PROTOCOL 2.2). A packet is broadcast; its second and third fields say between which
// processes (or which device and which process) it belongs.

import type { Cut, Message } from './core/types.ts';
import type { Crc } from './image.ts';
import { decode, encodeBefore } from './link/cbor.ts';

export const PACKET_DATA = 1; //  [1, from, to, fromLife, toLife, kind, n, epoch, ...fields of the kind]
export const PACKET_ACK = 2; //   [2, of, by, ofLife, byLife, n, epoch]: `by` has taken all of `of` up to n, which is of `epoch`
export const PACKET_INPUT = 3; // [3, device, to, fromLife, toLife, i, epoch, data, base]: the channel begins at `base`
export const PACKET_INPUT_ACK = 4; // [4, device, by, ofLife, byLife, i]
export const PACKET_BEAT = 5; //  [5, board, life, epoch, plan, op, [pid, role, epoch, V, acked, done, sent][]]

type Fields = (keyof Message)[];

const KINDS: Message['kind'][] = ['app', 'passed', 'freeze', 'report', 'handover', 'migrated', 'input'];

const FIELDS: Fields[] = [
  ['type', 'q', 'k', 'T', 'V', 'data'],
  ['V'],
  ['cut', 'op', 'why'],
  ['cut', 'op', 'why', 'V', 'ends'],
  ['op', 'state', 'held', 'pending', 'got'],
  ['ok', 'why'],
  ['device', 'i', 'data'],
];

/** In markers and reports as their numbers: in a cut each process sends one to each. */
const CUTS: Cut[] = ['start', 'commit', 'recovery', 'cancel'];

export function packMessage(into: unknown[], message: Message): void {
  const kind = KINDS.indexOf(message.kind);
  const fields = FIELDS[kind];
  into.push(kind, message.n, message.epoch);
  for (let i = 0; i < fields.length; i++) {
    const value = fields[i] === 'cut' ? CUTS.indexOf(message.cut as Cut) : message[fields[i]];
    into.push(value === undefined ? null : value);
  }
}

/** The message that begins at index `at` of a packet; throws where it does not fit its kind. */
export function unpackMessage(packet: unknown[], at: number): Message {
  const kind = packet[at] as number;
  const fields = FIELDS[kind];
  if (!fields || packet.length !== at + 3 + fields.length) throw new Error('packet of no known kind');
  const message: Message = { kind: KINDS[kind], n: packet[at + 1] as number, epoch: packet[at + 2] as number };
  for (let i = 0; i < fields.length; i++) {
    const value = fields[i] === 'cut' ? CUTS[packet[at + 3 + i] as number] : packet[at + 3 + i];
    if (value !== null) (message as unknown as { [name: string]: unknown })[fields[i]] = value;
  }
  return message;
}

const CHECK_BYTES = 4;

export function encodePacket(packet: unknown[], crc: Crc): Uint8Array {
  const bytes = encodeBefore(packet, CHECK_BYTES);
  const end = bytes.length - CHECK_BYTES;
  const check = crc(bytes, 0, end, 0);
  bytes[end] = check & 0xff;
  bytes[end + 1] = (check >>> 8) & 0xff;
  bytes[end + 2] = (check >>> 16) & 0xff;
  bytes[end + 3] = check >>> 24;
  return bytes;
}

/** Bytes of the head of an array with fewer than 24 fields, and of a first field below 24. */
const HEAD_BYTES = 1;
const KIND_BYTES = 1;

/**
 * Second (0) or third (1) field of a packet that nobody has decoded or checked yet; -1: to be seen only then. Most of what
 * comes on a bus is for others, and to decode it takes long.
 */
export function peek(bytes: Uint8Array, field: number): number {
  let at = HEAD_BYTES + KIND_BYTES;
  for (let i = 0; ; i++) {
    const first = bytes[at++];
    const value = first === 0x18 ? bytes[at++] : first < 24 ? first : -1;
    if (i === field || value < 0) return value;
  }
}

/** Null where the bytes are no packet: the bus damaged it, and the sender will repeat it. */
export function decodePacket(bytes: Uint8Array, crc: Crc): unknown[] | null {
  const end = bytes.length - CHECK_BYTES;
  if (end <= 0) return null;
  const check = (bytes[end] | (bytes[end + 1] << 8) | (bytes[end + 2] << 16) | (bytes[end + 3] << 24)) >>> 0;
  if (crc(bytes, 0, end, 0) !== check) return null;
  try {
    const packet = decode(bytes.subarray(0, end)) as unknown[];
    return packet && typeof packet[0] === 'number' ? packet : null;
  } catch (error) {
    return null;
  }
}
