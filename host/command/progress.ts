// Progress of transfers: one row a board on a terminal, a plain line now and then elsewhere. All on stderr.

import type { Progress } from '../lab.ts';
import { bytes } from './output.ts';

const BAR_CELLS = 24;
const PLAIN_MS = 2000;
/** A rate over less time than this says nothing. */
const RATE_MS = 100;

interface Row {
  done: number;
  total: number;
  resent: number;
  /** time and bytes at the first report */
  begun: number;
  first: number;
  ended: number;
}

export interface Bars {
  update(p: Progress): void;
  /** leaves the rows standing */
  finish(): void;
}

function rowText(board: string, row: Row, width: number): string {
  const share = row.total > 0 ? row.done / row.total : 1;
  const cells = Math.round(share * BAR_CELLS);
  const ms = (row.ended || Date.now()) - row.begun;
  const rate = ms >= RATE_MS ? ((row.done - row.first) / ms) * 1000 : 0;
  const speed = rate > 0 ? `  ${bytes(Math.round(rate))}/s` : '';
  const left = row.done < row.total && rate > 0 ? `  ${((row.total - row.done) / rate).toFixed(1)} s left` : '';
  const again = row.resent > 0 ? `  ${row.resent} sent again` : '';
  const bar = `${'█'.repeat(cells)}${'░'.repeat(BAR_CELLS - cells)}`;
  return `${board.padEnd(width)}  ${bar}  ${bytes(row.done)} of ${bytes(row.total)}${speed}${left}${again}`;
}

export function createBars(quiet: boolean): Bars {
  const rows = new Map<string, Row>();
  const terminal = process.stderr.isTTY === true;
  let drawn = 0;
  let last = Date.now();

  const draw = (): void => {
    const width = Math.max(...[...rows.keys()].map((k) => k.length));
    const lines = [...rows].map(([board, row]) => rowText(board, row, width));
    if (terminal) {
      process.stderr.write(`${drawn > 0 ? `\u001b[${drawn}A` : ''}${lines.map((l) => `\u001b[2K${l}\n`).join('')}`);
      drawn = lines.length;
    } else if (Date.now() - last >= PLAIN_MS) {
      last = Date.now();
      process.stderr.write(`${lines[lines.length - 1]}\n`);
    }
  };

  return {
    update(p) {
      if (quiet) return;
      const fresh = { done: 0, total: 0, resent: 0, begun: Date.now(), first: p.done, ended: 0 };
      const row = rows.get(p.board) ?? fresh;
      row.done = p.done;
      row.total = p.total;
      row.resent = p.resent;
      if (row.done === row.total && row.ended === 0) row.ended = Date.now();
      rows.set(p.board, row);
      draw();
    },
    finish() {
      if (!terminal && rows.size > 0) {
        const width = Math.max(...[...rows.keys()].map((k) => k.length));
        process.stderr.write(`${[...rows].map(([board, row]) => rowText(board, row, width)).join('\n')}\n`);
      }
      rows.clear();
      drawn = 0;
    },
  };
}
