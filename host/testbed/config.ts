// What the testbed's daemon must be told: everything already looked up, so that the daemon reads no description.

import type { Field } from '../../firmware/plan.ts';
import type { TraceLine } from '../check/types.ts';

export interface TestbedBoard {
  name: string;
  kind: 'virtual' | 'engine' | 'emulated' | 'real';
  /** a file in boards/ */
  type: string;
  /** engine, emulated */
  engine?: 'espruino' | 'jerryscript' | 'duktape';
  /** engine, emulated: file of the program that it runs */
  program?: string;
  /** engine, emulated: file of the bundle as this program wants it, where that is not the text */
  image?: string;
  /** all but real: geometry of its flash */
  flash?: { sectorBytes: number; sectors: number; programBytes: number };
  /** all but real: memory for processes; 0: not known */
  memoryBytes?: number;
  /** Espruino: how many variables it has; 0: as its program was built */
  variables?: number;
  /** can a call that hangs be interrupted (PROTOCOL 7)? default true */
  interrupts?: boolean;
  /** real: a path, or `id:<usb serial>` */
  port?: string;
  /** real */
  baud?: number;
}

export interface TestbedDevice {
  name: string;
  board: string;
  in: Field[] | null;
  out: Field[] | null;
}

export interface TestbedConfig {
  /** file of the board bundle, ES5 */
  bundle: string;
  boards: TestbedBoard[];
  devices: TestbedDevice[];
  /** module of the device world, TypeScript or JavaScript */
  world: { module: string; options: Record<string, unknown> } | null;
  seed: number;
  /** lab time runs so many times faster */
  speed: number;
  stateDir: string;
  /** for people */
  systemFile: string;
  /** first line of the trace */
  header: TraceLine;
  /** `pty`: serial ports that others can see; `pipe`: none, where no pty can be made; `auto`: the first that works */
  line: 'auto' | 'pty' | 'pipe';
}

export const DEFAULT_BAUD = 115200;
