// The figures of the ring, each beside the least that physics allows and what is aimed at.

import type { Counted, Looked } from './count.ts';
import type { Work } from './work.ts';
import { PROGRAM_BYTES, SECTOR_BYTES } from './work.ts';

export interface Measured {
  work: Work;
  /** sectors erased ahead in idle time; and only when an append needs them */
  ahead: Counted;
  onDemand: Counted;
  looked: Looked;
}

export interface Row {
  label: string;
  unit: '' | 'B' | 'KB' | 'ms' | 'GiB';
  value: number;
  /** no store can do with less; null: nothing to be said */
  limit: number | null;
  /** `value` should not be more; null: no target */
  target: number | null;
}

/** Of a typical part, for limits of time: as host/testbed/cells.ts has them. */
const ERASE_MS = 45;
const PROGRAM_MS = 0.03;
const PROGRAM_BYTE_MS = 0.0025;

const MIB = 2 ** 20;
const ENDURANCE = 100_000;

interface Target {
  programmed: number;
  erases: number | null;
  mount: number | null;
}

const TARGETS: Record<string, Target> = {
  W0: { programmed: 1.38, erases: null, mount: null },
  W1: { programmed: 1.065, erases: 273, mount: 4.5 * 1024 },
  W2: { programmed: 1.012, erases: 259, mount: null },
};

export function programmed({ programmedBytes, payloadBytes }: Counted): number {
  return programmedBytes / payloadBytes;
}

export function erasesPerMiB({ erases, payloadBytes }: Counted): number {
  return (erases * MIB) / payloadBytes;
}

export function spreadOf({ sectorErases }: Counted): number {
  return Math.max(...sectorErases) - Math.min(...sectorErases);
}

export function programsPerRecord({ programs, records }: Counted): number {
  return programs / records;
}

/** Bytes programmed per payload byte if each write were whole units and nothing else. */
export function unitLimit(work: Work, programBytes: number, together: boolean): number {
  const up = (bytes: number): number => Math.ceil(bytes / programBytes) * programBytes;
  const payload = work.checkpoint + work.logs * work.log;
  return (together ? up(payload) : up(work.checkpoint) + work.logs * up(work.log)) / payload;
}

export function rowsOf({ work, ahead, onDemand, looked }: Measured): Row[] {
  const sectors = work.regionBytes / SECTOR_BYTES;
  const target = TARGETS[work.name] ?? { programmed: 0, erases: null, mount: null };
  const longest = PROGRAM_MS + PROGRAM_BYTE_MS * work.checkpoint;
  const bisection = Math.ceil(Math.log2(work.regionBytes / PROGRAM_BYTES)) * PROGRAM_BYTES;
  const row = (
    label: string,
    unit: Row['unit'],
    value: number,
    limit: Row['limit'],
    aim: Row['target'] = null,
  ): Row => ({
    label,
    unit,
    value,
    limit,
    target: aim,
  });
  return [
    row('bytes programmed per payload byte', '', programmed(ahead), 1, target.programmed),
    row('erases per MiB of payload', '', erasesPerMiB(ahead), MIB / SECTOR_BYTES, target.erases),
    row('erases of a sector, most − fewest', '', spreadOf(ahead), ahead.erases % sectors > 0 ? 1 : 0, 1),
    row('program operations per record', '', programsPerRecord(ahead), 1),
    row('worst append, erased ahead', 'ms', ahead.appendMs, longest),
    row('worst append, erased on demand', 'ms', onDemand.appendMs, ERASE_MS + longest),
    row('worst reclaim', 'ms', ahead.reclaimMs, 0),
    row('erases that appends waited for, erased ahead', '', ahead.waited, 0),
    row('bytes read by appends and reclaims', '', ahead.readBytes, 0, 0),
    row('bytes read by a mount, most', 'B', looked.mostBytes, bisection + work.checkpoint, target.mount),
    row('bytes read by a mount, mean', 'B', looked.meanBytes, null),
    row('programs and erases of a mount', '', looked.writes, 0, 0),
    row('read to find a checkpoint, by its address', 'B', looked.findBytes, work.checkpoint),
    row('read to find the newest one by scan, most', 'B', looked.scanBytes, null),
    row('programmed by the first append of a boot, more', 'B', looked.firstBytes, 0),
    row('RAM, kept between calls', 'B', looked.ramBytes, 8, 160 + 4 * sectors),
    row('RAM, from a mount to the first append', 'B', looked.mountedRamBytes, 8),
    row(
      `payload until a sector has ${ENDURANCE / 1000},000 erases`,
      'GiB',
      (ENDURANCE * sectors) / erasesPerMiB(ahead) / 1024,
      (ENDURANCE * work.regionBytes) / 2 ** 30,
    ),
  ];
}

/** null: there is no target. */
export function reached({ value, target }: Row): boolean | null {
  return target === null ? null : value <= target;
}
