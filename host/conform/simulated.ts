// Machines for the traces of simulated worlds (host/explore): their applications are no modules, and what their
// processes begin with stands in their shape.

import type { Operation, Pid, Role } from '../../firmware/core/types.ts';
import type { TraceLine } from '../check/types.ts';
import type { Hooks } from '../explore/app.ts';
import { createApp } from '../explore/app.ts';
import type { Shape } from '../explore/shape.ts';
import { processName } from '../explore/shape.ts';
import { copy } from './compare.ts';
import type { Core as WorldCore } from '../explore/world.ts';
import { CORE as WORLD_CORE } from '../explore/world.ts';
import type { Core, Machine, Source } from './conform.ts';
import { CORE } from './conform.ts';

function failsMigrate(line: TraceLine): boolean {
  return (line.effects ?? []).some((effect) => {
    const message = effect.message as { kind: string; ok?: boolean } | undefined;
    return message?.kind === 'migrated' && message.ok === false;
  });
}

/** The core of a world whose trace is to be replayed: what a process hands over, it goes on changing itself. */
export function recorded(core: WorldCore = WORLD_CORE): WorldCore {
  return {
    ...core,
    step(self, event, effects, app) {
      core.step(self, event, effects, app);
      for (const effect of effects) if (effect.message?.kind === 'handover') effect.message = copy(effect.message);
    },
  };
}

/** The first event of a seat, and of no low process. */
function isStage(line: TraceLine): boolean {
  return line.n === 1 && line.event?.kind === 'word' && line.event.word === 'stage';
}

/** `counted`: device inputs are counted from the first on, as in large systems (host/sim). */
export function fromShape(shape: Shape, counted = false, core: Core = CORE): Source {
  const pids = new Map(shape.boards.map((_, pid): [string, Pid] => [processName(shape, pid), pid]));
  const machines = new Map<Pid, Machine>();

  function roleOf(pid: Pid): Role {
    const op = shape.operation;
    if (shape.live[pid >> 1] === pid) return op?.cluster.includes(pid >> 1) ? 'shadow' : 'active';
    return op?.lows.includes(pid) ? 'low' : 'seat';
  }

  /** As the survivors see it. */
  function live(): Pid[] {
    for (const pid of [...machines.keys()].sort((a, b) => a - b)) {
      const self = machines.get(pid)?.self;
      if (self && (self.role === 'active' || self.role === 'shadow')) return self.live;
    }
    return shape.live;
  }

  return {
    // a seat is made anew for each upgrade; where its board lost power, the word that staged it may be lost
    renews: (line) => line.n === 1,
    begin(line) {
      const pid = pids.get(line.process ?? '');
      if (pid === undefined) return { unknown: 'the system has no such process' };
      const hooks: Hooks = { failMigrate: false, passed: () => undefined };
      const app = createApp(shape, pid, hooks);
      const began = !machines.has(pid) && !(isStage(line) && shape.live[pid >> 1] !== pid);
      const role = began ? roleOf(pid) : 'seat';
      const operation: Operation | null = role === 'seat' ? null : copy(shape.operation);
      const setup = {
        rules: shape.rules,
        pid,
        epoch: 0,
        live: role === 'seat' ? live() : shape.live,
        devices: shape.devices.length,
        latest: shape.devices.map((device) => device.latest),
        operation,
        role,
      };
      const self = core.create(setup, app);
      if (counted && role !== 'seat') self.gotI = self.gotI.map(() => 0);
      const machine: Machine = {
        self,
        app,
        before(next) {
          hooks.failMigrate = failsMigrate(next);
        },
      };
      machines.set(pid, machine);
      return machine;
    },
  };
}
