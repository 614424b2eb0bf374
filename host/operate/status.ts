// What the boards say of themselves, as one picture of the system.

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

export function processesOf(status: SystemStatus): ProcessStatus[] {
  return status.boards.flatMap((board) => board.processes);
}
