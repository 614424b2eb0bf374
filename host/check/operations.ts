// Which guarded operations a trace holds: the cluster's components, in the order of the vectors' slots.

import type { TraceLine, TraceOperation } from './types.ts';
import type { History } from './vector.ts';
import { NOTHING } from './vector.ts';

export interface Operation {
  /** component → slot of the vectors */
  slots: Map<number, number>;
  cluster: number[];
  /** components that the upgrade removes, and that it adds: there is none after a commit, or a recovery */
  removed: number[];
  added: number[];
  /** boundary messages sent so far, by slot: counted here, not taken from the protocol */
  sent: number[];
  /** what passed acceptance tests have vouched for so far, by what their processes truly depended on */
  validated: History;
}

export function createOperation(cluster: number[], lows?: number[], added: number[] = []): Operation {
  const slots = new Map<number, number>();
  cluster.forEach((component, slot) => {
    slots.set(component, slot);
  });
  const removed = lows ? cluster.filter((c) => !lows.some((low) => low >> 1 === c)) : [];
  return { slots, cluster, removed, added, sent: cluster.map(() => 0), validated: NOTHING };
}

/**
 * Operations by the epoch they begin. They have to be known before the first process is in them, though the roles
 * that tell who is in the cluster come as each decides. The order of the slots is that of the staged operation;
 * where none was traced, that of the components.
 */
export function findOperations(lines: TraceLine[], pidOf: (process: string) => number): Map<number, Operation> {
  const staged = new Map<string, TraceOperation>();
  const known = new Map<number, TraceOperation>();
  const guessed = new Map<number, Set<number>>();
  for (const line of lines) {
    if (line.process === undefined) continue;
    const operation = line.event?.operation;
    if (operation) staged.set(line.process, operation);
    let epoch = -1;
    for (const effect of line.effects ?? []) {
      if (effect.kind === 'decide') {
        epoch = effect.cut === 'start' ? (effect.epoch ?? -1) : -1;
        const own = staged.get(line.process);
        if (epoch >= 0 && own) known.set(epoch, own);
      } else if (effect.kind === 'role' && epoch >= 0 && (effect.role === 'low' || effect.role === 'shadow')) {
        if (!guessed.has(epoch)) guessed.set(epoch, new Set());
        guessed.get(epoch)?.add(pidOf(line.process) >> 1);
      }
    }
  }
  const out = new Map<number, Operation>();
  for (const [epoch, components] of guessed) {
    out.set(epoch, createOperation([...components].sort((a, b) => a - b)));
  }
  for (const [epoch, { cluster, lows, added }] of known) out.set(epoch, createOperation(cluster, lows, added));
  return out;
}
