// Frames of the host's line: built, damaged, cut into pieces, and read again. Board language.

import { encode } from '../../../firmware/link/cbor.ts';
import type { Crc } from '../../../firmware/link/crc.ts';
import { createParser, encodeFrame, feed, flush, KIND_DATA } from '../../../firmware/link/frame.ts';
import type { Part } from './part.ts';
import { addCases, turnOver } from './part.ts';
import { below, bytesOf, flip } from './random.ts';

function frames(seed: number, crc: Crc): Uint8Array {
  const random = { x: seed };
  const heard: unknown[] = [];
  const parser = createParser(crc);
  const hear = function (frame: { kind: number; stream: number; sequence: number; payload: Uint8Array }): void {
    heard.push([frame.kind, frame.stream, frame.sequence, frame.payload.length, encode(frame.payload)]);
  };
  for (let i = 0; i < 5; i++) {
    const frame = encodeFrame(
      1 + below(random, KIND_DATA),
      below(random, 256),
      below(random, 65536),
      bytesOf(random, below(random, 60)),
      crc,
    );
    const how = below(random, 4);
    if (how === 0) flip(frame, below(random, frame.length), 1 << below(random, 8));
    if (how === 1) feed(parser, bytesOf(random, below(random, 9)), hear);
    let at = 0;
    while (at < frame.length) {
      const to = Math.min(frame.length, at + 1 + below(random, 20));
      feed(parser, frame.subarray(at, to), hear);
      at = to;
    }
  }
  flush(parser, hear);
  return encode(heard);
}

export const part: Part = function (crc) {
  return turnOver(addCases([], 'frames', 6, 1299709, frames, crc));
};
