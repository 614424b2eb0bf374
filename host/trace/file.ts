// Trace files: NDJSON, one line an event with its effects, a note, or the header that comes first. JSON has no
// bytes, and not every number; those are written as objects of one key that begins with `$`, so that what is read
// is what was written, and a replay of the trace gives the same effects to the byte.

import { createReadStream, createWriteStream } from 'node:fs';
import type { Readable, Writable } from 'node:stream';
import type { TraceLine } from '../check/types.ts';
import { EXIT, Failure } from '../failure.ts';

export const TRACE_VERSION = 1;

/** What the first line may say beyond what the checkers need. */
export interface TraceHeader extends TraceLine {
  system?: string;
  plan?: string;
  /** names by number, for people */
  devices?: string[];
  types?: string[];
}

export interface Trace {
  header: TraceHeader;
  /** every line, the header too */
  lines: TraceLine[];
  /** the file ends in the middle of a line, which is left out: its recording was cut off */
  incomplete: boolean;
}

const VIEWS: Record<string, new (buffer: ArrayBuffer) => ArrayBufferView> = {
  $Int8Array: Int8Array,
  $Uint8ClampedArray: Uint8ClampedArray,
  $Int16Array: Int16Array,
  $Uint16Array: Uint16Array,
  $Int32Array: Int32Array,
  $Uint32Array: Uint32Array,
  $Float32Array: Float32Array,
  $Float64Array: Float64Array,
};

function base64(view: ArrayBufferView): string {
  return Buffer.from(view.buffer, view.byteOffset, view.byteLength).toString('base64');
}

/** Bytes always come back as a plain Uint8Array, whatever kind of Buffer they were: comparisons must not differ. */
function bytesOf(text: string): Uint8Array<ArrayBuffer> {
  const bytes = Buffer.from(text, 'base64');
  const out = new Uint8Array(bytes.length);
  out.set(bytes);
  return out;
}

function viewName(view: ArrayBufferView): string {
  for (const name of Object.keys(VIEWS)) {
    const View = VIEWS[name];
    if (View && view instanceof View) return name;
  }
  return '$b64';
}

/** The same value as JSON can hold it; the value itself where nothing has to change. */
function pack(value: unknown): unknown {
  if (typeof value === 'number') {
    return Number.isFinite(value) && !Object.is(value, -0)
      ? value
      : { $number: Object.is(value, -0) ? '-0' : `${value}` };
  }
  if (typeof value === 'bigint') return { $bigint: `${value}` };
  if (typeof value !== 'object' || value === null) return value;
  if (ArrayBuffer.isView(value)) return { [viewName(value)]: base64(value) };
  if (Array.isArray(value)) {
    let changed: unknown[] | null = null;
    for (let i = 0; i < value.length; i++) {
      const item = pack(value[i]);
      if (item !== value[i]) {
        changed ??= value.slice();
        changed[i] = item;
      }
    }
    return changed ?? value;
  }
  const keys = Object.keys(value);
  let changed: Record<string, unknown> | null = null;
  for (const key of keys) {
    const before = (value as Record<string, unknown>)[key];
    const item = pack(before);
    if (item !== before) {
      changed ??= { ...(value as Record<string, unknown>) };
      changed[key] = item;
    }
  }
  const out = changed ?? value;
  // somebody else's object of one key that begins with `$` must not be taken for ours
  return keys.length === 1 && keys[0]?.startsWith('$') ? { $: out } : out;
}

function unpack(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) {
    for (let i = 0; i < value.length; i++) value[i] = unpack(value[i]);
    return value;
  }
  const object = value as Record<string, unknown>;
  const keys = Object.keys(object);
  const key = keys[0];
  if (keys.length === 1 && key?.startsWith('$')) {
    const inner = object[key];
    if (key === '$') return unpackFields(inner as Record<string, unknown>);
    if (typeof inner === 'string') {
      if (key === '$b64') return bytesOf(inner);
      if (key === '$number') return Number(inner);
      if (key === '$bigint') return BigInt(inner);
      const View = VIEWS[key];
      if (View) return new View(bytesOf(inner).buffer);
    }
    throw new Error(`unknown kind of value ${key}`);
  }
  return unpackFields(object);
}

function unpackFields(object: Record<string, unknown>): Record<string, unknown> {
  for (const key of Object.keys(object)) object[key] = unpack(object[key]);
  return object;
}

/** One line of a trace file, without its line feed. */
export function encodeLine(line: TraceLine): string {
  return JSON.stringify(pack(line));
}

function bad(file: string, number: number, cause: string, next: string): Failure {
  return new Failure('E_TRACE', EXIT.usage, `${file}:${number}: ${cause}`, next);
}

/** What a line must be for anybody to make sense of it. Returns what is wrong, or null. */
function wrong(line: TraceLine): string | null {
  if (typeof line !== 'object' || line === null || Array.isArray(line)) return 'not an object';
  if (line.trace !== undefined) {
    if (line.trace !== 'understudy') return `a trace of "${line.trace}", not of "understudy"`;
    if (line.v !== TRACE_VERSION) return `trace version ${line.v}, and this program reads ${TRACE_VERSION}`;
    return Array.isArray(line.processes) ? null : 'a header without "processes"';
  }
  if (line.t !== undefined && typeof line.t !== 'number') return '"t" is not a number of µs';
  if (line.note !== undefined) return typeof line.note?.kind === 'string' ? null : 'a note without "kind"';
  if (typeof line.process !== 'string') return 'neither a header, a note, nor a step ("process" is missing)';
  if (typeof line.event?.kind !== 'string') return 'a step without "event"';
  if (line.effects !== undefined && !Array.isArray(line.effects)) return '"effects" is not a list';
  return null;
}

/** Reads one line; `number` and `file` are for the error. */
export function decodeLine(text: string, number = 1, file = 'trace'): TraceLine {
  let line: TraceLine;
  try {
    line = unpack(JSON.parse(text)) as TraceLine;
  } catch (error) {
    const why = (error as Error).message;
    throw bad(file, number, `not a line of a trace: ${why}`, 'is this a *.trace.ndjson file, one object a line?');
  }
  const why = wrong(line);
  if (why) throw bad(file, number, why, 'was the file edited, or written by another version?');
  return line;
}

/** What remains to be known about a file that was read line by line. */
export interface Reading {
  lines: number;
  incomplete: boolean;
}

/**
 * The lines of a trace as they come, in constant memory. The first must be a header. Only a last line without a
 * line feed may be broken: it is left out, and `reading.incomplete` says so.
 */
export async function* readLines(
  source: AsyncIterable<Uint8Array | string>,
  file = 'trace',
  reading: Reading = { lines: 0, incomplete: false },
): AsyncGenerator<TraceLine> {
  const decoder = new TextDecoder();
  let rest = '';
  const take = (text: string): TraceLine | null => {
    reading.lines++;
    if (text.trim() === '') return null;
    const line = decodeLine(text, reading.lines, file);
    if (reading.lines === 1 && line.trace === undefined) {
      throw bad(file, 1, 'the first line is no header', 'give the whole recording: its first line names the processes');
    }
    return line;
  };
  for await (const chunk of source) {
    rest += typeof chunk === 'string' ? chunk : decoder.decode(chunk, { stream: true });
    let from = 0;
    for (let at = rest.indexOf('\n'); at >= 0; at = rest.indexOf('\n', from)) {
      const line = take(rest.slice(from, at));
      from = at + 1;
      if (line) yield line;
    }
    rest = rest.slice(from);
  }
  if (rest.trim() === '') return;
  let last: TraceLine | null = null;
  try {
    last = take(rest);
  } catch (error) {
    if (reading.lines === 1) throw error;
    reading.incomplete = true;
  }
  if (last) yield last;
}

async function collect(lines: AsyncIterable<TraceLine>, reading: Reading, file: string): Promise<Trace> {
  const all: TraceLine[] = [];
  for await (const line of lines) all.push(line);
  const header = all[0];
  if (!header) throw bad(file, 1, 'the file is empty', 'record again: a trace has at least its header');
  return { header, lines: all, incomplete: reading.incomplete };
}

/** Reads a trace file line by line, for what need not hold it whole. */
export async function* streamTrace(path: string, reading?: Reading): AsyncGenerator<TraceLine> {
  const stream = createReadStream(path);
  try {
    yield* readLines(stream, path, reading);
  } catch (error) {
    if (error instanceof Failure) throw error;
    const code = (error as NodeJS.ErrnoException).code ?? '';
    const exit = code === 'EACCES' ? EXIT.permission : EXIT.usage;
    throw new Failure(
      'E_FILE',
      exit,
      `cannot read ${path}: ${(error as Error).message}`,
      'check the path of the trace',
    );
  } finally {
    stream.destroy();
  }
}

/** Reads a whole trace file. */
export async function readTrace(path: string): Promise<Trace> {
  const reading: Reading = { lines: 0, incomplete: false };
  return collect(streamTrace(path, reading), reading, path);
}

/** Reads a whole trace from elsewhere, a pipe for instance. */
export async function readTraceFrom(
  source: Readable | AsyncIterable<string | Uint8Array>,
  name = 'trace',
): Promise<Trace> {
  const reading: Reading = { lines: 0, incomplete: false };
  return collect(readLines(source, name, reading), reading, name);
}

/** Puts the header in front of lines as they came from the boards. */
export function createHeader(
  system: string,
  plan: string,
  processes: [number, string, string][],
  names: { devices?: string[]; types?: string[] } = {},
): TraceHeader {
  return { v: TRACE_VERSION, trace: 'understudy', system, plan, processes, ...names };
}

export interface TraceWriter {
  write(line: TraceLine): void;
  lines: number;
  /** resolves when everything is in the file; rejects with what went wrong on the way */
  close(): Promise<void>;
}

/** Writes a trace as it comes. The header is the first line. */
export function createTraceWriter(target: string | Writable, header: TraceLine): TraceWriter {
  const stream = typeof target === 'string' ? createWriteStream(target) : target;
  const name = typeof target === 'string' ? target : 'the trace';
  let error: Error | null = null;
  stream.on('error', (e: Error) => {
    error ??= e;
  });
  const failed = (e: Error): Failure => {
    const exit = (e as NodeJS.ErrnoException).code === 'EACCES' ? EXIT.permission : EXIT.usage;
    return new Failure('E_FILE', exit, `cannot write ${name}: ${e.message}`, 'choose another file, or make room');
  };
  const writer: TraceWriter = {
    lines: 0,
    write(line) {
      if (error) throw failed(error);
      stream.write(`${encodeLine(line)}\n`);
      writer.lines++;
    },
    close() {
      return new Promise((resolve, reject) => {
        if (error) reject(failed(error));
        stream.once('error', (e: Error) => reject(failed(e)));
        stream.end((e?: Error | null) => {
          const why = e ?? error;
          if (why) reject(failed(why));
          else resolve();
        });
      });
    },
  };
  writer.write(header);
  return writer;
}

/** Writes a whole trace. */
export async function writeTrace(path: string, lines: Iterable<TraceLine>): Promise<void> {
  let writer: TraceWriter | null = null;
  for (const line of lines) {
    if (writer) writer.write(line);
    else writer = createTraceWriter(path, line);
  }
  if (!writer) throw new Failure('E_TRACE', EXIT.bug, 'a trace without a header cannot be written');
  await writer.close();
}
