// The counting of a device's driver (PROTOCOL 7): it puts out each number once, whichever version sends it.

export interface Driver {
  /** by component: highest `e` done */
  done: number[];
  /** epoch that the last recovery began, by the first survivor of this board that decided it; 0: none */
  recovered: number;
}

export function createDriver(): Driver {
  return { done: [], recovered: 0 };
}

/** A survivor of this board has decided a recovery, which begins `epoch`: low processes of before are not heard. */
export function closeToLow(driver: Driver, epoch: number): void {
  if (epoch > driver.recovered) driver.recovered = epoch;
}

/**
 * May the output of number `e` be done now? True: it counts as done. Outputs of a `latest` device have no number.
 * `lowEpoch` is the epoch of the low process it comes from; left out for all other processes.
 */
export function admit(driver: Driver, component: number, e: number, latest: boolean, lowEpoch?: number): boolean {
  if (lowEpoch !== undefined && lowEpoch < driver.recovered) return false;
  if (latest) return true;
  while (driver.done.length <= component) driver.done.push(0);
  if (e <= driver.done[component]) return false;
  driver.done[component] = e;
  return true;
}

/** Highest `e` of a component that this driver has done: what a heartbeat reports (PROTOCOL 4.4). */
export function doneBy(driver: Driver, component: number): number {
  return component < driver.done.length ? driver.done[component] : 0;
}

/** A component begins whose outputs are numbered from 1 again. After a restart of the board all of this is new. */
export function renewDriver(driver: Driver, component: number): void {
  if (component < driver.done.length) driver.done[component] = 0;
}
