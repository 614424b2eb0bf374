// From description files to versions: builds every module, asks it what it handles, and compiles the plan.

import { dirname, resolve } from 'node:path';
import { runInContext } from 'node:vm';
import { componentText } from '../build/bundle.ts';
import { compileUpgrade } from '../describe/cluster.ts';
import type { ModuleInfo, Modules } from '../describe/compile.ts';
import { compileSystem, planHash } from '../describe/compile.ts';
import type { System, Upgrade } from '../describe/read.ts';
import { EXIT, Failure } from '../failure.ts';
import { bareContext } from '../testbed/bare.ts';
import type { Version } from './version.ts';

/** A module that takes longer to evaluate hangs, ms. */
const EVALUATE_MS = 2000;

function keysOf(value: unknown): string[] {
  return typeof value === 'object' && value !== null ? Object.keys(value) : [];
}

/** What a module handles, found out by evaluating it where a board would. Throws Failure E_MODULE. */
function inspect(text: string, hash: string, file: string): ModuleInfo {
  try {
    const exports = runInContext(text, bareContext(), { timeout: EVALUATE_MS }) as Record<string, unknown>;
    return { hash, on: keysOf(exports.on), inputs: keysOf(exports.inputs), accept: keysOf(exports.accept) };
  } catch (error) {
    const cause = `${file}: its evaluation fails on a board: ${(error as Error).message}`;
    throw new Failure('E_MODULE', EXIT.refused, cause, 'a board has ES5 and typed arrays, and nothing else');
  }
}

async function buildModule(file: string, texts: Record<string, string>): Promise<ModuleInfo> {
  const { text, hash } = await componentText(file);
  texts[hash] = text;
  return inspect(text, hash, file);
}

async function buildAll(
  folder: string,
  components: Record<string, { module: string } | null>,
): Promise<{ modules: Modules; texts: Record<string, string> }> {
  const modules: Modules = {};
  const texts: Record<string, string> = {};
  for (const [name, component] of Object.entries(components)) {
    if (component) modules[name] = await buildModule(resolve(folder, component.module), texts);
  }
  return { modules, texts };
}

/** Throws Failure E_BUILD, E_LANGUAGE, E_MODULE or E_DESCRIPTION. */
export async function buildSystem(system: System): Promise<Version> {
  const { modules, texts } = await buildAll(dirname(system.file), system.value.components);
  const plan = compileSystem(system, modules);
  return { plan, hash: planHash(plan), modules: texts };
}

/** The upgrade of a version, with the texts of the modules that it keeps. Throws as `buildSystem`, and E_SCHEMA. */
export async function buildUpgrade(base: Version, upgrade: Upgrade): Promise<Version> {
  const { modules, texts } = await buildAll(dirname(upgrade.file), upgrade.value.components);
  const plan = compileUpgrade(base.plan, base.hash, upgrade, modules);
  const kept: Record<string, string> = {};
  for (const component of plan.components) {
    if (component) kept[component.module] = texts[component.module] ?? base.modules[component.module] ?? '';
  }
  return { plan, hash: planHash(plan), modules: kept };
}
