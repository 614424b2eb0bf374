// Names for people: a trace speaks in numbers, its header says what they are called.

import type { TraceLine, TraceMessage } from '../check/types.ts';
import type { TraceHeader } from './file.ts';

export interface Names {
  process(pid: number | undefined): string;
  component(component: number | undefined): string;
  device(device: number | string | undefined): string;
  type(type: number | undefined): string;
}

export function createNames(header: TraceHeader): Names {
  const processes = new Map<number, string>();
  for (const [pid, name] of header.processes ?? []) processes.set(pid, name);
  const component = (c: number | undefined): string => {
    if (c === undefined) return '?';
    const name = processes.get(2 * c) ?? processes.get(2 * c + 1);
    return name ? componentOf(name) : `component ${c}`;
  };
  return {
    process: (pid) => (pid === undefined ? '?' : (processes.get(pid) ?? `process ${pid}`)),
    component,
    device(device) {
      if (typeof device === 'string') return device;
      if (device === undefined) return '?';
      return header.devices?.[device] ?? `device ${device}`;
    },
    type: (type) => (type === undefined ? '' : (header.types?.[type] ?? '')),
  };
}

/** `estimator/1` is the second version of `estimator`. */
export function componentOf(process: string): string {
  return process.split('/')[0] ?? process;
}

/** Short name of an application message: its numbers as the protocol counts them. */
export function messageLabel(message: TraceMessage): string {
  const parts: string[] = [];
  if (message.q) parts.push(`q${message.q}`);
  if (message.k) parts.push(`k${message.k}`);
  return parts.join(' ') || message.kind;
}

/** The message type, which the checkers do not need and so do not know. */
export function typeOf(message: TraceMessage): number | undefined {
  return (message as TraceMessage & { type?: number }).type;
}

export function vectorText(v: number[] | undefined): string {
  return v && v.length > 0 ? `[${v.join(' ')}]` : '[]';
}

/** The time of a trace line in seconds, to the ms. */
export function secondsText(us: number): string {
  return (us / 1e6).toFixed(3);
}

/** A length of time, in the unit that fits it. */
export function durationText(us: number): string {
  if (us < 1000) return `${Math.round(us)} µs`;
  if (us < 10_000) return `${trimmed(us / 1e3, 1)} ms`;
  if (us < 1e6) return `${Math.round(us / 1e3)} ms`;
  if (us < 60e6) return `${trimmed(us / 1e6, us < 10e6 ? 1 : 0)} s`;
  return `${trimmed(us / 60e6, 1)} min`;
}

function trimmed(value: number, digits: number): string {
  return value.toFixed(digits).replace(/\.0$/, '');
}

/** Header of a trace held in memory. */
export function headerOf(lines: TraceLine[]): TraceHeader {
  for (const line of lines) if (line.trace !== undefined) return line;
  return {};
}
