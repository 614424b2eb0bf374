// The first line of a testbed's trace. Apart from setup.ts, so that whoever only wants names loads no compiler.

import type { System } from '../describe/read.ts';
import type { TraceHeader } from '../trace/file.ts';

/** First line of a trace: both sides of every component, on the board where the description places it. */
export function headerOf(system: System): TraceHeader {
  const { components, devices, messages, name } = system.value;
  const processes = Object.entries(components).flatMap(([component, { board }], index) =>
    [0, 1].map((side): [number, string, string] => [2 * index + side, `${component}/${side}`, board]),
  );
  const names = { devices: Object.keys(devices), types: Object.keys(messages) };
  return { v: 1, trace: 'understudy', system: name, processes, ...names };
}
