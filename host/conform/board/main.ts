// The conformance program: a bundle like the firmware's, which instead of working says on the serial line what its
// engine makes of each case, one line each. All engines must say the same as Node, to the byte. Board language.

import type { Board, Hal } from '../../../hal/hal.ts';
import { decode } from '../../../firmware/link/cbor.ts';
import { crc32 } from '../../../firmware/link/crc.ts';
import type { Case } from './cases.ts';
import { listCases } from './cases.ts';
import type { Golden, Player } from './core.ts';
import { createPlayer, play } from './core.ts';

/** By name, CBOR as hexadecimal digits: an array of deeds. */
export interface Recorded {
  [name: string]: string;
}

function digit(code: number): number {
  return code <= 57 ? code - 48 : code - 87;
}

function unhex(text: string): Uint8Array {
  const out = new Uint8Array(text.length / 2);
  for (let i = 0; i < out.length; i++) {
    out[i] = digit(text.charCodeAt(2 * i)) * 16 + digit(text.charCodeAt(2 * i + 1));
  }
  return out;
}

function hex(value: number): string {
  let out = '';
  for (let i = 28; i >= 0; i -= 4) out += '0123456789abcdef'.charAt((value >>> i) & 15);
  return out;
}

/** For whoever looks for the reason where two engines differ. */
function hexBytes(bytes: Uint8Array): string {
  let out = '';
  for (let i = 0; i < bytes.length; i++) out += hex(bytes[i] as number).substr(6);
  return out;
}

function sayTo(hal: Hal): (line: string) => void {
  return function (line) {
    const bytes = new Uint8Array(line.length + 1);
    for (let i = 0; i < line.length; i++) bytes[i] = line.charCodeAt(i);
    bytes[line.length] = 10;
    hal.serial(bytes);
  };
}

/** Runs one case at each poll, so that a watchdog is kicked in between. */
export function conform(hal: Hal, recorded: Recorded): Board {
  const native = hal.crc32 || crc32;
  const say = sayTo(hal);
  const cases = listCases(native);
  const names: string[] = [];
  for (const name in recorded) names.push(name);
  let at = 0;
  let player: Player | null = null;
  let sum = 0;
  let lines = 0;

  const tell = function (what: string, bytes: Uint8Array): void {
    const own = crc32(bytes, 0, bytes.length, 0);
    const theirs = native(bytes, 0, bytes.length, 0);
    const line = what + ' = ' + bytes.length + ' ' + hex(own) + (own === theirs ? '' : ' but natively ' + hex(theirs));
    const text = new Uint8Array(line.length);
    for (let i = 0; i < line.length; i++) text[i] = line.charCodeAt(i);
    sum = crc32(text, 0, text.length, sum);
    lines++;
    say(line);
  };

  const turn = function (): boolean {
    if (at < cases.length) {
      const one = cases[at++] as Case;
      const bytes = one.run();
      tell(one.name + ' ' + hexBytes(bytes), bytes);
      return true;
    }
    if (!player || player.at === player.golden.deeds.length) {
      const name = names.shift();
      if (name === undefined) return false;
      const golden: Golden = { name: name, deeds: decode(unhex(recorded[name] as string)) as Golden['deeds'] };
      delete recorded[name];
      player = createPlayer(golden);
    }
    const number = player.at;
    const made = play(player);
    tell(player.golden.name + ' ' + number + ' ' + made.what, made.bytes);
    return true;
  };

  let done = false;
  const nothing = function (): void {};
  return {
    serial: nothing,
    bus: nothing,
    input: nothing,
    poll: function () {
      hal.kick();
      if (!done) {
        try {
          done = !turn();
        } catch (error) {
          done = true;
          say('threw ' + ((error && (error as Error).message) || error));
        }
        if (done) say('end ' + lines + ' ' + hex(sum));
      }
      return hal.now() + (done ? 1000 : 0);
    },
  };
}
