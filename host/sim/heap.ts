// What is due, in order of time; of equal times, in the order in which it was put in. Times and places stand in lists
// of their own: they are compared far more often than what is due is looked at.

export class Heap<T> {
  /** when that which was taken out last was due */
  t = 0;
  private times: number[] = [];
  private places: number[] = [];
  private items: T[] = [];
  private count = 0;

  get size(): number {
    return this.items.length;
  }

  push(t: number, item: T): void {
    const { times, places, items } = this;
    const place = this.count++;
    let at = items.length;
    times.push(t);
    places.push(place);
    items.push(item);
    while (at > 0) {
      const up = (at - 1) >> 1;
      // what was put in before goes first
      if (t >= (times[up] as number)) break;
      this.move(up, at);
      at = up;
    }
    this.put(at, t, place, item);
  }

  pop(): T | undefined {
    const { times, places, items } = this;
    const first = items[0];
    const t = times.pop();
    const place = places.pop();
    const last = items.pop();
    if (first === undefined || t === undefined || place === undefined || last === undefined) return undefined;
    const length = items.length;
    this.t = length === 0 ? t : (times[0] as number);
    if (length === 0) return first;
    let at = 0;
    for (;;) {
      let down = 2 * at + 1;
      if (down >= length) break;
      if (down + 1 < length && this.before(down + 1, times[down] as number, places[down] as number)) down++;
      if (!this.before(down, t, place)) break;
      this.move(down, at);
      at = down;
    }
    this.put(at, t, place, last);
    return first;
  }

  private before(at: number, t: number, place: number): boolean {
    const other = this.times[at] as number;
    return other < t || (other === t && (this.places[at] as number) < place);
  }

  private move(from: number, to: number): void {
    this.times[to] = this.times[from] as number;
    this.places[to] = this.places[from] as number;
    this.items[to] = this.items[from] as T;
  }

  private put(at: number, t: number, place: number, item: T): void {
    this.times[at] = t;
    this.places[at] = place;
    this.items[at] = item;
  }
}
