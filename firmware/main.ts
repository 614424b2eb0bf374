// A board's start: reads what its flash holds, runs it, and answers the host. `boot` is the bundle's one export.

import type { Board, Hal } from '../hal/hal.ts';
import { createAgent, hearSerial, keepLine, readImages, sendLines } from './agent.ts';
import type { Agent } from './agent.ts';
import { tick } from './beat.ts';
import { hearPacket } from './bus.ts';
import { sendAcks } from './channel.ts';
import { createDevices, takeInput } from './device.ts';
import type { Image } from './image.ts';
import { crc32 } from './link/crc.ts';
import { unknownPeer } from './peer.ts';
import { openRecords, saveRecord } from './record.ts';
import { addProcess, pump, reportError } from './runtime.ts';
import { interrupt, takeStaged } from './stage.ts';
import type { Peer, Runtime, TraceRecord } from './state.ts';
import { noStore } from './store.ts';

export const VERSION = '0.1.0';
/** Without a system a board has nothing to do but listen, ms. */
const IDLE_MS = 1000;

function createRuntime(hal: Hal, agent: Agent, image: Image): Runtime {
  const plan = image.plan;
  const value = agent.records.value;
  const live: number[] = [];
  for (let c = 0; c < plan.components.length; c++) {
    live.push(plan.components[c] ? 2 * c + (value.sides[c] || 0) : -1);
  }
  const board = plan.boards.indexOf(hal.board);
  const peers: Peer[] = [];
  for (let b = 0; b < plan.boards.length; b++) peers.push(unknownPeer());
  return {
    hal: hal,
    crc: agent.crc,
    records: agent.records,
    store: noStore(),
    boot: value.boot,
    board: board,
    active: image,
    staged: null,
    op: null,
    other: null,
    previous: '',
    epoch: value.epoch,
    guarded: false,
    live: live,
    locals: [],
    outgoing: [],
    stash: [],
    acks: [],
    peers: peers,
    lowAt: [],
    devices: createDevices(plan, board),
    started: false,
    bootedAt: hal.now(),
    beatAt: hal.now(),
    lost: '',
    interrupted: '',
    restart: false,
    trace: null,
    roundTripMs: 0,
    bus: { sent: 0, received: 0, resent: 0, bad: 0 },
  };
}

function begin(hal: Hal, agent: Agent): void {
  const records = agent.records;
  records.value.boot++;
  const images = readImages(hal, records, agent.crc);
  const active = images[0];
  const staged = images[1];
  const lost = records.value.guarded;
  if (lost !== '' && (typeof staged === 'string' || staged.hash !== lost)) {
    records.value.guarded = '';
    records.value.staged = -1;
  }
  saveRecord(records);
  agent.rt = null;
  agent.transfer = null;
  agent.problem = typeof active === 'string' ? active : '';
  if (typeof active === 'string') return;
  const rt = createRuntime(hal, agent, active);
  agent.rt = rt;
  const listen = function (line: TraceRecord): void {
    if (agent.tracing) keepLine(agent, line);
  };
  rt.trace = listen;
  listen({
    v: 1,
    t: Math.round(hal.now() * 1000),
    board: hal.board,
    note: { kind: 'boot', boot: rt.boot, resumed: false, firmware: VERSION },
  });
  for (let c = 0; c < rt.live.length; c++) {
    const entry = active.plan.components[c];
    if (!entry || entry.board !== rt.board) continue;
    try {
      addProcess(rt, rt.live[c], 'active', active.plan, active.modules);
    } catch (error) {
      reportError(rt, entry.name, error);
    }
  }
  if (typeof staged === 'string') return;
  // the power went during guarded operation, and with it what the processes knew (PROTOCOL 6, durability off); the
  // other boards will tell what became of the upgrade
  if (lost === staged.hash) interrupt(rt, staged);
  else if (lost === '') {
    const why = takeStaged(rt, staged);
    if (why !== null) reportError(rt, 'staged upgrade', why);
  }
}

/** Starts the firmware on a board. The board calls what this returns, and lets nothing of it overlap. */
export function boot(hal: Hal): Board {
  const crc = hal.crc32 || crc32;
  const agent = createAgent(hal, crc, VERSION, openRecords(hal.flash, crc));
  try {
    begin(hal, agent);
  } catch (error) {
    // an image that is whole and yet of no use must leave a board that can be flashed
    agent.rt = null;
    agent.problem = 'its image cannot be run: ' + ((error && (error as Error).message) || error);
  }

  /** What every call ends with; true: there is more to do at once. */
  const finish = function (): boolean {
    const rt = agent.rt;
    let more = false;
    if (rt) {
      more = pump(rt);
      sendAcks(rt);
    }
    sendLines(agent);
    if (rt && rt.restart) agent.restarting = true;
    if (agent.restarting) {
      agent.restarting = false;
      hal.reset();
    }
    return more;
  };

  return {
    serial: function (bytes) {
      hearSerial(agent, bytes);
      finish();
    },
    bus: function (bytes) {
      if (agent.rt) hearPacket(agent.rt, bytes);
      finish();
    },
    input: function (device, bytes) {
      if (agent.rt) takeInput(agent.rt, device, bytes);
      finish();
    },
    poll: function () {
      hal.kick();
      const rt = agent.rt;
      let next = rt ? tick(rt) : hal.now() + IDLE_MS;
      if (finish()) next = hal.now();
      return next;
    },
  };
}
