// What the checkers read of a trace, and what they say about it. The types are the checkers' own, and as loose as
// a trace read from a file: they must not lean on the core whose behaviour they judge.

export interface TraceMessage {
  kind: string;
  n?: number;
  epoch?: number;
  q?: number;
  k?: number;
  T?: number[];
  V?: number[];
  ends?: [number, string][];
  held?: TraceEvent[];
  pending?: TraceEvent[];
  got?: number[];
}

export interface TraceEvent extends TraceMessage {
  from?: number;
  device?: number;
  i?: number;
  data?: unknown;
  name?: string;
  pid?: number;
  word?: string;
  why?: string;
  operation?: TraceOperation | null;
}

export interface TraceEffect {
  kind: string;
  to?: number;
  message?: TraceMessage;
  device?: number;
  e?: number;
  q?: number;
  T?: number[];
  V?: number[];
  /** armed: which timer */
  name?: string;
  event?: number;
  bytes?: number;
  records?: number;
  left?: number;
  count?: number;
  ok?: boolean;
  compensated?: boolean;
  why?: string;
  cut?: string;
  /** decide: the operation that a start begins */
  op?: string;
  epoch?: number;
  role?: string;
}

export interface TraceOperation {
  cluster: number[];
  lows: number[];
  added?: number[];
}

export interface TraceNote {
  kind: string;
  /** boot: the board came back with its log, and its processes go on where they were */
  resumed?: boolean;
  /** boot: version of the firmware */
  firmware?: string;
  /** gone: this low process is no more; its board may have others that live on */
  pid?: number;
  // driver
  device?: number | string;
  e?: number;
  component?: number | string;
  done?: boolean;
  /** hold, lost, error: what has happened, for people */
  why?: string;
  /** gap: trace lines that were lost */
  lost?: number;
  // process: one was made here, `pid`; what it began with, for who replays its events
  process?: string;
  role?: string;
  /** hash of the version that it is of */
  plan?: string;
  /** by component: the process that was live, or -1 */
  live?: number[];
  /** CRC-32 of its module's text as it was evaluated */
  crc?: number;
  /** CBOR of {app, timers: [name, ms from now]}: it goes on from these, and not from its initial state */
  saved?: Uint8Array;
}

/** A header (`trace`), a step of a process (`process`) or a note. */
export interface TraceLine {
  v?: number;
  t?: number;
  board?: string;
  // header
  trace?: string;
  processes?: [number, string, string][];
  /** roles at the beginning, where they are not "the first process listed of each component is active" */
  roles?: [number, string][];
  /** the guarded operation that the trace begins in */
  operation?: TraceOperation | null;
  // step
  process?: string;
  epoch?: number;
  n?: number;
  event?: TraceEvent;
  effects?: TraceEffect[];
  // note
  note?: TraceNote;
}

export type Rule =
  | 'trace' // the trace itself is broken: nothing that the others say of it can be trusted
  | 'containment'
  | 'orphans'
  | 'border'
  | 'verdict'
  | 'truth'
  | 'cascade'
  | 'memory'
  | 'progress'
  | 'fifo'
  | 'inputs';

export interface Violation {
  rule: Rule;
  process: string;
  /** number of the process's event; 0 where no event is to blame */
  n: number;
  t: number;
  why: string;
  /** how an unvalidated message got there, from its sender on */
  path?: string[];
}

/** How often each check looked at something: a check that never did has shown nothing. */
export type Tally = Record<string, number>;

export interface Report {
  violations: Violation[];
  counts: Tally;
}

export function count(tally: Tally, what: string, by = 1): void {
  tally[what] = (tally[what] ?? 0) + by;
}
