// Channels as a trace shows them: sends and receipts of each ordered pair of processes, matched by their numbers.
// Numbers begin again at 1 where one end begins a new life: a `run` of the channel.

import type { TraceEvent, TraceMessage } from './types.ts';

export interface Sent<Entry> {
  n: number;
  run: number;
  message: TraceMessage;
  entry: Entry | null;
  /** index of the step that sent it */
  step: number;
}

export interface Channel<Entry> {
  sends: Sent<Entry>[];
  /** index of the last send received, or -1 */
  got: number;
  run: number;
  /** one end has begun anew since the last send */
  renewed: boolean;
}

export function isNumbered(event: TraceEvent): boolean {
  return event.from !== undefined && event.n !== undefined && event.n > 0 && event.kind !== 'input';
}

export function createChannel<Entry>(): Channel<Entry> {
  return { sends: [], got: -1, run: 0, renewed: false };
}

/** Records a send. Returns what is wrong with its number, or null. */
export function noteSend<Entry>(
  channel: Channel<Entry>,
  message: TraceMessage,
  entry: Entry | null,
  step: number,
  renewable: boolean,
): string | null {
  const n = message.n as number;
  const last = channel.sends[channel.sends.length - 1];
  const begins = n === 1 && last !== undefined && (renewable || channel.renewed);
  if (begins) channel.run++;
  const expected = last === undefined || begins ? 1 : last.n + 1;
  channel.sends.push({ n, run: channel.run, message, entry, step });
  channel.renewed = false;
  return n === expected ? null : `sent number ${n}, expected ${expected}`;
}

/**
 * Index of the send that a receipt takes, or -1: none yet. The epoch counts too: where a start was cancelled, the next
 * one begins the channels to its seats at 1 again, and what was sent before may never have been taken.
 */
function find<Entry>(channel: Channel<Entry>, event: TraceEvent): number {
  let found = -1;
  for (let i = channel.got + 1; i < channel.sends.length; i++) {
    const sent = channel.sends[i];
    if (sent?.n !== event.n) continue;
    if (sent?.message.epoch !== undefined && sent.message.epoch < (event.epoch ?? 0)) continue;
    // a receiver that has begun anew takes the message of a later run; the kind tells them apart
    if (sent?.message.kind === event.kind) return i;
    if (found < 0) found = i;
  }
  return found;
}

/** A receipt can be looked at once its send has been, or when it plainly repeats an earlier one. */
export function canReceive<Entry>(channel: Channel<Entry> | undefined, event: TraceEvent): boolean {
  if (!channel) return false;
  const n = event.n as number;
  const last = channel.sends[channel.got];
  return find(channel, event) >= 0 || (n > 1 && last !== undefined && n <= last.n);
}

/** Matches a receipt. `why`: what is wrong with its number. */
export function noteReceipt<Entry>(
  channel: Channel<Entry>,
  event: TraceEvent,
): { sent: Sent<Entry> | null; why: string | null } {
  const n = event.n as number;
  const i = find(channel, event);
  if (i < 0) {
    const repeat = channel.sends.slice(0, channel.got + 1).some((s) => s.n === n);
    return { sent: null, why: repeat ? `number ${n} was taken twice` : `number ${n} was never sent` };
  }
  const sent = channel.sends[i] as Sent<Entry>;
  let why: string | null = null;
  const next = channel.sends[channel.got + 1] as Sent<Entry>;
  const before = channel.sends[i - 1];
  const skipped = i > channel.got + 1;
  if (skipped && (next.run === sent.run || before?.run === sent.run)) {
    why = `took number ${n}, but ${next.run === sent.run ? next.n : 1} was to come first`;
  }
  channel.got = i;
  return { sent, why };
}
