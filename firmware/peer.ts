// What this board knows of the others: they tell it with each beat, several times a second.

import type { Peer, Runtime } from './state.ts';

export function unknownPeer(): Peer {
  return { life: 0, heardAt: -1, plan: '', op: '', epoch: 0, lowest: 0, pids: [], roundTripMs: 0 };
}

/** Both boards run the same version, or one that this one is about to follow or has just left. */
export function compatible(rt: Runtime, plan: string): boolean {
  if (plan === '') return false;
  return plan === rt.active.hash || (rt.staged !== null && plan === rt.staged.hash) || plan === rt.previous;
}

/** A board that can be talked to. */
export function ready(rt: Runtime, board: number): boolean {
  const peer = rt.peers[board];
  return peer.life > 0 && compatible(rt, peer.plan);
}

/** Boards that a process of the system runs on, this one left out. */
export function needed(rt: Runtime): number[] {
  const out: number[] = [];
  const plan = rt.active.plan;
  for (let c = 0; c < plan.components.length; c++) {
    const entry = plan.components[c];
    if (entry && entry.board !== rt.board && out.indexOf(entry.board) < 0) out.push(entry.board);
  }
  return out;
}
