// A trace as lines of text, as they come: what `monitor` prints.

import type { TraceEffect, TraceEvent, TraceLine } from '../check/types.ts';
import { journalAdvice } from '../journal.ts';
import type { TraceHeader } from './file.ts';
import type { Names } from './names.ts';
import { createNames, messageLabel, secondsText, typeOf, vectorText } from './names.ts';

/** 1: what a person has to know. 2: messages, outputs, tests, the journal too. 3: everything. */
export type Verbosity = 1 | 2 | 3;

export interface TellerOptions {
  verbosity?: Verbosity;
  color?: boolean;
}

export interface Teller {
  /** A line of text, without a line feed; null: nothing to tell at this verbosity. */
  tell(line: TraceLine): string | null;
}

type Weight = 'bad' | 'good' | 'cut' | 'plain';

interface Saying {
  text: string;
  level: Verbosity;
  weight: Weight;
}

const CODES: Record<Weight, string> = { bad: '1;31', good: '32', cut: '36', plain: '' };

/** What must be known of the lines before: how far each cut has been told. */
interface Memory {
  names: Names;
  /** by new epoch: told that the processes freeze, told what they decide */
  frozen: Set<number>;
  decided: Set<number>;
  /** processes told to be absent, with the epoch */
  absent: Set<string>;
  /** widths of the columns */
  board: number;
  process: number;
}

function whyOf(event: TraceEvent | TraceEffect): string {
  const why = (event as { why?: string }).why;
  return why ? `: ${why}` : '';
}

function eventSaying(event: TraceEvent, effects: TraceEffect[], memory: Memory, epoch: number): Saying | null {
  const { names } = memory;
  const from = names.process(event.from);
  const say = (level: Verbosity, text: string, weight: Weight = 'plain'): Saying => ({ text, level, weight });
  switch (event.kind) {
    case 'app': {
      const type = names.type(typeOf(event));
      const dirty = (event.T ?? []).some((k, i) => k > (event.V?.[i] ?? 0));
      return say(2, `← ${from}  ${type ? `${type} ` : ''}${messageLabel(event)}${dirty ? ', contaminated' : ''}`);
    }
    case 'input':
      return say(3, `input ${names.device(event.device)} ${event.i ?? ''}`.trimEnd());
    case 'timer':
      return say(3, `timer ${event.name ?? ''}`.trimEnd());
    case 'start':
      return say(2, 'begins anew');
    case 'word':
      if (event.word === 'stage') return say(2, "operator's word: stage");
      return say(effects.length > 0 ? 1 : 2, `operator's word: ${event.word ?? '?'}`, 'cut');
    case 'absent': {
      const key = `${event.pid} ${epoch}`;
      const first = !memory.absent.has(key);
      memory.absent.add(key);
      return say(first ? 1 : 2, `${names.process(event.pid)} is absent${whyOf(event)}`, 'bad');
    }
    case 'reborn':
      return say(1, `${names.process(event.pid)} begins anew${whyOf(event)}`, 'bad');
    case 'fail':
      return say(1, `the runtime says of it${whyOf(event)}`, 'bad');
    case 'handover':
      return say(2, `← ${from}  the old state, to migrate`);
    case 'migrated':
      return say(2, `← ${from}  migrated`);
    case 'passed':
    case 'heartbeat':
    case 'report':
    case 'freeze':
      return say(3, `← ${from}  ${event.kind}${event.V ? ` V ${vectorText(event.V)}` : ''}`);
    default:
      return say(3, event.kind);
  }
}

function effectSaying(effect: TraceEffect, line: TraceLine, memory: Memory, epoch: number): Saying | null {
  const { names } = memory;
  const say = (level: Verbosity, text: string, weight: Weight = 'plain'): Saying => ({ text, level, weight });
  const device = names.device(effect.device);
  switch (effect.kind) {
    case 'send': {
      const message = effect.message;
      if (!message) return null;
      const type = names.type(typeOf(message));
      const what = message.kind === 'app' ? `${type ? `${type} ` : ''}${messageLabel(message)}` : message.kind;
      return say(message.kind === 'app' ? 2 : 3, `→ ${names.process(effect.to)}  ${what}`);
    }
    case 'output':
      return say(2, `output ${device}${effect.e ? ` ${effect.e}` : ''}`);
    case 'suppressed':
      return say(3, `to its log: ${effect.to === undefined ? device : `${names.component(effect.to)} q${effect.q}`}`);
    case 'tested':
      if (!effect.ok) return say(1, `acceptance test FAILED ${device}`, 'bad');
      if (effect.compensated) return say(1, `acceptance test passed ${device}, compensated`, 'good');
      return say(2, `acceptance test passed ${device}`, 'good');
    case 'withheld':
      return say(1, `output withheld ${device}`, 'bad');
    case 'failure':
      // said by the test that failed, where one did
      if ((line.effects ?? []).some((e) => e.kind === 'tested' && !e.ok)) return say(1, 'recovery', 'bad');
      return say(1, `failure${whyOf(effect)}`, 'bad');
    case 'error':
      return say(1, `error, effects discarded${whyOf(effect)}`, 'bad');
    case 'refused':
      return say(1, `refused${whyOf(effect)}`, 'bad');
    case 'freeze': {
      const first = !memory.frozen.has(epoch + 1);
      memory.frozen.add(epoch + 1);
      return say(first ? 1 : 2, `freezes for ${effect.cut ?? 'a cut'}`, 'cut');
    }
    case 'report':
      return say(2, 'reports', 'cut');
    case 'decide': {
      const first = !memory.decided.has(effect.epoch ?? 0);
      memory.decided.add(effect.epoch ?? 0);
      const V = (effect.V ?? []).length > 0 ? `, V* ${vectorText(effect.V)}` : '';
      return say(first ? 1 : 2, `decided: ${effect.cut}, epoch ${effect.epoch}${V}${whyOf(effect)}`, 'cut');
    }
    case 'rollback':
      return say(1, `rolls back to before event ${effect.event}`, 'cut');
    case 'takeover':
      return say(1, `TAKES OVER${effect.count ? `, ${effect.count} from its log` : ''}`, 'good');
    case 'role':
      return say(1, `is ${effect.role === 'low' ? 'the new version, on trial' : effect.role}`, 'cut');
    case 'checkpoint':
      return say(2, 'checkpoint');
    case 'reclaim':
      return say(effect.left === 0 ? 2 : 3, effect.left === 0 ? 'clean' : `journal: ${effect.left} left`);
    case 'deliver':
      return null;
    default: {
      const detail = effect.event ?? effect.count ?? effect.name;
      return say(3, detail === undefined ? effect.kind : `${effect.kind} ${detail}`);
    }
  }
}

const NOTES: Record<string, string> = {
  boot: 'boots',
  off: 'loses power',
  lost: 'the guard is lost',
  error: 'error',
  gap: 'trace lines were lost',
};

/** What is wrong with a journal, and what is to be done about it. */
function journalSaying(why: string): Saying {
  const { code, next } = journalAdvice(why);
  return { text: `${code}  its journal: ${why}; next: ${next}`, level: 1, weight: 'bad' };
}

function noteSaying(line: TraceLine, memory: Memory): Saying | null {
  const note = line.note;
  if (!note) return null;
  if (note.kind === 'driver') {
    const done = note.done === false ? 'held' : 'done';
    return { text: `driver: ${memory.names.device(note.device)} ${note.e ?? ''} ${done}`, level: 3, weight: 'plain' };
  }
  if (note.kind === 'hold') {
    return {
      text: `${memory.names.device(note.device)} takes its hold value: ${note.why ?? ''}`,
      level: 1,
      weight: 'bad',
    };
  }
  if (note.kind === 'process') {
    const from = note.saved ? ', with the state of its last checkpoint' : '';
    return { text: `${note.process} is made, as ${note.role}${from}`, level: 3, weight: 'plain' };
  }
  if (note.kind === 'journal') return journalSaying(String(note.why ?? ''));
  const why = note.why ? `: ${note.why}` : '';
  const text = `${NOTES[note.kind] ?? note.kind}${why}`;
  const weight: Weight = note.kind === 'off' || note.kind === 'lost' || note.kind === 'error' ? 'bad' : 'plain';
  return { text: note.resumed ? `${text}, with its log` : text, level: 1, weight };
}

function pieces(line: TraceLine, memory: Memory): Saying[] {
  const out: Saying[] = [];
  const add = (saying: Saying | null) => {
    if (saying) out.push(saying);
  };
  add(noteSaying(line, memory));
  if (!line.event) return out;
  const effects = line.effects ?? [];
  let epoch = line.epoch ?? 0;
  add(eventSaying(line.event, effects, memory, epoch));
  const mine = effects.filter((e) => e.kind !== 'role' || !effects.some((o) => o.kind === 'takeover'));
  for (const effect of mine) {
    add(effectSaying(effect, line, memory, epoch));
    if (effect.kind === 'decide') epoch = effect.epoch ?? epoch;
  }
  return out;
}

/** The same said of many receivers is said once. */
function joined(sayings: Saying[]): string[] {
  const out: string[] = [];
  const sends = new Map<string, number>();
  for (const { text } of sayings) {
    const match = text.startsWith('→ ') ? text.indexOf('  ') : -1;
    const what = match > 0 ? text.slice(match) : '';
    const known = sends.get(what);
    if (match > 0 && known !== undefined) {
      out[known] = `${(out[known] as string).slice(0, -what.length)}, ${text.slice(2, match)}${what}`;
      continue;
    }
    if (match > 0) sends.set(what, out.length);
    out.push(text);
  }
  return out;
}

/** Tells a trace line by line; feed it every line, the header first, also those it does not tell. */
export function createTeller(header: TraceHeader, options: TellerOptions = {}): Teller {
  const verbosity = options.verbosity ?? 1;
  const memory: Memory = {
    names: createNames(header),
    frozen: new Set(),
    decided: new Set(),
    absent: new Set(),
    board: 8,
    process: 10,
  };
  const learn = (h: TraceHeader) => {
    memory.names = createNames(h);
    for (const [, name, board] of h.processes ?? []) {
      memory.board = Math.max(memory.board, board.length);
      memory.process = Math.max(memory.process, name.length);
    }
  };
  learn(header);
  const paint = (text: string, code: string) => (options.color && code ? `\x1b[${code}m${text}\x1b[0m` : text);
  return {
    tell(line) {
      if (line.trace !== undefined) {
        learn(line);
        return null;
      }
      const told = pieces(line, memory).filter((s) => s.level <= verbosity);
      if (told.length === 0) return null;
      const failed = told.findIndex((s) => s.text === 'recovery');
      const epoch = failed >= 0 ? ` → recovery (epoch ${line.epoch})` : '';
      const bad = told.some((s) => s.weight === 'bad');
      const kept = told.filter((s) => s.text !== 'recovery' && !(epoch !== '' && s.text === 'freezes for recovery'));
      const weight: Weight = bad ? 'bad' : ((kept.find((s) => s.weight !== 'plain')?.weight ?? 'plain') as Weight);
      const time = `${secondsText(line.t ?? 0)} s`.padStart(10);
      const where = `${(line.board ?? '').padEnd(memory.board)}  ${(line.process ?? '').padEnd(memory.process)}`;
      return `${paint(time, '2')}  ${where}  ${paint(`${joined(kept).join('; ')}${epoch}`, CODES[weight])}`;
    },
  };
}
