// What a version needs of a board's memory, as far as it can be told beforehand: counted in values, from the data that the
// board will really hold. Espruino keeps every value, property and function parameter in a block of 12 to 16 bytes; for
// other engines a value has a price that they come to on average. Figures are good to a third or so.

import { create } from '../../firmware/core/core.ts';
import type { Plan } from '../../firmware/plan.ts';
import type { BoardType } from '../describe/board.ts';

/** Where nothing else is known: the smaller block. */
export const VARIABLE_BYTES = 12;
/**
 * The runtime in Espruino, booted and without a system, as measured; its code stays in flash. Most of it is a function's 5
 * variables and one for each parameter: a test compares this with the bundle.
 */
export const RUNTIME_VARIABLES = 3000;
/** What a value takes in other engines on 32 bits, headers and pairs shared out; and the runtime, its code included. */
const DUKTAPE = { unit: 20, runtime: 268 * 1024 };
const JERRYSCRIPT = { unit: 12, runtime: 106 * 1024 };

/** What memory is counted in on a type of board. */
export interface Costs {
  /** bytes of a plain value, the block of Espruino */
  unit: number;
  /** of the runtime before its first plan */
  runtime: number;
}

export function costsOf(type: Pick<BoardType, 'engine' | 'variableBytes'>): Costs {
  if (type.engine === 'duktape') return DUKTAPE;
  if (type.engine === 'jerryscript') return JERRYSCRIPT;
  const unit = type.variableBytes || VARIABLE_BYTES;
  return { unit, runtime: RUNTIME_VARIABLES * unit };
}

const SMALLEST = costsOf({ engine: 'espruino', variableBytes: 0 });

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
export function processBytes(plan: Plan, textBytes: number, costs: Costs = SMALLEST): number {
  const variables = coreVariables(plan) + APPLICATION_VARIABLES + LINK_VARIABLES + GUARD_RECORDS * RECORD_VARIABLES;
  return variables * costs.unit + TEXT_COPIES * textBytes;
}

/** Bytes of a board before its first process: the runtime and the plans that it holds. */
export function boardBytes(plans: Plan[], costs: Costs = SMALLEST): number {
  return plans.reduce((sum, plan) => sum + variablesOf(plan) * costs.unit, costs.runtime);
}
