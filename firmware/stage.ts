// A staged upgrade on a board: seats for the low processes that will run here, and the word to those that run now
// (PROTOCOL 5.3). Nothing of it changes what the old version does.

import { forgetSeats } from './channel.ts';
import { renewDriver } from './driver.ts';
import type { Operation } from './core/types.ts';
import type { Image } from './image.ts';
import { unknownPeer } from './peer.ts';
import { addProcess, dropSeats, operationOf, tellAll } from './runtime.ts';
import type { Runtime } from './state.ts';
import { rebaseAll } from './store.ts';

/** An added component counts its outputs from 1, whatever was done for one of its number in a reverted upgrade. */
function renewDrivers(rt: Runtime, component: number): void {
  for (let d = 0; d < rt.devices.length; d++) {
    const state = rt.devices[d];
    if (state) renewDriver(state.driver, component);
  }
}

function name(rt: Runtime, image: Image): void {
  rt.op = operationOf(rt, image.plan, image.hash);
  rt.staged = image;
  rt.other = image;
  while (rt.live.length < image.plan.components.length) rt.live.push(-1);
  while (rt.peers.length < image.plan.boards.length) rt.peers.push(unknownPeer());
}

/** This board restarted under the guard of this upgrade: it cannot take part, but may have to follow a commit. */
export function interrupt(rt: Runtime, image: Image): void {
  name(rt, image);
  rt.interrupted = image.hash;
  rt.guarded = rt.locals.length === 0;
}

/** Takes the image; the reason where it cannot be taken, and then nothing has changed. */
export function takeStaged(rt: Runtime, image: Image): string | null {
  const upgrade = image.plan.upgrade;
  if (!upgrade) return 'the image is no upgrade';
  if (upgrade.base !== rt.active.hash) {
    return 'it upgrades version ' + upgrade.base + '; this board runs ' + rt.active.hash;
  }
  if (rt.guarded) return 'a guarded operation is under way';
  const before = rt.other;
  forgetSeats(rt);
  name(rt, image);
  const op = rt.op as Operation;
  try {
    for (let i = 0; i < op.lows.length; i++) {
      const entry = image.plan.components[op.lows[i] >> 1];
      if (entry && entry.board === rt.board) addProcess(rt, op.lows[i], 'seat', image.plan, image.modules, null);
      if (upgrade.added.indexOf(op.lows[i] >> 1) >= 0) renewDrivers(rt, op.lows[i] >> 1);
    }
  } catch (error) {
    dropSeats(rt);
    rt.staged = null;
    rt.op = null;
    rt.other = before;
    return 'a module of it cannot be loaded: ' + (error as Error).message;
  }
  tellAll(rt, { kind: 'word', t: 0, seed: 0, word: 'stage', operation: op }, true);
  rebaseAll(rt);
  return null;
}

/** Forgets the staged upgrade. */
export function dropStaged(rt: Runtime): void {
  dropSeats(rt);
  forgetSeats(rt);
  rt.staged = null;
  rt.op = null;
  tellAll(rt, { kind: 'word', t: 0, seed: 0, word: 'stage' }, false);
  rebaseAll(rt);
  if (rt.records.value.staged < 0) return;
  rt.records.value.staged = -1;
  rt.recordDue = true;
}
