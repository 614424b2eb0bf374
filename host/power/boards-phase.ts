// In which phase of an upgrade power goes, as the trace tells it: what a campaign aims by, and counts by.

import type { TraceEffect, TraceLine } from '../check/types.ts';

/** `boot`: the board that loses power has not yet said that it is back from the power cut before. */
export const PHASES = ['idle', 'staging', 'staged', 'start', 'guard', 'recovery', 'commit', 'after', 'boot'] as const;
export type Phase = (typeof PHASES)[number];

/** Kinds of cuts of the protocol. */
export type CutKind = 'start' | 'recovery' | 'commit' | 'cancel';

interface Known {
  board: string;
  /** the cut that it has begun and not ended, and since when, ms */
  frozen: CutKind | null;
  since: number;
  guarded: boolean;
}

export class Phases {
  private readonly processes = new Map<string, Known>();
  private readonly booting = new Set<string>();
  /** what the operator has done last */
  told: 'idle' | 'staging' | 'staged' = 'idle';
  /** highest epoch that anybody has decided to enter, and by which cut */
  epoch = 0;
  decided: CutKind | null = null;
  /** by epoch: what was decided, by everybody who did */
  readonly verdicts = new Map<number, Set<string>>();

  hear(line: TraceLine, now: number): void {
    const board = line.board ?? '';
    if (line.note?.kind === 'off') this.booting.add(board);
    if (line.note?.kind === 'boot') {
      this.booting.delete(board);
      if (line.note.resumed !== true) this.lose(board);
    }
    if (line.process === undefined) return;
    if (line.event?.kind === 'stop') this.processes.delete(line.process);
    for (const effect of line.effects ?? []) this.see(line.process, board, effect, now);
  }

  /** What its processes were in is gone. */
  lose(board: string): void {
    for (const [name, known] of this.processes) if (known.board === board) this.processes.delete(name);
  }

  private see(process: string, board: string, effect: TraceEffect, now: number): void {
    if (effect.kind !== 'freeze' && effect.kind !== 'decide') return;
    const known = this.processes.get(process) ?? { board, frozen: null, since: 0, guarded: false };
    this.processes.set(process, known);
    const cut = (effect.cut ?? null) as CutKind | null;
    if (effect.kind === 'freeze') {
      known.frozen = cut;
      known.since = now;
      return;
    }
    known.frozen = null;
    known.guarded = cut === 'start';
    const epoch = effect.epoch ?? 0;
    const same = this.verdicts.get(epoch) ?? new Set();
    this.verdicts.set(epoch, same.add(cut ?? ''));
    if (epoch <= this.epoch) return;
    this.epoch = epoch;
    this.decided = cut;
    this.told = cut === 'start' || cut === 'cancel' ? 'staged' : 'idle';
  }

  /** The cut that some process is in. */
  cut(): CutKind | null {
    let found: CutKind | null = null;
    for (const { frozen } of this.processes.values()) {
      if (frozen && (found === null || frozen === 'recovery')) found = frozen;
    }
    return found;
  }

  guarded(): boolean {
    return this.decided === 'start';
  }

  /** Had this board something that a power cut at this moment must not take from it? */
  keeps(board: string, now: number): boolean {
    for (const known of this.processes.values()) {
      // what is told in the very call that begins the journal has had no effect yet
      if (known.board === board && (known.guarded || (known.frozen !== null && known.since < now))) return true;
    }
    return false;
  }

  /** Where it stands, for a board that loses power now. */
  of(board: string): Phase {
    if (this.booting.has(board)) return 'boot';
    const cut = this.cut();
    if (cut) return cut === 'cancel' ? 'start' : cut;
    if (this.guarded()) return 'guard';
    if (this.told !== 'idle') return this.told;
    return this.decided ? 'after' : 'idle';
  }
}
