// What happens to a system in the course of a run: inputs, the operator's words, faults of boards, bus and new versions.

import type { Operation } from '../../firmware/core/types.ts';
import { randomOf } from '../explore/random.ts';
import { input } from './device.ts';
import type { Cell } from './parts.ts';
import type { Plan } from './plan.ts';
import { crash, cutPower, heal, mayLosePower, partition } from './power.ts';
import { quiet, stage } from './stage.ts';
import { give } from './step.ts';
import { upgradeOf } from './upgrade.ts';
import type { World } from './world.ts';
import { call, running } from './world.ts';

export class Story {
  /** faults have ended: nothing happens any more */
  over = false;
  private readonly plan: Plan;
  private readonly w: World;
  private readonly random: () => number;
  /** what may still happen */
  private readonly left: Plan;
  private operations = 0;

  constructor(plan: Plan, w: World) {
    this.plan = plan;
    this.left = { ...plan };
    this.w = w;
    this.random = randomOf(plan.seed ^ 0x6a09e667);
    w.onFreeze = (board) => {
      // a cut of power in the middle of a cut, at any of its steps
      if (!this.over && this.random() < 0.3) call(w, w.now + this.random() * 25, () => this.losePower(board.index));
    };
  }

  begin(): void {
    this.every(120 / this.plan.components, () => {
      const device = this.pick(this.w.devices);
      if (device) input(this.w, device);
    });
    this.every(60, () => this.word());
    this.every(250, () => {
      const board = this.pick(this.w.boards);
      if (board) this.losePower(board.index);
    });
    this.every(400, () => this.part());
    this.every(300, () => this.fail());
    this.every(500, () => this.crash());
  }

  private pick<T>(list: T[]): T | undefined {
    return list[Math.floor(this.random() * list.length)];
  }

  private every(ms: number, run: () => void): void {
    const again = () => {
      if (this.over) return;
      run();
      call(this.w, this.w.now + ms * (0.2 + 1.6 * this.random()), again);
    };
    call(this.w, ms * this.random(), again);
  }

  private losePower(index: number): void {
    const { w, left } = this;
    const board = w.boards[index];
    if (this.over || left.powerCuts < 1 || !board || !mayLosePower(board)) return;
    left.powerCuts--;
    // some last longer than silence is borne
    cutPower(w, board, this.random() < 0.12 ? 250 + this.random() * 200 : 1 + this.random() * 60);
  }

  private part(): void {
    const { w, left } = this;
    if (left.partitions < 1) return;
    left.partitions--;
    const odds = 0.2 + 0.6 * this.random();
    partition(w, () => (this.random() < odds ? 1 : 0));
    call(w, w.now + 20 + this.random() * 400, () => heal(w));
  }

  private fail(): void {
    const { w, left } = this;
    const cell = this.pick(w.cells.filter((c) => running(c)?.role === 'low'));
    if (!cell || left.fails < 1 || this.random() < 0.5) return;
    left.fails--;
    give(w, cell, { kind: 'fail', t: 0, seed: 0, why: 'flood' });
  }

  private crash(): void {
    const { w, left } = this;
    if (left.crashes < 1) return;
    const gone = (c: Cell) => !c.self || ['low', 'seat', 'stopped'].includes(c.self.role);
    const cell = this.pick(w.cells.filter((c) => running(c)?.role === 'low' && c.board.cells.every(gone)));
    if (!cell) return;
    left.crashes--;
    crash(w, cell);
  }

  private word(): void {
    const { w, left } = this;
    const live = w.cells.filter((c) => {
      const role = running(c)?.role;
      return role === 'active' || role === 'shadow';
    });
    const cell = this.pick(live);
    const self = cell?.self;
    if (!cell || !self || left.words < 1) return;
    if (self.guarded || self.cut) {
      if (this.random() < 0.85) return;
      left.words--;
      const word = this.random() < 0.85 ? 'commit' : 'abort';
      const why = word === 'abort' && left.words % 2 === 0 ? { why: 'the journal is full' } : {};
      give(w, cell, { kind: 'word', t: 0, seed: 0, word, ...why });
      return;
    }
    if (self.staged) {
      left.words--;
      for (let times = this.random() < 0.3 ? 2 : 1; times > 0; times--) {
        const one = this.pick(live);
        if (!one?.self?.staged) continue;
        give(w, one, { kind: 'word', t: 0, seed: 0, word: 'start', op: one.self.staged.id });
      }
      return;
    }
    if (left.upgrades < 1 || !quiet(w)) return;
    left.upgrades--;
    this.stage();
  }

  private stage(): void {
    const { w } = this;
    const operation = upgradeOf(w, this.plan, this.operations + 1, this.random);
    if (!operation) return;
    this.operations++;
    if (this.random() < 0.05) {
      // two operators: each stages another upgrade, on some of the boards
      const other: Operation = { ...operation, id: `${operation.id}b` };
      const split = Math.floor(this.random() * w.boards.length);
      stage(w, operation, (c) => c.board.index <= split);
      stage(w, other, (c) => c.board.index > split);
    } else stage(w, operation);
  }
}
