// Which part of a testbed's trace can be judged. A testbed records as long as it is up: systems are flashed anew, and
// boards lose power and with it what their processes knew. The checkers want one life of every process, from its first
// event on, and every line of it.

import type { TraceLine } from './types.ts';

export interface Part {
  lines: TraceLine[];
  /** why what follows is left out; '' where nothing is */
  until: string;
  /** earlier lives of the whole system that are left out */
  before: number;
}

interface Life {
  process: string;
  from: number;
  to: number;
}

/** A process begins a new life where its events are numbered from 1 again. */
function livesOf(lines: TraceLine[]): Life[] {
  const now = new Map<string, Life>();
  const lives: Life[] = [];
  lines.forEach((line, index) => {
    if (line.process === undefined) return;
    const life = now.get(line.process);
    if (life && line.n !== 1) {
      life.to = index;
      return;
    }
    const fresh = { process: line.process, from: index, to: index };
    now.set(line.process, fresh);
    lives.push(fresh);
  });
  return lives;
}

/** Where systems began: no process that lived before lives on after. The first is the beginning. */
function beginnings(lives: Life[]): number[] {
  const out: number[] = [];
  let end = -1;
  for (const life of lives) {
    if (life.from > end) out.push(life.from);
    end = Math.max(end, life.to);
  }
  return out;
}

function seconds(line: TraceLine | undefined): string {
  return `${((line?.t ?? 0) / 1e6).toFixed(3)} s`;
}

/**
 * How many lines, from `from` on, stand before the first that was lost, and what was; all where none was. A gap shows with
 * its board's next line: what others did because of what was lost may stand before that, so it ends with the last line
 * of that board.
 */
export function beforeLoss(lines: TraceLine[], from = 0): { to: number; until: string } {
  const gap = lines.findIndex((line, index) => index >= from && line.note?.kind === 'gap');
  if (gap < 0) return { to: lines.length, until: '' };
  const { board } = lines[gap] as TraceLine;
  const last = lines.slice(from, gap).findLastIndex((line) => line.board === board);
  return { to: from + last + 1, until: `lines of board ${board} were lost at ${seconds(lines[gap])}` };
}

/** The last system that began, up to the first process that began anew in it, or the first line that was lost. */
export function judged(lines: TraceLine[]): Part {
  const lives = livesOf(lines);
  const begins = beginnings(lives);
  const from = begins[begins.length - 1] ?? 0;
  const header = lines.filter((line) => line.trace !== undefined);
  const before = Math.max(0, begins.length - 1);
  const seen = new Set<string>();
  let to = lines.length;
  let until = '';
  for (const life of lives) {
    if (life.from < from) continue;
    const line = lines[life.from];
    // a seat is made anew for each upgrade; all others go on as long as their board does
    if (seen.has(life.process) && line?.event?.kind !== 'word') {
      until = `${life.process} began anew at ${seconds(line)}: board ${line?.board} had lost what it knew`;
      to = life.from;
      break;
    }
    seen.add(life.process);
  }
  const loss = beforeLoss(lines, from);
  if (loss.until !== '' && loss.to < to) {
    until = loss.until;
    to = loss.to;
  }
  if (before === 0 && until === '') return { lines, until, before };
  return { lines: [...header, ...lines.slice(from, to).filter((line) => line.trace === undefined)], until, before };
}
