// A golden interaction, done again by the core in an engine: what its processes were given, and what their
// applications did, was recorded (host/conform/record.ts). Board language.

import { create, step } from '../../../firmware/core/core.ts';
import type { Process, Setup } from '../../../firmware/core/core.ts';
import type { Application, Effect, Emission, Event, Opaque } from '../../../firmware/core/types.ts';
import { decode, encode, encodedBytes } from '../../../firmware/link/cbor.ts';
import type { Part } from './part.ts';

/** What an application did in one call: its result, or the text of what it threw. */
export interface Did {
  /** of `handle`: digest of its state afterwards, and what it sent */
  h?: number;
  out?: Emission[];
  /** of `accept`, `compensate` and `migrate` */
  gave?: unknown;
  threw?: string;
}

/** [pid, setup] makes a process, [pid, event, what its application did] is a step. */
export type Deed = [number, Setup] | [number, Event, Did[]];

/** One deed, as CBOR in hexadecimal digits; '' where there is none: it stands in the program's text, and takes no memory. */
export type Recorded = (number: number) => string;

interface Script {
  did: Did[];
}

function next(script: Script): Did {
  const did = script.did.shift();
  if (!did) throw new Error('the application was not called here');
  if (did.threw !== undefined) throw new Error(did.threw);
  return did;
}

function scripted(pid: number, script: Script): Application {
  return {
    initial: function () {
      return { h: pid };
    },
    handle: function (state: Opaque, _event: Event, out: Emission[]) {
      const first = script.did[0];
      if (first && first.h !== undefined) (state as { h: number }).h = first.h;
      if (first && first.out) for (let i = 0; i < first.out.length; i++) out.push(first.out[i] as Emission);
      next(script);
    },
    accept: function () {
      return next(script).gave as boolean;
    },
    compensate: function () {
      return next(script).gave as Opaque;
    },
    migrate: function () {
      return next(script).gave as never;
    },
    // as of every application on a board (firmware/application.ts)
    save: encode,
    load: decode as Application['load'],
    bytes: encodedBytes,
  };
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

/** Each turn does one deed, and tells what the core made of it: effects of a step, and the process after it. */
export function interaction(name: string, recorded: Recorded): Part {
  return function () {
    const processes: (Process | null)[] = [];
    const apps: Application[] = [];
    const script: Script = { did: [] };
    let at = 0;
    return function () {
      const text = recorded(at);
      if (text === '') return null;
      const deed = decode(unhex(text)) as Deed;
      const pid = deed[0];
      const begin = name + ' ' + at++ + ' p' + pid + ' ';
      if (deed.length === 2) {
        apps[pid] = scripted(pid, script);
        processes[pid] = create(deed[1], apps[pid]);
        return { what: begin + 'create', bytes: encode(processes[pid]) };
      }
      const self = processes[pid] as Process;
      const event = deed[1];
      const effects: Effect[] = [];
      let what = begin + event.kind;
      script.did = deed[2];
      step(self, event, effects, apps[pid] as Application);
      for (let i = 0; i < effects.length; i++) what += (i === 0 ? ': ' : ' ') + (effects[i] as Effect).kind;
      if (script.did.length > 0) what += '; ' + script.did.length + ' calls were not made';
      return { what: what, bytes: encode([effects, self]) };
    };
  };
}
