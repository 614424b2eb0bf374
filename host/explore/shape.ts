// What a small system looks like before anything happens in it: components, boards, devices, what its application
// may do, and how much of what may happen.

import type { Operation, Pid, Policy } from '../../firmware/core/types.ts';

/** One thing that a handler may do. The menu of a component lists what its handlers may do, of which one is chosen. */
export type Act =
  | { to: number; type?: number }
  | { device: number; test?: 'pass' | 'fail' | 'compensate' }
  | { timer: string }
  | { throws: true };

export interface DeviceShape {
  board: string;
  /** component that reads it, or -1 */
  reads: number;
  latest: boolean;
}

export interface Shape {
  rules: 'corrected' | 'paper';
  /** names of the components */
  components: string[];
  /** by process: its board */
  boards: string[];
  /** by component: the process that is live at the beginning, -1 where an upgrade will add it */
  live: Pid[];
  devices: DeviceShape[];
  /** the guarded operation that the run begins in; null: it begins before a start */
  operation: Operation | null;
  /** by component: what one of its handlers may do */
  menu: Act[][][];
  /** by process: a menu of its own, where old and new version behave differently */
  own: Record<number, Act[][]>;
  /** what a handler does depends on what its process received before, so that a re-execution may differ */
  mixed: boolean;
  /** drivers do outputs at once, as they get them */
  prompt: boolean;
  /** any board may lose power, at any time and any number of times, and comes back with its log */
  power: boolean;
}

export const NO_POLICY: Policy = { commitAfterMs: 0, validated: 0, lead: 1000 };

/** How often each thing may still happen. What is not listed has no bound of its own. */
export interface Budget {
  inputs: number;
  timers: number;
  beats: number;
  crashes: number;
  /** false verdicts: a low process that lives is declared dead */
  verdicts: number;
  /** the runtime speaks for a low process */
  fails: number;
  aborts: number;
  commits: number;
  starts: number;
  stages: number;
  ticks: number;
  /** a `migrate` that throws */
  migrates: number;
  /** with mistake 15 planted: the power goes between the effects of an event and its record */
  lapses: number;
  /** bases of processes that are written at moments of their own, where boards lose power */
  bases: number;
  /** handlers that do something; after that they do what stands first on their menu */
  acts: number;
}

export const NOTHING_LEFT: Budget = {
  inputs: 0,
  timers: 0,
  beats: 0,
  crashes: 0,
  verdicts: 0,
  fails: 0,
  aborts: 0,
  commits: 0,
  starts: 0,
  stages: 0,
  ticks: 0,
  migrates: 0,
  lapses: 0,
  bases: 0,
  acts: 1_000_000_000,
};

/** Components 0 … lows-1 are the cluster, the others are active; every component has a device to read, of its number. */
export function shapeOf(lows: number, actives: number, change: Partial<Shape> = {}): Shape {
  const all = lows + actives;
  const components: string[] = [];
  const boards: string[] = [];
  const devices: DeviceShape[] = [];
  const live: Pid[] = [];
  const cluster: number[] = [];
  const menu: Act[][][] = [];
  for (let c = 0; c < all; c++) {
    components.push(c < lows ? `low${lows > 1 ? c + 1 : ''}` : String.fromCharCode(97 + c - lows));
    boards.push(`board${c}`, c < lows ? `spare${c}` : `board${c}`);
    devices.push({ board: `board${c}`, reads: c, latest: false });
    live.push(2 * c);
    if (c < lows) cluster.push(c);
    menu.push([[]]);
  }
  return {
    rules: 'corrected',
    components,
    boards,
    live,
    devices,
    operation: { id: 'u1', cluster, lows: cluster.map((c) => 2 * c + 1), added: [], policy: NO_POLICY },
    menu,
    own: {},
    mixed: false,
    prompt: true,
    power: false,
    ...change,
  };
}

export function processName(shape: Shape, pid: Pid): string {
  return `${shape.components[pid >> 1]}/${pid & 1}`;
}
