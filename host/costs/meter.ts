// What a guarded operation costs, counted from what the cores do before anything fails; and what a cut costs.

import type { Process } from '../../firmware/core/core.ts';
import type { Event, JournalRecord, Pid } from '../../firmware/core/types.ts';
import { encode } from '../../firmware/link/cbor.ts';
import type { TraceLine } from '../check/types.ts';
import type { World } from '../explore/world.ts';

/** What the figures' rule set keeps in place of a journal. */
interface PaperKept {
  checkpoints: { saved?: unknown }[];
  received: { event?: Event }[];
}

const RECORD_BYTES = 32;

export class Meter {
  /** messages from the cluster to active processes */
  boundary = 0;
  app = 0;
  /** bytes of `T` and `V` (under `paper`, of the counter and the dirty bit) in application messages, as CBOR */
  vectorBytes = 0;
  tests = 0;
  checkpoints = 0;
  checkpointBytes = 0;
  records = 0;
  /** notifications of passed tests, and under `paper` of counters */
  passed = 0;
  counters = 0;
  /** markers and reports of the recovery */
  cut = 0;
  /** heartbeats of survivors and of low processes, and the bytes of the protocol in them */
  beats = 0;
  beatBytes = 0;
  lowBeats = 0;
  lowBeatBytes = 0;
  /** by process: most that it kept to be able to roll back */
  readonly peakRecords: number[] = [];
  readonly peakBytes: number[] = [];
  readonly taken: number[] = [];
  private readonly until: number;

  constructor(endMs: number) {
    this.until = endMs * 1000;
  }

  readonly watch = (line: TraceLine, pid: Pid, world: World): void => {
    const before = (line.t ?? 0) < this.until;
    let kept = false;
    for (const effect of line.effects ?? []) {
      if (effect.kind === 'send') this.sent(effect.message as unknown as Event, effect.to as Pid, pid, before, world);
      if (!before) continue;
      if (effect.kind === 'tested' && effect.ok) this.tests++;
      else if (effect.kind === 'checkpoint') {
        kept = true;
        this.checkpoints++;
        this.checkpointBytes += effect.bytes ?? 0;
        this.taken[pid] = (this.taken[pid] ?? 0) + 1;
      } else if (effect.kind === 'journal') {
        kept = true;
        this.records++;
      }
    }
    if (kept) this.keeps(pid, world);
  };

  private sent(message: Event, to: Pid, pid: Pid, before: boolean, world: World): void {
    const { kind } = message;
    if (kind === 'freeze' || kind === 'report') this.cut++;
    if (!before) return;
    if (kind === 'passed') this.passed++;
    else if (kind === 'counter') this.counters++;
    else if (kind === 'app') {
      this.app++;
      const paper = message.T === undefined;
      this.vectorBytes += paper
        ? encode(message.sn ?? 0).length + encode(message.dirty ?? false).length
        : encode(message.T).length + encode(message.V ?? []).length;
      const op = world.shape.operation;
      if (op?.lows.includes(pid) && !op.cluster.includes(to >> 1)) this.boundary++;
    }
  }

  private keeps(pid: Pid, world: World): void {
    const self = world.state.processes[pid] as Process;
    let records = 0;
    let bytes = 0;
    if (self.rules === 'paper') {
      const { checkpoints, received } = self as unknown as PaperKept;
      records = checkpoints.length + received.length;
      for (const { saved } of checkpoints) bytes += String(saved).length;
      for (const { event } of received) bytes += JSON.stringify(event?.data ?? null).length + RECORD_BYTES;
    } else {
      const journal: JournalRecord[] = self.journal;
      records = journal.length;
      bytes = self.journalBytes;
    }
    this.peakRecords[pid] = Math.max(this.peakRecords[pid] ?? 0, records);
    this.peakBytes[pid] = Math.max(this.peakBytes[pid] ?? 0, bytes);
  }

  readonly beat = (event: Event, low: boolean): void => {
    let bytes = encode(event.V ?? []).length;
    if (!low) {
      this.beats++;
      this.beatBytes += bytes;
      return;
    }
    bytes += encode(event.acked ?? []).length + encode(event.done ?? []).length + encode(event.sent ?? []).length;
    this.lowBeats++;
    this.lowBeatBytes += bytes;
  };
}
