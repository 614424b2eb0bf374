// The next upgrade of a run: of some of the components, and it may add one or remove one.

import type { Operation, Pid } from '../../firmware/core/types.ts';
import type { Plan } from './plan.ts';
import type { World } from './world.ts';
import { liveOf } from './world.ts';

export function upgradeOf(w: World, plan: Plan, number: number, random: () => number): Operation | null {
  const live = liveOf(w);
  const places = live.map((_, c) => c);
  const present = places.filter((c) => (live[c] as Pid) >= 0);
  const size = random() < 0.4 ? plan.cluster : 1 + Math.floor(random() * plan.cluster);
  const chosen = new Set<number>();
  // one that there is not yet, or no longer
  const absent = places.filter((c) => (live[c] as Pid) < 0);
  if (absent.length > 0 && random() < 0.3) chosen.add(absent[Math.floor(random() * absent.length)] as number);
  for (let tries = 0; tries < 50 && chosen.size < size; tries++) {
    chosen.add(places[Math.floor(random() * places.length)] as number);
  }
  const cluster = [...chosen].sort((a, b) => a - b);
  const old = cluster.filter((c) => (live[c] as Pid) >= 0);
  if (old.length === 0 || old.length === present.length) return null;
  const lows = cluster.map((c) => ((live[c] as Pid) < 0 ? 2 * c : (live[c] as Pid) ^ 1));
  // one that a whole new side replaces can also be removed, where others stay
  if (old.length > 1 && present.length > 3 && random() < 0.3) {
    lows.splice(lows.indexOf((live[old[0] as number] as Pid) ^ 1), 1);
  }
  const policy =
    random() < 0.5
      ? { commitAfterMs: 100 + Math.floor(random() * 500), validated: Math.floor(random() * 6), lead: 1000 }
      : { commitAfterMs: 0, validated: 0, lead: 1000 };
  return { id: `u${number}`, cluster, lows, added: cluster.filter((c) => (live[c] as Pid) < 0), policy };
}
