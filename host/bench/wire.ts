// One wire that all boards share, for the lockstep testbed: turns, slots and bytes as hal/BUS.md has them (sections 4 and
// 7), without collisions and damage, which test/linewire.ts simulates bit by bit. A test holds the two together.

import { LINE_HEADER } from '../../hal/line.ts';
import type { BusEnd } from '../testbed/lockstep.ts';

export interface WireOptions {
  baud: number;
  slotMs: number;
}

/** A board is as late for its slot as it may be, which is what the figures of BUS.md are for. */
const LATE = 0.25;
/** In this slot whoever has it sends a header, lest the others' clocks run apart. */
const TURN_SLOT = 128;

export class SharedWire {
  private readonly end: BusEnd;
  private readonly boards: string[];
  private readonly options: WireOptions;
  private readonly queues: Uint8Array[][];
  /** when the last byte came, and whose frame it was */
  private silent = 0;
  private last = 0;
  private sending = false;
  /** the plan that counts */
  private planned = 0;
  /** frames: who sent them, when each began, ms, and how long it took */
  readonly frames: { from: string; at: number; ms: number }[] = [];

  constructor(end: BusEnd, boards: string[], options: WireOptions) {
    this.end = end;
    this.boards = boards;
    this.options = options;
    this.queues = boards.map(() => []);
  }

  offer(from: string, bytes: Uint8Array, at: number): void {
    const address = this.boards.indexOf(from);
    this.end.at(at, () => {
      this.queues[address]?.push(bytes);
      this.plan();
    });
  }

  private frameMs(bytes: number): number {
    return ((LINE_HEADER + bytes) * 10_000) / this.options.baud;
  }

  /** When a board may begin next, ms: in the slots of one round or the next it has one that is still to come. */
  private beginOf(address: number, now: number): number {
    const { slotMs } = this.options;
    const boards = this.boards.length;
    const own = (address - this.last - 1 + 2 * boards) % boards;
    const begin = this.silent + (own + 0.5 + LATE) * slotMs;
    const rounds = Math.max(0, Math.ceil((now - begin) / (boards * slotMs)));
    return begin + rounds * boards * slotMs;
  }

  /** Headers that were sent while nobody had anything to say. */
  private keepTime(now: number): void {
    const header = this.frameMs(0);
    const { slotMs } = this.options;
    for (let turn = 0; ; ) {
      turn = this.silent + (TURN_SLOT + 0.5 + LATE) * slotMs + header;
      if (turn > now) return;
      this.silent = turn;
      this.last = (this.last + 1 + TURN_SLOT) % this.boards.length;
    }
  }

  private plan(): void {
    if (this.sending) return;
    const now = this.end.now();
    this.keepTime(now);
    let first = -1;
    let begin = Number.POSITIVE_INFINITY;
    this.queues.forEach((queue, address) => {
      if (queue.length === 0) return;
      const own = this.beginOf(address, now);
      if (own < begin) {
        begin = own;
        first = address;
      }
    });
    if (first < 0) return;
    const planned = ++this.planned;
    this.end.at(begin, () => {
      if (planned === this.planned && !this.sending) this.send(first);
    });
  }

  private send(address: number): void {
    const bytes = this.queues[address]?.shift();
    if (!bytes) return;
    this.sending = true;
    const ms = this.frameMs(bytes.length);
    this.frames.push({ from: this.boards[address] ?? '', at: this.end.now(), ms });
    this.end.at(this.end.now() + ms, () => {
      this.sending = false;
      this.silent = this.end.now();
      this.last = address;
      this.end.deliver(this.boards[address] ?? '', bytes);
      this.plan();
    });
  }
}
