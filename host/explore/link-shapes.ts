// Small links that are explored whole: what is sent on each channel, and what may happen to it.

import type { Message, Pid } from '../../firmware/core/types.ts';

/** A message of a sender's script (-1: a device); life counts how often its channel has begun again. */
export interface Scripted {
  from: Pid;
  to: Pid;
  life: number;
  message: Message;
}

export interface LinkShape {
  name: string;
  bounds: string;
  /** what goes on each channel, in order; the channels are independent of each other */
  scripts: Scripted[][];
  /** the receiver waits for a start, and is its new version's seat */
  seat: boolean;
  /** the receiver may declare the sender dead, and close its channel */
  verdict: boolean;
  /** repeat timers run out as moves of their own; what they put on the bus is on it in any case */
  repeats: boolean;
  /** either board may lose power, at any time and any number of times, and takes up its log: its life goes on */
  power: boolean;
  /** so often may each board begin anew without a log: a new life, and channels that begin again at 1 */
  restarts: number;
}

/** the process whose channel may be closed, and which may hand over to a seat */
export const SENDER = 0;

function message(kind: Message['kind'], n: number, epoch: number, rest: Partial<Message> = {}): Message {
  return { kind, n, epoch, ...rest };
}

/** Its data says which life of the channel it is of. */
function app(n: number, epoch: number, life = 0): Message {
  return message('app', n, epoch, { q: n, k: 0, T: [], V: [], type: 0, data: life });
}

/** A control message that asks for no answer; the last word of an epoch is one to the link. */
function last(n: number, epoch: number): Message {
  return message('passed', n, epoch, { V: [] });
}

function report(n: number, epoch: number, cut: 'start' | 'cancel'): Message {
  return message('report', n, epoch, { cut, op: 'u1', why: '', V: [], ends: [] });
}

const to1 = (life: number, ...messages: Message[]): Scripted[] =>
  messages.map((m) => ({ from: SENDER, to: 2, life, message: m }));
/** the same messages in each of so many lives of the channel */
const lives = (count: number, messages: number): Scripted[] => {
  const out: Scripted[] = [];
  for (let life = 0; life < count; life++) {
    for (let n = 1; n <= messages; n++) out.push(...to1(life, app(n, 0, life)));
  }
  return out;
};
const toSeat = (from: Pid, life: number, ...messages: Message[]): Scripted[] =>
  messages.map((m) => ({ from, to: 1, life, message: m }));
const handover = (n: number, epoch: number): Message => message('handover', n, epoch, { op: 'u1' });

/** inputs of device 0 to the process that reads it */
const inputs = (...numbers: number[]): Scripted[] =>
  numbers.map((i) => ({ from: -1, to: 2, life: 0, message: message('input', 0, 0, { device: 0, i, data: null }) }));

/** The number of a message on its channel. */
export function numberIn(m: { kind: string; n?: number; i?: number }): number {
  return (m.kind === 'input' ? m.i : m.n) as number;
}

export const LINK_SHAPES: LinkShape[] = [
  {
    name: 'link',
    bounds: '4 messages, any loss, repetition, order',
    scripts: [to1(0, app(1, 0), app(2, 0), app(3, 0), app(4, 0))],
    seat: false,
    repeats: true,
    verdict: false,
    power: false,
    restarts: 0,
  },
  {
    name: 'link-epoch',
    bounds: '2 messages, the last word of an epoch, 1 message of the next',
    scripts: [to1(0, app(1, 0), app(2, 0), last(3, 0), app(4, 1))],
    seat: false,
    repeats: true,
    verdict: false,
    power: false,
    restarts: 0,
  },
  {
    name: 'link-verdict',
    bounds: '2 messages, the last word, 1 verdict',
    scripts: [to1(0, app(1, 0), app(2, 0), last(3, 0))],
    seat: false,
    repeats: true,
    verdict: true,
    power: false,
    restarts: 0,
  },
  {
    name: 'link-power',
    bounds: '3 messages, any power cuts of either end',
    scripts: [to1(0, app(1, 0), app(2, 0), app(3, 0))],
    seat: false,
    repeats: true,
    verdict: false,
    power: true,
    restarts: 0,
  },
  {
    name: 'link-power-verdict',
    bounds: '2 messages, the last word, 1 verdict, any power cuts of either end',
    scripts: [to1(0, app(1, 0), app(2, 0), last(3, 0))],
    seat: false,
    repeats: true,
    verdict: true,
    power: true,
    restarts: 0,
  },
  {
    name: 'link-inputs',
    bounds: '3 inputs of a device',
    scripts: [inputs(1, 2, 3)],
    seat: false,
    repeats: true,
    verdict: false,
    power: false,
    restarts: 0,
  },
  {
    name: 'link-inputs-power',
    bounds: '3 inputs of a device, any power cuts of either end',
    scripts: [inputs(1, 2, 3)],
    seat: false,
    repeats: true,
    verdict: false,
    power: true,
    restarts: 0,
  },
  {
    name: 'link-seat',
    bounds: 'a cancelled start and another: the channels begin again',
    scripts: [
      [...toSeat(0, 0, handover(1, 0), report(2, 0, 'cancel')), ...toSeat(0, 1, handover(1, 1), report(2, 1, 'start'))],
      [...toSeat(4, 0, report(1, 0, 'cancel')), ...toSeat(4, 1, report(1, 1, 'start'))],
    ],
    seat: true,
    repeats: false,
    verdict: false,
    power: false,
    restarts: 0,
  },
  {
    name: 'link-seat-power',
    bounds: 'the same, any power cuts of either end',
    scripts: [
      [...toSeat(0, 0, handover(1, 0), report(2, 0, 'cancel')), ...toSeat(0, 1, handover(1, 1), report(2, 1, 'start'))],
      [...toSeat(4, 0, report(1, 0, 'cancel')), ...toSeat(4, 1, report(1, 1, 'start'))],
    ],
    seat: true,
    repeats: false,
    verdict: false,
    power: true,
    restarts: 0,
  },
  {
    name: 'link-restart',
    bounds: '2 messages in each life of the channel, 1 restart of each end without a log',
    scripts: [lives(3, 2)],
    seat: false,
    repeats: true,
    verdict: false,
    power: false,
    restarts: 1,
  },
  {
    name: 'link-restart-power',
    bounds: '1 message in each life, 1 restart of each end without a log, any power cuts of either end',
    scripts: [lives(3, 1)],
    seat: false,
    repeats: true,
    verdict: false,
    power: true,
    restarts: 1,
  },
];
