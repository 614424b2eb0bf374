// From description files to what the daemon is told.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { boardBundle } from '../build/bundle.ts';
import { readSystem, readTestbed } from '../describe/read.ts';
import { ofKind } from '../describe/testbed.ts';
import { EXIT, Failure } from '../failure.ts';
import type { TestbedConfig } from './config.ts';
import { withImages, withPrograms } from './programs.ts';
import { boardsOf, devicesOf, headerOf, worldOf } from './setup.ts';
import { makeState } from './state.ts';

export interface TestbedOptions {
  testbedFile: string;
  systemFile: string;
  stateDir: string;
  /** lab time runs so many times faster; default 1 */
  speed?: number;
  seed?: number;
  line?: TestbedConfig['line'];
  /** over the kinds that the testbed file gives: that of all boards (describe/testbed.ts) */
  boards?: string | undefined;
  /** over those of the testbed file */
  worldOptions?: Record<string, unknown>;
  /** what is good to know, and keeps nothing from working */
  note?: (text: string) => void;
}

/** Reads the descriptions and puts the board bundle into the state folder. Throws Failure. */
export async function assemble(options: TestbedOptions): Promise<TestbedConfig> {
  const system = readSystem(options.systemFile);
  const testbed = readTestbed(options.testbedFile);
  if (options.boards) testbed.value = ofKind(testbed.value, options.boards);
  const boards = boardsOf(testbed);
  const speed = options.speed ?? 1;
  const own = boards.find((board) => board.kind !== 'virtual');
  if (own && speed !== 1) {
    const cause = `board ${own.name} keeps its own time: speed ${speed} is for virtual boards alone`;
    throw new Failure('E_USAGE', EXIT.usage, cause, 'leave --speed out');
  }
  const devices = devicesOf(system);
  const names = new Set(boards.map((board) => board.name));
  const lost = devices.find((device) => !names.has(device.board));
  if (lost) {
    const cause = `device ${lost.name} is on board ${lost.board}, which ${testbed.file} does not have`;
    const next = `add ${lost.board} to its boards, or place the device on ${[...names].join(', ')}`;
    throw new Failure('E_BOARD', EXIT.noBoard, cause, next);
  }
  const programmed = await withPrograms(boards);
  const paths = makeState(options.stateDir);
  const bundle = join(paths.folder, 'board.js');
  const { text } = await boardBundle();
  writeFileSync(bundle, text);
  const world = worldOf(testbed);
  return {
    bundle,
    boards: await withImages(programmed, text, paths.folder, options.note ?? (() => undefined)),
    devices,
    world: world && { ...world, options: { ...world.options, ...options.worldOptions } },
    seed: options.seed ?? 1,
    speed,
    stateDir: paths.folder,
    systemFile: system.file,
    header: headerOf(system),
    line: options.line ?? 'auto',
  };
}
