// Progress of transfers: one row a board on a terminal, a plain line now and then elsewhere. All on stderr.

import type { Progress } from '../lab.ts';
import { bytes } from './output.ts';

const BAR_CELLS = 24;
const PLAIN_MS = 2000;

interface Row {
  done: number;
  total: number;
  resent: number;
  begun: number;
  ended: number;
}

export interface Bars {
  update(p: Progress): void;
  /** leaves the rows standing */
  finish(): void;
}

export function createBars(quiet: boolean): Bars {
  const rows = new Map<string, Row>();
  const terminal = process.stderr.isTTY === true;
  let drawn = 0;
  let last = 0;

  const text = (board: string, row: Row, width: number): string => {
    const share = row.total > 0 ? row.done / row.total : 1;
    const cells = Math.round(share * BAR_CELLS);
    const ms = Math.max(1, (row.ended || Date.now()) - row.begun);
    const rate = (row.done / ms) * 1000;
    const left = row.done < row.total && rate > 0 ? `  ${((row.total - row.done) / rate).toFixed(1)} s left` : '';
    const again = row.resent > 0 ? `  ${row.resent} sent again` : '';
    const bar = `${'█'.repeat(cells)}${'░'.repeat(BAR_CELLS - cells)}`;
    return `${board.padEnd(width)}  ${bar}  ${bytes(row.done)} of ${bytes(row.total)}  ${bytes(rate)}/s${left}${again}`;
  };

  const draw = (): void => {
    if (quiet) return;
    const width = Math.max(...[...rows.keys()].map((k) => k.length));
    const lines = [...rows].map(([board, row]) => text(board, row, width));
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
      const row = rows.get(p.board) ?? { done: 0, total: 0, resent: 0, begun: Date.now(), ended: 0 };
      row.done = p.done;
      row.total = p.total;
      row.resent = p.resent;
      if (row.done === row.total && row.ended === 0) row.ended = Date.now();
      rows.set(p.board, row);
      draw();
    },
    finish() {
      if (!terminal && rows.size > 0 && !quiet) {
        const width = Math.max(...[...rows.keys()].map((k) => k.length));
        process.stderr.write(`${[...rows].map(([board, row]) => text(board, row, width)).join('\n')}\n`);
      }
      rows.clear();
      drawn = 0;
    },
  };
}
