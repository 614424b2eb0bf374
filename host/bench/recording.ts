// What one board of the sample mission was asked and said in lockstep, so that the same firmware can be asked it again in
// another engine (board/replay.ts), and what it says compared to the byte.

import { crc32 } from 'node:zlib';
import { encode } from '../../firmware/link/cbor.ts';
import {
  decodePacket,
  PACKET_ACK,
  PACKET_BEAT,
  PACKET_DATA,
  PACKET_INPUT,
  unpackMessage,
} from '../../firmware/wire.ts';
import type { Plan } from '../../firmware/plan.ts';
import { boardBundle } from '../build/bundle.ts';
import type { CreateWorld } from '../lab.ts';
import { flash } from '../operate/flash.ts';
import { start } from '../operate/guard.ts';
import { stage } from '../operate/stage.ts';
import type { Version } from '../operate/version.ts';
import type { Geometry } from '../testbed/cells.ts';
import type { BoardCall } from '../testbed/lockstep.ts';
import { Lockstep } from '../testbed/lockstep.ts';
import { placesOf, surroundings } from './mission.ts';

export interface Recorded extends BoardCall {
  /** ms of the testbed's time */
  t: number;
}

export interface Recording {
  board: string;
  part: Geometry;
  /** its flash when its power came */
  flash: Uint8Array;
  calls: Recorded[];
  /** CRC-32 of all that it said since, one behind the other */
  sum: number;
  /** the calls that count: from here, up to there */
  from: number;
  to: number;
  /** what came to each board is told apart by where its processes run */
  place: (pid: number) => string;
  plan: Plan;
}

/** As drawing() of board/replay.ts; and without trace lines, as a board in the field. */
const SAME_EVERYWHERE = `
(function () {
  var inner = understudy.boot;
  understudy = { boot: function (hal) {
    var n = 0;
    hal.random = function () { n = (n * 1664525 + 1013904223) % 4294967296; return n; };
    if (hal.board === RECORDED) hal.traces = false;
    return inner(hal);
  } };
})();`;

export const KINDS: BoardCall['kind'][] = ['boot', 'serial', 'bus', 'input', 'poll'];

export interface RecordingOptions {
  board: string;
  base: Version;
  upgrade: Version | null;
  part: Geometry;
  /** of the board's time, from its boot to the start, from there to the first call that counts, and to the last, ms */
  settleMs: number;
  beforeMs: number;
  sliceMs: number;
  seed?: number;
  /** what feeds the devices, in place of the mission's craft */
  createWorld?: CreateWorld;
}

function sumOf(bytes: Uint8Array, sum: number): number {
  // zlib begins anew where there is nothing to go on with
  return bytes.length === 0 ? sum : crc32(bytes, sum);
}

/** The mission flies; then the board loses its power, and from its next boot on all is written down. */
export async function record(options: RecordingOptions): Promise<Recording> {
  const { board, base, upgrade, part, settleMs, beforeMs, sliceMs, seed = 1 } = options;
  const { devices, createWorld } = await surroundings();
  const calls: Recorded[] = [];
  let recording = false;
  let sum = 0;
  let now = (): number => 0;
  const lab = new Lockstep({
    bundle: `${(await boardBundle()).text}${SAME_EVERYWHERE.replace('RECORDED', JSON.stringify(board))}`,
    boards: base.plan.boards.map((name) => ({ name, type: 'virtual', interrupts: true, memoryBytes: 0, flash: part })),
    devices,
    createWorld: options.createWorld ?? createWorld,
    seed,
    takes: (name, call) => {
      if (recording && name === board) calls.push({ ...call, bytes: call.bytes.slice(), t: now() });
      return 0;
    },
    tap: (name, _call, bytes) => {
      if (recording && name === board) sum = sumOf(bytes, sum);
    },
  });
  now = () => lab.now();
  try {
    await flash(lab, base);
    await lab.wait(2000);
    if (upgrade) await stage(lab, upgrade);
    await lab.power(board, false);
    const cells = lab.nor(board).bytes.slice();
    await lab.wait(50);
    recording = true;
    await lab.power(board, true);
    await lab.wait(settleMs);
    if (upgrade) {
      const { cut, why } = await start(lab);
      if (cut !== 'start') throw new Error(`the bench’s upgrade did not start: ${why}`);
    }
    await lab.wait(beforeMs);
    const from = calls.length;
    await lab.wait(sliceMs);
    const violation = lab.violation(board);
    if (violation) throw new Error(violation);
    const place = placesOf(upgrade ? [base, upgrade] : [base]);
    return { board, part, flash: cells, calls, sum, from, to: calls.length, place, plan: base.plan };
  } finally {
    recording = false;
    await lab.close();
  }
}

/** The calls as board/replay.ts reads them. */
export function encodeCalls(calls: Recorded[]): Buffer {
  return Buffer.concat(
    calls.map(({ kind, t, device, bytes }) => {
      const body = encode([KINDS.indexOf(kind), t, device, bytes]);
      const head = Buffer.alloc(2);
      head.writeUInt16LE(body.length);
      return Buffer.concat([head, body]);
    }),
  );
}

/** What a call is to its board: a kind of call, or of a message that came to one of its processes, and to which. */
export interface Meaning {
  what: string;
  component: string;
}

export function meaningOf(call: BoardCall, recording: Pick<Recording, 'board' | 'place' | 'plan'>): Meaning {
  const { board, place, plan } = recording;
  const plain = (what: string): Meaning => ({ what, component: '' });
  if (call.kind !== 'bus') return plain(call.kind);
  const packet = decodePacket(call.bytes, (bytes, from, to, crc) => sumOf(bytes.subarray(from, to), crc));
  if (!packet) return plain('damaged');
  const [kind, first, second] = packet as [number, number, number];
  if (kind === PACKET_BEAT) return plain('beat');
  if (kind === PACKET_DATA || kind === PACKET_INPUT) {
    if (place(second) !== board) return plain('for others');
    const what = kind === PACKET_INPUT ? 'input packet' : unpackMessage(packet, 5).kind;
    return { what, component: plan.components[second >> 1]?.name ?? '' };
  }
  const home = kind === PACKET_ACK ? place(first) : plan.boards[plan.devices[first]?.board ?? -1];
  return plain(home === board ? 'acknowledgement' : 'for others');
}
