// What the boards say of themselves, as one picture of the system.

import { JOURNAL_RESERVE } from '../../firmware/limits.ts';
import type { Failure } from '../failure.ts';
import type { Lab, Reply } from '../lab.ts';

export interface ProcessStatus {
  pid: number;
  name: string;
  role: 'active' | 'low' | 'shadow' | 'seat' | 'stopped';
  /** SHA-256 of the module's text, and the CRC-32 that the board computed of what it evaluated */
  module: string;
  crc: number;
  epoch: number;
  T: number[];
  V: number[];
  contaminated: boolean;
  journalRecords: number;
  journalBytes: number;
  /** entries of a shadow's output log */
  log: number;
  held: number;
  testsPassed: number;
  testsFailed: number;
  compensated: number;
  withheld: number;
  errors: number;
  repeats: number;
  rollbacks: number;
  failed: string | null;
  cut: { kind: string; why: string; waiting: string[] } | null;
}

export interface VersionStatus {
  name: string;
  sequence: number;
  hash: string;
}

/** The ring in which a board keeps events and bases (PROTOCOL 6). */
export interface JournalStatus {
  /** off, guard or always; '' where the board runs no system */
  durability: string;
  /** false: there is none, and `why` says why */
  kept: boolean;
  /** events are recorded now */
  on: boolean;
  /** only its reserve is left: the upgrade is being rolled back */
  full: boolean;
  why: string;
  sectors: number;
  /** bytes that it holds at most; that may still be written before something is given up */
  capacity: number;
  room: number;
  /** bytes ever written, and erases of each sector that this took */
  written: number;
  turns: number;
  /** bytes of the bases that stand in it */
  bases: number;
  /** since the board's boot */
  events: number;
  writes: number;
}

export interface BoardStatus {
  board: string;
  boot: number;
  firmware: string;
  plan: VersionStatus | null;
  upgrade: VersionStatus | null;
  epoch: number;
  guarded: boolean;
  started: boolean;
  /** why the board runs no system; '' while it does */
  problem: string;
  /** the guard could not be kept: why */
  lost: string;
  uptimeMs: number;
  /** boards of the system that it runs */
  system: string[];
  processes: ProcessStatus[];
  /** `reads`: it has inputs; what has none only puts out */
  devices: { name: string; reads: boolean; inputs: number; done: number; dropped: number; held: boolean }[];
  bus: {
    sent: number;
    received: number;
    resent: number;
    bad: number;
    /** channels, messages in them that are not acknowledged, and packets kept for later */
    channels: number;
    queued: number;
    stashed: number;
  };
  link: { frames: number; bad: number };
  journal: JournalStatus;
  quarantined: string[];
  /** boards that it has not heard of lately */
  stalled: string[];
}

export interface SystemStatus {
  boards: BoardStatus[];
  /** boards that did not answer, and why */
  silent: { board: string; failure: Failure }[];
}

/** What a board without a system has nothing to say of. */
const EMPTY = {
  epoch: 0,
  started: false,
  lost: '',
  uptimeMs: 0,
  system: [],
  bus: { sent: 0, received: 0, resent: 0, bad: 0, channels: 0, queued: 0, stashed: 0 },
  stalled: [],
  journal: {
    durability: '',
    kept: false,
    on: false,
    full: false,
    why: '',
    sectors: 0,
    capacity: 0,
    room: 0,
    written: 0,
    turns: 0,
    bases: 0,
    events: 0,
    writes: 0,
  } satisfies JournalStatus,
};

export async function boardStatus(lab: Lab, board: string): Promise<BoardStatus> {
  const { ok: _, processCount, ...reply }: Reply = await lab.request(board, 'status');
  const status = { ...EMPTY, ...reply } as unknown as BoardStatus;
  // a reply is one frame; what does not fit is asked for again, and moves on meanwhile
  while (typeof processCount === 'number' && status.processes.length < processCount) {
    const more = await lab.request(board, 'status', { from: status.processes.length });
    const processes = more.processes as ProcessStatus[];
    if (processes.length === 0) break;
    status.processes.push(...processes);
  }
  return status;
}

/** Asks every board of the lab; a silent one does not keep the others from being shown. */
export async function systemStatus(lab: Lab): Promise<SystemStatus> {
  const out: SystemStatus = { boards: [], silent: [] };
  for (const { name } of lab.boards()) {
    try {
      out.boards.push(await boardStatus(lab, name));
    } catch (failure) {
      out.silent.push({ board: name, failure: failure as Failure });
    }
  }
  return out;
}

/** Boards that the system needs, and that run none; a board of the testbed that no version knows is none of them. */
export function without(status: SystemStatus): BoardStatus[] {
  const needed = new Set(status.boards.flatMap((b) => b.system));
  return status.boards.filter((b) => !b.plan && (needed.size === 0 || needed.has(b.board)));
}

/** What is wrong with the board's journal, in the firmware's words; '': nothing, or none is wanted. */
export function journalTrouble({ journal, board }: BoardStatus): string {
  if (journal.durability === '' || journal.durability === 'off') return '';
  if (!journal.kept) return journal.why || 'it keeps none';
  return journal.full ? `the journal of board ${board} is full: its ${journal.sectors} sectors ${JOURNAL_RESERVE}` : '';
}

export function processesOf(status: SystemStatus): ProcessStatus[] {
  return status.boards.flatMap((board) => board.processes);
}
