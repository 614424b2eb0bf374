// One end of an explored link: a board's runtime, made of plain data for each thing that it does.

import { create } from '../../firmware/core/core.ts';
import type { Process } from '../../firmware/core/core.ts';
import type { Application, Operation, Pid } from '../../firmware/core/types.ts';
import { crc32 } from '../../firmware/link/crc.ts';
import type { Local, Outgoing, Peer, Runtime } from '../../firmware/state.ts';
import { closedStore } from '../../firmware/store.ts';
import type { Hal } from '../../hal/hal.ts';
import type { LinkShape } from './link-shapes.ts';

/** An end of the link, as plain data. */
export interface End {
  /** boot at which its process began */
  life: number;
  /** life of the other board, as this one knows it; 0: it has not heard of it yet */
  peer: number;
  self: Process;
  outgoing: Outgoing[];
  stash: Runtime['stash'];
  acks: Runtime['acks'];
  /** how often it may still begin anew */
  restarts: number;
}

const NO_APP: Application = {
  initial: () => null,
  handle() {},
  accept: () => true,
  compensate: () => null,
  migrate: (_, pending) => ({ state: null, pending }),
  save: (value) => value,
  load: (value) => value,
  bytes: () => 0,
};

const PLAN = {
  components: [
    { name: 'a', board: 0 },
    { name: 'b', board: 1 },
    { name: 'c', board: 0 },
  ],
  devices: [{ board: 0 }],
  boards: ['one', 'other'],
  policy: { heartbeatMs: 100 },
};
/** where the new version of component 0 has its seat */
const AFTER = { ...PLAN, components: [{ name: 'a', board: 1 }, PLAN.components[1], PLAN.components[2]] };
export const OPERATION: Operation = {
  id: 'u1',
  cluster: [0],
  lows: [1],
  added: [],
  policy: { commitAfterMs: 0, validated: 0, lead: 9 },
};

export function processOf(pid: Pid, role: 'active' | 'seat', live: Pid[]): Process {
  const setup = {
    rules: 'corrected' as const,
    pid,
    epoch: 0,
    live,
    devices: 1,
    latest: [false],
    operation: null,
    role,
  };
  return create(setup, NO_APP);
}

export function endOf(self: Process, restarts: number): End {
  return { life: 1, peer: 1, self, outgoing: [], stash: [], acks: [], restarts };
}

/** The runtime of one end, made of its data. */
export function wake(
  shape: LinkShape,
  end: End,
  board: number,
  now: number,
  put: (bytes: Uint8Array) => void,
): Runtime {
  const hal = { now: () => now, random: () => 0, bus: put } as unknown as Hal;
  const local = { seed: 0, pid: end.self.pid, name: '', self: end.self, app: NO_APP, frozenAt: -1 } as unknown as Local;
  const peer = {
    life: end.peer,
    heardAt: now,
    plan: 'p',
    op: '',
    epoch: 0,
    lowest: 0,
    pids: [],
    roundTripMs: 0,
  };
  const rt = {
    hal,
    crc: crc32,
    store: closedStore(''),
    life: end.life,
    interrupted: '',
    lost: '',
    restart: false,
    clock: 0,
    replaying: 0,
    board,
    active: { plan: PLAN, hash: 'p', modules: {} },
    staged: null,
    op: null,
    other: shape.seat ? { plan: AFTER, hash: 'q', modules: {} } : null,
    previous: '',
    epoch: 0,
    guarded: false,
    live: [0, 2, 4],
    locals: [local],
    outgoing: end.outgoing,
    busy: end.outgoing.filter((o) => o.queue.length > 0),
    stash: end.stash,
    acks: end.acks,
    peers: [peer, peer],
    lowAt: [],
    devices: [],
    records: { value: { guarded: '', quarantined: [] } },
    started: true,
    trace: null,
    bus: { sent: 0, received: 0, resent: 0, bad: 0 },
  };
  return rt as unknown as Runtime;
}

/** What an end has become; times are forgotten, for they only say when a timer runs out. */
export function sleep(rt: Runtime, end: End): void {
  end.outgoing = rt.outgoing;
  end.stash = rt.stash;
  end.acks = rt.acks;
  end.peer = (rt.peers[1 - rt.board] as Peer).life;
  for (const outgoing of end.outgoing) {
    outgoing.sentAt = 0;
    outgoing.tries = 0;
    outgoing.late = 0;
    outgoing.timed = -1;
    outgoing.timedAt = 0;
  }
}

export function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}
