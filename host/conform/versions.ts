// Machines for the traces of boards: a note of kind `process` says what each began with, and the versions that were
// built have its plan and its module.

import { crc32 } from 'node:zlib';
import { createApplication } from '../../firmware/application.ts';
import type { Effect, Role } from '../../firmware/core/types.ts';
import type { Plan } from '../../firmware/plan.ts';
import type { TraceNote } from '../check/types.ts';
import type { Version } from '../operate/version.ts';
import type { Core, Machine, Source } from './conform.ts';
import { CORE } from './conform.ts';
import type { Engine } from './native.ts';
import { createEngine } from './native.ts';

interface Known {
  plan: Plan;
  component: number;
  module: string;
}

/** `versions` gives the version of a hash, or null where it is not known. */
export function fromVersions(versions: (hash: string) => Version | null, core: Core = CORE): Source {
  const made = new Map<string, { note: TraceNote; t: number }>();
  /** by board, from boot to boot */
  const engines = new Map<string, Engine>();

  function engineOf(board: string): Engine {
    const engine = engines.get(board) ?? createEngine();
    engines.set(board, engine);
    return engine;
  }

  function find(note: TraceNote): Known | string {
    const version = versions(note.plan ?? '');
    if (!version) return `version ${note.plan} is not known here`;
    const component = (note.pid ?? -1) >> 1;
    const entry = version.plan.components[component];
    const module = entry ? version.modules[entry.module] : undefined;
    if (module === undefined) return `version ${note.plan} lacks the module of ${note.process}`;
    return { plan: version.plan, component, module };
  }

  function create(note: TraceNote, at: number, known: Known, epoch: number, engine: Engine): Machine {
    let plan = known.plan;
    const app = createApplication(
      engine.load(known.module),
      () => plan,
      known.component,
      (fn) => fn(),
    );
    const setup = {
      rules: 'corrected' as const,
      pid: note.pid as number,
      epoch,
      live: note.live as number[],
      devices: plan.devices.length,
      latest: plan.devices.map((device) => device.latest),
      operation: null,
      role: note.role as Role,
    };
    const self = core.create(setup, app);
    if (note.saved) {
      const saved = engine.copy(app.load(note.saved)) as { app: unknown; timers: [string, number][] };
      self.state.app = saved.app;
      self.state.timers = saved.timers.map(([name, ms]) => ({ name, at: at / 1000 + ms, T: [] }));
    }
    // the operation is forgotten in the step that commits it
    let op = '';
    return {
      self,
      app: { ...app, load: (saved) => engine.copy(app.load(saved)) },
      after(_event, effects: Effect[]) {
        const committed = effects.some((effect) => effect.kind === 'decide' && effect.cut === 'commit');
        const before = op;
        op = self.op?.id ?? '';
        if (!committed || self.role !== 'active') return null;
        const version = versions(before);
        if (!version) return `version ${before}, to which it moved, is not known here`;
        plan = version.plan;
        return null;
      },
    };
  }

  return {
    note(line) {
      if (line.note?.kind === 'boot') engines.delete(line.board ?? '');
      if (line.note?.kind === 'process') {
        made.set(`${line.board} ${line.note.process}`, { note: line.note, t: line.t ?? 0 });
      }
    },
    begin(line) {
      const birth = made.get(`${line.board} ${line.process}`);
      if (!birth?.note.live) return { unknown: 'the trace does not tell how it began' };
      const { note, t } = birth;
      const known = find(note);
      if (typeof known === 'string') return { unknown: known };
      const crc = crc32(Buffer.from(known.module, 'latin1'));
      if (note.crc !== crc) {
        const hex = (value = 0): string => (value >>> 0).toString(16).padStart(8, '0');
        return { wrong: `it evaluated a module of CRC ${hex(note.crc)}; that of the version has ${hex(crc)}` };
      }
      try {
        return create(note, t, known, line.epoch ?? 0, engineOf(line.board ?? ''));
      } catch (error) {
        return { wrong: `its module cannot be evaluated here: ${(error as Error).message}` };
      }
    },
  };
}
