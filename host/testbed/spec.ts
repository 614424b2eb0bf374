// What the daemon tells the process of a virtual board when it starts it, and what the process tells by how it ends.

/** Why a board boots, as `hal.cause` has it. */
export type Cause = 'power' | 'watchdog' | 'fault' | 'reset';

export interface BoardSpec {
  name: string;
  bundle: string;
  flashFile: string;
  /** memory that a reset leaves alone: a file that is removed where power was cut */
  keptFile: string;
  /** why it boots (hal.ts) */
  cause: Cause;
  flash: { sectorBytes: number; sectors: number; programBytes: number };
  memoryBytes: number;
  interrupts: boolean;
  seed: number;
  /** how many boots of this testbed it has had, this one included */
  boot: number;
  speed: number;
  /** beginning of the lab's time on the machine's monotonic clock, ns (a bigint as text) */
  epochNs: string;
}

export const BOARD_EXIT = {
  /** hal.reset: boot again */
  reset: 64,
  /** the firmware threw: boot again, but not for ever */
  crash: 65,
  /** it cannot run at all, and another boot would change nothing */
  fault: 67,
  /** the daemon is gone */
  orphan: 66,
  /** its watchdog was not kicked: boot again; of a virtual board, the daemon is the watchdog */
  watchdog: 68,
} as const;
