// The golden interactions, done again by the core in an engine: what its processes were given, and what their
// applications did, was recorded (host/conform/record.ts). Board language.

import { create, step } from '../../../firmware/core/core.ts';
import type { Process, Setup } from '../../../firmware/core/core.ts';
import type { Application, Effect, Emission, Event, Opaque } from '../../../firmware/core/types.ts';
import { decode, encode, encodedBytes } from '../../../firmware/link/cbor.ts';

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

export interface Golden {
  name: string;
  deeds: Deed[];
}

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

export interface Player {
  golden: Golden;
  at: number;
  processes: (Process | null)[];
  apps: Application[];
  script: Script;
}

export function createPlayer(golden: Golden): Player {
  return { golden: golden, at: 0, processes: [], apps: [], script: { did: [] } };
}

/** Does the next deed; returns what the core made of it: effects of a step, and the process after it. */
export function play(player: Player): { what: string; bytes: Uint8Array } {
  const deed = player.golden.deeds[player.at++] as Deed;
  const pid = deed[0];
  if (deed.length === 2) {
    const app = scripted(pid, player.script);
    player.apps[pid] = app;
    const self = create(deed[1] as Setup, app);
    player.processes[pid] = self;
    return { what: 'p' + pid + ' create', bytes: encode(self) };
  }
  const self = player.processes[pid] as Process;
  const event = deed[1] as Event;
  const effects: Effect[] = [];
  let what = 'p' + pid + ' ' + event.kind;
  player.script.did = deed[2].slice(0);
  step(self, event, effects, player.apps[pid] as Application);
  for (let i = 0; i < effects.length; i++) what += (i === 0 ? ': ' : ' ') + (effects[i] as Effect).kind;
  if (player.script.did.length > 0) what += '; ' + player.script.did.length + ' calls were not made';
  return { what: what, bytes: encode([effects, self]) };
}
