// The link below the channels, explored: two ends that run the code that flies (firmware/channel.ts, bus.ts, wire.ts,
// the runtime's door and the core's gate), and between them a bus that remembers. Every frame ever put on it may
// arrive at any time, any number of times, or never: that is loss, repetition, delay and change of order, all of them
// and without a bound. What arrives damaged is dropped by its CRC, as if it were lost.

import { takeBack } from '../../firmware/base.ts';
import { hearPacket } from '../../firmware/bus.ts';
import { enqueue, findBusy, outgoingOf, repeatDue } from '../../firmware/channel.ts';
import { renumber } from '../../firmware/core/process.ts';
import type { Message, Pid } from '../../firmware/core/types.ts';
import { REPEAT_MAX_MS } from '../../firmware/limits.ts';
import { crc32 } from '../../firmware/link/crc.ts';
import { pump, release } from '../../firmware/runtime.ts';
import type { Runtime } from '../../firmware/state.ts';
import { encodePacket, PACKET_BEAT } from '../../firmware/wire.ts';
import type { End } from './link-end.ts';
import { endOf, hex, OPERATION, processOf, sleep, wake } from './link-end.ts';
import type { LinkShape, Scripted } from './link-shapes.ts';
import { numberIn, SENDER } from './link-shapes.ts';
import type { Wrong } from './state-system.ts';

export type { LinkShape } from './link-shapes.ts';
export { LINK_SHAPES } from './link-shapes.ts';

interface Link {
  ends: [End, End];
  /** by script: how much of it is sent; and of what is, how much has ever been acknowledged, to a sender that heard it */
  sent: number[];
  heard: number[];
  /** which life the channels are in */
  life: number;
  /** by script: what the receiver has taken, in order: life and number */
  taken: [number, number][][];
  /** by script: frames of it that were refused as too late are lost for good */
  closed: boolean;
  bus: string[];
}

export interface LinkExplored {
  states: number;
  edges: number;
  ends: number;
  depth: number;
  complete: boolean;
  seconds: number;
  /** events that the core was given */
  steps: number;
  wrongs: Wrong[];
  path: string[];
}

/** Goes through every state of a link. */
export class LinkSystem {
  readonly shape: LinkShape;
  wrongs: Wrong[] = [];
  steps = 0;

  constructor(shape: LinkShape) {
    this.shape = shape;
  }

  first(): Link {
    const { shape } = this;
    const live = [0, 2, 4];
    const self = shape.seat ? processOf(1, 'seat', live) : processOf(2, 'active', live);
    if (shape.seat) self.staged = OPERATION;
    return {
      ends: [endOf(processOf(0, 'active', live), shape.restarts), endOf(self, shape.restarts)],
      sent: shape.scripts.map(() => 0),
      heard: shape.scripts.map(() => 0),
      life: 0,
      taken: shape.scripts.map(() => []),
      closed: false,
      bus: [],
    };
  }

  private say(rule: Wrong['rule'], why: string): void {
    this.wrongs.push({ rule, process: this.shape.name, why });
  }

  /** Lets one end do something, and looks at what it took. */
  private with(link: Link, board: number, run: (rt: Runtime) => void, now = 0): string[] {
    const end = link.ends[board] as End;
    const frames: string[] = [];
    const rt = wake(this.shape, end, board, now, (bytes) => frames.push(hex(bytes)));
    rt.trace = ({ event }) => {
      this.steps++;
      if (board === 1) this.events.push(event as never);
    };
    const { epoch } = end.self;
    run(rt);
    pump(rt);
    release(rt);
    sleep(rt, end);
    if (board === 1) this.look(link, epoch);
    else if (this.shape.power) this.listen(link);
    return frames;
  }

  /** How much of each script its sender knows to be taken. */
  private listen(link: Link): void {
    this.shape.scripts.forEach((script, s) => {
      const sent = link.sent[s] as number;
      const queue = this.queueOf(link, script).length;
      link.heard[s] = Math.max(link.heard[s] as number, sent - queue);
    });
  }

  private queueOf(link: Link, script: Scripted[]): Message[] {
    const [first] = script as [Scripted];
    return link.ends[0].outgoing.find((o) => o.from === first.from && o.to === first.to)?.queue ?? [];
  }

  private put(link: Link, frames: string[]): void {
    for (const frame of frames) if (!link.bus.includes(frame)) link.bus.push(frame);
    link.bus.sort();
  }

  /** What the receiver's events say that it has taken. */
  private look(link: Link, epoch: number): void {
    const { events } = this;
    this.events = [];
    for (const event of events) {
      if (event.kind === 'reborn') continue;
      const n = numberIn(event);
      const s = this.shape.scripts.findIndex((script) => script[0]?.from === (event.from ?? -1));
      const taken = link.taken[s] as [number, number][];
      const script = this.shape.scripts[s] as Scripted[];
      const which = script.findIndex(
        ({ message }) => numberIn(message) === n && message.epoch === event.epoch && message.data === event.data,
      );
      const one = script[which];
      if (!one || which >= (link.sent[s] as number)) {
        this.say('fifo', `takes ${event.kind} ${n}, which was never sent`);
        continue;
      }
      if (taken.some(([life, known]) => life === one.life && known === n)) {
        this.say('fifo', `takes ${event.kind} ${n} twice`);
      }
      const last = taken[taken.length - 1] ?? [0, 0];
      const next = one.life === last[0] ? last[1] + 1 : 1;
      if (one.life < last[0] || n !== next) {
        this.say('fifo', `takes ${event.kind} ${n} of life ${one.life} after ${last[1]} of life ${last[0]}`);
      }
      if (event.epoch < epoch) this.say('fifo', `takes ${event.kind} ${n} of an epoch that is over`);
      if (link.closed) this.say('fifo', `takes ${event.kind} ${n} of one that it has declared dead`);
      taken.push([one.life, n]);
    }
  }

  private events: { kind: string; from: Pid; n: number; epoch: number; data?: unknown }[] = [];

  /** What may happen in a state: each as what comes of it. */
  next(link: Link): [string, Link][] {
    const out: [string, Link][] = [];
    const { shape } = this;
    const text = JSON.stringify(link);
    const go = (name: string, run: (copy: Link) => void) => {
      const copy = JSON.parse(text) as Link;
      run(copy);
      out.push([name, copy]);
    };
    shape.scripts.forEach((script, s) => {
      const one = script[link.sent[s] as number];
      if (!one || (shape.restarts > 0 && one.life !== link.life)) return;
      go(`sends ${one.message.kind} ${numberIn(one.message)} of epoch ${one.message.epoch}`, (copy) =>
        this.send(copy, s),
      );
    });
    link.bus.forEach((frame, place) => {
      for (const board of [0, 1]) {
        go(`frame ${place} arrives at ${board}`, (copy) => this.put(copy, this.arrive(copy, board, frame)));
      }
    });
    for (const board of shape.repeats ? [0, 1] : []) {
      go(`repeat timer of ${board}`, (copy) => this.put(copy, this.repeat(copy, board)));
    }
    const self = link.ends[1].self;
    if (shape.verdict && !link.closed) {
      go('verdict', (copy) => {
        copy.ends[1].self.closed.push(SENDER);
        copy.closed = true;
      });
    }
    // a receiver goes on once the channel is flushed, or closed
    if (!shape.seat && self.epoch === 0 && (this.flushed(link) || link.closed)) {
      go('resumes in epoch 1', (copy) => {
        const end = copy.ends[1];
        end.self.epoch = 1;
        end.self.cut = null;
        end.self.closed = [];
        this.put(
          copy,
          this.with(copy, 1, () => {}),
        );
      });
    }
    for (const board of [0, 1] as const) {
      const end = link.ends[board];
      const name = board === 0 ? 'sender' : 'receiver';
      if (shape.power && board === 1) go('power cut of the receiver', (copy) => this.cutPower(copy, 1, []));
      if (shape.power && board === 0) {
        for (const from of this.bases(link)) {
          go(`power cut of the sender, base behind ${from}`, (copy) => this.cutPower(copy, 0, from));
        }
      }
      if (end.restarts > 0) go(`the ${name} begins anew`, (copy) => this.restart(copy, board));
      if (end.peer < (link.ends[1 - board] as End).life) {
        go(`the ${name} hears that the other has begun anew`, (copy) => this.put(copy, this.hear(copy, board)));
      }
    }
    return out;
  }

  private flushed(link: Link): boolean {
    const script = this.shape.scripts[0] as Scripted[];
    const all = script.filter((one) => one.message.epoch === 0).length;
    return all < script.length && (link.taken[0]?.length ?? 0) === all;
  }

  private send(link: Link, s: number): void {
    const one = (this.shape.scripts[s] as Scripted[])[link.sent[s] as number] as Scripted;
    link.sent[s] = (link.sent[s] as number) + 1;
    const self = link.ends[0].self;
    if (one.from === SENDER && one.message.epoch > self.epoch) {
      self.epoch = one.message.epoch;
      self.cut = null;
      if (one.to === 1) renumber(self, 1);
    }
    const frames = this.with(link, 0, (rt) => {
      enqueue(rt, outgoingOf(rt, one.from, one.message.device ?? -1, one.to), structuredClone(one.message));
    });
    this.put(link, frames);
  }

  private arrive(link: Link, board: number, frame: string): string[] {
    return this.with(link, board, (rt) => {
      hearPacket(rt, Uint8Array.from(Buffer.from(frame, 'hex')));
    });
  }

  private repeat(link: Link, board: number): string[] {
    return this.with(link, board, (rt) => repeatDue(rt, REPEAT_MAX_MS), REPEAT_MAX_MS);
  }

  /** From where on a base of the sender may hold the scripts: what was acknowledged before it is not in it. */
  private bases(link: Link): number[][] {
    let out: number[][] = [[]];
    this.shape.scripts.forEach((script, s) => {
      const sent = link.sent[s] as number;
      const life = this.shape.restarts > 0 ? link.life : (script[sent - 1]?.life ?? 0);
      let first = 0;
      while (first < sent && (script[first] as Scripted).life < life) first++;
      const more: number[][] = [];
      for (const list of out) {
        for (let from = Math.min(first, sent); from <= Math.max(first, link.heard[s] as number); from++) {
          more.push([...list, from]);
        }
      }
      out = more;
    });
    return out;
  }

  /**
   * Power goes, and the log is taken up: the process is as it was, and in the life that it was in. The sender has what its
   * base held and all that was sent since, whether acknowledged or not; who has to be acknowledged, and what came too
   * early, is forgotten.
   */
  private cutPower(link: Link, board: 0 | 1, from: number[]): void {
    const end = link.ends[board];
    end.stash = [];
    end.acks = [];
    const frames = this.with(link, board, (rt) => {
      if (board === 1) return;
      this.shape.scripts.forEach((script, s) => {
        const [{ from: pid, to, message }] = script as [Scripted];
        const all = script.slice(0, link.sent[s]).map((one) => structuredClone(one.message));
        const known = all
          .slice(0, from[s])
          .reverse()
          .find((m) => m.kind === 'app');
        const base = pid < 0 && all.length > 0 ? numberIn(message) : 0;
        const old = rt.outgoing.filter((o) => o.from !== pid || o.to !== to);
        const device = message.device ?? -1;
        // what the base held, and what its events since send again
        const held = (from[s] as number) + 1;
        const queue = all.slice(from[s], held);
        takeBack(rt, pid === SENDER ? pid : -1, [[pid, device, to, base, known?.q ?? 0, queue]], []);
        if (pid !== SENDER) {
          rt.outgoing = old.concat(rt.outgoing.filter((o) => o.from === pid && o.to === to));
          findBusy(rt);
        }
        for (const m of all.slice(held)) enqueue(rt, outgoingOf(rt, pid, device, to), m);
      });
    });
    this.put(link, frames);
  }

  /** A board begins anew without a log: another life, new processes, and it knows of nobody. */
  private restart(link: Link, board: 0 | 1): void {
    const end = link.ends[board];
    const { pid, live } = end.self;
    const before = end.restarts;
    Object.assign(end, endOf(processOf(pid, 'active', live), before - 1), { life: end.life + 1, peer: 0 });
    if (board === 0) this.begin(link);
  }

  /** The channels begin again at 1. */
  private begin(link: Link): void {
    link.life++;
    this.shape.scripts.forEach((script, s) => {
      const at = script.findIndex((one) => one.life === link.life);
      link.sent[s] = at < 0 ? script.length : at;
      link.heard[s] = link.sent[s] as number;
    });
  }

  /** A beat of the other board, which tells its life. */
  private hear(link: Link, board: 0 | 1): string[] {
    const { self, life } = link.ends[1 - board] as End;
    const known = link.ends[board].peer;
    const entry = [self.pid, self.role, self.epoch, [], [], [], []];
    const frames = this.with(link, board, (rt) => {
      hearPacket(rt, encodePacket([PACKET_BEAT, 1 - board, life, 0, 'p', '', [entry]], crc32));
    });
    if (board === 0 && known > 0) this.begin(link);
    return frames;
  }

  /** What must hold in every state. */
  judge(link: Link): void {
    const { shape } = this;
    shape.scripts.forEach((script, s) => {
      const sent = script.slice(0, link.sent[s]);
      const life = shape.restarts > 0 ? link.life : (sent[sent.length - 1]?.life ?? 0);
      const queue = this.queueOf(link, script);
      for (const one of sent) {
        const n = numberIn(one.message);
        if (one.life !== life || queue.some((m) => numberIn(m) === n && m.epoch === one.message.epoch)) continue;
        const taken = (link.taken[s] as [number, number][]).some(([l, known]) => l === one.life && known === n);
        if (taken) continue;
        this.say(
          'fifo',
          `${one.message.kind} ${n} of epoch ${one.message.epoch} counts as acknowledged, and was never taken`,
        );
      }
    });
  }

  /** From here, with all frames lost and a bus that loses none any more, everything is taken and acknowledged. */
  comesToRest(before: Link): void {
    const link = JSON.parse(JSON.stringify(before)) as Link;
    for (const board of [0, 1] as const)
      if (link.ends[board].peer < (link.ends[1 - board] as End).life) this.hear(link, board);
    const upTo = (s: number): number => {
      const script = this.shape.scripts[s] as Scripted[];
      return this.shape.restarts > 0 ? script.filter((one) => one.life <= link.life).length : script.length;
    };
    this.shape.scripts.forEach((_, s) => {
      while ((link.sent[s] as number) < upTo(s)) this.send(link, s);
    });
    link.bus = [];
    for (let round = 0; round < 60; round++) {
      const frames: [number, string][] = [];
      for (const board of [0, 1]) for (const frame of this.repeat(link, board)) frames.push([1 - board, frame]);
      for (const [board, frame] of frames) {
        for (const answer of this.arrive(link, board, frame)) frames.push([1 - board, answer]);
      }
      const self = link.ends[1].self;
      if (!this.shape.seat && self.epoch === 0 && this.flushed(link)) self.epoch = 1;
      if (link.ends[0].outgoing.every((o) => o.queue.length === 0)) break;
    }
    this.judge(link);
    if (link.closed) return;
    this.shape.scripts.forEach((script, s) => {
      const life = this.shape.restarts > 0 ? link.life : (script[script.length - 1] as Scripted).life;
      const missing = script.filter((one) => one.life === life).length;
      const taken = (link.taken[s] as [number, number][]).filter(([l]) => l === life).length;
      if (taken < missing)
        this.say('progress', `${missing - taken} of the messages of process ${script[0]?.from} never arrive`);
    });
    if (link.ends[0].outgoing.some((o) => o.queue.length > 0)) this.say('progress', 'a message is never acknowledged');
  }
}

export function exploreLink(shape: LinkShape, limits: { states: number }): LinkExplored {
  const system = new LinkSystem(shape);
  const begun = performance.now();
  const found: LinkExplored = {
    states: 0,
    edges: 0,
    ends: 0,
    depth: 0,
    complete: true,
    seconds: 0,
    steps: 0,
    wrongs: [],
    path: [],
  };
  const seen = new Map<string, number>();
  const texts: string[] = [];
  const parents: [number, string][] = [];
  const add = (link: Link, parent: number, name: string): void => {
    const text = JSON.stringify(link);
    if (seen.has(text)) return;
    seen.set(text, texts.length);
    texts.push(text);
    parents.push([parent, name]);
  };
  const pathTo = (state: number): string[] => {
    const path: string[] = [];
    for (let at = state; (parents[at] as [number, string])[0] >= 0; at = (parents[at] as [number, string])[0]) {
      path.push((parents[at] as [number, string])[1]);
    }
    return path.reverse();
  };
  add(system.first(), -1, '');
  let levelEnd = 1;
  for (let at = 0; at < texts.length; at++) {
    if (at === levelEnd) {
      found.depth++;
      levelEnd = texts.length;
    }
    if (texts.length >= limits.states) {
      found.complete = false;
      break;
    }
    const link = JSON.parse(texts[at] as string) as Link;
    system.judge(link);
    if (system.wrongs.length === 0) system.comesToRest(link);
    if (system.wrongs.length > 0) {
      found.path = pathTo(at);
      break;
    }
    const before = texts.length;
    for (const [name, next] of system.next(link)) {
      found.edges++;
      if (system.wrongs.length > 0) {
        found.path = [...pathTo(at), name];
        break;
      }
      add(next, at, name);
    }
    if (system.wrongs.length > 0) break;
    if (texts.length === before) found.ends++;
  }
  found.steps = system.steps;
  found.wrongs = system.wrongs;
  found.complete &&= found.wrongs.length === 0;
  found.states = texts.length;
  found.seconds = (performance.now() - begun) / 1000;
  return found;
}
