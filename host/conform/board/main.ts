// The conformance program: a bundle like the firmware's, which instead of working says on the serial line what its
// engine makes of one part, a line for each thing that it does. All engines must say the same as Node, to the byte. Board
// language.

import type { Board, Hal } from '../../../hal/hal.ts';
import { crc32 } from '../../../firmware/link/crc.ts';
import type { Part } from './part.ts';
import { hex } from './part.ts';

function bytesOfText(text: string, more: number): Uint8Array {
  const bytes = new Uint8Array(text.length + more);
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
  return bytes;
}

/** Does one thing at each poll, so that a watchdog is kicked in between. */
export function conform(hal: Hal, part: Part): Board {
  const native = hal.crc32 || crc32;
  const turn = part(native);
  let sum = 0;
  let lines = 0;
  let ended = false;

  const say = function (line: string): void {
    const bytes = bytesOfText(line, 1);
    bytes[line.length] = 10;
    hal.serial(bytes);
  };

  const next = function (): boolean {
    const done = turn();
    if (!done) return false;
    const bytes = done.bytes;
    const own = crc32(bytes, 0, bytes.length, 0);
    const theirs = native(bytes, 0, bytes.length, 0);
    const natively = own === theirs ? '' : ' but natively ' + hex(theirs, 8);
    const line = done.what + ' = ' + bytes.length + ' ' + hex(own, 8) + natively;
    sum = crc32(bytesOfText(line, 0), 0, line.length, sum);
    lines++;
    say(line);
    return true;
  };

  const nothing = function (): void {};
  return {
    serial: nothing,
    bus: nothing,
    input: nothing,
    poll: function () {
      hal.kick();
      if (!ended) {
        try {
          ended = !next();
        } catch (error) {
          ended = true;
          say('threw ' + ((error && (error as Error).message) || error));
        }
        if (ended) say('end ' + lines + ' ' + hex(sum, 8));
      }
      return hal.now() + (ended ? 1000 : 0);
    },
  };
}
