// What a board must offer to the firmware, and what the firmware offers to the board. Every driver, virtual or real,
// implements `Hal`; the bundle's one export `boot(hal)` returns a `Board`. All calls are synchronous. Bytes that
// cross this interface may come from another realm: test for them by what they have, not by `instanceof`.

export interface Flash {
  /** erase unit, bytes */
  sectorBytes: number;
  sectors: number;
  /** smallest unit that can be programmed, bytes; `program` starts and ends on a multiple of it */
  programBytes: number;
  read(at: number, length: number): Uint8Array;
  /** NOR rules: bits only go from 1 to 0; throws where a bit would have to rise, or the part reports a fault */
  program(at: number, bytes: Uint8Array): void;
  /** sets every byte of the sector to 0xff */
  erase(sector: number): void;
}

export interface Hal {
  /** this board's name in the system description */
  board: string;
  /** 'virtual' | 'espruino' | 'jerryscript' | 'duktape' */
  engine: string;
  /** can a call that does not return be interrupted (PROTOCOL 7)? */
  interrupts: boolean;
  /** bytes of memory the board can give to processes; 0: not known */
  memoryBytes: number;
  /** send trace lines from the start on, not only when the host asks for them */
  traces: boolean;
  /** board clock, ms, never goes back; may have a fraction */
  now(): number;
  /** 32 random bits; recorded with each event, so that a replay draws the same */
  random(): number;
  /** CRC-32 (IEEE 802.3) of bytes[from..to), continuing from `crc` (0 to begin); null: use the firmware's own */
  crc32: ((bytes: Uint8Array, from: number, to: number, crc: number) => number) | null;
  flash: Flash;
  /** between pieces of a frame from the host there may be so long, where a turn takes long; else 200, ms */
  quietMs?: number;
  /** to the host, over the serial line */
  serial(bytes: Uint8Array): void;
  /** one packet to all other boards on the device bus; may be lost, damaged or repeated */
  bus(bytes: Uint8Array): void;
  /** makes a device do something; packed by the device's `out` fields */
  output(device: string, bytes: Uint8Array): void;
  /** evaluates a component's text; returns its exports; throws on a syntax error or where the text throws */
  load(text: string): unknown;
  /** runs `fn`; where `interrupts`, throws an Error whose message begins with 'hang' once it exceeds its budget */
  call(fn: () => void): void;
  /** why the board booted: 'power', or what reset it: 'watchdog', 'fault', 'reset'; 'power' where it cannot tell */
  cause: string;
  /**
   * Keeps a number, in memory that a reset leaves alone and a power cut does not, while a call runs that may never return;
   * -1 when it has. Null: the board has no such memory.
   */
  mark: ((pid: number) => void) | null;
  /** what `mark` kept when the board booted; -1: nothing */
  marked: number;
  kick(): void;
  /** restarts the board; does not return on real boards */
  reset(): void;
}

export interface Board {
  /** bytes came on the serial line, split anywhere */
  serial(bytes: Uint8Array): void;
  /** a packet came on the device bus */
  bus(bytes: Uint8Array): void;
  /** a device of this board has a new input, packed by its `in` fields */
  input(device: string, bytes: Uint8Array): void;
  /** does what is due; returns the time (board clock, ms) at which it wants to be called again at the latest */
  poll(): number;
}
