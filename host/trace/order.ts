// The order in which a trace is drawn: by time, but never a receipt before its send. The boards' clocks may differ
// by a little, and lines arrive when they arrive; the lines of one board are in order.

import type { TraceEvent, TraceLine } from '../check/types.ts';

/** Names a message on its channel; null for what no process sent as a numbered message. */
export function receiptKey(event: TraceEvent | undefined, pid: number): string | null {
  if (!event || event.from === undefined || !event.n || event.kind === 'input') return null;
  return `${event.from}>${pid} ${event.n} ${event.epoch ?? ''}`;
}

export function inTimeOrder(lines: TraceLine[], pidOf: (process: string) => number): TraceLine[] {
  const queues = new Map<string, { lines: TraceLine[]; next: number }>();
  const unsent = new Map<string, number>();
  const sendKeys = (line: TraceLine, visit: (key: string) => void): void => {
    if (!line.process) return;
    const from = pidOf(line.process);
    for (const effect of line.effects ?? []) {
      const message = effect.kind === 'send' ? effect.message : undefined;
      if (message?.n) visit(`${from}>${effect.to} ${message.n} ${message.epoch ?? ''}`);
    }
  };
  for (const line of lines) {
    if (line.trace !== undefined) continue;
    const board = line.board ?? line.process ?? '';
    const queue = queues.get(board) ?? { lines: [], next: 0 };
    queue.lines.push(line);
    queues.set(board, queue);
    sendKeys(line, (key) => unsent.set(key, (unsent.get(key) ?? 0) + 1));
  }
  const sent = new Set<string>();
  const blocked = (line: TraceLine): boolean => {
    const key = line.process ? receiptKey(line.event, pidOf(line.process)) : null;
    return key !== null && !sent.has(key) && unsent.has(key);
  };
  const out: TraceLine[] = [];
  // what happened at once is in the order of the boards' names, whatever the order of the lines
  const names = [...queues.keys()].sort();
  const all = names.map((name) => queues.get(name) as { lines: TraceLine[]; next: number });
  for (;;) {
    let best: (typeof all)[number] | null = null;
    let bestBlocked = true;
    for (const queue of all) {
      const head = queue.lines[queue.next];
      if (!head) continue;
      const isBlocked = blocked(head);
      const rival = best?.lines[best.next];
      if (!rival || (bestBlocked && !isBlocked) || (bestBlocked === isBlocked && (head.t ?? 0) < (rival.t ?? 0))) {
        best = queue;
        bestBlocked = isBlocked;
      }
    }
    if (!best) return out;
    const line = best.lines[best.next++] as TraceLine;
    sendKeys(line, (key) => sent.add(key));
    out.push(line);
  }
}
