// Devices: drivers that do outputs one by one (PROTOCOL 7), and inputs that go to those who read them.

import { isSurvivor } from '../../firmware/core/core.ts';
import type { Effect, Pid } from '../../firmware/core/types.ts';
import { makeOut, transmit } from './channel.ts';
import type { Cell, Device } from './parts.ts';
import type { Output } from '../explore/storage.ts';
import type { World } from './world.ts';
import { cellOf, due, note } from './world.ts';

export function output(w: World, d: number, it: Output): void {
  const device = w.devices[d] as Device;
  if (w.shape.devices[d]?.latest) device.newest = `${it.pid} ${it.n}`;
  device.queue.push(it);
  driveSoon(w, device);
}

function driveSoon(w: World, device: Device): void {
  if (device.busy || device.queue.length === 0) return;
  device.busy = true;
  due(w, w.now + w.random() * w.setting.driverMs, { what: 'driver', device, boots: device.board.boots });
}

/** The driver does the output in its hands, or drops it. */
export function drive(w: World, device: Device): void {
  device.busy = false;
  const it = device.queue.shift();
  if (!it) return;
  const { pid, e, low } = it;
  const latest = w.shape.devices[device.index]?.latest ?? false;
  const done = w.core.admit(device.driver, pid >> 1, e, latest, low < 0 ? undefined : low);
  if (latest && done) device.shown = `${pid} ${it.n}`;
  else if (latest && device.newest === `${pid} ${it.n}`) device.newest = device.shown;
  note(w, device.board, { kind: 'driver', device: device.index, e, component: pid >> 1, done });
  driveSoon(w, device);
}

/** A board without live processes follows what it hears from the others. */
function follows(device: Device): boolean {
  return !device.board.cells.some((c) => c.self && c.self.role !== 'seat' && c.self.role !== 'stopped');
}

/** What the runtimes do when a process has decided a cut; doing it again changes nothing. */
export function decided(w: World, cell: Cell, effect: Effect): void {
  const self = cell.self;
  if (!self) return;
  const epoch = effect.epoch as number;
  const survivor = isSurvivor(self);
  for (const device of w.devices) {
    const here = device.board === cell.board;
    if (!here && !follows(device)) continue;
    if (here && effect.cut === 'recovery' && survivor) w.core.closeToLow(device.driver, epoch);
    if (epoch <= device.epoch || self.role === 'seat' || (!survivor && self.role !== 'low')) continue;
    device.epoch = epoch;
    self.live.forEach((pid, c) => {
      if (pid < 0 && !self.guarded) w.core.renewDriver(device.driver, c);
    });
    const reads = w.shape.devices[device.index]?.reads ?? -1;
    if (reads < 0) continue;
    const low = self.guarded && self.op ? self.op.lows.find((pid) => pid >> 1 === reads) : undefined;
    readBy(w, device, self.live[reads] as Pid, low);
  }
}

function readBy(w: World, device: Device, old: Pid, low: Pid | undefined): void {
  device.readers = old >= 0 ? [old] : [];
  if (low !== undefined) {
    device.readers.push(low);
    // what the old version has not taken yet it may never take, and pass on, if the operation ends before
    const out = makeOut(w, -1, device.index, low);
    out.queue = (device.toReaders.get(old)?.queue ?? []).slice();
    device.toReaders.set(low, out);
    transmit(w, out);
  }
  for (const to of device.toReaders.keys()) if (!device.readers.includes(to)) device.toReaders.delete(to);
}

/** A device has a new input: one durable fact. */
export function input(w: World, device: Device): void {
  if (!device.board.up) return;
  device.inputs++;
  const i = device.inputs;
  for (const pid of device.readers) {
    let out = device.toReaders.get(pid);
    if (!out || out.toLife !== cellOf(w, pid).life) {
      out = makeOut(w, -1, device.index, pid);
      device.toReaders.set(pid, out);
    }
    out.queue.push({ kind: 'input', n: 0, epoch: device.epoch, device: device.index, i, data: { i } });
    transmit(w, out);
  }
}
