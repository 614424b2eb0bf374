// What commands print: data on stdout, everything else on stderr; plain tables for people, JSON with --json.

import { EXIT, type Exit, Failure } from '../failure.ts';

export interface Output {
  json: boolean;
  /** a table or text for people; with --json the value instead */
  data(value: unknown, text: () => string): void;
  /** what is going on, for people only */
  say(text: string): void;
}

export function createOutput(json: boolean): Output {
  return {
    json,
    data(value, text) {
      process.stdout.write(json ? `${JSON.stringify(value, plain)}\n` : `${text()}\n`);
    },
    say(text) {
      if (!json) process.stderr.write(`${text}\n`);
    },
  };
}

/** Bytes as base64, failures as what they say. */
function plain(_key: string, value: unknown): unknown {
  if (value instanceof Uint8Array) return Buffer.from(value).toString('base64');
  if (value instanceof Failure) return { code: value.code, cause: value.message, next: value.next };
  return value;
}

export function colour(): boolean {
  return process.stdout.isTTY === true && !process.env.NO_COLOR;
}

/** Columns as wide as their widest cell; numbers to the right. */
export function table(head: string[], rows: (string | number)[][]): string {
  const all = [head, ...rows.map((row) => row.map(String))];
  const widths = head.map((_, i) => Math.max(...all.map((row) => [...(row[i] ?? '')].length)));
  const right = head.map((_, i) => rows.length > 0 && rows.every((row) => typeof row[i] === 'number'));
  return all
    .map((row) =>
      row
        .map((cell, i) => {
          const room = ' '.repeat((widths[i] ?? 0) - [...cell].length);
          return right[i] ? room + cell : cell + room;
        })
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

/** Prints an error as its reader needs it, and gives the exit code. An error that is no Failure is our bug. */
export function explain(error: unknown, json: boolean): Exit {
  const { code, message, next, exit } = error instanceof Failure ? error : bug(error);
  if (json) process.stderr.write(`${JSON.stringify({ error: { code, cause: message, next, exit } })}\n`);
  else process.stderr.write(`${code}  ${message}\n${next ? `  next: ${next}\n` : ''}`);
  return exit;
}

function bug(error: unknown): Failure {
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return new Failure('E_BUG', EXIT.bug, `a fault of understudy itself: ${text}`, 'please report it, with these lines');
}

export function bytes(n: number): string {
  return n < 1024 ? `${n} B` : n < 1024 * 1024 ? `${(n / 1024).toFixed(1)} KB` : `${(n / 1024 / 1024).toFixed(1)} MB`;
}

/** What every line of text keeps to, and how long a label is in it. */
const COLUMNS = 100;
const LABEL = 11;

/** A label, and what does not fit beside it under itself. */
export function labelled(label: string, text: string): string {
  const lines = [''];
  for (const word of text.split(' ')) {
    const line = lines[lines.length - 1] as string;
    if (line !== '' && [...line].length + 1 + [...word].length > COLUMNS - LABEL) lines.push(word);
    else lines[lines.length - 1] = line === '' ? word : `${line} ${word}`;
  }
  return lines.map((line, i) => `${(i === 0 ? label : '').padEnd(LABEL)}${line}`).join('\n');
}

/** A time that is good to a third or so. */
export function spanText(hours: number): string {
  if (hours === Number.POSITIVE_INFINITY) return 'for ever';
  const [value, unit] =
    hours < 72 ? [hours, 'h'] : hours < 24 * 365 ? [hours / 24, 'days'] : [hours / (24 * 365.25), 'years'];
  return `${value < 10 ? value.toFixed(1) : Math.round(value)} ${unit}`;
}

function numberOf(text: string, fits: (value: number) => boolean, wanted: string): number {
  const value = text.trim() === '' ? Number.NaN : Number(text);
  if (fits(value)) return value;
  throw new Failure('E_USAGE', EXIT.usage, `${text || 'nothing'} is not ${wanted}`, 'npx understudy --help');
}

/** Values of options, as commander parses them. Throw Failure E_USAGE. */
export function positive(text: string): number {
  return numberOf(text, (value) => value > 0 && value < Number.POSITIVE_INFINITY, 'a positive number');
}

export function whole(text: string): number {
  return numberOf(text, (value) => Number.isInteger(value) && value >= 0, 'a whole number');
}
