// States of an explored system as short rows of numbers: each process, each queue before a process, each driver is
// kept once and named by its number, so that going from a state to the next one copies a row and looks things up. All
// rows are kept whole: two states are one only where every number agrees, never because a hash does.

const CHUNK_BITS = 16;
const CHUNK = 1 << CHUNK_BITS;

/** Rows of `width` numbers, each once, in the order in which they came; where each came from. */
export class Rows {
  readonly width: number;
  count = 0;
  private readonly chunks: Int32Array[] = [];
  private readonly parents: Int32Array[] = [];
  private readonly choices: Uint16Array[] = [];
  private readonly hashes: Int32Array[] = [];
  private table = new Int32Array(1 << 16);

  constructor(width: number) {
    this.width = width;
  }

  private hash(row: Int32Array): number {
    let h = 0x9e3779b9 | 0;
    for (let i = 0; i < this.width; i++) {
      h = Math.imul(h ^ (row[i] as number), 0x85ebca6b);
      h ^= h >>> 15;
    }
    h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
    return h ^ (h >>> 16);
  }

  private same(index: number, row: Int32Array): boolean {
    const chunk = this.chunks[index >> CHUNK_BITS] as Int32Array;
    const at = (index & (CHUNK - 1)) * this.width;
    for (let i = 0; i < this.width; i++) if (chunk[at + i] !== row[i]) return false;
    return true;
  }

  /** The row's place, or -1 less it where it was there before. */
  add(row: Int32Array, parent: number, choice: number): number {
    if (this.count * 2 >= this.table.length) this.grow();
    const h = this.hash(row);
    const mask = this.table.length - 1;
    let at = h & mask;
    for (let seen = this.table[at] as number; seen !== 0; seen = this.table[at] as number) {
      const index = seen - 1;
      const known = (this.hashes[index >> CHUNK_BITS] as Int32Array)[index & (CHUNK - 1)];
      if (known === h && this.same(index, row)) return -1 - index;
      at = (at + 1) & mask;
    }
    const index = this.count++;
    const c = index >> CHUNK_BITS;
    if (c === this.chunks.length) {
      this.chunks.push(new Int32Array(CHUNK * this.width));
      this.parents.push(new Int32Array(CHUNK));
      this.choices.push(new Uint16Array(CHUNK));
      this.hashes.push(new Int32Array(CHUNK));
    }
    const place = index & (CHUNK - 1);
    (this.chunks[c] as Int32Array).set(row, place * this.width);
    (this.parents[c] as Int32Array)[place] = parent;
    (this.choices[c] as Uint16Array)[place] = choice;
    (this.hashes[c] as Int32Array)[place] = h;
    this.table[at] = index + 1;
    return index;
  }

  private grow(): void {
    const table = new Int32Array(this.table.length * 2);
    const mask = table.length - 1;
    for (let index = 0; index < this.count; index++) {
      let at = ((this.hashes[index >> CHUNK_BITS] as Int32Array)[index & (CHUNK - 1)] as number) & mask;
      while (table[at] !== 0) at = (at + 1) & mask;
      table[at] = index + 1;
    }
    this.table = table;
  }

  read(index: number, into: Int32Array): void {
    const chunk = this.chunks[index >> CHUNK_BITS] as Int32Array;
    const at = (index & (CHUNK - 1)) * this.width;
    for (let i = 0; i < this.width; i++) into[i] = chunk[at + i] as number;
  }

  parent(index: number): number {
    return (this.parents[index >> CHUNK_BITS] as Int32Array)[index & (CHUNK - 1)] as number;
  }

  choice(index: number): number {
    return (this.choices[index >> CHUNK_BITS] as Uint16Array)[index & (CHUNK - 1)] as number;
  }

  get bytes(): number {
    return this.chunks.length * CHUNK * (this.width * 4 + 10) + this.table.length * 4;
  }
}

/** Numbers by pairs of numbers, without an object for any of them. 0 is none. */
export class Pairs {
  private size = 0;
  private keys = new Int32Array(1 << 13);
  private values = new Int32Array(1 << 12);

  private place(a: number, b: number): number {
    const { keys } = this;
    const mask = this.values.length - 1;
    let h = Math.imul(a, 0x85ebca6b) ^ Math.imul(b, 0xc2b2ae35);
    h = Math.imul(h ^ (h >>> 15), 0x27d4eb2f);
    let at = (h ^ (h >>> 13)) & mask;
    while (this.values[at] !== 0 && (keys[2 * at] !== a || keys[2 * at + 1] !== b)) at = (at + 1) & mask;
    return at;
  }

  get(a: number, b: number): number {
    return this.values[this.place(a, b)] as number;
  }

  set(a: number, b: number, value: number): void {
    if (this.size * 2 >= this.values.length) this.grow();
    const at = this.place(a, b);
    if (this.values[at] === 0) this.size++;
    this.keys[2 * at] = a;
    this.keys[2 * at + 1] = b;
    this.values[at] = value;
  }

  private grow(): void {
    const { keys, values } = this;
    this.keys = new Int32Array(keys.length * 2);
    this.values = new Int32Array(values.length * 2);
    for (let i = 0; i < values.length; i++) {
      if (values[i] === 0) continue;
      const at = this.place(keys[2 * i] as number, keys[2 * i + 1] as number);
      this.keys[2 * at] = keys[2 * i] as number;
      this.keys[2 * at + 1] = keys[2 * i + 1] as number;
      this.values[at] = values[i] as number;
    }
  }
}
