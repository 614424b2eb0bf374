// Packets of the device bus: to the right channel, once their sender is known and runs what this board runs.

import { hearBeat } from './beat.ts';
import { acknowledged } from './channel.ts';
import type { Pid } from './core/types.ts';
import { ready } from './peer.ts';
import { arrive, reportError } from './runtime.ts';
import type { Local, Runtime } from './state.ts';
import { boardOf, localOf } from './state.ts';
import {
  decodePacket,
  PACKET_ACK,
  PACKET_BEAT,
  PACKET_DATA,
  PACKET_INPUT,
  PACKET_INPUT_ACK,
  peek,
  unpackMessage,
} from './wire.ts';

/** A board this one knows in this life of it, and runs the same version as. */
function known(rt: Runtime, board: number, life: number): boolean {
  if (board < 0) return false;
  if (board === rt.board) return life === rt.life;
  return life === rt.peers[board].life && ready(rt, board);
}

function hearData(rt: Runtime, packet: unknown[]): void {
  const from = packet[1] as Pid;
  const to = packet[2] as Pid;
  if (packet[4] !== rt.life || !localOf(rt, to)) return;
  const board = boardOf(rt, from);
  if (board === rt.board || !known(rt, board, packet[3] as number)) return;
  arrive(rt, from, to, unpackMessage(packet, 5));
}

function hearInput(rt: Runtime, packet: unknown[]): void {
  const d = packet[1] as number;
  const to = packet[2] as Pid;
  if (packet[4] !== rt.life || !localOf(rt, to) || d >= rt.active.plan.devices.length) return;
  if (!known(rt, rt.active.plan.devices[d].board, packet[3] as number)) return;
  const i = packet[5] as number;
  const data = packet[7] as Uint8Array;
  // a process that has had no input of this device begins with the channel's first, not with whichever comes first
  if ((localOf(rt, to) as Local).self.gotI[d] < 0 && i !== packet[8]) return;
  arrive(rt, -1, to, { kind: 'input', n: 0, epoch: packet[6] as number, device: d, i: i, data: data });
}

/** Life of a device's home, as this board knows it. */
function homeLife(rt: Runtime, d: number): number {
  if (d >= rt.active.plan.devices.length) return -1;
  const home = rt.active.plan.devices[d].board;
  return home === rt.board ? rt.life : rt.peers[home].life;
}

function hearAck(
  rt: Runtime,
  from: Pid,
  device: number,
  by: Pid,
  byLife: unknown,
  number: number,
  epoch: number,
): void {
  const board = boardOf(rt, by);
  if (board < 0 || board === rt.board || rt.peers[board].life !== byLife) return;
  for (let i = 0; i < rt.busy.length; i++) {
    const outgoing = rt.busy[i];
    if (outgoing.device === device && outgoing.to === by && outgoing.from === from) {
      acknowledged(rt, outgoing, number, epoch);
      return;
    }
  }
}

/** A channel of this board from the process (device -1) or of the device has something that may be acknowledged. */
function sends(rt: Runtime, from: Pid, device: number): boolean {
  for (let i = 0; i < rt.busy.length; i++) {
    const outgoing = rt.busy[i];
    if (outgoing.device === device && (device >= 0 || outgoing.from === from)) return true;
  }
  return false;
}

/** False where nobody here has any use for the packet; what it is, and whether it is whole, nobody has looked at yet. */
function concerns(rt: Runtime, bytes: Uint8Array): boolean {
  const kind = bytes[1];
  const first = peek(bytes, 0);
  if (first < 0) return true;
  if (kind === PACKET_ACK) return sends(rt, first, -1);
  if (kind === PACKET_INPUT_ACK) return sends(rt, -1, first);
  if (kind !== PACKET_DATA && kind !== PACKET_INPUT) return true;
  const to = peek(bytes, 1);
  return to < 0 || localOf(rt, to) !== null;
}

/** False: it was for others, and nothing has changed here. */
export function hearPacket(rt: Runtime, bytes: Uint8Array): boolean {
  rt.bus.received++;
  if (!concerns(rt, bytes)) return false;
  const packet = decodePacket(bytes, rt.crc);
  if (!packet) {
    rt.bus.bad++;
    return false;
  }
  const kind = packet[0];
  try {
    if (kind === PACKET_BEAT) hearBeat(rt, packet);
    else if (kind === PACKET_DATA) hearData(rt, packet);
    else if (kind === PACKET_INPUT) hearInput(rt, packet);
    else if (kind === PACKET_ACK) {
      if (packet[3] !== rt.life) return false;
      hearAck(rt, packet[1] as Pid, -1, packet[2] as Pid, packet[4], packet[5] as number, packet[6] as number);
    } else if (kind === PACKET_INPUT_ACK) {
      const d = packet[1] as number;
      if (packet[3] === homeLife(rt, d)) hearAck(rt, -1, d, packet[2] as Pid, packet[4], packet[5] as number, -1);
    } else rt.bus.bad++;
  } catch (error) {
    rt.bus.bad++;
    reportError(rt, 'bus', error);
  }
  return true;
}
