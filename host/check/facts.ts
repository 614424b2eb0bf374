// What the causal engine says of a trace: its steps in causal order, and in each what happened, with what it truly
// depended on. The checks read these; none reads the protocol's own bookkeeping where a fact is to be had.

import type { Sent } from './channels.ts';
import type { Entry, Taken } from './model.ts';
import type { Operation } from './operations.ts';
import type { TraceEvent, TraceLine, TraceMessage } from './types.ts';
import type { History } from './vector.ts';

/** State of a process just after a cut, as far as its channels go. */
export interface CutRecord {
  pid: number;
  life: number;
  component: number;
  role: string;
  epoch: number;
  cut: string;
  /** `fresh`: how many at the end of the list were sent in the new epoch already */
  sent: Map<number, { list: Entry[]; length: number; fresh: number }>;
  taken: Map<number, { list: Taken[]; length: number }>;
  held: Entry[];
}

export type Fact =
  | { kind: 'broken'; why: string }
  | { kind: 'receive'; sent: Sent<Entry> | null; why: string | null }
  | { kind: 'deliver'; event: TraceEvent; n: number; entry: Entry | null; carried: History; last: number }
  | { kind: 'forget'; event: TraceEvent | null; n: number; redone: boolean }
  | { kind: 'undelivered'; event: TraceEvent }
  | {
      kind: 'send';
      to: number;
      message: TraceMessage;
      entry: Entry | null;
      H: History;
      /** the number that the state wants next */
      q: number;
      /** boundary index by the engine's own count; 0: no boundary message */
      k: number;
      /** from a shadow's log at takeover; `logged`: the state's log does hold it */
      resent: boolean;
      logged: boolean;
      why: string | null;
    }
  | {
      kind: 'output';
      role: string;
      device: number;
      e: number;
      /** the number that the state wants */
      expected: number;
      H: History;
      test: 'none' | 'passed' | 'failed' | 'compensated';
      resent: boolean;
      logged: boolean;
      /** a survivor on the board had decided a recovery, and this is a low process's */
      late: boolean;
    }
  | { kind: 'tested'; ok: boolean; compensated: boolean }
  | { kind: 'freeze' }
  | {
      kind: 'decide';
      cut: string;
      /** the operation that a start begins */
      op: string;
      V: History;
      agreed: boolean;
      epoch: number;
      before: number;
      seat: boolean;
      H: History;
    }
  | { kind: 'rollback'; n: number; undone: number[] | null; H: History; from: number }
  | { kind: 'redone'; n: number }
  | { kind: 'recovered'; H: History; held: Entry[] }
  | { kind: 'cut'; record: CutRecord }
  | { kind: 'end'; role: string; H: History; journal: number };

export interface Located {
  fact: Fact;
  /** what passed tests had vouched for just then */
  validated: History;
  /** V* while a process carries out a recovery */
  limit: History | null;
}

export interface Step {
  index: number;
  line: TraceLine;
  pid: number;
  process: string;
  board: string;
  n: number;
  t: number;
  /** role and operation before the step */
  role: string;
  operation: Operation | null;
  /** done again after a power cut, as before: nothing new */
  repeat: boolean;
  facts: Located[];
}

export interface Causality {
  steps: Step[];
  names: Map<number, string>;
}
