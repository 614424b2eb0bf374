// CRC-32 (IEEE 802.3) for boards whose engine has none of its own.

/** As `Hal.crc32`: the CRC of bytes[from..to), continuing from `crc` (0 to begin). */
export type Crc = (bytes: Uint8Array, from: number, to: number, crc: number) => number;

/** Built at first use: a board with a native CRC never pays for it. */
let table: Uint32Array | null = null;

function buildTable(): Uint32Array {
  const built = new Uint32Array(256);
  for (let i = 0; i < 256; i++) {
    let c = i;
    for (let bit = 0; bit < 8; bit++) c = c & 1 ? (c >>> 1) ^ 0xedb88320 : c >>> 1;
    built[i] = c;
  }
  return built;
}

export function crc32(bytes: Uint8Array, from: number, to: number, crc: number): number {
  if (!table) table = buildTable();
  const t = table;
  let c = ~crc;
  for (let i = from; i < to; i++) c = t[(c ^ bytes[i]) & 255] ^ (c >>> 8);
  return ~c >>> 0;
}
