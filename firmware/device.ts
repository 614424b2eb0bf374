// The devices of this board (PROTOCOL 7): numbers their inputs and brings each to every process that reads it; lets
// an output through once, whichever version sends it; and holds what must not be left alone.

import { enqueue, outgoingOf, queueMax } from './channel.ts';
import type { Effect, Pid } from './core/types.ts';
import { admit, createDriver } from './driver.ts';
import { FACT_DONE, FACT_INPUT } from './entry.ts';
import type { BoardPlan, DevicePlan } from './plan.ts';
import type { DeviceState, Output, Runtime } from './state.ts';
import { note } from './state.ts';
import { commit, recordFact } from './store.ts';

export function createDevices(plan: BoardPlan, board: number): (DeviceState | null)[] {
  const out: (DeviceState | null)[] = [];
  for (let d = 0; d < plan.devices.length; d++) {
    if (plan.devices[d].board !== board) out.push(null);
    else out.push({ driver: createDriver(), queue: [], inputs: 0, done: 0, dropped: 0, held: false });
  }
  return out;
}

function reads(plan: BoardPlan, component: number, device: number): boolean {
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
  const devices = rt.active.plan.devices as DevicePlan[];
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
  // one durable fact before it goes to those who read it (PROTOCOL 6)
  recordFact(rt, [FACT_INPUT, d, state.inputs, data]);
  rt.store.facts[d] = state.inputs;
  enqueueInput(rt, d, data);
}

/** The newest input goes to all who read it now. */
export function enqueueInput(rt: Runtime, d: number, data: Uint8Array): void {
  const state = rt.devices[d] as DeviceState;
  const to = readers(rt, d);
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

/** An output of a process waits here until its event is durable. */
export function queueOutput(rt: Runtime, pid: Pid, low: number, t: number, effect: Effect): void {
  const state = rt.devices[effect.device as number];
  if (!state) return;
  state.queue.push({
    pid: pid,
    e: effect.e as number,
    data: effect.data as Uint8Array,
    low: low,
    t: t,
    claimed: false,
  });
}

function drive(rt: Runtime, d: number, state: DeviceState, output: Output): void {
  const device = rt.active.plan.devices[d] as DevicePlan;
  const component = output.pid >> 1;
  if (
    rt.lost !== '' ||
    !admit(state.driver, component, output.e, device.latest, output.low < 0 ? undefined : output.low)
  ) {
    state.dropped++;
    return;
  }
  const fact = [FACT_DONE, d, component, output.e];
  if (!device.latest && !device.atLeastOnce && !output.claimed) {
    recordFact(rt, fact);
    commit(rt, false);
  }
  rt.hal.output(device.name, output.data as Uint8Array);
  state.done++;
  state.held = false;
  note(rt, { kind: 'driver', device: d, component: component, e: output.e, done: true });
  if (!rt.store.on || device.latest) return;
  // who watches must hear of it before flash does: behind a power cut nobody would tell
  rt.flush();
  if (!device.atLeastOnce) return;
  recordFact(rt, fact);
  commit(rt, false);
}

/**
 * The first output that waits at a driver shares the write of its event: it is the driver's next one, and to be done
 * once at most.
 */
export function claimOutputs(rt: Runtime): void {
  if (!rt.store.on || rt.lost !== '') return;
  for (let d = 0; d < rt.devices.length; d++) {
    const state = rt.devices[d];
    if (!state || state.queue.length === 0) continue;
    const device = rt.active.plan.devices[d] as DevicePlan;
    if (device.latest || device.atLeastOnce) continue;
    const output = state.queue[0];
    // what will be dropped is not done: another version may put out the same number (PROTOCOL 5.4)
    if (output.claimed || (output.low >= 0 && output.low < state.driver.recovered)) continue;
    output.claimed = true;
    recordFact(rt, [FACT_DONE, d, output.pid >> 1, output.e]);
  }
}

/**
 * Does the outputs whose events are durable, one at a time: what a driver has done is durable just before an output that
 * is to be done once at most, just after one that is to be done once at least (PROTOCOL 6).
 */
export function driveDevices(rt: Runtime): void {
  for (let d = 0; d < rt.devices.length; d++) {
    const state = rt.devices[d];
    while (state && state.queue.length > 0) drive(rt, d, state, state.queue.shift() as Output);
  }
}

/** After a power cut: of a component's outputs each in its turn, of a set-point the newest alone (PROTOCOL 6). */
export function sortOutputs(rt: Runtime): void {
  for (let d = 0; d < rt.devices.length; d++) {
    const state = rt.devices[d];
    if (!state) continue;
    const latest = rt.active.plan.devices[d].latest;
    // few, and nearly in order
    for (let i = 1; i < state.queue.length; i++) {
      const one = state.queue[i];
      let at = i;
      while (at > 0 && (latest ? state.queue[at - 1].t > one.t : state.queue[at - 1].e > one.e)) {
        state.queue[at] = state.queue[at - 1];
        at--;
      }
      state.queue[at] = one;
    }
    if (latest && state.queue.length > 1) state.queue.splice(0, state.queue.length - 1);
  }
}

/** While a cut stalls, or the guard is lost, a device does what its `hold` says (PROTOCOL 6). */
export function holdDevices(rt: Runtime, waiting: string | null): void {
  for (let d = 0; d < rt.devices.length; d++) {
    const state = rt.devices[d];
    const device = rt.active.plan.devices[d] as DevicePlan;
    if (!state || state.held || device.hold === null || (waiting === null && rt.lost === '')) continue;
    rt.hal.output(device.name, device.hold);
    state.held = true;
    note(rt, { kind: 'hold', device: d, why: rt.lost !== '' ? rt.lost : 'the cut waits for ' + waiting });
  }
}
