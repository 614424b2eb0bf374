// Replays a recorded trace through the core (PROTOCOL 2.5, 3.1): each process's events, in their order, go to a machine
// that begins as the process did, and what the machine answers must be what the trace says. A board that ran another
// core, another module, or ours with a fault of its memory or its engine, is found at the first event where it shows.

import * as realCore from '../../firmware/core/rules.ts';
import type { Process } from '../../firmware/core/core.ts';
import type { Application, Effect, Event } from '../../firmware/core/types.ts';
import { VERSION } from '../../firmware/main.ts';
import type { TraceEffect, TraceEvent, TraceLine } from '../check/types.ts';
import type { Place } from './compare.ts';
import { copy, difference } from './compare.ts';
import { limited } from './limit.ts';

/** Lines that are replayed under one time limit, and the limit, ms: far more than they can need. */
const BATCH_LINES = 200;
const BATCH_MS = 20_000;
/** Time for an acceptance test that failed on the board, maybe because it did not return, ms. */
const TEST_MS = 1000;
/** So many events of a process are kept, for its board may do them again: more than there are between two checkpoints. */
const KEPT = 4096;
const MIGRATE_FAILED = 'migrate failed: ';

/** What a replay needs of the core; a core with a planted mistake takes its place in tests. */
export type Core = Pick<typeof realCore, 'create' | 'step'>;

export const CORE: Core = realCore;

/** A process that is replayed. */
export interface Machine {
  self: Process;
  app: Application;
  before?(line: TraceLine): void;
  /** after each event: what its board does beyond the core; a text: why it cannot be followed any more */
  after?(event: Event, effects: Effect[]): string | null;
}

/** Where machines come from. */
export interface Source {
  /** Sees every note before the lines that follow it. */
  note?(line: TraceLine): void;
  /** Is this the first line of a new life of its process, where no note has told so? */
  renews?(line: TraceLine): boolean;
  /**
   * The machine of a process whose first line this is, as it was before it; `unknown` where nobody can tell how it
   * began, `wrong` where it cannot have begun so.
   */
  begin(line: TraceLine): Machine | { unknown: string } | { wrong: string };
}

export type What =
  /** the answers differ */
  | 'effects'
  /** the trace lacks a line, has one twice, or has them in another order */
  | 'order'
  /** the epoch before the event, or what the event became on its way through the core */
  | 'state'
  /** the board evaluated another module text */
  | 'code'
  /** done again after a power cut, it was not what it was before */
  | 'again'
  /** the core threw, or a call did not return */
  | 'threw';

/** The first event of a process at which board and core part. */
export interface Difference {
  what: What;
  process: string;
  board: string;
  n: number;
  /** µs */
  t: number;
  /** number of the trace's line, from 1 */
  line: number;
  why: string;
  next: string;
  event: TraceEvent;
  /** what the board did, and what the core says */
  did: TraceEffect[];
  says: TraceEffect[];
  /** the first effect that differs; -1: none does */
  at: number;
  /** where in it, and both values; null: one of the two has no such effect, or it is no matter of effects */
  place: Place | null;
}

/** Events that were not replayed, and why. */
export interface Left {
  process: string;
  board: string;
  /** number of the first event */
  n: number;
  events: number;
  why: string;
}

export interface Conformance {
  /** in the trace */
  events: number;
  /** given to the core, and answered as the trace says; or done again as before */
  agreed: number;
  /** of these: done again after a power cut */
  repeated: number;
  /** processes of which the trace has events */
  processes: number;
  /** in the trace's order, one a life of a process at most: what follows it cannot be judged */
  differences: Difference[];
  left: Left[];
  /** texts of exceptions that the board's engine words in another way */
  reworded: number;
  /** boards whose firmware was of another version than this program, and which: their core may be another too */
  firmware: [string, string][];
  /** calls that the board interrupted: they count as interrupted again, and are not run */
  interrupted: number;
}

interface Track {
  board: string;
  machine: Machine | null;
  /** why there is none */
  why: string;
  left: Left | null;
  calls: Calls | null;
  /** what an interrupted call had changed by then is not known; the state counts again after the next rollback */
  uncertain: string;
  /** lines of its board that were lost, when it was last seen */
  gaps: number;
  /** its last events: after a power cut the board does some of them again (PROTOCOL 6) */
  seen: Map<number, TraceLine>;
  resumed: boolean;
}

const ENGINE = 'the board ran another core than this program’s, or its engine or memory is at fault';
const NEXT_CORE = `${ENGINE}: compare its firmware (understudy status), and record again on a virtual board`;
const NEXT_ORDER = 'was the file edited, or put together from parts? record it again';
const NEXT_AGAIN = 'a component that is not deterministic does so, or a journal that is not what was written to it';
const NEXT_CODE = 'flash or stage the version again, and record again; if it stays, the board’s memory is at fault';

/** What the trace says of the application's calls that cannot be done again as they were. */
class Calls {
  /** by number of the call to a handler in this event, 0 for `migrate`: the text of its interruption */
  private hung = new Map<number, string>();
  /** a test failed in this event */
  private failed = false;
  private count = 0;
  interrupted = 0;
  /** texts that errors of this machine's engine have had, and what the board's engine says in their place */
  private readonly thrown = new Set<string>();
  private readonly others = new Map<string, string>();

  /** The handler that was interrupted is the last that was called before the effect that tells of it. */
  expect(effects: TraceEffect[]): void {
    this.count = 0;
    this.failed = false;
    this.hung.clear();
    let delivered = 0;
    for (const { kind, why, message, ok } of effects) {
      if (kind === 'deliver') delivered++;
      else if (kind === 'tested' && ok === false) this.failed = true;
      else if ((kind === 'failure' || kind === 'error') && why?.startsWith('hang')) this.hung.set(delivered, why);
      else if (message?.kind === 'migrated') {
        const text = (message as { why?: string }).why ?? '';
        if (text.startsWith(`${MIGRATE_FAILED}hang`)) this.hung.set(0, text.slice(MIGRATE_FAILED.length));
      }
    }
  }

  /** Runs a handler, or interrupts it where the board did. */
  private run<T>(number: number, call: () => T): T {
    const hang = this.hung.get(number);
    if (hang !== undefined) {
      this.interrupted++;
      throw new Error(hang);
    }
    try {
      return call();
    } catch (error) {
      const { name, message } = error as Error;
      if (name !== 'Error') this.thrown.add(String(message));
      throw error;
    }
  }

  /** Runs a test, which counts as failed where it does not return. */
  private test<T>(call: () => T): T {
    if (!this.failed) return call();
    const out: T[] = [];
    if (!limited(TEST_MS, () => out.push(call()))) throw new Error('hang');
    return out[0] as T;
  }

  over(app: Application): Application {
    return {
      ...app,
      handle: (state, event, out) => this.run(++this.count, () => app.handle(state, event, out)),
      migrate: (old, pending) => this.run(0, () => app.migrate(old, pending)),
      accept: (state, device, data) => this.test(() => app.accept(state, device, data)),
      compensate: (state, device, data) => this.test(() => app.compensate(state, device, data)),
    };
  }

  reworded(core: string, board: string): boolean {
    const known = this.others.get(core);
    if (known !== undefined) return known === board;
    const both = core.startsWith(MIGRATE_FAILED) && board.startsWith(MIGRATE_FAILED);
    const own = both ? core.slice(MIGRATE_FAILED.length) : core;
    if (!this.thrown.has(own)) return false;
    this.others.set(core, board);
    return true;
  }

  get words(): number {
    return this.others.size;
  }
}

/** The recorded event as the core took it: a timer's `T` is of the state that armed it, and comes from the core. */
function eventOf(line: TraceLine): Event {
  const event = copy(line.event) as unknown as Event;
  if (event.kind === 'timer') delete event.T;
  return event;
}

function effectsDiffer(
  did: TraceEffect[],
  says: TraceEffect[],
  calls: Calls,
): { at: number; place: Place | null } | null {
  const reworded = (core: string, board: string): boolean => calls.reworded(core, board);
  for (let i = 0; i < did.length && i < says.length; i++) {
    const same = (did[i] as TraceEffect).kind === (says[i] as TraceEffect).kind;
    const place = difference(did[i], says[i], reworded);
    if (place) return { at: i, place: same ? place : null };
  }
  return did.length === says.length ? null : { at: Math.min(did.length, says.length), place: null };
}

function effectsWhy(did: TraceEffect[], says: TraceEffect[], at: number, place: Place | null): string {
  const mine = did[at];
  const other = says[at];
  if (place) return `effect ${at + 1}, ${mine?.kind}: ${place.path} differs`;
  if (!other) return `the board did more than the core says: effect ${at + 1}, ${mine?.kind}`;
  if (!mine) return `the board did not do what the core says: effect ${at + 1}, ${other.kind}`;
  return `effect ${at + 1}: the board did ${mine.kind}, the core says ${other.kind}`;
}

class Replay {
  private readonly source: Source;
  private readonly core: Core;
  private readonly tracks = new Map<string, Track>();
  private readonly names = new Set<string>();
  /** by board: how often lines of it were lost; by process: and how often when it was made */
  private readonly gaps = new Map<string, number>();
  private readonly gapsAtBirth = new Map<string, number>();
  private number = 0;
  readonly out: Conformance = {
    events: 0,
    agreed: 0,
    repeated: 0,
    processes: 0,
    differences: [],
    left: [],
    reworded: 0,
    firmware: [],
    interrupted: 0,
  };

  constructor(source: Source, core: Core) {
    this.source = source;
    this.core = core;
  }

  private current: TraceLine = {};

  read(line: TraceLine): void {
    this.number++;
    this.current = line;
    if (line.note) this.note(line);
    else if (line.process !== undefined && line.event) this.step(line, line.event);
  }

  private note(line: TraceLine): void {
    const note = line.note as NonNullable<TraceLine['note']>;
    const board = line.board ?? '';
    const { firmware } = note;
    const other = firmware !== undefined && firmware !== VERSION;
    if (other && !this.out.firmware.some(([name, version]) => name === board && version === firmware)) {
      this.out.firmware.push([board, firmware]);
    }
    if (note.kind === 'boot' && note.resumed === true) {
      for (const track of this.tracks.values()) if (track.board === board) track.resumed = true;
    }
    if (note.kind === 'gap') this.gaps.set(board, (this.gaps.get(board) ?? 0) + 1);
    // a new life: its first line makes the machine
    if (note.kind === 'process') this.end(`${board} ${note.process}`, board);
    this.source.note?.(line);
  }

  private end(key: string, board: string): void {
    const calls = this.tracks.get(key)?.calls;
    if (calls) this.count(calls);
    this.tracks.delete(key);
    this.gapsAtBirth.set(key, this.gaps.get(board) ?? 0);
  }

  private count(calls: Calls): void {
    this.out.reworded += calls.words;
    this.out.interrupted += calls.interrupted;
  }

  finish(): Conformance {
    for (const { calls } of this.tracks.values()) if (calls) this.count(calls);
    this.out.processes = this.names.size;
    return this.out;
  }

  /** A call of the line that was read last does not return. */
  hung(): void {
    const line = this.current;
    const track = this.tracks.get(`${line.board} ${line.process}`);
    if (track) this.differ(line, track, 'threw', 'a call does not return here, and did on the board', NEXT_CORE);
  }

  private stop(track: Track, why: string): void {
    track.machine = null;
    track.why = why;
    track.left = null;
  }

  private leave(line: TraceLine, track: Track): void {
    if (!track.left) {
      const { process = '', board = '', n = 0 } = line;
      track.left = { process, board, n, events: 0, why: track.why };
      this.out.left.push(track.left);
    }
    track.left.events++;
  }

  private differ(line: TraceLine, track: Track, what: What, why: string, next: string, more: Partial<Difference> = {}) {
    const { process = '', board = '', n = 0, t = 0, event, effects = [] } = line;
    this.out.differences.push({
      what,
      process,
      board,
      n,
      t,
      line: this.number,
      why,
      next,
      event: event as TraceEvent,
      did: effects,
      says: [],
      at: -1,
      place: null,
      ...more,
    });
    this.stop(track, `it follows the difference at event ${n}`);
  }

  private begin(line: TraceLine, key: string): Track {
    const gaps = this.gapsAtBirth.get(key) ?? 0;
    const board = line.board ?? '';
    const track: Track = {
      board,
      machine: null,
      why: '',
      left: null,
      calls: null,
      uncertain: '',
      gaps,
      seen: new Map(),
      resumed: false,
    };
    this.tracks.set(key, track);
    this.names.add(key);
    const made = this.source.begin(line);
    if ('unknown' in made) track.why = made.unknown;
    else if ('wrong' in made) this.differ(line, track, 'code', made.wrong, NEXT_CODE);
    else {
      track.calls = new Calls();
      track.machine = { ...made, app: track.calls.over(made.app) };
    }
    return track;
  }

  /** An event is done again after a power cut: it must be the one that it was, and have the effects that it had. */
  private again(line: TraceLine, track: Track): void {
    const before = track.seen.get(line.n ?? 0);
    if (!before) {
      this.stop(track, `event ${line.n} is done again after a power cut, and is too old to be known here`);
      this.leave(line, track);
      return;
    }
    const place =
      difference(line.event, before.event, undefined, 'event') ??
      difference(line.effects, before.effects, undefined, 'effects') ??
      difference(line.epoch, before.epoch, undefined, 'epoch');
    if (!place) {
      this.out.agreed++;
      this.out.repeated++;
      return;
    }
    const why = `done again after a power cut, event ${line.n} is another than before: ${place.path} differs`;
    this.differ(line, track, 'again', why, NEXT_AGAIN, { says: before.effects ?? [], place });
  }

  private inOrder(line: TraceLine, track: Track, self: Process): boolean {
    const wanted = self.n + 1;
    const gaps = this.gaps.get(line.board ?? '') ?? 0;
    const lost = gaps > track.gaps;
    track.gaps = gaps;
    if (line.n === wanted) return true;
    if (lost) {
      this.stop(track, 'lines of it were lost, and with them what it knew');
      this.leave(line, track);
    } else {
      const why = `event ${line.n} stands where event ${wanted} should`;
      this.differ(line, track, 'order', why, NEXT_ORDER);
    }
    return false;
  }

  private step(line: TraceLine, recorded: TraceEvent): void {
    this.out.events++;
    const key = `${line.board} ${line.process}`;
    if (this.source.renews?.(line)) this.end(key, line.board ?? '');
    const track = this.tracks.get(key) ?? this.begin(line, key);
    const { machine, calls } = track;
    if (!machine || !calls) {
      if (this.out.differences.at(-1)?.line !== this.number) this.leave(line, track);
      return;
    }
    const { self } = machine;
    if (track.resumed && (line.n ?? 0) <= self.n) {
      this.again(line, track);
      return;
    }
    if (!this.inOrder(line, track, self)) return;
    track.resumed = false;
    track.seen.set(self.n + 1, line);
    track.seen.delete(self.n + 1 - KEPT);
    if (line.epoch !== undefined && line.epoch !== self.epoch) {
      this.differ(
        line,
        track,
        'state',
        `the board was in epoch ${line.epoch}, the core is in ${self.epoch}`,
        NEXT_CORE,
      );
      return;
    }
    const did = line.effects ?? [];
    const says: Effect[] = [];
    const event = eventOf(line);
    const role = self.role;
    const interrupted = calls.interrupted;
    calls.expect(did);
    machine.before?.(line);
    try {
      this.core.step(self, event, says, machine.app);
    } catch (error) {
      const why = `the core threw: ${(error as Error).message}`;
      this.differ(line, track, 'threw', why, NEXT_CORE, { says: says as unknown as TraceEffect[], at: says.length });
      return;
    }
    const answers = says as unknown as TraceEffect[];
    const found = effectsDiffer(did, answers, calls);
    if (found && track.uncertain) {
      this.stop(track, track.uncertain);
      this.leave(line, track);
    } else if (found) {
      const why = effectsWhy(did, answers, found.at, found.place);
      this.differ(line, track, 'effects', why, NEXT_CORE, { says: copy(answers), ...found });
    } else if (recorded.kind === 'timer' && recorded.T && difference(recorded.T, event.T)) {
      const why = `timer ${recorded.name}: armed with T [${recorded.T}] on the board, [${event.T}] in the core`;
      this.differ(line, track, 'state', why, NEXT_CORE);
    } else {
      this.out.agreed++;
      const lost = machine.after?.(event, says) ?? null;
      if (lost !== null) this.stop(track, lost);
      if (did.some((effect) => effect.kind === 'rollback')) track.uncertain = '';
      // a low process stops after it: what it had done by then is of no account
      if (calls.interrupted > interrupted && role !== 'low') {
        track.uncertain = `event ${line.n} was interrupted, and what it had changed by then is not known`;
      }
    }
  }
}

/** Replays the lines. The header and lines of unknown kinds are passed over. */
export function conform(lines: Iterable<TraceLine>, source: Source, core: Core = CORE): Conformance {
  const replay = new Replay(source, core);
  const iterator = lines[Symbol.iterator]();
  for (let more = true; more; ) {
    const returned = limited(BATCH_MS, () => {
      for (let i = 0; more && i < BATCH_LINES; i++) {
        const next = iterator.next();
        if (next.done) more = false;
        else replay.read(next.value);
      }
    });
    if (!returned) replay.hung();
  }
  return replay.finish();
}
