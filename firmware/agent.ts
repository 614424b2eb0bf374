// Answers the host on the serial line: requests and replies, bulk data for the flash, and trace lines that flow at the
// same time (link/frame.ts has the frames). A request that is repeated is answered again, not done again.

import type { Hal } from '../hal/hal.ts';
import { aligned, bodyAt, bodyMax, crcOf, eraseSlot, readBody, sealSlot, slotBytes } from './image.ts';
import type { Image } from './image.ts';
import { TRACE_LINES_MAX } from './limits.ts';
import { decode, encode } from './link/cbor.ts';
import type { Frame, Parser } from './link/frame.ts';
import {
  createParser,
  encodeFrame,
  feed,
  flush,
  KIND_DATA,
  KIND_REPLY,
  KIND_REQUEST,
  KIND_TRACE,
  PAYLOAD_MAX,
  QUIET_MS,
} from './link/frame.ts';
import type { Records } from './record.ts';
import { saveRecord } from './record.ts';
import { say } from './runtime.ts';
import { dropStaged, takeStaged } from './stage.ts';
import type { Runtime, TraceRecord } from './state.ts';
import { statusOf } from './status.ts';

const LINE_PART = PAYLOAD_MAX - 4;

type Reply = { [key: string]: unknown };

/** An image on its way into a slot. */
interface Transfer {
  slot: 'active' | 'staged';
  index: number;
  bytes: number;
  crc: number;
  hash: string;
  next: number;
  /** received, not yet a whole program unit */
  rest: Uint8Array;
}

export interface Agent {
  hal: Hal;
  crc: (bytes: Uint8Array, from: number, to: number, crc: number) => number;
  version: string;
  records: Records;
  rt: Runtime | null;
  parser: Parser;
  heardAt: number;
  transfer: Transfer | null;
  lastStream: number;
  lastSequence: number;
  lastRequest: number;
  lastReply: Uint8Array | null;
  /** answers that go out once what they tell of is durable */
  replies: Uint8Array[];
  tracing: boolean;
  lines: Uint8Array[];
  lineNumber: number;
  /** restart once the reply is out */
  restarting: boolean;
  /** why the board runs no system; '' while it runs one */
  problem: string;
}

export function createAgent(hal: Hal, crc: Agent['crc'], version: string, records: Records): Agent {
  return {
    hal: hal,
    crc: crc,
    version: version,
    records: records,
    rt: null,
    parser: createParser(crc),
    heardAt: 0,
    transfer: null,
    lastStream: -1,
    lastSequence: -1,
    lastRequest: -1,
    lastReply: null,
    replies: [],
    tracing: hal.traces,
    lines: [],
    lineNumber: 0,
    restarting: false,
    problem: '',
  };
}

function refusal(code: string, cause: string, next: string): Reply {
  return { error: code, cause: cause, next: next };
}

/** Keeps a trace line for the serial line, as it is now. */
export function keepLine(agent: Agent, line: TraceRecord): void {
  if (agent.lines.length >= TRACE_LINES_MAX) agent.lines.splice(0, 1);
  const body = encode(line);
  const bytes = new Uint8Array(body.length + 4);
  for (let i = 0; i < 4; i++) bytes[i] = (agent.lineNumber >>> (8 * i)) & 0xff;
  bytes.set(body, 4);
  agent.lines.push(bytes);
  agent.lineNumber++;
}

/** Sends the trace lines that wait; the frames of one line are numbered from 0, so that a lost one is missed. */
export function sendLines(agent: Agent): void {
  const lines = agent.lines;
  agent.lines = [];
  for (let i = 0; i < lines.length; i++) {
    const bytes = lines[i];
    for (let at = 4; at < bytes.length; at += LINE_PART) {
      const end = Math.min(bytes.length, at + LINE_PART);
      const part = new Uint8Array(end - at + 4);
      part.set(bytes.subarray(0, 4));
      part.set(bytes.subarray(at, end), 4);
      if (end < bytes.length) part[3] |= 0x80;
      agent.hal.serial(encodeFrame(KIND_TRACE, 0, (at - 4) / LINE_PART, part, agent.crc));
    }
  }
}

export function sendReplies(agent: Agent): void {
  const replies = agent.replies;
  agent.replies = [];
  for (let i = 0; i < replies.length; i++) agent.hal.serial(replies[i]);
}

/** A version goes by the name of the upgrade that made it. */
function versionOf(image: Image | null): Reply | null {
  if (!image) return null;
  const plan = image.plan;
  return { name: plan.upgrade ? plan.upgrade.name : plan.name, sequence: plan.sequence, hash: image.hash };
}

function hello(agent: Agent): Reply {
  const flash = agent.hal.flash;
  const rt = agent.rt;
  return {
    board: agent.hal.board,
    engine: agent.hal.engine,
    interrupts: agent.hal.interrupts,
    boot: agent.records.value.boot,
    firmware: agent.version,
    plan: versionOf(rt ? rt.active : null),
    staged: versionOf(rt ? rt.staged : null),
    problem: agent.problem,
    epoch: agent.records.value.epoch,
    memoryBytes: agent.hal.memoryBytes,
    flash: { sectorBytes: flash.sectorBytes, sectors: flash.sectors, programBytes: flash.programBytes },
    slotBytes: slotBytes(flash),
  };
}

/**
 * What stands in the other slot is not touched while a cut or a guarded operation may need it; where the guard is lost,
 * a fresh system is what helps (PROTOCOL 6).
 */
function occupied(rt: Runtime | null, slot: string): Reply | null {
  if (!rt || (rt.lost !== '' && slot === 'active')) return null;
  if (rt.guarded) {
    return refusal('E_GUARDED', 'a guarded operation is under way', 'wait for its end, or: understudy abort');
  }
  for (let i = 0; i < rt.locals.length; i++) {
    const self = rt.locals[i].self;
    if (self.cut && self.role !== 'seat') return refusal('E_GUARDED', 'a cut is under way', 'wait for its end');
  }
  return null;
}

function put(agent: Agent, request: Reply): Reply {
  const slot = request.slot as 'active' | 'staged';
  const bytes = request.bytes as number;
  const rt = agent.rt;
  const value = agent.records.value;
  const flash = agent.hal.flash;
  if (slot !== 'active' && slot !== 'staged') return refusal('E_REQUEST', 'no slot named ' + slot, '');
  const busy = occupied(rt, slot);
  if (busy) return busy;
  if (slot === 'staged' && !rt) {
    return refusal('E_EMPTY', 'the board runs no system that could be upgraded', 'understudy flash');
  }
  if (!(bytes > 0) || bytes > bodyMax(flash)) {
    const room = bodyMax(flash);
    return refusal('E_SPACE', 'the image has ' + bytes + ' bytes; a slot holds ' + room, 'make the modules smaller');
  }
  const hash = String(request.hash);
  if (slot === 'staged' && value.quarantined.indexOf(hash) >= 0 && request.again !== true) {
    return refusal('E_QUARANTINE', 'upgrade ' + hash + ' was reverted on this board', 'mend it, or: stage --again');
  }
  if (rt && rt.staged) dropStaged(rt);
  const index = value.active === 0 ? 1 : 0;
  eraseSlot(flash, index);
  agent.transfer = {
    slot: slot,
    index: index,
    bytes: bytes,
    crc: request.crc as number,
    hash: hash,
    next: 0,
    rest: new Uint8Array(0),
  };
  return { next: 0 };
}

/** Raw bytes go from the line to flash as they are; only a last, incomplete program unit waits. */
function store(agent: Agent, transfer: Transfer, data: Uint8Array): void {
  const flash = agent.hal.flash;
  const joined = new Uint8Array(transfer.rest.length + data.length);
  joined.set(transfer.rest);
  joined.set(data, transfer.rest.length);
  const at = transfer.next - transfer.rest.length;
  transfer.next += data.length;
  const last = transfer.next === transfer.bytes;
  const whole = last ? joined.length : joined.length - (joined.length % flash.programBytes);
  if (whole > 0) flash.program(bodyAt(flash, transfer.index) + at, aligned(flash, joined.subarray(0, whole)));
  transfer.rest = new Uint8Array(joined.subarray(whole));
}

function hearData(agent: Agent, frame: Frame): Reply {
  const transfer = agent.transfer;
  if (!transfer) return refusal('E_TRANSFER', 'no transfer is open', 'begin again');
  const p = frame.payload;
  const offset = (p[0] | (p[1] << 8) | (p[2] << 16) | (p[3] << 24)) >>> 0;
  const data = p.subarray(4);
  if (offset === transfer.next && offset + data.length <= transfer.bytes) store(agent, transfer, data);
  return { next: transfer.next };
}

function done(agent: Agent, request: Reply): Reply {
  const transfer = agent.transfer;
  if (!transfer) return refusal('E_TRANSFER', 'no transfer is open', 'begin again');
  if (transfer.next !== transfer.bytes) {
    const got = transfer.next + ' of ' + transfer.bytes + ' bytes came';
    return refusal('E_TRUNCATED', got, 'begin again');
  }
  agent.transfer = null;
  const flash = agent.hal.flash;
  const at = bodyAt(flash, transfer.index);
  if (crcOf(flash, at, transfer.bytes, agent.crc) !== transfer.crc) {
    return refusal('E_CRC', 'what stands in flash is not what was sent', 'begin again; if it stays, the flash is worn');
  }
  let image: Image;
  try {
    image = readBody(flash, at, transfer.bytes, agent.hal.board);
  } catch (error) {
    return refusal('E_IMAGE', 'the image cannot be read: ' + (error as Error).message, 'build it again');
  }
  if (image.hash !== transfer.hash) return refusal('E_IMAGE', 'the image is of ' + image.hash, 'build it again');
  if (image.plan.boards.indexOf(agent.hal.board) < 0) {
    return refusal('E_BOARD', 'the system has no board named ' + agent.hal.board, 'check the testbed file');
  }
  const value = agent.records.value;
  const rt = agent.rt;
  const busy = occupied(rt, transfer.slot);
  if (busy) return busy;
  if (transfer.slot === 'active') {
    sealSlot(flash, transfer.index, transfer.bytes, transfer.crc, agent.crc);
    value.active = transfer.index;
    value.staged = -1;
    value.guarded = '';
    value.sides = [];
    value.quarantined = [];
    value.epoch = typeof request.epoch === 'number' ? request.epoch : 1;
    value.journal = '';
    value.systems = (value.systems || 0) + 1;
    saveRecord(agent.records);
    agent.restarting = true;
    return { hash: image.hash };
  }
  if (!rt) return refusal('E_EMPTY', 'the board runs no system that could be upgraded', 'understudy flash');
  const why = takeStaged(rt, image);
  if (why !== null) return refusal('E_STAGE', why, 'see the board’s log; the running version is untouched');
  sealSlot(flash, transfer.index, transfer.bytes, transfer.crc, agent.crc);
  value.staged = transfer.index;
  saveRecord(agent.records);
  return { hash: image.hash };
}

function answer(agent: Agent, request: Reply): Reply {
  'cold';
  const verb = request.verb;
  const rt = agent.rt;
  if (verb === 'hello') return hello(agent);
  if (verb === 'put') return put(agent, request);
  if (verb === 'done') return done(agent, request);
  if (verb === 'trace') {
    agent.tracing = request.on === true;
    return {};
  }
  if (verb === 'reboot') {
    agent.restarting = true;
    return {};
  }
  if (verb === 'status') {
    const from = typeof request.from === 'number' ? request.from : 0;
    const status: Reply = rt ? statusOf(rt, from) : { processes: [], devices: [], guarded: false };
    status.board = agent.hal.board;
    status.boot = agent.records.value.boot;
    status.firmware = agent.version;
    status.plan = versionOf(rt ? rt.active : null);
    status.upgrade = versionOf(rt ? rt.staged : null);
    status.problem = agent.problem;
    status.quarantined = agent.records.value.quarantined;
    status.link = { frames: agent.parser.frames, bad: agent.parser.bad };
    return status;
  }
  if (!rt) return refusal('E_EMPTY', 'the board runs no system', 'understudy flash');
  if (verb === 'drop') {
    const busy = occupied(rt, 'staged');
    if (busy) return busy;
    agent.transfer = null;
    dropStaged(rt);
    return {};
  }
  if (verb === 'word') {
    const why = say(rt, request.word as 'start' | 'commit' | 'abort', String(request.op));
    return why === null ? {} : refusal('E_REFUSED', why, '');
  }
  return refusal('E_REQUEST', 'no verb named ' + String(verb), 'is the firmware older than the command?');
}

function hearFrame(agent: Agent, frame: Frame): void {
  let reply: Reply;
  if (frame.kind === KIND_DATA) {
    try {
      reply = hearData(agent, frame);
    } catch (error) {
      agent.transfer = null;
      reply = refusal('E_FLASH', (error as Error).message, 'begin again; if it stays, the flash is worn');
    }
    agent.replies.push(encodeFrame(KIND_REPLY, frame.stream, frame.sequence, encode(reply), agent.crc));
    return;
  }
  if (frame.kind !== KIND_REQUEST) return;
  const mark = agent.crc(frame.payload, 0, frame.payload.length, 0);
  const again =
    frame.stream === agent.lastStream && frame.sequence === agent.lastSequence && mark === agent.lastRequest;
  if (!again || !agent.lastReply) {
    try {
      reply = answer(agent, decode(frame.payload) as Reply);
      if (reply.error === undefined) reply.ok = true;
    } catch (error) {
      reply = refusal('E_BOARD', (error as Error).message, '');
    }
    agent.lastStream = frame.stream;
    agent.lastSequence = frame.sequence;
    agent.lastRequest = mark;
    agent.lastReply = encode(reply);
    if (agent.lastReply.length > PAYLOAD_MAX) {
      const long = agent.lastReply.length + ' bytes of reply; a frame holds ' + PAYLOAD_MAX;
      agent.lastReply = encode(refusal('E_LONG', long, 'fewer processes on one board'));
    }
  }
  agent.replies.push(encodeFrame(KIND_REPLY, frame.stream, frame.sequence, agent.lastReply as Uint8Array, agent.crc));
}

/** Bytes from the host. */
export function hearSerial(agent: Agent, bytes: Uint8Array): void {
  const now = agent.hal.now();
  const onFrame = function (frame: Frame): void {
    hearFrame(agent, frame);
  };
  if (now - agent.heardAt > (agent.hal.quietMs || QUIET_MS)) flush(agent.parser, onFrame);
  agent.heardAt = now;
  feed(agent.parser, bytes, onFrame);
}
