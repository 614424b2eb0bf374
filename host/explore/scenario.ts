// A run that is written down, step by step: the traces of PROTOCOL 9, regressions, golden files.

import type { Effect, Event, Pid } from '../../firmware/core/types.ts';
import { check } from '../check/check.ts';
import type { Violation } from '../check/types.ts';
import { menuOf } from './app.ts';
import type { Choose } from './moves.ts';
import { settle } from './moves.ts';
import type { Act, Budget, Shape } from './shape.ts';
import type { Core, World } from './world.ts';
import {
  beat,
  createWorld,
  crash,
  deliver,
  give,
  headOf,
  input,
  putOut,
  stage,
  stuck,
  takeable,
  takeInput,
} from './world.ts';

/** Every single act of a system of this shape, and nothing at place 0. */
export function singles(shape: Shape): Act[][] {
  const menu: Act[][] = [[]];
  shape.components.forEach((_, to) => {
    menu.push([{ to }], [{ to, type: 1 }]);
  });
  shape.devices.forEach((_, device) => {
    menu.push([{ device, test: 'pass' }], [{ device, test: 'fail' }], [{ device, test: 'compensate' }]);
  });
  menu.push([{ timer: 'one' }], [{ throws: true }]);
  return menu;
}

export class Scenario {
  readonly world: World;

  constructor(shape: Shape, core?: Core, left: Partial<Budget> = {}) {
    const menu = singles(shape);
    this.world = createWorld({ ...shape, menu: shape.components.map(() => menu) }, left, core);
  }

  private place(pid: Pid, act: Act | undefined): number {
    if (!act) return 0;
    const wanted = JSON.stringify('device' in act ? { device: act.device, test: act.test ?? 'pass' } : act);
    const place = menuOf(this.world.shape, pid).findIndex(
      (acts) => acts.length === 1 && JSON.stringify(acts[0]) === wanted,
    );
    if (place < 0) throw new Error(`not on the menu: ${wanted}`);
    return place;
  }

  /** A device input makes the process do something of its own. */
  does(pid: Pid, act?: Act): Effect[] {
    if (takeable(this.world, pid).length === 0) input(this.world, pid >> 1);
    const [first] = takeable(this.world, pid);
    if (first === undefined) throw new Error(`process ${pid} takes no input now`);
    return takeInput(this.world, pid, first, this.place(pid, act));
  }

  /** The head of the channel is taken; an application message makes its receiver do something. */
  takes(to: Pid, from: Pid, act?: Act): Effect[] {
    return deliver(this.world, `${from}>${to}`, this.place(to, act));
  }

  /** Takes what is on the channel up to and with the first message of this kind. */
  hears(to: Pid, from: Pid, kind: string): Effect[] {
    for (;;) {
      const head = headOf(this.world, `${from}>${to}`);
      if (!head) throw new Error(`no ${kind} from ${from} to ${to}`);
      const effects = deliver(this.world, `${from}>${to}`, 0);
      if (head.kind === kind) return effects;
    }
  }

  /** Takes everything on the channels of this kind only, in the order of the channels. */
  spread(kind: string): void {
    for (let again = true; again; ) {
      again = false;
      for (const key of Object.keys(this.world.state.wires).sort()) {
        const head = headOf(this.world, key);
        if (!head || head.kind !== kind) continue;
        deliver(this.world, key, 0);
        again = true;
      }
    }
  }

  event(pid: Pid, event: Partial<Event> & { kind: Event['kind'] }): Effect[] {
    return give(this.world, pid, { t: 0, seed: 0, ...event });
  }

  fires(pid: Pid, name: string, act?: Act): Effect[] {
    return this.event(pid, { kind: 'timer', name, seed: this.place(pid, act) });
  }

  beats(from: Pid, to: Pid): Effect[] {
    return give(this.world, to, { ...beat(this.world, from), from });
  }

  word(pid: Pid, word: 'start' | 'commit' | 'abort', op = 'u1'): Effect[] {
    return this.event(pid, { kind: 'word', word, op });
  }

  stage(cluster: number[], id = 'u1', only?: Pid[]): void {
    stage(this.world, cluster, id, {}, only);
  }

  /** The board of a process dies; `lost` messages at the end of each channel named go with it. */
  dies(pid: Pid, lost: Record<string, number> = {}): void {
    crash(this.world, pid, (key) => lost[key] ?? 0);
  }

  driver(device: number): void {
    putOut(this.world, device);
  }

  /** Everything under way arrives, and nobody does anything new; channels in order, or as `choose` says. */
  finish(choose: Choose = () => 0): void {
    if (!settle(this.world, (count, why) => (why === 'act' ? 0 : choose(count, why))))
      throw new Error('comes to no rest');
  }

  judge(): Violation[] {
    return check(this.world.lines.slice()).violations.concat(stuck(this.world));
  }
}
