// What goes over the daemon's socket: one JSON object a line. Requests {id, method, params}, answers {id, result} or
// {id, error}, and events {event, …} at any time. Bytes are {"$b64": …}.

import type { Socket } from 'node:net';
import { EXIT, type Exit, Failure } from '../failure.ts';

/** A longer line is no message of ours. */
export const MESSAGE_MAX = 64 << 20;

export interface WireError {
  code: string;
  exit: Exit;
  message: string;
  next: string;
}

export interface Message {
  id?: number;
  method?: string;
  params?: Record<string, unknown>;
  result?: unknown;
  error?: WireError;
  event?: string;
  [field: string]: unknown;
}

export function encodeMessage(message: unknown): string {
  return `${JSON.stringify(message, (_key, value: unknown) => {
    if (value instanceof Uint8Array) return { $b64: Buffer.from(value).toString('base64') };
    return typeof value === 'bigint' ? Number(value) : value;
  })}\n`;
}

export function decodeMessage(line: string): Message {
  const value = JSON.parse(line, (_key, item: unknown) => {
    const bytes = (item as { $b64?: unknown } | null)?.$b64;
    return typeof bytes === 'string' ? new Uint8Array(Buffer.from(bytes, 'base64')) : item;
  }) as unknown;
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new Error('not an object');
  return value as Message;
}

/** Calls `onLine` with each line; a line without end that grows beyond MESSAGE_MAX ends the socket. */
export function readLines(socket: Socket, onLine: (line: string) => void): void {
  let parts: Buffer[] = [];
  let held = 0;
  socket.on('data', (chunk: Buffer) => {
    let from = 0;
    for (let at = chunk.indexOf(10); at >= 0; at = chunk.indexOf(10, from)) {
      parts.push(chunk.subarray(from, at));
      const line = Buffer.concat(parts).toString('utf8');
      parts = [];
      held = 0;
      from = at + 1;
      if (line.trim() !== '') onLine(line);
    }
    if (from < chunk.length) {
      parts.push(chunk.subarray(from));
      held += chunk.length - from;
    }
    if (held > MESSAGE_MAX) socket.destroy(new Error('line too long'));
  });
}

/** Anything thrown, as the other side can be told it. What is no Failure is a bug of ours. */
export function toWire(error: unknown): WireError {
  if (error instanceof Failure) {
    return { code: error.code, exit: error.exit, message: error.message, next: error.next };
  }
  const message = error instanceof Error ? error.message : String(error);
  return { code: 'E_BUG', exit: EXIT.bug, message, next: "the testbed's log has the details (testbed.log)" };
}

export function fromWire(error: WireError): Failure {
  return new Failure(error.code, error.exit, error.message, error.next);
}
