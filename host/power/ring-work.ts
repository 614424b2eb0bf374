// What a ring is made to do while power is cut: workloads, and what is done after a power cut.

import { createRandom } from '../testbed/random.ts';
import type { Cycled } from './cycles.ts';
import type { Bench, Work } from './fork.ts';
import type { RingCode, RingModel } from './ring-owner.ts';
import { BESIDE, copyRingModel, RingOwner, ringModel } from './ring-owner.ts';

export interface Shape {
  sectorBytes: number;
  /** of the ring's region */
  sectors: number;
  programBytes: number;
}

/** By program unit: small sectors, so that little work goes round often. */
export const SHAPES: Shape[] = [
  { sectorBytes: 256, sectors: 5, programBytes: 1 },
  { sectorBytes: 256, sectors: 6, programBytes: 4 },
  { sectorBytes: 512, sectors: 5, programBytes: 8 },
  { sectorBytes: 512, sectors: 4, programBytes: 16 },
  { sectorBytes: 1024, sectors: 7, programBytes: 256 },
];

export function geometryOf(shape: Shape): Shape {
  return { ...shape, sectors: shape.sectors + BESIDE };
}

/** Lengths of one batch's records: many short ones, few that are longer than a sector. */
function lengthsOf(owner: RingOwner): number[] {
  const { random, bench } = owner;
  const many = [1, 1, 1, 2, 3, 5][random.bits() % 6] as number;
  const room = bench.flash.sectorBytes / many;
  const out: number[] = [];
  for (let i = 0; i < many; i++) {
    const size = random.bits() % 8;
    if (size === 0) out.push(random.bits() % 5);
    else if (size === 7) out.push(Math.floor(random.next() * room));
    else out.push(8 + Math.floor((random.next() * room) / 6));
  }
  return out;
}

/** The shortest record with its header is 8 bytes: those of this length fill a lap exactly, each lap alike. */
function regular(bench: Bench<RingModel>): number {
  const { programBytes } = bench.flash;
  return programBytes >= 8 ? programBytes - 8 : 12;
}

export const WORKLOADS: Record<string, (owner: RingOwner) => void> = {
  /** from a blank flash until it is full */
  append(owner) {
    for (let i = 0; i < 60 && owner.append(lengthsOf(owner)); i++);
  },
  /** round and round, with every erase on the way */
  wrap(owner) {
    for (let i = 0; i < 36; i++) {
      owner.press(lengthsOf(owner));
      if (i % 3 === 0) owner.keep(4);
    }
  },
  /** the same with erases in idle time */
  ahead(owner) {
    for (let i = 0; i < 30; i++) {
      owner.press(lengthsOf(owner));
      if (i % 4 === 0) owner.keep(3);
      if (i % 2 === 0) while (owner.ahead());
    }
  },
  /** as full as it may be, always, and once with something long, for which one erases ahead */
  full(owner) {
    const { random, bench } = owner;
    owner.press([Math.floor(bench.flash.sectorBytes * 1.2)]);
    for (let i = 0; i < 40; i++) {
      if (owner.append(random.bits() % 3 === 0 ? lengthsOf(owner) : [random.bits() % 60])) continue;
      if (i % 2 === 0) while (owner.ahead());
      owner.keep(Math.max(1, owner.needed() - 1 - (random.bits() % 4)));
      if (i % 3 === 0) while (owner.ahead());
    }
  },
  /** payloads that are records themselves, such as they will be written next */
  echo(owner) {
    for (let i = 0; i < 16; i++) {
      owner.press([24, 8]);
      owner.pressEcho();
      if (i % 3 === 0) owner.keep(3);
    }
  },
  /** records longer than a sector */
  long(owner) {
    const { sectorBytes } = owner.bench.flash;
    for (let i = 0; i < 14; i++) {
      const length = Math.floor(sectorBytes * (0.4 + 1.2 * owner.random.next()));
      owner.press(i % 3 === 1 ? [5, length, 9] : [length]);
      if (i % 4 === 0) while (owner.ahead());
      owner.keep(1 + (i % 2));
      if (i % 4 === 2) while (owner.ahead());
    }
  },
  /** often started anew without a power cut */
  boots(owner) {
    for (let i = 0; i < 30; i++) {
      owner.press(lengthsOf(owner));
      if (i % 5 === 0) owner.keep(5);
      if (i % 2 === 0) owner.mount();
      if (i % 7 === 0) owner.ahead();
    }
  },
  /** records all of one length, at the same places in each lap */
  regular(owner) {
    const length = regular(owner.bench);
    const { sectorBytes, sectors } = owner.bench.flash;
    const lap = Math.min(200, ((sectors - BESIDE) * sectorBytes) / (8 + length));
    for (let i = 0; i * 6 < 2.2 * lap; i++) {
      owner.press([length, length, length]);
      owner.press([length, length, length]);
      if (i % 2 === 0) owner.keep(Math.ceil(lap / 4));
    }
  },
  /** in sectors that hold another ring's records, and nonsense */
  used(owner) {
    for (let i = 0; i < 24; i++) {
      owner.press(lengthsOf(owner));
      owner.keep(6);
    }
  },
  /** two sectors' worth, for pairs of power cuts */
  short(owner) {
    const { sectorBytes } = owner.bench.flash;
    const part = Math.floor(sectorBytes / 4);
    for (let i = 0; i < 5; i++) {
      owner.press([part, 7]);
      if (i === 2) owner.keep(3);
      if (i === 3) owner.ahead();
    }
  },
  /** the same in a ring that is full, for pairs too */
  brim(owner) {
    const { sectorBytes } = owner.bench.flash;
    for (let i = 0; i < 3; i++) {
      owner.keep(4);
      owner.press([Math.floor(sectorBytes / 3), 7]);
      owner.keep(3);
      owner.press([Math.floor(sectorBytes * 0.6)]);
      owner.ahead();
    }
  },
};

/** Done before, without power cuts: the ring goes round once and is full. */
function fill(code: RingCode, bench: Bench<RingModel>): void {
  const before = new RingOwner(code, { ...bench, flash: bench.nor }, createRandom(bench.seed, 'fill'));
  for (let lap = 0; lap < 2; lap++) {
    while (before.append([Math.floor(bench.flash.sectorBytes / 3), 10]));
    before.keep(3);
  }
}

/** What the region holds before: records of a ring of another salt, and a sector of nonsense. */
function soil(code: RingCode, bench: Bench<RingModel>): void {
  const { model } = bench;
  const mine = model.salt;
  // not part of what is tried: no power cuts here
  const before = new RingOwner(
    code,
    { ...bench, flash: bench.nor, model: { ...ringModel(), salt: mine + 1 } },
    createRandom(bench.seed, 'soil'),
  );
  for (let i = 0; i < 40; i++) {
    before.press(lengthsOf(before));
    before.keep(3);
  }
  const { sectorBytes, nor } = { ...bench.flash, nor: bench.nor };
  const junk = new Uint8Array(sectorBytes);
  for (let i = 0; i < sectorBytes; i++) junk[i] = before.random.bits();
  nor.erase(2);
  nor.program(2 * sectorBytes, junk);
}

/** After a power cut: some batches, one at least so long that another sector is begun, and a boot. */
function goOn(owner: RingOwner): void {
  const { random, bench } = owner;
  const { sectorBytes } = bench.flash;
  const kind = random.bits() % 5;
  if (kind === 1 || kind === 4) owner.ahead();
  if (kind === 4) owner.mount();
  owner.press([random.bits() % 40, 12]);
  if (kind === 2) owner.keep(2);
  if (kind === 3) owner.mount();
  owner.press([Math.floor(sectorBytes * 0.8)]);
  if (kind === 0) owner.keep(3);
  owner.press([16]);
  owner.mount();
}

export function ringWork(code: RingCode, workload: string): Work<RingModel> {
  const run = WORKLOADS[workload];
  if (!run) throw new Error(`no workload ${workload}`);
  return {
    model: ringModel,
    copy: copyRingModel,
    begin(bench) {
      if (workload === 'used') soil(code, bench);
      if (workload === 'brim') fill(code, bench);
      const owner = new RingOwner(code, bench, createRandom(bench.seed, workload));
      run(owner);
      owner.mount();
      owner.checkBeside();
    },
    recover(bench) {
      const owner = new RingOwner(code, bench, createRandom(bench.seed, 'after'));
      goOn(owner);
      owner.checkBeside();
    },
  };
}

/** Anything a ring may be asked, in any order. */
export function ringCycles(code: RingCode): Cycled<RingModel> {
  return {
    model: ringModel,
    cycle(bench, seed, things) {
      const owner = new RingOwner(code, bench, createRandom(seed, 'cycle'));
      const { random } = owner;
      for (let i = 0; i < things; i++) {
        const what = random.bits() % 16;
        if (what < 9) owner.press(lengthsOf(owner));
        else if (what < 11) owner.ahead();
        else if (what < 13) owner.keep(1 + (random.bits() % 8));
        else if (what < 14) owner.mount();
        else if (!owner.append(lengthsOf(owner))) owner.keep(Math.max(1, owner.needed() - 1));
      }
      owner.checkBeside();
    },
  };
}
