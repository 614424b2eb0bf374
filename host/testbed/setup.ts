// From descriptions to a testbed: what its boards are, what devices they have, what stands beside them.

import { dirname, resolve } from 'node:path';
import { boardBundle } from '../build/bundle.ts';
import type { System, Testbed } from '../describe/read.ts';
import { boardType } from '../describe/read.ts';
import { fieldsOf } from '../describe/compile.ts';
import { EXIT, Failure } from '../failure.ts';
import type { CreateWorld } from '../lab.ts';
import type { TestbedBoard, TestbedDevice } from './config.ts';
import { Lockstep } from './lockstep.ts';
import { loadWorld } from './world.ts';

export { headerOf } from './header.ts';

export function devicesOf(system: System): TestbedDevice[] {
  return Object.entries(system.value.devices).map(([name, device]) => ({
    name,
    board: device.board,
    in: device.in ? fieldsOf(device.in) : null,
    out: device.out ? fieldsOf(device.out) : null,
  }));
}

export function boardsOf(testbed: Testbed): TestbedBoard[] {
  return Object.entries(testbed.value.boards).map(([name, entry]) => {
    const { kind } = entry;
    const type = boardType(entry.type, dirname(testbed.file));
    if (kind === 'real') return { name, kind, type: entry.type, port: entry.port ?? '' };
    const { flash, memoryBytes, interrupts, variables } = type;
    const { sectorBytes, sectors, programBytes } = flash;
    const board: TestbedBoard = {
      name,
      kind,
      type: entry.type,
      flash: { sectorBytes, sectors, programBytes },
      memoryBytes,
      interrupts,
    };
    if (kind === 'virtual') return board;
    const { engine } = type;
    const refuse = (why: string, next: string): Failure =>
      new Failure('E_KIND', EXIT.refused, `${testbed.file}: boards.${name}: ${why}`, next);
    if (engine === 'virtual') throw refuse(`type ${type.name} has no engine of its own`, 'use kind virtual');
    if (entry.engine !== null && entry.engine !== engine) {
      throw refuse(`engine is ${entry.engine}, but type ${type.name} has ${engine}`, 'leave one of them out');
    }
    if (kind === 'emulated' && engine === 'espruino') {
      throw refuse('Espruino has no port to the emulated chip', 'use kind engine: it runs on this machine');
    }
    return { ...board, engine, variables };
  });
}

export function worldOf(testbed: Testbed): { module: string; options: Record<string, unknown> } | null {
  const world = testbed.value.world;
  return world ? { module: resolve(dirname(testbed.file), world.module), options: world.options } : null;
}

export interface LockstepSetup {
  testbed: Testbed;
  system: System;
  seed: number;
  /** in place of the testbed's own world */
  createWorld?: CreateWorld;
  worldOptions?: Record<string, unknown>;
  loss?: number;
  traces?: boolean;
}

const worlds = new Map<string, Promise<CreateWorld>>();

/** The testbed in lockstep, its flash in memory. */
export async function openLockstep(setup: LockstepSetup): Promise<Lockstep> {
  const world = worldOf(setup.testbed);
  let createWorld = setup.createWorld;
  if (!createWorld && world) {
    const loading = worlds.get(world.module) ?? loadWorld(world.module, dirname(world.module));
    worlds.set(world.module, loading);
    createWorld = await loading;
  }
  const bundle = await boardBundle();
  return new Lockstep({
    bundle: bundle.text,
    boards: boardsOf(setup.testbed).map((board) => ({
      name: board.name,
      type: board.type,
      interrupts: board.interrupts ?? true,
      memoryBytes: board.memoryBytes ?? 0,
      flash: board.flash ?? { sectorBytes: 4096, sectors: 128, programBytes: 4 },
    })),
    devices: devicesOf(setup.system),
    createWorld,
    worldOptions: { ...world?.options, ...setup.worldOptions },
    seed: setup.seed,
    loss: setup.loss,
    traces: setup.traces,
  });
}
