// A bundle that does to `hal` what a test asks for, a line of text each, and tells what came of it. Board language.

import type { Board, Hal } from '../../hal/hal.ts';

function bytesOf(hex: string): Uint8Array {
  const out = new Uint8Array(hex.length / 2);
  for (let i = 0; i < out.length; i++) out[i] = parseInt(hex.substring(2 * i, 2 * i + 2), 16);
  return out;
}

function hexOf(bytes: Uint8Array): string {
  let out = '';
  for (let i = 0; i < bytes.length; i++) {
    const byte = bytes[i] as number;
    out += (byte < 16 ? '0' : '') + byte.toString(16);
  }
  return out;
}

function deep(n: number): number {
  return n === 0 ? 0 : 1 + deep(n - 1);
}

function spin(): void {
  // it does not let go of it by itself
  for (;;) {
    try {
      for (;;) deep(0);
    } catch (_error) {
      deep(0);
    }
  }
}

function clock(hal: Hal): string {
  const first = hal.now();
  let fraction = false;
  for (let now = first; now < first + 5; ) {
    const next = hal.now();
    if (next < now) return 'the clock goes back';
    if (next !== Math.floor(next)) fraction = true;
    now = next;
  }
  return 'fraction ' + fraction;
}

function fill(): string {
  const all: Uint8Array[] = [];
  try {
    for (;;) all.push(new Uint8Array(1000));
  } catch (error) {
    return 'full: ' + (all.length > 3 && error instanceof Error);
  }
}

function call(hal: Hal, what: string, done: string[]): string {
  if (what === 'loop') hal.call(spin);
  hal.call(function () {
    if (what === 'throw') throw new Error('of its own');
    done.push(what);
  });
  return 'called ' + done.join();
}

export function boot(hal: Hal): Board {
  const done: string[] = [];
  let faulty = false;
  let text = '';

  const say = function (words: string): void {
    const out = new Uint8Array(words.length + 1);
    for (let i = 0; i < words.length; i++) out[i] = words.charCodeAt(i);
    out[words.length] = 10;
    hal.serial(out);
  };

  const does = function (verb: string, words: string[]): unknown {
    const one = words[0] as string;
    const two = words[1] as string;
    const flash = hal.flash;
    switch (verb) {
      case 'facts':
        return [hal.board, hal.engine, hal.interrupts, hal.memoryBytes > 0]
          .concat([flash.sectorBytes, flash.sectors, flash.programBytes] as never[])
          .join(' ');
      case 'read':
        return hexOf(flash.read(+one, +two));
      case 'program':
        flash.program(+one, bytesOf(two));
        return 'programmed';
      case 'erase':
        flash.erase(+one);
        return 'erased';
      case 'crc':
        return hal.crc32 ? hal.crc32(bytesOf(one), +two, +(words[2] as string), +(words[3] as string)) : 'none';
      case 'clock':
        return clock(hal);
      case 'random':
        return hal.random() + ' ' + hal.random();
      case 'call':
        return call(hal, one, done);
      case 'load':
        return (hal.load(words.join(' ')) as { answer: number }).answer;
      case 'deep':
        return deep(+one);
      case 'fill':
        return fill();
      case 'mark':
        if (hal.mark) hal.mark(+one);
        return 'marked';
      case 'loop':
        spin();
        return 'came back';
      case 'reset':
        hal.reset();
        return 'went on';
      case 'fault':
        faulty = true;
        return 'the next poll throws';
      case 'bus':
        hal.bus(bytesOf(one));
        return 'sent';
      case 'output':
        hal.output(one, bytesOf(two));
        return 'done';
      default:
        return 'not known: ' + verb;
    }
  };

  const hear = function (line: string): void {
    const words = line.split(' ');
    let said = '';
    try {
      said = String(does(words[0] as string, words.slice(1)));
    } catch (error) {
      said = 'threw ' + (error as Error).message;
    }
    say(said);
  };

  say('boot ' + hal.cause + ' ' + hal.marked);
  return {
    serial: function (bytes) {
      for (let i = 0; i < bytes.length; i++) {
        if (bytes[i] !== 10) {
          text += String.fromCharCode(bytes[i] as number);
          continue;
        }
        const line = text;
        text = '';
        hear(line);
      }
    },
    bus: function (bytes) {
      say('heard ' + hexOf(bytes));
    },
    input: function (device, bytes) {
      say('input ' + device + ' ' + hexOf(bytes));
    },
    poll: function () {
      if (faulty) throw new Error('a fault of its own');
      hal.kick();
      return hal.now() + 200;
    },
  };
}
