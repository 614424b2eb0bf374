// The serial line's frames and CBOR as the host uses them. Frames are the firmware's own code; the CBOR is a library's,
// so that the boards' own is held against an independent one all the time.

import { Encoder } from 'cbor-x';

export { crc32 } from '../../firmware/link/crc.ts';
export {
  createParser,
  encodeFrame,
  FRAME_MAX,
  type Frame,
  feed,
  flush,
  KIND_DATA,
  KIND_LOG,
  KIND_REPLY,
  KIND_REQUEST,
  KIND_TRACE,
  PAYLOAD_MAX,
  type Parser,
  QUIET_MS,
} from '../../firmware/link/frame.ts';

const codec = new Encoder({
  useRecords: false,
  mapsAsObjects: true,
  variableMapSize: true,
  tagUint8Array: false,
  int64AsNumber: true,
} as ConstructorParameters<typeof Encoder>[0]);

/** Buffers as plain Uint8Arrays of their own, in place. */
function normalise(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (value instanceof Uint8Array) return new Uint8Array(value);
  if (Array.isArray(value)) {
    for (let i = 0; i < value.length; i++) value[i] = normalise(value[i]);
    return value;
  }
  const map = value as Record<string, unknown>;
  for (const key of Object.keys(map)) {
    const item = map[key];
    if (typeof item === 'object' && item !== null) map[key] = normalise(item);
  }
  return map;
}

/** The value of a board's bytes: plain objects, arrays, Uint8Arrays. Throws on anything malformed. */
export function decodeHost(bytes: Uint8Array): unknown {
  return normalise(codec.decode(bytes));
}

/** Bytes that a board's decoder takes. */
export function encodeHost(value: unknown): Uint8Array {
  return new Uint8Array(codec.encode(value));
}
