// The application of explored systems: it may do anything on its menu, and keeps a digest of everything its state
// has come from, so that two states of equal digest have the same past.

import type { Application, Emission, Event, Opaque } from '../../firmware/core/types.ts';
import type { Act, Shape } from './shape.ts';

export interface AppState {
  /** digest of all that was handled, in order */
  h: number;
}

export interface AppData {
  h: number;
  test?: 'pass' | 'fail' | 'compensate';
}

/** What an acceptance test or a `migrate` of a run may tell its world. */
export interface Hooks {
  /** `migrate` throws */
  failMigrate: boolean;
  passed(h: number): void;
}

export function mix(a: number, b: number): number {
  let x = Math.imul(a ^ (b + 0x9e3779b9), 0x85ebca6b);
  x ^= x >>> 13;
  x = Math.imul(x, 0xc2b2ae35);
  return (x ^ (x >>> 16)) >>> 0;
}

function text(value: string): number {
  let h = 7;
  for (let i = 0; i < value.length; i++) h = mix(h, value.charCodeAt(i));
  return h;
}

export function menuOf(shape: Shape, pid: number): Act[][] {
  return shape.own[pid] ?? shape.menu[pid >> 1] ?? [[]];
}

/** The seed with which the process's handler does what stands at `place` of its menu, from the state it is in. */
export function seedFor(shape: Shape, pid: number, state: AppState, place: number): number {
  const length = menuOf(shape, pid).length;
  return shape.mixed ? (((place - state.h) % length) + length) % length : place;
}

export function createApp(shape: Shape, pid: number, hooks: Hooks): Application {
  const menu = menuOf(shape, pid);
  return {
    initial: () => ({ h: pid }) satisfies AppState,
    handle(opaque: Opaque, event: Event, out: Emission[]): void {
      const state = opaque as AppState;
      const place = shape.mixed ? (event.seed + state.h) % menu.length : event.seed % menu.length;
      const acts = menu[place] ?? [];
      let h = mix(state.h, text(event.kind + (event.name ?? '')));
      if (event.kind === 'app') h = mix(h, mix((event.from ?? 0) >> 1, (event.data as AppData).h));
      else if (event.kind === 'input') h = mix(h, mix(event.device ?? 0, event.i ?? 0));
      h = mix(h, place);
      state.h = h;
      acts.forEach((act, j) => {
        if ('throws' in act) throw new Error('planned exception');
        const data: AppData = { h: mix(h, j) };
        if ('to' in act) out.push({ to: act.to, type: act.type ?? 0, data });
        else if ('device' in act) out.push({ device: act.device, data: { ...data, test: act.test ?? 'pass' } });
        else out.push({ timer: act.timer, at: event.t + 1 });
      });
    },
    accept(opaque, _device, data): boolean {
      const ok = (data as AppData).test === 'pass';
      if (ok) hooks.passed((opaque as AppState).h);
      return ok;
    },
    compensate(_state, _device, data): Opaque | null {
      const it = data as AppData;
      return it.test === 'compensate' ? { h: it.h, test: 'pass' } : null;
    },
    migrate(old, pending) {
      if (hooks.failMigrate) throw new Error('planned failure');
      if (!old) return { state: { h: pid }, pending, fresh: true };
      return {
        state: { h: mix((old as AppState).h, pid) },
        // in the new format; of which message of the old one it comes is the old version's business
        pending: pending.map(({ kind, t, seed, from, data }) => ({ kind, t, seed, from, data, type: 1, T: [], V: [] })),
      };
    },
    save: (value) => JSON.stringify(value),
    load: (saved) => JSON.parse(saved as string) as unknown,
    bytes: (saved) => (typeof saved === 'string' ? saved.length : 16),
  };
}
