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
  /** power cuts of each board */
  power: number;
}

/** the process whose channel may be closed, and which may hand over to a seat */
export const SENDER = 0;

function message(kind: Message['kind'], n: number, epoch: number, rest: Partial<Message> = {}): Message {
  return { kind, n, epoch, ...rest };
}

function app(n: number, epoch: number): Message {
  return message('app', n, epoch, { q: n, k: 0, T: [], V: [], type: 0, data: n });
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
    power: 0,
  },
  {
    name: 'link-epoch',
    bounds: '2 messages, the last word of an epoch, 1 message of the next',
    scripts: [to1(0, app(1, 0), app(2, 0), last(3, 0), app(4, 1))],
    seat: false,
    repeats: true,
    verdict: false,
    power: 0,
  },
  {
    name: 'link-verdict',
    bounds: '2 messages, the last word, 1 verdict',
    scripts: [to1(0, app(1, 0), app(2, 0), last(3, 0))],
    seat: false,
    repeats: true,
    verdict: true,
    power: 0,
  },
  {
    name: 'link-power',
    bounds: '2 messages, 1 power cut of each end',
    scripts: [to1(0, app(1, 0), app(2, 0))],
    seat: false,
    repeats: true,
    verdict: false,
    power: 1,
  },
  {
    name: 'link-power-verdict',
    bounds: '1 message, the last word, 1 verdict, 1 power cut of each end',
    scripts: [to1(0, app(1, 0), last(2, 0))],
    seat: false,
    repeats: true,
    verdict: true,
    power: 1,
  },
  {
    name: 'link-inputs',
    bounds: '3 inputs of a device',
    scripts: [inputs(1, 2, 3)],
    seat: false,
    repeats: true,
    verdict: false,
    power: 0,
  },
  {
    name: 'link-inputs-power',
    bounds: '2 inputs of a device, 1 power cut of each end',
    scripts: [inputs(1, 2)],
    seat: false,
    repeats: true,
    verdict: false,
    power: 1,
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
    power: 0,
  },
];
