// Where events become durable before their effects leave the board (PROTOCOL 6). This store keeps nothing: it is
// durability `off`. The runtime already honours the order, so that a store on flash can take its place.

import type { Event, Pid } from './core/types.ts';

export interface Store {
  /** Takes the event of number `n` of a process; durable once `commit` has returned. */
  append(pid: Pid, n: number, event: Event): void;
  commit(): void;
}

function ignore(): void {
  return;
}

export function noStore(): Store {
  return { append: ignore, commit: ignore };
}
