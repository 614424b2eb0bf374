// Time goes on: what is due next is done.

import { arrive, retry } from './arrival.ts';
import { beat } from './beat.ts';
import { base, write } from './board.ts';
import { acknowledged, repeat } from './channel.ts';
import { drive } from './device.ts';
import { boot } from './power.ts';
import { timers } from './step.ts';
import type { World } from './world.ts';
import { boardOf, due, logs } from './world.ts';

/** Processes have bases from the beginning, boards beat. */
export function begin(w: World): void {
  for (const cell of w.cells) {
    if (!cell.self) continue;
    base(w, cell, []);
    cell.logging = logs(w, cell.self);
  }
  for (const board of w.boards) due(w, w.random() * w.setting.beatMs, { what: 'beat', board });
}

export function advance(w: World): void {
  const task = w.tasks.pop();
  if (!task) return;
  if (w.tasks.t > w.now) w.now = w.tasks.t;
  switch (task.what) {
    case 'frame':
      // what was in a board's memory is gone with its power
      if (task.boots > 0 && boardOf(w, task.out).boots !== task.boots) break;
      arrive(w, task.out, task.message, task.fromLife);
      break;
    case 'ack':
      if (task.to.up) acknowledged(w, task.ack);
      break;
    case 'repeat':
      repeat(w, task.out);
      break;
    case 'write':
      if (task.board.boots === task.boots) write(w, task.board);
      break;
    case 'timer':
      if (task.cell.life === task.life) timers(w, task.cell);
      break;
    case 'retry':
      retry(w, task.cell);
      break;
    case 'driver':
      if (task.device.board.boots === task.boots) drive(w, task.device);
      break;
    case 'beat':
      beat(w, task.board);
      break;
    case 'boot':
      boot(w, task.board);
      break;
    default:
      task.run();
  }
}
