// Plays scenes and golden traces on a core, and tells what is wrong.

import type { Choose } from '../explore/moves.ts';
import { settle } from '../explore/moves.ts';
import { seededChoose } from '../explore/random.ts';
import { Scenario } from '../explore/scenario.ts';
import { shapeOf } from '../explore/shape.ts';
import type { Core } from '../explore/world.ts';
import type { Found } from './found.ts';
import { crash } from './found.ts';
import type { Golden } from './golden.ts';
import { playGolden } from './golden.ts';
import { SCENES } from './scenes/all.ts';
import type { Scene } from './scenes/steps.ts';

/** Orders in which what is under way at the end of a scene arrives; the first is that of the channels. */
export const ORDERS = 5;

/** So many moves bring every scene to rest. */
const MOVES = 3000;

class Restless extends Error {}

class Play extends Scenario {
  override finish(choose: Choose = () => 0): void {
    const quiet = settle(this.world, (count, why) => (why === 'act' ? 0 : choose(count, why)), MOVES);
    if (!quiet) throw new Restless();
  }
}

const expected = (where: string, why: string): Found => ({ strength: 'hand', checker: 'expected', where, why });

/** What one scene says of a core, the strongest first; an exception counts only where nothing else is found. */
export function playScene(scene: Scene, core: Core | undefined, order: number): Found[] {
  const s = new Play(shapeOf(scene.lows ?? 1, scene.actives ?? 2, scene.shape?.()), core);
  const where = order === 0 ? scene.name : `${scene.name}, order ${order}`;
  const found: Found[] = [];
  let broken: Found | null = null;
  let restless = false;
  try {
    const on = scene.run(s);
    if (typeof on === 'string') found.push(expected(where, on));
    s.finish(order === 0 ? undefined : seededChoose(order));
    const wrong = scene.expect?.(s) ?? null;
    if (wrong !== null) found.push(expected(where, wrong));
  } catch (error) {
    if (error instanceof Restless) restless = true;
    else broken = crash(error, where);
  }
  // a scene that was broken off has not come to its end
  const violations = s.judge().filter((v) => !broken || v.rule !== 'progress');
  const checks = violations.map((v): Found => ({ strength: 'check', checker: v.rule, where, why: v.why }));
  if (restless) checks.push({ strength: 'check', checker: 'progress', where, why: 'the run does not come to rest' });
  found.unshift(...checks);
  return found.length === 0 && broken ? [broken] : found;
}

export function sceneNamed(name: string): Scene {
  const scene = SCENES.find((s) => s.name === name);
  if (!scene) throw new Error(`there is no scene ${name}`);
  return scene;
}

/** A golden trace on a core: the checks, and the text, which must be what is kept. */
export function compareGolden(golden: Golden, kept: string, core: Core | undefined): Found[] {
  const where = golden.name;
  try {
    const { text, violations } = playGolden(golden, core);
    const found = violations.map((v): Found => ({ strength: 'check', checker: v.rule, where, why: v.why }));
    if (text !== kept) found.push({ strength: 'hand', checker: 'text', where, why: firstDifference(kept, text) });
    return found;
  } catch (error) {
    return [crash(error, where)];
  }
}

function firstDifference(kept: string, text: string): string {
  const before = kept.split('\n');
  const after = text.split('\n');
  const place = before.findIndex((line, i) => line !== after[i]);
  return `line ${place + 1}: ${after[place] ?? 'missing'}`;
}
