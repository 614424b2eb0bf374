// The devices of this board (PROTOCOL 7): numbers their inputs and brings each to every process that reads it; lets
// an output through once, whichever version sends it; and holds what must not be left alone.

import { enqueue, outgoingOf, queueMax } from './channel.ts';
import type { Effect, Pid } from './core/types.ts';
import { admit, createDriver } from './driver.ts';
import type { Plan } from './plan.ts';
import type { DeviceState, Local, Runtime } from './state.ts';
import { note } from './state.ts';

export function createDevices(plan: Plan, board: number): (DeviceState | null)[] {
  const out: (DeviceState | null)[] = [];
  for (let d = 0; d < plan.devices.length; d++) {
    if (plan.devices[d].board !== board) out.push(null);
    else out.push({ driver: createDriver(), inputs: 0, done: 0, dropped: 0, held: false });
  }
  return out;
}

function reads(plan: Plan, component: number, device: number): boolean {
  const entry = component < plan.components.length ? plan.components[component] : null;
  return entry !== null && entry.reads.indexOf(device) >= 0;
}

/** Who gets the inputs of a device: in guarded operation old and new version alike (PROTOCOL 3). */
function readers(rt: Runtime, device: number): Pid[] {
  const out: Pid[] = [];
  for (let c = 0; c < rt.live.length; c++) {
    if (rt.live[c] >= 0 && reads(rt.active.plan, c, device)) out.push(rt.live[c]);
  }
  if (!rt.guarded || !rt.op || !rt.staged) return out;
  for (let i = 0; i < rt.op.lows.length; i++) {
    if (reads(rt.staged.plan, rt.op.lows[i] >> 1, device)) out.push(rt.op.lows[i]);
  }
  return out;
}

/** A new input of a device of this board; dropped before it has a number where a reader is too far behind. */
export function takeInput(rt: Runtime, name: string, bytes: Uint8Array): void {
  const devices = rt.active.plan.devices;
  let d = -1;
  for (let i = 0; i < devices.length; i++) if (devices[i].name === name && rt.devices[i] !== null) d = i;
  if (d < 0 || devices[d].in === null) return;
  const state = rt.devices[d] as DeviceState;
  const to = readers(rt, d);
  const max = queueMax(rt);
  let room = rt.started && rt.lost === '';
  for (let i = 0; i < to.length; i++) if (outgoingOf(rt, -1, d, to[i]).queue.length >= max) room = false;
  if (!room) {
    state.dropped++;
    return;
  }
  state.inputs++;
  const data = new Uint8Array(bytes);
  for (let i = 0; i < to.length; i++) {
    enqueue(rt, outgoingOf(rt, -1, d, to[i]), {
      kind: 'input',
      n: 0,
      epoch: rt.epoch,
      device: d,
      i: state.inputs,
      data: data,
    });
  }
}

export function performOutput(rt: Runtime, local: Local, effect: Effect): void {
  const d = effect.device as number;
  const state = rt.devices[d];
  if (!state) return;
  const device = rt.active.plan.devices[d];
  const e = effect.e as number;
  if (rt.lost !== '' || !admit(state.driver, local.pid >> 1, e, device.latest)) {
    state.dropped++;
    return;
  }
  rt.hal.output(device.name, effect.data as Uint8Array);
  state.done++;
  state.held = false;
  note(rt, { kind: 'driver', device: d, component: local.pid >> 1, e: e, done: true });
}

/** While a cut stalls, or the guard is lost, a device does what its `hold` says (PROTOCOL 6). */
export function holdDevices(rt: Runtime, waiting: string | null): void {
  for (let d = 0; d < rt.devices.length; d++) {
    const state = rt.devices[d];
    const device = rt.active.plan.devices[d];
    if (!state || state.held || device.hold === null || (waiting === null && rt.lost === '')) continue;
    rt.hal.output(device.name, device.hold);
    state.held = true;
    note(rt, { kind: 'hold', device: d, why: rt.lost !== '' ? rt.lost : 'the cut waits for ' + waiting });
  }
}
