// The device bus on one wire that all boards share: frames, and whose turn it is. BUS.md says why it is built as it
// is, and what every byte means; boards/native/line.c does the same in C. Between a testbed and its boards the same
// frames go over a line of each board's own, and nobody waits for a turn.
//
//   0  0x55 0xd3       sync word
//   2  kind<<4|address of the sender
//   3  length          u16, little-endian as all that follows
//   5  header check    low 16 bits of the CRC-32 of bytes 2..4
//   7  payload         its last four bytes are the CRC-32 of those before

/** As `Hal.crc32`. */
export type LineCrc = (bytes: Uint8Array, from: number, to: number, crc: number) => number;
/** `payload` is the receiver's own. */
export type LineHeard = (kind: number, payload: Uint8Array, from: number) => void;

/** A packet of the device bus: it ends with a CRC-32 of its own (PROTOCOL 2.2), and that is the payload's. */
export const LINE_PACKET = 1;
/** Between a testbed and a board alone: length of the device's name u8, name, bytes. */
export const LINE_INPUT = 2;
export const LINE_OUTPUT = 3;

/** Payload, with its CRC-32. */
export const LINE_MAX = 8192;
export const LINE_HEADER = 7;
/** A frame that is still incomplete when the line was silent for so long will never be. */
export const LINE_QUIET_MS = 200;

/** Header alone: nobody had anything to say for long. */
const TURN = 0;
const SYNC_0 = 0x55;
const SYNC_1 = 0xd3;
const BUFFER_BYTES = 256;
/** So many slots of silence, and whoever has the next one sends a header: else clocks would drift out of the slots. */
const TURN_SLOTS = 128;
/** A packet that collided so often is given up: its sender repeats it, if it matters. */
const TRIES = 8;

export interface LineReader {
  crc: LineCrc;
  heard: LineHeard;
  buffer: Uint8Array;
  /** the bytes that wait are buffer[start..end) */
  start: number;
  end: number;
  /** when bytes came last */
  at: number;
  quietMs: number;
  /** what came last was a whole frame, and nothing behind it */
  clean: boolean;
  /** good frames */
  frames: number;
  /** sync words whose header or payload did not check */
  bad: number;
}

/**
 * A packet is taken as it is; payloads of other kinds get their CRC-32 here, and lose it in the reader. `from` is the
 * sender's address on a shared wire.
 */
export function encodeLine(kind: number, payload: Uint8Array, crc: LineCrc, from?: number): Uint8Array {
  const body = payload.length;
  const length = kind > LINE_PACKET ? body + 4 : body;
  if (length > LINE_MAX) throw new Error('payload of ' + length + ' bytes; a frame holds ' + LINE_MAX);
  const out = new Uint8Array(LINE_HEADER + length);
  out[0] = SYNC_0;
  out[1] = SYNC_1;
  out[2] = (kind << 4) | (from as number);
  out[3] = length & 255;
  out[4] = length >>> 8;
  const check = crc(out, 2, 5, 0);
  out[5] = check & 255;
  out[6] = (check >>> 8) & 255;
  if (body > 0) out.set(payload, LINE_HEADER);
  if (length > body) {
    const sum = crc(payload, 0, body, 0);
    for (let i = 0; i < 4; i++) out[LINE_HEADER + body + i] = (sum >>> (8 * i)) & 255;
  }
  return out;
}

export function createLineReader(crc: LineCrc, heard: LineHeard): LineReader {
  return {
    crc: crc,
    heard: heard,
    buffer: new Uint8Array(BUFFER_BYTES),
    start: 0,
    end: 0,
    at: 0,
    quietMs: LINE_QUIET_MS,
    clean: false,
    frames: 0,
    bad: 0,
  };
}

/** Makes the buffer hold `bytes`, and moves what waits to its beginning. */
function makeRoom(reader: LineReader, bytes: number): void {
  const waiting = reader.buffer.subarray(reader.start, reader.end);
  if (bytes > reader.buffer.length) reader.buffer = new Uint8Array(bytes);
  if (waiting.length > 0) reader.buffer.set(waiting, 0);
  reader.end -= reader.start;
  reader.start = 0;
}

/** Takes every frame that is complete in the buffer; a sync word that begins none is passed over. */
function take(reader: LineReader): void {
  while (reader.start < reader.end) {
    const buffer = reader.buffer;
    const start = reader.start;
    const waiting = reader.end - start;
    if (buffer[start] !== SYNC_0) {
      reader.clean = false;
      const next: number = [].indexOf.call(buffer, SYNC_0 as never, start);
      reader.start = next < 0 || next > reader.end ? reader.end : next;
      continue;
    }
    let good = waiting < 2 || buffer[start + 1] === SYNC_1;
    if (good && waiting < LINE_HEADER) return;
    if (good) {
      const from = start + LINE_HEADER;
      const length = buffer[start + 3] | (buffer[start + 4] << 8);
      const kind = buffer[start + 2] >>> 4;
      const check = buffer[start + 5] | (buffer[start + 6] << 8);
      good =
        length <= (kind === TURN ? 0 : LINE_MAX) && (reader.crc(buffer, start + 2, start + 5, 0) & 0xffff) === check;
      if (good && waiting < LINE_HEADER + length) {
        if (LINE_HEADER + length > buffer.length) makeRoom(reader, LINE_HEADER + length);
        return;
      }
      const end = from + length - 4;
      if (good && kind !== TURN) {
        const sum = buffer[end] | (buffer[end + 1] << 8) | (buffer[end + 2] << 16) | (buffer[end + 3] << 24);
        good = length > 3 && (reader.crc(buffer, from, end, 0) | 0) === sum;
      }
      if (good) {
        const to = kind > LINE_PACKET ? end : from + length;
        const payload = new Uint8Array(to - from);
        if (to > from) payload.set(buffer.subarray(from, to), 0);
        reader.start = from + length;
        reader.frames++;
        reader.clean = true;
        reader.heard(kind, payload, buffer[start + 2] & 15);
        continue;
      }
      reader.bad++;
    }
    reader.clean = false;
    reader.start++;
  }
}

/**
 * Takes what came on the line, split anywhere (it may be nothing), and calls `heard` for each whole frame. Bytes of a
 * damaged frame are looked at again: no frame that arrived whole is lost. A frame that lost bytes is given up when the
 * line was silent for `quietMs`; so a reader that waits for the rest of a frame is to be called once more by then.
 */
export function readLine(reader: LineReader, bytes: Uint8Array, nowMs: number): void {
  if (nowMs - reader.at >= reader.quietMs) {
    while (reader.start < reader.end) {
      reader.clean = false;
      reader.start++;
      take(reader);
    }
  }
  const length = bytes.length;
  if (length === 0) return;
  reader.at = nowMs;
  let from = 0;
  while (from < length) {
    if (reader.start > 0) makeRoom(reader, 0);
    let count = reader.buffer.length - reader.end;
    if (count > length - from) count = length - from;
    reader.buffer.set(count === length ? bytes : bytes.subarray(from, from + count), reader.end);
    reader.end += count;
    from += count;
    take(reader);
  }
}

export interface AccessOptions {
  /** 0 to boards - 1; no two boards have the same */
  address: number;
  boards: number;
  /** the same on all boards of a wire; how long it has to be: BUS.md */
  slotMs: number;
  /** of ten bits on the wire */
  byteMs: number;
  /** of packets that wait for their turn; what is too much is dropped */
  queueBytes: number;
  crc: LineCrc;
  /** a packet of another board came */
  packet: (payload: Uint8Array, from: number) => void;
}

export interface Access {
  options: AccessOptions;
  reader: LineReader;
  /** frames that wait, and their bytes */
  queue: Uint8Array[];
  bytes: number;
  /** the frame that is on its way, until it has been heard back or `until` has come */
  frame: Uint8Array | null;
  until: number;
  /** so often the first of the queue collided */
  tries: number;
  /** sender of the last good frame; -1: none was heard since this board began */
  turn: number;
  /** when to call `pollAccess` again at the latest */
  due: number;
  /** packets that were heard back as they were sent; frames that were not; packets given up; packets there was no room for */
  sent: number;
  collided: number;
  lost: number;
  dropped: number;
  /** frames from this board's address that it did not send: another board has the same */
  doubles: number;
}

/** The first of the queue is done with. */
function shift(access: Access): void {
  access.bytes -= (access.queue.shift() as Uint8Array).length;
  access.tries = 0;
}

export function createAccess(options: AccessOptions, nowMs: number): Access {
  const access = {
    options: options,
    queue: [],
    bytes: 0,
    frame: null,
    until: 0,
    tries: 0,
    turn: -1,
    due: nowMs,
    sent: 0,
    collided: 0,
    lost: 0,
    dropped: 0,
    doubles: 0,
  } as unknown as Access;
  access.reader = createLineReader(options.crc, function (kind: number, payload: Uint8Array, from: number): void {
    access.turn = from;
    if (from !== options.address) {
      if (kind === LINE_PACKET) options.packet(payload, from);
    } else if (access.frame) {
      if (access.frame === access.queue[0]) {
        shift(access);
        access.sent++;
      }
      access.frame = null;
    } else access.doubles++;
  });
  access.reader.at = nowMs;
  access.reader.quietMs = options.boards * options.slotMs;
  return access;
}

/** Leaves a packet for this board's next turn. False: there is no room. Call `pollAccess` then, for `due` has changed. */
export function offerAccess(access: Access, packet: Uint8Array): boolean {
  const frame = encodeLine(LINE_PACKET, packet, access.options.crc, access.options.address);
  if (access.bytes + frame.length > access.options.queueBytes) {
    access.dropped++;
    return false;
  }
  access.queue.push(frame);
  access.bytes += frame.length;
  return true;
}

/**
 * Takes what came on the wire (it may be nothing), and returns what to send now, at once and without a gap; null:
 * nothing. To be called whenever something has come, and at `due`.
 */
export function pollAccess(access: Access, bytes: Uint8Array, nowMs: number): Uint8Array | null {
  const options = access.options;
  const boards = options.boards;
  const slot = options.slotMs;
  const reader = access.reader;
  readLine(reader, bytes, nowMs);
  if (access.frame) {
    access.due = access.until;
    if (nowMs < access.until) return null;
    access.collided++;
    if (access.frame === access.queue[0] && ++access.tries === TRIES) {
      shift(access);
      access.lost++;
    }
    access.frame = null;
  }
  // slot k begins (k + 1/2) slots after the last byte; which is the first that is anybody's, and whose it is
  let first = 0;
  let from = access.turn;
  if (from < 0) first = TURN_SLOTS + boards;
  else if (!reader.clean || reader.start < reader.end) first = boards;
  if (first > 0) from = boards - 1;
  if (access.queue.length === 0 && first < TURN_SLOTS) first = TURN_SLOTS;
  // the next one of this board; one whose first quarter is over is too late to be used
  let k = Math.ceil((nowMs - reader.at) / slot - 0.75);
  if (k < first) k = first;
  k += (options.address - from - 1 - k + (k + 17) * boards) % boards;
  access.due = reader.at + (k + 0.5) * slot;
  if (nowMs < access.due) return null;
  const frame = access.queue[0] || encodeLine(TURN, new Uint8Array(0), options.crc, options.address);
  access.frame = frame;
  access.until = nowMs + frame.length * options.byteMs + slot;
  access.due = access.until;
  return frame;
}
