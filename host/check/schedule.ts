// The order in which a trace is looked at. Lines of several boards may have been merged by clocks that differ, or
// in order of arrival; a receipt waits here until its send has been looked at. The lines of one board are in order.

import type { TraceLine } from './types.ts';

export interface Visitor {
  /** number of what the line waits for, or null: it can be looked at */
  blocked(line: TraceLine): number | null;
  /** looks at the line; returns what it may have unblocked */
  visit(line: TraceLine): readonly number[];
}

interface Queue {
  items: { line: TraceLine; place: number }[];
  next: number;
}

export function inCausalOrder(lines: TraceLine[], visitor: Visitor): void {
  const queues = new Map<string, Queue>();
  const waiting = new Map<number, Queue[]>();

  const drain = (first: Queue, force: boolean): void => {
    const work = [first];
    let forced = force;
    for (let queue = work.pop(); queue; queue = work.pop()) {
      while (queue.next < queue.items.length) {
        const line = (queue.items[queue.next] as { line: TraceLine }).line;
        const on = forced ? null : visitor.blocked(line);
        forced = false;
        if (on !== null) {
          const list = waiting.get(on) ?? [];
          if (!list.includes(queue)) list.push(queue);
          waiting.set(on, list);
          break;
        }
        queue.next++;
        for (const key of visitor.visit(line)) {
          const woken = waiting.get(key);
          if (!woken) continue;
          waiting.delete(key);
          for (const other of woken) if (other !== queue) work.push(other);
        }
      }
    }
  };

  /** What still waits at the end waits for something that never was: the earliest goes on without. */
  const finish = (): void => {
    for (;;) {
      let earliest: Queue | null = null;
      for (const queue of queues.values()) {
        const head = queue.items[queue.next];
        const best = earliest?.items[earliest.next];
        if (head && (!best || head.place < best.place)) earliest = queue;
      }
      if (!earliest) break;
      drain(earliest, true);
    }
    queues.clear();
    waiting.clear();
  };

  lines.forEach((line, place) => {
    if (line.trace !== undefined) {
      finish();
      visitor.visit(line);
      return;
    }
    const board = line.board ?? line.process ?? '';
    let queue = queues.get(board);
    if (!queue) {
      queue = { items: [], next: 0 };
      queues.set(board, queue);
    }
    const idle = queue.next === queue.items.length;
    queue.items.push({ line, place });
    if (idle) drain(queue, false);
  });
  finish();
}
