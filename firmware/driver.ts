// What the driver of a device remembers (PROTOCOL 7): for each component the highest `e` it has done. It drops every
// output that is not above it, whoever sends it: low, shadow, or an active process after a rollback.

export interface Driver {
  /** by component: highest `e` done; missing: none */
  done: number[];
}

export function createDriver(): Driver {
  return { done: [] };
}

/**
 * True where the output numbered `e` of a component is to be done now, and counts it as done. Outputs of a device
 * declared `latest` are set-points and not numbered: the newest is always done.
 */
export function admit(driver: Driver, component: number, e: number, latest: boolean): boolean {
  if (latest) return true;
  while (driver.done.length <= component) driver.done.push(0);
  if (e <= driver.done[component]) return false;
  driver.done[component] = e;
  return true;
}

/** The component's process begins anew after a restart of its board: its outputs are numbered from 1 again. */
export function renewDriver(driver: Driver, component: number): void {
  if (component < driver.done.length) driver.done[component] = 0;
}
