// The pipe between the testbed's daemon and the process of a virtual board: everything of a board but its serial
// line. Each message: length of the rest u32 LE · kind u8 · body. Bodies with a device: length of its name u8 · name
// (UTF-8) · bytes.

export const PIPE = {
  /** either way: one packet on the device bus */
  bus: 1,
  /** to the board: a device's new input */
  input: 2,
  /** from the board: a device's output */
  output: 3,
  /** from the board: the bundle has booted; body: CRC-32 of the bundle, hex */
  booted: 4,
  /** from the board: it lives (hal.kick) */
  kick: 5,
  /** from the board: text for the log */
  log: 6,
  /** from the board: why it ends now; body: a WireError (message.ts) as JSON */
  fault: 7,
} as const;

/** A longer message is a broken pipe, not a message. */
export const PIPE_MESSAGE_MAX = 1 << 20;

export function pipeMessage(kind: number, body: Uint8Array): Buffer {
  const out = Buffer.allocUnsafe(5 + body.length);
  out.writeUInt32LE(1 + body.length, 0);
  out[4] = kind;
  out.set(body, 5);
  return out;
}

export function deviceBody(device: string, bytes: Uint8Array): Buffer {
  const name = Buffer.from(device, 'utf8');
  if (name.length > 255) throw new RangeError(`device name of ${name.length} B`);
  return Buffer.concat([Uint8Array.of(name.length), name, bytes]);
}

export function readDeviceBody(body: Uint8Array): { device: string; bytes: Uint8Array } {
  const length = body[0] ?? 0;
  return { device: Buffer.from(body.subarray(1, 1 + length)).toString('utf8'), bytes: body.subarray(1 + length) };
}

/** Splits a stream of bytes into messages, however it arrives. Throws where the length is beyond all reason. */
export function pipeReader(onMessage: (kind: number, body: Uint8Array) => void): (chunk: Uint8Array) => void {
  let held: Buffer = Buffer.alloc(0);
  return (chunk) => {
    held = held.length === 0 ? Buffer.from(chunk) : Buffer.concat([held, chunk]);
    let at = 0;
    while (held.length - at >= 5) {
      const length = held.readUInt32LE(at);
      if (length < 1 || length > PIPE_MESSAGE_MAX) throw new Error(`pipe message of ${length} B`);
      if (held.length - at < 4 + length) break;
      onMessage(held[at + 4] as number, held.subarray(at + 5, at + 4 + length));
      at += 4 + length;
    }
    held = held.subarray(at);
  };
}
