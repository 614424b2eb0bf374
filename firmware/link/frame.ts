// Frames on the serial line between a board and its host. A slow interpreter cannot look at each byte: nothing is
// stuffed, the payload is taken as it comes, and only after damage are bytes searched for the next sync word.
//
//   0  0x55 0xd5       sync word
//   2  version<<4|kind
//   3  stream
//   4  sequence        u16, little-endian as all that follows
//   6  length          u16, of the payload
//   8  header check    low 16 bits of the CRC-32 of bytes 2..7
//  10  payload
//   …  CRC-32          u32, of the payload

import type { Crc } from './crc.ts';

export const KIND_REQUEST = 1;
export const KIND_REPLY = 2;
export const KIND_TRACE = 3;
export const KIND_DATA = 4;
export const KIND_LOG = 5;

export const PAYLOAD_MAX = 4096;
export const HEADER_BYTES = 10;
export const TRAILER_BYTES = 4;
/** The parser's buffer never grows beyond this. */
export const FRAME_MAX = HEADER_BYTES + PAYLOAD_MAX + TRAILER_BYTES;
/** A frame that is still incomplete when the line was silent for so long will never be: call `flush`. */
export const QUIET_MS = 200;

const VERSION = 1;
const SYNC_0 = 0x55;
const SYNC_1 = 0xd5;
const BUFFER_BYTES = 256;

export interface Frame {
  kind: number;
  stream: number;
  sequence: number;
  /** the receiver's own */
  payload: Uint8Array;
}

export interface Parser {
  crc: Crc;
  buffer: Uint8Array;
  /** the bytes that wait are buffer[start..end) */
  start: number;
  end: number;
  /** good frames */
  frames: number;
  /** sync words whose header or payload did not check */
  bad: number;
  /** bytes that belonged to no good frame */
  skipped: number;
}

export function encodeFrame(kind: number, stream: number, sequence: number, payload: Uint8Array, crc: Crc): Uint8Array {
  const length = payload.length;
  if (length > PAYLOAD_MAX) throw new Error('payload of ' + length + ' bytes; a frame holds ' + PAYLOAD_MAX);
  const out = new Uint8Array(HEADER_BYTES + length + TRAILER_BYTES);
  out[0] = SYNC_0;
  out[1] = SYNC_1;
  out[2] = (VERSION << 4) | kind;
  out[3] = stream;
  out[4] = sequence & 255;
  out[5] = (sequence >>> 8) & 255;
  out[6] = length & 255;
  out[7] = length >>> 8;
  const check = crc(out, 2, 8, 0);
  out[8] = check & 255;
  out[9] = (check >>> 8) & 255;
  out.set(payload, HEADER_BYTES);
  const at = HEADER_BYTES + length;
  const sum = crc(out, HEADER_BYTES, at, 0);
  out[at] = sum & 255;
  out[at + 1] = (sum >>> 8) & 255;
  out[at + 2] = (sum >>> 16) & 255;
  out[at + 3] = (sum >>> 24) & 255;
  return out;
}

export function createParser(crc: Crc): Parser {
  return { crc: crc, buffer: new Uint8Array(BUFFER_BYTES), start: 0, end: 0, frames: 0, bad: 0, skipped: 0 };
}

/** Moves `start` on to the next byte that may begin a sync word, by the engine's own search. */
function seek(parser: Parser): void {
  let at: number = [].indexOf.call(parser.buffer, SYNC_0 as never, parser.start);
  if (at < 0 || at > parser.end) at = parser.end;
  parser.skipped += at - parser.start;
  parser.start = at;
}

/** What stands at `start` is no frame: goes on behind its first byte. */
function reject(parser: Parser): void {
  parser.bad++;
  parser.skipped++;
  parser.start++;
}

/** Makes the buffer hold `bytes`, and moves what waits to its beginning. */
function makeRoom(parser: Parser, bytes: number): void {
  const waiting = parser.buffer.subarray(parser.start, parser.end);
  if (bytes > parser.buffer.length) parser.buffer = new Uint8Array(bytes);
  if (waiting.length > 0) parser.buffer.set(waiting, 0);
  parser.end -= parser.start;
  parser.start = 0;
}

/** Takes every frame that is complete in the buffer. All state is in the parser before `onFrame` is called. */
function take(parser: Parser, onFrame: (frame: Frame) => void): void {
  while (parser.start < parser.end) {
    const buffer = parser.buffer;
    const start = parser.start;
    if (buffer[start] !== SYNC_0) {
      seek(parser);
      continue;
    }
    const waiting = parser.end - start;
    if (waiting > 1 && buffer[start + 1] !== SYNC_1) {
      parser.skipped++;
      parser.start++;
      continue;
    }
    if (waiting < HEADER_BYTES) return;
    const length = buffer[start + 6] | (buffer[start + 7] << 8);
    const check = buffer[start + 8] | (buffer[start + 9] << 8);
    if (
      buffer[start + 2] >>> 4 !== VERSION ||
      length > PAYLOAD_MAX ||
      (parser.crc(buffer, start + 2, start + 8, 0) & 0xffff) !== check
    ) {
      reject(parser);
      continue;
    }
    const bytes = HEADER_BYTES + length + TRAILER_BYTES;
    if (waiting < bytes) {
      if (bytes > buffer.length) makeRoom(parser, bytes);
      return;
    }
    const from = start + HEADER_BYTES;
    const at = from + length;
    const sum = (buffer[at] | (buffer[at + 1] << 8) | (buffer[at + 2] << 16) | (buffer[at + 3] << 24)) >>> 0;
    if (parser.crc(buffer, from, at, 0) >>> 0 !== sum) {
      reject(parser);
      continue;
    }
    const payload = new Uint8Array(length);
    if (length > 0) payload.set(buffer.subarray(from, at), 0);
    parser.start = start + bytes;
    parser.frames++;
    onFrame({
      kind: buffer[start + 2] & 15,
      stream: buffer[start + 3],
      sequence: buffer[start + 4] | (buffer[start + 5] << 8),
      payload: payload,
    });
  }
}

/**
 * Takes what came on the line, split anywhere, and calls `onFrame` for each whole frame in it. Bytes behind a false
 * sync word or a damaged frame are looked at again: no frame that arrived whole is lost. `onFrame` may throw (the
 * rest of `bytes` is lost then), and must not feed the same parser.
 */
export function feed(parser: Parser, bytes: Uint8Array, onFrame: (frame: Frame) => void): void {
  let from = 0;
  while (from < bytes.length) {
    if (parser.start === parser.end) {
      parser.start = 0;
      parser.end = 0;
    }
    if (parser.end === parser.buffer.length) makeRoom(parser, 0);
    let count = parser.buffer.length - parser.end;
    if (count > bytes.length - from) count = bytes.length - from;
    parser.buffer.set(from === 0 && count === bytes.length ? bytes : bytes.subarray(from, from + count), parser.end);
    parser.end += count;
    from += count;
    take(parser, onFrame);
  }
}

/**
 * Gives up the frame that is incomplete, and takes what may stand whole behind its beginning. To be called when the
 * line has been silent for QUIET_MS: else a frame that lost bytes would swallow those that repeat it.
 */
export function flush(parser: Parser, onFrame: (frame: Frame) => void): void {
  while (parser.start < parser.end) {
    reject(parser);
    take(parser, onFrame);
  }
}
