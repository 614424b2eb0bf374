// Parts of the runtime by themselves: channels, device queues, the agent.

import { beforeEach, describe, expect, test } from 'vitest';
import type { Agent } from '../firmware/agent.ts';
import { createAgent, hearSerial } from '../firmware/agent.ts';
import type { Io } from '../firmware/application.ts';
import { createApplication } from '../firmware/application.ts';
import {
  acknowledge,
  acknowledged,
  dropOld,
  enqueue,
  full,
  outgoingOf,
  queueMax,
  repeatDue,
  repeatTo,
  sendAcks,
  transmitAll,
} from '../firmware/channel.ts';
import type { Message } from '../firmware/core/types.ts';
import { createDevices, takeInput } from '../firmware/device.ts';
import { admit, createDriver, renewDriver } from '../firmware/driver.ts';
import { bodyMax, encodeImage, readSlot, slotAt } from '../firmware/image.ts';
import { REPEAT_MAX_MS, REPEAT_MS, WINDOW } from '../firmware/limits.ts';
import { unknownPeer } from '../firmware/peer.ts';
import type { BoardPlan } from '../firmware/plan.ts';
import { openRecords } from '../firmware/record.ts';
import type { Runtime } from '../firmware/state.ts';
import { closedStore } from '../firmware/store.ts';
import { decodePacket, encodePacket, PACKET_ACK, PACKET_DATA } from '../firmware/wire.ts';
import type { Board, Flash, Hal } from '../hal/hal.ts';
import type { Frame } from '../host/session/frames.ts';
import {
  createParser,
  crc32,
  decodeHost,
  encodeFrame,
  encodeHost,
  feed,
  KIND_DATA,
  KIND_REPLY,
  KIND_REQUEST,
} from '../host/session/frames.ts';
import { bootBoard } from '../host/testbed/board.ts';
import type { Nor } from '../host/testbed/nor.ts';
import { openNor } from '../host/testbed/nor.ts';
import { bundleText } from './fixtures/bundle.ts';
import { base, COMPUTE, GYRO, SENSORS, upgradeOf } from './fixtures/lab.ts';

const GEOMETRY = { sectorBytes: 4096, sectors: 64, programBytes: 8 };

interface Bench {
  rt: Runtime;
  time: number;
  /** packets sent, decoded */
  bus: unknown[][];
}

function bench(board: number): Bench {
  const version = base();
  const out: Bench = { rt: undefined as unknown as Runtime, time: 1000, bus: [] };
  const hal = {
    board: version.plan.boards[board],
    flash: openNor(GEOMETRY),
    now: () => out.time,
    random: () => 1,
    bus: (bytes: Uint8Array) => {
      out.bus.push(decodePacket(bytes, crc32) as unknown[]);
    },
    output: () => {},
  } as unknown as Hal;
  out.rt = {
    hal,
    crc: crc32,
    records: openRecords(hal.flash, crc32),
    store: closedStore(''),
    boot: 3,
    life: 3,
    clock: 0,
    replaying: 0,
    stirred: false,
    acted: false,
    beatDue: false,
    recordDue: false,
    abort: '',
    flush: () => {},
    board,
    active: { ...version, modules: {} },
    staged: null,
    op: null,
    other: null,
    previous: '',
    epoch: 1,
    guarded: false,
    live: version.plan.components.map((_, c) => 2 * c),
    locals: [],
    outgoing: [],
    busy: [],
    stash: [],
    acks: [],
    peers: version.plan.boards.map(() => ({ ...unknownPeer(), life: 7, plan: version.hash, heardAt: 1000 })),
    lowAt: [],
    devices: createDevices(version.plan, board),
    started: true,
    bootedAt: 0,
    beatAt: 0,
    lost: '',
    interrupted: '',
    behindAt: -1,
    restart: false,
    trace: null,
    bus: { sent: 0, received: 0, resent: 0, bad: 0 },
  };
  return out;
}

const app = (n: number, epoch = 1): Message => ({
  kind: 'app',
  n,
  epoch,
  q: n,
  k: 0,
  T: [],
  V: [],
  type: 0,
  data: new Uint8Array(1),
});
const numbers = (b: Bench): number[] => b.bus.filter((p) => p[0] === PACKET_DATA).map((p) => p[6] as number);

describe('packets', () => {
  test('any damaged bit is seen', () => {
    const bytes = encodePacket([PACKET_ACK, 1, 2, 3, 4, 500], crc32);
    expect(decodePacket(bytes, crc32)).toEqual([PACKET_ACK, 1, 2, 3, 4, 500]);
    for (let bit = 0; bit < 8 * bytes.length; bit++) {
      const bad = bytes.slice();
      bad[bit >> 3] = (bad[bit >> 3] as number) ^ (1 << (bit & 7));
      expect(decodePacket(bad, crc32)).toBeNull();
    }
    for (let length = 0; length < bytes.length; length++)
      expect(decodePacket(bytes.subarray(0, length), crc32)).toBeNull();
  });
});

describe('channels', () => {
  test('no more than a window is on the bus, in order; an acknowledgement lets the next ones go', () => {
    const b = bench(SENSORS);
    const channel = outgoingOf(b.rt, 0, -1, 2);
    for (let n = 1; n <= WINDOW + 10; n++) enqueue(b.rt, channel, app(n));
    transmitAll(b.rt);
    expect(numbers(b)).toEqual(Array.from({ length: WINDOW }, (_, i) => i + 1));
    acknowledged(b.rt, channel, 4, 1);
    transmitAll(b.rt);
    expect(numbers(b).slice(WINDOW)).toEqual([WINDOW + 1, WINDOW + 2, WINDOW + 3, WINDOW + 4]);
    expect(channel.ackedQ).toBe(4);
    acknowledged(b.rt, channel, 2, 1);
    expect(channel.ackedQ).toBe(4);
    expect(channel.queue.length).toBe(WINDOW + 6);
  });

  test('what is not acknowledged in time is repeated, the oldest first, and more and more patiently', () => {
    const b = bench(SENSORS);
    const channel = outgoingOf(b.rt, 0, -1, 2);
    for (let n = 1; n <= 3; n++) enqueue(b.rt, channel, app(n));
    transmitAll(b.rt);
    b.bus = [];
    b.time += REPEAT_MS - 1;
    repeatDue(b.rt, b.time);
    expect(numbers(b)).toEqual([]);
    b.time += 1;
    const next = repeatDue(b.rt, b.time);
    expect(numbers(b)[0]).toBe(1);
    expect(next - b.time).toBeGreaterThanOrEqual(2 * REPEAT_MS);
    for (let i = 0; i < 20; i++) {
      b.time += 2 * REPEAT_MAX_MS;
      repeatDue(b.rt, b.time);
    }
    expect(b.rt.bus.resent).toBeGreaterThanOrEqual(21);
    expect(new Set(numbers(b))).not.toContain(4);
  });

  test('a board that answers late is waited for on all channels to it; one that is back is not', () => {
    const b = bench(SENSORS);
    const one = outgoingOf(b.rt, 0, -1, 2);
    const other = outgoingOf(b.rt, 0, -1, 3);
    enqueue(b.rt, one, app(1));
    enqueue(b.rt, other, app(1));
    transmitAll(b.rt);
    b.time += REPEAT_MS - 1;
    acknowledged(b.rt, one, 1, 1);
    b.bus = [];
    b.time += 2 * REPEAT_MS - 4;
    repeatDue(b.rt, b.time);
    expect(numbers(b)).toEqual([]);
    b.time += REPEAT_MS;
    repeatDue(b.rt, b.time);
    expect(numbers(b)).toEqual([1]);
    b.bus = [];
    b.time += REPEAT_MS;
    repeatDue(b.rt, b.time);
    expect(numbers(b)).toEqual([]);
    repeatTo(b.rt, COMPUTE);
    repeatDue(b.rt, b.time);
    expect(numbers(b)).toEqual([1]);
  });

  test('nothing goes to a board that is not there, or runs another version', () => {
    const b = bench(SENSORS);
    const peer = b.rt.peers[COMPUTE];
    if (peer) peer.plan = 'another';
    enqueue(b.rt, outgoingOf(b.rt, 0, -1, 2), app(1));
    transmitAll(b.rt);
    expect(b.bus).toEqual([]);
  });

  test('a channel that begins again at 1 leaves its old life behind', () => {
    const b = bench(SENSORS);
    const channel = outgoingOf(b.rt, 0, -1, 3);
    for (let n = 1; n <= 3; n++) enqueue(b.rt, channel, app(n));
    acknowledged(b.rt, channel, 1, 1);
    enqueue(b.rt, channel, app(1, 2));
    expect(channel.queue.map((m) => [m.n, m.epoch])).toEqual([[1, 2]]);
    expect(channel.ackedQ).toBe(0);
    // nor does a late acknowledgement of the old life take anything from the new one (PROTOCOL 5.0.5)
    acknowledged(b.rt, channel, 1, 1);
    expect(channel.queue.map((m) => [m.n, m.epoch])).toEqual([[1, 2]]);
    acknowledged(b.rt, channel, 1, 2);
    expect(channel.queue).toEqual([]);
  });

  test('inputs stand in the order of their numbers, each once', () => {
    const b = bench(SENSORS);
    const channel = outgoingOf(b.rt, -1, GYRO, 2);
    const input = (i: number): Message => ({ kind: 'input', n: 0, epoch: 1, device: GYRO, i, data: new Uint8Array(4) });
    for (const i of [5, 7, 6, 7, 5, 8]) enqueue(b.rt, channel, input(i));
    expect(channel.queue.map((m) => m.i)).toEqual([5, 6, 7, 8]);
    expect(channel.base).toBe(5);
  });

  test('what no receiver will ever take is dropped, and no more', () => {
    const b = bench(SENSORS);
    const channel = outgoingOf(b.rt, 0, -1, 2);
    for (let n = 1; n <= 4; n++) enqueue(b.rt, channel, app(n, n < 3 ? 1 : 2));
    transmitAll(b.rt);
    dropOld(channel, 2);
    expect(channel.queue.map((m) => m.n)).toEqual([3, 4]);
    expect(channel.flying).toBe(2);
    expect(channel.ackedQ).toBe(0);
  });

  test('an acknowledgement says what was taken, even where the numbers have begun again since', () => {
    const b = bench(SENSORS);
    acknowledge(b.rt, 2, 0, 4, 1);
    acknowledge(b.rt, 2, 0, 5, 1);
    acknowledge(b.rt, 2, 0, 1, 1);
    acknowledge(b.rt, 6, 0, 2, 1);
    acknowledge(b.rt, 6, 0, 1, 2);
    sendAcks(b.rt);
    expect(b.bus.map((p) => [p[1], p[5], p[6]])).toEqual([
      [2, 5, 1],
      [6, 1, 2],
    ]);
    expect(b.rt.acks).toEqual([]);
  });

  test('a process whose channel is full takes nothing new', () => {
    const b = bench(SENSORS);
    const channel = outgoingOf(b.rt, 0, -1, 2);
    const max = queueMax(b.rt);
    const half = max >> 1;
    for (let n = 1; n < half; n++) enqueue(b.rt, channel, app(n));
    expect(full(b.rt, 0, true)).toBe(false);
    enqueue(b.rt, channel, app(half));
    // an input or a timer waits now; a message may still be answered
    expect(full(b.rt, 0, true)).toBe(true);
    for (let n = half + 1; n < max; n++) enqueue(b.rt, channel, app(n));
    expect(full(b.rt, 0, false)).toBe(false);
    enqueue(b.rt, channel, app(max));
    expect(full(b.rt, 0, false)).toBe(true);
    expect(full(b.rt, 8, true)).toBe(false);
  });
});

describe('rates', () => {
  const PER_SECOND = 10;
  const component = { name: 'a', sends: [[0, [1]]], drives: [], reads: [] };
  const type = { name: 'Word', fields: [{ name: 'n', kind: 'u8', count: 0 }], perSecond: PER_SECOND };
  const plan = { components: [component], types: [type], devices: [] } as unknown as BoardPlan;
  /** sends at these times, ms, so many messages each: how many events pass */
  const passing = (times: number[], count: number): number => {
    const send = (_: unknown, __: unknown, io: Io): void => {
      for (let i = 0; i < count; i++) io.send('Word', { n: i });
    };
    const app = createApplication(
      { timers: { tick: send } },
      () => plan,
      0,
      (run) => run(),
    );
    const state = app.initial();
    let passed = 0;
    for (const t of times) {
      try {
        app.handle(state, { kind: 'timer', name: 'tick', t, seed: 0 }, []);
        passed++;
      } catch (error) {
        expect((error as Error).message).toBe(`flood: Word above ${PER_SECOND} per second`);
        break;
      }
    }
    return passed;
  };

  test('after a silence more may go at once, but not from one event, however slow its board is', () => {
    expect(passing([0, 0, 0, 0, 0, 0], PER_SECOND)).toBe(5);
    expect(passing([0], 2 * PER_SECOND)).toBe(1);
    expect(passing([0], 2 * PER_SECOND + 1)).toBe(0);
    expect(passing([0, 60_000, 120_000], 2 * PER_SECOND + 1)).toBe(0);
  });
});

describe('devices', () => {
  test('an input that no reader has room for is dropped before it has a number', () => {
    const b = bench(SENSORS);
    const state = b.rt.devices[GYRO];
    const max = queueMax(b.rt);
    for (let i = 0; i < max; i++) takeInput(b.rt, 'gyro', new Uint8Array(4));
    expect(state).toMatchObject({ inputs: max, dropped: 0 });
    takeInput(b.rt, 'gyro', new Uint8Array(4));
    expect(state).toMatchObject({ inputs: max, dropped: 1 });
    const channel = outgoingOf(b.rt, -1, GYRO, 0);
    acknowledged(b.rt, channel, 1, -1);
    takeInput(b.rt, 'gyro', new Uint8Array(4));
    expect(channel.queue.at(-1)?.i).toBe(max + 1);
  });

  test('inputs of devices elsewhere or of no device are nobody’s', () => {
    const b = bench(COMPUTE);
    takeInput(b.rt, 'gyro', new Uint8Array(4));
    takeInput(b.rt, 'nothing', new Uint8Array(4));
    expect(b.rt.outgoing).toEqual([]);
  });

  test('a driver does each number once, set-points always, and forgets a component that begins anew', () => {
    const driver = createDriver();
    expect([1, 2, 2, 1, 3].map((e) => admit(driver, 4, e, false))).toEqual([true, true, false, false, true]);
    expect(admit(driver, 2, 1, false)).toBe(true);
    expect(admit(driver, 4, 0, true)).toBe(true);
    renewDriver(driver, 4);
    expect(admit(driver, 4, 1, false)).toBe(true);
    expect(admit(driver, 2, 1, false)).toBe(false);
  });
});

/** A board by itself on its serial line. */
class Desk {
  nor: Nor;
  board!: Board;
  time = 0;
  resets = 0;
  replies: { sequence: number; value: Record<string, unknown> }[] = [];
  private sequence = 0;
  private readonly parser = createParser(crc32);
  private readonly bundle: string;
  flash: Flash;

  constructor(bundle: string, nor = openNor(GEOMETRY)) {
    this.bundle = bundle;
    this.nor = nor;
    this.flash = nor;
    this.boot();
  }

  boot(): void {
    this.board = bootBoard({
      bundle: this.bundle,
      name: 'compute',
      flash: this.flash,
      memoryBytes: 0,
      interrupts: false,
      handlerMs: 1000,
      now: () => this.time,
      random: () => 1,
      serial: (bytes) => {
        feed(this.parser, bytes, (frame: Frame) => {
          if (frame.kind !== KIND_REPLY) return;
          this.replies.push({ sequence: frame.sequence, value: decodeHost(frame.payload) as Record<string, unknown> });
        });
      },
      bus: () => {},
      output: () => {},
      reset: () => {
        this.resets++;
      },
    });
    this.board.poll();
  }

  send(kind: number, sequence: number, payload: Uint8Array): Record<string, unknown> {
    this.time += 1;
    this.board.serial(encodeFrame(kind, 9, sequence, payload, crc32));
    if (this.resets > 0) {
      this.resets = 0;
      this.boot();
    }
    return this.replies.at(-1)?.value ?? {};
  }

  ask(verb: string, args: Record<string, unknown> = {}, sequence = ++this.sequence): Record<string, unknown> {
    return this.send(KIND_REQUEST, sequence, encodeHost({ verb, ...args }));
  }

  put(slot: string, body: Uint8Array, hash: string, crc = crc32(body, 0, body.length, 0)): Record<string, unknown> {
    const opened = this.ask('put', { slot, bytes: body.length, crc, hash });
    if (opened.error) return opened;
    for (let at = 0; at < body.length; at += 1000) {
      const data = this.data(body, at, Math.min(body.length, at + 1000));
      if (data.error) return data;
    }
    return this.ask('done');
  }

  data(body: Uint8Array, from: number, to: number): Record<string, unknown> {
    const payload = new Uint8Array(4 + to - from);
    new DataView(payload.buffer).setUint32(0, from, true);
    payload.set(body.subarray(from, to), 4);
    return this.send(KIND_DATA, 999, payload);
  }

  running(): string | undefined {
    return (this.ask('hello').plan as { hash: string } | null)?.hash;
  }
}

describe('agent', () => {
  const version = base();
  const body = encodeImage(version);
  let bundle = '';
  beforeEach(async () => {
    bundle = await bundleText();
  });
  const flashed = (): Desk => {
    const desk = new Desk(bundle);
    expect(desk.put('active', body, version.hash)).toMatchObject({ ok: true, hash: version.hash });
    expect(desk.running()).toBe(version.hash);
    return desk;
  };

  test('a board without a system says so, and answers what it can', () => {
    const desk = new Desk(bundle);
    expect(desk.ask('hello')).toMatchObject({
      ok: true,
      board: 'compute',
      plan: null,
      problem: 'no system was flashed yet',
    });
    expect(desk.ask('status')).toMatchObject({ ok: true, processes: [], plan: null });
    expect(desk.ask('word', { word: 'start', op: '' })).toMatchObject({ error: 'E_EMPTY' });
    expect(desk.ask('put', { slot: 'staged', bytes: 10, crc: 0, hash: '' })).toMatchObject({ error: 'E_EMPTY' });
  });

  test('an unknown verb, no map, no verb at all', () => {
    const desk = flashed();
    expect(desk.ask('dance')).toMatchObject({ error: 'E_REQUEST' });
    expect(desk.send(KIND_REQUEST, 500, encodeHost(7))).toHaveProperty('error');
    expect(desk.send(KIND_REQUEST, 501, new Uint8Array([0xff, 0x00]))).toHaveProperty('error');
    expect(desk.running()).toBe(version.hash);
  });

  test('a request that is repeated is answered again, not done again', () => {
    const desk = flashed();
    const boots = desk.ask('hello').boot as number;
    const put = { slot: 'staged', bytes: 5000, crc: 0, hash: 'x' };
    desk.ask('put', put, 700);
    const erases = desk.nor.counts.erases;
    desk.data(new Uint8Array(5000), 0, 1000);
    expect(desk.ask('put', put, 700)).toEqual({ ok: true, next: 0 });
    expect(desk.nor.counts.erases).toBe(erases);
    expect(desk.data(new Uint8Array(5000), 1000, 2000)).toMatchObject({ next: 2000 });
    // the same number with another content is another request
    expect(desk.ask('hello', {}, 700)).toMatchObject({ boot: boots });
  });

  test('E_SPACE, E_CRC, E_TRUNCATED, E_TRANSFER, E_IMAGE, E_BOARD: the running version stays', () => {
    const desk = flashed();
    const room = bodyMax(desk.nor);
    expect(desk.ask('put', { slot: 'active', bytes: room + 1, crc: 0, hash: '' })).toMatchObject({ error: 'E_SPACE' });
    expect(desk.ask('put', { slot: 'active', bytes: 0, crc: 0, hash: '' })).toMatchObject({ error: 'E_SPACE' });
    expect(desk.ask('put', { slot: 'third', bytes: 1, crc: 0, hash: '' })).toMatchObject({ error: 'E_REQUEST' });
    expect(desk.ask('done')).toMatchObject({ error: 'E_TRANSFER' });
    expect(desk.data(body, 0, 10)).toMatchObject({ error: 'E_TRANSFER' });
    expect(desk.put('active', body, version.hash, 1234)).toMatchObject({ error: 'E_CRC' });
    desk.ask('put', { slot: 'active', bytes: body.length, crc: 0, hash: '' });
    desk.data(body, 0, 500);
    expect(desk.ask('done')).toMatchObject({ error: 'E_TRUNCATED' });
    expect(desk.put('active', new Uint8Array([1, 2, 3]), '')).toMatchObject({ error: 'E_IMAGE' });
    expect(desk.put('active', body, 'another')).toMatchObject({ error: 'E_IMAGE' });
    const elsewhere = base((plan) => {
      plan.boards[1] = 'somewhere';
    });
    expect(desk.put('active', encodeImage(elsewhere), elsewhere.hash)).toMatchObject({ error: 'E_BOARD' });
    expect(desk.put('staged', body, version.hash)).toMatchObject({ error: 'E_STAGE' });
    const broken = upgradeOf(version, { components: { 1: {} } });
    const entry = broken.plan.components[1];
    if (entry) broken.modules[entry.module] = 'this is no module (';
    expect(desk.put('staged', encodeImage(broken), broken.hash)).toMatchObject({ error: 'E_STAGE' });
    expect(desk.running()).toBe(version.hash);
    desk.boot();
    expect(desk.running()).toBe(version.hash);
  });

  test('power cuts anywhere in a transfer to either slot: the active version still boots', () => {
    const next = base((plan) => {
      plan.name = 'next';
    });
    const bytes = encodeImage(next);
    let seen = { old: 0, fresh: 0 };
    for (let steps = 0; steps < 40; steps++) {
      const desk = flashed();
      let left = steps < 30 ? steps : 16 + (steps - 30) / 2;
      const nor = desk.nor;
      desk.flash = {
        ...nor,
        read: nor.read,
        program: (at, data) => {
          if (left-- > 0) nor.program(at, data);
          else throw new Error('power cut');
        },
        erase: (sector) => {
          if (left-- > 0) nor.erase(sector);
          else throw new Error('power cut');
        },
      };
      left += 1;
      desk.boot();
      desk.put('active', bytes, next.hash);
      desk.flash = nor;
      desk.boot();
      const runs = desk.running();
      expect([version.hash, next.hash]).toContain(runs);
      if (runs === version.hash) seen = { ...seen, old: seen.old + 1 };
      else seen = { ...seen, fresh: seen.fresh + 1 };
      // and it can be flashed again
      expect(desk.put('active', bytes, next.hash)).toMatchObject({ ok: true });
      expect(desk.running()).toBe(next.hash);
    }
    expect(seen.old).toBeGreaterThan(10);
    expect(seen.fresh).toBeGreaterThan(3);
  });

  test('an image that is whole and of no use does not take the board away', () => {
    const desk = flashed();
    const useless = { plan: { components: [], boards: ['compute'] }, hash: 'useless', modules: {} };
    const bytes = encodeImage(useless as never);
    expect(desk.put('active', bytes, 'useless')).toMatchObject({ ok: true });
    expect(desk.ask('hello')).toMatchObject({ ok: true, plan: null });
    expect(String(desk.ask('hello').problem)).toMatch(/cannot be run/);
    expect(desk.put('active', body, version.hash)).toMatchObject({ ok: true });
    expect(desk.running()).toBe(version.hash);
  });

  test('damaged flash under the active image is told, and mended by flashing', () => {
    const desk = flashed();
    const slot = typeof readSlot(desk.nor, 0, crc32, 'compute') === 'string' ? 1 : 0;
    const at = slotAt(desk.nor, slot) + 500;
    desk.nor.bytes[at] = (desk.nor.bytes[at] as number) ^ 1;
    desk.boot();
    expect(desk.ask('hello')).toMatchObject({ plan: null, problem: 'its body is damaged' });
    expect(desk.put('active', body, version.hash)).toMatchObject({ ok: true });
    expect(desk.running()).toBe(version.hash);
  });
});

test('noise on the line is no request', () => {
  const b = bench(SENSORS);
  const sent: Uint8Array[] = [];
  const hal = { ...b.rt.hal, serial: (bytes: Uint8Array) => sent.push(bytes) } as unknown as Hal;
  const agent: Agent = createAgent(hal, crc32, '0', b.rt.records);
  for (let i = 0; i < 50; i++)
    hearSerial(
      agent,
      Uint8Array.from({ length: 40 }, (_, k) => (i * 37 + k * 101) & 0xff),
    );
  expect(sent).toEqual([]);
});
