// Progress (PROTOCOL 8): a cut ends in every survivor while all of them are powered and linked.

import type { Tally, TraceLine, Violation } from './types.ts';
import { count } from './types.ts';

interface Standing {
  process: string;
  board: string;
  role: string;
  /** epoch it has decided last; -1: not known yet */
  epoch: number;
  frozen: { n: number; t: number } | null;
}

function isSurvivor(s: Standing): boolean {
  return s.role === 'active' || s.role === 'shadow';
}

class Watch {
  all = new Map<string, Standing>();
  off = new Set<string>();
  /** a survivor lost its state under guard: the guard cannot be kept (PROTOCOL 6), and the cut may hang */
  lost = false;
  newest = -1;

  begin(header: TraceLine): void {
    this.all.clear();
    this.off.clear();
    this.lost = false;
    this.newest = -1;
    const roles = header.roles ? new Map(header.roles) : null;
    const taken = new Set<number>();
    for (const [pid, process, board] of header.processes ?? []) {
      const role = roles ? (roles.get(pid) ?? 'seat') : taken.has(pid >> 1) ? 'seat' : 'active';
      taken.add(pid >> 1);
      this.all.set(process, { process, board, role, epoch: -1, frozen: null });
    }
  }

  note(line: TraceLine): void {
    const board = line.board ?? '';
    if (line.note?.kind === 'off') this.off.add(board);
    if (line.note?.kind !== 'boot') return;
    this.off.delete(board);
    if (line.note.resumed === true) return;
    const guarded = [...this.all.values()].some((s) => s.role === 'low' || s.role === 'shadow');
    for (const s of this.all.values()) {
      if (s.board !== board) continue;
      if (isSurvivor(s) && guarded) this.lost = true;
      s.role = isSurvivor(s) ? 'active' : 'seat';
      s.epoch = -1;
      s.frozen = null;
    }
  }

  step(line: TraceLine, tally: Tally): void {
    const s = this.all.get(line.process ?? '');
    if (!s) return;
    s.board = line.board ?? s.board;
    if (s.epoch < 0 && line.epoch !== undefined) s.epoch = line.epoch;
    for (const effect of line.effects ?? []) {
      if (effect.kind === 'freeze') {
        count(tally, 'freezes');
        s.frozen = { n: line.n ?? 0, t: line.t ?? 0 };
      } else if (effect.kind === 'decide') {
        s.frozen = null;
        s.epoch = effect.epoch ?? s.epoch + 1;
        this.newest = Math.max(this.newest, s.epoch);
      } else if (effect.kind === 'role') s.role = effect.role ?? s.role;
    }
  }
}

export function progress(lines: TraceLine[], tally: Tally = {}): Violation[] {
  const watch = new Watch();
  for (const line of lines) {
    if (line.trace !== undefined) watch.begin(line);
    else if (line.note) watch.note(line);
    else watch.step(line, tally);
  }
  const out: Violation[] = [];
  const survivors = [...watch.all.values()].filter(isSurvivor);
  if (watch.lost || survivors.some((s) => watch.off.has(s.board))) {
    count(tally, 'progress excused: a survivor is off or lost');
    return out;
  }
  for (const s of survivors) {
    let why = '';
    if (s.frozen) why = 'froze, and has not decided by the end of the trace';
    else if (s.epoch < watch.newest) why = `is in epoch ${s.epoch} at the end; others are in epoch ${watch.newest}`;
    if (why) out.push({ rule: 'progress', process: s.process, n: s.frozen?.n ?? 0, t: s.frozen?.t ?? 0, why });
  }
  return out;
}
