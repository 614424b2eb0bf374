// Files as Espruino's Storage keeps them in flash: one behind the other, each with a header of length and name.

import { EXIT, Failure } from '../failure.ts';

const HEADER_BYTES = 32;
const NAME_MAX = 28;
const ALIGNMENT = 4;

/** The flash of a Storage that holds these files, blank behind them. Throws Failure E_SPACE (exit 7). */
export function storageImage(files: Record<string, Uint8Array>, bytes: number): Buffer {
  const image = Buffer.alloc(bytes, 0xff);
  let at = 0;
  for (const [name, data] of Object.entries(files)) {
    if (name.length > NAME_MAX) throw new RangeError(`${name}: a name has ${NAME_MAX} characters at most`);
    const end = at + HEADER_BYTES + data.length;
    if (end > bytes) {
      const cause = `Storage has ${bytes} bytes; the program and its boot code take ${end} and more`;
      throw new Failure('E_SPACE', EXIT.refused, cause, 'give the board fewer sectors of flash');
    }
    image.writeUInt32LE(data.length, at);
    image.fill(0, at + 4, at + HEADER_BYTES);
    image.write(name, at + 4, 'latin1');
    image.set(data, at + HEADER_BYTES);
    at = Math.ceil(end / ALIGNMENT) * ALIGNMENT;
  }
  return image;
}
