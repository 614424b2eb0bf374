// The host's end of the serial link to one board: requests that are repeated until they are answered, uploads, and what
// the board tells of itself (trace, log). Line and clock are handed in: a serial port and real time, or a testbed's.

import type { TraceLine } from '../check/types.ts';
import { EXIT, type Exit, Failure } from '../failure.ts';
import type { Image, Progress, Reply } from '../lab.ts';
import {
  crc32,
  createParser,
  decodeHost,
  encodeFrame,
  encodeHost,
  type Frame,
  feed,
  flush,
  KIND_DATA,
  KIND_LOG,
  KIND_REPLY,
  KIND_REQUEST,
  KIND_TRACE,
  type Parser,
  QUIET_MS,
} from './frames.ts';

/** A way to move bytes; what arrives may be split anywhere. */
export interface Line {
  write(bytes: Uint8Array): void;
  onData(fn: (bytes: Uint8Array) => void): void;
  close(): void;
}

export interface Clock {
  /** ms */
  now(): number;
  /** Calls `fn` once after `ms`; the function returned prevents it. */
  after(ms: number, fn: () => void): () => void;
}

export const realClock: Clock = {
  now: () => performance.now(),
  after: (ms, fn) => {
    const timer = setTimeout(fn, ms);
    return () => clearTimeout(timer);
  },
};

/** A request is sent once, and repeated at most so often. */
export const REPEATS_MAX = 3;
/** How long a request waits for its reply if nothing else is said. */
export const REQUEST_MS = 6000;
/** `put` erases a slot (a sector of 4 KB takes some 56 ms, one of 128 KB up to two seconds); `done` reads it. */
export const PUT_MS = 60000;
export const DONE_MS = 30000;
/** Image bytes of one data frame, and those under way at once (2 Mbaud and 17 ms there and back need 3.4 KB). */
export const DATA_BYTES = 1024;
export const WINDOW_BYTES = 4096;
/** No reply to any data frame for so long: all from the offset wanted are sent again. */
export const DATA_MS = 1000;
/** The wait before the first repeat is no longer than this; each next one is twice as long. */
const REPEAT_MS = 1000;
const OFFSET_BYTES = 4;
/** A trace line of more parts than these bytes is given up. */
const TRACE_LINE_MAX = 1 << 20;
/** In the number of a trace line: more parts of it follow. */
const MORE_PARTS = 0x80000000;

const EXITS: Record<string, Exit> = {
  E_REFUSED: EXIT.refused,
  E_QUARANTINE: EXIT.refused,
  E_SPACE: EXIT.refused,
  E_STAGE: EXIT.refused,
  E_EMPTY: EXIT.refused,
  E_BOARD: EXIT.refused,
  E_BUSY: EXIT.busy,
  E_GUARDED: EXIT.busy,
};

export interface LinkOptions {
  /**
   * 24 bits that tell this link's requests from those of the links before it: the upper 8 are the stream of its frames,
   * the lower 16 its first sequence number. Left out: random.
   */
  session?: number;
  dataBytes?: number;
  windowBytes?: number;
  /** How long the line may pause within a frame. One that loses nothing may do so for long, on a busy machine. */
  quietMs?: number;
  /** The board may take so many times longer than others to answer. */
  patience?: number;
}

export interface LinkCounters {
  /** good frames received */
  frames: number;
  /** damaged frames received */
  bad: number;
  /** bytes received that belonged to no frame */
  skipped: number;
  /** requests and data frames sent again */
  resent: number;
  /** replies that nobody waited for any more */
  late: number;
  /** trace lines lost on the way */
  lost: number;
}

interface Waiting {
  reply(reply: Reply): void;
  fail(error: Failure): void;
}

function word(value: unknown, otherwise: string): string {
  return typeof value === 'string' && value !== '' ? value : otherwise;
}

export class BoardLink {
  readonly board: string;
  private readonly line: Line;
  private readonly clock: Clock;
  private readonly parser: Parser = createParser(crc32);
  private readonly stream: number;
  private readonly dataBytes: number;
  private readonly windowBytes: number;
  private readonly quietMs: number;
  private readonly patience: number;
  private sequence: number;
  /** who waits for a reply, by sequence number */
  private readonly waiting = new Map<number, Waiting>();
  /** The board keeps its last reply only, so that one request is under way at a time; uploads too follow each other. */
  private requests: Promise<unknown> = Promise.resolve();
  private uploads: Promise<unknown> = Promise.resolve();
  private readonly traceListeners = new Set<(line: TraceLine) => void>();
  private readonly logListeners = new Set<(text: string) => void>();
  /** number of the next trace line; -1: whichever comes first */
  private nextTrace = -1;
  /** a trace line whose last part has not come */
  private partial: { number: number; parts: Uint8Array[]; bytes: number } | null = null;
  private stopQuiet: (() => void) | null = null;
  private heardBytes = false;
  private closed = false;
  private resent = 0;
  private late = 0;
  private lost = 0;
  private badTrace = 0;

  constructor(board: string, line: Line, clock: Clock = realClock, options: LinkOptions = {}) {
    const session = options.session ?? Math.floor(Math.random() * 2 ** 24);
    this.board = board;
    this.line = line;
    this.clock = clock;
    this.stream = (session >>> 16) & 255;
    this.sequence = session & 0xffff;
    this.dataBytes = options.dataBytes ?? DATA_BYTES;
    this.windowBytes = options.windowBytes ?? WINDOW_BYTES;
    this.quietMs = options.quietMs ?? QUIET_MS;
    this.patience = options.patience ?? 1;
    line.onData((bytes) => this.receive(bytes));
  }

  counters(): LinkCounters {
    return {
      frames: this.parser.frames,
      bad: this.parser.bad + this.badTrace,
      skipped: this.parser.skipped,
      resent: this.resent,
      late: this.late,
      lost: this.lost,
    };
  }

  /** Ends the link and the line; whoever waits gets E_CLOSED. */
  close(): void {
    if (this.closed) return;
    this.closed = true;
    this.stopQuiet?.();
    for (const waiting of [...this.waiting.values()]) waiting.fail(this.closedFailure());
    this.waiting.clear();
    this.line.close();
  }

  /**
   * Asks the board's agent. A request that is not answered is repeated with the same sequence number, by which the
   * board knows it. Throws E_TIMEOUT once `timeoutMs` have passed, or the board's own error.
   */
  request(verb: string, args: Record<string, unknown> = {}, timeoutMs = REQUEST_MS * this.patience): Promise<Reply> {
    return this.enqueue(() => this.ask(this.nextSequence(), verb, args, timeoutMs));
  }

  /** Asks at once who is there, whatever else is under way: the first question to a board that boots. */
  greet(timeoutMs: number): Promise<Reply> {
    return this.ask(this.nextSequence(), 'hello', {}, timeoutMs);
  }

  /** Moves an image to a slot of the board's flash and has the board check and take it. */
  upload(slot: 'active' | 'staged', image: Image, onProgress?: (p: Progress) => void): Promise<Reply> {
    const run = () => this.transfer(slot, image, onProgress);
    const result = this.uploads.then(run, run);
    this.uploads = result.catch(() => undefined);
    return result;
  }

  /**
   * Every trace line from now on, and a note of kind `gap` before a line ahead of which some were lost. Returns a
   * function that ends it. Sending is switched on by the request `trace`.
   */
  onTrace(fn: (line: TraceLine) => void): () => void {
    this.traceListeners.add(fn);
    return () => this.traceListeners.delete(fn);
  }

  onLog(fn: (text: string) => void): () => void {
    this.logListeners.add(fn);
    return () => this.logListeners.delete(fn);
  }

  private nextSequence(): number {
    this.sequence = (this.sequence + 1) & 0xffff;
    return this.sequence;
  }

  private enqueue(run: () => Promise<Reply>): Promise<Reply> {
    const result = this.requests.then(run, run);
    this.requests = result.catch(() => undefined);
    return result;
  }

  private closedFailure(): Failure {
    return new Failure(
      'E_CLOSED',
      EXIT.link,
      `the link to board ${this.board} was closed`,
      'Connect to the board again.',
    );
  }

  private timeoutFailure(what: string, ms: number): Failure {
    let next = 'Check that the board has power, that cable and port are right, and that its firmware is running.';
    if (this.parser.frames > 0) {
      next = 'The board answered before: check that it still has power and is not restarting over and over.';
    } else if (this.heardBytes) {
      next =
        'Bytes arrive, but no frame among them: check the baud rate, and that this port is the link, not a console.';
    }
    const cause = `board ${this.board} did not answer ${what} within ${Math.round(ms)} ms`;
    return new Failure('E_TIMEOUT', EXIT.link, cause, next);
  }

  /** The reply, or the board's error as a Failure. */
  private judge(frame: Frame): Reply | Failure {
    let value: unknown;
    try {
      value = decodeHost(frame.payload);
    } catch {
      value = null;
    }
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      return new Failure(
        'E_PROTOCOL',
        EXIT.boardFault,
        `board ${this.board} sent a reply that is no map`,
        'Flash the board with the firmware of this version.',
      );
    }
    const reply = value as Reply;
    if (reply.error === undefined) return reply;
    const code = word(reply.error, 'E_BOARD');
    const cause = `board ${this.board}: ${word(reply.cause, 'refused without a cause')}`;
    return new Failure(code, EXITS[code] ?? EXIT.boardFault, cause, word(reply.next, ''));
  }

  private ask(sequence: number, verb: string, args: Record<string, unknown>, timeoutMs: number): Promise<Reply> {
    return new Promise((resolve, reject) => {
      if (this.closed) {
        reject(this.closedFailure());
        return;
      }
      const frame = encodeFrame(KIND_REQUEST, this.stream, sequence, encodeHost({ ...args, verb }), crc32);
      const end = this.clock.now() + timeoutMs;
      let wait = Math.min(REPEAT_MS * this.patience, timeoutMs / (2 ** (REPEATS_MAX + 1) - 1));
      let repeats = 0;
      let stop = (): void => undefined;
      const finish = (): void => {
        stop();
        this.waiting.delete(sequence);
      };
      this.waiting.set(sequence, {
        reply: (reply) => {
          finish();
          resolve(reply);
        },
        fail: (error) => {
          finish();
          reject(error);
        },
      });
      const onTime = (): void => {
        if (repeats === REPEATS_MAX) {
          finish();
          reject(this.timeoutFailure(verb, timeoutMs));
          return;
        }
        repeats++;
        this.resent++;
        wait *= 2;
        send();
      };
      const send = (): void => {
        // Armed before the frame is written: a line may answer at once.
        stop = this.clock.after(repeats === REPEATS_MAX ? Math.max(0, end - this.clock.now()) : wait, onTime);
        this.line.write(frame);
      };
      send();
    });
  }

  /**
   * A board that takes a system restarts, and forgets what it has answered: where `done` had to be repeated, it knows of no
   * transfer any more. What it says of itself tells whether it took the image. Throws `error` where it did not.
   */
  private async taken(slot: 'active' | 'staged', hash: string, error: unknown): Promise<Reply> {
    if (!(error instanceof Failure) || error.code !== 'E_TRANSFER') throw error;
    const hello = await this.request('hello');
    const version = (slot === 'active' ? hello.plan : hello.staged) as { hash?: unknown } | null | undefined;
    if (version?.hash !== hash) throw error;
    return { hash };
  }

  /** `put`, the data, `done`; other requests may go between. */
  private async transfer(
    slot: 'active' | 'staged',
    image: Image,
    onProgress: ((p: Progress) => void) | undefined,
  ): Promise<Reply> {
    const { bytes, hash } = image;
    const sequence = this.nextSequence();
    const again = image.again === true;
    const args = { slot, bytes: bytes.length, crc: crc32(bytes, 0, bytes.length, 0), hash, again };
    await this.enqueue(() => this.ask(sequence, 'put', args, PUT_MS));
    if (bytes.length > 0) await this.sendData(sequence, bytes, onProgress);
    const reply = await this.request('done', {}, DONE_MS).catch((error) => this.taken(slot, hash, error));
    if (reply.hash !== hash) {
      throw new Failure(
        'E_IMAGE',
        EXIT.boardFault,
        `board ${this.board} took image ${String(reply.hash)} instead of ${hash}`,
        'Upload the image again.',
      );
    }
    return reply;
  }

  /**
   * The bytes as data frames under the sequence number of their `put`, a window ahead of the offset that the board's
   * replies want. Goes back to that offset when a reply wants it a second time, or when none comes.
   */
  private sendData(sequence: number, bytes: Uint8Array, onProgress?: (p: Progress) => void): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.closed) {
        reject(this.closedFailure());
        return;
      }
      let acknowledged = 0;
      let sent = 0;
      /** end of what was sent at any time: below it a frame is one sent again */
      let furthest = 0;
      let resent = 0;
      /** frames sent that no reply has come for, and replies of old frames that will still want the old offset */
      let unanswered = 0;
      let stale = 0;
      let silences = 0;
      let filling = false;
      let over = false;
      let stop = (): void => undefined;

      const finish = (error: Failure | null): void => {
        if (over) return;
        over = true;
        stop();
        this.waiting.delete(sequence);
        if (error) reject(error);
        else resolve();
      };
      const arm = (): void => {
        stop();
        stop = this.clock.after(DATA_MS * this.patience, () => {
          silences++;
          if (silences > REPEATS_MAX) {
            finish(
              this.timeoutFailure(
                `data at byte ${acknowledged} of ${bytes.length}`,
                silences * DATA_MS * this.patience,
              ),
            );
            return;
          }
          stale = 0;
          sent = acknowledged;
          unanswered = 0;
          arm();
          fill();
        });
      };
      const fill = (): void => {
        // A line that answers at once comes back here from `write`: the loop that is running goes on.
        if (filling) return;
        filling = true;
        try {
          while (!over && sent < bytes.length && sent - acknowledged < this.windowBytes) {
            const end = Math.min(sent + this.dataBytes, bytes.length);
            const payload = new Uint8Array(OFFSET_BYTES + end - sent);
            new DataView(payload.buffer).setUint32(0, sent, true);
            payload.set(bytes.subarray(sent, end), OFFSET_BYTES);
            if (sent < furthest) {
              resent++;
              this.resent++;
            } else furthest = end;
            sent = end;
            unanswered++;
            this.line.write(encodeFrame(KIND_DATA, this.stream, sequence, payload, crc32));
          }
        } finally {
          filling = false;
        }
      };
      this.waiting.set(sequence, {
        fail: finish,
        reply: (reply) => {
          const next = reply.next;
          if (typeof next !== 'number' || !(next >= 0 && next <= furthest)) {
            const cause = `board ${this.board} wants byte ${String(next)} of an upload of ${bytes.length}`;
            finish(new Failure('E_PROTOCOL', EXIT.boardFault, cause, 'Upload the image again.'));
            return;
          }
          if (unanswered > 0) unanswered--;
          if (next > acknowledged) {
            acknowledged = next;
            if (sent < next) sent = next;
            stale = 0;
            silences = 0;
            onProgress?.({ board: this.board, done: next, total: bytes.length, resent });
            if (next === bytes.length) {
              finish(null);
              return;
            }
            arm();
          } else if (stale > 0) {
            stale--;
          } else if (next === acknowledged && sent > acknowledged && unanswered > 0) {
            // The frame at `next` is lost, and those behind it will say so too.
            stale = unanswered - 1;
            sent = acknowledged;
            unanswered = 0;
          }
          fill();
        },
      });
      arm();
      fill();
    });
  }

  private receive(bytes: Uint8Array): void {
    if (this.closed) return;
    this.heardBytes = true;
    this.stopQuiet?.();
    this.stopQuiet = null;
    const frames: Frame[] = [];
    feed(this.parser, bytes, (frame) => frames.push(frame));
    this.armQuiet();
    for (const frame of frames) this.handle(frame);
  }

  /** A frame that lost bytes must not wait for those of the next one. */
  private armQuiet(): void {
    if (this.parser.start === this.parser.end) return;
    this.stopQuiet = this.clock.after(this.quietMs, () => this.broken());
  }

  /** What came so far of a frame will not go on: the line was silent for too long, or the board lost its power. */
  broken(): void {
    this.stopQuiet?.();
    this.stopQuiet = null;
    const frames: Frame[] = [];
    flush(this.parser, (frame) => frames.push(frame));
    for (const frame of frames) this.handle(frame);
  }

  private handle(frame: Frame): void {
    if (frame.kind === KIND_REPLY) {
      const waiting = frame.stream === this.stream ? this.waiting.get(frame.sequence) : undefined;
      if (!waiting) {
        this.late++;
        return;
      }
      const judged = this.judge(frame);
      if (judged instanceof Failure) waiting.fail(judged);
      else waiting.reply(judged);
    } else if (frame.kind === KIND_TRACE) this.takeTrace(frame);
    else if (frame.kind === KIND_LOG) {
      const text = new TextDecoder().decode(frame.payload);
      for (const fn of [...this.logListeners]) fn(text);
    }
  }

  /**
   * A frame of trace: the number of the line (u32, its top bit tells that more parts follow), and CBOR. The sequence
   * number of the frame counts the parts of the line. Without one of its parts a line is lost.
   */
  private takeTrace(frame: Frame): void {
    const { payload, sequence } = frame;
    if (payload.length < OFFSET_BYTES) {
      this.badTrace++;
      return;
    }
    const head = new DataView(payload.buffer, payload.byteOffset, payload.length).getUint32(0, true);
    const number = head % MORE_PARTS;
    const part = payload.subarray(OFFSET_BYTES);
    let line = this.partial;
    this.partial = null;
    if (sequence === 0) line = { number, parts: [], bytes: 0 };
    else if (line === null || line.number !== number || line.parts.length !== sequence) return;
    if (line.bytes + part.length > TRACE_LINE_MAX) {
      this.badTrace++;
      return;
    }
    line.parts.push(part);
    line.bytes += part.length;
    if (head >= MORE_PARTS) this.partial = line;
    else this.takeLine(number, line.parts.length === 1 ? part : Buffer.concat(line.parts));
  }

  /** A board numbers the trace lines it sends from 0 at each boot: a number that is too low means a boot. */
  private takeLine(number: number, bytes: Uint8Array): void {
    let line: TraceLine;
    try {
      line = decodeHost(bytes) as TraceLine;
      if (typeof line !== 'object' || line === null) throw new Error('no trace line');
    } catch {
      // Its number is missing in what follows: a gap there.
      this.badTrace++;
      return;
    }
    const expected = this.nextTrace < 0 ? number : number < this.nextTrace ? 0 : this.nextTrace;
    this.nextTrace = number + 1;
    if (number > expected) {
      const count = number - expected;
      this.lost += count;
      const note = { kind: 'gap', lost: count };
      this.tell({ t: line.t, board: this.board, note } as TraceLine);
    }
    this.tell(line);
  }

  private tell(line: TraceLine): void {
    for (const fn of [...this.traceListeners]) fn(line);
  }
}
