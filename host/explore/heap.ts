// What is due, in order of time; of equal times, in the order in which it was put in.

export interface Due {
  t: number;
  place: number;
}

export class Heap<T extends Due> {
  private items: T[] = [];
  private places = 0;

  get size(): number {
    return this.items.length;
  }

  push(item: T): void {
    item.place = this.places++;
    const items = this.items;
    let at = items.length;
    items.push(item);
    while (at > 0) {
      const up = (at - 1) >> 1;
      const above = items[up] as T;
      if (!before(item, above)) break;
      items[at] = above;
      at = up;
    }
    items[at] = item;
  }

  pop(): T | undefined {
    const items = this.items;
    const first = items[0];
    const last = items.pop();
    if (!first || !last || items.length === 0) return first;
    let at = 0;
    for (;;) {
      let down = 2 * at + 1;
      if (down >= items.length) break;
      if (down + 1 < items.length && before(items[down + 1] as T, items[down] as T)) down++;
      if (!before(items[down] as T, last)) break;
      items[at] = items[down] as T;
      at = down;
    }
    items[at] = last;
    return first;
  }
}

function before(a: Due, b: Due): boolean {
  return a.t < b.t || (a.t === b.t && a.place < b.place);
}
