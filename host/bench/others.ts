// Other stores of records on NOR flash, given W1 and W2: a NOR emulator, sectors of 4 KB, programs of 4 B, every record
// durable on return. Measured in November 2026, each in its own build, all under one harness; not measured by this
// program. What it measures itself is in the other tables.

export interface Other {
  name: string;
  /** W1: bytes programmed per payload byte, erases per MiB, worst append, bytes read at mount */
  programmed1: number;
  erases1: number;
  worst: string;
  mount: string;
  /** W2 */
  programmed2: number;
  erases2: number;
  /** share of single power cuts that it recovers from with nothing lost or wrong, clean / torn at random, % */
  cuts: string;
}

function other(
  name: string,
  programmed1: number,
  erases1: number,
  worst: string,
  mount: string,
  programmed2: number,
  erases2: number,
  cuts: string,
): Other {
  return { name, programmed1, erases1, worst, mount, programmed2, erases2, cuts };
}

export const OTHERS: Other[] = [
  other('a plain ring, 8 B header, CRC-32', 1.062, 273, '46.5 ms', '4.3 KB', 1.011, 259, '100 / 100'),
  other('Zephyr FCB (older copy)', 1.087, 298, '1.6 + 90 ms', '7.5 KB', 1.009, 326, '99.9 / 80.8'),
  other('sequential-storage queue (Rust)', 1.144, 298, '1.5 + 93 ms', 'lazy', 1.015, 326, '100 / 99.9'),
  other('Zephyr NVS (older copy)', 1.147, 298, '190 ms', '12 KB', 1.015, 326, '100 / 100 *'),
  other('FlashDB TSDB', 1.153, 329, '47 ms', '3.0 KB', 1.017, 325, '98.6 / 98.6'),
  other('FlashDB KVDB', 1.266, 352, '75 ms', '144 KB', 1.091, 325, '100 / 100 *'),
  other('Espruino Storage', 1.313, 329, '745 ms', '10.8 KB', 1.081, 279, '56 / 56'),
  other('littlefs, best mapping', 2.33, 2003, '344 ms', '22 KB', 1.075, 285, '100 / 100'),
  other('SPIFFS', 3.0, 793, '49 ms', '8.3 KB', 1.239, 341, '91 / 90'),
];

/** Behind the table. */
export const OTHERS_NOTE =
  'Cuts: single power cuts recovered from with nothing lost or wrong, % clean / torn at random. 1.6 + 90 ms: append, ' +
  'and reclaim. * fatal in soaks of random cuts: NVS 10 in 3,000 cycles, KVDB 4 in 1,000.';
