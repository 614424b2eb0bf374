// When what is sent arrives, when devices have inputs, and what handlers do: functions of the seed and of what the
// thing is, not of what else was decided before. So every variant of the core sees the same, though one sends control
// messages that another does not.

import type { Event, Pid } from '../../firmware/core/types.ts';
import { mix } from '../explore/app.ts';
import type { Act, Shape } from '../explore/shape.ts';
import { shapeOf } from '../explore/shape.ts';
import type { Plan } from './plan.ts';

const SLOT_MS = 4;
const LEAST_MS = 0.5;

// what stands where on a component's menu
const NOTHING = 0;
const PUT = 1;
export const FAIL = 2;
const FIRST_PEER = 3;

export class Schedule {
  readonly shape: Shape;
  private readonly plan: Plan;
  private readonly peers: number[][] = [];

  constructor(plan: Plan, rules: Shape['rules']) {
    this.plan = plan;
    const { components: n, cluster } = plan;
    for (let c = 0; c < n; c++) {
      const all = [...Array(n).keys()].filter((other) => other !== c);
      const after = (other: number) => (other - c + n) % n;
      const place = (other: number) =>
        plan.near ? Math.min(after(other) - 0.5, n - after(other)) : this.hash(1, c, other);
      all.sort((a, b) => place(a) - place(b));
      this.peers.push(all.slice(0, plan.peers));
    }
    // the cluster reaches the outside, or there would be no boundary
    const [first] = this.peers;
    if (first && !this.peers.slice(0, cluster).some((list) => list.some((c) => c >= cluster))) {
      first[0] = cluster + Math.floor(this.hash(2) * (n - cluster));
    }
    const menu = this.peers.map((list, c): Act[][] => [
      [],
      [{ device: c, test: 'pass' }],
      [{ device: c, test: 'fail' }],
      ...list.map((to): Act[] => [{ to }]),
    ]);
    this.shape = shapeOf(cluster, n - cluster, { rules, menu });
    this.shape.components = this.peers.map((_, c) => `c${c}`);
  }

  /** A number in [0, 1) for these numbers. */
  hash(...of: number[]): number {
    let h = this.plan.seed;
    for (const value of of) h = mix(h, value);
    return mix(h, of.length) / 4294967296;
  }

  /** When input `i` of a device comes after the one before it, ms. */
  gap(device: number, i: number): number {
    return -Math.log(1 - this.hash(3, device, i)) * this.plan.inputMs;
  }

  /** When all that was put on the channel up to the beginning of this slot of time is there. */
  private edge(from: number, to: number, slot: number): number {
    const span = this.plan.delayMs - LEAST_MS;
    let latest = 0;
    for (let s = slot; s >= 0 && s > slot - 1 - span / SLOT_MS; s--) {
      const u = this.hash(4, from, to, s);
      latest = Math.max(latest, s * SLOT_MS + LEAST_MS + u * u * span);
    }
    return latest;
  }

  /** When it arrives, if it is put on the channel at `t`; what is put there later arrives later. `from` -1 - d: a device. */
  arrival(from: number, to: number, t: number): number {
    const slot = Math.floor(t / SLOT_MS);
    const begin = this.edge(from, to, slot);
    return begin + (this.edge(from, to, slot + 1) - begin) * (t / SLOT_MS - slot);
  }

  /** What the handler of an event does: a place on its component's menu. Both versions of a component do the same. */
  place(pid: Pid, event: Pick<Event, 'kind' | 'q' | 'device' | 'i'>, from = 0): number {
    const { plan } = this;
    const component = pid >> 1;
    const input = event.kind === 'input';
    if (!input && event.kind !== 'app') return NOTHING;
    const key = input ? [6, component, event.device ?? 0, event.i ?? 0] : [7, component, from >> 1, event.q ?? 0];
    const share = 100 * this.hash(...key);
    const sends = input ? plan.inputSends : plan.messageSends;
    const puts = input ? plan.inputPuts : plan.messagePuts;
    if (share < puts) return PUT;
    if (share >= puts + sends) return NOTHING;
    return FIRST_PEER + Math.floor(((share - puts) / sends) * (this.peers[component]?.length ?? 1));
  }
}
