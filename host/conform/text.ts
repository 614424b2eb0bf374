// What a replay has found, for people: the count, or the first difference with both answers, one effect a line.

import { VERSION } from '../../firmware/main.ts';
import type { TraceEffect, TraceLine } from '../check/types.ts';
import type { Names } from '../trace/names.ts';
import { createNames, secondsText } from '../trace/names.ts';
import type { Conformance, Difference, Left } from './conform.ts';

/** Bytes, elements and differences that are shown in full. */
const BYTES_MAX = 16;
const ITEMS_MAX = 8;
const MORE_MAX = 10;
/** Effects that agree are shown so far around the first that does not. */
const AROUND = 3;

function bytesText(view: ArrayBufferView): string {
  const bytes = new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
  const hex = [...bytes.subarray(0, BYTES_MAX)].map((byte) => byte.toString(16).padStart(2, '0')).join(' ');
  return `<${hex}${bytes.length > BYTES_MAX ? ` … ${bytes.length} bytes` : ''}>`;
}

function valueText(value: unknown): string {
  if (value === undefined) return 'nothing';
  if (Object.is(value, -0)) return '-0';
  if (ArrayBuffer.isView(value)) return bytesText(value);
  if (Array.isArray(value)) {
    const items = value.slice(0, ITEMS_MAX).map(valueText);
    if (value.length > ITEMS_MAX) items.push(`… ${value.length} in all`);
    return `[${items.join(' ')}]`;
  }
  if (typeof value !== 'object' || value === null)
    return typeof value === 'string' ? JSON.stringify(value) : `${value}`;
  return `{${fieldsText(value, [])}}`;
}

function fieldsText(object: object, without: string[]): string {
  return Object.entries(object)
    .filter(([name, value]) => value !== undefined && !without.includes(name))
    .map(([name, value]) => `${name} ${valueText(value)}`)
    .join(', ');
}

function withFields(what: string, object: object, without: string[]): string {
  const fields = fieldsText(object, without);
  return fields === '' ? what : `${what}: ${fields}`;
}

export function effectText(effect: TraceEffect, names: Names): string {
  if (effect.kind === 'send' && effect.message) {
    return withFields(`send ${effect.message.kind} to ${names.process(effect.to)}`, effect.message, ['kind']);
  }
  if (effect.kind === 'output')
    return withFields(`output to ${names.device(effect.device)}`, effect, ['kind', 'device']);
  return withFields(effect.kind, effect, ['kind']);
}

function eventText(difference: Difference, names: Names): string {
  const { event } = difference;
  const from = event.from === undefined ? '' : ` from ${names.process(event.from)}`;
  return withFields(`${event.kind}${from}`, event, ['kind', 'from']);
}

function headText(difference: Difference): string {
  const { process, board, n, t, line } = difference;
  return `${process} on ${board}, event ${n} at ${secondsText(t)} s (line ${line})`;
}

/** Both answers as one list, `-` what the board did, `+` what the core says; then the value that differs. */
export function differenceText(difference: Difference, names: Names): string[] {
  const { did, says, at, place } = difference;
  const out = [`${headText(difference)}: ${difference.why}`, `  ${eventText(difference, names)}`];
  if (at >= 0) {
    const first = Math.max(0, at - AROUND);
    if (first > 0) out.push(`    … ${first} effects alike`);
    for (const effect of did.slice(first, at)) out.push(`    ${effectText(effect, names)}`);
    const mine = did[at];
    const other = says[at];
    if (mine) out.push(`  - ${effectText(mine, names)}`);
    if (other) out.push(`  + ${effectText(other, names)}`);
    if (place) out.push(`    ${place.path}: the board ${valueText(place.board)}, the core ${valueText(place.core)}`);
    const more = [did.length - at - 1, says.length - at - 1].map((count) => Math.max(0, count));
    if (more.some((count) => count > 0)) out.push(`    … ${more[0]} more of the board, ${more[1]} of the core`);
    out.push('  - what the board did   + what the core says');
  }
  out.push(`  next: ${difference.next}`);
  return out;
}

function many(count: number, what: string): string {
  return `${count.toLocaleString('en-GB')} ${what}${count === 1 ? '' : 's'}`;
}

/** What was left out, by process and reason. */
function leftText(left: Left[]): string[] {
  const sums = new Map<string, { who: string; events: number; why: string }>();
  for (const { process, board, events, why } of left) {
    const sum = sums.get(`${process} ${board} ${why}`) ?? { who: `${process} on ${board}`, events: 0, why };
    sum.events += events;
    sums.set(`${process} ${board} ${why}`, sum);
  }
  const all = [...sums.values()];
  const out = all
    .slice(0, MORE_MAX)
    .map((sum) => `not replayed: ${many(sum.events, 'event')} of ${sum.who}: ${sum.why}`);
  if (all.length > MORE_MAX) out.push(`… and of ${many(all.length - MORE_MAX, 'more process')}`);
  return out;
}

/** Share of the events that were replayed, never rounded up to all. */
function shareText(agreed: number, events: number): string {
  return agreed === events ? '' : ` of ${many(events, 'event')}, ${Math.floor((1000 * agreed) / events) / 10} %,`;
}

export function conformanceText(result: Conformance, header: TraceLine): string {
  const { events, agreed, processes, differences, left } = result;
  const names = createNames(header);
  const out: string[] = [];
  const [first, ...others] = differences;
  if (first) out.push(...differenceText(first, names));
  for (const other of others.slice(0, MORE_MAX)) out.push(`also ${headText(other)}: ${other.why}`);
  if (others.length > MORE_MAX) out.push(`… and ${others.length - MORE_MAX} more`);
  const what =
    agreed === events ? many(events, 'event') : `${agreed.toLocaleString('en-GB')}${shareText(agreed, events)}`;
  const of = agreed === events ? ` of ${processes} processes` : '';
  const judgement = first ? `${many(differences.length, 'difference')}` : 'all agree';
  out.push(`${what}${of} replayed${first ? ' alike' : ''}: ${judgement}`);
  out.push(...leftText(left));
  for (const [board, version] of result.firmware) {
    out.push(`${board} ran firmware ${version}: it may have another core than this program, ${VERSION}`);
  }
  if (result.repeated > 0) {
    out.push(`${many(result.repeated, 'event')} done again after power cuts, as before`);
  }
  if (result.interrupted > 0) {
    out.push(`${many(result.interrupted, 'call')} that the board interrupted counted as interrupted, and not run`);
  }
  if (result.reworded > 0) out.push(`${many(result.reworded, 'error')} of the engine worded in another way`);
  return out.join('\n');
}
