// What will happen, in order of time; what happens at one time, in the order in which it was asked for.

interface Item {
  t: number;
  order: number;
  run: () => void;
}

/** A binary heap. */
export class EventQueue {
  private heap: Item[] = [];
  private order = 0;

  get size(): number {
    return this.heap.length;
  }

  /** Time of the next event; Infinity: there is none. */
  get next(): number {
    return this.heap[0]?.t ?? Number.POSITIVE_INFINITY;
  }

  add(t: number, run: () => void): void {
    const item = { t, order: ++this.order, run };
    const heap = this.heap;
    let at = heap.length;
    heap.push(item);
    while (at > 0) {
      const up = (at - 1) >> 1;
      const parent = heap[up] as Item;
      if (!before(item, parent)) break;
      heap[at] = parent;
      at = up;
    }
    heap[at] = item;
  }

  take(): (() => void) | null {
    const heap = this.heap;
    const first = heap[0];
    const last = heap.pop();
    if (!first || !last) return null;
    if (heap.length === 0) return first.run;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && before(heap[child + 1] as Item, heap[child] as Item)) child++;
      if (!before(heap[child] as Item, last)) break;
      heap[at] = heap[child] as Item;
      at = child;
    }
    heap[at] = last;
    return first.run;
  }
}

function before(a: Item, b: Item): boolean {
  return a.t < b.t || (a.t === b.t && a.order < b.order);
}
