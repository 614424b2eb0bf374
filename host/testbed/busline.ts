// The bus line between the testbed and a board that is not virtual (hal/BUS.md): packets of the device bus and, since
// the boards' devices are here, inputs and outputs, all as frames on one line. Whatever the kinds of the boards, a
// packet from one goes to all others.

import { crc32 } from 'node:zlib';
import { createLineReader, encodeLine, LINE_INPUT, LINE_OUTPUT, LINE_PACKET, readLine } from '../../hal/line.ts';
import { deviceBody, readDeviceBody } from './pipe.ts';
import type { Told } from './power.ts';

/** Nothing is lost between processes; but one of them may have to wait for the machine within a frame, ms. */
const QUIET_MS = 10_000;

/** CRC-32 of bytes[from..to), continuing from `crc`, as hal.crc32. */
export function lineCrc(bytes: Uint8Array, from: number, to: number, crc: number): number {
  return crc32(bytes.subarray(from, to), crc);
}

export interface BusLine {
  /** what came from the board */
  heard(chunk: Uint8Array): void;
  /** frames for the board */
  packet(bytes: Uint8Array): Uint8Array;
  input(device: string, bytes: Uint8Array): Uint8Array;
}

export function createBusLine(told: Pick<Told, 'bus' | 'output'>): BusLine {
  const reader = createLineReader(lineCrc, (kind, payload) => {
    if (kind === LINE_PACKET) told.bus(payload);
    else if (kind === LINE_OUTPUT) {
      const { device, bytes } = readDeviceBody(payload);
      told.output(device, bytes);
    }
  });
  reader.quietMs = QUIET_MS;
  return {
    heard: (chunk) => readLine(reader, chunk, performance.now()),
    packet: (bytes) => encodeLine(LINE_PACKET, bytes, lineCrc),
    input: (device, bytes) => encodeLine(LINE_INPUT, deviceBody(device, bytes), lineCrc),
  };
}
