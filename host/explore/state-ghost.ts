// The independent ground truth of an explored system, carried beside each process and each message: what a state truly
// depends on, which messages it has sent and taken. It is made of sends and receipts alone, never of the protocol's own
// vectors, and follows the same definitions as the engine that judges traces (host/check/causal.ts); here as values
// that are never changed in place, so that a state of the exploration simply holds them.

import type { Effect, Event, Message, Pid } from '../../firmware/core/types.ts';
import type { History } from '../check/vector.ts';
import { at, beyond, join, NOTHING, show, within, withValue } from '../check/vector.ts';
import type { Rule } from '../check/types.ts';

/** An application message as its sender's state knows it. `id` tells its re-execution after a rollback from itself. */
export interface Entry {
  id: number;
  from: Pid;
  to: number;
  q: number;
  H: History;
  /** epoch that the guarded operation it was sent in began with, or -1 */
  op: number;
}

/** What stands in a state, and is taken back with it. */
interface Books {
  H: History;
  timers: Record<string, History>;
  /** by component: `id * 16 + epoch` of each message sent, its place is its `q` less one */
  sent: number[][];
  taken: number[][];
  outputs: number[];
  /** a shadow's suppressed messages and outputs */
  logged: { to: number; device: number; number: number; H: History; id: number }[];
}

interface Known {
  kind: string;
  from: Pid;
  q: number;
  name: string;
  entry: Entry | null;
  carried: History;
  op: number;
}

export interface CutRecord {
  epoch: number;
  /** which process it is, as its messages say */
  who: number;
  role: string;
  sent: number[][];
  taken: number[][];
  /** component, id and q of held messages */
  held: [number, number, number][];
}

export interface Given {
  component: number;
  sent: number[][];
  taken: number[][];
  outputs: number[];
  held: Entry[];
}

export interface Ghost extends Books {
  role: string;
  epoch: number;
  op: number;
  /** processes that have had this number before */
  former: number;
  /** rollbacks so far */
  life: number;
  /** boundary messages sent in this operation */
  k: number;
  frozen: boolean;
  lastCut: string;
  journal: number[];
  held: number[];
  /** events delivered since the first record of the journal, with the books before each */
  since: { n: number; input: boolean; books: Books }[];
  known: Record<number, Known>;
  given: Given | null;
  /** what the last recovery vouched for */
  over: { op: number; V: History } | null;
  record: CutRecord | null;
}

/** What a step says that only the whole system can judge, in order. */
export type Check =
  | { kind: 'pass'; H: History }
  | { kind: 'within'; H: History; rule: Rule; why: string }
  | { kind: 'wrong'; rule: Rule; why: string }
  | { kind: 'decide'; epoch: number; cut: string; op: string; V: History | null }
  | { kind: 'late' }
  | { kind: 'record' };

export interface Told {
  ghost: Ghost;
  checks: Check[];
  /** by place of the effect: what travels beside the message */
  beside: Map<number, { entry: Entry | null; given: Given | null }>;
}

export interface Cluster {
  components: number[];
  removed: number[];
  added: number[];
}

export function createGhost(role: string, op: number, components: number, devices: number): Ghost {
  const lists = () => Array.from({ length: components }, (): number[] => []);
  return {
    role,
    epoch: role === 'seat' ? -1 : 0,
    op,
    former: 0,
    life: 0,
    k: 0,
    H: NOTHING,
    timers: {},
    sent: lists(),
    taken: lists(),
    outputs: Array.from({ length: devices }, () => 0),
    logged: [],
    frozen: false,
    lastCut: '',
    journal: [],
    held: [],
    since: [],
    known: {},
    given: null,
    over: null,
    record: null,
  };
}

function isLive(role: string): boolean {
  return role === 'active' || role === 'shadow' || role === 'low';
}

function isSurvivor(role: string): boolean {
  return role === 'active' || role === 'shadow';
}

function withItem<T>(lists: T[][], at: number, item: T): T[][] {
  const out = lists.slice();
  out[at] = [...(lists[at] ?? []), item];
  return out;
}

const ID_Q = 256;
const PIDS = 64;

function whoIs(g: Ghost, pid: Pid): number {
  return g.former * PIDS + pid;
}

function idOf(who: number, life: number, q: number): number {
  return (who * 8 + life) * ID_Q + q;
}

function last(list: number[] | undefined): number {
  return list && list.length > 0 ? (list[list.length - 1] as number) : 0;
}

/** Goes through what one step did. `n` is the number of the event; `entry` and `given` came beside the message. */
export function tell(
  before: Ghost,
  pid: Pid,
  n: number,
  event: Event,
  entry: Entry | null,
  given: Given | null,
  effects: Effect[],
  cluster: Cluster,
): Told {
  const g: Ghost = { ...before };
  const checks: Check[] = [];
  const beside: Told['beside'] = new Map();
  const wrong = (rule: Rule, why: string) => {
    checks.push({ kind: 'wrong', rule, why });
  };
  /** V* of the recovery that this step carries out; `agreed`: the rule set has one */
  let limit: History | null = null;
  let agreed = true;
  const limited = (H: History, why: string) => {
    if (!agreed) checks.push({ kind: 'within', H, rule: 'containment', why });
    else if (limit && beyond(H, limit) >= 0)
      wrong('containment', `${why}: it depends on ${show(H)}, V* is ${show(limit)}`);
  };
  let decided: { cut: string; epoch: number } | null = null;
  const tests: Record<number, string> = {};
  let resend = 0;
  let redoing = -1;
  let rollbacks = 0;
  let settled = false;
  let latest: Entry | null = null;
  let owed: number[] = [];

  const settle = (m: number) => {
    if (m === n) settled = true;
    if (g.held.includes(m)) g.held = g.held.filter((x) => x !== m);
  };

  const deliver = (m: number) => {
    settle(m);
    for (const device of Object.keys(tests)) delete tests[Number(device)];
    const received = g.known[m];
    if (!received) {
      wrong('trace', `event ${m} is delivered, but not known`);
      return;
    }
    if (g.op >= 0 && !g.since.some((s) => s.n === m)) {
      const { H, timers, sent, taken, outputs, logged } = g;
      g.since = [
        ...g.since,
        { n: m, input: received.kind === 'input', books: { H, timers, sent, taken, outputs, logged } },
      ];
    }
    const carried = g.op >= 0 && received.op === g.op ? received.carried : NOTHING;
    if (received.kind === 'app') {
      const c = received.from >> 1;
      const before = g.taken[c] ?? [];
      const q = before.length;
      if (received.q !== q + 1) wrong('border', `takes q=${received.q} of component ${c} after q=${q}`);
      g.taken = withItem(g.taken, c, received.entry ? received.entry.id : 0);
    } else if (received.kind === 'timer') {
      const { [received.name]: _, ...rest } = g.timers;
      g.timers = rest;
    }
    g.H = join(g.H, carried);
    if (limit) limited(carried, 'delivery in a recovery');
    else if (g.over && received.entry && received.entry.op === g.over.op && g.op !== g.over.op) {
      if (beyond(received.entry.H, g.over.V) >= 0) wrong('containment', 'delivery after a recovery');
    }
  };

  const make = (to: number, q: number, H: History): Entry => ({
    id: idOf(whoIs(g, pid), g.life, q),
    from: pid,
    to,
    q,
    H,
    op: limit ? -1 : g.op,
  });

  const says = (message: Message, H: History, k: number) => {
    if (before.op < 0 || limit || g.op < 0) return;
    if (message.V)
      checks.push({ kind: 'within', H: message.V, rule: 'truth', why: `${message.kind} says what is validated` });
    if (message.kind !== 'app' || !message.T) return;
    const T = message.T;
    const hidden = H.map((value, i) => (value > at(T, i) ? value : 0));
    if (beyond(H, T) >= 0)
      checks.push({ kind: 'within', H: hidden, rule: 'truth', why: 'message depends on more than it says' });
    if (message.V && within(T, message.V)) {
      checks.push({ kind: 'within', H, rule: 'truth', why: 'message counts as clean' });
    }
    if ((message.k ?? 0) !== k) wrong('truth', `boundary index ${message.k ?? 0}, counted ${k}`);
  };

  const send = (place: number, to: Pid, message: Message) => {
    if (message.kind === 'handover') {
      const held = g.held.map((m) => g.known[m]?.entry).filter((e): e is Entry => !!e);
      const { sent, taken, outputs } = g;
      beside.set(place, { entry: null, given: { component: pid >> 1, sent, taken, outputs, held } });
      says(message, g.H, 0);
      return;
    }
    if (message.kind !== 'app') {
      says(message, g.H, 0);
      return;
    }
    const c = to >> 1;
    const list = g.sent[c] ?? [];
    let k = 0;
    let made: Entry;
    if (resend > 0) {
      resend--;
      const found = g.logged.find((l) => l.to === c && l.number === message.q);
      const q = message.q ?? 0;
      if (found) {
        made = { id: found.id, from: pid, to: c, q, H: found.H, op: -1 };
        limited(found.H, 'message after a recovery');
        g.sent = g.sent.slice();
        g.sent[c] = list.map((s) => (s >> 4 === found.id ? found.id * 16 + g.epoch : s));
        g.logged = g.logged.filter((l) => l !== found);
      } else {
        made = make(c, q, g.H);
        wrong('containment', 'message from a log that a rollback took back');
      }
    } else if (latest && latest.to === c && latest.q === message.q && last(list) >> 4 === latest.id) {
      made = latest;
    } else {
      const q = list.length + 1;
      const slot = g.role === 'low' && g.op >= 0 ? cluster.components.indexOf(pid >> 1) : -1;
      if (slot >= 0 && !cluster.components.includes(c)) {
        k = ++g.k;
        g.H = withValue(g.H, slot, k);
      }
      if (message.q !== q) wrong('border', `sends q=${message.q} to component ${c}, expected ${q}`);
      made = make(c, message.q ?? q, g.H);
      g.sent = withItem(g.sent, c, made.id * 16 + g.epoch);
      if (limit) limited(g.H, 'message after a recovery');
    }
    latest = made;
    says(message, made.H, k);
    beside.set(place, { entry: made, given: null });
  };

  const output = (effect: Effect) => {
    const device = effect.device as number;
    const e = effect.e ?? 0;
    const test = tests[device] ?? 'none';
    delete tests[device];
    let H = g.H;
    if (resend > 0) {
      resend--;
      const found = g.logged.find((l) => l.device === device && l.number === e);
      if (found) H = found.H;
      else wrong('containment', 'output from a log that a rollback took back');
    } else if (e > 0) {
      g.outputs = g.outputs.slice();
      const expected = (g.outputs[device] ?? 0) + 1;
      g.outputs[device] = expected;
      if (e !== expected) wrong('border', `device ${device}: puts out e=${e}, expected ${expected}`);
    }
    if (limit) limited(H, 'output after a recovery');
    else if (test === 'failed') wrong('containment', 'output that failed its acceptance test');
    else if (test === 'none' && g.role === 'low') wrong('containment', 'low process puts out untested');
    else if (test === 'none' && g.op >= 0) {
      checks.push({ kind: 'within', H, rule: 'containment', why: 'contaminated process puts out untested' });
    }
    if (g.role === 'low') checks.push({ kind: 'late' });
  };

  const decide = (effect: Effect) => {
    const cut = effect.cut ?? '';
    const epoch = effect.epoch ?? g.epoch + 1;
    const V = effect.V ?? null;
    checks.push({ kind: 'decide', epoch, cut, op: effect.op ?? '', V });
    if (isLive(g.role) && epoch !== g.epoch + 1) wrong('verdict', `decides epoch ${epoch} in epoch ${g.epoch}`);
    if (cut === 'recovery' && V && g.op >= 0) {
      checks.push({ kind: 'within', H: V, rule: 'truth', why: `V* is ${show(V)}` });
    }
    g.epoch = epoch;
    g.frozen = false;
    g.lastCut = cut;
    decided = { cut, epoch };
    if (cut === 'recovery' && isSurvivor(g.role) && g.op >= 0) {
      limit = V ?? NOTHING;
      agreed = V !== null;
      return;
    }
    if (cut === 'commit') forget(cluster.removed);
    closePast();
    g.op = cut === 'start' ? epoch : -1;
  };

  const forget = (components: number[]) => {
    if (components.length === 0) return;
    g.sent = g.sent.map((list, c) => (components.includes(c) ? [] : list));
    g.taken = g.taken.map((list, c) => (components.includes(c) ? [] : list));
  };

  /** At a cut nothing of the past can come back but what is held, and this event itself. */
  const closePast = () => {
    g.since = [];
    g.journal = [];
    g.logged = [];
    g.H = NOTHING;
    g.k = 0;
    const timers: Record<string, History> = {};
    for (const name of Object.keys(g.timers)) timers[name] = NOTHING;
    g.timers = timers;
  };

  const role = (is: string) => {
    if (is === 'low' && g.role !== 'low' && g.given) {
      const from = g.given;
      g.sent = from.sent;
      g.outputs = from.outputs;
      let taken = from.taken;
      for (const held of from.held) {
        const c = held.from >> 1;
        if ((taken[c] ?? []).length < held.q) taken = withItem(taken, c, held.id);
      }
      g.taken = taken;
    }
    g.role = is;
    if (is !== 'stopped') return;
    g.op = -1;
    g.frozen = false;
    g.held = [];
  };

  const rollback = (m: number) => {
    const place = g.since.findIndex((s) => s.n === m);
    if (!limit) wrong('cascade', 'rolls back outside a recovery');
    if (++rollbacks > 1) wrong('cascade', 'rolls back a second time in one recovery');
    const found = g.since[place];
    if (!found) {
      wrong('cascade', 'rolls back to before an event that it did not deliver in this operation');
      return;
    }
    if (limit && agreed && within(g.H, limit)) wrong('cascade', 'rolls back without need');
    if (g.journal.length > 0 && m < (g.journal[0] as number)) wrong('cascade', 'rolls back further than its journal');
    for (let i = place; i < g.since.length; i++) {
      const undone = g.since[i];
      if (undone?.input) owed.push(undone.n);
    }
    Object.assign(g, found.books);
    g.since = g.since.slice(0, place);
    g.life++;
  };

  // the event itself
  let mine: Known = {
    kind: event.kind,
    from: event.from ?? -1,
    q: event.q ?? 0,
    name: event.name ?? '',
    entry,
    carried: entry ? entry.H : NOTHING,
    op: entry ? entry.op : -1,
  };
  if (event.kind === 'timer') mine = { ...mine, carried: g.timers[event.name ?? ''] ?? NOTHING, op: g.op };
  g.known = { ...g.known, [n]: mine };
  if (event.kind === 'handover' && given && given.component === pid >> 1) g.given = given;

  effects.forEach((effect, place) => {
    switch (effect.kind) {
      case 'send':
        send(place, effect.to as Pid, effect.message as Message);
        break;
      case 'output':
        output(effect);
        break;
      case 'suppressed':
        if (effect.to !== undefined) {
          const made = make(effect.to, effect.q ?? 0, g.H);
          g.sent = withItem(g.sent, effect.to, made.id * 16 + g.epoch);
          g.logged = [...g.logged, { to: effect.to, device: -1, number: made.q, H: g.H, id: made.id }];
        } else {
          const device = effect.device as number;
          g.outputs = g.outputs.slice();
          g.outputs[device] = (g.outputs[device] ?? 0) + 1;
          g.logged = [...g.logged, { to: -1, device, number: effect.e ?? 0, H: g.H, id: 0 }];
        }
        break;
      case 'deliver': {
        const m = effect.event ?? n;
        if (redoing !== m) deliver(m);
        redoing = -1;
        break;
      }
      case 'replay':
        deliver(effect.event as number);
        redoing = effect.event as number;
        owed = owed.filter((m) => m !== effect.event);
        break;
      case 'forget': {
        const m = effect.event ?? n;
        settle(m);
        if (g.known[m]?.kind === 'input') wrong('inputs', 'leaves out an input');
        break;
      }
      case 'armed':
        g.timers = { ...g.timers, [effect.name ?? '']: g.H };
        break;
      case 'tested':
        tests[effect.device ?? -1] = effect.ok ? (effect.compensated ? 'compensated' : 'passed') : 'failed';
        if (effect.ok && !effect.compensated && g.op >= 0 && !limit) checks.push({ kind: 'pass', H: g.H });
        break;
      case 'checkpoint':
      case 'journal':
        g.journal = [...g.journal, n];
        break;
      case 'reclaim':
        g.journal = g.journal.slice(effect.records ?? g.journal.length);
        break;
      case 'freeze':
        g.frozen = true;
        break;
      case 'decide':
        decide(effect);
        break;
      case 'rollback':
        rollback(effect.event as number);
        break;
      case 'takeover':
        resend = effect.count ?? 0;
        break;
      case 'role':
        role(effect.role ?? '');
        break;
      default:
    }
  });

  if ((event.kind === 'app' || event.kind === 'input') && !settled) {
    if (g.frozen || g.role === 'seat') g.held = [...g.held, n];
    else if (isLive(g.role)) wrong('orphans', `${event.kind} was neither delivered nor held`);
  }
  if (owed.length > 0) wrong('inputs', 'an input is lost in a rollback');
  if (decided) {
    const { epoch } = decided as { cut: string; epoch: number };
    if (limit) {
      limited(g.H, 'state after a recovery');
      for (const m of g.held) {
        const held = g.known[m]?.entry;
        if (held && held.op === g.op) limited(held.H, 'held message after a recovery');
      }
      forget(cluster.added);
      g.over = { op: g.op, V: limit };
      if (!agreed) g.over = null;
      g.op = -1;
      closePast();
      g.timers = {};
    }
    if (isLive(g.role)) {
      const held: CutRecord['held'] = [];
      for (const m of g.held) {
        const e = g.known[m]?.entry;
        if (e) held.push([e.from >> 1, e.id, e.q]);
      }
      g.record = { epoch, who: whoIs(g, pid), role: g.role, sent: g.sent, taken: g.taken, held };
      checks.push({ kind: 'record' });
    } else g.op = -1;
    g.given = null;
  }
  if (g.op >= 0 && isSurvivor(g.role) && g.journal.length === 0) {
    checks.push({ kind: 'within', H: g.H, rule: 'truth', why: 'counts as clean with an empty journal' });
  }
  trim(g);
  return { ghost: g, checks, beside };
}

/** Forgets what nothing can come back to. */
function trim(g: Ghost): void {
  const first = g.journal[0];
  if (first === undefined) g.since = [];
  else if (g.since.length > 0 && (g.since[0] as { n: number }).n < first) g.since = g.since.filter((s) => s.n >= first);
  const known: Record<number, Known> = {};
  for (const m of g.journal) if (g.known[m]) known[m] = g.known[m];
  for (const m of g.held) if (g.known[m]) known[m] = g.known[m];
  for (const { n } of g.since) if (g.known[n]) known[n] = g.known[n];
  g.known = known;
}

/** Shadows talk to shadows and low ones to low ones; the receiver tells from whom it takes. */
function talks(from: CutRecord, to: CutRecord, fromPid: Pid, toPid: Pid): boolean {
  if (fromPid >> 1 === toPid >> 1) return false;
  if (from.role === 'low' && to.role === 'shadow') return false;
  return !(from.role === 'shadow' && to.role === 'low');
}

/**
 * No orphans, no losses: what is wrong between what one has sent and the other has taken at a cut, or null. `flying`
 * is what is still under way and will be taken: nothing, where a cut flushes the channels.
 */
export function compare(
  from: CutRecord,
  to: CutRecord,
  fromPid: Pid,
  toPid: Pid,
  flying: number[] = [],
): string | null {
  if (!talks(from, to, fromPid, toPid)) return null;
  const sent = from.sent[toPid >> 1] ?? [];
  let settled = sent.length;
  while (settled > 0 && ((sent[settled - 1] as number) & 15) === from.epoch) settled--;
  const taken = (to.taken[fromPid >> 1] ?? []).slice();
  for (const [component, id] of to.held) if (component === fromPid >> 1) taken.push(id);
  taken.push(...flying);
  for (let i = 0; i < Math.max(taken.length, settled); i++) {
    const x = taken[i];
    const y = i < sent.length ? (sent[i] as number) >> 4 : undefined;
    const q = i + 1;
    if (x === undefined) return `message q=${q} was sent, and is neither taken, held nor in flight`;
    // of the other version of the component, or of a life before: then it is the number that counts
    const other = Math.floor(x / (8 * ID_Q)) !== from.who;
    if (y === undefined) {
      if (other) continue;
      return `message q=${q} was taken, but the sender's state says it was never sent`;
    }
    if (x % ID_Q !== y % ID_Q) return `took q=${x % ID_Q} where the sender's state says q=${y % ID_Q}`;
    const same = Math.floor(y / (8 * ID_Q)) === Math.floor(x / (8 * ID_Q));
    if (x !== y && same) return `took another message q=${q} than the sender's state says it sent`;
  }
  return null;
}
