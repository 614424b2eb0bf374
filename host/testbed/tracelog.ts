// The trace of a testbed's whole life in a file, from up to down. Beyond TRACE_MAX_BYTES the file is put aside and a
// new one begun, with the same header; what was put aside before is gone then, so that the disk does not fill.

import { closeSync, openSync, renameSync, rmSync, writeSync } from 'node:fs';
import type { TraceLine } from '../check/types.ts';
import { encodeLine } from '../trace/file.ts';

export const TRACE_MAX_BYTES = 256 << 20;
/** What was not written yet is lost when the daemon is killed: at most so much, or so old. */
const FLUSH_BYTES = 256 << 10;
const FLUSH_MS = 100;

export interface TraceLog {
  /** takes an encoded line */
  write(line: string): void;
  flush(): void;
  close(): void;
  /** parts put aside so far */
  turned(): number;
}

export function createTraceLog(file: string, before: string, header: TraceLine, maxBytes = TRACE_MAX_BYTES): TraceLog {
  rmSync(before, { force: true });
  let fd = openSync(file, 'w', 0o600);
  let held: string[] = [];
  let heldBytes = 0;
  let size = 0;
  let turns = 0;
  let timer: NodeJS.Timeout | null = null;

  function flush(): void {
    if (timer) clearTimeout(timer);
    timer = null;
    if (fd < 0 || held.length === 0) return;
    const bytes = Buffer.from(held.join(''), 'utf8');
    held = [];
    heldBytes = 0;
    let done = 0;
    while (done < bytes.length) done += writeSync(fd, bytes, done);
    size += bytes.length;
  }

  function write(line: string): void {
    held.push(line, '\n');
    heldBytes += line.length + 1;
    if (heldBytes >= FLUSH_BYTES) flush();
    else timer ??= setTimeout(flush, FLUSH_MS).unref();
    if (size + heldBytes < maxBytes) return;
    flush();
    closeSync(fd);
    renameSync(file, before);
    fd = openSync(file, 'w', 0o600);
    size = 0;
    turns++;
    held.push(encodeLine(header), '\n');
  }

  held.push(encodeLine(header), '\n');
  flush();
  return {
    write,
    flush,
    close() {
      flush();
      if (fd >= 0) closeSync(fd);
      fd = -1;
    },
    turned: () => turns,
  };
}
