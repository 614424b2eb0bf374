// The protocol's data. Everything here is plain data: the same value is checkpoint payload, explorer state and
// `status` output. Words are those of PROTOCOL 1.

/** One counter a component of the cluster, in the order of `Operation.cluster`. `[]` outside guarded operation. */
export type Vector = number[];

/** Whatever the application adapter saves and loads; opaque to the core. */
export type Opaque = unknown;

/**
 * A process is a number: `2 * component + side`. The two sides are the two versions of a component that may live
 * side by side; a commit makes the other side the live one (PROTOCOL 5.2).
 */
export type Pid = number;

/** Kinds of cut. `cancel` is a verdict on a start only (PROTOCOL 5.4). */
export type Cut = 'start' | 'commit' | 'recovery' | 'cancel';

export type Role = 'active' | 'low' | 'shadow' | 'seat' | 'stopped';

/**
 * What travels on a channel, the ordered pair of two processes. `n` is the number on the channel, 1, 2, 3…: it is
 * the link's, is never rolled back, and names the message in a trace together with sender and receiver.
 */
export interface Message {
  /** `counter` is of the rule set `paper` only, and so are the fields `sn` and `dirty` */
  kind: 'app' | 'passed' | 'freeze' | 'report' | 'handover' | 'migrated' | 'input' | 'counter';
  n: number;
  epoch: number;
  /** app, passed, report: the sender's validated vector */
  V?: Vector;
  // app
  /** message type: index into the sender's version's table of types */
  type?: number;
  /** channel sequence number, from one component to one component (PROTOCOL 1) */
  q?: number;
  T?: Vector;
  /** boundary index of a low process's boundary message; 0 for all others */
  k?: number;
  data?: Opaque;
  // freeze, report
  cut?: Cut;
  /** the operation meant by a start: hash of the upgrade */
  op?: string;
  why?: string;
  /** report: how each low channel ended, [pid, 'start' | 'commit' | 'recovery' | 'absent'] */
  ends?: [Pid, string][];
  // handover (S_i to the seat of L_i), migrated (its answer)
  state?: Opaque;
  /** held application messages and inputs from outside the cluster, in order of arrival */
  held?: Event[];
  /** pending messages from inside the cluster, in the old format */
  pending?: Event[];
  /** by device: last input taken */
  got?: number[];
  ok?: boolean;
  // input
  device?: number;
  /** number of the device input, 1, 2, 3… for each device */
  i?: number;
  sn?: number;
  dirty?: boolean;
}

/**
 * One event of a process. Messages come as they are, with `from`. Times are in ms on the board's clock; `seed` is
 * the random seed that a handler may use. Both are recorded, so that a replay gives the same effects.
 */
export interface Event {
  kind:
    | Message['kind']
    | 'start' //     first event of a process that begins anew: run the application's `start`
    | 'timer' //     name
    | 'heartbeat' // from, V, and from a low process `acked`, `done`, `sent`
    | 'acked' //     acked: to a low process, of its own messages; it forgets what is validated too
    | 'absent' //    pid, why: a low process is declared dead; at a start, a seat does not answer (PROTOCOL 5)
    | 'fail' //      why: the runtime speaks for its process (flood, hang, schema)
    | 'word' //      word, op: the operator's word
    | 'reborn' //    pid, or device: its board came back without its log (durability off)
    | 'stop' //      a survivor on this board has decided a recovery: a low process stops (PROTOCOL 5.4)
    | 'tick'; //     time passed; only the commit policy looks at it
  t: number;
  seed: number;
  from?: Pid;
  n?: number;
  epoch?: number;
  V?: Vector;
  type?: number;
  q?: number;
  T?: Vector;
  k?: number;
  data?: Opaque;
  cut?: Cut;
  op?: string;
  why?: string;
  ends?: [Pid, string][];
  state?: Opaque;
  held?: Event[];
  pending?: Event[];
  got?: number[];
  ok?: boolean;
  device?: number;
  i?: number;
  name?: string;
  sn?: number;
  dirty?: boolean;
  pid?: Pid;
  word?: 'stage' | 'start' | 'commit' | 'abort';
  /** word `stage`: the operation that a start may name */
  operation?: Operation;
  /** acked: [component, q] acknowledged by its receiver; heartbeat of a low process: and validated (PROTOCOL 4.4) */
  acked?: [number, number][];
  /** heartbeat of a low process: [device, e] done by the driver */
  done?: [number, number][];
  /** heartbeat of a low process: [component, q, digest] sent so far (PROTOCOL 4.5) */
  sent?: [number, number, number][];
}

/** What an application handler emits, in order. */
export interface Emission {
  /** message to a component … */
  to?: number;
  type?: number;
  /** … or output to a device … */
  device?: number;
  data?: Opaque;
  /** … or a timer: armed for the board time `at` (ms), or cancelled where `at` is negative */
  timer?: string;
  at?: number;
}

/** What one step makes happen, in the order in which it must happen. */
export interface Effect {
  kind:
    | 'send' //        to, message
    | 'output' //      device, e, data, T (contaminated or not is T against V), compensated?, tested?
    | 'suppressed' //  a shadow's output went to its log: to or device, q or e
    | 'armed' //       name: a timer was armed
    | 'deliver' //     the application got the event of number `event` (its own `n` in the trace)
    | 'checkpoint' //  before the delivery of this event (bytes)
    | 'journal' //     this event was journaled (bytes)
    | 'reclaim' //     records: how many journal records went; left: how many are left
    | 'trim' //        log entries dropped: count
    | 'tested' //      device, ok, compensated?: an acceptance test was run
    | 'withheld' //    device: an output failed its test again during recovery (PROTOCOL 5.1)
    | 'failure' //     why: what starts a recovery
    | 'error' //       why: a clean process's exception; its effects were discarded
    | 'freeze' //      cut, why: this process froze
    | 'report' //      cut: this process reported
    | 'decide' //      cut, V, why: the verdict of the cut that has just ended, the new `epoch`; of a start, its op
    | 'rollback' //    event: the state is as it was before the event of this number
    | 'replay' //      event: the journaled event of this number is delivered again
    | 'forget' //      event: the journaled or held event of this number is left out
    | 'takeover' //    this shadow is now active: its log follows as sends and outputs
    | 'role' //        role: the process changed its role
    | 'refused'; //    word, why: an operator's word that cannot be followed
  to?: Pid;
  message?: Message;
  device?: number;
  e?: number;
  q?: number;
  data?: Opaque;
  T?: Vector;
  V?: Vector;
  event?: number;
  bytes?: number;
  records?: number;
  left?: number;
  count?: number;
  ok?: boolean;
  compensated?: boolean;
  tested?: boolean;
  why?: string;
  cut?: Cut;
  op?: string;
  epoch?: number;
  role?: Role;
  word?: string;
  name?: string;
}

/** A guarded operation: known to every process from its start to its commit or recovery. */
export interface Operation {
  /** hash of the upgrade */
  id: string;
  /** components of the cluster; their order is the order of the vectors' slots */
  cluster: number[];
  /** low processes; a component that the upgrade removes has none */
  lows: Pid[];
  /** components that the upgrade adds (a low process without a shadow) */
  added: number[];
  policy: Policy;
}

export interface Policy {
  /** time without a failure before an automatic commit, ms; 0 with `validated` 0: only on a word */
  commitAfterMs: number;
  /** validated boundary messages in all before an automatic commit */
  validated: number;
  /** how far new and old version may drift apart in a channel, messages */
  lead: number;
}

export interface Timer {
  name: string;
  at: number;
  T: Vector;
}

/** A suppressed output of a shadow process (PROTOCOL 4.3). */
export interface LogEntry {
  /** component and q of a boundary message … */
  to?: number;
  q?: number;
  type?: number;
  /** … or device and e of an external message */
  device?: number;
  e?: number;
  data: Opaque;
  digest?: number;
}

/** What a rollback takes back (PROTOCOL 3). Arrays are indexed by component or device number. */
export interface State {
  app: Opaque;
  /** by component: last channel sequence number sent */
  q: number[];
  /** by component: last channel sequence number received */
  r: number[];
  /** by device: last output's number */
  e: number[];
  /** by component: digest of the message types sent across the border since the start (PROTOCOL 4.5) */
  digest: number[];
  /** boundary messages sent (low processes) */
  k: number;
  T: Vector;
  timers: Timer[];
  /** suppressed outputs, in order (shadow processes) */
  log: LogEntry[];
}

/** A record of the journal: a checkpoint (`saved`, the state before event `n`) or an event. */
export interface JournalRecord {
  n: number;
  saved?: Opaque;
  event?: Event;
  bytes: number;
}

/** `fresh`: the state is the initial one and wants the event `start` first. */
export interface Migrated {
  state: Opaque;
  pending: Event[];
  timers?: [string, number][];
  fresh?: boolean;
}

/** The application, as the core sees it. Any of these may throw; the core says what follows (PROTOCOL 4.1, 4.2). */
export interface Application {
  initial(): Opaque;
  /** Runs the handler of the event on `state`, in place; appends what it emits to `out`. */
  handle(state: Opaque, event: Event, out: Emission[]): void;
  accept(state: Opaque, device: number, data: Opaque): boolean;
  compensate(state: Opaque, device: number, data: Opaque): Opaque | null;
  /** New state and pending messages in the new format; `timers` as [name, ms from now], absent: the old ones go on. */
  migrate(old: Opaque, pending: Event[]): Migrated;
  /** A copy of plain data that later changes of the original do not reach; `bytes` is its size. */
  save(value: unknown): Opaque;
  load(saved: Opaque): unknown;
  bytes(saved: Opaque): number;
}
