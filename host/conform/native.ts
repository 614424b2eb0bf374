// Modules as a board has them: evaluated in a context with nothing in it but what the smallest engine knows, where all
// that they are given is of that context too.

import type { Context } from 'node:vm';
import { Script } from 'node:vm';
import type { Module } from '../../firmware/application.ts';
import { bareContext } from '../testbed/bare.ts';

const COPY = `(function copy(value) {
  if (typeof value !== 'object' || value === null) return value;
  if (value.BYTES_PER_ELEMENT === 1) return new Uint8Array(value);
  var out = Array.isArray(value) ? [] : {};
  for (var name in value) out[name] = copy(value[name]);
  return out;
})`;

/** An engine: what one board's modules share. */
export interface Engine {
  load(text: string): Module;
  /** a copy of plain data, of this engine's own objects */
  copy<T>(value: T): T;
}

type Fn = (...args: never[]) => unknown;

/** Handlers get the event, tests the output, as the engine's own. */
function wrapped<T>(table: T, copy: Engine['copy']): T {
  if (typeof table !== 'object' || table === null) return table;
  const out: Record<string, unknown> = {};
  for (const [name, fn] of Object.entries(table)) {
    if (typeof fn !== 'function') out[name] = fn;
    else out[name] = (state: never, given: never, io: never) => (fn as Fn).call(table as never, state, copy(given), io);
  }
  return out as T;
}

export function createEngine(): Engine {
  const context = bareContext() as Context;
  const copy = new Script(COPY).runInContext(context) as Engine['copy'];
  return {
    copy,
    load(text) {
      const module = new Script(text, { filename: 'component' }).runInContext(context) as Module;
      const { start, migrate } = module;
      const out: Module = { ...module };
      if (module.initial) out.initial = () => module.initial?.();
      if (start) out.start = (state, event, io) => start(state, copy(event), io);
      if (migrate) out.migrate = (old, pending) => migrate(old, copy(pending));
      for (const name of ['on', 'inputs', 'timers', 'accept', 'compensate'] as const) {
        if (module[name]) out[name] = wrapped(module[name], copy) as never;
      }
      return out;
    },
  };
}
