// Bases at moments of their own (PROTOCOL 6, the opening at its end): a process's base is taken in some state, whatever
// the process is in the middle of, and every event behind it is a record. A boot goes the way that a board's goes: base
// and records are written and read as flash has them (firmware/entry.ts, wire.ts, cbor.ts), and the core does them again.

import type { Process } from '../../firmware/core/core.ts';
import type { Application, Effect, Event, Pid } from '../../firmware/core/types.ts';
import { packEvent, unpackEvent } from '../../firmware/entry.ts';
import { decode, encode } from '../../firmware/link/cbor.ts';
import type { Hooks } from './app.ts';
import type { Given } from './state-power.ts';
import { machineOf } from './storage.ts';
import type { Mistakes } from './storage.ts';
import type { Core } from './world.ts';

/** What storage holds of a process since a base that was taken at a moment of its own. */
export interface Durable {
  /** the machine of the base, by its number among the process's states */
  base: number;
  /** steps since: a record each */
  log: number[];
  /** as in `Kept`: what the base holds of messages, inputs passed on and outputs, and what has come of the steps since */
  sent: number[][];
  inputs: [Pid, number][];
  outputs: Given[];
  /** steps since that decided a cut */
  decided: number[];
  /** where a boot would not bring back what was, or null */
  differs: string | null;
  /** the process that it would bring back instead, by its number; else 0 */
  instead: number;
}

/** What a base may be taken in the middle of; counted, so that a reader sees what was tried. */
export const MOMENTS = [
  'contaminated',
  'frozen',
  'frozen, with held messages',
  'frozen, after its report',
  'a seat with its handover',
  'a low process',
  'a shadow',
  'with messages under way',
  'with outputs that are not out',
] as const;

/** The same text for the same data, whatever order its parts were written in. */
export function inOrder(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(inOrder);
  if (value === null || typeof value !== 'object') return value;
  const out: Record<string, unknown> = {};
  for (const key of Object.keys(value).sort()) out[key] = inOrder((value as Record<string, unknown>)[key]);
  return out;
}

export function canonical(value: unknown): string {
  return JSON.stringify(inOrder(value));
}

/** What of an event's effects leaves the process, in order. */
export function outward(effects: Effect[]): string {
  return canonical(effects.filter(({ kind }) => kind === 'send' || kind === 'output' || kind === 'decide'));
}

/** An event as its record brings it back; time and seed stand in the record, or follow from its place. */
export function recorded(event: Event): Event {
  const out = unpackEvent(decode(encode(packEvent(event, false))) as unknown[], 0);
  out.t = event.t;
  out.seed = event.seed;
  return out;
}

/** A machine as its base brings it back. */
export function based(self: Process, mistakes: Mistakes): Process {
  return decode(encode(machineOf(self, mistakes))) as Process;
}

/** A step as it was the first time. */
export interface Done {
  event: Event;
  fails: boolean;
  outward: string;
}

/** Restores a base and does the records behind it again: the process, and in words why it is not to be believed. */
export function replayed(
  core: Core,
  base: Process,
  log: Done[],
  app: Application,
  hooks: Hooks,
  mistakes: Mistakes,
): { self: Process; differs: string | null } {
  const self = based(base, mistakes);
  let differs: string | null = null;
  for (const { event, fails, outward: before } of log) {
    const effects: Effect[] = [];
    hooks.failMigrate = fails;
    core.step(self, recorded(event), effects, app);
    if (outward(effects) === before) continue;
    differs ??= `${event.kind} has other effects when it is replayed from a base`;
  }
  return { self, differs };
}
