// One open-drain wire and the boards on it: bytes take their time, what overlaps is ANDed bit by bit, and one UART at
// each board makes bytes of it again, wrong ones too. Boards notice what comes, and act, later than they should, by up
// to a quarter of a slot each; their clocks differ; power comes and goes. Everything from a seed.

import { type Access, type AccessOptions, LINE_HEADER } from '../hal/line.ts';

export interface LineModule {
  createAccess(options: AccessOptions, nowMs: number): Access;
  offerAccess(access: Access, packet: Uint8Array): boolean;
  pollAccess(access: Access, bytes: Uint8Array, nowMs: number): Uint8Array | null;
}

export interface WireOptions {
  seed: number;
  boards: number;
  baud: number;
  slotUs: number;
  /** how late a board notices a byte at most, as a share of a slot */
  late: number;
  /** and how late it is for its slot */
  busy: number;
  /** how far a clock is off, parts in a million, either way */
  ppm: number;
  queueBytes: number;
  /** keep `steps` */
  record?: boolean;
}

/** A call into one board's access, and what came of it: for the same calls in C. */
export type Step =
  | { board: number; op: 'create'; now: number }
  | { board: number; op: 'offer'; packet: Uint8Array; result: boolean }
  | {
      board: number;
      op: 'poll';
      bytes: Uint8Array;
      now: number;
      result: Uint8Array | null;
      due: number;
      heard: { from: number; packet: Uint8Array }[];
    };

interface Event {
  at: number;
  run: () => void;
  off: boolean;
}

interface Sending {
  board: number;
  start: number;
  bytes: Uint8Array;
  /** where it ends, or power went */
  end: number;
}

export interface WireBoard {
  address: number;
  access: Access | null;
  /** of its current power-on */
  since: number;
  rate: number;
  offset: number;
  fifo: number[];
  /** when its loop comes round next */
  call: number;
  /** packets heard: all; and in the call that runs */
  packets: Set<string>;
  heard: { from: number; packet: Uint8Array }[];
  /** packets that were heard back: when they were handed over, began on the wire, and were known to be through */
  delivered: { offered: number; began: number; at: number; packet: Uint8Array }[];
  /** what waits, in the order of the queue: since when */
  waiting: number[];
  began: number;
  /** packets that its access took, and when */
  offered: { at: number; packet: Uint8Array }[];
  /** destroys bytes of one board's receiver alone */
  deaf: ((byte: number) => number | null) | null;
  sent: number;
  lost: number;
  collided: number;
  dropped: number;
}

function generator(seed: number): () => number {
  let a = seed >>> 0;
  return () => {
    a = (a + 0x6d2b79f5) >>> 0;
    let t = Math.imul(a ^ (a >>> 15), a | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

export class Wire {
  now = 0;
  /** bytes that a single board's receiver took for something else */
  missed = 0;
  readonly boards: WireBoard[] = [];
  readonly steps: Step[] = [];
  /** every transmission that began, for the statistics: who, when, until when */
  readonly log: Sending[] = [];
  private readonly random: () => number;
  private readonly bit: number;
  private events: Event[] = [];
  private sendings: Sending[] = [];
  private edge: Event | null = null;
  /** the receiver looks for a start bit from here on; it is in a byte while `inByte` */
  private from = 0;
  private inByte = false;

  readonly options: WireOptions;
  private readonly line: LineModule;
  private readonly crc: AccessOptions['crc'];

  constructor(line: LineModule, crc: AccessOptions['crc'], options: WireOptions) {
    this.line = line;
    this.crc = crc;
    this.options = options;
    this.random = generator(options.seed);
    this.bit = 1e6 / options.baud;
    for (let address = 0; address < options.boards; address++) {
      this.boards.push({
        address,
        access: null,
        since: 0,
        rate: 1 + ((this.random() * 2 - 1) * options.ppm) / 1e6,
        offset: Math.floor(this.random() * 1e9),
        fifo: [],
        call: Infinity,
        packets: new Set(),
        heard: [],
        offered: [],
        delivered: [],
        waiting: [],
        began: 0,
        deaf: null,
        sent: 0,
        lost: 0,
        collided: 0,
        dropped: 0,
      });
    }
  }

  private add(at: number, run: () => void): Event {
    const event = { at, run, off: false };
    let i = this.events.length;
    while (i > 0 && (this.events[i - 1] as Event).at <= at) i--;
    this.events.splice(i, 0, event);
    return event;
  }

  at(time: number, run: () => void): void {
    this.add(time, run);
  }

  run(until: number): void {
    for (;;) {
      const event = this.events[this.events.length - 1];
      let board: WireBoard | null = null;
      let at = event ? event.at : Infinity;
      for (const one of this.boards) {
        if (one.call >= at) continue;
        at = one.call;
        board = one;
      }
      if (at > until) break;
      this.now = at;
      if (board) {
        board.call = Infinity;
        this.poll(board);
      } else if (event) {
        this.events.pop();
        if (!event.off) event.run();
      }
    }
    this.now = until;
  }

  private clock(board: WireBoard): number {
    return Math.floor(board.offset + this.now * board.rate);
  }

  private jitter(share: number): number {
    return this.random() * share * this.options.slotUs;
  }

  /** `address`: another than it should have. */
  on(index: number, address = index): void {
    const board = this.boards[index] as WireBoard;
    if (board.access) return;
    board.since = this.now;
    board.fifo = [];
    board.waiting = [];
    const now = this.clock(board);
    if (this.options.record) this.steps.push({ board: index, op: 'create', now });
    board.access = this.line.createAccess(
      {
        address,
        boards: this.options.boards,
        slotMs: this.options.slotUs,
        byteMs: Math.ceil(10 * this.bit),
        queueBytes: this.options.queueBytes,
        crc: this.crc,
        packet: (packet, from) => {
          board.packets.add(Buffer.from(packet).toString('hex'));
          board.heard.push({ from, packet });
        },
      },
      now,
    );
    this.callAt(board, this.now);
  }

  off(address: number): void {
    const board = this.boards[address] as WireBoard;
    this.count(board);
    board.access = null;
    board.waiting = [];
    board.call = Infinity;
    for (const sending of this.sendings)
      if (sending.board === address && sending.end > this.now) sending.end = this.now;
  }

  private count(board: WireBoard): void {
    const access = board.access;
    if (!access) return;
    board.sent += access.sent;
    board.lost += access.lost;
    board.collided += access.collided;
    board.dropped += access.dropped;
    access.sent = 0;
    access.lost = 0;
    access.collided = 0;
    access.dropped = 0;
  }

  finish(): void {
    for (const board of this.boards) this.count(board);
  }

  offer(address: number, packet: Uint8Array): boolean {
    const board = this.boards[address] as WireBoard;
    if (!board.access) return false;
    const result = this.line.offerAccess(board.access, packet);
    if (this.options.record) this.steps.push({ board: address, op: 'offer', packet, result });
    if (result) {
      board.offered.push({ at: this.now, packet });
      board.waiting.push(this.now);
    }
    this.callAt(board, this.now + this.jitter(this.options.late));
    return result;
  }

  /** The only call that is planned for a board is the one that comes first. */
  private callAt(board: WireBoard, at: number): void {
    if (at < board.call) board.call = at;
  }

  private poll(board: WireBoard): void {
    if (!board.access) return;
    const bytes = Uint8Array.from(board.fifo);
    board.fifo = [];
    const now = this.clock(board);
    const { sent, lost } = board.access;
    const head = board.access.queue[0];
    board.heard = [];
    const result = this.line.pollAccess(board.access, bytes, now);
    if (board.access.sent + board.access.lost > sent + lost) {
      const offered = board.waiting.shift() ?? 0;
      const packet = (head as Uint8Array).slice(LINE_HEADER);
      if (board.access.sent > sent) board.delivered.push({ offered, began: board.began, at: this.now, packet });
    }
    const due = board.access.due;
    if (this.options.record)
      this.steps.push({
        board: board.address,
        op: 'poll',
        bytes,
        now,
        result: result && result.slice(),
        due,
        heard: board.heard,
      });
    if (result) {
      board.began = this.now;
      this.transmit(board.address, result.slice());
    }
    this.callAt(board, Math.max(this.now, (due - board.offset) / board.rate) + 1 + this.jitter(this.options.busy));
  }

  /** Puts bytes on the wire, from a board or (-1) out of nowhere. */
  transmit(board: number, bytes: Uint8Array): void {
    const sending = { board, start: this.now, bytes, end: this.now + bytes.length * 10 * this.bit };
    this.sendings.push(sending);
    this.log.push(sending);
    if (!this.inByte) this.look();
  }

  /** A level that is pulled low from outside, for so long. */
  short(us: number): void {
    const sending = { board: -1, start: this.now, bytes: new Uint8Array(0), end: this.now + us };
    this.sendings.push(sending);
    if (!this.inByte) this.look();
  }

  private levelOf(sending: Sending, time: number): number {
    if (time < sending.start || time >= sending.end) return 1;
    if (sending.bytes.length === 0) return 0;
    const position = Math.floor((time - sending.start) / this.bit + 1e-6);
    const bit = position % 10;
    if (bit === 0) return 0;
    if (bit === 9) return 1;
    return ((sending.bytes[Math.floor(position / 10)] ?? 255) >> (bit - 1)) & 1;
  }

  private level(time: number): number {
    for (const sending of this.sendings) if (this.levelOf(sending, time) === 0) return 0;
    return 1;
  }

  /** Finds the next falling edge among what is on the wire now, and reads a byte from there. */
  private look(): void {
    if (this.edge) this.edge.off = true;
    this.edge = null;
    this.sendings = this.sendings.filter((sending) => sending.end > this.from);
    let time = this.from;
    let before = this.level(time - this.bit / 64);
    for (;;) {
      if (before === 1 && this.level(time + this.bit / 64) === 0) break;
      before = this.level(time + this.bit / 64);
      let next = Infinity;
      for (const sending of this.sendings) {
        if (sending.end <= time) continue;
        const position = Math.floor((time - sending.start) / this.bit + 1e-6) + 1;
        const boundary = time < sending.start ? sending.start : sending.start + position * this.bit;
        next = Math.min(next, boundary < sending.end && sending.bytes.length > 0 ? boundary : sending.end);
      }
      if (next === Infinity) return;
      time = next;
    }
    const start = time;
    this.edge = this.add(Math.max(start, this.now), () => {
      this.inByte = true;
      this.edge = this.add(start + 9.5 * this.bit, () => this.sample(start));
    });
  }

  private sample(start: number): void {
    let byte = 0;
    for (let i = 0; i < 8; i++) byte |= this.level(start + (i + 1.5) * this.bit) << i;
    this.edge = null;
    this.inByte = false;
    this.from = this.now;
    for (const board of this.boards) {
      if (!board.access) continue;
      const got = board.deaf ? board.deaf(byte) : byte;
      if (got !== byte) this.missed++;
      if (got === null) continue;
      board.fifo.push(got);
      if (board.fifo.length === 1) this.callAt(board, this.now + this.jitter(this.options.late));
    }
    this.look();
  }
}
