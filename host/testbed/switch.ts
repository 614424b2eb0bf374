// Where a packet of the device bus goes in a testbed that keeps real time: to the one board that it is for, once it is
// known which that is, as an Ethernet switch learns from what it carries. A board that is emulated takes milliseconds
// for each packet that it only throws away. (In lockstep, and on a wire that boards share, all hear everything.)

import { decodePacket, PACKET_ACK, PACKET_BEAT, PACKET_DATA, PACKET_INPUT } from '../../firmware/wire.ts';
import { lineCrc } from './busline.ts';

/** Fields of `PACKET_BEAT`: what it says of each process, and of that the process id. */
const BEAT_PROCESSES = 6;
const PROCESS_PID = 0;

export class BusSwitch<Port> {
  /** by process id: where it was heard of last */
  private readonly homes = new Map<unknown, Port>();

  /** The port a packet from `from` is for; null: all others. Processes that move are found again by their next beat. */
  route(from: Port, bytes: Uint8Array): Port | null {
    const packet = decodePacket(bytes, lineCrc);
    if (!packet) return null;
    const [kind, first, second] = packet;
    if (kind === PACKET_BEAT) {
      for (const process of packet[BEAT_PROCESSES] as unknown[][]) this.homes.set(process[PROCESS_PID], from);
    } else if (kind === PACKET_DATA) {
      this.homes.set(first, from);
      return this.homes.get(second) ?? null;
    } else if (kind === PACKET_ACK) {
      this.homes.set(second, from);
      return this.homes.get(first) ?? null;
    } else if (kind === PACKET_INPUT) return this.homes.get(second) ?? null;
    return null;
  }
}
