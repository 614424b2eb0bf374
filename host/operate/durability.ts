// What durability costs a board, before anything runs: bytes and writes of its journal, erases, how long its flash lasts,
// and whether the bases fit. One formula, from the records themselves: each kind of event is packed as a board packs it
// (firmware/entry.ts), and its length counted.
//
//   record    = 8 B (the ring's header) + the packed event or fact, to the next multiple of 4
//   bytes/s   = Σ events/s × record + Σ facts/s × record + Σ bases/s × base, in whole program units for each write
//   events/s  = messages and inputs that come; one `passed` for each output of another process's; heartbeats of shadows
//   facts/s   = inputs of the board's devices (an event of such an input then carries no data), outputs of kind `each`
//   bases/s   = for each process, once every REPLAY_EVENTS events or a quarter of the ring, whichever comes first
//   writes/s  = what comes over the bus or from a device each has its own; where units are so large that records wait for
//               company (SHARE_MS), what one component, or the devices of one board, send at a time has one
//   erases/s  = bytes/s / what a sector holds behind its header; the ring erases its sectors in turn
//
// Left out, for nobody can tell beforehand or it comes seldom: timers, words, cuts, `acked`, repeated messages.

import { runInContext } from 'node:vm';
import { createApplication } from '../../firmware/application.ts';
import type { Module } from '../../firmware/application.ts';
import { create } from '../../firmware/core/core.ts';
import type { Application, Event, Operation } from '../../firmware/core/types.ts';
import { FACT_DONE, FACT_INPUT, packEvent } from '../../firmware/entry.ts';
import { RECORD_SECTORS, slotBytes } from '../../firmware/image.ts';
import { BASE_PART, JOURNAL_BYTES_MIN, REPLAY_EVENTS, RESERVE_BYTES, SHARE_UNIT } from '../../firmware/limits.ts';
import { encode } from '../../firmware/link/cbor.ts';
import { packedBytes } from '../../firmware/link/pack.ts';
import type { ComponentPlan, Plan } from '../../firmware/plan.ts';
import { room } from '../../firmware/store.ts';
import type { Flash } from '../../hal/hal.ts';
import { openRing, RECORD_HEADER, SECTOR_HEADER, SECTORS_MAX, SECTORS_MIN } from '../../hal/ring.ts';
import { CYCLES } from '../journal.ts';
import { bareContext } from '../testbed/bare.ts';
import type { Version } from './version.ts';

export type Part = Pick<Flash, 'sectorBytes' | 'sectors' | 'programBytes'> & {
  /** erases that a sector stands; CYCLES where it is not told */
  endurance?: number;
};

/** Of what nobody has given a rate. */
const ASSUMED_PER_SECOND = 10;
/** A module that takes longer to evaluate hangs, ms. */
const EVALUATE_MS = 2000;
/** Of a base: what stands around a process's state, and in its channels, marks and log on a quiet bus. */
const BASE_EXTRA = 250;
/** The board's own base. */
const BOARD_BASE = 320;
/** A base may be so many times longer than it is at rest, while messages wait. */
const BASE_SPREAD = 1.5;
/** Numbers as they are after an hour or so: a longer run has some that take two bytes more. */
const NUMBER = 40_000;

/** Per second: messages on one channel by index of their type, inputs or outputs by index of their device. */
export interface Rates {
  messages: number[];
  devices: number[];
}

export interface JournalPlan {
  sectors: number;
  /** bytes that the ring holds; 0: there is no room for one */
  capacity: number;
  /** bytes of the bases of its processes, and what the ring must hold at least */
  bases: number;
  wanted: number;
  perSecond: { events: number; writes: number; bytes: number };
  erasesPerHour: number;
  /** erases that a sector stands */
  endurance: number;
  /** until each sector has been erased so often, h; Infinity: nothing is written */
  lifetimeHours: number;
}

interface Runner {
  component: number;
  entry: ComponentPlan;
  /** the plan whose messages and senders are this process's */
  version: Version;
  role: 'active' | 'low' | 'shadow';
}

function up(n: number, unit: number): number {
  return Math.ceil(n / unit) * unit;
}

export function journalSectors(part: Part): number {
  const first = RECORD_SECTORS + (2 * slotBytes(part as Flash)) / part.sectorBytes;
  const sectors = Math.min(SECTORS_MAX, part.sectors - first);
  return sectors < SECTORS_MIN || sectors * part.sectorBytes < JOURNAL_BYTES_MIN ? 0 : sectors;
}

/** Bytes of records that the empty ring of such a part takes: it keeps some for what a power cut may want of it. */
export function journalRoom(part: Part): number {
  const sectors = journalSectors(part);
  if (sectors === 0) return 0;
  const nothing = (): never => {
    throw new Error('a blank flash, to be read only');
  };
  const blank: Flash = {
    ...part,
    read: (_, length) => new Uint8Array(length).fill(0xff),
    program: nothing,
    erase: nothing,
  };
  return room(openRing(blank, () => 0, 0, sectors, 1));
}

/**
 * The rates that the description allows (`perSecond`). A device without one counts as fast as the fastest message of the
 * components that read or drive it.
 */
export function declaredRates(plan: Plan): Rates {
  const messages = plan.types.map((type) => type.perSecond || ASSUMED_PER_SECOND);
  const around = (c: number): number[] => [
    ...(plan.components[c]?.sends ?? []).map(([type]) => messages[type] ?? 0),
    ...plan.components.flatMap((s) =>
      (s?.sends ?? []).flatMap(([type, to]) => (to.includes(c) ? [messages[type] ?? 0] : [])),
    ),
  ];
  const devices = plan.devices.map((device, d) => {
    if (device.perSecond > 0) return device.perSecond;
    const near = plan.components.flatMap((c, i) => (c && [...c.reads, ...c.drives].includes(d) ? around(i) : []));
    return near.length > 0 ? Math.max(...near) : ASSUMED_PER_SECOND;
  });
  return { messages, devices };
}

/** Who runs where: in guarded operation with the upgrade, or the system as it is. */
function runners(base: Version, upgrade: Version | null): Runner[] {
  const out: Runner[] = [];
  const cluster = upgrade?.plan.upgrade?.cluster ?? [];
  const add = (version: Version, component: number, role: Runner['role']): void => {
    const entry = version.plan.components[component];
    if (entry) out.push({ component, entry, version, role });
  };
  const count = Math.max(base.plan.components.length, upgrade?.plan.components.length ?? 0);
  for (let c = 0; c < count; c++) {
    if (!cluster.includes(c)) add(upgrade ?? base, c, 'active');
    else {
      add(base, c, 'shadow');
      if (upgrade) add(upgrade, c, 'low');
    }
  }
  return out;
}

function record(fields: unknown[]): number {
  return up(RECORD_HEADER + encode(fields).length, 4);
}

/** Bytes of the record of an event. */
function eventRecord(count: number, event: Partial<Event>, known = false): number {
  const packed = packEvent({ t: 0, seed: 0, ...event } as Event, known);
  // process, µs since the record before, digest
  return record([4, Math.max(count, 10_000), NUMBER, ...packed]);
}

interface Flow {
  perSecond: number;
  bytes: number;
  /** it shares the write of what has caused it on this board */
  shares: boolean;
  /** component that it comes from, or -1 - board of the device */
  source: number;
}

function flowsOf(all: Runner[], of: Runner, rates: Rates, board: string, count: number): Flow[] {
  const { plan } = of.version;
  const upgraded = all.some((r) => r.role === 'low');
  const vector = upgraded ? all.filter((r) => r.role === 'low').map(() => count) : [];
  const common = { n: count, epoch: 2 };
  const here = (entry: ComponentPlan): boolean => plan.boards[entry.board] === board;
  const flows: Flow[] = [];
  const deaf = (sender: Runner): boolean => (sender.role === 'shadow') !== (of.role === 'shadow');
  for (const sender of all) {
    if (sender === of) continue;
    // a shadow hears the other shadows and all that did not change; who is no shadow hears none
    if (deaf(sender) && !(of.role === 'shadow' && sender.role === 'active')) continue;
    const { entry } = sender;
    for (const [type, to] of entry.sends) {
      const bytes = plan.types[type]?.bytes ?? sender.version.plan.types[type]?.bytes;
      if (!to.includes(of.component) || bytes === undefined) continue;
      const event = {
        ...common,
        kind: 'app' as const,
        from: 2,
        type,
        q: count,
        k: upgraded ? count : 0,
        T: vector,
        V: vector,
      };
      const size = eventRecord(count, { ...event, data: new Uint8Array(bytes) });
      flows.push({
        perSecond: rates.messages[type] ?? ASSUMED_PER_SECOND,
        bytes: size,
        shares: here(entry),
        source: sender.component,
      });
    }
  }
  for (const d of of.entry.reads) {
    const device = plan.devices[d];
    if (!device?.in) continue;
    const known = plan.boards[device.board] === board;
    const data = new Uint8Array(packedBytes(device.in));
    const bytes = eventRecord(count, { ...common, kind: 'input', device: d, i: count, data }, known);
    flows.push({ perSecond: rates.devices[d] ?? ASSUMED_PER_SECOND, bytes, shares: known, source: -1 - device.board });
  }
  if (!upgraded) return flows;
  for (const sender of all) {
    if (sender.role === 'shadow' || sender === of) continue;
    for (const d of sender.entry.drives) {
      const bytes = eventRecord(count, { ...common, kind: 'passed', from: 2, V: vector });
      flows.push({
        perSecond: rates.devices[d] ?? ASSUMED_PER_SECOND,
        bytes,
        shares: here(sender.entry),
        source: sender.component,
      });
    }
  }
  if (of.role !== 'shadow') return flows;
  const low = all.find((r) => r.role === 'low' && r.component === of.component);
  if (!low) return flows;
  const inside = (c: number): boolean => all.some((r) => r.role === 'low' && r.component === c);
  const border = low.entry.sends.flatMap(([type, to]) => to.filter((c) => !inside(c)).map((c) => [type, c] as const));
  const news =
    border.reduce((sum, [type]) => sum + (rates.messages[type] ?? 0), 0) +
    low.entry.drives.reduce((sum, d) => sum + (rates.devices[d] ?? 0), 0);
  const beats = 1000 / plan.policy.heartbeatMs;
  const marks = border.map(([, c]): [number, number] => [c, count]);
  const sent = border.map(([, c]): [number, number, number] => [c, count, count]);
  const done = low.entry.drives.map((d): [number, number] => [d, count]);
  const beat = { kind: 'heartbeat' as const, from: 2, epoch: 2, V: vector, acked: marks, done, sent };
  // sent, and then acknowledged and validated
  flows.push({
    perSecond: Math.min(beats, 2 * news),
    bytes: eventRecord(count, beat),
    shares: here(low.entry),
    source: of.component,
  });
  return flows;
}

const sizes = new Map<string, number>();

/** Bytes of a process's base: it is created here as on a board, with the state that its module begins with. */
function baseBytes(of: Runner, operation: Operation | null): number {
  const { plan, modules } = of.version;
  const key = `${of.entry.module} ${of.component} ${plan.components.length} ${operation?.id ?? ''}`;
  const known = sizes.get(key);
  if (known !== undefined) return known;
  let app = { initial: () => new Uint8Array(0) } as unknown as Application;
  try {
    const text = modules[of.entry.module] ?? '';
    const module = runInContext(text, bareContext(), { timeout: EVALUATE_MS }) as Module;
    const made = createApplication(
      module,
      () => plan,
      of.component,
      (fn) => fn(),
    );
    made.initial();
    app = made;
  } catch {
    // what does not evaluate is refused elsewhere
  }
  const live = plan.components.map((component, c) => (component ? 2 * c : -1));
  const latest = plan.devices.map((device) => device.latest);
  const setup = { pid: 2 * of.component, epoch: 1, live, devices: plan.devices.length, latest, operation };
  const process = create({ ...setup, rules: 'corrected', role: 'active' }, app);
  process.staged = operation;
  const bytes = encode(process).length + BASE_EXTRA;
  sizes.set(key, bytes);
  return bytes;
}

function operationOf(upgrade: Version | null): Operation | null {
  const info = upgrade?.plan.upgrade;
  if (!info) return null;
  const { commitAfterMs, validated, lead } = upgrade.plan.policy;
  const lows = info.cluster.map((c) => 2 * c + 1);
  return {
    id: upgrade.hash,
    cluster: info.cluster,
    lows,
    added: info.added,
    policy: { commitAfterMs, validated, lead },
  };
}

/**
 * The journal of one board, in guarded operation with the upgrade, or without one at all times. `count`: how far messages
 * and inputs have been counted, which makes records a few bytes longer.
 */
export function journalPlan(
  base: Version,
  upgrade: Version | null,
  board: string,
  part: Part,
  rates: Rates,
  count = NUMBER,
): JournalPlan {
  const all = runners(base, upgrade);
  const here = all.filter((r) => r.version.plan.boards[r.entry.board] === board);
  const { plan } = upgrade ?? base;
  const operation = operationOf(upgrade);
  const sectors = journalSectors(part);
  const unit = Math.max(4, part.programBytes);
  const data = part.sectorBytes - up(SECTOR_HEADER, part.programBytes);
  const capacity = journalRoom(part);
  const endurance = part.endurance ?? CYCLES;

  const streams = here.map((r) => ({ bytes: baseBytes(r, operation), events: 0 }));
  const sources = new Map<number, number>();
  let events = 0;
  let bytes = 0;
  let writes = 0;
  let facts = 0;
  const arrives = (source: number, perSecond: number): void => {
    writes += perSecond;
    sources.set(source, Math.max(sources.get(source) ?? 0, perSecond));
  };
  here.forEach((r, i) => {
    for (const flow of flowsOf(all, r, rates, board, count)) {
      events += flow.perSecond;
      bytes += flow.perSecond * flow.bytes;
      if (!flow.shares) arrives(flow.source, flow.perSecond);
      (streams[i] as { events: number }).events += flow.perSecond;
    }
  });
  plan.devices.forEach((device, d) => {
    if (plan.boards[device.board] !== board) return;
    const rate = rates.devices[d] ?? ASSUMED_PER_SECOND;
    if (device.in) {
      facts += rate;
      arrives(-1 - device.board, rate);
      bytes += rate * record([FACT_INPUT, d, count, new Uint8Array(packedBytes(device.in))]);
    } else if (!device.latest) {
      facts += rate;
      bytes += rate * record([FACT_DONE, d, 3, count]);
    }
  });
  if (unit >= SHARE_UNIT) {
    writes = [...sources.values()].reduce((sum, rate) => sum + rate, 0);
    if (writes > 0) bytes = writes * up(bytes / writes, unit);
  } else bytes += (writes * (unit - 4)) / 2;
  streams.push({ bytes: BOARD_BASE, events: facts });
  const turns = capacity > 0 ? bytes / (capacity / 4) : 0;
  for (const stream of streams) {
    const parts = Math.ceil(stream.bytes / BASE_PART);
    const often = Math.max(stream.events / REPLAY_EVENTS, turns);
    bytes += often * up(stream.bytes + parts * (RECORD_HEADER + 10), unit);
    writes += often;
  }
  const erases = bytes / data;
  const bases = streams.reduce((sum, s) => sum + s.bytes, 0);
  return {
    sectors,
    capacity,
    bases,
    wanted: Math.round(2 * BASE_SPREAD * bases + RESERVE_BYTES),
    perSecond: { events, writes, bytes },
    erasesPerHour: erases * 3600,
    endurance,
    lifetimeHours: erases > 0 && sectors > 0 ? (endurance * sectors) / erases / 3600 : Number.POSITIVE_INFINITY,
  };
}
