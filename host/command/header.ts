// What the numbers of a trace are called: by the system description, and by the versions that the boards run, whose
// upgrades append types and components.

import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Plan } from '../../firmware/plan.ts';
import { readSystem } from '../describe/read.ts';
import { loadVersion } from '../operate/library.ts';
import { headerOf } from '../testbed/header.ts';
import type { TraceHeader } from '../trace/file.ts';
import type { Context } from './context.ts';

/** Names of `plan` for all that the header has none for. */
function extended(header: TraceHeader, plan: Plan): TraceHeader {
  const processes = [...(header.processes ?? [])];
  plan.components.forEach((component, index) => {
    if (!component || processes.some(([pid]) => pid >> 1 === index)) return;
    for (const side of [0, 1]) {
      processes.push([2 * index + side, `${component.name}/${side}`, plan.boards[component.board] ?? '']);
    }
  });
  const known = header.types ?? [];
  return { ...header, processes, types: [...known, ...plan.types.slice(known.length).map((type) => type.name)] };
}

/** With the versions whose hashes are given, as far as this state folder knows them. */
export function namesFrom(context: Context, header: TraceHeader, hashes: string[]): TraceHeader {
  let out = header;
  for (const hash of hashes) {
    try {
      const { plan } = loadVersion(context.stateDir, hash);
      if (!header.system || plan.name === header.system) out = extended(out, plan);
    } catch {
      // not built here: its new types stay numbers
    }
  }
  return out;
}

/** All versions that were built in this state folder. */
export function knownVersions(context: Context): string[] {
  const folder = join(context.stateDir, 'versions');
  if (!existsSync(folder)) return [];
  return readdirSync(folder).flatMap((file) => (file.endsWith('.image') ? [file.slice(0, -'.image'.length)] : []));
}

/** Of the system that is described; without one, the names are in the versions alone. */
export function systemHeader(context: Context): TraceHeader {
  if (!existsSync(context.systemFile)) return { v: 1, trace: 'understudy', processes: [] };
  return headerOf(readSystem(context.systemFile));
}
