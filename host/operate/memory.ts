// What a version needs of a board's memory, as far as it can be told beforehand: counted in variables, the unit of the
// smallest engine (Espruino keeps every value, property and function parameter in a block of 12 to 16 bytes), from the
// data that the board will really hold. No engine has been measured for it; figures are good to a third or so.

import { create } from '../../firmware/core/core.ts';
import type { Plan } from '../../firmware/plan.ts';

/** The files in boards/ take the smaller block for what a board has, so what is wanted is counted in it too. */
export const VARIABLE_BYTES = 12;
/**
 * The runtime: some 460 functions of 5 variables each and 1,070 parameters; their code stays in flash. A test compares
 * this with the bundle.
 */
export const RUNTIME_VARIABLES = 3400;
/** Allowed for the state of a component, which only running it would tell, and for its functions. */
const APPLICATION_VARIABLES = 150;
/** Channels, bus and their queues, for each process. */
const LINK_VARIABLES = 150;
/** Under guard: journal records and log entries of a process at one time, and variables of each. */
const GUARD_RECORDS = 16;
const RECORD_VARIABLES = 40;
/** A text is held where it came from and once as functions. */
const TEXT_COPIES = 2;
/** Characters of a property's name that fit into its block. */
const NAME_CHARS = 4;

/** Variables of a plain value. */
export function variablesOf(value: unknown): number {
  if (typeof value === 'string') return 1 + Math.ceil(value.length / VARIABLE_BYTES);
  if (typeof value !== 'object' || value === null) return 1;
  if (ArrayBuffer.isView(value)) return 2 + Math.ceil(value.byteLength / VARIABLE_BYTES);
  let count = 1;
  for (const [key, item] of Object.entries(value)) {
    const name = Array.isArray(value) ? 0 : Math.ceil(Math.max(0, key.length - NAME_CHARS) / VARIABLE_BYTES);
    // a small whole number lies in the block of its property
    count += 1 + name + (typeof item === 'number' && Number.isInteger(item) ? 0 : variablesOf(item));
  }
  return count;
}

function coreVariables(plan: Plan): number {
  const live = plan.components.map((component, c) => (component ? 2 * c : -1));
  const latest = plan.devices.map((device) => device.latest);
  const setup = { pid: 0, epoch: 1, live, devices: plan.devices.length, latest, operation: null };
  const application = { initial: () => null } as unknown as Parameters<typeof create>[1];
  return variablesOf(create({ ...setup, rules: 'corrected', role: 'active' }, application));
}

/** Bytes of a process whose module has `textBytes`, in guarded operation. */
export function processBytes(plan: Plan, textBytes: number): number {
  const variables = coreVariables(plan) + APPLICATION_VARIABLES + LINK_VARIABLES + GUARD_RECORDS * RECORD_VARIABLES;
  return variables * VARIABLE_BYTES + TEXT_COPIES * textBytes;
}

/** Bytes of a board before its first process: the runtime and the plans that it holds. */
export function boardBytes(plans: Plan[]): number {
  const variables = plans.reduce((sum, plan) => sum + variablesOf(plan), RUNTIME_VARIABLES);
  return variables * VARIABLE_BYTES;
}
